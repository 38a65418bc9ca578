//! The cheapest candidates that free enough, at every instant of the period.
//!
//! Let `k` be the steps taken of each candidate. In each pool, at each instant, what is free anyway and what
//! is taken there must reach the units `x` that the pool contributes, and the pools together the amount:
//!
//! ```text
//! minimise   Σ (fixed·z + per_step·k)
//! such that  x_pool ≤ free(t) + Σ units·k          for every pool and instant t
//!            Σ worth·x ≥ amount
//!            least·z ≤ k ≤ most·z,   Σ z ≤ 1 per lease,   z binary, k whole
//! ```
//!
//! Which instants need to be looked at is said in [`super::bearing`].
//!
//! A greedy pass (take everything, then leave out the dearest while it still is enough) gives the solver
//! something to begin with, and the answer when it finds nothing better in its time.

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use good_lp::solvers::microlp::microlp;
use good_lp::{
    Expression, Solution as _, SolverModel, Variable, WithInitialSolution, WithTimeLimit,
};
use good_lp::{ProblemVariables, constraint, variable};

use super::bearing::{Bearing, Picked, bearing, by_lease, contributions, had_with};
use super::most::{MOST_TIME, most_of};
use super::{Amount, By, Candidate, Free, Menu, to_float};
use crate::kernel::LeaseId;

/// What is to be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    pub picked: Vec<Picked>,
    /// In cents, as the candidates price it.
    pub cost: f64,
    /// No solution that takes as few GPUs by force costs less than this, in cents; `None` if the time
    /// was too short to say.
    pub bound: Option<f64>,
}

impl Solution {
    /// By how much it may cost more than the cheapest, as a share of its cost.
    pub fn gap(&self) -> Option<f64> {
        let slack = (self.cost - self.bound?).max(0.0);
        Some(if slack <= 0.5 || self.cost <= 0.0 { 0.0 } else { slack / self.cost })
    }
}

/// The cheapest way within `time`, volunteers first; `None` if all candidates together are not enough,
/// which is so if and only if [`most`](super::most()) is less than the amount.
pub fn solve(menu: &Menu, time: Duration) -> Option<Solution> {
    let bearing = bearing(menu);
    let by_lease = by_lease(&menu.candidates);
    let everything = everything(menu, &bearing, &by_lease)?;
    let cost = |candidate: &Candidate| (candidate.fixed, candidate.per_step);
    let pass = |cost: &Pricing<'_>| pare(menu, &bearing, everything(cost), cost);
    if !menu.candidates.iter().any(|candidate| matches!(candidate.way.by, By::Volunteer { .. })) {
        return Some(refine(menu, &bearing, &by_lease, &cost, None, pass(&cost), time));
    }
    // First as few GPUs by force as can be, then the least money for that.
    let force = |candidate: &Candidate| (0.0, to_float(candidate.forced_gpus));
    let gentle = refine(menu, &bearing, &by_lease, &force, None, pass(&force), time / 2);
    let by_force = |picked: &[Picked]| -> u64 { picked.iter().map(|it| forced(menu, it)).sum() };
    let cost_of = |picked: &[Picked]| -> f64 {
        picked.iter().map(|it| price(&menu.candidates[it.candidate], it.steps)).sum()
    };
    let most = by_force(&gentle.picked);
    let cheap = pass(&cost);
    let is_better = by_force(&cheap) <= most && cost_of(&cheap) < cost_of(&gentle.picked);
    let seed = if is_better { cheap } else { gentle.picked };
    Some(refine(menu, &bearing, &by_lease, &cost, Some(most), seed, time / 2))
}

/// What the steps of a candidate cost: an amount for the first, and one for each.
type Pricing<'a> = dyn Fn(&Candidate) -> (f64, f64) + 'a;

fn forced(menu: &Menu, picked: &Picked) -> u64 {
    menu.candidates[picked.candidate].forced_gpus * u64::from(picked.steps)
}

fn price(candidate: &Candidate, steps: u32) -> f64 {
    candidate.fixed + candidate.per_step * f64::from(steps)
}

