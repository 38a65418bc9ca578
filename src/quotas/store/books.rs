//! SQL on the books: versions of what is counted, and what changed.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::kernel::OrganizationId;

/// Where the book of an organization stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    pub organization: OrganizationId,
    pub version: i64,
    /// Of its own quotas, and of the defaults.
    pub rules: (i64, i64),
    pub trimmed: i64,
}

/// What locking books found.
#[derive(Debug, Default)]
pub struct Locked {
    pub books: Vec<Version>,
    /// Organizations without a book that have to get one, because there are defaults.
    pub missing: Vec<OrganizationId>,
}

/// Locks the books of `organizations`, in their order, until the transaction ends. Organizations that
/// nothing is counted of have none, and are left alone.
///
/// # Errors
/// Those of the database.
pub async fn lock_books(
    connection: &mut PgConnection,
    organizations: &[OrganizationId],
) -> sqlx::Result<Locked> {
    let mut ids: Vec<Uuid> = organizations.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let rows = sqlx::query!(
        r#"select asked.id as "organization!: OrganizationId", book.version as "version?",
               book.rules_version as "rules?", book.trimmed_version as "trimmed?",
               standard.version as "defaults!", standard.is_any as "is_any!"
           from quota_defaults standard cross join unnest($1::uuid[]) asked (id)
           left join lateral (
               select version, rules_version, trimmed_version from quota_books
               where organization_id = asked.id for no key update
           ) book on true
           where book.version is not null or standard.is_any"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    let mut locked = Locked::default();
    for row in rows {
        let organization = row.organization;
        match (row.version, row.rules, row.trimmed) {
            (Some(version), Some(rules), Some(trimmed)) => {
                let rules = (rules, row.defaults);
                locked.books.push(Version { organization, version, rules, trimmed });
            }
            _ => locked.missing.push(organization),
        }
    }
    Ok(locked)
}

/// The versions of the books of `organizations`, without locking them.
///
/// # Errors
/// Those of the database.
pub async fn versions(
    connection: &mut PgConnection,
    organizations: &[OrganizationId],
) -> sqlx::Result<Vec<Version>> {
    let ids: Vec<Uuid> = organizations.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select b.organization_id as "organization: OrganizationId", b.version, b.rules_version,
               b.trimmed_version, d.version as defaults
           from quota_books b cross join quota_defaults d where b.organization_id = any($1)"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Version {
            organization: row.organization,
            version: row.version,
            rules: (row.rules_version, row.defaults),
            trimmed: row.trimmed_version,
        })
        .collect())
}

/// Opens books for `organizations` that have none.
///
/// # Errors
/// Those of the database.
pub async fn open_books(
    connection: &mut PgConnection,
    organizations: &[OrganizationId],
) -> sqlx::Result<()> {
    let mut ids: Vec<Uuid> = organizations.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    sqlx::query!(
        "insert into quota_books (organization_id) select * from unnest($1::uuid[]) on conflict do nothing",
        &ids
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The quotas of `organization` have changed: servers read them anew.
///
/// # Errors
/// Those of the database.
pub async fn raise_rules(
    connection: &mut PgConnection,
    organization: OrganizationId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update quota_books set rules_version = rules_version + 1 where organization_id = $1",
        organization.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Waits for every booking that is under way, and holds up new ones until the transaction ends: once
/// there is a default, any organization may be counted.
///
/// # Errors
/// Those of the database.
pub async fn hold_all_bookings(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("lock table organizations in exclusive mode").execute(connection).await?;
    Ok(())
}

/// The defaults have changed: servers read them anew.
///
/// # Errors
/// Those of the database.
pub async fn raise_defaults(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!(
        "update quota_defaults set version = version + 1, is_any = exists (
             select from quotas where verification = 'verified' and ended_at is null)"
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The subjects that changed since version `seen`.
///
/// # Errors
/// Those of the database.
pub async fn changes(
    connection: &mut PgConnection,
    organization: OrganizationId,
    seen: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select distinct subject_id from quota_changes where organization_id = $1 and version > $2",
        organization.0,
        seen
    )
    .fetch_all(connection)
    .await
}

/// Raises the versions of the books of those whose holdings changed, and notes what changed; of those
/// without a book nothing.
///
/// # Errors
/// Those of the database.
pub async fn note_changes(
    connection: &mut PgConnection,
    changes: &[(OrganizationId, Uuid)],
) -> sqlx::Result<()> {
    let organizations: Vec<Uuid> = changes.iter().map(|(organization, _)| organization.0).collect();
    let subjects: Vec<Uuid> = changes.iter().map(|(_, subject)| *subject).collect();
    sqlx::query!(
        "with raised as (
             update quota_books set version = version + 1
             where organization_id = any($1) returning organization_id, version
         )
         insert into quota_changes (organization_id, version, subject_id)
         select distinct r.organization_id, r.version, t.subject
         from unnest($1::uuid[], $2::uuid[]) t (organization, subject)
         join raised r on r.organization_id = t.organization",
        &organizations,
        &subjects
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets changes that are older than the last 2,000 versions of each book, at most 10,000 at a time.
///
/// # Errors
/// Those of the database.
pub async fn trim(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "with book as (
             select organization_id, version - 2000 as trimmed from quota_books
             where version - trimmed_version > 4000 order by organization_id limit 5
             for no key update skip locked
         ), raised as (
             update quota_books b set trimmed_version = book.trimmed from book
             where b.organization_id = book.organization_id
         )
         delete from quota_changes c using book
         where c.organization_id = book.organization_id and c.version <= book.trimmed"
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
