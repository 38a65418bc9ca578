//! How it reads on the wire that an offer stays as it is, or that a request does not fit it.

use super::listing::OfferRefusal;
use super::rules::StateRefusal;
use crate::api::Problem;

impl From<StateRefusal> for Problem {
    fn from(refusal: StateRefusal) -> Problem {
        let code = match refusal {
            StateRefusal::Archived => "offer_archived",
            StateRefusal::Published => "offer_published",
            StateRefusal::NotPublished(_) => "offer_not_published",
            StateRefusal::ProviderNotVerified => "provider_not_verified",
            StateRefusal::SiteNotOpen(_) => "site_not_open",
        };
        Problem::conflict(code, refusal.to_string())
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
