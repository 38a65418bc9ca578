//! What is listed: accelerators, sites, pools with their deliveries and blocks, reclaim terms, offers.
//!
//! ```text
//! site ─< pool ─< delivery      units of the pool that can be used from a date
//!              ─< block         units that the provider keeps to itself for a while
//!              ─< offer ── reclaim terms (a version, found by the hash of what it says)
//!
//! site   planned ─▶ commissioning ─▶ operational ─▶ retired
//! offer  draft ─▶ published ⇄ paused          any of them ─▶ archived
//! ```
//!
//! Invariants: a pool lies at a site of the same provider; an offer's part lies inside its pool; a
//! published offer's site is not `planned` or `retired`; terms never change once made. Leases keep what
//! was signed, so a change of an offer touches no lease.
//!
//! Each noun has its folder, with its own errors and all else that only it uses; what several share is in
//! [`shared`]. Arrows: `imports → offers → pools → sites`, `offers → terms`, and all of them to `shared`.

mod accelerators;
mod imports;
mod offers;
mod pools;
mod shared;
mod sites;
mod terms;

use utoipa_axum::router::OpenApiRouter;

pub use accelerators::load_catalogue;
pub use offers::{
    BookingMode, CancellationStep, Listing, OfferRefusal, OfferState, ReclaimRecord, charge_share,
    expect_listings, find_offer, is_offered_to, listings, market, note_reclaim_records,
    reclaim_record,
};
pub use pools::{
    Delivery, Pool, PoweredPool, cover_undelivered, delivery, late_deliveries, places, pool,
    powered_pools, set_aside,
};
pub use sites::{SiteKind, Stage};
pub use terms::{
    Action, Appeal, ApproverRole, Clause, ClauseWish, Compensation, Ground, Party, TermsHash,
    known_terms, terms,
};

use crate::app::App;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(accelerators::routes::routes())
        .merge(sites::routes::routes())
        .merge(pools::routes::routes())
        .merge(terms::routes::routes())
        .merge(offers::routes::routes())
        .merge(imports::routes::routes())
}
