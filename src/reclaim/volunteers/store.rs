//! SQL on `reclaim_volunteers`.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::db::stored::{stored, unreadable};
use crate::kernel::{LeaseId, OrganizationId, Rate, Span, Timestamp, TrancheId, VolunteerId};

/// An offer as it is kept.
#[derive(Debug, Clone)]
pub struct OfferRecord {
    pub id: VolunteerId,
    pub lease_id: LeaseId,
    pub tranche_id: TrancheId,
    pub tenant_id: OrganizationId,
    pub provider_id: OrganizationId,
    pub units: i32,
    pub premium: Rate,
    pub notice_seconds: i64,
    pub state: String,
    pub created_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

macro_rules! select_offers {
    ($connection:expr, $rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            OfferRecord,
            r#"select id as "id: VolunteerId", lease_id as "lease_id: LeaseId",
                   tranche_id as "tranche_id: TrancheId", tenant_id as "tenant_id: OrganizationId",
                   provider_id as "provider_id: OrganizationId", units,
                   premium_per_gpu_hour as "premium: Rate", notice_seconds, state, created_at, closed_at
               from reclaim_volunteers "# + $rest
            $(, $argument)*
        )
        .fetch_all($connection)
        .await
        .and_then(checked)
    };
}

/// Refuses rows whose numbers are none that an offer can have.
fn checked(offers: Vec<OfferRecord>) -> sqlx::Result<Vec<OfferRecord>> {
    const TABLE: &str = "reclaim_volunteers";
    for offer in &offers {
        stored::<u32>(offer.units, TABLE, "units", offer.id)?;
        Span::from_seconds(offer.notice_seconds)
            .map_err(|error| unreadable(TABLE, "notice_seconds", offer.id, error))?;
    }
    Ok(offers)
}

/// The open offers of `leases`, oldest first.
pub async fn open(
    connection: &mut PgConnection,
    leases: &[Uuid],
) -> sqlx::Result<Vec<OfferRecord>> {
    select_offers!(connection, "where lease_id = any($1) and state = 'open' order by id", leases)
}

/// At most `limit` open offers after the id `after`, oldest first.
pub async fn open_after(
    connection: &mut PgConnection,
    after: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<OfferRecord>> {
    select_offers!(
        connection,
        "where state = 'open' and id > $1 order by id limit $2",
        after,
        limit
    )
}

/// Those of `ids` that are still open, locked until the transaction ends, by id.
pub async fn lock_open(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> sqlx::Result<Vec<OfferRecord>> {
    select_offers!(connection, "where id = any($1) and state = 'open' order by id for update", ids)
}

/// The offer `id`, if `scope` is its tenant or provider, locked until the transaction ends.
pub async fn locked(
    connection: &mut PgConnection,
    id: VolunteerId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<OfferRecord>> {
    let found = select_offers!(
        connection,
        "where id = $1 and ($2::uuid is null or $2 in (tenant_id, provider_id)) for update",
        id.0,
        scope
    );
    Ok(found?.pop())
}

/// The offers that `scope` may see, newest first, at most `limit` before the id `after`.
pub async fn list(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    lease: Option<LeaseId>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<OfferRecord>> {
    select_offers!(
        connection,
        "where ($1::uuid is null or $1 in (tenant_id, provider_id))
           and ($2::uuid is null or lease_id = $2) and ($3::uuid is null or id < $3)
         order by id desc limit $4",
        scope,
        lease.map(|id| id.0),
        after,
        limit
    )
}

/// Keeps a new offer. A second open one of a tranche violates `reclaim_volunteers_one_open`.
pub async fn insert(
    connection: &mut PgConnection,
    offer: &OfferRecord,
    by: Uuid,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into reclaim_volunteers (id, lease_id, tranche_id, tenant_id, provider_id, units,
             premium_per_gpu_hour, notice_seconds, state, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        offer.id.0,
        offer.lease_id.0,
        offer.tranche_id.0,
        offer.tenant_id.0,
        offer.provider_id.0,
        offer.units,
        offer.premium.decimal(),
        offer.notice_seconds,
        offer.state,
        by,
        offer.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Closes open offers as `state`; says how many were open.
pub async fn close(
    connection: &mut PgConnection,
    ids: &[Uuid],
    state: &str,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "update reclaim_volunteers set state = $2, closed_at = $3 where id = any($1) and state = 'open'",
        ids,
        state,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
