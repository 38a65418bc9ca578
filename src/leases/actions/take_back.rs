//! Taking capacity back from a lease: what the execution of a reclaim case does to it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reserve::{Reservation, Reserved, check_heir, quoted, reserve};
use crate::app::{Act, App};
use crate::capacity::{Freed, Units};
use crate::kernel::event::Event;
use crate::kernel::{LeaseId, Money, Period, PoolId, QuoteId, Timestamp, TrancheId};
use crate::leases::change::{Change, GivenBack, Record, Scope, entry, mark};
use crate::leases::error::Error;
use crate::leases::rules::{
    AmendmentKind, Cancellation, ChargeKind, Command, End, EndCode, Given, Lease, Tranche,
};
use crate::leases::store::leases;

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
    /// At most so many units of the line that `tranche` is a piece of, until they return to the lease. Where
    /// nothing would be left of the lease, all of it is taken.
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

/// Takes capacity back, ends or shrinks the lease, keeps the units for whom they are meant, and logs it,
/// in the caller's act. Whoever the units are kept for and could not have them, does not hold it up.
///
/// # Errors
/// [`Error::UnknownLease`], [`Error::State`], [`Error::UnknownTranche`]; those of the database.
pub async fn take_back(
    app: &App,
    act: &mut Act,
    id: LeaseId,
    what: TakeBack<'_>,
) -> Result<Taken, Error> {
    let (mut change, quote_id) = begin(app, act, id, what).await?;
    let (mut taken, back) = take(&mut change, id, what).await?;
    if let Some(reservation) = what.reservation {
        let kept = reserve(&mut change, id, &back.freed, quote_id, reservation).await;
        taken.reserved = match kept {
            Ok(reserved) => reserved,
            Err(refusal @ (Error::Quota(_) | Error::CannotBook(_))) => {
                Some(Reserved::Nothing { reason: refusal.to_string() })
            }
            Err(error) => return Err(error),
        };
    }
    if !what.is_refunded {
        let unused = Cancellation { charge: taken.unused, refund: Money::ZERO };
        change.charge(id, ChargeKind::Reclaim, unused)?;
    }
    change.lift_notice(id)?;
    let record = Record {
        amendment: Some(AmendmentKind::Reclaim),
        terms: serde_json::to_value(&taken).map_err(crate::api::Problem::internal)?,
        action: Event::LeaseReclaimed,
        reason: what.reason,
    };
    change.record(id, record).await?;
    change.finish().await?;
    Ok(taken)
}

/// What taking back would do to the lease as it stands, with everything locked that it would change; nothing
/// is written.
///
/// # Errors
/// Those of [`take_back`]; [`Error::Quota`] or [`Error::CannotBook`] if whom the units are kept for could not have
/// them.
pub async fn preview(
    app: &App,
    act: &mut Act,
    id: LeaseId,
    what: TakeBack<'_>,
) -> Result<Taken, Error> {
    let (mut change, _) = begin(app, act, id, what).await?;
    let (taken, back) = take(&mut change, id, what).await?;
    let provider = change.lease(id)?.provider_id;
    let heir = what.reservation.map(|reservation| reservation.organization);
    if let Some(heir) = heir.filter(|heir| *heir != provider) {
        let lines = quoted(&back.freed, change.act.now);
        check_heir(&mut change, heir, &lines).await?;
    }
    Ok(taken)
}

/// Gives back what a case took under a clause that returns nothing, because the case did not stand: the price
/// goes down by it. Returns how much that is.
///
/// # Errors
/// [`Error::UnknownLease`]; those of the database.
pub async fn waive_reclaim(act: &mut Act, id: LeaseId, reason: &str) -> Result<Money, Error> {
    let before = leases::locked(act, id).await?.ok_or(Error::UnknownLease(id))?;
    let now = act.now;
    if before.charges.iter().all(|it| it.kind != ChargeKind::Reclaim || it.waived_at.is_some()) {
        return Ok(Money::ZERO);
    }
    let after = mark(act, id, |lease| {
        lease.waive(ChargeKind::Reclaim, now);
    })
    .await?;
    act.log(entry(Event::LeaseChargeWaived, &before, &after).reason(reason));
    Ok(before.price() - after.price())
}

