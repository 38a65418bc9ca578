//! SQL on `pools`, `deliveries` and `blocks`.

use std::collections::HashMap;

use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::postgres::types::PgRange;
use uuid::Uuid;

use super::rules::{Block, BlockKind, Delivery, DeliveryStatus, Pool, PoolFacts};
use crate::db::stored::storable;
use crate::kernel::{BlockId, DeliveryId, Name, OrganizationId, PoolId, Reason, SiteId, Timestamp};
use crate::supply::columns::cell;
use crate::supply::rules::Quantity;

struct Row {
    id: PoolId,
    site_id: SiteId,
    provider_id: OrganizationId,
    name: Name,
    accelerator: Name,
    gpus_per_unit: i32,
    units: i32,
    kw_per_unit: Quantity,
    fabric: Option<Name>,
    units_per_island: i32,
    pin_lead_seconds: i32,
    revision: i32,
    created_at: Timestamp,
}

impl TryFrom<Row> for Pool {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Pool> {
        let pools = |column| cell("pools", column, row.id);
        Ok(Pool {
            id: row.id,
            site_id: row.site_id,
            provider_id: row.provider_id,
            facts: PoolFacts {
                name: row.name,
                accelerator: row.accelerator,
                gpus_per_unit: pools("gpus_per_unit").count(row.gpus_per_unit)?,
                units: pools("units").count(row.units)?,
                kw_per_unit: row.kw_per_unit,
                fabric: row.fabric,
                units_per_island: Some(pools("units_per_island").count(row.units_per_island)?),
                pin_lead: pools("pin_lead_seconds").span(row.pin_lead_seconds)?,
            },
            revision: row.revision,
            created_at: row.created_at,
        })
    }
}

macro_rules! select_pools {
    ($rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select id as "id: PoolId", site_id as "site_id: SiteId",
                   provider_id as "provider_id: OrganizationId", name as "name: Name",
                   accelerator_id as "accelerator: Name", gpus_per_unit, units,
                   kw_per_unit as "kw_per_unit: Quantity", fabric as "fabric: Name",
                   units_per_island, pin_lead_seconds, revision, created_at
               from pools "# + $rest
            $(, $argument)*
        )
    };
}

/// Accelerator and site of each of `pools`.
///
/// # Errors
/// Those of the database.
pub async fn places(
    connection: &mut PgConnection,
    pools: &[PoolId],
) -> sqlx::Result<HashMap<PoolId, (String, SiteId)>> {
    let mut ids: Vec<Uuid> = pools.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        r#"select id as "id: PoolId", accelerator_id, site_id as "site: SiteId" from pools
           where id = any($1)"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, (row.accelerator_id, row.site))).collect())
}

/// A pool in `scope` (`None`: anybody's).
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &mut PgConnection,
    id: PoolId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Pool>> {
    select_pools!("where id = $1 and ($2::uuid is null or provider_id = $2)", id.0, scope)
        .fetch_optional(connection)
        .await?
        .map(Pool::try_from)
        .transpose()
}

