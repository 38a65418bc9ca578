//! The cheapest choices that free enough, at every instant of the period.
//!
//! Let `k` be the steps taken of each choice. In each pool, at each instant, what is free anyway and what
//! is taken there must reach the units `x` that the pool contributes, and the pools together the amount:
//!
//! ```text
//! minimise   Σ (fixed·z + per_step·k)
//! such that  x_pool ≤ free(t) + Σ units·k          for every pool and instant t
//!            Σ worth·x ≥ amount
//!            least·z ≤ k ≤ most·z,   Σ z ≤ 1 per lease,   z binary, k whole
//! ```
//!
//! Only instants just before something ends after something else began need to be looked at: when a use
//! ends, as much becomes free as it could have given, so the instant before was the harder one. In a pool
//! whose leases all run at the beginning that is one instant.
//!
//! A greedy pass (take everything, then leave out the dearest while it still is enough) gives the solver
//! something to begin with, and the answer when it finds nothing better in its time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use good_lp::solvers::microlp::microlp;
use good_lp::{
    Expression, Solution as _, SolverModel, Variable, WithInitialSolution, WithTimeLimit,
};
use good_lp::{ProblemVariables, constraint, variable};

use super::{By, Choice, Pool, Problem, Use};
use crate::kernel::{LeaseId, Timestamp, TrancheId};

/// A choice that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picked {
    /// By its place in the problem.
    pub choice: usize,
    pub steps: u32,
}

/// What is to be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    pub picked: Vec<Picked>,
    /// In cents, as the choices price it.
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

/// An instant of a pool that may be the hardest.
struct Instant {
    pool: usize,
    /// Units free anyway.
    free: u32,
    /// Who occupies units then.
    tranches: HashSet<TrancheId>,
}

/// Which choices bear on which instants, and how much.
struct Bearing {
    instants: Vec<Instant>,
    /// By choice: the instants, and the units that a step frees there.
    of: Vec<Vec<(usize, u32)>>,
}

/// The cheapest way within `time`, volunteers first; `None` if all choices together are not enough.
pub fn solve(problem: &Problem, time: Duration) -> Option<Solution> {
    let bearing = bearing(problem);
    let by_lease = by_lease(&problem.choices);
    let cost = |choice: &Choice| (choice.fixed, choice.per_step);
    if !problem.choices.iter().any(|choice| matches!(choice.way.by, By::Volunteer { .. })) {
        let seed = greedy(problem, &bearing, &by_lease, &cost);
        return refine(problem, &bearing, &by_lease, &cost, None, seed, time);
    }
    // First as few GPUs by force as can be, then the least money for that.
    let force = |choice: &Choice| (0.0, to_float(choice.forced_gpus));
    let seed = greedy(problem, &bearing, &by_lease, &force);
    let gentle = refine(problem, &bearing, &by_lease, &force, None, seed, time / 2)?;
    let by_force = |picked: &[Picked]| -> u64 { picked.iter().map(|it| forced(problem, it)).sum() };
    let cost_of = |picked: &[Picked]| -> f64 {
        picked.iter().map(|it| price(&problem.choices[it.choice], it.steps)).sum()
    };
    let most = by_force(&gentle.picked);
    let cheap = greedy(problem, &bearing, &by_lease, &cost);
    let cheap = cheap.filter(|it| by_force(it) <= most && cost_of(it) < cost_of(&gentle.picked));
    let seed = Some(cheap.unwrap_or(gentle.picked));
    refine(problem, &bearing, &by_lease, &cost, Some(most), seed, time / 2)
}

fn forced(problem: &Problem, picked: &Picked) -> u64 {
    problem.choices[picked.choice].forced_gpus * u64::from(picked.steps)
}

fn price(choice: &Choice, steps: u32) -> f64 {
    choice.fixed + choice.per_step * f64::from(steps)
}

