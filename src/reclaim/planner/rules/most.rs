//! The most that can be free, at whatever price.
//!
//! Every candidate is taken as far as it goes. A lease most of whose candidates give nowhere more than
//! another of them needs no decision; usually that is every lease. Where leases can give in one pool or
//! another, all arrangements are tried if they are few, and else a program looks for the best. What is said
//! can always be had, because it is counted from what was picked.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use good_lp::solvers::microlp::microlp;
use good_lp::{
    Expression, ProblemVariables, Solution as _, SolverModel, Variable, WithTimeLimit, constraint,
    variable,
};

use super::bearing::{Bearing, Picked, bearing, by_lease, contributions, had_anyway, had_with};
use super::{Free, Menu, to_float};
use crate::kernel::LeaseId;

/// Time for the program, where it is needed.
pub(super) const MOST_TIME: Duration = Duration::from_millis(200);

/// Most arrangements that are tried one by one.
const FEW: usize = 4_096;

/// What can be free throughout the period at most, counted as the amount is. It can be had, whatever it
/// costs; more than that cannot, unless leases that could give in several pools are so many that `time`
/// was too short to arrange them.
pub fn most(menu: &Menu, time: Duration) -> Free {
    let bearing = bearing(menu);
    let picked = most_of(menu, &bearing, &by_lease(&menu.candidates), time);
    menu.free(&contributions(menu, &bearing, &had_with(&bearing, &picked)))
}

/// No arrangement makes more than this free, counted as the amount is: as if a lease gave in all pools at
/// once what it can give in each.
pub(super) fn at_most(menu: &Menu) -> u64 {
    let bearing = bearing(menu);
    let options = options(menu, &bearing, &by_lease(&menu.candidates));
    let mut had = had_anyway(&bearing);
    for option in &options {
        give_all(&mut had, menu, &bearing, option);
    }
    menu.worth(&contributions(menu, &bearing, &had))
}

/// Adds to `had` what the candidates of one lease give at each instant at most.
fn give_all(had: &mut [u64], menu: &Menu, bearing: &Bearing, places: &[usize]) {
    let mut best: BTreeMap<usize, u64> = BTreeMap::new();
    for place in places {
        for (instant, units) in gains(menu, bearing, *place) {
            let most = best.entry(instant).or_default();
            *most = units.max(*most);
        }
    }
    for (instant, units) in best {
        had[instant] += units;
    }
}

/// What a candidate frees when it is taken as far as it goes: instants in order, and units.
fn gains<'a>(
    menu: &'a Menu,
    bearing: &'a Bearing,
    place: usize,
) -> impl Iterator<Item = (usize, u64)> + 'a {
    let steps = u64::from(menu.candidates[place].most);
    bearing.of[place].iter().map(move |(instant, units)| (*instant, u64::from(*units) * steps))
}

/// Of each lease the candidates that matter: those than which no other gives as much everywhere.
fn options(
    menu: &Menu,
    bearing: &Bearing,
    by_lease: &BTreeMap<LeaseId, Vec<usize>>,
) -> Vec<Vec<usize>> {
    let covers = |by: usize, place: usize| {
        let by: BTreeMap<usize, u64> = gains(menu, bearing, by).collect();
        gains(menu, bearing, place)
            .all(|(instant, units)| units <= by.get(&instant).copied().unwrap_or(0))
    };
    let of_lease = |places: &Vec<usize>| {
        let mut kept: Vec<usize> = Vec::new();
        for &place in places {
            if bearing.of[place].is_empty() || kept.iter().any(|other| covers(*other, place)) {
                continue;
            }
            kept.retain(|other| !covers(place, *other));
            kept.push(place);
        }
        kept
    };
    by_lease.values().map(of_lease).filter(|kept| !kept.is_empty()).collect()
}

/// The picks with which most is free.
pub(super) fn most_of(
    menu: &Menu,
    bearing: &Bearing,
    by_lease: &BTreeMap<LeaseId, Vec<usize>>,
    time: Duration,
) -> Vec<Picked> {
    let (open, clear): (Vec<_>, Vec<_>) =
        options(menu, bearing, by_lease).into_iter().partition(|kept| kept.len() > 1);
    let mut had = had_anyway(bearing);
    for option in &clear {
        give_all(&mut had, menu, bearing, option);
    }
    let arrangement = arrange(menu, bearing, &had, &open, time);
    let places = clear.iter().map(|kept| kept[0]).chain(arrangement);
    places.map(|candidate| Picked { candidate, steps: menu.candidates[candidate].most }).collect()
}

