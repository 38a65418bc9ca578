//! Pure: what leases could give, which of it to take, and what to say when that is not enough.

mod menu;
mod plan_state;
mod reach;
mod solve;
#[cfg(test)]
mod tests;

pub use menu::{Invoker, Volunteer, lead, menu, part, served, watts};
pub use plan_state::PlanState;
pub use reach::{Reach, reach};
pub use solve::{Picked, Solution, freed, solve};

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
}

/// A pool to take from.
#[derive(Debug, Clone)]
pub struct Pool {
    pub id: PoolId,
    pub units: u32,
    pub gpus_per_unit: u32,
    /// At the meter.
    pub watts_per_unit: u64,
    /// All that occupies it, from the plan's beginning on.
    pub uses: Vec<Use>,
}

impl Pool {
    /// What a unit of it counts towards `amount`.
    pub fn worth(&self, amount: Amount) -> u64 {
        match amount {
            Amount::Gpus(_) => u64::from(self.gpus_per_unit),
            Amount::Watts(_) => self.watts_per_unit,
        }
    }
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
/// `fixed + per_step × steps`. At most one choice per lease is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
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

/// The whole problem.
#[derive(Debug, Clone)]
pub struct Problem {
    pub pools: Vec<Pool>,
    pub amount: Amount,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub choices: Vec<Choice>,
}

/// An amount in cents, for the solver.
#[expect(clippy::cast_precision_loss, reason = "cents below 2^53 are exact")]
fn cents(amount: Money) -> f64 {
    let cents = (amount.decimal() * rust_decimal::Decimal::ONE_HUNDRED).round();
    i64::try_from(cents).unwrap_or(i64::MAX) as f64
}
