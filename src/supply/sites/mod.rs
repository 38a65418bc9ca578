//! Sites: places with power, on the ground or in orbit.

mod actions;
mod error;
pub mod routes;
pub(super) mod rules;
pub(super) mod store;

pub(super) use error::Error;
pub use rules::{Site, SiteKind, Stage};
