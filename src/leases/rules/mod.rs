//! What a lease may become, what it costs, and what search ranks. Pure.

mod held;
mod market;
mod pricing;
mod states;

pub use held::line;
pub use market::{Fit, Need, NeedRefusal, Ranked, fit, placement, rank, request, soonest};
pub use pricing::{Cancellation, cancellation, unused};
pub use states::{Act, Facts, Refusal, Status, decide};
