//! What is asked of a plane, and the answer: units and the moves that make room, or why there is none.

use uuid::Uuid;

use super::{Rect, Shortfall, Units, Window};

/// Which sets of units satisfy a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Any units; few runs are better than many.
    Any,
    /// All units inside one fabric island `[k × units_per_island, (k + 1) × units_per_island)`.
    Island { units_per_island: u32 },
}

/// What is asked of a plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// How many units; at least one.
    pub units: u32,
    /// When; not empty.
    pub window: Window,
    /// Out of which units: the whole pool, or the offered part of it.
    pub within: Units,
    pub placement: Placement,
    /// Units to use before others, disjoint: those a booking has when it is extended. Only for
    /// [`Placement::Any`]; to extend on an island, let `within` be the island.
    pub prefer: Vec<Units>,
}

/// Where a request goes, and what makes room for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrangement {
    /// The units for the request: disjoint runs, ascending.
    pub placed: Vec<Units>,
    pub moves: Vec<Move>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// The pool lacks the units at an instant.
    Short(Shortfall),
    /// The count fits, but rectangles that may not move and lie in the future forbid every
    /// arrangement that was tried. `available` units are free for the whole window as things stand.
    Fixed { available: u32, asked: u32 },
    /// No island has that many units free over the window; `largest` is the most that one has.
    NoIsland { largest: u32, asked: u32 },
    /// These rectangles stand where others are to be cleared away: they may not move, or no other
    /// place was found for them.
    Blocked { by: Vec<Uuid> },
}

/// A rectangle that changes its units: same booking, same size, same window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The rectangle as it was.
    pub rect: Rect,
    /// Its new units: disjoint runs, ascending, as many units as before.
    pub to: Vec<Units>,
}
