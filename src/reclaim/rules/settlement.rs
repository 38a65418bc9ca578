//! The money of a case: what the tenant gets, line by line.

use chrono::TimeDelta;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::case::Measure;
use crate::kernel::{Money, Period, Timestamp, TrancheId};
use crate::leases::{Given, Schedule, Tranche, price_given};
use crate::supply::{Compensation, Ground};

/// GPUs of one line of a lease's schedule for a time, and what they were booked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Portion {
    pub tranche_id: TrancheId,
    /// GPUs × hours, to the sixth decimal.
    #[schema(value_type = String)]
    pub gpu_hours: Decimal,
    pub price: Money,
}

/// What a line is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum LineKind {
    /// Price of time taken back; the price of the lease went down by the same.
    Refund,
    /// Price of time for which the lease was suspended.
    SuspendedTime,
    /// The premium on callable capacity that was called: so many times the price of what was taken.
    Premium,
    /// So many times the price of what was taken, on any other ground.
    Multiple,
    /// Raises the sum to the clause's least.
    Floor,
    /// Lowers the sum to the clause's most.
    Cap,
}

/// One line of a settlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    pub kind: LineKind,
    /// Of which line of the schedule, where it is of one.
    pub tranche_id: Option<TrancheId>,
    /// GPUs × hours, where it is for time.
    #[schema(value_type = Option<String>)]
    pub gpu_hours: Option<Decimal>,
    /// For the tenant; negative only under `cap`.
    pub amount: Money,
}

/// What the tenant gets: lines and their sum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settlement {
    pub lines: Vec<Line>,
    pub total: Money,
}

impl LineKind {
    /// Its name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            LineKind::Refund => "refund",
            LineKind::SuspendedTime => "suspended_time",
            LineKind::Premium => "premium",
            LineKind::Multiple => "multiple",
            LineKind::Floor => "floor",
            LineKind::Cap => "cap",
        }
    }
}

/// By which rule a case is settled.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Rule {
    /// It stood: what the clause says.
    Clause,
    /// It did not stand (overturned, withdrawn, not ratified): all that the time cost comes back, the
    /// clause's multiple and floor hold, its cap does not.
    Returned,
}

/// What the tenant gets for `portions` that were taken, or suspended (`kind`).
///
/// The lines add up to the total; it is never negative, never below the floor, and under
/// [`Rule::Clause`] never above the cap. Nothing taken is nothing owed.
pub fn settle(
    ground: Ground,
    compensation: &Compensation,
    kind: LineKind,
    portions: &[Portion],
    rule: Rule,
) -> Settlement {
    let mut lines = Vec::new();
    let price: Money = portions.iter().map(|portion| portion.price).sum();
    if portions.is_empty() {
        return Settlement::default();
    }
    if compensation.prorata_refund || rule == Rule::Returned {
        lines.extend(portions.iter().map(|portion| Line {
            kind,
            tranche_id: Some(portion.tranche_id),
            gpu_hours: Some(portion.gpu_hours),
            amount: portion.price,
        }));
    }
    let mut add = |kind, amount| {
        if amount != Money::ZERO {
            lines.push(Line { kind, tranche_id: None, gpu_hours: None, amount });
        }
    };
    let extra = price.share(compensation.multiple.0);
    let is_called = ground == Ground::RecallCallable;
    add(if is_called { LineKind::Premium } else { LineKind::Multiple }, extra);
    let returns = compensation.prorata_refund || rule == Rule::Returned;
    let mut total = extra + if returns { price } else { Money::ZERO };
    if let Some(floor) = compensation.floor.filter(|floor| total < *floor) {
        add(LineKind::Floor, floor - total);
        total = floor;
    }
    if let Some(cap) = compensation.cap.filter(|cap| total > *cap && rule == Rule::Clause) {
        add(LineKind::Cap, cap - total);
        total = cap;
    }
    Settlement { lines, total }
}

