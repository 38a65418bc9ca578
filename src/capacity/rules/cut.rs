//! Which units a booking gives back.

use super::plane::gaps;
use super::{END_OF_TIME, Instant, Plane, Rect, Units, Window, joined};

/// Chooses `n` units of a tranche's `rects` to give up from `at` on, so that the tranche and the
/// free units of the pool are left in few pieces: disjoint runs, ascending.
///
/// Whole runs go first, then the rest is cut from one end of another; a run or an end that borders
/// on free units costs no new piece. Three orders of the whole runs are tried, the best one is
/// taken. Fewer than `n` are returned only if the tranche has fewer.
#[must_use]
pub fn choose_units_to_free(plane: &Plane, rects: &[Rect], n: u32, at: Instant) -> Vec<Units> {
    let held = joined(rects.iter().map(|rect| rect.units).collect());
    let until = rects.iter().map(|rect| rect.window.until).max().unwrap_or(END_OF_TIME);
    let free = plane.free_over(Window::new(at, until), plane.whole());
    let mut smallest_first = held.clone();
    smallest_first.sort_by_key(|run| run.len());
    let mut largest_first = smallest_first.clone();
    largest_first.reverse();
    let mut joining_first = smallest_first.clone();
    joining_first.sort_by_key(|&run| std::cmp::Reverse(free_sides(run, &free)));
    [smallest_first, joining_first, largest_first]
        .into_iter()
        .map(|order| give_up(order, n, &free))
        .min_by_key(|given| pieces_left(&held, &free, given))
        .unwrap_or_default()
}

/// Gives up whole runs in `order` while they fit into `n`, then an end of one of the others.
fn give_up(order: Vec<Units>, n: u32, free: &[Units]) -> Vec<Units> {
    let mut missing = n;
    let mut given = Vec::new();
    let mut kept = Vec::new();
    for run in order {
        let goes = run.len() <= missing;
        if goes {
            missing -= run.len();
        }
        if goes { given.push(run) } else { kept.push(run) }
    }
    // Every kept run was longer than what was missing when it was met, so it still is.
    let ends = kept.iter().flat_map(|run| {
        let top = Units::new(run.until - missing, run.until);
        [top, Units::new(run.from, run.from + missing)]
    });
    if missing > 0 {
        given.extend(ends.max_by_key(|&end| free_sides(end, free)));
    }
    joined(given)
}

/// On how many of its two sides the run borders on free units.
fn free_sides(run: Units, free: &[Units]) -> usize {
    let after = free.partition_point(|other| other.from < run.until);
    let before = free.partition_point(|other| other.until < run.from);
    let touches_after = free.get(after).is_some_and(|other| other.from == run.until);
    let touches_before = free.get(before).is_some_and(|other| other.until == run.from);
    usize::from(touches_after) + usize::from(touches_before)
}

/// Runs that the tranche keeps, and free runs of the pool, once `given` is given up.
fn pieces_left(held: &[Units], free: &[Units], given: &[Units]) -> usize {
    let kept: usize = held
        .iter()
        .map(|&run| gaps(given.iter().copied().filter(|other| other.overlaps(run)), run).len())
        .sum();
    kept + joined([free, given].concat()).len()
}

/// `units` less `freed`, which are disjoint and ascending.
#[must_use]
pub fn without(units: Units, freed: &[Units]) -> Vec<Units> {
    let mut staying = Vec::new();
    let mut next = units.from;
    for hole in freed.iter().map(|hole| hole.intersection(units)).filter(|hole| !hole.is_empty()) {
        if hole.from > next {
            staying.push(Units::new(next, hole.from));
        }
        next = hole.until;
    }
    if next < units.until {
        staying.push(Units::new(next, units.until));
    }
    staying
}
