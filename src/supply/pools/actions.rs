//! Listing pools, delivering their units, keeping units off the market.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::Error;
use super::rules::{Block, BlockKind, Delivery, Pool, PoolChanges, PoolFacts, undelivered, whole};
use super::store;
use crate::api::{Call, Problem, Reply};
use crate::app::{Act, App};
use crate::capacity::{self, Edit, Purpose, Units};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::time::is_in_calendar;
use crate::kernel::{
    BlockId, DeliveryId, Name, OrganizationId, Period, PoolId, Reason, SiteId, Span, Timestamp,
};
use crate::supply::shared::{Invalid, Quantity, UnitRange, lister};
use crate::supply::sites;

/// A pool to be listed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolBody {
    pub site_id: SiteId,
    /// Unique at its site.
    pub name: Name,
    /// An id of the catalogue: `h100-sxm`.
    pub accelerator: Name,
    /// 1, 8 or 72 for a single GPU, a server or a rack.
    #[schema(minimum = 1, maximum = 1024)]
    pub gpus_per_unit: u32,
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub units: u32,
    /// Electrical, before the site's PUE.
    pub kw_per_unit: Quantity,
    /// What connects the units, in words.
    pub fabric: Option<Name>,
    /// Units with full bandwidth among themselves; all of them unless said otherwise.
    #[schema(minimum = 1)]
    pub units_per_island: Option<u32>,
    /// Unit numbers are handed out this long before the start; a day unless said otherwise.
    pub pin_lead: Option<Span>,
    /// All units can be used from then on. Without it none can, until deliveries are added.
    pub usable_from: Option<DateTime<Utc>>,
}

/// Lists a pool at a site of the caller's organization and opens its plane.
pub async fn create(app: &App, call: &Call, body: PoolBody) -> Result<Reply, Problem> {
    let facts = PoolFacts {
        name: body.name,
        accelerator: body.accelerator,
        gpus_per_unit: body.gpus_per_unit,
        units: body.units,
        kw_per_unit: body.kw_per_unit,
        fabric: body.fabric,
        units_per_island: body.units_per_island,
        pin_lead: body.pin_lead.unwrap_or(Span::days(1)),
    };
    let facts = facts.checked()?;
    if let Some(usable_from) = body.usable_from {
        check_calendar("usable_from", usable_from)?;
    }
    let mut act = app.begin(call).await?;
    let provider = lister(&mut act, &call.caller).await?;
    let site = sites::store::find(&mut act, body.site_id, Some(provider.0)).await?;
    let site = site.ok_or_else(|| Problem::not_found("site", body.site_id))?;
    let created_at = act.now;
    let pool = Pool {
        id: PoolId::new(created_at),
        site_id: site.id,
        provider_id: provider,
        facts,
        revision: 1,
        created_at,
    };
    store::insert(&mut act, std::slice::from_ref(&pool)).await.map_err(Error::from)?;
    capacity::open_plane(&mut act, pool.id, pool.facts.units).await?;
    let deliveries: Vec<Delivery> =
        body.usable_from.iter().map(|&date| whole(&pool, date, created_at)).collect();
    store::insert_deliveries(&mut act, &deliveries).await.map_err(Error::from)?;
    let mut edit = capacity::edit(app, &mut act, &[pool.id]).await?;
    draw_undelivered(&mut edit, &pool, &deliveries, None, created_at)?;
    edit.write(&mut act).await?;
    act.log(Entry::new(Event::PoolCreated, pool.id).provider(provider).after(&pool));
    for delivery in &deliveries {
        act.log(Entry::new(Event::DeliveryCreated, delivery.id).provider(provider).after(delivery));
    }
    act.finish(Reply::created(&pool).revision(pool.revision)).await
}

/// Changes what is said of a pool, not its hardware.
pub async fn change(
    app: &App,
    call: &Call,
    id: PoolId,
    changes: PoolChanges,
) -> Result<Reply, Problem> {
    let mut act = app.begin(call).await?;
    let (provider, mut pool) = lock(&mut act, id).await?;
    call.check_revision(pool.revision)?;
    let after = pool.facts.changed(changes)?;
    let before = std::mem::replace(&mut pool.facts, after);
    pool.revision += 1;
    store::update(&mut act, std::slice::from_ref(&pool)).await.map_err(Error::from)?;
    act.log(
        Entry::new(Event::PoolChanged, id).provider(provider).before(&before).after(&pool.facts),
    );
    act.finish(Reply::ok(&pool).revision(pool.revision)).await
}

