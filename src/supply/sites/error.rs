//! Why a site is not listed or changed, and how that reads on the wire.

use crate::api::{Problem, problem};
use crate::kernel::SiteId;

/// Why something about a site cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("your organization has a site of this name already; change that one")]
    NameTaken,
    #[error("site {site} has {offers} published offers; archive them before the site is retired")]
    HasOffers { site: SiteId, offers: i64 },
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match problem::constraint(&error) {
            Some("sites_name_unique") => Error::NameTaken,
            _ => Error::Database(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        match error {
            Error::NameTaken => Problem::conflict("name_taken", detail),
            Error::HasOffers { offers, .. } => {
                Problem::conflict("site_has_offers", detail).with("published_offers", offers)
            }
            Error::Database(error) => error.into(),
        }
    }
}
