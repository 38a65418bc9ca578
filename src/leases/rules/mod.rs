//! What a lease may become, what it costs, and what search ranks. Pure.

mod held;
mod lease;
mod market;
mod pricing;
mod schedule;
mod states;

pub use held::{held, line};
pub use market::{Need, NeedRefusal, Ranked, earliest_start, largest_on_island, placement, rank};
pub use lease::{Charge, ChargeKind, End, Signed};
pub use pricing::{Cancellation, leaving};
pub use schedule::{Given, Schedule, Tranche, price_given};
pub use states::{Act, Facts, Refusal, Status, decide};