/// The caller's pool `id`, locked.
async fn lock(act: &mut Act, id: PoolId) -> Result<(OrganizationId, Pool), Problem> {
    let caller = act.call.caller;
    let provider = lister(act, &caller).await?;
    let pool = store::lock(act, id, Some(provider.0)).await?;
    Ok((provider, pool.ok_or_else(|| Problem::not_found("pool", id))?))
}

/// Units that can be used from a date on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveryBody {
    /// The first unit; 0 unless said otherwise.
    #[serde(default)]
    pub first_unit: u32,
    /// The first one after them; the end of the pool unless said otherwise.
    pub end_unit: Option<u32>,
    pub usable_from: DateTime<Utc>,
}

/// Adds a delivery to a pool.
pub async fn add_delivery(
    app: &App,
    call: &Call,
    id: PoolId,
    body: DeliveryBody,
) -> Result<Reply, Problem> {
    call.require_key()?;
    check_calendar("usable_from", body.usable_from)?;
    let mut act = app.begin(call).await?;
    let (provider, pool) = lock(&mut act, id).await?;
    let units = UnitRange {
        first_unit: body.first_unit,
        end_unit: body.end_unit.unwrap_or(pool.facts.units),
    };
    units.check_inside(pool.facts.units)?;
    let delivery = Delivery { units, ..whole(&pool, body.usable_from, act.now) };
    store::insert_deliveries(&mut act, std::slice::from_ref(&delivery))
        .await
        .map_err(Error::from)?;
    redraw(app, &mut act, &pool).await?;
    act.log(Entry::new(Event::DeliveryCreated, delivery.id).provider(provider).after(&delivery));
    act.finish(Reply::created(&delivery)).await
}

/// Another date for a delivery.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RescheduleBody {
    pub usable_from: DateTime<Utc>,
    /// Why; those whose leases wait for it read this.
    pub reason: Reason,
}

/// Moves a delivery to another date. To a later one, the bookings in between are moved to other units;
/// where there are none they keep their place and are delayed.
pub async fn reschedule_delivery(
    app: &App,
    call: &Call,
    id: DeliveryId,
    body: RescheduleBody,
) -> Result<Reply, Problem> {
    call.require_key()?;
    check_calendar("usable_from", body.usable_from)?;
    change_delivery(
        app,
        call,
        id,
        Event::DeliveryRescheduled,
        body.reason.as_str(),
        |delivery, now| Ok(delivery.rescheduled(body.usable_from, now)?),
    )
    .await
}

/// Accepts a delivery: its units are there.
pub async fn accept_delivery(app: &App, call: &Call, id: DeliveryId) -> Result<Reply, Problem> {
    call.require_key()?;
    change_delivery(app, call, id, Event::DeliveryAccepted, "", |delivery, now| {
        Ok(delivery.accepted(now)?)
    })
    .await
}

async fn change_delivery(
    app: &App,
    call: &Call,
    id: DeliveryId,
    action: Event,
    reason: &str,
    change: impl FnOnce(&Delivery, Timestamp) -> Result<Delivery, Error>,
) -> Result<Reply, Problem> {
    let mut act = app.begin(call).await?;
    let provider = lister(&mut act, &call.caller).await?;
    let unknown = || Problem::not_found("delivery", id);
    let found = store::find_delivery(&mut act, id, Some(provider.0)).await?.ok_or_else(unknown)?;
    let (_, pool) = lock(&mut act, found.pool_id).await?;
    // Read again: it may have changed before the pool was locked.
    let before = store::find_delivery(&mut act, id, Some(provider.0)).await?.ok_or_else(unknown)?;
    let after = change(&before, act.now)?;
    store::update_delivery(&mut act, &after).await?;
    redraw(app, &mut act, &pool).await?;
    act.log(Entry::new(action, id).provider(provider).before(&before).after(&after).reason(reason));
    act.finish(Reply::ok(&after)).await
}

