//! Sites: places with power, on the ground or in orbit.

mod actions;
pub mod routes;
pub(super) mod rules;
pub(super) mod store;

pub use rules::{Country, Site, SiteFacts, SiteKind, Stage};
