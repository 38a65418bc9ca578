//! What leaving costs.

use rust_decimal::Decimal;

use super::schedule::{Given, Schedule, price_given};
use crate::kernel::{Money, Span, Timestamp};
use crate::supply::{CancellationStep, charge_share};

/// What giving capacity back costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancellation {
    /// Owed for not using what was booked; not negative.
    pub charge: Money,
    /// No longer owed: the price of what is given back, less the charge; not negative.
    pub refund: Money,
}

impl Cancellation {
    /// Nothing is charged for giving back what is worth `unused`.
    pub fn free(unused: Money) -> Cancellation {
        Cancellation { charge: Money::ZERO, refund: unused }
    }

    /// The same with a charge of at most `most`; what is not charged is refunded.
    #[must_use]
    pub fn at_most(self, most: Money) -> Cancellation {
        let charge = self.charge.min(most);
        Cancellation { charge, refund: self.charge + self.refund - charge }
    }
}

/// What giving `given` back from `before` costs at `now` under a cancellation schedule: the one function,
/// whichever way one leaves.
///
/// Each line is charged by the time until it begins, whatever the other lines do: the second step of a
/// ramp can be given up for free long before it begins, although the first one runs.
pub fn leaving(
    before: &Schedule,
    given: &[Given],
    steps: &[CancellationStep],
    now: Timestamp,
) -> Cancellation {
    let mut cost = Cancellation::free(Money::ZERO);
    for first in before.lines() {
        let of_line: Vec<Given> =
            given.iter().filter(|it| it.tranche.line == first.line).cloned().collect();
        let unused = price_given(before, &of_line);
        let share = charge_share(steps, time_before(first.starts_at, now));
        let charge = unused.share(share.clamp(Decimal::ZERO, Decimal::ONE));
        cost.charge = cost.charge + charge;
        cost.refund = cost.refund + (unused - charge);
    }
    cost
}

/// How long before `starts_at` it is at `now`; zero when it has passed.
fn time_before(starts_at: Timestamp, now: Timestamp) -> Span {
    Span::from_seconds((starts_at - now).num_seconds().max(0)).unwrap_or_default()
}
