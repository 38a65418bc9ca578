//! What a replay is measured against: what counting alone would sell, and what placing without moves
//! would, both from the plane as it was and in the same order.

use uuid::Uuid;

use super::trace::Wish;
use crate::capacity::{
    Placement, Plane, Purpose, Rect, Request, Units, Window, place_without_moves,
};

/// One booking as the planner sees it.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// How many units.
    pub units: u32,
    /// When.
    pub window: Window,
}

/// Which of `demand` would be taken if units were a liquid: all that fits by count at every instant.
pub fn by_counting(plane: &Plane, demand: &[Demand]) -> Vec<bool> {
    let mut profile = plane.profile().clone();
    let mut take = |demand: &Demand| {
        let fits = profile.first_shortfall(demand.window, demand.units).is_none();
        if fits {
            profile.add(demand.window, demand.units);
        }
        fits
    };
    demand.iter().map(&mut take).collect()
}

/// Which of `demand` would be taken if a booking kept the units that it is given first.
pub fn without_moves(mut plane: Plane, demand: &[Demand]) -> Vec<bool> {
    let mut take = |demand: &Demand| {
        let within = plane.whole();
        let request = Request {
            units: demand.units,
            window: demand.window,
            within,
            placement: Placement::Any,
            prefer: Vec::new(),
        };
        let Ok(plan) = place_without_moves(&plane, &request, demand.window.from) else {
            return false;
        };
        for units in plan.placed {
            plane.insert(rectangle(units, demand.window));
        }
        true
    };
    demand.iter().map(&mut take).collect()
}

/// A rectangle that stays where it is.
pub fn rectangle(units: Units, window: Window) -> Rect {
    let (within, pinned_at) = (units, window.from);
    Rect { id: Uuid::nil(), units, window, pinned_at, within, purpose: Purpose::Lease }
}

/// GPU-hours of those `wishes` that were `taken`, in units of `gpus_per_unit`.
pub fn gpu_hours(wishes: &[Wish], gpus_per_unit: u32, taken: &[bool]) -> f64 {
    let gpu_seconds: i64 = wishes
        .iter()
        .zip(taken)
        .filter(|(_, is_taken)| **is_taken)
        .map(|(wish, _)| {
            i64::from(wish.gpus.next_multiple_of(gpus_per_unit)) * (wish.ends - wish.starts)
        })
        .sum();
    // Exact up to 2^53 GPU-seconds: 220,000 GPUs for a thousand years.
    #[expect(clippy::cast_precision_loss, reason = "a report's figure")]
    let gpu_seconds = gpu_seconds as f64;
    gpu_seconds / 3_600.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(units: u32, from: i64, until: i64) -> Demand {
        Demand { units, window: Window::new(from, until) }
    }

    #[test]
    fn counting_takes_what_placing_without_moves_cannot() {
        // Two single units are given out for [0, 10) and [0, 20), then [10, 30) … until no unit is
        // free throughout, though one is free at every instant.
        let mut plane = Plane::new(2);
        plane.insert(rectangle(Units::new(0, 1), Window::new(0, 10)));
        plane.insert(rectangle(Units::new(1, 2), Window::new(10, 20)));
        let wanted = [demand(1, 5, 15), demand(2, 20, 30), demand(1, 29, 40), demand(1, 30, 40)];
        assert_eq!(by_counting(&plane, &wanted), [true, true, false, true]);
        assert_eq!(without_moves(plane, &wanted), [false, true, false, true]);
    }

    #[test]
    fn whole_units_are_sold() {
        let wish = |gpus, hours: i64| Wish { arrives: 0, starts: 0, ends: hours * 3_600, gpus };
        let wishes = [wish(1, 2), wish(9, 1), wish(8, 100)];
        let hours = gpu_hours(&wishes, 8, &[true, true, false]);
        assert!((hours - 32.0).abs() < 1e-9, "{hours}");
    }
}
