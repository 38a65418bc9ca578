//! Why a quote or lease is not made or changed.

use axum::http::StatusCode;

use super::rules::{LeaseRefusal, QuoteState};
use crate::api::Problem;
use crate::api::problem::constraint;
use crate::capacity;
use crate::kernel::time::{NotAPeriod, said};
use crate::kernel::{
    CancellationQuoteId, LeaseId, Money, OfferId, OrganizationId, ProjectId, QuoteId, Timestamp,
    TrancheId,
};
use crate::quotas;
use crate::supply;

/// A refusal of this slice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a request has 1 to 100 tranches, this one has {0}")]
    TrancheCount(usize),
    #[error("say either quote_id or tranches, not both and not neither")]
    QuoteOrTranches,
    #[error("there is no offer {0} that you may see")]
    UnknownOffer(OfferId),
    #[error("there is no project {0} of yours")]
    UnknownProject(ProjectId),
    #[error("tranche {number}: {error}")]
    Period { number: usize, error: NotAPeriod },
    #[error("the tranches come from different providers; make a lease with each")]
    MixedProviders,
    #[error(
        "the tranches' offers differ in reclaim terms, cancellation schedule or booking mode; one lease has one \
         of each, so make a lease for each"
    )]
    MixedTerms,
    #[error("{0}")]
    Offer(supply::OfferRefusal),
    #[error(transparent)]
    Capacity(#[from] capacity::Error),
    #[error(transparent)]
    Quota(#[from] quotas::Error),
    #[error("there is no quote {0} of yours")]
    UnknownQuote(QuoteId),
    #[error("quote {id} was {state}; ask for a new one")]
    QuoteClosed { id: QuoteId, state: QuoteState },
    #[error("there is no lease {0} that you may see")]
    UnknownLease(LeaseId),
    #[error("lease {id}: {refusal}")]
    State { id: LeaseId, refusal: LeaseRefusal },
    #[error("lease {0} has been changed by somebody else in this moment; read it again")]
    MovedOn(LeaseId),
    #[error("{0}, who is to have the units, is not verified at present and cannot have them")]
    CannotBook(OrganizationId),
    #[error("lease {lease} has no tranche {tranche}")]
    UnknownTranche { lease: LeaseId, tranche: TrancheId },
    #[error(
        "there is no cancellation quote {0} of this lease; POST …/cancellation-quote makes one"
    )]
    UnknownCancellationQuote(CancellationQuoteId),
    #[error(
        "cancellation quote {0} has expired, was used, or the lease has changed since; ask for a new one"
    )]
    StaleCancellationQuote(CancellationQuoteId),
    #[error(
        "the new end {} is not after the present end {}; shrink or end it instead", said(.asked), said(.present)
    )]
    NotLonger { asked: Timestamp, present: Timestamp },
    #[error(
        "under an offer with approval an extension is a new request: book the time after {} as a lease", said(.0)
    )]
    ExtensionNeedsApproval(Timestamp),
    #[error(
        "offer {0} is no longer open to this organization; the lease stays as it is, book another offer for \
         the time after it"
    )]
    OfferClosed(OfferId),
    #[error(
        "from {} on other units would be used; send accept_other_units: true if that will do", said(.from)
    )]
    OtherUnits { from: Timestamp, units: Vec<(u32, u32)> },
    #[error(
        "{gpus} GPUs cannot be given back from tranche {tranche}: it has {has}, in units of {per_unit}"
    )]
    NotReleasable { tranche: TrancheId, gpus: u32, has: u32, per_unit: u32 },
    #[error("{} is not inside the rest of the tranche, which runs from {} to {}", said(.at), said(.from), said(.until))]
    OutsideTranche { at: Timestamp, from: Timestamp, until: Timestamp },
    #[error("nothing would be left of the lease; cancel or end it instead")]
    NothingLeft,
    #[error("this costs {charge}; ask for a cancellation quote first and send its id")]
    QuoteFirst { charge: Money },
    #[error("{}", .0.detail())]
    Problem(Problem),
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Problem(problem)
    }
}

impl From<supply::OfferRefusal> for Error {
    fn from(refusal: supply::OfferRefusal) -> Error {
        Error::Offer(refusal)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match constraint(&error) {
            Some("allocations_no_overlap") => Error::Capacity(capacity::Error::Database(error)),
            Some("leases_quote_id_key") => Error::Problem(Problem::conflict(
                "quote_closed",
                "the quote was used in this moment; the lease made from it is among your leases",
            )),
            _ => Error::Database(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        let conflict = |code| Problem::conflict(code, detail.clone());
        let unacceptable = |code| Problem::unacceptable(code, detail.clone());
        let not_found = || Problem::new(StatusCode::NOT_FOUND, "not_found", detail.clone());
        match error {
            Error::TrancheCount(_) => {
                unacceptable("tranche_count").with_error("tranches", detail.clone())
            }
            Error::QuoteOrTranches => unacceptable("quote_or_tranches"),
            Error::UnknownOffer(_)
            | Error::UnknownProject(_)
            | Error::UnknownQuote(_)
            | Error::UnknownLease(_) => not_found(),
            Error::UnknownTranche { .. } | Error::UnknownCancellationQuote(_) => not_found(),
            Error::Period { number, .. } => unacceptable("invalid_period")
                .with_error(format!("tranches[{number}]"), detail.clone()),
            Error::MixedProviders => unacceptable("mixed_providers"),
            Error::MixedTerms => unacceptable("mixed_terms"),
            Error::Offer(refusal) => refusal.into(),
            Error::Capacity(error) => error.into(),
            Error::Quota(error) => error.into(),
            Error::QuoteClosed { state, .. } => conflict("quote_closed").with("state", state),
            Error::State { refusal, .. } => match refusal {
                LeaseRefusal::Over(status) => {
                    conflict("lease_is_over").with("lease_status", status.as_str())
                }
                LeaseRefusal::NotApproved => conflict("lease_not_approved"),
                LeaseRefusal::NothingToApprove(_) => conflict("nothing_to_approve"),
                LeaseRefusal::Begun => conflict("lease_has_begun"),
                LeaseRefusal::NotBegun => conflict("lease_not_begun"),
                LeaseRefusal::TooEarly => conflict("too_early"),
                LeaseRefusal::TooLate => conflict("too_late"),
                LeaseRefusal::Noticed => conflict("lease_noticed"),
            },
            Error::MovedOn(_) => Problem::stale(detail),
            Error::CannotBook(_) => conflict("not_verified"),
            Error::StaleCancellationQuote(_) => conflict("cancellation_quote_stale"),
            Error::NotLonger { .. } => {
                unacceptable("not_longer").with_error("ends_at", detail.clone())
            }
            Error::ExtensionNeedsApproval(_) => conflict("extension_needs_approval"),
            Error::OfferClosed(_) => conflict("offer_closed"),
            Error::OtherUnits { from, units } => {
                conflict("other_units").with("from", from).with("units", units)
            }
            Error::NotReleasable { has, per_unit, .. } => unacceptable("not_releasable")
                .with("gpus_held", has)
                .with("gpus_per_unit", per_unit)
                .with_error("gpus", detail.clone()),
            Error::OutsideTranche { .. } => {
                unacceptable("outside_tranche").with_error("from", detail.clone())
            }
            Error::NothingLeft => conflict("nothing_left"),
            Error::QuoteFirst { charge } => {
                conflict("cancellation_quote_missing").with("charge", charge)
            }
            Error::Problem(problem) => problem,
            Error::Database(error) => error.into(),
        }
    }
}