/// A set of picks that frees enough, of each lease as much as a candidate can give, as a function of what
/// the candidates cost; `None` if there is no such set.
fn everything<'a>(
    menu: &'a Menu,
    bearing: &'a Bearing,
    by_lease: &'a BTreeMap<LeaseId, Vec<usize>>,
) -> Option<impl Fn(&Pricing<'_>) -> Vec<Picked> + 'a> {
    let gives = move |place: usize| -> f64 {
        let worth = |(instant, units): &(usize, u32)| {
            menu.pools[bearing.instants[*instant].pool].worth_of_one(menu.amount)
                * f64::from(*units)
        };
        let most = bearing.of[place].iter().map(worth).fold(0.0, f64::max);
        most * f64::from(menu.candidates[place].most)
    };
    // Of each lease what gives most, the cheapest of those.
    let simple = move |cost: &Pricing<'_>| -> Vec<Picked> {
        let total = |place: usize| {
            let (fixed, per_step) = cost(&menu.candidates[place]);
            fixed + per_step * f64::from(menu.candidates[place].most)
        };
        let best = by_lease.values().filter_map(|places| {
            let useful = places.iter().copied().filter(|place| gives(*place) > 0.0);
            useful.max_by(|a, b| {
                gives(*a).total_cmp(&gives(*b)).then(total(*b).total_cmp(&total(*a)))
            })
        });
        let picked = |candidate| Picked { candidate, steps: menu.candidates[candidate].most };
        best.map(picked).collect()
    };
    // Where leases can give in one pool or another, that may be too little although it is most by each.
    let amount = menu.amount.number();
    let is_enough = move |picked: &[Picked]| {
        menu.worth(&contributions(menu, bearing, &had_with(bearing, picked))) >= amount
    };
    let is_simple = is_enough(&simple(&|_| (0.0, 0.0)));
    let arranged = if is_simple { Vec::new() } else { most_of(menu, bearing, by_lease, MOST_TIME) };
    (is_simple || is_enough(&arranged)).then_some(move |cost: &Pricing<'_>| {
        let picked = if is_simple { simple(cost) } else { arranged.clone() };
        // What costs less may be in another pool.
        if is_simple && !is_enough(&picked) { simple(&|_| (0.0, 0.0)) } else { picked }
    })
}

/// Leaves out of `picked`, which is enough, what is dearest by what it gives, as long as it stays enough.
fn pare(
    menu: &Menu,
    bearing: &Bearing,
    mut picked: Vec<Picked>,
    cost: &Pricing<'_>,
) -> Vec<Picked> {
    let candidates = &menu.candidates;
    let per_unit = |it: &Picked| -> f64 {
        let (fixed, per_step) = cost(&candidates[it.candidate]);
        let worth = |(instant, units): &(usize, u32)| {
            menu.pools[bearing.instants[*instant].pool].worth_of_one(menu.amount)
                * f64::from(*units)
        };
        let gives = bearing.of[it.candidate].iter().map(worth).fold(0.0, f64::max);
        (fixed + per_step * f64::from(it.steps)) / (gives * f64::from(it.steps)).max(1e-9)
    };
    let mut had = had_with(bearing, &picked);
    let shift = |had: &mut [u64], it: &Picked, is_taken: bool| {
        for (instant, units) in &bearing.of[it.candidate] {
            let units = u64::from(*units) * u64::from(it.steps);
            had[*instant] =
                if is_taken { had[*instant] + units } else { had[*instant].saturating_sub(units) };
        }
    };
    let is_enough =
        |had: &[u64]| menu.worth(&contributions(menu, bearing, had)) >= menu.amount.number();
    picked.sort_by(|a, b| per_unit(b).total_cmp(&per_unit(a)));
    for kept in &mut picked {
        let whole = *kept;
        shift(&mut had, &whole, false);
        // The fewest steps with which it is still enough; more is never worse.
        let (mut low, mut high) = (0, whole.steps);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut with = had.clone();
            shift(&mut with, &Picked { steps: middle, ..whole }, true);
            if is_enough(&with) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let least = candidates[whole.candidate].least;
        kept.steps = if low == 0 { 0 } else { low.max(least) };
        shift(&mut had, kept, true);
    }
    debug_assert!(is_enough(&had));
    picked.retain(|it| it.steps > 0);
    picked
}