#[expect(clippy::cast_precision_loss, reason = "GPUs and watts below 2^53 are exact")]
fn to_float(number: u64) -> f64 {
    number as f64
}

fn by_lease(choices: &[Choice]) -> BTreeMap<LeaseId, Vec<usize>> {
    let mut by_lease: BTreeMap<LeaseId, Vec<usize>> = BTreeMap::new();
    for (place, choice) in choices.iter().enumerate() {
        by_lease.entry(choice.lease).or_default().push(place);
    }
    by_lease
}

fn bearing(problem: &Problem) -> Bearing {
    let mut instants = Vec::new();
    for (pool, plane) in problem.pools.iter().enumerate() {
        for at in hard_instants(plane, problem.starts_at, problem.ends_at) {
            let standing = || plane.uses.iter().filter(|it| it.starts_at <= at && it.ends_at > at);
            let used: u32 = standing().map(|it| it.units).fold(0, u32::saturating_add);
            let free = plane.units.saturating_sub(used);
            let tranches = standing().filter_map(|it| it.tranche).collect();
            instants.push(Instant { pool, free, tranches });
        }
    }
    let mut on: HashMap<TrancheId, Vec<usize>> = HashMap::new();
    for (place, instant) in instants.iter().enumerate() {
        for tranche in &instant.tranches {
            on.entry(*tranche).or_default().push(place);
        }
    }
    let of = problem.choices.iter().map(|choice| {
        let mut bears: BTreeMap<usize, u32> = BTreeMap::new();
        for (tranche, units) in &choice.frees {
            for instant in on.get(tranche).into_iter().flatten() {
                *bears.entry(*instant).or_default() += units;
            }
        }
        bears.into_iter().collect()
    });
    let of = of.collect();
    Bearing { instants, of }
}

/// The instants in `[from, until)` after which something ends and before which something began.
pub(super) fn hard_instants(pool: &Pool, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let inside = |it: &&Use| it.starts_at < until && it.ends_at > from;
    // Ends come before starts at the same instant: periods are half-open.
    let mut events: Vec<(Timestamp, bool)> = Vec::new();
    for used in pool.uses.iter().filter(inside) {
        events.push((used.starts_at.max(from), true));
        if used.ends_at < until {
            events.push((used.ends_at, false));
        }
    }
    events.sort_unstable();
    let mut instants = Vec::new();
    let mut begun = Some(from);
    for (at, is_start) in events {
        if is_start {
            begun = Some(at);
        } else {
            instants.extend(begun.take());
        }
    }
    instants.extend(begun);
    instants
}

/// What each pool can contribute when at each instant so much is to be had.
fn contributions(problem: &Problem, bearing: &Bearing, had: &[u64]) -> Vec<u64> {
    let mut units: Vec<u64> = problem.pools.iter().map(|pool| u64::from(pool.units)).collect();
    for (instant, had) in bearing.instants.iter().zip(had) {
        units[instant.pool] = units[instant.pool].min(*had);
    }
    units
}

