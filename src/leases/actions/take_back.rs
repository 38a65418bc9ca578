//! Taking capacity back from a lease: what the execution of a reclaim case does to it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::amend::give_back;
use super::approve::entry;
use super::cancel::{cut, end_at, prices};
use super::reserve::{Reservation, Reserved, reserve};
use super::{decided, delays, lock};
use crate::api::Problem;
use crate::app::{self, App};
use crate::capacity::{Edit, Units};
use crate::kernel::{AmendmentId, LeaseId, Money, Period, PoolId, Timestamp, TrancheId};
use crate::leases::error::Error;
use crate::leases::rules::{self, Act};
use crate::leases::store::amendments::{self, Amendment};
use crate::leases::store::leases::{self, End, Signed, Tranche};

/// What is to be taken back, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub struct TakeBack<'a> {
    pub taking: Taking,
    /// The lease changes then.
    pub effective_at: Timestamp,
    /// Whether the price of the time taken back is returned, or stays owed.
    pub is_refunded: bool,
    /// For whom the units are kept.
    pub reservation: Option<Reservation>,
    pub reason: &'a str,
}

/// How much is taken.
#[derive(Debug, Clone, Copy)]
pub enum Taking {
    /// All of it.
    Whole,
    /// So many units of one tranche, until they return to the lease.
    Units { tranche: TrancheId, units: u32, until: Option<Timestamp> },
}

/// What was taken.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Taken {
    pub effective_at: DateTime<Utc>,
    pub gpus: u32,
    pub units: Vec<FreedUnits>,
    /// Price of the time taken back.
    pub unused: Money,
    /// GPU-hours taken back, to the thousandth.
    #[serde(default)]
    #[schema(value_type = String)]
    pub gpu_hours: Decimal,
    /// Why these units.
    pub choice: Choice,
    /// What was made for whom they are kept.
    pub reserved: Option<Reserved>,
}

/// Units of a pool that return to the market, `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreedUnits {
    pub pool_id: PoolId,
    #[serde(rename = "first_unit")]
    pub from: u32,
    #[serde(rename = "end_unit")]
    pub until: u32,
}

/// Why units were chosen: in how many pieces they leave things.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Choice {
    /// Runs of neighbouring units that the lease had there.
    pub runs_before: usize,
    /// Runs that it keeps.
    pub runs_kept: usize,
    /// Runs that return to the market.
    pub runs_freed: usize,
    /// The same in words.
    pub explanation: String,
}

/// What one tranche gives up: these units for this period.
pub struct Given {
    pub tranche: Tranche,
    pub units: Vec<Units>,
    pub period: Period,
}

/// Takes capacity back, ends or shrinks the lease, keeps the units for whom they are meant, and logs it,
/// in the caller's transaction.
///
/// # Errors
/// What is refused; those of the database.
pub async fn take_back(
    app: &App,
    act: &mut app::Act,
    id: LeaseId,
    what: TakeBack<'_>,
) -> Result<Taken, Problem> {
    Ok(try_take_back(app, act, id, what).await?)
}

