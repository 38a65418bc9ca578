//! Leases: a price for an exact request (a quote), the contract (a lease) with its schedule (tranches),
//! and what changes it (amendments).
//!
//! ```text
//! quote ──▶ requested ──▶ scheduled ──▶ active ──▶ ended
//!   │           │              │           ├──▶ reclaimed    a reclaim case was executed in full
//! expired   rejected       cancelled       └──▶ terminated   ended early
//! ```
//!
//! - What occupies capacity is a rectangle on the plane: a held quote and a requested lease as a hold, a
//!   scheduled or active lease as a lease. [`crate::capacity`] refuses what does not fit.
//! - A tranche has the same units at every instant of its period; giving some up splits it.
//! - Bookings pass over the [`desk`], which commits those that wait for the same planes
//!   together. Every other act is a transaction of its own.
//! - What follows from time is done by [`jobs`] at that time, on whatever server is up.
//! - A failed act leaves the lease as it was; a terminal state has an actor, a code and a reason.

mod actions;
mod change;
mod desk;
mod error;
mod jobs;
mod routes;
pub mod rules;
mod store;
mod views;

pub use actions::buy_back::{BoughtBack, BuyBack, buy_back};
pub use actions::reserve::{Reservation, Reserved};
pub use actions::take_back::{
    Choice, FreedUnits, TakeBack, Taken, Taking, preview, take_back, waive_reclaim,
};
pub use change::{set_noticed, set_suspended, set_taken_at};
pub use error::Error;
pub use jobs::jobs;
pub use routes::routes;
pub use rules::{Given, Lease, LineLeft, Schedule, Status, Tranche, price_given};
pub use store::delays::{Delay, of_lease as delays_of};
pub use store::holdings::read_holdings;
pub use store::leases::{find, locked, running};
