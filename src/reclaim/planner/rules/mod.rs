//! Pure: from what is there, over what can be taken, to what is taken; and what to say when that is not
//! enough.
//!
//! ```text
//! Stock ── menu(period) ──▶ Menu ── solve ──▶ Solution     the plan is drawn from all three
//!   └───── outlook(period) ─────────────────▶ Reach        when there is no solution
//! ```

mod bearing;
mod candidates;
mod most;
mod plan_state;
#[cfg(test)]
mod proposals;
mod reach;
mod solve;
mod stock;
#[cfg(test)]
mod tests;

pub use bearing::Picked;
pub use candidates::{Invoker, candidates, lead, part, served};
pub use most::most;
pub use plan_state::PlanState;
pub use reach::{Reach, reach};
pub use solve::{Solution, free_with, freed, solve};
pub use stock::{HORIZON, Reclaimable, STANDS, Stock};

use rust_decimal::Decimal;

use crate::kernel::{LeaseId, Money, PoolId, Timestamp, TrancheId};
use crate::supply::Ground;

/// How much is to be free throughout a period: in GPUs, or in watts at the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    Gpus(u64),
    Watts(u64),
}

impl Amount {
    /// The number alone.
    pub fn number(self) -> u64 {
        match self {
            Amount::Gpus(number) | Amount::Watts(number) => number,
        }
    }

    /// The same measure, but `number` of it.
    #[must_use]
    pub fn of(self, number: u64) -> Amount {
        match self {
            Amount::Gpus(_) => Amount::Gpus(number),
            Amount::Watts(_) => Amount::Watts(number),
        }
    }
}

/// What is free throughout a period, in both measures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Free {
    pub gpus: u64,
    /// At the meter.
    pub watts: u64,
}

impl Free {
    /// As `amount` counts.
    pub fn counted(self, amount: Amount) -> u64 {
        match amount {
            Amount::Gpus(_) => self.gpus,
            Amount::Watts(_) => self.watts,
        }
    }
}

/// A pool to take from.
#[derive(Debug, Clone)]
pub struct Pool {
    pub id: PoolId,
    pub units: u32,
    pub gpus_per_unit: u32,
    /// Power of a unit at the meter. Kilowatts and power usage effectiveness have at most six decimals
    /// each, so their product is a whole number of nanowatts.
    pub nanowatts_per_unit: u64,
    /// All that occupies it, from the plan's beginning on.
    pub uses: Vec<Use>,
}

/// Nanowatts in a watt.
const NANO: u64 = 1_000_000_000;

impl Pool {
    /// What `units` units of it count for: GPUs, or watts rounded once for all of them, as the power of a
    /// tranche is.
    pub fn worth(&self, amount: Amount, units: u64) -> u64 {
        match amount {
            Amount::Gpus(_) => units.saturating_mul(u64::from(self.gpus_per_unit)),
            Amount::Watts(_) => {
                let exact = u128::from(units) * u128::from(self.nanowatts_per_unit);
                let (whole, rest) = (exact / u128::from(NANO), exact % u128::from(NANO));
                // Half a watt goes to the even neighbour, as decimals are rounded elsewhere.
                let is_up =
                    rest * 2 > u128::from(NANO) || (rest * 2 == u128::from(NANO) && whole % 2 == 1);
                u64::try_from(whole + u128::from(is_up)).unwrap_or(u64::MAX)
            }
        }
    }

    /// What a unit counts for, exactly as far as a float is exact.
    fn worth_of_one(&self, amount: Amount) -> f64 {
        match amount {
            Amount::Gpus(_) => f64::from(self.gpus_per_unit),
            Amount::Watts(_) => to_float(self.nanowatts_per_unit) / to_float(NANO),
        }
    }

    /// The fewest units that count for `amount`; `u64::MAX` if no number of units does.
    fn units_for(&self, amount: Amount) -> u64 {
        let (exact, of_one) = match amount {
            Amount::Gpus(gpus) => (u128::from(gpus), u128::from(self.gpus_per_unit)),
            Amount::Watts(watts) => {
                (u128::from(watts) * u128::from(NANO), u128::from(self.nanowatts_per_unit))
            }
        };
        let Some(whole) = exact.checked_div(of_one) else { return u64::MAX };
        // Half a watt may be missing, which can be many units of a pool that draws next to nothing.
        let slack = match amount {
            Amount::Gpus(_) => 0,
            Amount::Watts(_) => u128::from(NANO) / of_one + 1,
        };
        let low = u64::try_from(whole.saturating_sub(slack)).unwrap_or(u64::MAX);
        let high = u64::try_from(whole + 1).unwrap_or(u64::MAX);
        let (mut low, mut high) = (low, high);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.worth(amount, middle) >= amount.number() {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }
}

/// Power at the meter of a unit of `kw` behind a power usage effectiveness of `pue`, in nanowatts.
pub fn nanowatts(kw: Decimal, pue: Decimal) -> u64 {
    let exact = kw * pue * Decimal::from(1_000_000_000_000_u64);
    u64::try_from(exact.round()).unwrap_or(u64::MAX)
}

/// Units of a pool that are occupied for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub units: u32,
    /// The tranche that it is of; `None` for what no clause reaches.
    pub tranche: Option<TrancheId>,
}

/// One way to take from one lease: any number of steps from `least` to `most`, for
/// `fixed + per_step × steps`. Of each lease at most one candidate is picked.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub lease: LeaseId,
    pub way: Way,
    /// The tranches that shrink, and by how many units a step.
    pub frees: Vec<(TrancheId, u32)>,
    pub least: u32,
    pub most: u32,
    /// In cents.
    pub fixed: f64,
    /// In cents.
    pub per_step: f64,
    /// GPUs that a step takes from somebody who has not offered them.
    pub forced_gpus: u64,
}

/// By what right, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub by: By,
    /// `None`: all of the lease.
    pub tranche: Option<TrancheId>,
}

/// By what right something is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A clause, by its place in the lease's terms.
    Clause { place: usize, ground: Ground },
    /// The tenant's own offer, by its place in the list of volunteers.
    Volunteer { place: usize },
}

/// What can be taken for a period: the pools with what stands on them, and all candidates.
#[derive(Debug, Clone)]
pub struct Menu {
    pub pools: Vec<Pool>,
    pub amount: Amount,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub candidates: Vec<Candidate>,
}

impl Menu {
    /// What so many units of each pool count for.
    fn worth(&self, units: &[u64]) -> u64 {
        let parts = self.pools.iter().zip(units);
        parts.map(|(pool, units)| pool.worth(self.amount, *units)).sum()
    }

    /// So many units of each pool, in both measures.
    fn free(&self, units: &[u64]) -> Free {
        let sum = |amount: Amount| {
            let parts = self.pools.iter().zip(units);
            parts.map(|(pool, units)| pool.worth(amount, *units)).sum()
        };
        Free { gpus: sum(Amount::Gpus(0)), watts: sum(Amount::Watts(0)) }
    }
}

/// An amount in cents, for the solver.
#[expect(clippy::cast_precision_loss, reason = "cents below 2^53 are exact")]
fn cents(amount: Money) -> f64 {
    let cents = (amount.decimal() * Decimal::ONE_HUNDRED).round();
    i64::try_from(cents).unwrap_or(i64::MAX) as f64
}

#[expect(clippy::cast_precision_loss, reason = "solutions are checked in whole numbers")]
fn to_float(number: u64) -> f64 {
    number as f64
}
