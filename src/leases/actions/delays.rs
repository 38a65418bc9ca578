//! Late deliveries: which leases wait for units that are not there, and what they earn for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::json;
use sqlx::PgConnection;

use crate::app::App;
use crate::capacity::{self, Purpose};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{DelayId, DeliveryId, LeaseId, Money, Period, Timestamp, TrancheId};
use crate::leases::change;
use crate::leases::error::Error;
use crate::leases::rules::Lease;
use crate::leases::store::delays::{self, Delay, DelayEnd};
use crate::leases::store::leases;
use crate::supply::{self, Delivery, Ground};

/// Rectangles of a pool that are looked at.
const MOST_RECTANGLES: i64 = 100_000;

/// What waits for what.
pub type Key = (LeaseId, TrancheId, DeliveryId);

/// Units that are not there in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    units: u32,
    starts_at: Timestamp,
    /// The tenant could use them until it was known that they do not come in time.
    late_since: Option<Timestamp>,
    expected_at: Timestamp,
}

/// Who waits for what.
pub type Waiting = Arc<BTreeMap<Key, Missing>>;

/// The leases whose delays do not fit the deliveries as they stand, and who waits for what.
///
/// # Errors
/// Those of the database.
pub async fn changed(app: &App) -> Result<(Vec<LeaseId>, Waiting), Error> {
    let now = app.now();
    let mut connection = app.db.acquire().await?;
    let late = supply::late_deliveries(&mut connection, now).await?;
    let open = delays::open(&mut connection).await?;
    if late.is_empty() && open.is_empty() {
        return Ok((Vec::new(), Waiting::default()));
    }
    let missing = missing(&mut connection, &late, now).await?;
    drop(connection);
    let known: HashMap<Key, &Delay> = open.iter().map(|delay| (key(delay), delay)).collect();
    let is_new = |(key, missing): (&Key, &Missing)| {
        known.get(key).is_none_or(|delay| {
            delay.units != missing.units || delay.expected_at != missing.expected_at
        })
    };
    let begun = missing.iter().filter(|pair| is_new(*pair)).map(|(key, _)| key.0);
    let ended = open.iter().filter(|delay| !missing.contains_key(&key(delay)));
    let leases: BTreeSet<LeaseId> = begun.chain(ended.map(|delay| delay.lease_id)).collect();
    Ok((leases.into_iter().collect(), Arc::new(missing)))
}

fn key(delay: &Delay) -> Key {
    (delay.lease_id, delay.tranche_id, delay.delivery_id)
}

/// Who waits for which of the `late` deliveries.
async fn missing(
    connection: &mut PgConnection,
    late: &[Delivery],
    now: Timestamp,
) -> Result<BTreeMap<Key, Missing>, Error> {
    let mut found = BTreeMap::new();
    for delivery in late {
        let Ok(period) = Period::new(now, delivery.usable_from) else { continue };
        let rectangles =
            capacity::rectangles(connection, delivery.pool_id, period, MOST_RECTANGLES).await?;
        let units = capacity::Units::new(delivery.units.first_unit, delivery.units.end_unit);
        for rectangle in rectangles {
            let is_leased = matches!(rectangle.purpose, Purpose::Lease | Purpose::Hold);
            let late = rectangle.units.intersection(units).len();
            let Some(starts_at) = rectangle.starts_at.filter(|_| is_leased && late > 0) else {
                continue;
            };
            let key = (LeaseId(rectangle.subject), TrancheId(rectangle.owner), delivery.id);
            let expected_at = delivery.usable_from;
            let missing = found.entry(key).or_insert(Missing {
                units: 0,
                starts_at,
                late_since: delivery.late_since,
                expected_at,
            });
            missing.units += late;
            missing.starts_at = missing.starts_at.min(starts_at);
        }
    }
    Ok(found)
}

