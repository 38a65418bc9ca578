//! What could be had instead of what is refused: the earliest start, the largest size. Counting says where
//! to look; only what [`place`] finds room for is proposed.

use super::moves::may_always_move;
use super::placement::{place, place_without_moves};
use super::request::{NoRoom, Placement, Request};
use super::{Instant, Plane, Units, Window, total};

/// Most starts that are looked at.
const MAX_STARTS: usize = 200;

impl Request {
    /// The same, but for `window`.
    fn during(&self, window: Window) -> Request {
        Request { window, ..self.clone() }
    }

    /// The same, but of `units` units.
    fn of(&self, units: u32) -> Request {
        Request { units, ..self.clone() }
    }
}

/// How many arrangements may still be looked for. One takes up to some 20 ms, all else a pass over the
/// plane.
struct Effort(usize);

impl Effort {
    /// Whether there is room for `request` for certain.
    fn finds_room(&mut self, plane: &Plane, request: &Request, now: Instant) -> bool {
        match place_without_moves(plane, request, now) {
            Ok(_) => true,
            Err(NoRoom::Fixed { .. }) if may_always_move(plane, request, now) => true,
            Err(NoRoom::Fixed { .. }) if self.0 > 0 => {
                self.0 -= 1;
                place(plane, request, now).is_ok()
            }
            Err(_) => false,
        }
    }
}

/// The first start from its own on until `latest` at which [`place`] finds room at `now` for `request`,
/// which lasts as long then. At most `effort` arrangements are looked for; with more, a start may be found
/// that is earlier.
#[must_use]
pub fn earliest_start(
    plane: &Plane,
    request: &Request,
    latest: Instant,
    now: Instant,
    effort: usize,
) -> Option<Instant> {
    let Window { mut from, until } = request.window;
    let length = until.checked_sub(from)?;
    let profile = plane.profile_within(request.within);
    let mut effort = Effort(effort);
    // Whatever start is refused, the next that can help is one at which something ends.
    let mut ends: Option<Vec<Instant>> = None;
    for _ in 0..MAX_STARTS {
        let start = profile.earliest(request.units, length, from, latest)?;
        let window = Window::new(start, start.checked_add(length)?);
        if effort.finds_room(plane, &request.during(window), now) {
            return Some(start);
        }
        let ends = ends.get_or_insert_with(|| {
            let ends = plane.rects().iter().map(|rect| rect.window.until);
            let mut ends: Vec<Instant> =
                ends.filter(|end| *end > start && *end <= latest).collect();
            ends.sort_unstable();
            ends
        });
        from = *ends.get(ends.partition_point(|end| *end <= start))?;
    }
    None
}

/// The most units, up to those of `request`, for which [`place`] finds room at `now`. At most `effort`
/// arrangements are looked for; with more, a size may be found that is larger.
#[must_use]
pub fn largest_size(plane: &Plane, request: &Request, now: Instant, effort: usize) -> u32 {
    let within = request.within.intersection(plane.whole());
    let mut effort = Effort(effort);
    let by_count = plane.profile_within(within).largest(request.window).min(request.units);
    let free = match request.placement {
        Placement::Any => total(&plane.free_over(request.window, within)),
        Placement::Island { units_per_island } => {
            // An island is taken as it is; nothing is moved for it.
            let islands = plane.free_over(request.window, within);
            return largest_on_island(&islands, units_per_island).min(by_count);
        }
    };
    let (mut low, mut high) = (free.min(by_count), by_count);
    // `low` units are free as things stand; what lies between is tried from above, then by halves.
    let mut size = high;
    while low < high {
        if effort.finds_room(plane, &request.of(size), now) {
            low = size;
        } else {
            high = size - 1;
        }
        size = low + (high - low).div_ceil(2);
    }
    low
}

