//! SQL on `pools`.

use std::collections::HashMap;

use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::rules::{Pool, PoolFacts};
use crate::db::stored::storable;
use crate::kernel::{Name, OrganizationId, PoolId, SiteId, Timestamp};
use crate::supply::shared::{Quantity, cell};

struct PoolRow {
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

impl TryFrom<PoolRow> for Pool {
    type Error = sqlx::Error;
    fn try_from(row: PoolRow) -> sqlx::Result<Pool> {
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
            PoolRow,
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