/// Improves `seed`, which is enough, as far as `time` allows, and says how far that is from the best.
fn refine(
    menu: &Menu,
    bearing: &Bearing,
    by_lease: &BTreeMap<LeaseId, Vec<usize>>,
    cost: &Pricing<'_>,
    forced_max: Option<u64>,
    seed: Vec<Picked>,
    time: Duration,
) -> Solution {
    let total = |picked: &[Picked]| -> f64 {
        let prices = picked.iter().map(|it| {
            let (fixed, per_step) = cost(&menu.candidates[it.candidate]);
            fixed + per_step * f64::from(it.steps)
        });
        prices.sum()
    };
    if total(&seed) <= 0.0 {
        return Solution { picked: seed, cost: 0.0, bound: Some(0.0) };
    }
    // The solver may give up with a panic on numbers that it finds too hard; the seed stands then.
    let attempt = |slack: f64| {
        let run = || exact(menu, bearing, by_lease, cost, forced_max, &seed, time, slack);
        catch_unwind(AssertUnwindSafe(run)).ok().flatten()
    };
    let is_enough = |found: &Found| is_enough(menu, bearing, by_lease, &found.0);
    // Watts are rounded for each pool: half of one may be missing to each, or too much.
    let rounding = match (menu.amount, menu.pools.as_slice()) {
        (Amount::Gpus(_), _) | (Amount::Watts(_), [_]) => 0.0,
        (Amount::Watts(_), pools) => {
            0.5 * f64::from(u32::try_from(pools.len()).unwrap_or(u32::MAX))
        }
    };
    let mut found = attempt(-rounding);
    if rounding > 0.0 && found.as_ref().is_some_and(|found| !is_enough(found)) {
        let bound = found.and_then(|(_, bound)| bound);
        found = attempt(rounding).map(|(picked, _)| (picked, bound));
    }
    let (picked, bound) = match found.filter(is_enough) {
        Some((picked, bound)) if total(&seed) < total(&picked) => (seed, bound),
        Some(better) => better,
        None => (seed, None),
    };
    let cost = total(&picked);
    Solution { cost, bound: bound.map(|bound| bound.min(cost)), picked }
}

/// Picks, and what nothing costs less than.
type Found = (Vec<Picked>, Option<f64>);

/// The cheapest picks that count for the amount and `slack` more, reckoned in floats.
#[expect(clippy::too_many_arguments, reason = "the program's data, its bounds and where to begin")]
fn exact(
    menu: &Menu,
    bearing: &Bearing,
    by_lease: &BTreeMap<LeaseId, Vec<usize>>,
    cost: &Pricing<'_>,
    forced_max: Option<u64>,
    seed: &[Picked],
    time: Duration,
    slack: f64,
) -> Option<Found> {
    let candidates = &menu.candidates;
    // Prices of about one: solvers compare with absolute tolerances.
    let scale = {
        let prices = candidates.iter().map(|candidate| {
            let (fixed, per_step) = cost(candidate);
            fixed.abs() + per_step * f64::from(candidate.most)
        });
        prices.fold(0.0, f64::max).max(1.0) / 1_000.0
    };
    let mut variables = ProblemVariables::new();
    let mut objective = Expression::from(0.0);
    let steps: Vec<Variable> = candidates
        .iter()
        .map(|candidate| variables.add(variable().integer().min(0).max(candidate.most)))
        .collect();
    let is_linear = |candidate: &Candidate| cost(candidate).0 == 0.0 && candidate.least <= 1;
    let mut is_made: Vec<Option<Variable>> = vec![None; candidates.len()];
    for places in by_lease.values() {
        // One linear candidate of each lease can do without a switch of its own.
        let free_one = places.iter().copied().find(|place| is_linear(&candidates[*place]));
        for &place in places.iter().filter(|place| Some(**place) != free_one) {
            is_made[place] = Some(variables.add(variable().binary()));
        }
    }
    let units: Vec<Variable> =
        menu.pools.iter().map(|pool| variables.add(variable().min(0).max(pool.units))).collect();
    for (place, candidate) in candidates.iter().enumerate() {
        let (fixed, per_step) = cost(candidate);
        objective += (per_step / scale) * steps[place];
        if let Some(made) = is_made[place] {
            objective += (fixed / scale) * made;
        }
    }
    let mut model = variables.minimise(objective).using(microlp);
    for (place, candidate) in candidates.iter().enumerate() {
        if let Some(made) = is_made[place] {
            model = model
                .with(constraint!(steps[place] <= f64::from(candidate.most) * made))
                .with(constraint!(steps[place] >= f64::from(candidate.least) * made));
        }
    }
    for places in by_lease.values().filter(|places| places.len() > 1) {
        let shares = places.iter().map(|&place| match is_made[place] {
            Some(made) => Expression::from(made),
            None => steps[place] * (1.0 / f64::from(candidates[place].most)),
        });
        model = model.with(constraint!(shares.sum::<Expression>() <= 1.0));
    }
    let mut taken: Vec<Expression> = bearing
        .instants
        .iter()
        .map(|instant| Expression::from(f64::from(instant.free)) - units[instant.pool])
        .collect();
    for (place, bears) in bearing.of.iter().enumerate() {
        for (instant, per_step) in bears {
            taken[*instant] += f64::from(*per_step) * steps[place];
        }
    }
    for expression in taken {
        model = model.with(constraint!(expression >= 0.0));
    }
    if let [only] = menu.pools.as_slice() {
        // One pool contributes whole units; the tighter demand makes the relaxation tighter.
        let least = to_float(only.units_for(menu.amount));
        model = model.with(constraint!(units[0] >= least));
    } else {
        let worth = menu.pools.iter().map(|pool| pool.worth_of_one(menu.amount));
        let largest = worth.clone().fold(1e-9, f64::max);
        let offered: Expression =
            units.iter().zip(worth).map(|(units, worth)| *units * (worth / largest)).sum();
        let least = (to_float(menu.amount.number()) + slack) / largest;
        model = model.with(constraint!(offered >= least));
    }
    if let Some(most) = forced_max {
        let by_force: Expression = candidates
            .iter()
            .zip(&steps)
            .map(|(candidate, steps)| *steps * to_float(candidate.forced_gpus))
            .sum();
        model = model.with(constraint!(by_force <= to_float(most)));
    }
    let start = start(menu, bearing, seed, &steps, &is_made, &units);
    let model = model.with_initial_solution(start);
    let model = model.with_time_limit(time.as_secs_f64());
    let solution = model.solve().ok()?;
    let picked: Vec<Picked> = steps
        .iter()
        .enumerate()
        .filter_map(|(candidate, &variable)| {
            let steps = whole(solution.value(variable)).min(candidates[candidate].most);
            (steps > 0).then_some(Picked { candidate, steps })
        })
        .collect();
    let bound = solution.into_inner().stats().best_bound.map(|bound| bound * scale);
    Some((picked, bound))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of steps, which is checked against its bounds"
)]
fn whole(value: f64) -> u32 {
    value.round() as u32
}