/// Capacity to be kept off the market.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockBody {
    pub kind: BlockKind,
    pub first_unit: u32,
    /// The first unit after them.
    pub end_unit: u32,
    /// Now unless said otherwise.
    pub starts_at: Option<DateTime<Utc>>,
    /// Until lifted unless said otherwise.
    pub ends_at: Option<DateTime<Utc>>,
    pub reason: Reason,
}

/// Keeps units of a pool off the market; bookings whose units are not handed out yet make way.
pub async fn block(app: &App, call: &Call, id: PoolId, body: BlockBody) -> Result<Reply, Problem> {
    call.require_key()?;
    let mut act = app.begin(call).await?;
    let (provider, pool) = lock(&mut act, id).await?;
    let now = act.now;
    let block = Block {
        id: BlockId::new(now),
        pool_id: id,
        kind: body.kind,
        units: UnitRange { first_unit: body.first_unit, end_unit: body.end_unit },
        starts_at: body.starts_at.unwrap_or(now),
        ends_at: body.ends_at,
        reason: body.reason,
        lifted_at: None,
        created_at: now,
    };
    block.units.check_inside(pool.facts.units)?;
    check_block_period(&block)?;
    store::insert_block(&mut act, &block).await?;
    let mut edit = capacity::edit(app, &mut act, &[id]).await?;
    let units = (block.units.first_unit, block.units.end_unit);
    let purpose = block.kind.purpose();
    edit.on(id)?.occupy(block.id.0, purpose, units, Some(block.starts_at), block.ends_at, now)?;
    edit.write(&mut act).await?;
    let entry = Entry::new(Event::BlockCreated, block.id).provider(provider).after(&block);
    act.log(entry.reason(block.reason.as_str()));
    act.finish(Reply::created(&block)).await
}

/// Keeps units that the caller's act has freed on a pool that it has locked for the provider's own use;
/// says the blocks, one to a run.
///
/// # Errors
/// Those of the database, and of what stands in the way.
pub async fn set_aside(
    act: &mut Act,
    edit: &mut Edit,
    pool: PoolId,
    provider: OrganizationId,
    units: &[Units],
    period: Period,
) -> Result<Vec<BlockId>, Problem> {
    let now = act.now;
    let mut made = Vec::new();
    for run in units {
        let block = Block {
            id: BlockId::new(now),
            pool_id: pool,
            kind: BlockKind::OwnUse,
            units: UnitRange { first_unit: run.from, end_unit: run.until },
            starts_at: period.starts_at,
            ends_at: Some(period.ends_at),
            reason: "taken back for the provider's own use"
                .parse()
                .map_err(|error| Problem::internal(format!("the reason of a block: {error}")))?,
            lifted_at: None,
            created_at: now,
        };
        store::insert_block(act, &block).await?;
        let purpose = block.kind.purpose();
        let (from, until) = (Some(period.starts_at), Some(period.ends_at));
        let units = (run.from, run.until);
        edit.on(pool)?.occupy(block.id.0, purpose, units, from, until, now)?;
        act.log(Entry::new(Event::BlockCreated, block.id).provider(provider).after(&block));
        made.push(block.id);
    }
    Ok(made)
}

fn check_block_period(block: &Block) -> Result<(), Invalid> {
    check_calendar("starts_at", block.starts_at)?;
    if block.starts_at < block.created_at {
        let detail = "a block does not begin in the past; leave it out to begin now";
        return Err(Invalid::new("starts_at", detail));
    }
    let Some(ends_at) = block.ends_at else { return Ok(()) };
    check_calendar("ends_at", ends_at)?;
    if ends_at <= block.starts_at {
        return Err(Invalid::new("ends_at", "a block ends after it begins"));
    }
    Ok(())
}

/// Why a block is lifted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftBody {
    pub reason: Option<Reason>,
}