/// One of each of the `open` options, so that most is free on top of `had`.
fn arrange(
    menu: &Menu,
    bearing: &Bearing,
    had: &[u64],
    open: &[Vec<usize>],
    time: Duration,
) -> Vec<usize> {
    let worth_of = |had: &[u64]| menu.worth(&contributions(menu, bearing, had));
    let with = |places: &[usize]| {
        let mut had = had.to_vec();
        for place in places {
            for (instant, units) in gains(menu, bearing, *place) {
                had[instant] += units;
            }
        }
        worth_of(&had)
    };
    let mut best: Vec<usize> = open.iter().map(|kept| kept[0]).collect();
    let mut most = with(&best);
    let above = {
        let mut had = had.to_vec();
        open.iter().for_each(|kept| give_all(&mut had, menu, bearing, kept));
        worth_of(&had)
    };
    let few = open
        .iter()
        .try_fold(1_usize, |all, kept| all.checked_mul(kept.len()).filter(|all| *all <= FEW));
    if let Some(few) = few {
        for number in 0..few {
            let mut rest = number;
            let places: Vec<usize> = open
                .iter()
                .map(|kept| {
                    let place = kept[rest % kept.len()];
                    rest /= kept.len();
                    place
                })
                .collect();
            let worth = with(&places);
            if worth > most {
                (best, most) = (places, worth);
            }
            if most == above {
                break;
            }
        }
        return best;
    }
    // One lease after the other is given the option with which most is free, until none helps.
    let mut is_better = true;
    while is_better && most < above {
        is_better = false;
        for (number, kept) in open.iter().enumerate() {
            for &place in kept {
                let before = std::mem::replace(&mut best[number], place);
                let worth = with(&best);
                if worth > most {
                    (most, is_better) = (worth, true);
                } else {
                    best[number] = before;
                }
            }
        }
    }
    if most < above {
        let attempt = || program(menu, bearing, had, open, time);
        // The solver may give up with a panic on numbers that it finds too hard.
        let found = catch_unwind(AssertUnwindSafe(attempt)).ok().flatten();
        best = found.filter(|found| with(found) > most).unwrap_or(best);
    }
    best
}

/// The best arrangement as a mixed-integer program finds it; `None` if it finds none in its time.
fn program(
    menu: &Menu,
    bearing: &Bearing,
    had: &[u64],
    open: &[Vec<usize>],
    time: Duration,
) -> Option<Vec<usize>> {
    let mut variables = ProblemVariables::new();
    let is_made: Vec<Vec<Variable>> = open
        .iter()
        .map(|kept| kept.iter().map(|_| variables.add(variable().binary())).collect())
        .collect();
    let units: Vec<Variable> =
        menu.pools.iter().map(|pool| variables.add(variable().min(0).max(pool.units))).collect();
    let worth = menu.pools.iter().map(|pool| pool.worth_of_one(menu.amount));
    let largest = worth.clone().fold(1e-9, f64::max);
    let objective: Expression =
        units.iter().zip(worth).map(|(units, worth)| *units * (worth / largest)).sum();
    let mut taken: Vec<Expression> = bearing
        .instants
        .iter()
        .zip(had)
        .map(|(instant, had)| Expression::from(to_float(*had)) - units[instant.pool])
        .collect();
    for (kept, made) in open.iter().zip(&is_made) {
        for (place, made) in kept.iter().zip(made) {
            for (instant, units) in gains(menu, bearing, *place) {
                taken[instant] += to_float(units) * *made;
            }
        }
    }
    let mut model = variables.maximise(objective).using(microlp);
    for made in &is_made {
        model = model.with(constraint!(made.iter().sum::<Expression>() <= 1.0));
    }
    for expression in taken {
        model = model.with(constraint!(expression >= 0.0));
    }
    let solution = model.with_time_limit(time.as_secs_f64()).solve().ok()?;
    let chosen = open.iter().zip(&is_made).map(|(kept, made)| {
        let values = made.iter().map(|made| solution.value(*made));
        let best = values.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        kept[best.map_or(0, |(place, _)| place)]
    });
    Some(chosen.collect())
}
