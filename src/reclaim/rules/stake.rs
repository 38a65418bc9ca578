//! What is at stake: which units at most, and what money.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::case::{Measure, Refusal};
use crate::kernel::{Money, Period, Timestamp};
use crate::leases::Tranche;
use crate::supply::{Clause, Compensation};

/// What taking back costs, and from when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stake {
    /// The lease changes at this instant.
    pub effective_at: DateTime<Utc>,
    /// Price of the time taken back.
    pub unused: Money,
    /// What the tenant gets under the clause.
    pub compensation: Money,
}

/// Whether `measure` can be carried out on what is left of a lease at `at`.
///
/// # Errors
/// The [`Refusal`] that applies.
pub fn check_measure(
    measure: Measure,
    clause: &Clause,
    tranches: &[Tranche],
    at: Timestamp,
) -> Result<(), Refusal> {
    let Measure::Partial { tranche_id, units } = measure else { return Ok(()) };
    let mut left = tranches.iter().filter(|tranche| tranche.ends_at > at);
    let tranche = left
        .clone()
        .find(|tranche| tranche.id == tranche_id)
        .ok_or(Refusal::TrancheNotThere(tranche_id))?;
    let is_only_one = left.all(|other| other.id == tranche_id);
    // Something must be left of the lease: taking all of it is another measure.
    let has = if is_only_one { tranche.units - 1 } else { tranche.units };
    if units > has {
        return Err(Refusal::MoreUnitsThanThere { asked: units, has });
    }
    if units == 0 || !units.is_multiple_of(clause.partial_step) {
        return Err(Refusal::NotInSteps { asked: units, step: clause.partial_step });
    }
    Ok(())
}

/// What carrying out `measure` at `at` costs: the price as signed less the price of what stays, so that
/// the two add up to the cent.
pub fn stake(
    measure: Measure,
    compensation: &Compensation,
    tranches: &[Tranche],
    at: Timestamp,
) -> Stake {
    let unused = tranches
        .iter()
        .map(|tranche| {
            let taken = match measure {
                Measure::Full => tranche.units,
                Measure::Partial { tranche_id, units } if tranche_id == tranche.id => units,
                Measure::Partial { .. } => 0,
            };
            unused(tranche, taken, at)
        })
        .sum();
    Stake { effective_at: at, unused, compensation: compensation.amount(unused) }
}

/// The price of `units` of `tranche` from `at` on.
fn unused(tranche: &Tranche, units: u32, at: Timestamp) -> Money {
    let stays = tranche.units.saturating_sub(units);
    if at >= tranche.ends_at || units == 0 {
        return Money::ZERO;
    }
    let cut = at.max(tranche.starts_at);
    let used = Period { starts_at: tranche.starts_at, ends_at: cut };
    let rest = Period { starts_at: cut, ends_at: tranche.ends_at };
    let kept = tranche.rate.price(tranche.gpus, used)
        + tranche.rate.price(stays.saturating_mul(tranche.gpus_per_unit()), rest);
    tranche.price - kept
}