/// Brings the delays of one lease up; false if there was nothing to do.
///
/// # Errors
/// Those of the database.
pub async fn note_of(app: App, id: LeaseId, missing: Waiting) -> Result<bool, Error> {
    let mut act = app.begin_job("leases.note_delays").await?;
    let now = act.now;
    // What is held for a quote is no lease.
    let Some(lease) = leases::locked(&mut act, id).await? else { return Ok(false) };
    let mut known = delays::of_lease(&mut act, id).await?;
    let mut changes = Vec::new();
    for delay in known.iter_mut().filter(|delay| delay.end.is_none()) {
        match missing.get(&key(delay)).filter(|_| !lease.status.is_over()) {
            Some(still) if still.units == delay.units => {
                if delay.expected_at != still.expected_at {
                    delay.expected_at = still.expected_at;
                    delays::update(&mut act, delay).await?;
                    changes.push((Event::LeaseDelayed, delay.clone()));
                }
            }
            _ => {
                let at = came_at(&mut act, &lease, delay).await?.min(now);
                delay.end = Some(end_of(&mut act, &lease, delay, at).await?);
                delays::update(&mut act, delay).await?;
                changes.push((Event::LeaseDelayEnded, delay.clone()));
            }
        }
    }
    if !lease.status.is_over() {
        for (&(_, tranche_id, delivery_id), missing) in
            missing.iter().filter(|(key, _)| key.0 == id)
        {
            let earlier = || {
                known.iter().filter(|delay| {
                    (delay.tranche_id, delay.delivery_id) == (tranche_id, delivery_id)
                })
            };
            let is_known = earlier().any(|delay| delay.end.is_none());
            let Some(tranche) = lease.tranches.line(tranche_id).next().filter(|_| !is_known) else {
                continue;
            };
            let late_since = missing.late_since.unwrap_or(now);
            // What an earlier delay was credited for is not credited again.
            let credited = earlier().filter_map(|delay| Some(delay.end?.at)).max();
            let starts_at = missing.starts_at.max(late_since);
            let delay = Delay {
                id: DelayId::new(now),
                lease_id: id,
                tranche_id,
                delivery_id,
                units: missing.units,
                gpus: missing.units.saturating_mul(tranche.gpus_per_unit()),
                rate: tranche.rate,
                starts_at: credited.map_or(starts_at, |until| until.max(starts_at)),
                expected_at: missing.expected_at,
                end: None,
                created_at: now,
            };
            delays::add(&mut act, &delay).await?;
            changes.push((Event::LeaseDelayed, delay.clone()));
            known.push(delay);
        }
    }
    let open = known.iter().filter(|delay| delay.end.is_none());
    let until = open.map(|delay| delay.expected_at).max();
    if changes.is_empty() && until == lease.delayed_until {
        return Ok(false);
    }
    change::mark(&mut act, id, |lease| lease.delayed_until = until).await?;
    for (action, delay) in changes {
        act.log(entry(action, &lease, &delay));
    }
    act.commit().await?;
    Ok(true)
}

/// When a delay of `lease` that is over ended: its units came, or the tenant no longer has them.
async fn came_at(
    connection: &mut PgConnection,
    lease: &Lease,
    delay: &Delay,
) -> Result<Timestamp, Error> {
    let delivery = supply::delivery(connection, delay.delivery_id, None).await?;
    let line = lease.tranches.line(delay.tranche_id).map(|tranche| tranche.ends_at).max();
    let ends =
        [delivery.map(|delivery| delivery.usable_from), lease.end.as_ref().map(|end| end.at), line];
    let first = ends.into_iter().flatten().fold(delay.expected_at, Timestamp::min);
    Ok(first.max(delay.starts_at))
}

/// What a delay comes to if it ends at `at`: the price of the time without the units is not owed, and a
/// clause on non-delivery says what is on top of it.
async fn end_of(
    connection: &mut PgConnection,
    lease: &Lease,
    delay: &Delay,
    at: Timestamp,
) -> Result<DelayEnd, Error> {
    let clauses = supply::terms(connection, lease.terms_hash).await?.unwrap_or_default();
    let clause = clauses.iter().find(|clause| clause.ground == Ground::NonDelivery);
    let price = delay.price_until(at);
    let credit = match clause {
        Some(clause) if price > Money::ZERO => clause.compensation.amount(price).max(price),
        _ => price,
    };
    Ok(DelayEnd { at, price, credit })
}

fn entry(action: Event, lease: &Lease, delay: &Delay) -> Entry {
    let reason = match delay.end {
        Some(_) => "the units are there, or nobody waits for them any more",
        None => "the delivery of its units was put off",
    };
    Entry::new(action, lease.id)
        .tenant(lease.tenant_id)
        .provider(lease.provider_id)
        .after(json!({
            "delay_id": delay.id,
            "tranche_id": delay.tranche_id,
            "delivery_id": delay.delivery_id,
            "gpus": delay.gpus,
            "starts_at": delay.starts_at,
            "expected_at": delay.expected_at,
            "ended_at": delay.end.map(|end| end.at),
            "price": delay.end.map(|end| end.price),
            "credit": delay.end.map(|end| end.credit),
        }))
        .reason(reason)
}
