//! What is proposed can be had: proposals are asked for again, and compared with brute force.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;

use super::tests::{GENEROUS, clause, day, id, lease, provider};
use super::*;
use crate::kernel::{Period, Rate, Span, VolunteerId};
use crate::leases::{Schedule, Tranche};
use crate::reclaim::rules::{Offered, Volunteer};

/// A line: of the pool of small or of large units, how many, from which day on, for how many days.
type Line = (bool, u32, i64, i64);

#[derive(Debug, Clone)]
struct Drawn {
    lines: Vec<Line>,
    /// Notice in hours, smallest step, whether all can be taken.
    clause: Option<(u32, u32, bool)>,
    /// Units of the first line, and notice in hours.
    offered: Option<(u32, u32)>,
}

fn line() -> impl Strategy<Value = Line> {
    (any::<bool>(), 1..7u32, 0..25i64, 1..60i64)
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let clause = prop::option::weighted(0.8, (1..900u32, 1..4u32, any::<bool>()));
    let offered = prop::option::weighted(0.3, (1..4u32, 1..900u32));
    (prop::collection::vec(line(), 1..4), clause, offered)
        .prop_map(|(lines, clause, offered)| Drawn { lines, clause, offered })
}

/// Two pools, one of units of a GPU and one of units of eight, both as large as what stands on them and
/// `spare` units more; asked at so many seconds after the first day.
fn stock(drawn: &[Drawn], spare: u32, seconds: i64, amount: Amount) -> Stock {
    let mut uses: [Vec<Use>; 2] = Default::default();
    let mut leases = BTreeMap::new();
    for (number, drawn) in (0u128..).zip(drawn) {
        let mut signed = lease(100 + number, 1, 100, 0, 1);
        let tranches = (0u128..)
            .zip(&drawn.lines)
            .map(|(place, &(is_large, units, from, length))| {
                let first = &signed.tranches[0];
                let gpus = units * if is_large { 8 } else { 1 };
                let period = Period { starts_at: day(from), ends_at: day(from + length) };
                let rate = first.rate;
                Tranche {
                    id: TrancheId(id(1_000 + number * 10 + place)),
                    line: TrancheId(id(1_000 + number * 10 + place)),
                    pool_id: PoolId(id(1 + u128::from(is_large))),
                    units,
                    gpus,
                    starts_at: period.starts_at,
                    ends_at: period.ends_at,
                    price: rate.price(gpus, period),
                    ..first.clone()
                }
            })
            .collect();
        signed.tranches = Schedule::kept(tranches);
        for (tranche, (is_large, ..)) in signed.tranches.iter().zip(&drawn.lines) {
            uses[usize::from(*is_large)].push(Use {
                starts_at: tranche.starts_at,
                ends_at: tranche.ends_at,
                units: tranche.units,
                tranche: Some(tranche.id),
            });
        }
        let clauses = drawn.clause.map(|(hours, step, is_full)| {
            clause(json!({
                "notice": format!("PT{hours}H"), "partial_step": step,
                "action_max": if is_full { "full" } else { "partial" },
            }))
        });
        let volunteers = drawn.offered.map(|(units, hours)| Offered {
            id: VolunteerId(id(number)),
            volunteer: Volunteer {
                line: signed.tranches[0].line,
                units,
                premium: Rate::new(Decimal::ONE).unwrap(),
                notice: Span::hours(hours),
            },
        });
        let it = Reclaimable {
            clauses: Arc::from(clauses.into_iter().collect::<Vec<_>>()),
            volunteers: volunteers.into_iter().collect(),
            has_open_case: false,
            lease: signed,
        };
        leases.insert(it.lease.id, it);
    }
    let pools = [(1, 1, 1_234_567_890_123), (2, 8, 11_220_000_500_000)];
    let pools =
        pools.into_iter().zip(uses).map(|((number, gpus_per_unit, nanowatts_per_unit), uses)| {
            let units = uses.iter().map(|it| it.units).sum::<u32>() + spare;
            Pool { id: PoolId(id(number)), units, gpus_per_unit, nanowatts_per_unit, uses }
        });
    let now = day(0) + TimeDelta::seconds(seconds);
    Stock { pools: pools.collect(), leases, holds: 0, amount, invoker: provider(), now }
}

/// The most that any choice of one candidate a lease, taken as far as it goes, makes free.
fn most_by_brute_force(menu: &Menu) -> u64 {
    let mut of: BTreeMap<LeaseId, Vec<Picked>> = BTreeMap::new();
    for (candidate, it) in menu.candidates.iter().enumerate() {
        of.entry(it.lease).or_default().push(Picked { candidate, steps: it.most });
    }
    let mut sets: Vec<Vec<Picked>> = vec![Vec::new()];
    for picks in of.values() {
        let longer = sets.iter().flat_map(|set| {
            picks.iter().map(|pick| set.iter().copied().chain([*pick]).collect::<Vec<_>>())
        });
        sets = longer.collect();
    }
    sets.iter().map(|set| freed(menu, set)).max().unwrap_or(0)
}

