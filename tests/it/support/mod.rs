//! What every test stands on.
//!
//! [`Market::open`] gives a marketplace of its own: database, server and a clock that stands still at
//! [`START`] until [`Market::advance`] moves it.

pub mod client;
pub mod database;
pub mod market;
pub mod openapi;
pub mod process;

pub use client::{Answer, As, Request};
pub use database::Database;
pub use market::{Market, START, User};