/// The most units of the runs `free`, which are disjoint and ascend, that are on one island.
fn largest_on_island(free: &[Units], units_per_island: u32) -> u32 {
    let size = units_per_island.max(1);
    let mut largest = 0;
    let mut current = (0, 0);
    for run in free {
        let mut from = run.from;
        while from < run.until {
            let island = from / size;
            let until = run.until.min((island + 1).saturating_mul(size));
            let before = if current.0 == island { current.1 } else { 0 };
            current = (island, before + until - from);
            largest = largest.max(current.1);
            from = until;
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{Life, life, lived};
    use super::*;

    /// More than any test needs.
    const EFFORT: usize = 1_000;

    fn placements() -> impl Strategy<Value = Placement> {
        let island = (1..5_u32).prop_map(|units_per_island| Placement::Island { units_per_island });
        prop_oneof![3 => Just(Placement::Any), 1 => island]
    }

    fn parts() -> impl Strategy<Value = Option<Units>> {
        let part = (0..9_u32, 1..=9_u32).prop_map(|(from, len)| Units::new(from, from + len));
        prop::option::weighted(0.3, part)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn every_start_and_size_that_is_proposed_finds_room(
            life in life(Life::Full), part in parts(), placement in placements(), units in 1..=9_u32,
            (lead, length, slack) in (0..8_i64, 1..9_i64, 0..40_i64), effort in 0..4_usize,
        ) {
            let (plane, now) = lived(life);
            let within = part.unwrap_or(plane.whole()).intersection(plane.whole());
            let window = Window::new(now + lead, now + lead + length);
            let request = Request { units, window, within, placement, prefer: Vec::new() };
            let latest = window.from + slack;
            let start = earliest_start(&plane, &request, latest, now, effort);
            if let Some(start) = start {
                prop_assert!(window.from <= start && start <= latest);
                let then = request.during(Window::new(start, start + length));
                prop_assert!(place(&plane, &then, now).is_ok(), "{then:?}");
            }
            // No start at which units are free as things stand is missed.
            let is_free = |start: &i64| {
                let then = request.during(Window::new(*start, *start + length));
                place_without_moves(&plane, &then, now).is_ok()
            };
            let free = (window.from..=latest).find(is_free);
            prop_assert!(free.is_none() || start.is_some_and(|start| Some(start) <= free));

            let size = largest_size(&plane, &request, now, effort);
            prop_assert!(size <= units);
            if size > 0 {
                prop_assert!(place(&plane, &request.of(size), now).is_ok(), "{size} of {request:?}");
            }
            if size < units {
                prop_assert!(place_without_moves(&plane, &request.of(size + 1), now).is_err());
            }
        }

        #[test]
        fn where_nothing_fixed_lies_ahead_counting_is_enough(
            life in life(Life::Plain), units in 1..=9_u32,
            (lead, length, slack) in (0..8_i64, 1..9_i64, 0..40_i64),
        ) {
            let (plane, now) = lived(life);
            let window = Window::new(now + lead, now + lead + length);
            let request = Request {
                units, window, within: plane.whole(), placement: Placement::Any, prefer: Vec::new(),
            };
            let latest = window.from + slack;
            let by_count = plane.profile().earliest(units, length, window.from, latest);
            prop_assert_eq!(earliest_start(&plane, &request, latest, now, 0), by_count);
            let by_count = plane.profile().largest(window).min(units);
            prop_assert_eq!(largest_size(&plane, &request, now, 0), by_count);
        }

        #[test]
        fn what_is_said_to_find_room_by_moves_does(
            life in life(Life::Full), part in parts(), units in 1..=9_u32,
            (lead, length) in (0..8_i64, 1..9_i64),
        ) {
            let (plane, now) = lived(life);
            let within = part.unwrap_or(plane.whole()).intersection(plane.whole());
            let window = Window::new(now + lead, now + lead + length);
            let request = Request { units, window, within, placement: Placement::Any, prefer: Vec::new() };
            let fits = plane.profile_within(within).largest(window) >= units;
            if fits && may_always_move(&plane, &request, now) {
                prop_assert!(place(&plane, &request, now).is_ok());
            }
        }
    }

    #[test]
    fn a_size_between_what_is_free_and_what_counting_allows_is_found_by_moves() {
        use super::super::tests::{any, rect};
        // Two fixed rectangles ahead leave one unit free throughout, two at every instant.
        let mut plane = Plane::new(3);
        plane.insert(rect(1, Units::new(0, 1), Window::new(5, 10)));
        plane.insert(rect(2, Units::new(1, 2), Window::new(10, 15)));
        for (is_pinned, size) in [(false, 2), (true, 1)] {
            let mut plane = plane.clone();
            if is_pinned {
                for (id, first_unit) in [(1, 0), (2, 1)] {
                    let rect = plane.remove(uuid::Uuid::from_u128(id), first_unit).unwrap();
                    plane.insert(super::super::Rect { pinned_at: 0, ..rect });
                }
            }
            let request = any(3, Window::new(5, 15), &plane);
            assert_eq!(largest_size(&plane, &request, 0, EFFORT), size);
            let start = earliest_start(&plane, &Request { units: 2, ..request }, 20, 0, EFFORT);
            assert_eq!(start, Some(if is_pinned { 10 } else { 5 }));
        }
    }
}
