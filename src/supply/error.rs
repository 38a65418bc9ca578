//! What this slice refuses, and how that reads on the wire.

use super::clauses::Flaw;
use super::imports::rules::Report;
use super::imports::table::Unreadable;
use super::offers::{OfferRefusal, StateRefusal};
use super::pools::rules::DeliveryRefusal;
use super::rules::Invalid;
use crate::api::{Problem, problem};
use crate::capacity;
use crate::kernel::{BlockId, SiteId};

/// Why something about what is listed cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("your organization has a site of this name already; change that one")]
    SiteNameTaken,
    #[error("site {site} has {offers} published offers; archive them before the site is retired")]
    SiteHasOffers { site: SiteId, offers: i64 },
    #[error("this site has a pool of this name already; change that one")]
    PoolNameTaken,
    #[error("the catalogue has no such accelerator; GET /v1/accelerators lists what there is")]
    UnknownAccelerator,
    #[error("some of these units belong to another delivery of the pool already")]
    DeliveriesOverlap,
    #[error(transparent)]
    Delivery(#[from] DeliveryRefusal),
    #[error("block {0} is over; there is nothing to lift")]
    BlockIsOver(BlockId),
    #[error("the terms cannot be offered as they are: {}", first_flaw(.0))]
    UnacceptableTerms(Vec<Flaw>),
    #[error("somebody else made a version of these terms in the same moment; try again")]
    TermsContended,
    #[error(
        "your organization has no reclaim terms {0}; GET /v1/reclaim-terms lists them, POST makes some"
    )]
    UnknownTerms(String),
    #[error(transparent)]
    Offer(#[from] StateRefusal),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(
        "{} of {} rows are refused, so nothing was changed; mend them, or take the others with keep_good=true",
        .0.refused, .0.rows.len()
    )]
    ImportRefused(Box<Report>),
    #[error(transparent)]
    Capacity(#[from] capacity::Error),
    #[error(transparent)]
    Database(sqlx::Error),
}

fn first_flaw(flaws: &[Flaw]) -> String {
    flaws.first().map_or_else(String::new, |flaw| format!("{}: {}", flaw.field, flaw.detail))
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match problem::constraint(&error) {
            Some("sites_name_unique") => Error::SiteNameTaken,
            Some("pools_name_unique") => Error::PoolNameTaken,
            Some("pools_accelerator_id_fkey") => Error::UnknownAccelerator,
            Some("reclaim_terms_versions_unique") => Error::TermsContended,
            Some("deliveries_disjoint") => Error::DeliveriesOverlap,
            _ => Error::Database(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        match error {
            Error::Invalid(invalid) => Problem::field(invalid.field, invalid.detail),
            Error::SiteNameTaken | Error::PoolNameTaken => Problem::conflict("name_taken", detail),
            Error::SiteHasOffers { offers, .. } => {
                Problem::conflict("site_has_offers", detail).with("published_offers", offers)
            }
            Error::UnknownAccelerator => Problem::unacceptable("unknown_accelerator", &detail)
                .with_error("accelerator", detail),
            Error::DeliveriesOverlap => Problem::conflict("deliveries_overlap", detail),
            Error::Delivery(DeliveryRefusal::Accepted(_)) => {
                Problem::conflict("delivery_accepted", detail)
            }
            Error::BlockIsOver(_) => Problem::conflict("block_is_over", detail),
            Error::UnacceptableTerms(flaws) => flaws
                .into_iter()
                .fold(Problem::unacceptable("unacceptable_terms", detail), |problem, flaw| {
                    problem.with_error(flaw.field, flaw.detail)
                }),
            Error::TermsContended => Problem::unavailable("contended", detail),
            Error::UnknownTerms(_) => {
                Problem::unacceptable("unknown_terms", &detail).with_error("terms_id", detail)
            }
            Error::Offer(refusal) => Problem::conflict(
                match refusal {
                    StateRefusal::Archived => "offer_archived",
                    StateRefusal::Published => "offer_published",
                    StateRefusal::NotPublished(_) => "offer_not_published",
                    StateRefusal::ProviderNotVerified => "provider_not_verified",
                    StateRefusal::SiteNotOpen(_) => "site_not_open",
                },
                detail,
            ),
            Error::Unreadable(Unreadable::Columns(columns)) => {
                Problem::unacceptable("import_columns", detail).with("columns", columns)
            }
            Error::Unreadable(_) => Problem::unacceptable("import_unreadable", detail),
            Error::ImportRefused(report) => {
                Problem::unacceptable("import_refused", detail).with("report", report)
            }
            Error::Capacity(error) => error.into(),
            Error::Database(error) => error.into(),
        }
    }
}
impl From<OfferRefusal> for Problem {
    fn from(refusal: OfferRefusal) -> Problem {
        let detail = refusal.to_string();
        let refused = |code| Problem::unacceptable(code, detail.clone());
        match refusal {
            OfferRefusal::NotPublished { state, .. } => {
                Problem::conflict("offer_not_published", detail).with("state", state)
            }
            OfferRefusal::ProviderNotVerified { .. } => {
                Problem::conflict("provider_not_verified", detail)
            }
            OfferRefusal::NotInAudience { offer } => Problem::not_found("offer", offer),
            OfferRefusal::NotWholeUnits { sizes, per_unit, .. } => {
                refused("not_whole_units").with("gpus_per_unit", per_unit).with("sizes", sizes)
            }
            OfferRefusal::TooFewGpus { min_gpus, .. } => {
                refused("too_few_gpus").with("min_gpus", min_gpus)
            }
            OfferRefusal::TooManyGpus { max_gpus, .. } => {
                refused("too_many_gpus").with("max_gpus", max_gpus)
            }
            OfferRefusal::TooShort { min_duration, .. } => {
                refused("too_short").with("min_duration", min_duration)
            }
            OfferRefusal::TooLong { max_duration, .. } => {
                refused("too_long").with("max_duration", max_duration)
            }
            OfferRefusal::TooSoon { earliest, .. } => {
                refused("too_soon").with("earliest", earliest)
            }
            OfferRefusal::OutsideAvailable { available, .. } => {
                refused("outside_available").with("available", available)
            }
        }
    }
}
