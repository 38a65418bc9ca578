//! The rules against brute force on small worlds.

use std::sync::Arc;

use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::kernel::{ProjectId, QuotaId, SiteId};

const SECOND: i64 = 1_000_000;
/// 2027-01-31T23:59:40Z: the month ends twenty seconds later.
const START: i64 = 1_801_439_980 * SECOND;

fn at(second: i64) -> Instant {
    START + second * SECOND
}

fn place(number: u8) -> Arc<Place> {
    let accelerator = ["h100-sxm", "b200"][usize::from(number % 2)].to_owned();
    Arc::new(Place { accelerator, site: SiteId(Uuid::from_u128(u128::from(number / 2))) })
}

prop_compose! {
    fn line()(number in 0u8..4, from in 0i64..40, length in 1i64..20, gpus in 1u32..20, rate in 0i64..5) -> Line {
        Line {
            place: place(number),
            from: at(from),
            until: at(from + length),
            gpus,
            watts: i64::from(gpus) * 1_300,
            rate_millionths: rate * 500_000,
        }
    }
}

prop_compose! {
    fn holding()(project in 0u8..3, is_signed: bool, open in proptest::option::of(0i64..40),
                 lines in proptest::collection::vec(line(), 1..4)) -> Holding {
        let project = (project > 0).then(|| ProjectId(Uuid::from_u128(u128::from(project))));
        Holding { project, is_signed, open_until: open.map(at), lines }
    }
}

prop_compose! {
    fn limits()(rule in 0i128..60, share in proptest::option::of(0u32..=1_000_000),
                valid in (0i64..30, 1i64..60), first in (0i64..20, 1i64..10, 0i128..80),
                second in (30i64..40, 1i64..10, 0i128..80)) -> Limits {
        Limits {
            rule: share.map_or(Rule::Amount(rule), Rule::Share),
            valid: (at(valid.0 - 10), at(valid.0 + valid.1)),
            overrides: [first, second].map(|(from, length, amount)| (at(from), at(from + length), amount)).to_vec(),
        }
    }
}

prop_compose! {
    fn quota()(dimension in 0usize..6, project in 0u8..3, accelerator: bool, site: bool, limits in limits()) -> Quota {
        let dimension = Dimension::ALL[dimension];
        let scale = if dimension == Dimension::ConcurrentMw { 1_300 } else { 1 };
        let limits = Limits {
            rule: match limits.rule {
                Rule::Amount(grains) => Rule::Amount(grains * scale),
                Rule::Share(_) if !dimension.is_over_time() => Rule::Amount(20),
                share @ Rule::Share(_) => share,
            },
            ..limits
        };
        Quota {
            id: QuotaId(Uuid::from_u128(7)),
            organization: None,
            project: (project > 0).then(|| ProjectId(Uuid::from_u128(u128::from(project)))),
            dimension,
            accelerator: accelerator.then(|| "b200".to_owned()),
            site: site.then(|| SiteId(Uuid::from_u128(1))),
            limits,
        }
    }
}

fn counts(quota: &Quota, line: &Line) -> bool {
    quota.accelerator.as_ref().is_none_or(|one| *one == line.place.accelerator)
        && quota.site.is_none_or(|one| one == line.place.site)
}

/// What `lines` come to at `second`, or in the month in which it lies.
fn sum<'l>(dimension: Dimension, lines: impl Iterator<Item = &'l Line>, second: i64) -> i128 {
    let of_line = |line: &Line| -> i128 {
        let seconds = |range: std::ops::Range<i64>| {
            range.filter(|&other| (line.from..line.until).contains(&at(other))).count() as i128
        };
        let month = if second < 20 { 0..20 } else { 20..80 };
        let gpus = i128::from(line.gpus);
        match dimension {
            Dimension::ConcurrentGpus => gpus * seconds(second..second + 1),
            Dimension::ConcurrentMw => i128::from(line.watts) * seconds(second..second + 1),
            Dimension::GpuHoursPerMonth => gpus * seconds(month),
            Dimension::SpendPerMonth => gpus * i128::from(line.rate_millionths) * seconds(month),
            Dimension::LongestLease | Dimension::OpenRequests => 0,
        }
    };
    lines.map(of_line).sum()
}

/// The limit at `second`: that of the whole month where the dimension is counted in months.
fn limit_at(quota: &Quota, held: i128, second: i64) -> Option<i128> {
    let limits = &quota.limits;
    let rule = |second| limits.at(at(second)).map(|rule| rule.of(held));
    match quota.dimension {
        Dimension::GpuHoursPerMonth | Dimension::SpendPerMonth => {
            let month = if second < 20 { -20..20 } else { 20..80 };
            month.filter_map(rule).max()
        }
        _ => rule(second),
    }
}

