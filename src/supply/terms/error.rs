//! Why there are no such terms, and how that reads on the wire.

use super::rules::Flaw;
use crate::api::{Problem, problem};

/// Why something about reclaim terms cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the terms cannot be offered as they are: {}", first_flaw(.0))]
    Unacceptable(Vec<Flaw>),
    #[error("somebody else made a version of these terms in the same moment; try again")]
    Contended,
    #[error(
        "your organization has no reclaim terms {0}; GET /v1/reclaim-terms lists them, POST makes some"
    )]
    Unknown(String),
    #[error(transparent)]
    Database(sqlx::Error),
}

fn first_flaw(flaws: &[Flaw]) -> String {
    flaws.first().map_or_else(String::new, |flaw| format!("{}: {}", flaw.field, flaw.detail))
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match problem::constraint(&error) {
            Some("reclaim_terms_versions_unique") => Error::Contended,
            _ => Error::Database(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        match error {
            Error::Unacceptable(flaws) => flaws
                .into_iter()
                .fold(Problem::unacceptable("unacceptable_terms", detail), |problem, flaw| {
                    problem.with_error(flaw.field, flaw.detail)
                }),
            Error::Contended => Problem::unavailable("contended", detail),
            Error::Unknown(_) => {
                Problem::unacceptable("unknown_terms", &detail).with_error("terms_id", detail)
            }
            Error::Database(error) => error.into(),
        }
    }
}
