//! What is at stake: whether a measure can be carried out, from when on, for what money.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::case::Measure;
use super::refusal::CaseRefusal;
use super::settlement::{LineKind, Portion, suspended, taken};
use crate::kernel::{Money, Period, Timestamp};
use crate::leases::Tranche;
use crate::supply::{Clause, Compensation};

/// What a case comes to, and from when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stake {
    /// The lease changes at this instant.
    pub effective_at: DateTime<Utc>,
    /// Price of the time taken back, or suspended.
    pub unused: Money,
    /// What the tenant gets under the clause.
    pub compensation: Money,
}

/// Whether `measure` can be carried out on what is left of a lease at `at`.
///
/// # Errors
/// The [`CaseRefusal`] that applies.
pub fn check_measure(
    measure: Measure,
    clause: &Clause,
    tranches: &[Tranche],
    at: Timestamp,
) -> Result<(), CaseRefusal> {
    let (tranche_id, units, until) = match measure {
        Measure::Warn | Measure::Full => return Ok(()),
        Measure::Suspend { until } => {
            let left = tranches.iter().filter(|tranche| tranche.ends_at > at);
            let begins_at = left.map(|tranche| tranche.starts_at).min();
            return check_end(begins_at.unwrap_or(at).max(at), until);
        }
        Measure::Partial { tranche_id, units, until } => {
            until.map_or(Ok(()), |until| check_end(at, until))?;
            (tranche_id, units, until)
        }
    };
    let mut left = tranches.iter().filter(|tranche| tranche.ends_at > at);
    let is_named = |it: &&Tranche| it.id == tranche_id || it.line == tranche_id;
    let named = tranches.iter().find(is_named).ok_or(CaseRefusal::TrancheNotThere(tranche_id))?;
    let of_line = left.clone().filter(|tranche| tranche.line == named.line);
    let most = of_line.clone().map(|tranche| tranche.units).max();
    let most = most.ok_or(CaseRefusal::TrancheNotThere(tranche_id))?;
    let starts_at = of_line.map(|tranche| tranche.starts_at).min().unwrap_or(at);
    // Units that are taken before they are the tenant's cannot return to the lease before that either.
    until.map_or(Ok(()), |until| check_end(at.max(starts_at), until))?;
    let is_only_one = left.all(|other| other.line == named.line);
    // Something must be left of the lease: taking all of it is another measure.
    let has = if is_only_one { most - 1 } else { most };
    if units > has {
        return Err(CaseRefusal::MoreUnitsThanThere { asked: units, has });
    }
    if units == 0 || !units.is_multiple_of(clause.partial_step) {
        return Err(CaseRefusal::NotInSteps { asked: units, step: clause.partial_step });
    }
    Ok(())
}

fn check_end(from: Timestamp, until: Timestamp) -> Result<(), CaseRefusal> {
    if until > from { Ok(()) } else { Err(CaseRefusal::OverBeforeItBegins { from, until }) }
}

/// What carrying out `measure` at `at` comes to: what [`super::settle`] will say, without its lines. Of a
/// suspension it is the most: time that another suspension of the lease is settled for does not count again.
pub fn stake(
    measure: Measure,
    compensation: &Compensation,
    tranches: &[Tranche],
    at: Timestamp,
) -> Stake {
    let (_, portions) = portions(measure, tranches, at);
    let unused: Money = portions.iter().map(|portion| portion.price).sum();
    let owes = !portions.is_empty();
    let compensation = if owes { compensation.amount(unused) } else { Money::ZERO };
    Stake { effective_at: at, unused, compensation }
}

/// What `measure` takes away from the tenant from `at` on, and as what it is settled.
pub fn portions(measure: Measure, tranches: &[Tranche], at: Timestamp) -> (LineKind, Vec<Portion>) {
    match measure {
        Measure::Suspend { until } => {
            let time = Period { starts_at: at, ends_at: until };
            (LineKind::SuspendedTime, suspended(tranches, time, &[], &[]))
        }
        _ => (LineKind::Refund, taken(measure, tranches, at)),
    }
}
