//! SQL on `reclaim_terms` and `reclaim_terms_versions`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::rules::{Clause, TermsHash};
use crate::kernel::{Name, OrganizationId, TermsId, Timestamp};

/// One version of a provider's reclaim terms; it never changes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TermsVersion {
    pub id: TermsId,
    pub provider_id: OrganizationId,
    pub name: Name,
    /// 1, 2, … of this name.
    pub version: i32,
    /// SHA-256 of the clauses as canonical JSON (RFC 8785); a lease keeps it.
    pub hash: TermsHash,
    pub clauses: Vec<Clause>,
    /// What each clause means for a lease: `can be recalled with 7 days' notice`.
    pub in_words: Vec<String>,
    pub created_at: DateTime<Utc>,
}

struct TermsRow {
    id: TermsId,
    provider_id: OrganizationId,
    name: Name,
    version: i32,
    hash: TermsHash,
    clauses: Json<Vec<Clause>>,
    created_at: Timestamp,
}

impl From<TermsRow> for TermsVersion {
    fn from(row: TermsRow) -> TermsVersion {
        TermsVersion {
            id: row.id,
            provider_id: row.provider_id,
            name: row.name,
            version: row.version,
            hash: row.hash,
            in_words: row.clauses.iter().map(Clause::in_words).collect(),
            clauses: row.clauses.0,
            created_at: row.created_at,
        }
    }
}

macro_rules! select_versions {
    ($rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            TermsRow,
            r#"select v.id as "id: TermsId", v.provider_id as "provider_id: OrganizationId",
                   v.name as "name: Name", v.version, v.hash as "hash: TermsHash",
                   t.clauses as "clauses: Json<Vec<Clause>>", v.created_at
               from reclaim_terms_versions v join reclaim_terms t on t.hash = v.hash "# + $rest
            $(, $argument)*
        )
    };
}

/// The clauses behind a hash.
///
/// # Errors
/// Those of the database.
pub async fn terms(
    connection: &mut PgConnection,
    hash: TermsHash,
) -> sqlx::Result<Option<Vec<Clause>>> {
    let clauses = sqlx::query_scalar!(
        r#"select clauses as "clauses: Json<Vec<Clause>>" from reclaim_terms where hash = $1"#,
        &hash.0 as &[u8]
    )
    .fetch_optional(connection)
    .await?;
    Ok(clauses.map(|clauses| clauses.0))
}

/// The clauses behind those of `hashes` that stand for something.
///
/// # Errors
/// Those of the database.
pub async fn several(
    connection: &mut PgConnection,
    hashes: &[TermsHash],
) -> sqlx::Result<Vec<(TermsHash, Vec<Clause>)>> {
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.0.to_vec()).collect();
    let rows = sqlx::query!(
        r#"select hash as "hash: TermsHash", clauses as "clauses: Json<Vec<Clause>>"
           from reclaim_terms where hash = any($1)"#,
        &hashes
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.hash, row.clauses.0)).collect())
}

/// A version of the provider's own.
pub async fn own(
    connection: &mut PgConnection,
    id: TermsId,
    provider: OrganizationId,
) -> sqlx::Result<Option<TermsVersion>> {
    let row = select_versions!("where v.id = $1 and v.provider_id = $2", id.0, provider.0)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(TermsVersion::from))
}

/// A version that an organization may read: its own, or one under which something was on the market.
/// Staff (`None`) reads every version.
pub async fn readable(
    connection: &mut PgConnection,
    id: TermsId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<TermsVersion>> {
    let row = select_versions!(
        "where v.id = $1 and ($2::uuid is null or v.provider_id = $2
             or exists (select from offers o where o.terms_id = v.id and o.state <> 'draft'
                            and (o.audience is null or $2 = any(o.audience))))",
        id.0,
        scope
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(TermsVersion::from))
}

/// The newest version of a name.
pub async fn newest(
    connection: &mut PgConnection,
    provider: OrganizationId,
    name: &str,
) -> sqlx::Result<Option<TermsVersion>> {
    let row = select_versions!(
        "where v.provider_id = $1 and v.name = $2 order by v.version desc limit 1",
        provider.0,
        name
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(TermsVersion::from))
}

/// A page of the versions in `scope`, newest first.
pub async fn list(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    name: Option<&str>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<TermsVersion>> {
    let rows = select_versions!(
        "where ($1::uuid is null or v.provider_id = $1) and ($2::text is null or v.name = $2)
           and ($3::uuid is null or v.id < $3)
         order by v.id desc limit $4",
        scope,
        name,
        after,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(TermsVersion::from).collect())
}

/// Adds a version, and the terms themselves if nobody has said them before.
///
/// # Errors
/// `reclaim_terms_versions_unique`.
pub async fn insert(connection: &mut PgConnection, version: &TermsVersion) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into reclaim_terms (hash, clauses, created_at) values ($1, $2, $3)
         on conflict (hash) do nothing",
        &version.hash.0 as &[u8],
        Json(&version.clauses) as Json<&Vec<Clause>>,
        version.created_at,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into reclaim_terms_versions (id, provider_id, name, version, hash, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        version.id.0,
        version.provider_id.0,
        version.name.as_str(),
        version.version,
        &version.hash.0 as &[u8],
        version.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}
