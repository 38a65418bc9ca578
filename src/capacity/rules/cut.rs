//! Which units a booking gives back.

use super::plane::gaps;
use super::{Instant, Plane, Rect, Units, Window, joined, total};

/// Chooses `n` units of what `rects` hold throughout `window` to give up, at every instant such as they
/// really hold then, so that what stays and the free units of the pool are left in few pieces: rectangles
/// that do not overlap, in order of time, then of units.
///
/// What is held may change within the window; units that were given up before are given up again where they
/// are held still. Fewer than `n` are chosen only where fewer are held.
#[must_use]
pub fn choose_to_free(
    plane: &Plane,
    rects: &[Rect],
    n: u32,
    window: Window,
) -> Vec<(Units, Window)> {
    let mut freed: Vec<(Vec<Units>, Window)> = Vec::new();
    for (held, window) in held_over(rects, window) {
        let before = freed.last().map_or(&[][..], |(units, _)| units);
        let again = held.iter().flat_map(|run| overlaps(*run, before));
        let again = joined(again.collect());
        let units = if total(&again) >= n.min(total(&held)) {
            again
        } else {
            let others: Vec<Units> = held.iter().flat_map(|run| without(*run, &again)).collect();
            let more = choose_of(plane, others, n - total(&again), window);
            joined([again, more].concat())
        };
        match freed.last_mut() {
            Some((same, last)) if *same == units && last.until == window.from => {
                last.until = window.until;
            }
            _ => freed.push((units, window)),
        }
    }
    let rectangles = freed.into_iter();
    rectangles.flat_map(|(units, window)| units.into_iter().map(move |run| (run, window))).collect()
}

/// What `rects` hold in `window`: from time to time the same units, disjoint runs, ascending. Times at which
/// they hold nothing are left out.
fn held_over(rects: &[Rect], window: Window) -> Vec<(Vec<Units>, Window)> {
    let there: Vec<&Rect> = rects.iter().filter(|rect| rect.window.overlaps(window)).collect();
    let sides = there.iter().flat_map(|rect| [rect.window.from, rect.window.until]);
    let mut instants: Vec<Instant> = sides
        .filter(|&at| window.from < at && at < window.until)
        .chain([window.from, window.until])
        .collect();
    instants.sort_unstable();
    instants.dedup();
    let mut held: Vec<(Vec<Units>, Window)> = Vec::new();
    for pair in instants.windows(2) {
        let piece = Window::new(pair[0], pair[1]);
        let runs = there.iter().filter(|rect| rect.window.overlaps(piece)).map(|rect| rect.units);
        let units = joined(runs.collect());
        match held.last_mut() {
            Some((same, last)) if *same == units && last.until == piece.from => {
                last.until = piece.until;
            }
            _ if units.is_empty() => {}
            _ => held.push((units, piece)),
        }
    }
    held
}

/// The parts of `run` that lie in `runs`.
fn overlaps(run: Units, runs: &[Units]) -> impl Iterator<Item = Units> {
    runs.iter().map(move |other| other.intersection(run)).filter(|both| !both.is_empty())
}

/// Chooses `n` units of `held` to give up throughout `window`: disjoint runs, ascending.
///
/// Whole runs go first, then the rest is cut from one end of another; a run or an end that borders
/// on free units costs no new piece. Three orders of the whole runs are tried, the best one is
/// taken. Fewer than `n` are returned only if fewer are held.
fn choose_of(plane: &Plane, held: Vec<Units>, n: u32, window: Window) -> Vec<Units> {
    let free = plane.free_over(window, plane.whole());
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

/// `units` × `window` less `freed`, in rectangles that do not overlap: cut in time first, then in units.
#[must_use]
pub fn outside(units: Units, window: Window, freed: &[(Units, Window)]) -> Vec<(Units, Window)> {
    let holes: Vec<&(Units, Window)> =
        freed.iter().filter(|hole| hole.0.overlaps(units) && hole.1.overlaps(window)).collect();
    let sides = holes.iter().flat_map(|(_, hole)| [hole.from, hole.until]);
    let mut instants: Vec<Instant> = sides
        .filter(|&at| window.from < at && at < window.until)
        .chain([window.from, window.until])
        .collect();
    instants.sort_unstable();
    instants.dedup();
    let mut staying: Vec<(Vec<Units>, Window)> = Vec::new();
    for pair in instants.windows(2) {
        let piece = Window::new(pair[0], pair[1]);
        let gone = holes.iter().filter(|(_, hole)| hole.overlaps(piece)).map(|(units, _)| *units);
        let stays = without(units, &joined(gone.collect()));
        match staying.last_mut() {
            Some((same, last)) if *same == stays && last.until == piece.from => {
                last.until = piece.until;
            }
            _ => staying.push((stays, piece)),
        }
    }
    let rectangles = staying.into_iter();
    rectangles.flat_map(|(units, window)| units.into_iter().map(move |run| (run, window))).collect()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::Purpose;
    use super::*;

    proptest! {
        #[test]
        fn each_period_gives_up_units_that_it_has(
            wanted in prop::collection::vec((0u32..10, 1u32..5, 0i64..12, 1i64..8, any::<bool>()), 0..10),
            n in 1u32..6, window in (0i64..10, 1i64..12),
        ) {
            let mut plane = Plane::new(16);
            let mut held = Vec::new();
            for (number, (from, width, start, length, is_its)) in (0u128..).zip(wanted) {
                let (units, window) = (Units::new(from, from + width), Window::new(start, start + length));
                if plane.rects().iter().all(|other| !other.overlaps(units, window)) {
                    let id = Uuid::from_u128(number);
                    let rect = Rect { id, units, window, pinned_at: 0, within: units, purpose: Purpose::Lease };
                    plane.insert(rect);
                    if is_its {
                        held.push(rect);
                    }
                }
            }
            let window = Window::new(window.0, window.0 + window.1);
            let freed = choose_to_free(&plane, &held, n, window);
            let stays: Vec<_> =
                held.iter().flat_map(|rect| outside(rect.units, rect.window, &freed)).collect();
            for at in 0..25 {
                let now = Window::new(at, at + 1);
                let count = |it: &[(Units, Window)], unit: Units| {
                    it.iter().filter(|(units, window)| units.overlaps(unit) && window.overlaps(now)).count()
                };
                let (mut has, mut gives) = (0, 0);
                for unit in 0..16 {
                    let unit = Units::new(unit, unit + 1);
                    let is_held = held.iter().any(|rect| rect.overlaps(unit, now));
                    let (gone, left) = (count(&freed, unit), count(&stays, unit));
                    prop_assert_eq!(gone + left, usize::from(is_held), "unit {:?} at {}", unit, at);
                    has += u32::from(is_held);
                    gives += u32::from(gone > 0);
                }
                let wanted = if window.overlaps(now) { n.min(has) } else { 0 };
                prop_assert_eq!(gives, wanted);
            }
        }
    }
}
