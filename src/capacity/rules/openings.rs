//! Where a window is free, and which of the free units to take.

use super::{Instant, Units, Window, total};

/// Units that are free throughout a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub units: Units,
    /// How long each of the units would stand idle around the window, in microseconds: from its
    /// previous use, or from now, to the window, and from the window to its next use.
    pub idle: u64,
}

/// Idle time beyond this is as good as for ever: 30 days.
const IDLE_MAX: u64 = 30 * 86_400 * 1_000_000;

/// The openings in `within` over `window` among `taken`, which ascend by first unit.
///
/// A run of free units is cut where its neighbours in time change; `now` bounds the idle time
/// before the window.
pub(super) fn openings(
    taken: impl Iterator<Item = (Units, Window)>,
    window: Window,
    within: Units,
    now: Instant,
) -> Vec<Opening> {
    let since_now = window.from.saturating_sub(now).max(0).unsigned_abs();
    let mut neighbours = Neighbours { near: Vec::new(), before_max: since_now.min(IDLE_MAX) };
    let mut open = Vec::new();
    let mut at = within.from;
    for (units, other) in taken {
        if units.from >= within.until {
            break;
        }
        if at < units.from {
            neighbours.open(Units::new(at, units.from), &mut open);
            at = units.from;
        }
        if other.overlaps(window) {
            at = at.max(units.until);
        } else if units.until > at {
            neighbours.meet(units.until, other, window);
        }
    }
    if at < within.until {
        neighbours.open(Units::new(at, within.until), &mut open);
    }
    open
}

/// How many units the openings hold together.
pub(super) fn room(openings: &[Opening]) -> u32 {
    openings.iter().map(|opening| opening.units.len()).sum()
}

/// How long the units of `run` would stand idle, together.
pub(super) fn idle(openings: &[Opening], run: Units) -> u128 {
    let part = |opening: &Opening| {
        u128::from(opening.units.intersection(run).len()) * u128::from(opening.idle)
    };
    openings.iter().map(part).sum()
}

/// The neighbours in time of the units that a walk up the pool has come to.
struct Neighbours {
    /// Some may be behind; none is hidden by another.
    near: Vec<Neighbour>,
    /// The longest idle time before the window.
    before_max: u64,
}

#[derive(Clone, Copy)]
struct Neighbour {
    until: u32,
    is_after: bool,
    idle: u64,
}

impl Neighbour {
    /// Whether `other` says nothing that this one does not.
    const fn hides(&self, other: &Self) -> bool {
        self.is_after == other.is_after && self.idle <= other.idle && self.until >= other.until
    }
}

impl Neighbours {
    /// Opens the free units of `run`, cut where neighbours end.
    #[inline]
    fn open(&mut self, run: Units, open: &mut Vec<Opening>) {
        if self.near.is_empty() {
            open.push(Opening { units: run, idle: self.before_max + IDLE_MAX });
        } else {
            self.open_between(run, open);
        }
    }

    fn open_between(&mut self, run: Units, open: &mut Vec<Opening>) {
        let mut from = run.from;
        while from < run.until {
            self.near.retain(|neighbour| neighbour.until > from);
            let (mut until, mut before, mut after) = (run.until, self.before_max, IDLE_MAX);
            for neighbour in &self.near {
                until = until.min(neighbour.until);
                let side = if neighbour.is_after { &mut after } else { &mut before };
                *side = neighbour.idle.min(*side);
            }
            open.push(Opening { units: Units::new(from, until), idle: before + after });
            from = until;
        }
    }

    /// Takes note of a rectangle that leaves the units from here to `until` free over `window`.
    fn meet(&mut self, until: u32, other: Window, window: Window) {
        let is_after = other.from >= window.until;
        let (idle, idle_max) = if is_after {
            (other.from.abs_diff(window.until), IDLE_MAX)
        } else {
            (window.from.abs_diff(other.until), self.before_max)
        };
        let new = Neighbour { until, is_after, idle };
        if idle < idle_max && !self.near.iter().any(|known| known.hides(&new)) {
            self.near.retain(|known| !new.hides(known));
            self.near.push(new);
        }
    }
}

