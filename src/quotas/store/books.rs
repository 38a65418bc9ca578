//! SQL on the books: versions of what is counted, and what changed.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::db::writes::Writes;
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

/// Locks the books of those who are about to hold more, in order of the organizations, until the
/// transaction ends; raises their versions, and notes by whom they are about to change: a lease that is
/// refused after all changes nothing. The versions are those before. Organizations that nothing is
/// counted of have no book, and are left alone.
///
/// # Errors
/// Those of the database.
pub async fn lock_books(
    connection: &mut PgConnection,
    changing: &[(OrganizationId, Option<Uuid>)],
) -> sqlx::Result<Locked> {
    let mut organizations: Vec<Uuid> = changing.iter().map(|(id, _)| id.0).collect();
    let subjects: Vec<Option<Uuid>> = changing.iter().map(|(_, subject)| *subject).collect();
    let owners = organizations.clone();
    organizations.sort_unstable();
    organizations.dedup();
    let rows = sqlx::query!(
        r#"with locked as (
               select organization_id from quota_books where organization_id = any($1)
               order by organization_id for no key update
           ), raised as (
               update quota_books book set version = version + 1 from locked
               where book.organization_id = locked.organization_id
               returning book.organization_id, version, rules_version, trimmed_version
           ), noted as (
               insert into quota_changes (organization_id, version, subjects)
               select organization_id, version, (
                   select coalesce(array_agg(subject), '{}')
                   from unnest($2::uuid[], $3::uuid[]) t (owner, subject)
                   where owner = organization_id and subject is not null
               ) from raised
           )
           select asked.id as "organization!: OrganizationId", raised.version as "version?",
               raised.rules_version as "rules?", raised.trimmed_version as "trimmed?",
               standard.version as "defaults!"
           from quota_defaults standard cross join unnest($1::uuid[]) asked (id)
           left join raised on raised.organization_id = asked.id
           where raised.version is not null or standard.is_any"#,
        &organizations,
        &owners,
        &subjects as &[Option<Uuid>]
    )
    .fetch_all(connection)
    .await?;
    let mut locked = Locked::default();
    for row in rows {
        let organization = row.organization;
        match (row.version, row.rules, row.trimmed) {
            (Some(version), Some(rules), Some(trimmed)) => {
                let rules = (rules, row.defaults);
                let version = version - 1;
                locked.books.push(Version { organization, version, rules, trimmed });
            }
            _ => locked.missing.push(organization),
        }
    }
    Ok(locked)
}

/// Has `writes` done only if nothing is counted of `organizations`. They must be held besides
/// (`accounts::expect_parties`).
pub fn expect_no_books(writes: &mut Writes, organizations: &[OrganizationId]) {
    let ids: Vec<Uuid> = organizations.iter().map(|id| id.0).collect();
    writes.expect(0, "select 1 from quota_books where organization_id = any($1)").bind(ids);
    writes.expect(1, "select 1 from quota_defaults where not is_any");
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

/// The subjects that changed after version `seen`, up to version `until`.
///
/// # Errors
/// Those of the database.
pub async fn changes(
    connection: &mut PgConnection,
    organization: OrganizationId,
    seen: i64,
    until: i64,
) -> sqlx::Result<Vec<Uuid>> {
    let found = sqlx::query_scalar!(
        r#"select distinct unnest(subjects) as "subject!" from quota_changes
           where organization_id = $1 and version > $2 and version <= $3"#,
        organization.0,
        seen,
        until
    );
    found.fetch_all(connection).await
}

/// Notes that what `subject`, a lease or quote, holds for `organization` is about to change, and raises the
/// version of its book; without a book nothing happens. To be called before planes are locked, unless
/// [`guard`](crate::quotas::guard()) has locked the book.
///
/// # Errors
/// Those of the database.
pub async fn note_change(
    connection: &mut PgConnection,
    organization: OrganizationId,
    subject: Uuid,
) -> sqlx::Result<()> {
    sqlx::query!(
        "with raised as (
             update quota_books set version = version + 1
             where organization_id = $1 returning organization_id, version
         )
         insert into quota_changes (organization_id, version, subjects)
         select organization_id, version, array[$2::uuid] from raised",
        organization.0,
        subject
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets changes that are older than the last 2,000 versions of a book: of at most five books, and of each
/// those of at most 2,000 versions. Returns the number of books, each of which may have more to forget.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn trim(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let books = sqlx::query_scalar!(
        r#"with book as (
               select organization_id, least(version - 2000, trimmed_version + 2000) as trimmed
               from quota_books
               where version - trimmed_version > 4000 order by organization_id limit 5
               for no key update skip locked
           ), raised as (
               update quota_books b set trimmed_version = book.trimmed from book
               where b.organization_id = book.organization_id
           ), forgotten as (
               delete from quota_changes c using book
               where c.organization_id = book.organization_id and c.version <= book.trimmed
           )
           select count(*) as "books!" from book"#
    )
    .fetch_one(connection)
    .await?;
    Ok(books.unsigned_abs())
}