async fn begin<'a>(
    app: &'a App,
    act: &'a mut Act,
    id: LeaseId,
    what: TakeBack<'_>,
) -> Result<(Change<'a>, QuoteId), Error> {
    let quote_id = QuoteId::new(act.now);
    let seen = leases::find(act, id, None).await?.ok_or(Error::UnknownLease(id))?;
    let heir = what.reservation.map(|reservation| reservation.organization);
    let heir = heir.filter(|heir| *heir != seen.provider_id);
    let growing = heir.map(|heir| (heir, quote_id.0)).into_iter().collect();
    let scope = Scope { growing, ..Scope::lease(id) };
    Ok((Change::begin(app, act, scope).await?, quote_id))
}

async fn take(
    change: &mut Change<'_>,
    id: LeaseId,
    what: TakeBack<'_>,
) -> Result<(Taken, GivenBack), Error> {
    let at = what.effective_at;
    let before = change.lease(id)?.clone();
    change.check(id, Command::Reclaim)?;
    let part = match what.taking {
        Taking::Whole => None,
        Taking::Units { tranche, units, until } => part_of(&before, tranche, units, at, until)?,
    };
    let (back, choice) = match part {
        Some((line, units, period)) => {
            let back = change.give_back(id, line, units, period).await?;
            let units = back.freed.iter().map(|(_, freed)| freed.units).collect();
            let choice = Choice::of_some(&back.held, &crate::capacity::joined(units));
            (back, choice)
        }
        None => {
            change.decide(id, Command::Reclaim)?;
            let by = change.act.call.caller.actor.to_string();
            let end = End { at, by, code: EndCode::Reclaimed, reason: what.reason.to_owned() };
            let back = change.end(id, at, end).await?;
            let choice = Choice::of_all(back.freed.len());
            (back, choice)
        }
    };
    let after = change.lease(id)?;
    let seconds = |it: &Given| Decimal::from(it.gpus()) * Decimal::from(it.period.seconds());
    let hours = back.given.iter().map(seconds).sum::<Decimal>() / Decimal::from(3600);
    let taken = Taken {
        effective_at: at,
        gpus: most_at_a_time(&back),
        units: back.freed.iter().map(freed_units).collect(),
        unused: before.tranches.price() - after.tranches.price(),
        gpu_hours: hours.round_dp(3),
        choice,
        reserved: None,
    };
    Ok((taken, back))
}

/// Which units of which line go, and for how long; `None` if that is all that is left of the lease.
fn part_of(
    lease: &Lease,
    tranche: TrancheId,
    units: u32,
    at: Timestamp,
    until: Option<Timestamp>,
) -> Result<Option<(TrancheId, u32, Period)>, Error> {
    let unknown = || Error::UnknownTranche { lease: lease.id, tranche };
    let line = lease.tranches.line_of(tranche).ok_or_else(unknown)?;
    let pieces = || lease.tranches.line(line);
    let starts_at = pieces().map(|it| it.starts_at).min().ok_or_else(unknown)?.max(at);
    let ends_at = pieces().map(|it| it.ends_at).max().ok_or_else(unknown)?;
    let ends_at = until.map_or(ends_at, |until| until.min(ends_at));
    if starts_at >= ends_at {
        return Err(unknown());
    }
    let period = Period { starts_at, ends_at };
    let mut left = lease.tranches.clone();
    left.give_back(line, units, period, || line);
    let is_left = left.period().is_some_and(|left| left.ends_at > at);
    Ok(is_left.then_some((line, units, period)))
}

fn freed_units((tranche, freed): &(Tranche, Freed)) -> FreedUnits {
    FreedUnits { pool_id: tranche.pool_id, from: freed.units.from, until: freed.units.until }
}

/// The most GPUs that are taken at a time.
fn most_at_a_time(back: &GivenBack) -> u32 {
    let at = |instant: Timestamp| -> u32 {
        let then = back.given.iter();
        let then = then.filter(|it| it.period.starts_at <= instant && instant < it.period.ends_at);
        then.map(|it| it.gpus()).sum()
    };
    back.given.iter().map(|it| at(it.period.starts_at)).max().unwrap_or(0)
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
