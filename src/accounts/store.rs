//! Every statement of the slice.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::rules::Party;
use crate::kernel::{ApiKeyId, OrganizationId, Role, SessionId, SigningKeyId, Timestamp};

/// A signing key with its private half.
pub struct SigningKeyRow {
    pub id: SigningKeyId,
    /// PKCS#8 DER.
    pub private: Vec<u8>,
    pub public: Vec<u8>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The signing keys that are good at `now`, newest first.
pub async fn signing_keys(
    connection: &mut PgConnection,
    now: Timestamp,
) -> sqlx::Result<Vec<SigningKeyRow>> {
    sqlx::query_as!(
        SigningKeyRow,
        r#"select id as "id: SigningKeyId", private, public, created_at, expires_at
           from signing_keys where expires_at > $1 order by id desc"#,
        now
    )
    .fetch_all(connection)
    .await
}

/// Keeps others from changing the signing keys until the transaction ends.
pub async fn lock_signing_keys(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('signing_keys', 0))")
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps a new signing key.
pub async fn insert_signing_key(
    connection: &mut PgConnection,
    key: &SigningKeyRow,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into signing_keys (id, private, public, created_at, expires_at)
         values ($1, $2, $3, $4, $5)",
        key.id.0,
        key.private,
        key.public,
        key.created_at,
        key.expires_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the signing keys that have expired; says how many.
pub async fn forget_signing_keys(
    connection: &mut PgConnection,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let done = sqlx::query!("delete from signing_keys where expires_at <= $1", now)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// An API key that opens the door.
pub struct GoodKey {
    pub id: ApiKeyId,
    pub organization: OrganizationId,
    pub role: Role,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// The API key whose SHA-256 is `secret_hash`, good or not.
pub async fn key_by_secret(
    connection: &mut PgConnection,
    secret_hash: &[u8],
) -> sqlx::Result<Option<GoodKey>> {
    sqlx::query_as!(
        GoodKey,
        r#"select id as "id: ApiKeyId", organization_id as "organization: OrganizationId",
                  role as "role: Role", expires_at, revoked_at
           from api_keys where secret_hash = $1"#,
        secret_hash
    )
    .fetch_optional(connection)
    .await
}

/// The sessions that ended after `since`, and when.
pub async fn sessions_ended_since(
    connection: &mut PgConnection,
    since: Timestamp,
) -> sqlx::Result<Vec<(SessionId, Timestamp)>> {
    let rows = sqlx::query!(
        r#"select id as "id: SessionId", ended_at as "ended_at!" from sessions where ended_at > $1"#,
        since
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.ended_at)).collect())
}

/// What is known of `organizations`; ids of nobody are left out.
pub async fn parties(
    connection: &mut PgConnection,
    organizations: &[OrganizationId],
) -> sqlx::Result<HashMap<OrganizationId, Party>> {
    let ids: Vec<Uuid> = organizations.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select id as "id: OrganizationId", name, is_provider, is_tenant,
                  verification as "verification: super::rules::Verification"
           from organizations where id = any($1)"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    let parties = rows.into_iter().map(|row| {
        let party = Party {
            name: row.name,
            is_provider: row.is_provider,
            is_tenant: row.is_tenant,
            verification: row.verification,
        };
        (row.id, party)
    });
    Ok(parties.collect())
}
