//! SQL on quotes.

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::kernel::{Money, OrganizationId, ProjectId, QuoteId, Timestamp};
use crate::leases::rules::{PlacementWish, QuoteState, Tranche};

/// A price for an exact request.
#[derive(Debug, Clone)]
pub struct Quote {
    pub id: QuoteId,
    pub tenant_id: OrganizationId,
    pub project_id: Option<ProjectId>,
    pub created_by: Uuid,
    pub placement: PlacementWish,
    /// The lines of the lease that it comes to.
    pub tranches: Vec<Tranche>,
    pub price: Money,
    /// The capacity is held until the expiry.
    pub holds: bool,
    /// Its units were taken back from another lease and kept for its tenant.
    pub is_reserved: bool,
    pub state: QuoteState,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

macro_rules! select_quotes {
    ($connection:expr, $rest:tt $(, $argument:expr)*) => {{
        let rows = sqlx::query!(
            r#"select id as "id: QuoteId", tenant_id as "tenant_id: OrganizationId",
                   project_id as "project_id: ProjectId", created_by,
                   placement as "placement: PlacementWish", tranches as "tranches: Json<Vec<Tranche>>", price as "price: Money", holds, is_reserved,
                   state as "state: QuoteState",
                   created_at, expires_at
               from quotes "# + $rest
            $(, $argument)*
        )
        .fetch_all($connection)
        .await?;
        let quotes = rows.into_iter().map(|row| Quote {
            id: row.id,
            tenant_id: row.tenant_id,
            project_id: row.project_id,
            created_by: row.created_by,
            placement: row.placement,
            tranches: row.tranches.0,
            price: row.price,
            holds: row.holds,
            is_reserved: row.is_reserved,
            state: row.state,
            created_at: row.created_at,
            expires_at: row.expires_at,
        });
        quotes.collect::<Vec<_>>()
    }};
}

/// The quote `id`, if it is `scope`'s (`None`: anybody's).
///
/// # Errors
/// Those of the database.
pub async fn one(
    connection: &mut PgConnection,
    id: QuoteId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Quote>> {
    Ok(select_quotes!(
        connection,
        "where id = $1 and ($2::uuid is null or tenant_id = $2)",
        id.0,
        scope
    )
    .pop())
}

/// The quote `id`, if it is `tenant`'s, locked until the transaction ends.
///
/// # Errors
/// Those of the database.
pub async fn locked(
    connection: &mut PgConnection,
    id: QuoteId,
    tenant: OrganizationId,
) -> sqlx::Result<Option<Quote>> {
    Ok(select_quotes!(connection, "where id = $1 and tenant_id = $2 for update", id.0, tenant.0)
        .pop())
}

/// Quotes of a tenant (`None`: of all), newest first.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Quote>> {
    Ok(select_quotes!(
        connection,
        "where ($1::uuid is null or tenant_id = $1) and ($2::uuid is null or id < $2) order by id desc limit $3",
        scope,
        after,
        limit
    ))
}

/// Adds a quote.
///
/// # Errors
/// Those of the database.
pub async fn add(connection: &mut PgConnection, quote: &Quote) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into quotes (id, tenant_id, project_id, created_by, placement, tranches, price, holds,
             is_reserved, state, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        quote.id.0,
        quote.tenant_id.0,
        quote.project_id.map(|id| id.0),
        quote.created_by,
        quote.placement.as_str(),
        Json(&quote.tranches) as _,
        quote.price.decimal(),
        quote.holds,
        quote.is_reserved,
        quote.state.as_str(),
        quote.created_at,
        quote.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves a quote from `open` to `state`; false if it was not open any more.
///
/// # Errors
/// Those of the database.
pub async fn close(
    connection: &mut PgConnection,
    id: QuoteId,
    state: QuoteState,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update quotes set state = $2 where id = $1 and state = 'open'",
        id.0,
        state.as_str()
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
