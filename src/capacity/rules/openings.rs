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
    let mut sweep = Sweep {
        at: within.from,
        near: Vec::new(),
        open: Vec::new(),
        before_max: since_now.min(IDLE_MAX),
    };
    for (units, other) in taken {
        if units.from >= within.until {
            break;
        }
        sweep.advance(units.from);
        if other.overlaps(window) {
            sweep.at = sweep.at.max(units.until);
        } else if units.until > sweep.at {
            sweep.meet(units.until, other, window);
        }
    }
    sweep.advance(within.until);
    sweep.open
}

/// How many units the openings hold together.
pub(super) fn room(openings: &[Opening]) -> u32 {
    openings.iter().map(|opening| opening.units.len()).sum()
}

/// A walk up the units of a pool.
struct Sweep {
    /// The units below are done with: the free ones stand in `open`.
    at: u32,
    /// The neighbours in time that may reach beyond `at`, without those that another one hides.
    near: Vec<Neighbour>,
    open: Vec<Opening>,
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

impl Sweep {
    /// Opens the free units up to `to`.
    fn advance(&mut self, to: u32) {
        while self.at < to {
            let (mut end, mut before, mut after) = (to, self.before_max, IDLE_MAX);
            if !self.near.is_empty() {
                let at = self.at;
                self.near.retain(|neighbour| neighbour.until > at);
                for neighbour in &self.near {
                    end = end.min(neighbour.until);
                    let side = if neighbour.is_after { &mut after } else { &mut before };
                    *side = neighbour.idle.min(*side);
                }
            }
            let units = Units::new(self.at, end);
            self.open.push(Opening { units, idle: before + after });
            self.at = end;
        }
    }

    /// Takes note of a rectangle that leaves the units from here to `until` free over `window`.
    fn meet(&mut self, until: u32, other: Window, window: Window) {
        let is_after = other.from >= window.until;
        let idle = if is_after {
            other.from.abs_diff(window.until)
        } else {
            window.from.abs_diff(other.until)
        };
        let new = Neighbour { until, is_after, idle };
        if idle < IDLE_MAX && !self.near.iter().any(|known| known.hides(&new)) {
            self.near.retain(|known| !new.hides(known));
            self.near.push(new);
        }
    }
}

/// Picks `units` out of the openings, which hold at least as many.
///
/// One run, if there is one that is long enough: where the units would stand idle least, so that
/// long gaps stay whole for long bookings; among equals in the shortest run, next to units in use.
/// Else the longest runs, to have few. Choosing by idle time before length sold 4 points more of a
/// real trace without moves, and needed a third of the moves.
pub(super) fn pick(openings: &[Opening], units: u32) -> Vec<Units> {
    let runs = || openings.chunk_by(|a, b| a.units.until == b.units.from);
    if let Some((_, one)) = runs().filter_map(|run| snuggest(run, units)).min_by_key(|fit| fit.0) {
        return vec![one];
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

/// Idle time of all the units taken, then the length of the run: the less the better.
type Snugness = (u64, u32);

/// Where `units` fit best into a run of adjacent openings, if they fit.
fn snuggest(run: &[Opening], units: u32) -> Option<(Snugness, Units)> {
    let (first, last) = (run.first()?.units, run.last()?.units);
    let length = last.until - first.from;
    if length < units {
        return None;
    }
    if let [only] = run {
        let idle = only.idle * u64::from(units);
        return Some(((idle, length), Units::new(first.from, first.from + units)));
    }
    let mut idle_sum = 0;
    let idle_before: Vec<u64> = run
        .iter()
        .map(|opening| {
            let before = idle_sum;
            idle_sum += opening.idle * u64::from(opening.units.len());
            before
        })
        .collect();
    let idle_below = |unit: u32| {
        let i = run.partition_point(|opening| opening.units.until <= unit).min(run.len() - 1);
        idle_before[i] + run[i].idle * u64::from(unit - run[i].units.from)
    };
    // Between two cuts the sum is linear in the position: where it is least, an edge lies on a cut.
    let starts = run.iter().map(|opening| opening.units.from);
    let ends = run.iter().filter_map(|opening| opening.units.until.checked_sub(units));
    starts
        .chain(ends)
        .filter(|&from| first.from <= from && from <= last.until - units)
        .map(|from| (idle_below(from + units) - idle_below(from), from))
        .min()
        .map(|(idle, from)| ((idle, length), Units::new(from, from + units)))
}
