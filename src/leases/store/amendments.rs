//! SQL on amendments and cancellation quotes.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::kernel::{AmendmentId, CancellationQuoteId, LeaseId, Money, Timestamp};
use crate::leases::rules::AmendmentKind;

/// A change of a lease, for the record.
#[derive(Debug)]
pub struct Amendment {
    pub id: AmendmentId,
    pub lease_id: LeaseId,
    pub kind: AmendmentKind,
    /// The lease's after it.
    pub revision: i32,
    /// Change of the lease's price.
    pub price: Money,
    pub terms: Value,
    pub created_by: Uuid,
    pub created_at: Timestamp,
}

/// The amendments of a lease, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn amendments(
    connection: &mut PgConnection,
    lease: LeaseId,
) -> sqlx::Result<Vec<Amendment>> {
    sqlx::query_as!(
        Amendment,
        r#"select id as "id: AmendmentId", lease_id as "lease_id: LeaseId", kind as "kind: AmendmentKind",
               revision,
               price as "price: Money", terms, created_by, created_at
           from amendments where lease_id = $1 order by revision"#,
        lease.0
    )
    .fetch_all(connection)
    .await
}

/// Adds an amendment.
///
/// # Errors
/// Those of the database.
pub async fn add_amendment(
    connection: &mut PgConnection,
    amendment: &Amendment,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into amendments (id, lease_id, kind, revision, price, terms, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        amendment.id.0,
        amendment.lease_id.0,
        amendment.kind.as_str(),
        amendment.revision,
        amendment.price.decimal(),
        amendment.terms,
        amendment.created_by,
        amendment.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What ending a lease would cost, as it was told.
#[derive(Debug, Clone)]
pub struct CancellationQuote {
    pub id: CancellationQuoteId,
    pub lease_id: LeaseId,
    pub revision: i32,
    pub effective_at: Timestamp,
    pub charge: Money,
    pub refund: Money,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// Keeps a cancellation quote.
///
/// # Errors
/// Those of the database.
pub async fn add_cancellation_quote(
    connection: &mut PgConnection,
    quote: &CancellationQuote,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into cancellation_quotes (id, lease_id, revision, effective_at, charge, refund, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        quote.id.0,
        quote.lease_id.0,
        quote.revision,
        quote.effective_at,
        quote.charge.decimal(),
        quote.refund.decimal(),
        now,
        quote.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The cancellation quote `id` of a lease, locked.
///
/// # Errors
/// Those of the database.
pub async fn cancellation_quote(
    connection: &mut PgConnection,
    lease: LeaseId,
    id: CancellationQuoteId,
) -> sqlx::Result<Option<CancellationQuote>> {
    sqlx::query_as!(
        CancellationQuote,
        r#"select id as "id: CancellationQuoteId", lease_id as "lease_id: LeaseId", revision, effective_at,
               charge as "charge: Money", refund as "refund: Money", expires_at, used_at
           from cancellation_quotes where id = $1 and lease_id = $2 for update"#,
        id.0,
        lease.0
    )
    .fetch_optional(connection)
    .await
}

/// Marks a cancellation quote as used.
///
/// # Errors
/// Those of the database.
pub async fn use_cancellation_quote(
    connection: &mut PgConnection,
    id: CancellationQuoteId,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!("update cancellation_quotes set used_at = $2 where id = $1", id.0, now)
        .execute(connection)
        .await?;
    Ok(())
}
