//! Offers: what the market sees of a pool, and the conditions of booking it.

mod actions;
mod error;
mod listing;
pub mod routes;
pub(super) mod rules;
mod standing;
pub(super) mod store;
mod view;

pub use listing::{Listing, OfferRefusal};
pub use rules::{BookingMode, CancellationStep, OfferState, charge_share};
pub use standing::{ReclaimRecord, note_reclaim_records, reclaim_record};
pub use store::{expect_listings, find as find_offer, is_offered_to, listings, market};