proptest! {
    #[test]
    fn steps_are_sums(uses in proptest::collection::vec((0i64..30, 0i64..10, -5i64..9), 0..12), from in 0i64..30, length in 1i64..20) {
        let uses: Vec<_> = uses.into_iter().map(|(from, length, by)| (from, from + length, by)).collect();
        let at_once = Steps::of(uses.iter().copied());
        let mut one_by_one = Steps::default();
        uses.iter().for_each(|&(from, until, by)| one_by_one.add(from, until, by));
        prop_assert_eq!(&at_once, &one_by_one);
        let level = |at: i64| uses.iter().filter(|(from, until, _)| (*from..*until).contains(&at)).map(|(_, _, by)| by).sum::<i64>();
        for at in -1..50 {
            prop_assert_eq!(at_once.level_at(at), level(at));
        }
        let (when, peak) = at_once.peak(from, from + length);
        prop_assert_eq!(Some(peak), (from..from + length).map(level).max());
        prop_assert_eq!(Some(when), (from..from + length).find(|&at| level(at) == peak));
        let mut next = from;
        for (begin, end, here) in at_once.pieces(from, from + length) {
            prop_assert_eq!(begin, next);
            prop_assert!((begin..end).all(|at| level(at) == here));
            next = end;
        }
        prop_assert_eq!(next, from + length);
        uses.iter().for_each(|&(from, until, by)| one_by_one.add(from, until, -by));
        prop_assert!(one_by_one.is_empty());
    }

    #[test]
    fn what_is_asked_is_refused_where_a_second_or_month_has_no_room(
        holdings in proptest::collection::vec(holding(), 0..8), quota in quota(), asked in holding(),
    ) {
        let mut book = Book::of((0u128..).map(Uuid::from_u128).zip(holdings.clone()));
        let now = at(0);
        let whole = (asked.lines.iter().map(|line| line.from).min().unwrap(), asked.lines.iter().map(|line| line.until).max().unwrap());
        let is_its = quota.project.is_none() || quota.project == asked.project;
        let lines: Vec<Line> = asked.lines.iter().filter(|line| is_its && counts(&quota, line)).cloned().collect();
        let ask = Asked { project: asked.project, lines: asked.lines, whole, opens_request: asked.open_until.is_some() };
        let found = book.check(std::slice::from_ref(&quota), &ask, now);
        let its = |holding: &&Holding| quota.project.is_none() || holding.project == quota.project;
        let own = |holding: &&Holding| holding.project.is_none() && holding.is_signed;
        let of = |is: &dyn Fn(&&Holding) -> bool, second| {
            let lines = holdings.iter().filter(is).flat_map(|holding| &holding.lines).filter(|line| counts(&quota, line));
            sum(quota.dimension, lines, second)
        };
        let over = |second: i64| {
            let asked = sum(quota.dimension, lines.iter(), second);
            let held = of(&own, second);
            let limit = limit_at(&quota, held, second).filter(|_| asked > 0)?;
            Some(of(&its, second) + asked - limit)
        };
        let worst = match quota.dimension {
            Dimension::LongestLease => quota.limits.at(now).filter(|_| !lines.is_empty())
                .map(|rule| i128::from((whole.1 - whole.0) / SECOND) - rule.of(0)),
            Dimension::OpenRequests => {
                let open = holdings.iter().filter(its).filter(|holding| holding.open_until.is_some_and(|until| until > now))
                    .filter(|holding| holding.lines.iter().any(|line| counts(&quota, line))).count();
                quota.limits.at(now).filter(|_| !lines.is_empty() && ask.opens_request)
                    .map(|rule| open as i128 + 1 - rule.of(0))
            }
            _ => (0..80).filter_map(over).max(),
        };
        match worst.filter(|&by| by > 0) {
            None => prop_assert!(found.is_empty(), "{:?}", found),
            Some(by) => {
                prop_assert_eq!(found.len(), 1);
                let point = found[0].point;
                prop_assert_eq!(point.over(), by);
                if quota.dimension.is_over_time() {
                    let second = (point.at - START).div_euclid(SECOND);
                    prop_assert_eq!(over(second.max(0)), Some(by));
                }
            }
        }
    }

    #[test]
    fn a_book_that_is_kept_is_one_that_is_made_anew(
        holdings in proptest::collection::vec(holding(), 1..8), changes in proptest::collection::vec((0usize..8, proptest::option::of(holding())), 0..8),
        quotas in proptest::collection::vec(quota(), 1..5),
    ) {
        let id = |number: usize| Uuid::from_u128(number as u128);
        let mut held: std::collections::BTreeMap<usize, Holding> = holdings.into_iter().enumerate().collect();
        let mut kept = Book::of(held.iter().map(|(number, holding)| (id(*number), holding.clone())));
        for quota in &quotas {
            kept.state(quota, at(0));
        }
        for (number, change) in changes {
            match change {
                Some(holding) => {
                    held.insert(number, holding.clone());
                    kept.put(id(number), holding);
                }
                None => {
                    held.remove(&number);
                    kept.remove(id(number));
                }
            }
        }
        let mut anew = Book::of(held.iter().map(|(number, holding)| (id(*number), holding.clone())));
        for quota in &quotas {
            prop_assert_eq!(kept.state(quota, at(5)), anew.state(quota, at(5)));
            prop_assert_eq!(kept.curve(quota, at(0), at(60), 500), anew.curve(quota, at(0), at(60), 500));
        }
    }

    #[test]
    fn a_coarse_curve_hides_no_peak(holdings in proptest::collection::vec(holding(), 1..8), quota in quota(), most in 2usize..6) {
        let mut book = Book::of((0u128..).map(Uuid::from_u128).zip(holdings));
        let fine = book.curve(&quota, at(0), at(60), 1_000);
        let coarse = book.curve(&quota, at(0), at(60), most);
        prop_assert!(coarse.points.len() <= most);
        let peak = |curve: &Curve| curve.points.iter().map(|point| point.booked).max();
        prop_assert_eq!(peak(&fine), peak(&coarse));
    }

    #[test]
    fn every_limit_survives_the_wire(dimension in 0usize..6, units in 0i64..=i64::MAX) {
        let dimension = Dimension::ALL[dimension];
        let text = if dimension == Dimension::LongestLease { format!("PT{}S", units % 1_000_000_000) } else { units.to_string() };
        let grains = dimension.parse(&text).unwrap();
        prop_assert_eq!(dimension.parse(&dimension.amount(grains).to_string()), Ok(grains));
    }

    #[test]
    fn any_text_is_a_limit_or_refused(dimension in 0usize..6, text in "\\PC{0,40}") {
        if let Ok(grains) = Dimension::ALL[dimension].parse(&text) {
            prop_assert!(grains >= 0);
        }
    }
}

