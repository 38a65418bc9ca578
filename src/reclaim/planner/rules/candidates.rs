//! What each lease could give, by which right, for what money.

use super::{By, Candidate, Way, cents};
use crate::kernel::{Money, Period, Span, Timestamp, TrancheId};
use crate::leases::{Lease, LineLeft};
use crate::reclaim::rules::{Measure, Volunteer, may_stay_unread, stake};
use crate::supply::{Action, Clause, Ground, Party};

/// For whom the cases would be opened, and how long approvals are expected to take.
#[derive(Debug, Clone)]
pub struct Invoker {
    pub party: Party,
    pub approval_time: Span,
    /// Grounds that may be used.
    pub grounds: Vec<Ground>,
    /// Whether prices are wanted; to see only how much is possible, they are not.
    pub is_priced: bool,
}

impl Invoker {
    /// Whether a case under `clause`, begun at `now`, can be executed at `at`.
    pub fn may_use(&self, clause: &Clause, now: Timestamp, at: Timestamp) -> bool {
        self.grounds.contains(&clause.ground)
            && clause.is_invocable_by(self.party)
            && now + lead(clause, self.approval_time).delta() <= at
    }
}

/// Time from now by which a case under `clause` can be executed for certain, unless the tenant cures or
/// appeals, if approvals take `approval_time`.
pub fn lead(clause: &Clause, approval_time: Span) -> Span {
    let approvals = if clause.approvals.is_empty() { Span::ZERO } else { approval_time };
    let served = served(clause);
    Span::from_seconds(approvals.seconds() + served.seconds()).unwrap_or(served)
}

/// Time by which a served case is executed for certain: nobody may read the notice for as long as that
/// can be, and then it runs, or whatever else holds execution up.
pub fn served(clause: &Clause) -> Span {
    let appeal = clause.appeal.filter(|appeal| appeal.stays).map_or(Span::ZERO, |it| it.window);
    let window = clause.notice.max(clause.cure.unwrap_or(Span::ZERO)).max(appeal);
    let unread = may_stay_unread(clause);
    Span::from_seconds(unread.seconds() + window.seconds()).unwrap_or(window)
}

/// Taking `units` of a line for `period`: the tenant gets them back after it, if its lease is longer.
pub fn part(line: &LineLeft<'_>, units: u32, period: Period) -> Measure {
    let until = (line.ends_at > period.ends_at).then_some(period.ends_at);
    Measure::Partial { tranche_id: line.line, units, until }
}

/// All that can be taken from `lease` for `period`, of the lines in `wanted`, deciding at `now`.
pub fn candidates(
    lease: &Lease,
    clauses: &[Clause],
    volunteers: &[Volunteer],
    wanted: &[TrancheId],
    invoker: &Invoker,
    now: Timestamp,
    period: Period,
) -> Vec<Candidate> {
    let at = period.starts_at;
    let left = lease.tranches.lines_left(at, period.ends_at);
    let lines: Vec<&LineLeft<'_>> =
        left.iter().filter(|line| wanted.contains(&line.line)).collect();
    let mut candidates = Vec::new();
    if lines.is_empty() {
        return candidates;
    }
    let priced =
        |candidates: &mut Vec<Candidate>, draft: &Candidate, most, price: &dyn Fn(u32) -> Money| {
            if invoker.is_priced {
                priced(candidates, draft, most, price);
            } else if most > 0 {
                candidates.push(Candidate { most, ..draft.clone() });
            }
        };
    // Something must be left of the lease, unless all of it is taken.
    let most_of = |line: &LineLeft<'_>| {
        if left.len() == 1 { line.units.min(line.units_most - 1) } else { line.units }
    };
    for (place, volunteer) in volunteers.iter().enumerate() {
        let Some(line) = lines.iter().find(|line| line.line == volunteer.line) else {
            continue;
        };
        if now + volunteer.notice.delta() > at {
            continue;
        }
        let most = volunteer.units.min(most_of(line));
        let way = Way { by: By::Volunteer { place }, tranche: Some(line.line) };
        let frees = vec![(line.line, 1)];
        let draft = Candidate { frees, ..nothing(lease, way) };
        let price = |units| volunteer.price(&lease.tranches, units, at).1;
        priced(&mut candidates, &draft, most, &price);
    }
    for (place, clause) in clauses.iter().enumerate() {
        if !invoker.may_use(clause, now, at) {
            continue;
        }
        let by = By::Clause { place, ground: clause.ground };
        if clause.allows(Action::Full) {
            let way = Way { by, tranche: None };
            let frees: Vec<_> = left.iter().map(|line| (line.line, line.units)).collect();
            let gpus_of = |line: &LineLeft<'_>| {
                u64::from(line.units) * u64::from(line.tranche.gpus_per_unit())
            };
            let gpus = left.iter().map(gpus_of).sum();
            let draft = Candidate { frees, forced_gpus: gpus, ..nothing(lease, way) };
            priced(&mut candidates, &draft, 1, &|_| {
                stake(Measure::Full, &clause.compensation, &lease.tranches, at).compensation
            });
        }
        if !clause.allows(Action::Partial) {
            continue;
        }
        for line in &lines {
            let step = clause.partial_step.max(1);
            let way = Way { by, tranche: Some(line.line) };
            let forced_gpus = u64::from(step) * u64::from(line.tranche.gpus_per_unit());
            let draft =
                Candidate { frees: vec![(line.line, step)], forced_gpus, ..nothing(lease, way) };
            priced(&mut candidates, &draft, most_of(line) / step, &|steps| {
                let measure = part(line, steps * step, period);
                stake(measure, &clause.compensation, &lease.tranches, at).compensation
            });
        }
    }
    candidates
}

