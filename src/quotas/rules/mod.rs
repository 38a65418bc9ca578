//! Limits and what counts against them. Pure.
//!
//! Everything is counted in whole grains of its dimension (a GPU, a watt, a GPU-second, …), so that no
//! order of bookings and no rounding makes a difference.

mod book;
mod dimension;
mod limit;
mod months;
mod requests;
mod steps;
#[cfg(test)]
mod tests;

pub use book::{Asked, Book, Excess, Holding, Line, Place, Quota, State};
pub use dimension::{Amount, Dimension, NotALimit};
pub use limit::{Curve, Limits, Rule};
pub use months::Months;
pub use requests::{Command, RequestRefusal, RequestState, decide};
pub use steps::Steps;

/// Microseconds since 1970.
pub type Instant = i64;

/// Later than everything.
pub const END_OF_TIME: Instant = i64::MAX;
