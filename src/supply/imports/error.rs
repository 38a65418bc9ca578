//! Why a file is refused as a whole, and how that reads on the wire.

use super::rules::Report;
use super::table::Unreadable;
use crate::api::Problem;

/// Why nothing of a file is imported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(
        "{} of {} rows are refused, so nothing was changed; mend them, or take the others with keep_good=true",
        .0.refused, .0.rows.len()
    )]
    Refused(Box<Report>),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        match error {
            Error::Unreadable(Unreadable::Columns(columns)) => {
                Problem::unacceptable("import_columns", detail).with("columns", columns)
            }
            Error::Unreadable(_) => Problem::unacceptable("import_unreadable", detail),
            Error::Refused(report) => {
                Problem::unacceptable("import_refused", detail).with("report", report)
            }
        }
    }
}
