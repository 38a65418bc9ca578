//! What every test stands on.
//!
//! [`Market::open`] gives a marketplace of its own: database, server and a clock that stands still at
//! [`START`] until [`Market::advance`] moves it.

pub mod client;
pub mod database;
pub mod leases;
pub mod market;
pub mod openapi;
pub mod people;
pub mod process;
pub mod supply;
pub mod world;

pub use client::{Answer, As, Request};
pub use database::Database;
pub use leases::{Lease, booking, tranche};
pub use market::{Market, START};
pub use people::{Organization, User};
pub use supply::{Offer, Pool, id_of, recall};
pub use world::World;