/// A pool in `scope`, locked until the transaction ends.
pub async fn lock(
    connection: &mut PgConnection,
    id: PoolId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Pool>> {
    select_pools!(
        "where id = $1 and ($2::uuid is null or provider_id = $2) for update",
        id.0,
        scope
    )
    .fetch_optional(connection)
    .await?
    .map(Pool::try_from)
    .transpose()
}

/// Which pools.
#[derive(Debug, Clone, Default)]
pub struct PoolFilter {
    pub site: Option<SiteId>,
    pub accelerator: Option<String>,
}

/// A page of the pools in `scope`, newest first.
pub async fn list(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    filter: &PoolFilter,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Pool>> {
    select_pools!(
        "where ($1::uuid is null or provider_id = $1) and ($2::uuid is null or site_id = $2)
           and ($3::text is null or accelerator_id = $3) and ($4::uuid is null or id < $4)
         order by id desc limit $5",
        scope,
        filter.site.map(|id| id.0),
        filter.accelerator.as_deref(),
        after,
        limit
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(Pool::try_from)
    .collect()
}

/// Every pool of a provider at one of `sites`, locked until the transaction ends.
pub async fn lock_at_sites(
    connection: &mut PgConnection,
    sites: &[SiteId],
) -> sqlx::Result<Vec<Pool>> {
    let ids: Vec<Uuid> = sites.iter().map(|id| id.0).collect();
    select_pools!("where site_id = any($1) order by id for update", &ids)
        .fetch_all(connection)
        .await?
        .into_iter()
        .map(Pool::try_from)
        .collect()
}

/// Every pool of a provider.
pub async fn of_provider(
    connection: &mut PgConnection,
    provider: OrganizationId,
) -> sqlx::Result<Vec<Pool>> {
    select_pools!("where provider_id = $1 order by id", provider.0)
        .fetch_all(connection)
        .await?
        .into_iter()
        .map(Pool::try_from)
        .collect()
}

/// A pool with what its units draw at the meter.
#[derive(Debug, Clone)]
pub struct PoweredPool {
    pub id: PoolId,
    pub name: String,
    pub provider_id: OrganizationId,
    pub units: u32,
    pub gpus_per_unit: u32,
    /// Electrical, before PUE.
    pub kw_per_unit: rust_decimal::Decimal,
    pub pue: rust_decimal::Decimal,
}

/// The pool `pool`, or those at the site `site`, in `scope`, by id.
///
/// # Errors
/// Those of the database.
pub async fn powered_pools(
    connection: &mut PgConnection,
    site: Option<SiteId>,
    pool: Option<PoolId>,
    scope: Option<Uuid>,
) -> sqlx::Result<Vec<PoweredPool>> {
    let rows = sqlx::query!(
        r#"select p.id as "id: PoolId", p.name, p.provider_id as "provider_id: OrganizationId", p.units,
               p.gpus_per_unit, p.kw_per_unit, s.pue
           from pools p join sites s on s.id = p.site_id
           where (p.id = $1 or p.site_id = $2) and ($3::uuid is null or p.provider_id = $3)
           order by p.id"#,
        pool.map(|id| id.0),
        site.map(|id| id.0),
        scope
    )
    .fetch_all(connection)
    .await?;
    let pools = rows.into_iter().map(|row| {
        Ok(PoweredPool {
            id: row.id,
            name: row.name,
            provider_id: row.provider_id,
            units: cell("pools", "units", row.id).count(row.units)?,
            gpus_per_unit: cell("pools", "gpus_per_unit", row.id).count(row.gpus_per_unit)?,
            kw_per_unit: row.kw_per_unit,
            pue: row.pue,
        })
    });
    pools.collect()
}

/// Adds pools.
///
/// # Errors
/// `pools_name_unique`, `pools_accelerator_id_fkey`.
pub async fn insert(connection: &mut PgConnection, pools: &[Pool]) -> sqlx::Result<()> {
    let columns = Columns::of(pools)?;
    let sites: Vec<Uuid> = pools.iter().map(|pool| pool.site_id.0).collect();
    let providers: Vec<Uuid> = pools.iter().map(|pool| pool.provider_id.0).collect();
    let accelerators: Vec<String> =
        pools.iter().map(|pool| pool.facts.accelerator.to_string()).collect();
    let ints = |column, pick: fn(&PoolFacts) -> u32| {
        let all = pools.iter().map(|one| cell("pools", column, one.id).int(pick(&one.facts)));
        all.collect::<sqlx::Result<Vec<i32>>>()
    };
    let gpus = ints("gpus_per_unit", |facts| facts.gpus_per_unit)?;
    let units = ints("units", |facts| facts.units)?;
    let created: Vec<Timestamp> = pools.iter().map(|pool| pool.created_at).collect();
    sqlx::query!(
        "insert into pools (id, name, kw_per_unit, fabric, units_per_island, pin_lead_seconds, revision,
             site_id, provider_id, accelerator_id, gpus_per_unit, units, created_at)
         select * from unnest($1::uuid[], $2::text[], $3::numeric[], $4::text[], $5::int4[], $6::int4[],
             $7::int4[], $8::uuid[], $9::uuid[], $10::text[], $11::int4[], $12::int4[],
             $13::timestamptz[])",
        &columns.ids,
        &columns.names,
        &columns.kw,
        &columns.fabrics as &[Option<String>],
        &columns.islands,
        &columns.pin_leads,
        &columns.revisions,
        &sites,
        &providers,
        &accelerators,
        &gpus,
        &units,
        &created,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what changed about pools, as it is in `pools`; site, provider and hardware never change.
///
/// # Errors
/// `pools_name_unique`.
pub async fn update(connection: &mut PgConnection, pools: &[Pool]) -> sqlx::Result<()> {
    let columns = Columns::of(pools)?;
    sqlx::query!(
        "update pools set name = t.name, kw_per_unit = t.kw_per_unit, fabric = t.fabric,
             units_per_island = t.units_per_island, pin_lead_seconds = t.pin_lead_seconds,
             revision = t.revision
         from unnest($1::uuid[], $2::text[], $3::numeric[], $4::text[], $5::int4[], $6::int4[], $7::int4[])
             t (id, name, kw_per_unit, fabric, units_per_island, pin_lead_seconds, revision)
         where pools.id = t.id",
        &columns.ids,
        &columns.names,
        &columns.kw,
        &columns.fabrics as &[Option<String>],
        &columns.islands,
        &columns.pin_leads,
        &columns.revisions,
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct Columns {
    ids: Vec<Uuid>,
    names: Vec<String>,
    kw: Vec<Decimal>,
    fabrics: Vec<Option<String>>,
    islands: Vec<i32>,
    pin_leads: Vec<i32>,
    revisions: Vec<i32>,
}

impl Columns {
    fn of(pools: &[Pool]) -> sqlx::Result<Columns> {
        let facts = || pools.iter().map(|pool| &pool.facts);
        let island =
            |pool: &Pool| cell("pools", "units_per_island", pool.id).int(pool.units_per_island());
        let pin_lead = |pool: &Pool| {
            storable(pool.facts.pin_lead.seconds(), "pools", "pin_lead_seconds", pool.id)
        };
        Ok(Columns {
            ids: pools.iter().map(|pool| pool.id.0).collect(),
            names: facts().map(|facts| facts.name.to_string()).collect(),
            kw: facts().map(|facts| facts.kw_per_unit.0).collect(),
            fabrics: facts().map(|facts| facts.fabric.as_ref().map(Name::to_string)).collect(),
            islands: pools.iter().map(island).collect::<sqlx::Result<_>>()?,
            pin_leads: pools.iter().map(pin_lead).collect::<sqlx::Result<_>>()?,
            revisions: pools.iter().map(|pool| pool.revision).collect(),
        })
    }
}

struct DeliveryRow {
    id: DeliveryId,
    pool_id: PoolId,
    units: PgRange<i32>,
    usable_from: Timestamp,
    status: DeliveryStatus,
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
            created_at: row.created_at,
        })
    }
}

/// A delivery in `scope`.
pub async fn find_delivery(
    connection: &mut PgConnection,
    id: DeliveryId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Delivery>> {
    sqlx::query_as!(
        DeliveryRow,
        r#"select d.id as "id: DeliveryId", d.pool_id as "pool_id: PoolId", d.units, d.usable_from,
               d.status as "status: DeliveryStatus", d.created_at
           from deliveries d join pools p on p.id = d.pool_id
           where d.id = $1 and ($2::uuid is null or p.provider_id = $2)"#,
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
    sqlx::query_as!(
        DeliveryRow,
        r#"select id as "id: DeliveryId", pool_id as "pool_id: PoolId", units, usable_from,
               status as "status: DeliveryStatus", created_at
           from deliveries where pool_id = any($1) order by pool_id, units"#,
        &ids
    )
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
    sqlx::query_as!(
        DeliveryRow,
        r#"select id as "id: DeliveryId", pool_id as "pool_id: PoolId", units, usable_from,
               status as "status: DeliveryStatus", created_at
           from deliveries where status = 'late' and usable_from > $1 order by id"#,
        now
    )
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
    sqlx::query_as!(
        DeliveryRow,
        r#"select id as "id: DeliveryId", pool_id as "pool_id: PoolId", units, usable_from,
               status as "status: DeliveryStatus", created_at
           from deliveries where pool_id = $1 and ($2::uuid is null or id < $2)
           order by id desc limit $3"#,
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

/// Writes date and status of a delivery.
pub async fn update_delivery(
    connection: &mut PgConnection,
    delivery: &Delivery,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update deliveries set usable_from = $2, status = $3 where id = $1",
        delivery.id.0,
        delivery.usable_from,
        delivery.status.as_str(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct BlockRow {
    id: BlockId,
    pool_id: PoolId,
    kind: BlockKind,
    units: PgRange<i32>,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    reason: Reason,
    lifted_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl TryFrom<BlockRow> for Block {
    type Error = sqlx::Error;
    fn try_from(row: BlockRow) -> sqlx::Result<Block> {
        Ok(Block {
            id: row.id,
            pool_id: row.pool_id,
            kind: row.kind,
            units: cell("blocks", "units", row.id).unit_range(&row.units)?.into(),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            reason: row.reason,
            lifted_at: row.lifted_at,
            created_at: row.created_at,
        })
    }
}

macro_rules! select_blocks {
    ($rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            BlockRow,
            r#"select b.id as "id: BlockId", b.pool_id as "pool_id: PoolId", b.kind as "kind: BlockKind",
                   b.units, lower(b.during) as "starts_at!", upper(b.during) as ends_at,
                   b.reason as "reason: Reason", b.lifted_at, b.created_at
               from blocks b join pools p on p.id = b.pool_id "# + $rest
            $(, $argument)*
        )
    };
}

/// A block in `scope`.
pub async fn find_block(
    connection: &mut PgConnection,
    id: BlockId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Block>> {
    select_blocks!("where b.id = $1 and ($2::uuid is null or p.provider_id = $2)", id.0, scope)
        .fetch_optional(connection)
        .await?
        .map(Block::try_from)
        .transpose()
}

/// A page of the blocks of a pool, newest first; with `open_at` those that are not over by then.
pub async fn list_blocks(
    connection: &mut PgConnection,
    pool: PoolId,
    open_at: Option<Timestamp>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Block>> {
    select_blocks!(
        "where b.pool_id = $1
           and ($2::timestamptz is null or b.lifted_at is null
                and (upper_inf(b.during) or upper(b.during) > $2))
           and ($3::uuid is null or b.id < $3)
         order by b.id desc limit $4",
        pool.0,
        open_at,
        after,
        limit
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(Block::try_from)
    .collect()
}

/// Adds a block.
pub async fn insert_block(connection: &mut PgConnection, block: &Block) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into blocks (id, pool_id, units, during, kind, reason, created_at)
         values ($1, $2, $3, tstzrange($4, $5), $6, $7, $8)",
        block.id.0,
        block.pool_id.0,
        cell("blocks", "units", block.id).half_open(block.units)?,
        block.starts_at,
        block.ends_at,
        block.kind.as_str(),
        block.reason.as_str(),
        block.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a block was lifted.
pub async fn lift_block(
    connection: &mut PgConnection,
    id: BlockId,
    lifted_at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!("update blocks set lifted_at = $2 where id = $1", id.0, lifted_at)
        .execute(connection)
        .await?;
    Ok(())
}
