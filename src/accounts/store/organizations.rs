//! Organizations and their projects.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::accounts::rules::{Decision, Kind, Organization, Party, Project, Verification};
use crate::db::writes::Writes;
use crate::kernel::{OrganizationId, ProjectId, Timestamp};

struct OrganizationRow {
    id: OrganizationId,
    name: String,
    is_provider: bool,
    is_tenant: bool,
    verification: Verification,
    verification_reason: String,
    revision: i32,
    created_at: Timestamp,
}

impl From<OrganizationRow> for Organization {
    fn from(row: OrganizationRow) -> Organization {
        let kinds = [(Kind::Provider, row.is_provider), (Kind::Tenant, row.is_tenant)];
        Organization {
            id: row.id,
            name: row.name,
            kinds: kinds.into_iter().filter_map(|(kind, is_one)| is_one.then_some(kind)).collect(),
            verification: row.verification,
            verification_reason: row.verification_reason,
            revision: row.revision,
            created_at: row.created_at,
            can: Decision::applicable(row.verification),
        }
    }
}

/// Keeps a new organization.
pub async fn insert_organization(
    connection: &mut PgConnection,
    organization: &Organization,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into organizations (id, name, is_provider, is_tenant, verification,
             verification_reason, revision, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        organization.id.0,
        organization.name,
        organization.kinds.contains(&Kind::Provider),
        organization.kinds.contains(&Kind::Tenant),
        organization.verification as Verification,
        organization.verification_reason,
        organization.revision,
        organization.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The organization `id`, if it is in `scope`.
pub async fn organization(
    connection: &mut PgConnection,
    id: OrganizationId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Organization>> {
    let row = sqlx::query_as!(
        OrganizationRow,
        r#"select id as "id: OrganizationId", name, is_provider, is_tenant,
                  verification as "verification: Verification", verification_reason, revision,
                  created_at
           from organizations where id = $1 and ($2::uuid is null or id = $2)"#,
        id.0,
        scope,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Organization::from))
}

/// As [`organization`], and nobody else changes it or its members until the transaction ends.
pub async fn lock_organization(
    connection: &mut PgConnection,
    id: OrganizationId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Organization>> {
    let row = sqlx::query_as!(
        OrganizationRow,
        r#"select id as "id: OrganizationId", name, is_provider, is_tenant,
                  verification as "verification: Verification", verification_reason, revision,
                  created_at
           from organizations where id = $1 and ($2::uuid is null or id = $2)
           for no key update"#,
        id.0,
        scope,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Organization::from))
}

/// The organizations in `scope`, newest first, `limit` of those before `after`.
pub async fn organizations(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    verification: Option<Verification>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Organization>> {
    let rows = sqlx::query_as!(
        OrganizationRow,
        r#"select id as "id: OrganizationId", name, is_provider, is_tenant,
                  verification as "verification: Verification", verification_reason, revision,
                  created_at
           from organizations
           where ($1::uuid is null or id = $1)
             and ($2::text is null or verification = $2)
             and ($3::uuid is null or id < $3)
           order by id desc limit $4"#,
        scope,
        verification as Option<Verification>,
        after,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Organization::from).collect())
}

/// Writes what may change of an organization.
pub async fn update_organization(
    connection: &mut PgConnection,
    organization: &Organization,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update organizations
         set name = $2, verification = $3, verification_reason = $4, revision = $5 where id = $1",
        organization.id.0,
        organization.name,
        organization.verification as Verification,
        organization.verification_reason,
        organization.revision,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What is known of `$organizations`, by `$rest`.
macro_rules! select_parties {
    ($connection:expr, $organizations:expr, $rest:tt) => {{
        let ids: Vec<Uuid> = $organizations.iter().map(|id| id.0).collect();
        let rows = sqlx::query!(
            r#"select id as "id: OrganizationId", name, is_provider, is_tenant,
                  verification as "verification: Verification", xmin::text as "stamp!"
           from organizations where id = any($1)"#
                + $rest,
            &ids
        )
        .fetch_all($connection)
        .await?;
        let parties = rows.into_iter().map(|row| {
            let party = Party {
                name: row.name,
                is_provider: row.is_provider,
                is_tenant: row.is_tenant,
                verification: row.verification,
                stamp: row.stamp,
            };
            (row.id, party)
        });
        Ok(parties.collect())
    }};
}

/// What is known of `organizations`; ids of nobody are left out.
///
/// # Errors
/// Those of the database.
pub async fn parties(
    connection: &mut PgConnection,
    organizations: &[OrganizationId],
) -> sqlx::Result<HashMap<OrganizationId, Party>> {
    select_parties!(connection, organizations, "")
}

/// As [`parties`], for bookings: nobody gets [`hold_bookings`] of them until the transaction ends. The
/// rows of the leases refer to them and take the same lock, so it costs nothing.
///
/// # Errors
/// Those of the database.
pub async fn parties_to_book(
    connection: &mut PgConnection,
    organizations: &[OrganizationId],
) -> sqlx::Result<HashMap<OrganizationId, Party>> {
    select_parties!(connection, organizations, " order by id for key share")
}

/// Has `writes` done only if `parties` are still as they were read, and as [`parties_to_book`] otherwise.
pub fn expect_parties(writes: &mut Writes, parties: &[(OrganizationId, &Party)]) {
    writes
        .expect(
            parties.len(),
            "select 1 from unnest($1::uuid[], $2::text[]) known (id, stamp)
             join organizations o on o.id = known.id and o.xmin::text = known.stamp
             for key share of o",
        )
        .bind(parties.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
        .bind(parties.iter().map(|(_, party)| party.stamp.clone()).collect::<Vec<_>>());
}

/// Waits for the bookings of `organization` that are under way, and holds up new ones until the
/// transaction ends; those that rely on what they have read of it before then fail. Says how it is
/// verified, if it exists.
///
/// # Errors
/// Those of the database.
pub async fn hold_bookings(
    connection: &mut PgConnection,
    organization: OrganizationId,
) -> sqlx::Result<Option<Verification>> {
    let verification = sqlx::query_scalar!(
        r#"select verification as "verification: Verification" from organizations
           where id = $1 for update"#,
        organization.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    sqlx::query!("update organizations set revision = revision where id = $1", organization.0)
        .execute(connection)
        .await?;
    Ok(verification)
}

/// Keeps a new project of `organization`.
pub async fn insert_project(
    connection: &mut PgConnection,
    organization: OrganizationId,
    project: &Project,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into projects (id, organization_id, name, created_at) values ($1, $2, $3, $4)",
        project.id.0,
        organization.0,
        project.name,
        project.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The projects of `organization`, newest first.
pub async fn projects(
    connection: &mut PgConnection,
    organization: OrganizationId,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Project>> {
    sqlx::query_as!(
        Project,
        r#"select id as "id: ProjectId", name, created_at from projects
           where organization_id = $1 and ($2::uuid is null or id < $2)
           order by id desc limit $3"#,
        organization.0,
        after,
        limit,
    )
    .fetch_all(connection)
    .await
}
/// The organization of each of `projects` that exists.
///
/// # Errors
/// Those of the database.
pub async fn owners_of_projects(
    connection: &mut PgConnection,
    projects: &[Uuid],
) -> sqlx::Result<Vec<(ProjectId, OrganizationId)>> {
    let rows = sqlx::query!(
        r#"select id as "id: ProjectId", organization_id as "organization_id: OrganizationId"
           from projects where id = any($1)"#,
        projects
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.organization_id)).collect())
}