/// What `measure` takes of `tranches` at `at`, a portion for each line of the schedule: what the price of the
/// line goes down by, so that the two add up to the cent. A line that has fewer units than are to be taken
/// gives those that it has.
pub fn taken(measure: Measure, tranches: &[Tranche], at: Timestamp) -> Vec<Portion> {
    let schedule = Schedule::kept(tranches.to_vec());
    let given = given(measure, &schedule, at);
    let lines = schedule.lines().filter_map(|first| {
        let of_line: Vec<Given> =
            given.iter().filter(|it| it.tranche.line == first.line).cloned().collect();
        let hours = of_line.iter().map(|it| gpu_hours(it.gpus(), it.period)).sum::<Decimal>();
        (!of_line.is_empty()).then(|| Portion {
            tranche_id: first.line,
            gpu_hours: hours.normalize(),
            price: price_given(&schedule, &of_line),
        })
    });
    lines.collect()
}

fn given(measure: Measure, schedule: &Schedule, at: Timestamp) -> Vec<Given> {
    let mut left = schedule.clone();
    match measure {
        Measure::Full => left.cut(at),
        Measure::Partial { tranche_id, units, until } => {
            let Some(line) = schedule.line_of(tranche_id) else { return Vec::new() };
            let ends_at = schedule.line(line).map(|it| it.ends_at).max();
            let starts_at = schedule.line(line).map(|it| it.starts_at).min();
            let (Some(starts_at), Some(ends_at)) = (starts_at, ends_at) else { return Vec::new() };
            let starts_at = starts_at.max(at);
            let ends_at = until.unwrap_or(ends_at).min(ends_at);
            if starts_at >= ends_at {
                return Vec::new();
            }
            left.give_back(line, units, Period { starts_at, ends_at }, || line)
        }
        Measure::Warn | Measure::Suspend { .. } => Vec::new(),
    }
}

/// What `tranches` cost during `time`, less what they cost during the time in `counted`: that for which other
/// suspensions of the lease are settled already.
///
/// However many suspensions overlap, and in whatever order they are settled, all of them together come to
/// the price of the time for which the lease was suspended, to the cent. GPUs that are `late` are left out:
/// the delay of their delivery is credited for them, and nobody is kept out of what has not come.
pub fn suspended(
    tranches: &[Tranche],
    time: Period,
    counted: &[Period],
    late: &[Late],
) -> Vec<Portion> {
    let of = |tranche: &Tranche| {
        let gpu_seconds = |periods: &[Period]| {
            let whole = tranche.period();
            let missed = late.iter().filter(|it| it.line == tranche.line).map(|it| {
                let (starts_at, ends_at) = (
                    whole.starts_at.max(it.period.starts_at),
                    whole.ends_at.min(it.period.ends_at),
                );
                i64::from(it.gpus) * seconds_within(periods, Period { starts_at, ends_at })
            });
            i64::from(tranche.gpus) * seconds_within(periods, whole) - missed.sum::<i64>()
        };
        let before = gpu_seconds(counted).max(0);
        let with_it = gpu_seconds(&[counted, &[time]].concat()).max(before);
        let price = |gpu_seconds| tranche.rate.price_of(gpu_seconds);
        (with_it > before).then(|| Portion {
            tranche_id: tranche.id,
            gpu_hours: in_hours(with_it - before),
            price: price(with_it) - price(before),
        })
    };
    tranches.iter().filter_map(of).collect()
}

/// GPUs of a line that are delivered late, and when.
#[derive(Debug, Clone, Copy)]
pub struct Late {
    pub line: TrancheId,
    pub gpus: u32,
    pub period: Period,
}

/// Whole seconds of `within` that lie in one of `periods` at least, which may overlap and be empty.
fn seconds_within(periods: &[Period], within: Period) -> i64 {
    let mut periods: Vec<Period> = periods.to_vec();
    periods.sort_unstable_by_key(|period| period.starts_at);
    let (mut total, mut up_to) = (TimeDelta::zero(), within.starts_at);
    for period in periods {
        let (from, until) = (period.starts_at.max(up_to), period.ends_at.min(within.ends_at));
        if from < until {
            total += until - from;
            up_to = until;
        }
    }
    total.num_seconds()
}

fn gpu_hours(gpus: u32, period: Period) -> Decimal {
    in_hours(i64::from(gpus).saturating_mul(period.seconds()))
}

