//! How fast the rules are and how much they sell: measurements, run by hand with
//! `cargo test --release --lib -- --ignored --nocapture --test-threads 1 capacity::rules::measure`.
//!
//! Last figures, on two shared cores (quickest of many runs):
//!
//! | what | figure |
//! |---|---|
//! | one unit more in a pool of 27,500 with 13,000 one-unit leases, all of them in the window | 44 µs |
//! | the same, most of them before the window | 60 µs |
//! | inserting and removing a rectangle there | 21 µs |
//! | loading 13,000 rectangles | 2.3 ms |
//! | `earliest` on a plane of 1,000 leases | 1.7 µs |
//! | memory of a rectangle, with its steps of the profile | 77 bytes |
//! | 60,202 of 220,000 units among 2,000 movable leases: 546 moves | 26 ms |
//! | clearing 20,000 units there for maintenance: 241 moves | 1.5 ms |
//!
//! Sold unit-hours against counting, 20 seeds of a real trace on 24 units (mean, worst): pins at the
//! start 1.0000, 1.0000; 6 h ahead 0.9996, 0.9980; 6 h ahead and settled before 0.9999, 0.9992;
//! 24 h ahead 0.9977, 0.9786; without moves 0.9845, 0.9461.

use std::time::Instant as Stopwatch;

use uuid::Uuid;

use super::tests::{any, rect};
use super::*;

const HOUR: i64 = 3_600_000_000;