#[test]
fn limits_have_bounds() {
    for text in
        ["-1", "9223372036854775808", "1e3", "", "NaN", "0.5", "99999999999999999999999999999999"]
    {
        assert!(Dimension::ConcurrentGpus.parse(text).is_err(), "{text}");
    }
    assert_eq!(Dimension::ConcurrentGpus.parse("9223372036854775807"), Ok(i128::from(i64::MAX)));
    assert_eq!(Dimension::ConcurrentMw.parse("1.5"), Ok(1_500_000));
    assert_eq!(Dimension::SpendPerMonth.parse("0.01"), Ok(36_000_000));
    assert_eq!(Dimension::LongestLease.parse("P30D"), Ok(2_592_000));
    assert!(Dimension::LongestLease.parse("30").is_err());
    assert_eq!(Dimension::SpendPerMonth.amount(36_000_000).to_string(), "0.01");
}

#[test]
fn months_begin_at_midnight_of_the_first() {
    let mut months = Months::default();
    months.add(at(10), at(30), 1);
    let parts: Vec<_> = months.iter().collect();
    let first = DateTime::from_timestamp(1_801_440_000, 0).unwrap().timestamp_micros();
    assert_eq!(parts[0].1, first);
    assert_eq!((parts[0].2, parts[1].2), (10, 10));
}

#[test]
fn every_command_in_every_state_of_a_request() {
    let mut table = String::new();
    for state in RequestState::ALL {
        for command in Command::ALL {
            let after = decide(state, command)
                .map_or_else(|no| no.to_string(), |yes| yes.as_str().to_owned());
            table += &format!("{} + {command:?} = {after}\n", state.as_str());
        }
    }
    insta::assert_snapshot!(table, @r"
    open + Grant = granted
    open + Deny = denied
    open + Withdraw = withdrawn
    granted + Grant = it was granted already; make a new request
    granted + Deny = it was granted already; make a new request
    granted + Withdraw = it was granted already; make a new request
    denied + Grant = it was denied already; make a new request
    denied + Deny = it was denied already; make a new request
    denied + Withdraw = it was denied already; make a new request
    withdrawn + Grant = it was withdrawn already; make a new request
    withdrawn + Deny = it was withdrawn already; make a new request
    withdrawn + Withdraw = it was withdrawn already; make a new request
    ");
}
