//! The plane of a pool and the arithmetic on it: pure, no clock, no database.
//!
//! ```text
//! units ▲
//!     8 ┌──────────┬─────────────┐   a rectangle: units × window, with a purpose
//!       │ A fixed  │             │   fixed:   it began, its units were handed out, or it is no booking
//!     4 ├──────┬───┴────┐  free  │   movable: the booking is promised, its units are not
//!       │ B    │   C    │        │
//!     0 └──────┴────────┴────────┴──▶ time
//! ```
//!
//! [`Plane`] holds the rectangles, [`Profile`] how many units are in use at each instant.
//! [`place`] finds units for a request, moving movable rectangles when it must; [`replan_around`]
//! clears units that are taken off the market; [`earliest_start`] and [`largest_size`] say what could be had
//! instead; [`settle`] tidies up before units are pinned; [`choose_to_free`] says which units a booking
//! that shrinks gives back; [`rehearse`] books a whole demand trace and compares it with counting.
//!
//! Invariant, kept by the callers of [`Plane::insert`]: no two rectangles overlap.

mod around;
mod cut;
#[cfg(test)]
mod measure;
mod moves;
mod openings;
mod placement;
mod plane;
mod profile;
mod proposals;
mod rehearsal;
mod request;
#[cfg(test)]
mod tests;

pub use around::uncovered;
pub use cut::{choose_to_free, outside};
pub use moves::{replan_around, settle};
pub use placement::{place, place_without_moves};
pub use plane::{Plane, Purpose, Rect};
pub use profile::{Profile, Shortfall};
pub use proposals::{earliest_start, largest_size};
pub use rehearsal::{Demand, Moving, Outcome, fluid_bound, rehearse};
pub use request::{Arrangement, Move, NoRoom, Placement, Request};

/// Microseconds since the Unix epoch, UTC.
pub type Instant = i64;

/// Before every instant: where a window without a beginning starts.
pub const BEGINNING_OF_TIME: Instant = Instant::MIN;

/// After every instant: where a window without an end ends.
pub const END_OF_TIME: Instant = Instant::MAX;

/// A half-open span of time, `[from, until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    pub from: Instant,
    pub until: Instant,
}

impl Window {
    #[must_use]
    pub const fn new(from: Instant, until: Instant) -> Self {
        Self { from, until }
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.from >= self.until
    }

    #[must_use]
    pub const fn contains(self, at: Instant) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether some instant lies in both; windows that only touch do not overlap.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.from < other.until && other.from < self.until
    }
}

/// A half-open run of neighbouring units, `[from, until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Units {
    pub from: u32,
    pub until: u32,
}

impl Units {
    #[must_use]
    pub const fn new(from: u32, until: u32) -> Self {
        Self { from, until }
    }

    /// Number of units; zero when `until` is not after `from`.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.until.saturating_sub(self.from)
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.from < other.until && other.from < self.until
    }

    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.from <= other.from && other.until <= self.until
    }

    /// The units in both; empty when they have none in common.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self::new(self.from.max(other.from), self.until.min(other.until))
    }
}

/// Sorts runs and joins those that touch or overlap; drops the empty ones.
#[must_use]
pub fn joined(mut runs: Vec<Units>) -> Vec<Units> {
    runs.retain(|run| !run.is_empty());
    runs.sort_unstable();
    runs.dedup_by(|next, kept| {
        let touches = next.from <= kept.until;
        if touches {
            kept.until = kept.until.max(next.until);
        }
        touches
    });
    runs
}

/// How many units the runs hold together; the runs must be disjoint.
#[must_use]
pub fn total(runs: &[Units]) -> u32 {
    runs.iter().map(|run| run.len()).sum()
}
