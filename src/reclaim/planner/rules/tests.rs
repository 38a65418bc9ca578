//! Against brute force, and the shapes that plans take.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::{OfferId, OrganizationId, Period, Rate, Sha256, Span};
use crate::leases::{Lease, Schedule, Status, Tranche};
use crate::reclaim::rules::Volunteer;
use crate::supply::{Clause, Party};

pub(super) const GENEROUS: Duration = Duration::from_secs(20);

pub(super) fn day(day: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::days(day)
}

pub(super) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A lease of `units` units of 8 GPUs at `rate` over these days, in pool 1.
pub(super) fn lease(number: u128, units: u32, rate: i64, from: i64, until: i64) -> Lease {
    let rate = Rate::new(Decimal::new(rate, 2)).unwrap();
    let period = Period { starts_at: day(from), ends_at: day(until) };
    let tranche = Tranche {
        id: TrancheId(id(number)),
        line: TrancheId(id(number)),
        number: 0,
        offer_id: OfferId(id(1)),
        pool_id: PoolId(id(1)),
        units,
        gpus: units * 8,
        mw: Decimal::ZERO,
        starts_at: period.starts_at,
        ends_at: period.ends_at,
        rate,
        price: rate.price(units * 8, period),
    };
    Lease {
        id: LeaseId(id(number)),
        tenant_id: OrganizationId(id(2)),
        provider_id: OrganizationId(id(3)),
        project_id: None,
        tenant_name: "Tenant".to_owned(),
        tenant_verification: crate::accounts::Verification::Verified,
        provider_name: "Provider".to_owned(),
        quote_id: None,
        status: Status::Active,
        starts_at: period.starts_at,
        ends_at: period.ends_at,
        placement: Default::default(),
        terms_hash: Sha256([0; 32]),
        cancellation: Vec::new(),
        revision: 1,
        created_by: id(4),
        created_at: day(0),
        noticed: false,
        delayed_until: None,
        suspended_until: None,
        end: None,
        tranches: Schedule::new(vec![tranche]),
        charges: Vec::new(),
    }
}

pub(super) fn clause(changes: serde_json::Value) -> Clause {
    let mut clause = json!({
        "ground": "recall.callable", "invocable_by": ["provider"], "action_max": "full",
        "notice": "P7D", "approvals": { "admin": 1 }, "compensation": { "prorata_refund": true },
    });
    for (name, value) in changes.as_object().unwrap() {
        clause[name] = value.clone();
    }
    serde_json::from_value(clause).unwrap()
}

pub(super) fn provider() -> Invoker {
    let grounds = vec![Ground::RecallCallable, Ground::Convenience];
    Invoker { party: Party::Provider, approval_time: Span::days(1), grounds, is_priced: true }
}

/// The problem of freeing `gpus` GPUs of a pool full of `leases` over days 30 to 60.
/// The period of every problem here.
pub(super) fn month() -> Period {
    Period { starts_at: day(30), ends_at: day(60) }
}

fn problem(leases: &[(Lease, Vec<Clause>, Vec<Volunteer>)], units: u32, gpus: u64) -> Menu {
    let mut candidates = Vec::new();
    let mut uses = Vec::new();
    for (lease, clauses, volunteers) in leases {
        let wanted: Vec<TrancheId> = lease.tranches.iter().map(|tranche| tranche.id).collect();
        candidates.extend(super::candidates(
            lease,
            clauses,
            volunteers,
            &wanted,
            &provider(),
            day(0),
            month(),
        ));
        uses.extend(lease.tranches.iter().map(|tranche| Use {
            starts_at: tranche.starts_at,
            ends_at: tranche.ends_at,
            units: tranche.units,
            tranche: Some(tranche.id),
        }));
    }
    let pool = Pool {
        id: PoolId(id(1)),
        units,
        gpus_per_unit: 8,
        nanowatts_per_unit: 10_000_000_000_000,
        uses,
    };
    Menu {
        pools: vec![pool],
        amount: Amount::Gpus(gpus),
        starts_at: month().starts_at,
        ends_at: month().ends_at,
        candidates,
    }
}

