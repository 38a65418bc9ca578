//! The capacity plane of a pool: units upwards, time to the right, and everything that uses capacity
//! is a rectangle on it. Free is what no rectangle covers.
//!
//! ```text
//! unit 1023 ┌──────────────┬───────────────┬───────────┐
//!           │ undelivered  │  lease B      │   free    │
//!       512 ├──────┬───────┴──┬────────────┴───────────┤
//!           │lease │ mainten. │        lease C         │
//!         0 └──────┴──────────┴────────────────────────┘ time
//! ```
//!
//! - [`rules`] plan, purely, on a plane in memory; the table's exclusion constraint confirms, so that
//!   no bug, server or race can give a unit away twice.
//! - [`Planes`] is what a server keeps in memory, brought up to date by version.
//! - [`Edit`] is how planes are changed: it locks the planes' rows, brings memory up to them, plans,
//!   writes, and undoes what was not committed.
//!
//! This slice knows no lease: a rectangle has an owner, which is some id. It has no routes: the plane is drawn
//! by the slice that knows whose the rectangles are.

mod around;
mod booking;
mod edit;
mod error;
mod instants;
mod jobs;
mod memory;
pub mod rules;
mod store;
mod write;

pub use booking::{Booked, Booking, Freed, Held, Owner};
pub use edit::{Edit, OnPlane, edit, edit_ahead};
pub use error::Error;
pub use instants::{instant, timestamp, window};
pub use jobs::{jobs, warm_up};
pub use memory::{Planes, planes};
pub use rules::{
    NoRoom, Placement, Plane, Profile, Purpose, Rect, Request, Shortfall, Units, Window,
    earliest_start, joined, largest_size, place_without_moves,
};
pub use store::{Rectangle, open_plane, open_planes, rectangles, rectangles_of};