fn splitmix(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn report(name: &str, units: u32, demand: &[Demand]) {
    let bound = fluid_bound(units, demand);
    let cases = [
        (0, Moving::OnDemand),
        (6, Moving::OnDemand),
        (6, Moving::AlsoBeforePinning),
        (24, Moving::OnDemand),
        (24, Moving::AlsoBeforePinning),
        (0, Moving::Never),
    ];
    for (lead, moving) in cases {
        let watch = Stopwatch::now();
        let outcome = rehearse(units, demand, lead * HOUR, moving);
        let ratio = outcome.sold as f64 / bound.sold as f64;
        let each = watch.elapsed() / u32::try_from(demand.len()).unwrap();
        println!(
            "{name} pins {lead:2} h ahead, moves {moving:?}: {ratio:.5}, {each:?} each, {outcome:?} of {}",
            bound.accepted
        );
    }
}

/// `LEASEHOLD_TRACE=bookings.csv cargo test --release -- --ignored --nocapture rehearsal`
#[test]
#[ignore = "a measurement; needs a trace with the columns start_s, end_s, gpus in places 3, 4, 6"]
fn rehearsal_of_a_real_trace() {
    let text = std::fs::read_to_string(std::env::var("LEASEHOLD_TRACE").unwrap()).unwrap();
    for seed in 1..=20 {
        let mut state = seed;
        let demand: Vec<Demand> = text
            .lines()
            .skip(1)
            .filter_map(|line| {
                let fields: Vec<&str> = line.split(',').collect();
                let at = |i: usize| fields[i].parse::<i64>().unwrap() * 1_000_000;
                let (from, until, units) = (at(2), at(3), fields[5].parse().unwrap());
                let lead = i64::try_from(splitmix(&mut state) % (7 * 24 * HOUR as u64)).unwrap();
                let wanted = (140 * 24 * HOUR..150 * 24 * HOUR).contains(&from) && units <= 24;
                wanted.then_some(Demand {
                    arrives: from - lead,
                    window: Window::new(from, until),
                    units,
                })
            })
            .collect();
        report(&format!("trace {seed}"), 24, &demand);
    }
}

#[test]
#[ignore = "a measurement"]
fn rehearsal_of_mixed_sizes() {
    for seed in 1..=5 {
        let mut state = seed * 77;
        let mut below = |n: u64| i64::try_from(splitmix(&mut state) % n).unwrap();
        let demand: Vec<Demand> = (0..3000)
            .map(|_| {
                let from = below(90 * 24) * HOUR;
                let until = from + (1 << below(9)) * HOUR + below(24) * HOUR;
                let units = [1, 1, 1, 2, 4, 8, 8, 16, 32][usize::try_from(below(9)).unwrap()];
                Demand {
                    arrives: from - below(14 * 24) * HOUR,
                    window: Window::new(from, until),
                    units,
                }
            })
            .collect();
        report(&format!("mixed {seed}"), 256, &demand);
    }
}

/// Prints the quickest of `n` runs: others share the machine.
fn time(name: &str, n: u32, mut work: impl FnMut()) {
    let quickest = (0..n).map(|_| {
        let watch = Stopwatch::now();
        work();
        watch.elapsed()
    });
    println!("{name}: {:?}", quickest.min().unwrap_or_default());
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let mut state = 1;
    let mut below = |n: u64| i64::try_from(splitmix(&mut state) % n).unwrap();
    // A hot pool: 13,000 of 27,500 units leased one by one, at random places and for random times.
    let mut units: Vec<u32> = (0..27_500).collect();
    for i in (1..units.len()).rev() {
        units.swap(i, usize::try_from(below(i as u64 + 1)).unwrap());
    }
    let whole = Units::new(0, 27_500);
    let mut hot = Plane::new(27_500);
    let one = |unit: u32| Units::new(unit, unit + 1);
    let rects: Vec<Rect> = units[..13_000]
        .iter()
        .zip(1..)
        .map(|(&unit, id)| Rect {
            within: whole,
            ..rect(id, one(unit), Window::new(0, HOUR * (100 + below(100_000))))
        })
        .collect();
    time("insert 13,000 at once", 1, || hot.insert_all(rects.clone()));
    for (name, from) in [("running", 10), ("mostly before", 90_000), ("half", 50_000)] {
        let window = Window::new(from * HOUR, (from + 48) * HOUR);
        for n in [1, 8, 1000] {
            time(&format!("hot pool, {n} units, {name}"), 100, || {
                assert!(place(&hot, &any(n, window, &hot), 5).is_ok());
            });
        }
    }
    time("hot pool, insert and remove one", 100, || {
        let new = rect(99_999, one(units[20_000]), Window::new(7, 77 * HOUR));
        hot.insert(new);
        hot.remove(new.id, new.units.from).unwrap();
    });
    // Search: 1,000 planes of 1,000 leases.
    let planes: Vec<Plane> = (0..1000)
        .map(|_| {
            let mut plane = Plane::new(64);
            plane.insert_all(
                (0..1000)
                    .map(|id| {
                        let start =
                            (i64::from(u32::try_from(id / 50).unwrap()) * 100 + below(20)) * HOUR;
                        rect(
                            id as u128 + 1,
                            one(u32::try_from(id % 50).unwrap()),
                            Window::new(start, start + (10 + below(70)) * HOUR),
                        )
                    })
                    .collect(),
            );
            plane
        })
        .collect();
    let steps: usize = planes.iter().map(|plane| plane.profile().steps()).sum();
    println!("1,000 planes of 1,000: {} bytes a rectangle, {steps} steps", size_of::<Rect>());
    time("earliest over 1,000 planes", 10, || {
        assert!(
            planes
                .iter()
                .all(|plane| { plane.profile().earliest(60, 90 * HOUR, 0, END_OF_TIME).is_some() })
        );
    });
    // A large pool with 2,000 movable leases, and a request for which hundreds must move.
    let whole = Units::new(0, 220_000);
    let mut large = Plane::new(220_000);
    let mut ids = (1..).map(Uuid::from_u128);
    while large.rects().len() < 2_000 {
        let from = (1 + below(2000)) * HOUR;
        let window = Window::new(from, from + (1 + below(1000)) * HOUR);
        let request = any(u32::try_from(1 + below(600)).unwrap(), window, &large);
        if let Ok(plan) = place_without_moves(&large, &request, 0) {
            large.insert_all(
                plan.placed
                    .iter()
                    .map(|&units| Rect {
                        id: ids.next().unwrap(),
                        within: whole,
                        ..rect(0, units, window)
                    })
                    .collect(),
            );
        }
    }
    let window = Window::new(500 * HOUR, 1500 * HOUR);
    let n = large.profile().largest(window);
    let plan = place(&large, &any(n, window, &large), 0).unwrap();
    println!(
        "{n} of 220,000 units among {} rects: {} moves to {} rects",
        large.rects().len(),
        plan.moves.len(),
        plan.moves.iter().map(|m| m.to.len()).sum::<usize>()
    );
    time("large pool, re-plan", 3, || {
        place(&large, &any(n, window, &large), 0).unwrap();
    });
    let block = Rect { purpose: Purpose::Maintenance, ..rect(0, Units::new(0, 20_000), window) };
    println!("block: {:?} moves", replan_around(&large, &block, 0).map(|moves| moves.len()));
    time("large pool, block of 20,000", 3, || {
        let _ = replan_around(&large, &block, 0);
    });
}

#[test]
#[ignore = "x"]
fn parts() {
    let mut state = 1;
    let mut below = |n: u64| i64::try_from(splitmix(&mut state) % n).unwrap();
    let mut units: Vec<u32> = (0..27_500).collect();
    for i in (1..units.len()).rev() {
        units.swap(i, usize::try_from(below(i as u64 + 1)).unwrap());
    }
    let whole = Units::new(0, 27_500);
    let mut hot = Plane::new(27_500);
    let one = |unit: u32| Units::new(unit, unit + 1);
    hot.insert_all(
        units[..13_000]
            .iter()
            .zip(1..)
            .map(|(&unit, id)| Rect {
                within: whole,
                ..rect(id, one(unit), Window::new(0, HOUR * (100 + below(100_000))))
            })
            .collect(),
    );
    for from in [10, 50_000, 90_000] {
        let window = Window::new(from * HOUR, (from + 48) * HOUR);
        for _ in 0..2 {
            time("raw pass", 200, || {
                std::hint::black_box(
                    hot.rects()
                        .iter()
                        .filter(|r| r.window.overlaps(window))
                        .map(|r| r.units.from as u64)
                        .sum::<u64>(),
                );
            });
            time("free_over", 200, || {
                std::hint::black_box(hot.free_over(window, whole));
            });
            time("shortfall", 200, || {
                std::hint::black_box(hot.profile().first_shortfall(window, 1));
            });
            time("openings", 200, || {
                std::hint::black_box(super::openings::openings(
                    hot.rects().iter().map(|r| (r.units, r.window)),
                    window,
                    whole,
                    5,
                ));
            });
            let o = super::openings::openings(
                hot.rects().iter().map(|r| (r.units, r.window)),
                window,
                whole,
                5,
            );
            println!("{}", o.len());
            time("room", 200, || {
                std::hint::black_box(super::openings::room(&o));
            });
            time("pick 1", 200, || {
                std::hint::black_box(super::openings::pick(&o, 1));
            });
            time("pick 8", 200, || {
                std::hint::black_box(super::openings::pick(&o, 8));
            });
            time("place 1", 200, || {
                std::hint::black_box(place(&hot, &any(1, window, &hot), 5)).ok();
            });
        }
    }
}
