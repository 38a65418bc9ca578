//! Volunteers: units of a lease that its tenant would give up at a price. Plans take them before they
//! take anything by a clause. An offer binds while it is open; it can be withdrawn until it is taken.
//! It follows its line: it never counts for more units than the line has, and is over when the line is.

mod actions;
mod routes;
mod store;

pub use actions::{close_all_over, offered, take};
pub use routes::routes;
