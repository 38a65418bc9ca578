//! SQL on `deliveries`.

use sqlx::PgConnection;
use sqlx::postgres::types::PgRange;
use uuid::Uuid;

use super::super::rules::{Delivery, DeliveryStatus};
use crate::kernel::{DeliveryId, PoolId, Timestamp};
use crate::supply::shared::cell;

struct DeliveryRow {
    id: DeliveryId,
    pool_id: PoolId,
    units: PgRange<i32>,
    usable_from: Timestamp,
    status: DeliveryStatus,
    late_since: Option<Timestamp>,
    created_at: Timestamp,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = sqlx::Error;
    fn try_from(row: DeliveryRow) -> sqlx::Result<Delivery> {
        Ok(Delivery {
            id: row.id,
            pool_id: row.pool_id,
            units: cell("deliveries", "units", row.id).unit_range(&row.units)?.into(),
            usable_from: row.usable_from,
            status: row.status,
            late_since: row.late_since,
            created_at: row.created_at,
        })
    }
}

macro_rules! select_deliveries {
    ($rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            DeliveryRow,
            r#"select d.id as "id: DeliveryId", d.pool_id as "pool_id: PoolId", d.units, d.usable_from,
                   d.status as "status: DeliveryStatus", d.late_since, d.created_at
               from deliveries d "# + $rest
            $(, $argument)*
        )
    };
}

/// A delivery in `scope`.
pub async fn find_delivery(
    connection: &mut PgConnection,
    id: DeliveryId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Delivery>> {
    select_deliveries!(
        "join pools p on p.id = d.pool_id where d.id = $1 and ($2::uuid is null or p.provider_id = $2)",
        id.0,
        scope
    )
    .fetch_optional(connection)
    .await?
    .map(Delivery::try_from)
    .transpose()
}

/// The deliveries of `pools`, each pool's from the lowest unit up.
pub async fn deliveries(
    connection: &mut PgConnection,
    pools: &[PoolId],
) -> sqlx::Result<Vec<Delivery>> {
    let ids: Vec<Uuid> = pools.iter().map(|id| id.0).collect();
    select_deliveries!("where d.pool_id = any($1) order by d.pool_id, d.units", &ids)
        .fetch_all(connection)
        .await?
        .into_iter()
        .map(Delivery::try_from)
        .collect()
}

/// Deliveries that were put off and are still expected at `now`, in order of their ids.
///
/// # Errors
/// Those of the database.
pub async fn late_deliveries(
    connection: &mut PgConnection,
    now: Timestamp,
) -> sqlx::Result<Vec<Delivery>> {
    select_deliveries!("where d.status = 'late' and d.usable_from > $1 order by d.id", now)
        .fetch_all(connection)
        .await?
        .into_iter()
        .map(Delivery::try_from)
        .collect()
}

/// A page of the deliveries of a pool, newest first.
pub async fn list_deliveries(
    connection: &mut PgConnection,
    pool: PoolId,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Delivery>> {
    select_deliveries!(
        "where d.pool_id = $1 and ($2::uuid is null or d.id < $2) order by d.id desc limit $3",
        pool.0,
        after,
        limit
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(Delivery::try_from)
    .collect()
}

/// Adds deliveries.
///
/// # Errors
/// `deliveries_disjoint`.
pub async fn insert_deliveries(
    connection: &mut PgConnection,
    deliveries: &[Delivery],
) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.id.0).collect();
    let pools: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.pool_id.0).collect();
    let units = deliveries
        .iter()
        .map(|delivery| cell("deliveries", "units", delivery.id).half_open(delivery.units))
        .collect::<sqlx::Result<Vec<PgRange<i32>>>>()?;
    let dates: Vec<Timestamp> = deliveries.iter().map(|delivery| delivery.usable_from).collect();
    let statuses: Vec<String> =
        deliveries.iter().map(|delivery| delivery.status.as_str().to_owned()).collect();
    let created: Vec<Timestamp> = deliveries.iter().map(|delivery| delivery.created_at).collect();
    sqlx::query!(
        "insert into deliveries (id, pool_id, units, usable_from, status, created_at)
         select * from unnest($1::uuid[], $2::uuid[], $3::int4range[], $4::timestamptz[], $5::text[],
             $6::timestamptz[])",
        &ids,
        &pools,
        &units,
        &dates,
        &statuses,
        &created,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what can change of a delivery: its date, its status, and since when it is late.
pub async fn update_delivery(
    connection: &mut PgConnection,
    delivery: &Delivery,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update deliveries set usable_from = $2, status = $3, late_since = $4 where id = $1",
        delivery.id.0,
        delivery.usable_from,
        delivery.status.as_str(),
        delivery.late_since,
    )
    .execute(connection)
    .await?;
    Ok(())
}