/// `seed` as values of the model's variables.
fn start(
    menu: &Menu,
    bearing: &Bearing,
    seed: &[Picked],
    steps: &[Variable],
    is_made: &[Option<Variable>],
    units: &[Variable],
) -> Vec<(Variable, f64)> {
    let mut taken = vec![0; steps.len()];
    for it in seed {
        taken[it.candidate] = it.steps;
    }
    let mut values: Vec<(Variable, f64)> =
        steps.iter().zip(&taken).map(|(variable, steps)| (*variable, f64::from(*steps))).collect();
    let switches =
        is_made.iter().zip(&taken).filter_map(|(made, steps)| Some((*made.as_ref()?, *steps)));
    values.extend(switches.map(|(made, steps)| (made, if steps > 0 { 1.0 } else { 0.0 })));
    let had = had_with(bearing, seed);
    let contributed = contributions(menu, bearing, &had);
    values.extend(units.iter().zip(contributed).map(|(units, number)| (*units, to_float(number))));
    values
}

/// Whether what the solver found holds, in whole numbers.
fn is_enough(
    menu: &Menu,
    bearing: &Bearing,
    by_lease: &BTreeMap<LeaseId, Vec<usize>>,
    picked: &[Picked],
) -> bool {
    let made: HashSet<usize> = picked.iter().map(|it| it.candidate).collect();
    let units = contributions(menu, bearing, &had_with(bearing, picked));
    menu.worth(&units) >= menu.amount.number()
        && picked.iter().all(|it| it.steps >= menu.candidates[it.candidate].least)
        && by_lease
            .values()
            .all(|places| places.iter().filter(|place| made.contains(place)).count() <= 1)
}

/// What is free throughout the period when `picked` is taken, counted as the amount is.
pub fn freed(menu: &Menu, picked: &[Picked]) -> u64 {
    free_with(menu, picked).counted(menu.amount)
}

/// What is free throughout the period when `picked` is taken, in both measures.
pub fn free_with(menu: &Menu, picked: &[Picked]) -> Free {
    let bearing = bearing(menu);
    menu.free(&contributions(menu, &bearing, &had_with(&bearing, picked)))
}