fn amounts() -> impl Strategy<Value = Amount> {
    let watts = (1..400_000u64).prop_map(Amount::Watts);
    prop_oneof![(1..120u64).prop_map(Amount::Gpus), watts]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn exactly_what_can_be_free_is_accepted_and_one_more_is_refused(
        drawn in prop::collection::vec(drawn(), 1..5), spare in 0..3u32, amount in amounts(),
        from in 1..40i64, length in 1..30i64,
    ) {
        let stock = stock(&drawn, spare, 1_234, amount);
        let period = Period { starts_at: day(from), ends_at: day(from + length) };
        let menu = stock.menu(period);
        let can = most(&menu, Duration::from_secs(5)).counted(amount);
        prop_assert_eq!(can, most_by_brute_force(&menu));
        let asked = |number| solve(&Menu { amount: amount.of(number), ..menu.clone() }, GENEROUS);
        let found = asked(can);
        prop_assert!(found.is_some_and(|found| freed(&menu, &found.picked) >= can));
        prop_assert_eq!(asked(can + 1), None);
    }

    #[test]
    fn whatever_is_proposed_is_accepted_when_it_is_asked_for(
        drawn in prop::collection::vec(drawn(), 1..5), spare in 0..3u32, amount in amounts(),
        from in 1..40i64, length in 1..30i64, seconds in 0..7_200i64, later in 0..=900i64,
    ) {
        let mut stock = stock(&drawn, spare, seconds, amount);
        let period = Period { starts_at: day(from), ends_at: day(from + length) };
        if solve(&stock.menu(period), GENEROUS).is_some() {
            return Ok(());
        }
        let reach = stock.outlook(period);
        let wish = amount.number();
        let then = reach.most.counted(amount);
        prop_assert!(then < wish);
        stock.now += TimeDelta::seconds(later);
        let is_met = |starts_at, number| {
            let ends_at = starts_at + (period.ends_at - period.starts_at);
            let menu = stock.menu(Period { starts_at, ends_at });
            solve(&Menu { amount: amount.of(number), ..menu }, GENEROUS).is_some()
        };
        prop_assert!(is_met(period.starts_at, then));
        for (day, free) in &reach.later {
            prop_assert!(is_met(*day, free.counted(amount).min(wish)), "{:?}", (day, free));
            prop_assert!(is_met(*day, free.counted(amount)), "{:?}", (day, free));
        }
        if let Some(next) = reach.next {
            prop_assert!(is_met(next, wish), "{next}");
        }
    }

    #[test]
    fn the_power_that_is_shown_of_some_units_can_be_asked_for(
        kw in 1..200_000_000u64, pue in 1_000_000..2_000_000u64, units in 1..500u32, spare in 0..50u32,
    ) {
        let (kw, pue) = (Decimal::new(i64::try_from(kw).unwrap(), 6), Decimal::new(i64::try_from(pue).unwrap(), 6));
        let nanowatts_per_unit = nanowatts(kw, pue);
        let pool = Pool { id: PoolId(id(1)), units: units + spare, gpus_per_unit: 8, nanowatts_per_unit, uses: Vec::new() };
        // As tranches are shown.
        let shown = (Decimal::from(units) * kw * pue / Decimal::ONE_THOUSAND).round_dp(6);
        let watts = u64::try_from(shown * Decimal::from(1_000_000)).unwrap();
        let wished = Amount::Watts(watts);
        prop_assert_eq!(pool.worth(wished, u64::from(units)), watts);
        prop_assert!(pool.units_for(wished) <= u64::from(units));
        prop_assert!(pool.units_for(wished) == 0 || pool.worth(wished, pool.units_for(wished) - 1) < watts);
        let menu = Menu { pools: vec![pool], amount: wished, starts_at: day(1), ends_at: day(2), candidates: Vec::new() };
        prop_assert!(solve(&menu, GENEROUS).is_some());
    }
}

#[test]
fn a_lease_over_pools_of_two_unit_sizes_gives_where_most_is_counted() {
    let both = Drawn {
        lines: vec![(false, 6, 0, 60), (true, 4, 0, 60)],
        clause: Some((24, 1, false)),
        offered: None,
    };
    let stock = stock(&[both], 0, 0, Amount::Gpus(33));
    let period = Period { starts_at: day(10), ends_at: day(20) };
    assert_eq!(stock.outlook(period).most.gpus, 32, "four units of eight, not six of one");
    let menu = stock.menu(period);
    assert!(solve(&Menu { amount: Amount::Gpus(32), ..menu }, GENEROUS).is_some());
}

#[test]
fn what_is_free_is_said_in_gpus_and_in_watts_of_the_units_that_are_free() {
    let large = Drawn { lines: vec![(true, 4, 0, 60)], clause: None, offered: None };
    let stock = stock(&[large], 3, 0, Amount::Gpus(1));
    let menu = stock.menu(Period { starts_at: day(10), ends_at: day(20) });
    // Three units of each pool: 3 × 1,234.567890123 W, and 3 × 11,220.0005 W.
    assert_eq!(free_with(&menu, &[]), Free { gpus: 27, watts: 3_704 + 33_660 });
}

#[test]
fn many_leases_over_two_pools_are_arranged_in_a_short_time() {
    let drawn: Vec<Drawn> = (0..300u32)
        .map(|number| {
            let (small, large) = (1 + number % 6, 1 + number * 7 % 3);
            let from = i64::from(number % 12);
            Drawn {
                lines: vec![(false, small * 3, from, 40), (true, large, from, 40)],
                clause: Some((24, 1, false)),
                offered: None,
            }
        })
        .collect();
    let stock = stock(&drawn, 0, 0, Amount::Gpus(1));
    let menu = stock.menu(Period { starts_at: day(13), ends_at: day(20) });
    let most = most(&menu, Duration::from_millis(500)).gpus;
    // All of them run throughout, so each gives where most is counted.
    let best: u64 = drawn.iter().map(|it| u64::from((it.lines[0].1).max(it.lines[1].1 * 8))).sum();
    assert_eq!(most, best);
    assert!(solve(&Menu { amount: Amount::Gpus(best), ..menu.clone() }, GENEROUS).is_some());
}
