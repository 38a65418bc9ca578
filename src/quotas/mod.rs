//! Quotas: limits of what an organization or a project may hold, and requests to raise them.
//!
//! ```text
//! quota    set ─▶ changed … ─▶ lifted          an override stands instead of it until its end
//! request  open ─▶ granted | denied | withdrawn
//! ```
//!
//! - A limit is a function of time. A booking is refused if at any instant of its window, or in any
//!   month that it touches, what is booked already and what is asked for exceed it; every quota that
//!   leaves no room is named.
//! - [`rules::Book`] holds what an organization has booked as sums over time, in memory, brought up to
//!   date by version like the planes. Its row is locked before any plane, so nothing is booked past a
//!   limit, on whatever server ([`guard()`]).
//! - An organization without a quota has no book, and costs its share of one read.
//! - A limit below what is booked cuts nothing: the quota shows by how much, and nothing new is booked.
//!
//! This slice knows no lease: who does hands in how holdings are read ([`ReadHoldings`]), with the routes
//! and with every guard.

mod actions;
mod error;
mod guard;
mod jobs;
mod memory;
mod routes;
mod rules;
mod store;
mod views;

pub use error::Error;
pub use guard::{Guard, guard, is_counted, unguarded};
pub use jobs::jobs;
pub use memory::ReadHoldings;
pub use routes::routes;
pub use rules::{Asked, Holding, Line, Place};
pub use store::note_change;