fn nothing(lease: &Lease, way: Way) -> Candidate {
    Candidate {
        lease: lease.id,
        way,
        frees: Vec::new(),
        least: 1,
        most: 0,
        fixed: 0.0,
        per_step: 0.0,
        forced_gpus: 0,
    }
}

/// Adds `draft` with up to `most` steps, cut where its price bends.
///
/// A rule of compensation is a straight line between a floor and a cap, so its price bends at most
/// twice: where it leaves the floor, and where it reaches the cap. Both places are found by bisection,
/// which needs to know nothing of the rule but that more never costs less.
fn priced(
    candidates: &mut Vec<Candidate>,
    draft: &Candidate,
    most: u32,
    price: impl Fn(u32) -> Money,
) {
    if most == 0 {
        return;
    }
    let (first, last) = (price(1), price(most));
    // The last number of steps that costs as little as one, and the first that costs as much as all.
    let floor_until = bisect(1, most, |steps| price(steps) > first) - 1;
    let cap_from = bisect(1, most, |steps| price(steps) >= last).max(floor_until + 1);
    let pieces = [(1, floor_until), (floor_until + 1, cap_from - 1), (cap_from, most)];
    let mut straight: Vec<(u32, u32)> = Vec::new();
    for (from, until) in pieces.into_iter().filter(|(from, until)| from <= until) {
        match straight.last_mut() {
            // A floor or cap of one step lies on the line, unless it is one.
            Some(before) if is_straight(&price, &[before.0, before.1, from, until]) => {
                before.1 = until;
            }
            _ => straight.push((from, until)),
        }
    }
    for (least, most) in straight {
        let (from, to) = (cents(price(least)), cents(price(most)));
        let steps = f64::from(most - least);
        let mut per_step = if most > least { (to - from) / steps } else { 0.0 };
        let mut fixed = from - per_step * f64::from(least);
        // One step, or a line through nothing but for the rounding of its ends.
        if most == 1 || (least == 1 && per_step > 0.0 && fixed.abs() <= 1.0) {
            (fixed, per_step) = (0.0, to / f64::from(most));
        }
        candidates.push(Candidate { least, most, fixed, per_step, ..draft.clone() });
    }
}

/// Whether the prices of these numbers of steps lie on one line, but for rounding.
fn is_straight(price: &impl Fn(u32) -> Money, steps: &[u32; 4]) -> bool {
    let [from, .., until] = *steps;
    let (first, last) = (cents(price(from)), cents(price(until)));
    let per_step = (last - first) / f64::from((until - from).max(1));
    steps.iter().all(|&number| {
        let expected = first + per_step * f64::from(number - from);
        (cents(price(number)) - expected).abs() <= 1.5
    })
}

/// The first number in `[from, until]` for which `is_so`, which stays so once it is; `until + 1` if none.
fn bisect(from: u32, until: u32, is_so: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (from, until + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_so(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
