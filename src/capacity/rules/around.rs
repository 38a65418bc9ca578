//! What is free of some units, whatever stands there.

use super::{Plane, Units, Window};

/// `units` × `window` without the rectangles of `plane`, in rectangles that do not overlap.
///
/// Runs of units that are free at the same times are one.
#[must_use]
pub fn uncovered(plane: &Plane, units: Units, window: Window) -> Vec<(Units, Window)> {
    let there: Vec<_> =
        plane.rects().iter().filter(|rect| rect.overlaps(units, window)).copied().collect();
    let sides = there.iter().flat_map(|rect| [rect.units.from, rect.units.until]);
    let mut cuts: Vec<u32> = sides
        .filter(|&unit| units.from < unit && unit < units.until)
        .chain([units.from, units.until])
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut runs: Vec<(Units, Vec<Window>)> = Vec::new();
    for pair in cuts.windows(2) {
        let run = Units::new(pair[0], pair[1]);
        let mut taken: Vec<Window> =
            there.iter().filter(|rect| rect.units.overlaps(run)).map(|rect| rect.window).collect();
        taken.sort_unstable_by_key(|taken| taken.from);
        let free = gaps(&taken, window);
        match runs.last_mut() {
            Some((last, same)) if *same == free => last.until = run.until,
            _ => runs.push((run, free)),
        }
    }
    runs.into_iter()
        .flat_map(|(run, free)| free.into_iter().map(move |window| (run, window)))
        .collect()
}

/// What `taken`, disjoint and in order, leaves of `window`.
fn gaps(taken: &[Window], window: Window) -> Vec<Window> {
    let mut free = Vec::new();
    let mut next = window.from;
    for taken in taken {
        free.push(Window::new(next, taken.from.min(window.until)));
        next = next.max(taken.until);
    }
    free.push(Window::new(next, window.until));
    free.retain(|window| !window.is_empty());
    free
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::{Purpose, Rect};
    use super::*;

    proptest! {
        #[test]
        fn every_instant_of_every_unit_is_covered_once(
            wanted in proptest::collection::vec((0u32..12, 1u32..6, 0i64..12, 1i64..6), 0..10),
            units in (0u32..6, 1u32..8), window in (0i64..6, 1i64..10),
        ) {
            let mut plane = Plane::new(16);
            for (number, (from, width, start, length)) in (0u128..).zip(wanted) {
                let (units, window) = (Units::new(from, (from + width).min(16)), Window::new(start, start + length));
                if plane.rects().iter().all(|other| !other.overlaps(units, window)) {
                    let id = Uuid::from_u128(number);
                    plane.insert(Rect { id, units, window, pinned_at: 0, within: units, purpose: Purpose::Lease });
                }
            }
            let (units, window) = (Units::new(units.0, units.0 + units.1), Window::new(window.0, window.0 + window.1));
            let free = uncovered(&plane, units, window);
            for unit in 0..16 {
                for at in 0..20 {
                    let spot = (Units::new(unit, unit + 1), Window::new(at, at + 1));
                    let is_inside = units.overlaps(spot.0) && window.overlaps(spot.1);
                    let is_taken = plane.rects().iter().any(|rect| rect.overlaps(spot.0, spot.1));
                    let times = free.iter().filter(|free| free.0.overlaps(spot.0) && free.1.overlaps(spot.1)).count();
                    prop_assert_eq!(times, usize::from(is_inside && !is_taken));
                }
            }
        }
    }
}