/// Gives the units of a block back to the market from now on.
pub async fn lift(app: &App, call: &Call, id: BlockId, body: LiftBody) -> Result<Reply, Problem> {
    call.require_key()?;
    let mut act = app.begin(call).await?;
    let provider = lister(&mut act, &call.caller).await?;
    let unknown = || Problem::not_found("block", id);
    let found = store::find_block(&mut act, id, Some(provider.0)).await?.ok_or_else(unknown)?;
    lock(&mut act, found.pool_id).await?;
    let mut block = store::find_block(&mut act, id, Some(provider.0)).await?.ok_or_else(unknown)?;
    let now = act.now;
    if block.is_over(now) {
        return Err(Error::BlockIsOver(id).into());
    }
    block.lifted_at = Some(now);
    store::lift_block(&mut act, id, now).await?;
    let mut edit = capacity::edit(app, &mut act, &[block.pool_id]).await?;
    edit.on(block.pool_id)?.vacate(&mut act, id.0, Some(now)).await?;
    cover_undelivered(&mut act, &mut edit, block.pool_id).await?;
    edit.write(&mut act).await?;
    let reason = body.reason.as_ref().map_or("", Reason::as_str);
    act.log(Entry::new(Event::BlockLifted, id).provider(provider).after(&block).reason(reason));
    act.finish(Reply::ok(&block)).await
}

fn check_calendar(field: &str, at: Timestamp) -> Result<(), Invalid> {
    if is_in_calendar(at) {
        return Ok(());
    }
    Err(Invalid::new(field, "the calendar has the years 1970 to 2199"))
}

/// Draws anew what is not delivered of `pool`: bookings make way where they can, and where they cannot
/// it is drawn around them.
async fn redraw(app: &App, act: &mut Act, pool: &Pool) -> Result<(), Problem> {
    let now = act.now;
    let mut edit = capacity::edit(app, act, &[pool.id]).await?;
    let deliveries = store::deliveries(act, &[pool.id]).await?;
    // What was not there until now stays on the plane: its past is not drawn anew.
    edit.on(pool.id)?.vacate(act, pool.id.0, Some(now)).await?;
    let mark = edit.mark();
    match draw_undelivered(&mut edit, pool, &deliveries, Some(now), now) {
        Err(capacity::Error::Refused { .. }) => {
            edit.back_to(mark);
            cover_with(&mut edit, pool, &deliveries, now)?;
        }
        drawn => drawn?,
    }
    Ok(edit.write(act).await?)
}

/// Draws what is not delivered of the pool `id` wherever nothing stands, in the caller's act: somebody who
/// relied on units that come late has left, and nobody may book them before they are there.
///
/// # Errors
/// Those of the database.
pub async fn cover_undelivered(act: &mut Act, edit: &mut Edit, id: PoolId) -> Result<(), Problem> {
    let Some(pool) = store::find(act, id, None).await? else { return Ok(()) };
    let deliveries = store::deliveries(act, &[id]).await?;
    Ok(cover_with(edit, &pool, &deliveries, act.now)?)
}

fn cover_with(
    edit: &mut Edit,
    pool: &Pool,
    deliveries: &[Delivery],
    now: Timestamp,
) -> Result<(), capacity::Error> {
    let mut plane = edit.on(pool.id)?;
    for (units, until) in missing(pool, deliveries, now) {
        plane.occupy_around(pool.id.0, Purpose::Undelivered, units, until, now)?;
    }
    Ok(())
}

/// Draws what is not delivered of `pool`, from then on (`None`: since ever), on a plane that shows nothing
/// of it.
///
/// # Errors
/// [`capacity::Error::Refused`]: bookings stand in the way.
pub fn draw_undelivered(
    edit: &mut Edit,
    pool: &Pool,
    deliveries: &[Delivery],
    from: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), capacity::Error> {
    let mut plane = edit.on(pool.id)?;
    for (units, until) in missing(pool, deliveries, now) {
        plane.occupy(pool.id.0, Purpose::Undelivered, units, from, until, now)?;
    }
    Ok(())
}

/// The units of `pool` that cannot be used yet, and until when.
fn missing(
    pool: &Pool,
    deliveries: &[Delivery],
    now: Timestamp,
) -> Vec<((u32, u32), Option<Timestamp>)> {
    let dates: Vec<(UnitRange, Timestamp)> =
        deliveries.iter().map(|delivery| (delivery.units, delivery.usable_from)).collect();
    undelivered(pool.facts.units, &dates, now)
        .into_iter()
        .map(|(units, until)| ((units.first_unit, units.end_unit), until))
        .collect()
}