fn in_hours(gpu_seconds: i64) -> Decimal {
    (Decimal::from(gpu_seconds) / Decimal::from(3600)).round_dp(6).normalize()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::kernel::{OfferId, PoolId, Rate};

    fn day(day: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::days(day)
    }

    fn money(cents: i64) -> Money {
        Money::round(Decimal::new(cents, 2))
    }

    fn tranche(units: u32, from: i64, until: i64) -> Tranche {
        let rate = Rate::new(Decimal::new(123_456, 5)).unwrap();
        let period = Period { starts_at: day(from), ends_at: day(until) };
        Tranche {
            id: TrancheId(Uuid::from_u128(1)),
            line: TrancheId(Uuid::from_u128(1)),
            number: 0,
            offer_id: OfferId(Uuid::nil()),
            pool_id: PoolId(Uuid::nil()),
            units,
            gpus: units * 8,
            mw: Decimal::ZERO,
            starts_at: day(from),
            ends_at: day(until),
            rate,
            price: rate.price(units * 8, period),
        }
    }

    fn priced(tranche: Tranche) -> Tranche {
        Schedule::new(vec![tranche])[0].clone()
    }

    fn compensation(
        prorata_refund: bool,
        multiple: i64,
        floor: Option<i64>,
        cap: Option<i64>,
    ) -> Compensation {
        let multiple = Decimal::new(multiple, 4).to_string();
        let mut value =
            serde_json::json!({ "prorata_refund": prorata_refund, "multiple": multiple });
        for (name, bound) in [("floor", floor), ("cap", cap)] {
            if let Some(cents) = bound {
                value[name] = serde_json::json!(money(cents));
            }
        }
        serde_json::from_value(value).unwrap()
    }

    fn portion(cents: i64) -> Portion {
        let tranche_id = TrancheId(Uuid::from_u128(1));
        Portion { tranche_id, gpu_hours: Decimal::ONE, price: money(cents) }
    }

    fn total(price: Money, compensation: &Compensation, rule: Rule) -> Money {
        let portions = [Portion { price, ..portion(0) }];
        settle(Ground::Convenience, compensation, LineKind::Refund, &portions, rule).total
    }

    prop_compose! {
        fn any_compensation()(
            refund: bool, multiple in 0i64..=100_000, floor: Option<u32>, cap: Option<u32>,
        ) -> Compensation {
            let floor = floor.map(i64::from);
            // A cap below the floor is refused when terms are made.
            let cap = cap.map(|cap| i64::from(cap).max(floor.unwrap_or(0)));
            compensation(refund, multiple, floor, cap)
        }
    }

    proptest! {
        #[test]
        fn lines_add_up_and_bounds_hold(
            prices in prop::collection::vec(0i64..1_000_000_000_000, 0..6),
            compensation in any_compensation(), is_returned: bool, is_called: bool,
        ) {
            let portions: Vec<Portion> = prices.iter().map(|cents| portion(*cents)).collect();
            let ground = if is_called { Ground::RecallCallable } else { Ground::Convenience };
            let rule = if is_returned { Rule::Returned } else { Rule::Clause };
            let settled = settle(ground, &compensation, LineKind::Refund, &portions, rule);
            let sum: Money = settled.lines.iter().map(|line| line.amount).sum();
            prop_assert_eq!(sum, settled.total);
            prop_assert!(settled.total >= Money::ZERO);
            for line in &settled.lines {
                prop_assert_eq!(line.amount < Money::ZERO, line.kind == LineKind::Cap);
                prop_assert_eq!(line.kind == LineKind::Premium, is_called
                    && !matches!(line.kind, LineKind::Refund | LineKind::Floor | LineKind::Cap));
            }
            let price: Money = portions.iter().map(|portion| portion.price).sum();
            if portions.is_empty() {
                prop_assert_eq!(settled, Settlement::default());
            } else if rule == Rule::Clause {
                prop_assert_eq!(settled.total, compensation.amount(price));
                prop_assert!(compensation.cap.is_none_or(|cap| settled.total <= cap));
                prop_assert!(compensation.floor.is_none_or(|floor| settled.total >= floor));
            } else {
                prop_assert!(settled.total >= price, "all that it cost comes back");
                prop_assert!(settled.total >= compensation.amount(price));
            }
        }

        #[test]
        fn more_taken_is_never_less_owed(
            less in 0i64..1_000_000_000, more in 0i64..1_000_000_000,
            compensation in any_compensation(), is_returned: bool,
        ) {
            let rule = if is_returned { Rule::Returned } else { Rule::Clause };
            let fewer = total(money(less), &compensation, rule);
            prop_assert!(fewer <= total(money(less + more), &compensation, rule));
        }

        #[test]
        fn what_stays_and_what_is_taken_back_add_up(
            units in 1u32..200, taking in 0u32..200, from in 0i64..50, length in 1i64..50,
            at in 0i64..110, back in prop::option::of(0i64..110),
        ) {
            let taking = taking.min(units);
            let tranche = tranche(units, from, from + length);
            let part = Measure::Partial {
                tranche_id: tranche.id, units: taking, until: back.map(day),
            };
            let price = |measure| -> Money {
                let portions = taken(measure, std::slice::from_ref(&tranche), day(at));
                portions.iter().map(|portion| portion.price).sum()
            };
            let (part, whole) = (price(part), price(Measure::Full));
            prop_assert!(part >= Money::ZERO && part <= whole && whole <= tranche.price);
            let until = back.unwrap_or(from + length).min(from + length);
            if taking == units && until == from + length {
                prop_assert_eq!(part, whole);
            }
            if at <= from {
                prop_assert_eq!(whole, tranche.price);
            }
            if at.max(from) >= until || taking == 0 {
                prop_assert_eq!(part, Money::ZERO);
            }
        }

        #[test]
        fn suspended_time_is_paid_as_booked_and_only_while_the_lease_runs(
            units in 1u32..200, from in 0i64..50, length in 1i64..50, at in 0i64..110, days in 0i64..90,
        ) {
            let tranche = tranche(units, from, from + length);
            let time = Period { starts_at: day(at), ends_at: day(at + days) };
            let portions = suspended(std::slice::from_ref(&tranche), time, &[], &[]);
            let price: Money = portions.iter().map(|portion| portion.price).sum();
            let running = (at + days).min(from + length) - at.max(from);
            let period = Period { starts_at: day(0), ends_at: day(running.max(0)) };
            prop_assert_eq!(price, tranche.rate.price(tranche.gpus, period));
            prop_assert!(price <= tranche.price);
        }

        #[test]
        fn time_of_suspensions_that_overlap_counts_once_in_whatever_order_they_are_settled(
            units in 1u32..200, hours in prop::collection::vec((0i64..300, 0i64..200), 1..6),
        ) {
            let hour = |hour: i64| day(0) + TimeDelta::hours(hour);
            let tranche = tranche(units, 1, 10);
            let times = hours.iter().map(|(from, length)| Period {
                starts_at: hour(*from), ends_at: hour(from + length),
            });
            let (mut counted, mut total) = (Vec::new(), Money::ZERO);
            for time in times {
                let portions = suspended(std::slice::from_ref(&tranche), time, &counted, &[]);
                prop_assert!(portions.iter().all(|portion| portion.price >= Money::ZERO));
                total = total + portions.iter().map(|portion| portion.price).sum();
                counted.push(time);
            }
            // The hours of the lease in which some suspension ran, one by one.
            let is_suspended = |at: &i64| hours.iter().any(|(from, long)| (*from..from + long).contains(at));
            let count = i64::try_from((24..240).filter(is_suspended).count()).unwrap();
            let period = Period { starts_at: hour(0), ends_at: hour(count) };
            prop_assert_eq!(total, tranche.rate.price(tranche.gpus, period));
        }

        #[test]
        fn next_to_nothing_taken_is_never_less_than_nothing(
            gpus in 2u32..9, cents in 1i64..1_000, at in 0i64..259_200, seconds in 0i64..10,
        ) {
            let second = |second: i64| day(0) + TimeDelta::seconds(second);
            let mut tranche = tranche(gpus, 0, 30);
            (tranche.gpus, tranche.rate) = (gpus, Rate::new(Decimal::new(cents, 3)).unwrap());
            let tranche = priced(tranche);
            let until = Some(second(at + seconds));
            let part = Measure::Partial { tranche_id: tranche.id, units: 1, until };
            for portion in taken(part, std::slice::from_ref(&tranche), second(at)) {
                prop_assert!(portion.price >= Money::ZERO);
            }
        }

        #[test]
        fn nothing_that_the_tenant_does_after_the_serving_raises_what_it_gets(
            units in 2u32..200, taking in 1u32..200, from in 0i64..50, length in 2i64..50,
            earliest in 0i64..60, later in 0i64..60, back in prop::option::of(0i64..110),
            given_back in 0u32..200, shorter in 0i64..50,
            compensation in any_compensation(), what in 0u8..3,
        ) {
            let as_served = tranche(units, from, from + length);
            let measure = match what {
                0 => Measure::Full,
                1 => Measure::Suspend { until: day(back.unwrap_or(80)) },
                _ => Measure::Partial {
                    tranche_id: as_served.id, units: taking, until: back.map(day),
                },
            };
            let stake = |tranche: &Tranche, at: i64| {
                crate::reclaim::rules::stake(
                    measure, &compensation, std::slice::from_ref(tranche), day(at),
                ).compensation
            };
            // It gives units back, leaves earlier, and holds execution up.
            let ends_at = day((from + length - shorter).max(from + 1));
            let left = units - given_back.min(units - 1);
            let after = priced(as_served.piece(left, (as_served.starts_at, ends_at)));
            let cent = Money::round(Decimal::new(1, 2));
            let promised = stake(&as_served, earliest);
            prop_assert!(
                stake(&after, earliest + later) <= promised + cent + cent.share(compensation.multiple.0),
                "a cent of rounding at most"
            );
        }
    }

    #[test]
    fn two_suspensions_of_ten_and_of_twenty_hours_from_the_same_instant_come_to_twenty_hours() {
        let mut tranche = tranche(8, 0, 10);
        tranche.rate = Rate::new(Decimal::new(25, 1)).unwrap();
        let hours =
            |hours: i64| Period { starts_at: day(1), ends_at: day(1) + TimeDelta::hours(hours) };
        let price = |time, counted: &[Period]| -> String {
            let portions = suspended(std::slice::from_ref(&tranche), time, counted, &[]);
            portions.iter().map(|portion| portion.price).sum::<Money>().to_string()
        };
        assert_eq!(price(hours(20), &[]), "3200.00");
        assert_eq!(price(hours(10), &[]), "1600.00");
        assert_eq!(price(hours(20), &[hours(10)]), "1600.00", "the shorter one is settled first");
        assert_eq!(price(hours(10), &[hours(20)]), "0.00", "the longer one was lifted first");
    }

    #[test]
    fn a_second_of_one_gpu_after_two_days_is_owed_nothing_for() {
        let mut tranche = tranche(8, 0, 30);
        (tranche.gpus, tranche.rate) = (8, Rate::new(Decimal::new(1_399, 3)).unwrap());
        let tranche = priced(tranche);
        for seconds in [1, 2, 5] {
            let until = Some(day(2) + TimeDelta::seconds(seconds));
            let part = Measure::Partial { tranche_id: tranche.id, units: 1, until };
            let taken = taken(part, std::slice::from_ref(&tranche), day(2));
            assert_eq!(taken[0].price, Money::ZERO, "{seconds} s");
        }
    }

    #[test]
    fn a_callable_lease_has_its_premium_on_a_line_of_its_own() {
        let compensation = compensation(true, 1_000, None, None);
        let settled = settle(
            Ground::RecallCallable,
            &compensation,
            LineKind::Refund,
            &[portion(10_000), portion(5_000)],
            Rule::Clause,
        );
        let lines: Vec<_> =
            settled.lines.iter().map(|line| (line.kind.name(), line.amount.to_string())).collect();
        assert_eq!(
            lines,
            [
                ("refund", "100.00".to_owned()),
                ("refund", "50.00".to_owned()),
                ("premium", "15.00".to_owned())
            ]
        );
        assert_eq!(settled.total.to_string(), "165.00");
    }
}