/// Takes all that can be had, then leaves out what is dearest by what it gives.
fn greedy(
    problem: &Problem,
    bearing: &Bearing,
    by_lease: &BTreeMap<LeaseId, Vec<usize>>,
    cost: &dyn Fn(&Choice) -> (f64, f64),
) -> Option<Vec<Picked>> {
    let choices = &problem.choices;
    let gives = |place: usize| -> u64 {
        let bears = &bearing.of[place];
        bears.iter().map(|(_, units)| u64::from(*units)).max().unwrap_or(0)
            * u64::from(choices[place].most)
    };
    let per_unit = |place: usize| -> f64 {
        let (fixed, per_step) = cost(&choices[place]);
        (fixed + per_step * f64::from(choices[place].most)) / to_float(gives(place).max(1))
    };
    // Of each lease the choice that gives most, the cheapest of those.
    let mut picked: Vec<Picked> = Vec::new();
    for places in by_lease.values() {
        let best =
            places.iter().copied().filter(|place| gives(*place) > 0).max_by(|a, b| {
                gives(*a).cmp(&gives(*b)).then(per_unit(*b).total_cmp(&per_unit(*a)))
            });
        picked.extend(best.map(|choice| Picked { choice, steps: choices[choice].most }));
    }
    let mut had: Vec<u64> =
        bearing.instants.iter().map(|instant| u64::from(instant.free)).collect();
    let shift = |had: &mut [u64], it: &Picked, is_taken: bool| {
        for (instant, units) in &bearing.of[it.choice] {
            let units = u64::from(*units) * u64::from(it.steps);
            had[*instant] =
                if is_taken { had[*instant] + units } else { had[*instant].saturating_sub(units) };
        }
    };
    for it in &picked {
        shift(&mut had, it, true);
    }
    let worth: Vec<u64> = problem.pools.iter().map(|pool| pool.worth(problem.amount)).collect();
    let sum =
        |units: &[u64]| units.iter().zip(&worth).map(|(units, worth)| units * worth).sum::<u64>();
    let mut units = contributions(problem, bearing, &had);
    if sum(&units) < problem.amount.number() {
        return None;
    }
    picked.sort_by(|a, b| per_unit(b.choice).total_cmp(&per_unit(a.choice)));
    for kept in &mut picked {
        let whole = *kept;
        shift(&mut had, &whole, false);
        // The fewest steps with which it is still enough; more is never worse.
        let is_enough = |steps: u32, had: &[u64]| {
            let mut had = had.to_vec();
            shift(&mut had, &Picked { steps, ..whole }, true);
            let units = contributions(problem, bearing, &had);
            (sum(&units) >= problem.amount.number()).then_some(units)
        };
        let (mut low, mut high) = (0, whole.steps);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_enough(middle, &had).is_some() {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let least = choices[whole.choice].least;
        kept.steps = if low == 0 { 0 } else { low.max(least) };
        shift(&mut had, kept, true);
        units = contributions(problem, bearing, &had);
    }
    debug_assert!(sum(&units) >= problem.amount.number());
    picked.retain(|it| it.steps > 0);
    Some(picked)
}

/// Improves `seed` as far as `time` allows, and says how far that is from the best. Without a seed it
/// looks for a solution at all.
fn refine(
    problem: &Problem,
    bearing: &Bearing,
    by_lease: &BTreeMap<LeaseId, Vec<usize>>,
    cost: &dyn Fn(&Choice) -> (f64, f64),
    forced_max: Option<u64>,
    seed: Option<Vec<Picked>>,
    time: Duration,
) -> Option<Solution> {
    let total = |picked: &[Picked]| -> f64 {
        let prices = picked.iter().map(|it| {
            let (fixed, per_step) = cost(&problem.choices[it.choice]);
            fixed + per_step * f64::from(it.steps)
        });
        prices.sum()
    };
    if let Some(free) = seed.as_ref().filter(|seed| total(seed) <= 0.0) {
        return Some(Solution { picked: free.clone(), cost: 0.0, bound: Some(0.0) });
    }
    let attempt = || exact(problem, bearing, by_lease, cost, forced_max, seed.as_deref(), time);
    // The solver may give up with a panic on numbers that it finds too hard; the seed stands then.
    let found = catch_unwind(AssertUnwindSafe(attempt)).ok().flatten();
    let (picked, bound) = match (found, seed) {
        (Some((picked, bound)), Some(seed)) if total(&seed) < total(&picked) => (seed, bound),
        (Some((picked, bound)), _) => (picked, bound),
        (None, seed) => (seed?, None),
    };
    let cost = total(&picked);
    Some(Solution { cost, bound: bound.map(|bound| bound.min(cost)), picked })
}

type Found = (Vec<Picked>, Option<f64>);

fn exact(
    problem: &Problem,
    bearing: &Bearing,
    by_lease: &BTreeMap<LeaseId, Vec<usize>>,
    cost: &dyn Fn(&Choice) -> (f64, f64),
    forced_max: Option<u64>,
    seed: Option<&[Picked]>,
    time: Duration,
) -> Option<Found> {
    let choices = &problem.choices;
    // Prices of about one: solvers compare with absolute tolerances.
    let scale = {
        let prices = choices.iter().map(|choice| {
            let (fixed, per_step) = cost(choice);
            fixed.abs() + per_step * f64::from(choice.most)
        });
        prices.fold(0.0, f64::max).max(1.0) / 1_000.0
    };
    let mut variables = ProblemVariables::new();
    let mut objective = Expression::from(0.0);
    let steps: Vec<Variable> = choices
        .iter()
        .map(|choice| variables.add(variable().integer().min(0).max(choice.most)))
        .collect();
    let is_linear = |choice: &Choice| cost(choice).0 == 0.0 && choice.least <= 1;
    let mut is_made: Vec<Option<Variable>> = vec![None; choices.len()];
    for places in by_lease.values() {
        // One linear choice of each lease can do without a switch of its own.
        let free_one = places.iter().copied().find(|place| is_linear(&choices[*place]));
        for &place in places.iter().filter(|place| Some(**place) != free_one) {
            is_made[place] = Some(variables.add(variable().binary()));
        }
    }
    let units: Vec<Variable> =
        problem.pools.iter().map(|pool| variables.add(variable().min(0).max(pool.units))).collect();
    for (place, choice) in choices.iter().enumerate() {
        let (fixed, per_step) = cost(choice);
        objective += (per_step / scale) * steps[place];
        if let Some(made) = is_made[place] {
            objective += (fixed / scale) * made;
        }
    }
    let mut model = variables.minimise(objective).using(microlp);
    for (place, choice) in choices.iter().enumerate() {
        if let Some(made) = is_made[place] {
            model = model
                .with(constraint!(steps[place] <= f64::from(choice.most) * made))
                .with(constraint!(steps[place] >= f64::from(choice.least) * made));
        }
    }
    for places in by_lease.values().filter(|places| places.len() > 1) {
        let shares = places.iter().map(|&place| match is_made[place] {
            Some(made) => Expression::from(made),
            None => steps[place] * (1.0 / f64::from(choices[place].most)),
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
    // One pool contributes whole units; the tighter demand makes the relaxation tighter.
    let amount = if let [only] = problem.pools.as_slice() {
        let worth = only.worth(problem.amount).max(1);
        problem.amount.number().div_ceil(worth) * worth
    } else {
        problem.amount.number()
    };
    let worth = problem.pools.iter().map(|pool| to_float(pool.worth(problem.amount)));
    let largest = worth.clone().fold(1.0, f64::max);
    let offered: Expression =
        units.iter().zip(worth).map(|(units, worth)| *units * (worth / largest)).sum();
    model = model.with(constraint!(offered >= to_float(amount) / largest));
    if let Some(most) = forced_max {
        let by_force: Expression = choices
            .iter()
            .zip(&steps)
            .map(|(choice, steps)| *steps * to_float(choice.forced_gpus))
            .sum();
        model = model.with(constraint!(by_force <= to_float(most)));
    }
    if let Some(seed) = seed {
        let start = start(problem, bearing, seed, &steps, &is_made, &units);
        model = model.with_initial_solution(start);
    }
    let model = model.with_time_limit(time.as_secs_f64());
    let solution = model.solve().ok()?;
    let picked: Vec<Picked> = steps
        .iter()
        .enumerate()
        .filter_map(|(choice, &variable)| {
            let steps = whole(solution.value(variable)).min(choices[choice].most);
            (steps > 0).then_some(Picked { choice, steps })
        })
        .collect();
    let bound = solution.into_inner().stats().best_bound.map(|bound| bound * scale);
    is_enough(problem, bearing, by_lease, &picked).then_some((picked, bound))
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
    problem: &Problem,
    bearing: &Bearing,
    seed: &[Picked],
    steps: &[Variable],
    is_made: &[Option<Variable>],
    units: &[Variable],
) -> Vec<(Variable, f64)> {
    let mut taken = vec![0; steps.len()];
    for it in seed {
        taken[it.choice] = it.steps;
    }
    let mut values: Vec<(Variable, f64)> =
        steps.iter().zip(&taken).map(|(variable, steps)| (*variable, f64::from(*steps))).collect();
    let switches =
        is_made.iter().zip(&taken).filter_map(|(made, steps)| Some((*made.as_ref()?, *steps)));
    values.extend(switches.map(|(made, steps)| (made, if steps > 0 { 1.0 } else { 0.0 })));
    let had = had_with(bearing, seed);
    let contributed = contributions(problem, bearing, &had);
    values.extend(units.iter().zip(contributed).map(|(units, number)| (*units, to_float(number))));
    values
}

fn had_with(bearing: &Bearing, picked: &[Picked]) -> Vec<u64> {
    let mut had: Vec<u64> =
        bearing.instants.iter().map(|instant| u64::from(instant.free)).collect();
    for it in picked {
        for (instant, units) in &bearing.of[it.choice] {
            had[*instant] += u64::from(*units) * u64::from(it.steps);
        }
    }
    had
}

/// Whether what the solver found holds, in whole numbers.
fn is_enough(
    problem: &Problem,
    bearing: &Bearing,
    by_lease: &BTreeMap<LeaseId, Vec<usize>>,
    picked: &[Picked],
) -> bool {
    let made: HashSet<usize> = picked.iter().map(|it| it.choice).collect();
    let units = contributions(problem, bearing, &had_with(bearing, picked));
    let worth = problem.pools.iter().map(|pool| pool.worth(problem.amount));
    let sum: u64 = units.iter().zip(worth).map(|(units, worth)| units * worth).sum();
    sum >= problem.amount.number()
        && picked.iter().all(|it| it.steps >= problem.choices[it.choice].least)
        && by_lease
            .values()
            .all(|places| places.iter().filter(|place| made.contains(place)).count() <= 1)
}

/// What is free throughout the period when `picked` is taken, counted as the amount is.
pub fn freed(problem: &Problem, picked: &[Picked]) -> u64 {
    let bearing = bearing(problem);
    let units = contributions(problem, &bearing, &had_with(&bearing, picked));
    let worth = problem.pools.iter().map(|pool| pool.worth(problem.amount));
    units.iter().zip(worth).map(|(units, worth)| units * worth).sum()
}

/// The most that can be free throughout the period, at whatever price, counted as the amount is.
pub fn most(problem: &Problem) -> u64 {
    let nothing = Problem { amount: zero(problem), ..problem.clone() };
    let bearing = bearing(&nothing);
    let mut had = had_with(&bearing, &[]);
    for places in by_lease(&nothing.choices).values() {
        // Of each lease what gives most; where its choices bear on different pools, the larger one.
        let gives = |place: &usize| {
            let units: u64 = bearing.of[*place].iter().map(|(_, units)| u64::from(*units)).sum();
            units * u64::from(nothing.choices[*place].most)
        };
        if let Some(place) = places.iter().max_by_key(|place| gives(place)) {
            for (instant, units) in &bearing.of[*place] {
                had[*instant] += u64::from(*units) * u64::from(nothing.choices[*place].most);
            }
        }
    }
    let units = contributions(&nothing, &bearing, &had);
    let worth = nothing.pools.iter().map(|pool| pool.worth(problem.amount));
    units.iter().zip(worth).map(|(units, worth)| units * worth).sum()
}

fn zero(problem: &Problem) -> super::Amount {
    match problem.amount {
        super::Amount::Gpus(_) => super::Amount::Gpus(0),
        super::Amount::Watts(_) => super::Amount::Watts(0),
    }
}
