//! Volunteers: units of a lease that its tenant would give up at a price. Plans take them before they
//! take anything by a clause. An offer binds while it is open; it can be withdrawn until it is taken.

mod actions;
mod routes;
mod store;

pub use actions::{Offered, offered, take};
pub use routes::routes;
