//! What a lease may become, what it costs, and what search ranks. Pure.

mod held;
mod market;
mod pricing;
mod quote_state;
mod states;
mod words;

pub use held::line;
pub use market::{Need, NeedRefusal, Ranked, earliest_start, largest_on_island, placement, rank};
pub use pricing::{Cancellation, cancellation, unused};
pub use quote_state::QuoteState;
pub use states::{Act, Facts, Refusal, Status, decide};
pub use words::{AmendmentKind, EndCode, PlacementWish, Side};
