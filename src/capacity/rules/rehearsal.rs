//! Booking a whole demand trace on an empty plane, and what counting alone would have sold.

use uuid::Uuid;

use super::moves::settle;
use super::placement::{place, place_without_moves};
use super::request::{Placement, Request};
use super::{BEGINNING_OF_TIME, Instant, NoRoom, Plane, Profile, Purpose, Rect, Window};

/// One request of a trace, made at `arrives`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    pub arrives: Instant,
    pub window: Window,
    pub units: u32,
}

/// When bookings that are not pinned yet are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moving {
    Never,
    /// To make room for a request that fits by count.
    OnDemand,
    /// Also to [`settle`] each booking before it is pinned.
    AlsoBeforePinning,
}

/// What a rehearsal sold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub accepted: usize,
    /// Refused although the count fits.
    pub refused_fixed: usize,
    /// Unit-microseconds of what was accepted.
    pub sold: u128,
    /// Rectangles that were moved, each time counted.
    pub moved: usize,
    /// Rectangles of the accepted bookings in the end.
    pub rects: usize,
}

/// Books `demand` in order of arrival on an empty pool of `units`; units are promised `pin_lead`
/// microseconds before the start.
#[must_use]
pub fn rehearse(units: u32, demand: &[Demand], pin_lead: i64, moving: Moving) -> Outcome {
    let mut plane = Plane::new(units);
    let mut outcome = Outcome::default();
    let mut ids = (1..).map(Uuid::from_u128);
    let mut new_id = || ids.next().unwrap_or_default();
    let mut settled_until = BEGINNING_OF_TIME;
    for booking in in_order_of_arrival(demand) {
        if moving == Moving::AlsoBeforePinning {
            for rect in pinned_between(&plane, settled_until, booking.arrives) {
                let before = rect.pinned_at.saturating_sub(1);
                let moves = settle(&plane, rect.id, pin_lead.unsigned_abs() / 6, before);
                plane.carry_out(&moves, &mut new_id);
                outcome.moved += moves.len();
            }
            settled_until = booking.arrives;
        }
        let request = Request {
            units: booking.units,
            window: booking.window,
            within: plane.whole(),
            placement: Placement::Any,
            prefer: Vec::new(),
        };
        let planned = match moving {
            Moving::Never => place_without_moves(&plane, &request, booking.arrives),
            Moving::OnDemand | Moving::AlsoBeforePinning => {
                place(&plane, &request, booking.arrives)
            }
        };
        match planned {
            Ok(plan) => {
                plane.carry_out(&plan.moves, &mut new_id);
                plane.insert_all(
                    plan.placed
                        .iter()
                        .map(|&units| Rect {
                            id: new_id(),
                            units,
                            window: booking.window,
                            pinned_at: booking.window.from.saturating_sub(pin_lead),
                            within: request.within,
                            purpose: Purpose::Lease,
                        })
                        .collect(),
                );
                outcome.accepted += 1;
                outcome.sold += volume(&booking);
                outcome.moved += plan.moves.len();
            }
            Err(NoRoom::Fixed { .. }) => outcome.refused_fixed += 1,
            Err(_) => {}
        }
    }
    outcome.rects = plane.rects().len();
    outcome
}

/// The rectangles that are pinned in `(after, until]`, in that order.
fn pinned_between(plane: &Plane, after: Instant, until: Instant) -> Vec<Rect> {
    let due = plane.rects().iter().filter(|rect| after < rect.pinned_at && rect.pinned_at <= until);
    let mut due: Vec<Rect> = due.copied().collect();
    due.sort_by_key(|rect| (rect.pinned_at, rect.id));
    due
}

/// What counting alone would sell in the same order: the bound that placement is measured by.
#[must_use]
pub fn fluid_bound(units: u32, demand: &[Demand]) -> Outcome {
    let mut profile = Profile::new(units);
    let mut outcome = Outcome::default();
    for booking in in_order_of_arrival(demand) {
        if profile.first_shortfall(booking.window, booking.units).is_none() {
            profile.add(booking.window, booking.units);
            outcome.accepted += 1;
            outcome.sold += volume(&booking);
        }
    }
    outcome
}

fn in_order_of_arrival(demand: &[Demand]) -> Vec<Demand> {
    let mut demand = demand.to_vec();
    demand.sort_by_key(|booking| booking.arrives);
    demand
}

fn volume(booking: &Demand) -> u128 {
    u128::from(booking.window.until.abs_diff(booking.window.from)) * u128::from(booking.units)
}