async fn try_take_back(
    app: &App,
    act: &mut app::Act,
    id: LeaseId,
    what: TakeBack<'_>,
) -> Result<Taken, Error> {
    let now = act.now;
    let at = what.effective_at;
    let seen = leases::signed(act, id, None).await?.ok_or(Error::UnknownLease(id))?;
    let mut opened = lock(app, act, &seen).await?;
    let before = opened.lease;
    let status = decided(&before, Act::Reclaim, now)?;
    let (mut lease, given, choice) = match what.taking {
        Taking::Whole => {
            let given = all_from(act, &opened.edit, &before, at).await?;
            let end = End {
                at,
                by: act.call.caller.actor.to_string(),
                code: "reclaimed".to_owned(),
                reason: what.reason.to_owned(),
            };
            let lease = end_at(act, &mut opened.edit, &before, status, at, end).await?;
            let runs = given.iter().map(|given| given.units.len()).sum();
            (lease, given, Choice::of_all(runs))
        }
        Taking::Units { tranche, units, until } => {
            let whole = before.tranche(tranche).cloned();
            let whole = whole.ok_or(Error::UnknownTranche { lease: id, tranche })?;
            let period = Period {
                starts_at: whole.starts_at.max(at),
                ends_at: until.map_or(whole.ends_at, |until| until.min(whole.ends_at)),
            };
            let held = opened.edit.held(act, whole.pool_id, whole.id.0).await?.last_units();
            let times = (period.starts_at, until);
            let (mut lease, freed) =
                give_back(act, &mut opened.edit, &before, tranche, units, times, now).await?;
            lease.revision = before.revision + 1;
            let choice = Choice::of_some(&held, &freed);
            (lease, vec![Given { tranche: whole, units: freed, period }], choice)
        }
    };
    let after = match what.taking {
        Taking::Whole => prices(&cut(&before.tranches, at)).sum::<Money>(),
        Taking::Units { .. } => prices(&lease.tranches).sum(),
    };
    let unused = rules::unused(prices(&before.tranches), std::iter::once(after));
    let left = match what.taking {
        Taking::Whole => gpu_hours(&cut(&before.tranches, at)),
        Taking::Units { .. } => gpu_hours(&lease.tranches),
    };
    lease.price = if what.is_refunded { before.price - unused } else { before.price };
    lease.noticed = false;
    let reserved = match what.reservation {
        Some(reservation) => reserve(act, &mut opened.edit, &before, &given, reservation).await?,
        None => None,
    };
    let taken = Taken {
        effective_at: at,
        gpus: gpus_taken(&before, what.taking, at),
        units: given.iter().flat_map(Given::freed).collect(),
        unused,
        gpu_hours: (gpu_hours(&before.tranches) - left).round_dp(3),
        choice,
        reserved,
    };
    delays::close_gaps(act, &mut opened.edit, &before).await?;
    opened.edit.write(act).await?;
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
    act.log(entry("lease.reclaimed", &before, &lease).reason(what.reason));
    Ok(taken)
}

/// GPU-hours of `tranches`.
fn gpu_hours(tranches: &[Tranche]) -> Decimal {
    let seconds =
        tranches.iter().map(|it| Decimal::from(it.gpus) * Decimal::from(it.period().seconds()));
    seconds.sum::<Decimal>() / Decimal::from(3600)
}

impl Given {
    fn freed(&self) -> impl Iterator<Item = FreedUnits> {
        let pool_id = self.tranche.pool_id;
        self.units.iter().map(move |units| FreedUnits {
            pool_id,
            from: units.from,
            until: units.until,
        })
    }
}

impl Choice {
    fn of_all(runs: usize) -> Choice {
        Choice {
            runs_before: runs,
            runs_kept: 0,
            runs_freed: runs,
            explanation: "all units of the lease are taken back".to_owned(),
        }
    }

    fn of_some(held: &[Units], freed: &[Units]) -> Choice {
        let is_gone = |run: &Units| freed.iter().any(|gone| gone.contains(*run));
        // Whole runs go, and at most one more is cut at an end.
        let kept = held.iter().filter(|run| !is_gone(run)).count();
        Choice {
            runs_before: held.len(),
            runs_kept: kept,
            runs_freed: freed.len(),
            explanation: format!(
                "whole runs go first, then one end of another, beside free units where it can be: of \
                 {} the lease keeps {kept}, and {} to the market",
                runs(held.len()),
                if freed.len() == 1 {
                    "1 run returns".to_owned()
                } else {
                    runs(freed.len()) + " return"
                },
            ),
        }
    }
}

fn runs(count: usize) -> String {
    format!("{count} run{}", if count == 1 { "" } else { "s" })
}

/// The most GPUs that are taken at a time.
fn gpus_taken(before: &Signed, taking: Taking, at: Timestamp) -> u32 {
    match taking {
        Taking::Units { tranche, units, .. } => before
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

/// All that the tranches of `lease` have from `at` on.
async fn all_from(
    act: &mut app::Act,
    edit: &Edit,
    lease: &Signed,
    at: Timestamp,
) -> Result<Vec<Given>, Error> {
    let mut given = Vec::new();
    for tranche in lease.tranches.iter().filter(|tranche| tranche.ends_at > at) {
        let units = edit.held(act, tranche.pool_id, tranche.id.0).await?.last_units();
        let period = Period { starts_at: tranche.starts_at.max(at), ends_at: tranche.ends_at };
        given.push(Given { tranche: tranche.clone(), units, period });
    }
    Ok(given)
}
