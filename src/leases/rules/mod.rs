//! What a lease may become, what it costs, and what search ranks. Pure.

mod held;
mod lease;
mod market;
mod pricing;
mod quote_state;
mod schedule;
mod sight;
mod states;
mod words;

pub use held::{held, line};
pub use lease::{Charge, End, Lease};
pub use market::{Fit, Need, NeedRefusal, Ranked, fit, placement, rank, request, soonest};
pub use pricing::{Cancellation, leaving};
pub use quote_state::QuoteState;
pub use schedule::{Given, LineLeft, Schedule, Tranche, price_given};
pub use sight::Sight;
pub use states::{Command, Facts, LeaseRefusal, Status, decide};
pub use words::{AmendmentKind, ChargeKind, EndCode, PlacementBody, PlacementWish, Side};