/// The least cost of all combinations of candidates and steps that free enough; `None` if none does.
fn brute_force(problem: &Menu) -> Option<(u64, f64)> {
    let mut by_lease: std::collections::BTreeMap<LeaseId, Vec<Option<Picked>>> = Default::default();
    for (candidate, it) in problem.candidates.iter().enumerate() {
        let options = by_lease.entry(it.lease).or_insert_with(|| vec![None]);
        options.extend((it.least..=it.most).map(|steps| Some(Picked { candidate, steps })));
    }
    let mut combinations: Vec<Vec<Picked>> = vec![Vec::new()];
    for options in by_lease.values() {
        let longer = combinations.iter().flat_map(|before| {
            options.iter().map(|option| before.iter().copied().chain(*option).collect())
        });
        combinations = longer.collect();
    }
    let value = |picked: &Vec<Picked>| {
        let forced: u64 = picked
            .iter()
            .map(|it| problem.candidates[it.candidate].forced_gpus * u64::from(it.steps))
            .sum();
        let cost: f64 = picked
            .iter()
            .map(|it| {
                let candidate = &problem.candidates[it.candidate];
                candidate.fixed + candidate.per_step * f64::from(it.steps)
            })
            .sum();
        (forced, cost)
    };
    let enough = combinations.iter().filter(|it| freed(problem, it) >= problem.amount.number());
    let has_volunteers =
        problem.candidates.iter().any(|candidate| matches!(candidate.way.by, By::Volunteer { .. }));
    enough.map(value).min_by(|a, b| {
        let by_force = if has_volunteers { a.0.cmp(&b.0) } else { std::cmp::Ordering::Equal };
        by_force.then(a.1.total_cmp(&b.1))
    })
}

fn money_rules() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(json!({ "prorata_refund": true })),
        Just(json!({ "prorata_refund": true, "multiple": "0.5" })),
        Just(json!({ "prorata_refund": true, "floor": "30000.00" })),
        Just(json!({ "prorata_refund": true, "cap": "20000.00" })),
        Just(json!({ "prorata_refund": true, "floor": "15000.00", "cap": "40000.00" })),
    ]
}

