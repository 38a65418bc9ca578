//! Taking capacity back from a lease: what the execution of a reclaim case does to it.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::amend::give_back;
use super::approve::entry;
use super::cancel::{cut, end_at, prices};
use super::{decided, delays, lock};
use crate::api::Problem;
use crate::app::{self, App};
use crate::capacity::rectangles_of;
use crate::kernel::{AmendmentId, LeaseId, Money, PoolId, Timestamp, TrancheId};
use crate::leases::error::Error;
use crate::leases::rules::{self, Act};
use crate::leases::store::amendments::{self, Amendment};
use crate::leases::store::leases::{self, End, Tranche};

/// How much is taken.
#[derive(Debug, Clone, Copy)]
pub enum Taking {
    /// All of it.
    Whole,
    /// So many units of one tranche.
    Units { tranche: TrancheId, units: u32 },
}

/// What was taken.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Taken {
    pub effective_at: chrono::DateTime<chrono::Utc>,
    pub gpus: u32,
    pub units: Vec<FreedUnits>,
    /// Price of the time taken back.
    pub unused: Money,
    /// GPU-hours taken back, to the thousandth.
    #[serde(default)]
    #[schema(value_type = String)]
    pub gpu_hours: Decimal,
}

/// Units of a pool that return to the market, `[from, until)`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FreedUnits {
    pub pool_id: PoolId,
    #[serde(rename = "first_unit")]
    pub from: u32,
    #[serde(rename = "end_unit")]
    pub until: u32,
}

/// Takes capacity back from `effective_at` on, ends or shrinks the lease, and logs it, in the caller's
/// transaction.
///
/// # Errors
/// What is refused; those of the database.
pub async fn take_back(
    app: &App,
    act: &mut app::Act,
    id: LeaseId,
    taking: Taking,
    effective_at: Timestamp,
    reason: &str,
) -> Result<Taken, Problem> {
    Ok(try_take_back(app, act, id, taking, effective_at, reason).await?)
}

async fn try_take_back(
    app: &App,
    act: &mut app::Act,
    id: LeaseId,
    taking: Taking,
    effective_at: Timestamp,
    reason: &str,
) -> Result<Taken, Error> {
    let now = act.now;
    let seen = leases::signed(act, id, None).await?.ok_or(Error::UnknownLease(id))?;
    let mut opened = lock(app, act, &seen).await?;
    let before = opened.lease;
    let status = decided(&before, Act::Reclaim, now)?;
    let (mut lease, units) = match taking {
        Taking::Whole => {
            let units = units_from(act, &before, effective_at).await?;
            let end = End {
                at: effective_at,
                by: act.call.caller.actor.to_string(),
                code: "reclaimed".to_owned(),
                reason: reason.to_owned(),
            };
            let lease = end_at(act, &mut opened.edit, &before, status, effective_at, end).await?;
            (lease, units)
        }
        Taking::Units { tranche, units } => {
            let at = before
                .tranche(tranche)
                .map_or(effective_at, |tranche| tranche.starts_at.max(effective_at));
            let (mut lease, freed) =
                give_back(act, &mut opened.edit, &before, tranche, units, at, now).await?;
            lease.revision = before.revision + 1;
            let pool_id = before.tranche(tranche).map(|tranche| tranche.pool_id);
            let freed = freed.iter().filter_map(|units| {
                Some(FreedUnits { pool_id: pool_id?, from: units.from, until: units.until })
            });
            (lease, freed.collect())
        }
    };
    let after = match taking {
        Taking::Whole => prices(&cut(&before.tranches, effective_at)).sum::<Money>(),
        Taking::Units { .. } => prices(&lease.tranches).sum(),
    };
    let unused = rules::unused(prices(&before.tranches), std::iter::once(after));
    let left = match taking {
        Taking::Whole => gpu_hours(&cut(&before.tranches, effective_at)),
        Taking::Units { .. } => gpu_hours(&lease.tranches),
    };
    let gpu_hours = (gpu_hours(&before.tranches) - left).round_dp(3);
    lease.price = before.price - unused;
    lease.noticed = false;
    let gpus = gpus_taken(&before, taking, effective_at);
    let taken = Taken { effective_at, gpus, units, unused, gpu_hours };
    opened.edit.write(act).await?;
    delays::close_gaps(app, act, &before).await?;
    leases::change(act, &before, &lease).await?;
    let amendment = Amendment {
        id: AmendmentId::new(now),
        lease_id: id,
        kind: "reclaim".to_owned(),
        revision: lease.revision,
        price: lease.price - before.price,
        terms: serde_json::to_value(&taken).unwrap_or_default(),
        created_by: act.call.caller.actor.uuid(),
        created_at: now,
    };
    amendments::add_amendment(act, &amendment).await?;
    act.log(entry("lease.reclaimed", &before, &lease).reason(reason));
    Ok(taken)
}

/// GPU-hours of `tranches`.
fn gpu_hours(tranches: &[Tranche]) -> Decimal {
    let seconds =
        tranches.iter().map(|it| Decimal::from(it.gpus) * Decimal::from(it.period().seconds()));
    seconds.sum::<Decimal>() / Decimal::from(3600)
}

/// The most GPUs that are taken at a time.
fn gpus_taken(before: &leases::Signed, taking: Taking, at: Timestamp) -> u32 {
    match taking {
        Taking::Units { tranche, units } => before
            .tranche(tranche)
            .map_or(0, |tranche| tranche.gpus_per_unit().saturating_mul(units)),
        Taking::Whole => {
            let starts = before.tranches.iter().map(|tranche| tranche.starts_at.max(at));
            starts
                .map(|instant| super::draft::size_at(&before.tranches, instant).0)
                .max()
                .unwrap_or(0)
        }
    }
}

async fn units_from(
    act: &mut app::Act,
    lease: &leases::Signed,
    at: Timestamp,
) -> Result<Vec<FreedUnits>, Error> {
    let owners: Vec<_> = lease.tranches.iter().map(|tranche| tranche.id.0).collect();
    let rectangles = rectangles_of(act, &owners).await?;
    let later = rectangles.iter().filter(|rectangle| rectangle.ends_at.is_none_or(|end| end > at));
    let units = later.map(|rectangle| FreedUnits {
        pool_id: rectangle.pool_id,
        from: rectangle.units.from,
        until: rectangle.units.until,
    });
    Ok(units.collect())
}