/// Picks `units` out of the openings, which hold at least as many.
///
/// One run, if there is one that is long enough: where the units would stand idle least, so that
/// long gaps stay whole for long bookings; among equals in the shortest run, next to units in use.
/// Else the longest runs, to have few. Against choosing by length first, choosing by idle time sold
/// 4 points more of a real trace without moves, and needed a third of the moves.
pub(super) fn pick(openings: &[Opening], units: u32) -> Vec<Units> {
    let runs = || openings.chunk_by(|a, b| a.units.until == b.units.from);
    let mut best = None;
    for run in runs() {
        let length = run[run.len() - 1].units.until - run[0].units.from;
        if length >= units {
            let (idle, from) = laziest(run, units);
            if best.is_none_or(|(least, shortest, _)| (idle, length) < (least, shortest)) {
                best = Some((idle, length, from));
            }
        }
    }
    if let Some((_, _, from)) = best {
        return vec![Units::new(from, from + units)];
    }
    let span = |run: &[Opening]| Units::new(run[0].units.from, run[run.len() - 1].units.until);
    let mut runs: Vec<Units> = runs().map(span).collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
    let mut missing = units;
    let mut whole = 0;
    while let Some(run) = runs.get(whole).filter(|run| run.len() < missing) {
        missing -= run.len();
        whole += 1;
    }
    // The rest comes from the shortest run that holds it.
    let last = runs[whole..].iter().rfind(|run| run.len() >= missing).copied();
    runs.truncate(whole);
    runs.extend(last.map(|run| Units::new(run.from, run.from + missing)));
    debug_assert_eq!(total(&runs), units, "the openings hold enough");
    runs
}

/// Where `units` of a long enough run of adjacent openings would stand idle least: for how long
/// together, and from which unit.
fn laziest(run: &[Opening], units: u32) -> (u128, u32) {
    let bottom = run[0].units.from;
    if let [only] = run {
        return (u128::from(only.idle) * u128::from(units), bottom);
    }
    if units == 1 {
        let positions = run.iter().map(|opening| (u128::from(opening.idle), opening.units.from));
        return positions.min().unwrap_or((0, bottom));
    }
    // Between two cuts the sum is linear in the position: where it is least, an edge lies on a cut.
    let top = run[run.len() - 1].units.until;
    let starts = run.iter().map(|opening| opening.units.from);
    let starts = starts.take_while(|&from| from <= top - units);
    let ends = run.iter().map(|opening| opening.units.until);
    let ends = ends.filter(|&until| until >= bottom + units).map(|until| until - units);
    least_idle(run, units, starts).min(least_idle(run, units, ends))
}

/// The best of the positions `from`, which ascend.
fn least_idle(run: &[Opening], units: u32, from: impl Iterator<Item = u32>) -> (u128, u32) {
    let (mut bottom, mut top) = (Below::of(run), Below::of(run));
    let idle = from.map(|from| (top.idle_to(from + units) - bottom.idle_to(from), from));
    idle.min().unwrap_or((u128::MAX, run[0].units.from))
}

/// The idle time of the units of a run below a unit that only rises.
struct Below<'a> {
    run: &'a [Opening],
    idle: u128,
}

impl<'a> Below<'a> {
    const fn of(run: &'a [Opening]) -> Self {
        Self { run, idle: 0 }
    }

    fn idle_to(&mut self, unit: u32) -> u128 {
        while let [first, rest @ ..] = self.run
            && !rest.is_empty()
            && first.units.until <= unit
        {
            self.idle += u128::from(first.idle) * u128::from(first.units.len());
            self.run = rest;
        }
        let first = &self.run[0];
        self.idle + u128::from(first.idle) * u128::from(unit - first.units.from)
    }
}