prop_compose! {
    fn any_lease()(
        units in 1u32..7, rate in 50i64..400, from in 0i64..45, length in 5i64..90,
        step in 1u32..4, is_full in any::<bool>(), money in money_rules(), is_second in any::<bool>(),
        offered in 0u32..4, premium in 0i64..300,
    ) -> (u32, i64, i64, i64, Vec<Clause>, Option<(u32, i64)>) {
        let action = if is_full { "full" } else { "partial" };
        let mut clauses = vec![clause(json!({
            "partial_step": step, "action_max": action, "compensation": money,
        }))];
        if is_second {
            clauses.push(clause(json!({
                "ground": "convenience", "notice": "P29D", "approvals": { "admin": 2 },
                "compensation": { "prorata_refund": true, "multiple": "0.1" },
            })));
        }
        (units, rate, from, from + length, clauses, (offered > 0).then_some((offered, premium)))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn no_combination_is_cheaper_than_the_plan(
        drawn in prop::collection::vec(any_lease(), 1..5), gpus in 1u64..160, are_volunteers in any::<bool>(),
    ) {
        let leases: Vec<_> = (10u128..).zip(drawn).map(|(number, drawn)| {
            let (units, rate, from, until, clauses, offered) = drawn;
            let lease = lease(number, units, rate, from, until);
            let volunteers = offered.filter(|_| are_volunteers).map(|(units, premium)| Volunteer {
                line: lease.tranches[0].line,
                units,
                premium: Rate::new(Decimal::new(premium, 2)).unwrap(),
                notice: Span::days(1),
            });
            (lease, clauses, volunteers.into_iter().collect::<Vec<_>>())
        }).collect();
        // Leases do not overlap more than the pool holds: at most all at once.
        let height = leases.iter().map(|(lease, ..)| lease.tranches[0].units).sum();
        let problem = problem(&leases, height, gpus);
        let best = brute_force(&problem);
        let found = solve(&problem, GENEROUS);
        prop_assert_eq!(best.is_some(), found.is_some(), "{:?}", problem);
        if let (Some((forced, cost)), Some(found)) = (best, found) {
            prop_assert!(freed(&problem, &found.picked) >= gpus);
            prop_assert!((found.cost - cost).abs() <= 1.0, "{} is not {cost}: {:?}", found.cost, found);
            prop_assert!(found.gap().is_some_and(|gap| gap < 1e-6), "{:?}", found);
            if are_volunteers {
                let taken: u64 = found.picked.iter()
                    .map(|it| problem.candidates[it.candidate].forced_gpus * u64::from(it.steps)).sum();
                prop_assert!(taken <= forced.max(taken.min(forced)), "{taken} by force, not {forced}");
            }
        }
    }

    #[test]
    fn prices_of_choices_are_those_of_settlement(
        units in 2u32..40, rate in 1i64..400, step in 1u32..5, money in money_rules(),
    ) {
        use crate::reclaim::rules::stake;
        let lease = lease(1, units, rate, 0, 90);
        let clause = clause(json!({ "partial_step": step, "compensation": money }));
        let wanted = [lease.tranches[0].id];
        let menu = candidates(&lease, std::slice::from_ref(&clause), &[], &wanted, &provider(), day(0), month());
        let steps = (units - 1) / step;
        for taken in 1..=steps {
            let left = lease.tranches.lines_left(month().starts_at, month().ends_at);
            let measure = part(&left[0], taken * step, month());
            let owed = cents(stake(measure, &clause.compensation, &lease.tranches, day(30)).compensation);
            let of = menu.iter().filter(|it| it.way.tranche.is_some() && (it.least..=it.most).contains(&taken));
            let prices: Vec<f64> = of.map(|it| it.fixed + it.per_step * f64::from(taken)).collect();
            prop_assert_eq!(prices.len(), 1, "{:?}", menu);
            prop_assert!((prices[0] - owed).abs() <= 2.0, "{} for {taken} steps, not {owed}", prices[0]);
        }
    }
}

#[test]
fn the_cheapest_leases_are_cut_and_no_more_than_needed() {
    let recall = || vec![clause(json!({ "partial_step": 2 }))];
    let leases = [
        (lease(1, 10, 300, 0, 90), recall(), vec![]),
        (lease(2, 10, 200, 0, 90), recall(), vec![]),
    ];
    let problem = problem(&leases, 24, 10 * 8);
    // Four units are free, so six are to be freed; lease 2 is the cheaper one.
    let found = solve(&problem, GENEROUS).unwrap();
    assert_eq!(found.picked.len(), 1, "{found:?}");
    let candidate = &problem.candidates[found.picked[0].candidate];
    assert_eq!((candidate.lease, found.picked[0].steps), (leases[1].0.id, 3));
    assert_eq!(candidate.way.tranche, Some(leases[1].0.tranches[0].id));
    assert_eq!(found.gap(), Some(0.0));
}

#[test]
fn what_ends_in_between_is_not_taken_and_what_begins_later_counts() {
    // Lease 1 ends before the period, lease 2 runs, lease 3 begins inside.
    let recall = || vec![clause(json!({}))];
    let leases = [
        (lease(1, 8, 200, 0, 30), recall(), vec![]),
        (lease(2, 4, 200, 0, 90), recall(), vec![]),
        (lease(3, 6, 100, 40, 90), recall(), vec![]),
    ];
    let problem = problem(&leases, 12, 6 * 8);
    assert_eq!(
        problem.candidates.iter().filter(|candidate| candidate.lease == leases[0].0.id).count(),
        0
    );
    assert_eq!(bearing::hard_instants(&problem.pools[0], day(30), day(60)), [day(40)]);
    let found = solve(&problem, GENEROUS).unwrap();
    // From day 40 on ten are taken; four of them have to go, of the lease at half the rate.
    assert_eq!(freed(&problem, &found.picked), 6 * 8);
    let cut = &problem.candidates[found.picked[0].candidate];
    assert_eq!((found.picked.len(), cut.lease, found.picked[0].steps), (1, leases[2].0.id, 4));
}

#[test]
fn clauses_that_come_too_late_are_no_choice() {
    let lease = lease(1, 10, 300, 0, 90);
    let wanted = [lease.tranches[0].id];
    for (changes, is_in_time) in [
        // A day for the approvals, three in which nobody may read it, and the notice.
        (json!({ "notice": "P26D" }), true),
        (json!({ "notice": "P27D" }), false),
        (json!({ "notice": "P27D", "approvals": {} }), true),
        (json!({ "notice": "P1D", "appeal": { "window": "P40D", "stays": true } }), false),
        (json!({ "notice": "P1D", "appeal": { "window": "P40D", "stays": false } }), true),
        (json!({ "invocable_by": ["admin"] }), false),
        (json!({ "action_max": "suspend" }), false),
        (json!({ "ground": "idle", "notice": "P7D" }), false),
    ] {
        let clauses = [clause(changes.clone())];
        let menu = candidates(&lease, &clauses, &[], &wanted, &provider(), day(0), month());
        assert_eq!(!menu.is_empty(), is_in_time, "{changes}");
    }
}

#[test]
fn whoever_is_willing_goes_first_even_when_dearer() {
    let recall = || vec![clause(json!({}))];
    let willing = |number: u128, units| Volunteer {
        line: TrancheId(id(number)),
        units,
        premium: Rate::new(Decimal::new(900, 2)).unwrap(),
        notice: Span::days(1),
    };
    let leases = [
        (lease(1, 10, 100, 0, 90), recall(), vec![]),
        (lease(2, 10, 300, 0, 90), recall(), vec![willing(2, 4)]),
    ];
    let problem = problem(&leases, 20, 6 * 8);
    let found = solve(&problem, GENEROUS).unwrap();
    let mut taken: Vec<(bool, u32)> = found
        .picked
        .iter()
        .map(|it| {
            (matches!(problem.candidates[it.candidate].way.by, By::Volunteer { .. }), it.steps)
        })
        .collect();
    taken.sort_unstable();
    assert_eq!(taken, [(false, 2), (true, 4)], "four are given, two are taken");
}

#[test]
fn what_cannot_be_met_says_how_much_and_when() {
    let leases = [
        (lease(1, 10, 100, 0, 45), vec![], vec![]),
        (lease(2, 10, 100, 0, 900), vec![clause(json!({ "action_max": "partial" }))], vec![]),
    ];
    let later = |at: Timestamp| Menu {
        starts_at: at,
        ends_at: at + TimeDelta::days(30),
        ..problem(&leases, 20, 12 * 8)
    };
    let today = later(day(30));
    assert_eq!(solve(&today, GENEROUS), None);
    let reach = reach(&today, [day(40), day(45), day(50)], later);
    assert_eq!(reach.most.gpus, 9 * 8, "one unit is left of a lease that is cut in part");
    let later: Vec<_> = reach.later.iter().map(|(day, free)| (*day, free.gpus)).collect();
    assert_eq!((reach.next, later), (Some(day(45)), vec![(day(45), 19 * 8)]));
}

#[test]
fn a_thousand_leases_are_planned_within_their_time() {
    let leases: Vec<_> = (0u32..1_000)
        .map(|number| {
            let drawn = |factor: u32, modulus: u32| i64::from(number * factor % modulus);
            let units = 1 + number * 7_919 % 97;
            let lease = lease(
                u128::from(number) + 10,
                units,
                150 + drawn(31, 200),
                drawn(17, 28),
                61 + drawn(13, 300),
            );
            let clause = clause(json!({
                "partial_step": 1 + number % 5,
                "compensation": { "prorata_refund": true, "multiple": "0.1" },
            }));
            (lease, vec![clause], vec![])
        })
        .collect();
    let units: u32 = leases.iter().map(|(lease, ..)| lease.tranches[0].units).sum();
    let problem = problem(&leases, units, u64::from(units / 2) * 8);
    let found = solve(&problem, Duration::from_millis(600)).unwrap();
    assert!(freed(&problem, &found.picked) >= problem.amount.number());
    assert!(found.gap().is_some_and(|gap| gap < 0.001), "{:?}", found.gap());
}
