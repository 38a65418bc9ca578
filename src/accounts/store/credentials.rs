//! Signing keys, API keys, sessions and their refresh tokens. Secrets are kept as SHA-256 only.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::accounts::rules::{ApiKey, EndReason};
use crate::kernel::{ApiKeyId, OrganizationId, Role, SessionId, SigningKeyId, Timestamp, UserId};

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

/// A refresh token, good or not, with its session.
pub struct RefreshToken {
    pub session: SessionId,
    pub organization: Option<OrganizationId>,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// Begins a session.
pub async fn insert_session(
    connection: &mut PgConnection,
    session: SessionId,
    user: UserId,
    organization: Option<OrganizationId>,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into sessions (id, user_id, organization_id, created_at) values ($1, $2, $3, $4)",
        session.0,
        user.0,
        organization.map(|id| id.0),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets a session act for another organization.
pub async fn set_session_organization(
    connection: &mut PgConnection,
    session: SessionId,
    organization: OrganizationId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update sessions set organization_id = $2 where id = $1",
        session.0,
        organization.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whose refresh token this is.
pub async fn refresh_token_user(
    connection: &mut PgConnection,
    secret_hash: &[u8],
) -> sqlx::Result<Option<UserId>> {
    sqlx::query_scalar!(
        r#"select s.user_id as "user: UserId" from refresh_tokens r
           join sessions s on s.id = r.session_id where r.secret_hash = $1"#,
        secret_hash
    )
    .fetch_optional(connection)
    .await
}

/// The refresh token; its session is nobody else's to refresh or end until the transaction ends.
pub async fn lock_refresh_token(
    connection: &mut PgConnection,
    secret_hash: &[u8],
) -> sqlx::Result<Option<RefreshToken>> {
    // Two statements: the second one sees what whoever held the lock before has written.
    sqlx::query!(
        "select from sessions s join refresh_tokens r on r.session_id = s.id
         where r.secret_hash = $1 for no key update of s",
        secret_hash
    )
    .fetch_optional(&mut *connection)
    .await?;
    sqlx::query_as!(
        RefreshToken,
        r#"select s.id as "session: SessionId", s.organization_id as "organization: OrganizationId",
                  r.expires_at, r.used_at, s.ended_at
           from refresh_tokens r join sessions s on s.id = r.session_id where r.secret_hash = $1"#,
        secret_hash
    )
    .fetch_optional(connection)
    .await
}

/// Notes that a refresh token was used.
pub async fn use_refresh_token(
    connection: &mut PgConnection,
    secret_hash: &[u8],
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!("update refresh_tokens set used_at = $2 where secret_hash = $1", secret_hash, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps a new refresh token of `session`.
pub async fn insert_refresh_token(
    connection: &mut PgConnection,
    secret_hash: &[u8],
    session: SessionId,
    expires_at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into refresh_tokens (secret_hash, session_id, expires_at) values ($1, $2, $3)",
        secret_hash,
        session.0,
        expires_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets refresh tokens that have expired, at most 1,000 at a time; says how many.
pub async fn forget_refresh_tokens(
    connection: &mut PgConnection,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "delete from refresh_tokens where secret_hash in (
             select secret_hash from refresh_tokens where expires_at <= $1 limit 1000)",
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Ends one session, if it has not ended.
pub async fn end_session(
    connection: &mut PgConnection,
    session: SessionId,
    reason: EndReason,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update sessions set ended_at = $2, end_reason = $3 where id = $1 and ended_at is null",
        session.0,
        now,
        reason as EndReason,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the sessions of `user`, all or those that act for `organization`; says which.
pub async fn end_sessions(
    connection: &mut PgConnection,
    user: UserId,
    organization: Option<OrganizationId>,
    reason: EndReason,
    now: Timestamp,
) -> sqlx::Result<Vec<SessionId>> {
    sqlx::query_scalar!(
        r#"update sessions set ended_at = $3, end_reason = $4
           where user_id = $1 and ($2::uuid is null or organization_id = $2) and ended_at is null
           returning id as "id: SessionId""#,
        user.0,
        organization.map(|id| id.0),
        now,
        reason as EndReason,
    )
    .fetch_all(connection)
    .await
}

/// Keeps a new API key of `organization`.
pub async fn insert_api_key(
    connection: &mut PgConnection,
    organization: OrganizationId,
    key: &ApiKey,
    secret_hash: &[u8],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into api_keys (id, organization_id, created_by, name, prefix, secret_hash, role,
             expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        key.id.0,
        organization.0,
        key.created_by.0,
        key.name,
        key.prefix,
        secret_hash,
        key.role as Role,
        key.expires_at,
        key.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The API keys of `organization`, newest first; only `id` where that is named.
pub async fn api_keys(
    connection: &mut PgConnection,
    organization: OrganizationId,
    id: Option<ApiKeyId>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<ApiKey>> {
    sqlx::query_as!(
        ApiKey,
        r#"select id as "id: ApiKeyId", name, prefix, role as "role: Role",
                  created_by as "created_by: UserId", created_at, expires_at, revoked_at
           from api_keys
           where organization_id = $1 and ($2::uuid is null or id = $2)
             and ($3::uuid is null or id < $3)
           order by id desc limit $4"#,
        organization.0,
        id.map(|id| id.0),
        after,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Revokes an API key, if that was not done before.
pub async fn revoke_api_key(
    connection: &mut PgConnection,
    id: ApiKeyId,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update api_keys set revoked_at = $2 where id = $1 and revoked_at is null",
        id.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}
