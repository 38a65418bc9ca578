//! What this slice refuses, and how that reads on the wire.

use axum::http::StatusCode;

use super::offers::Refusal;
use crate::api::Problem;

/// Why something about what is listed cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.detail())]
    Problem(Problem),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Problem(problem)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        match error {
            Error::Problem(problem) => problem,
            Error::Database(error) => error.into(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let detail = refusal.to_string();
        let refused = |code| Problem::unacceptable(code, detail.clone());
        match refusal {
            Refusal::NotPublished { state, .. } => {
                Problem::conflict("offer_not_published", detail).with("state", state)
            }
            Refusal::ProviderNotVerified { .. } => {
                Problem::conflict("provider_not_verified", detail)
            }
            Refusal::NotInAudience { .. } => {
                Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
            }
            Refusal::NotWholeUnits { sizes, per_unit, .. } => {
                refused("not_whole_units").with("gpus_per_unit", per_unit).with("sizes", sizes)
            }
            Refusal::TooFewGpus { min_gpus, .. } => {
                refused("too_few_gpus").with("min_gpus", min_gpus)
            }
            Refusal::TooManyGpus { max_gpus, .. } => {
                refused("too_many_gpus").with("max_gpus", max_gpus)
            }
            Refusal::TooShort { min_duration, .. } => {
                refused("too_short").with("min_duration", min_duration)
            }
            Refusal::TooLong { max_duration, .. } => {
                refused("too_long").with("max_duration", max_duration)
            }
            Refusal::TooSoon { earliest, .. } => refused("too_soon").with("earliest", earliest),
            Refusal::OutsideAvailable { available, .. } => {
                refused("outside_available").with("available", available)
            }
        }
    }
}
