//! Offers: what the market sees of a pool, and the conditions of booking it.

mod listing;
mod rules;
mod store;

pub use listing::{Listing, Refusal, SiteKind, Verification};
pub use rules::{BookingMode, CancellationStep, OfferState, charge_share};
pub use store::{listings, market};
