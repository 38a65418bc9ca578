//! SQL of pools, their deliveries and their blocks.

mod blocks;
mod deliveries;
mod pools;

pub use blocks::*;
pub use deliveries::*;
pub use pools::*;
