//! Pools: identical hardware at one site, with its deliveries and blocks.
//!
//! Deliveries and blocks show on the capacity plane, where every booking sees them. The rectangles of
//! what is not delivered belong to the pool and are drawn anew whenever its deliveries change.

mod actions;
mod error;
pub mod routes;
pub(super) mod rules;
pub(super) mod store;

pub(super) use actions::draw_undelivered;
pub use actions::{cover_undelivered, set_aside};
pub(super) use error::Error;
pub use rules::{Delivery, Pool};
pub use store::{
    PoweredPool, find as pool, find_delivery as delivery, late_deliveries, places, powered_pools,
};
