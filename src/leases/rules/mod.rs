//! What a lease may become, what it costs, and what search ranks. Pure.

mod held;
mod market;
mod pricing;
mod states;

pub use held::line;
pub use market::{Need, NeedRefusal, Ranked, earliest_start, largest_on_island, placement, rank};
pub use pricing::{Cancellation, cancellation, unused};
pub use states::{Act, Facts, Refusal, Status, decide};
