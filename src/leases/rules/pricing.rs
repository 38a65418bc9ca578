//! What a schedule costs when it is cut short.

use rust_decimal::Decimal;

use crate::kernel::{Money, Span};
use crate::supply::{CancellationStep, charge_share};

/// What giving capacity back costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancellation {
    /// Owed for not using what was booked.
    pub charge: Money,
    /// No longer owed: the price of what is given back, less the charge.
    pub refund: Money,
}

/// The price of what is given back.
///
/// It is the difference of the price before and the price after the cut, so that the price
/// of what stays and of what is given back add up to the price that was signed, to the cent.
pub fn unused(before: impl Iterator<Item = Money>, after: impl Iterator<Item = Money>) -> Money {
    before.sum::<Money>() - after.sum::<Money>()
}

/// What giving back something worth `unused` costs, `before_start` ahead of the start.
pub fn cancellation(
    schedule: &[CancellationStep],
    unused: Money,
    before_start: Span,
) -> Cancellation {
    let share = charge_share(schedule, before_start).clamp(Decimal::ZERO, Decimal::ONE);
    let charge = unused.share(share);
    Cancellation { charge, refund: unused - charge }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Period, Rate};
    use chrono::{DateTime, TimeDelta};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_stays_and_what_is_given_back_add_up(
            micros in 0i64..50_000_000, gpus in 1u32..300_000, seconds in 1i64..40_000_000, cut in 0i64..40_000_000,
        ) {
            let at = |second| DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::seconds(second);
            let rate = Rate::new(Decimal::new(micros, 6)).unwrap();
            let whole = Period { starts_at: at(0), ends_at: at(seconds) };
            let kept = Period { starts_at: at(0), ends_at: at(cut.min(seconds)) };
            let before = rate.price(gpus, whole);
            let after = rate.price(gpus, kept);
            let given_back = unused([before].into_iter(), [after].into_iter());
            prop_assert_eq!(after + given_back, before);
            prop_assert!(given_back >= Money::ZERO);
        }

        #[test]
        fn charge_and_refund_add_up(cents in 0i64..10_000_000_000, share in 0i64..=1000) {
            let unused = Money::round(Decimal::new(cents, 2));
            let schedule = [CancellationStep { at_least_before: Span::ZERO, charge_share: Decimal::new(share, 3) }];
            let cost = cancellation(&schedule, unused, Span::hours(1));
            prop_assert_eq!(cost.charge + cost.refund, unused);
            prop_assert!(cost.charge >= Money::ZERO && cost.refund >= Money::ZERO);
        }
    }

    #[test]
    fn without_a_schedule_everything_is_owed() {
        let unused = Money::round(Decimal::new(1000, 0));
        assert_eq!(cancellation(&[], unused, Span::days(900)).refund, Money::ZERO);
    }
}
