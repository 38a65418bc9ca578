//! Why a pool, a delivery or a block stays as it is, and how that reads on the wire.

use super::rules::DeliveryRefusal;
use crate::api::{Problem, problem};
use crate::kernel::BlockId;

/// Why something about a pool cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("this site has a pool of this name already; change that one")]
    NameTaken,
    #[error("the catalogue has no such accelerator; GET /v1/accelerators lists what there is")]
    UnknownAccelerator,
    #[error("some of these units belong to another delivery of the pool already")]
    DeliveriesOverlap,
    #[error(transparent)]
    Delivery(#[from] DeliveryRefusal),
    #[error("block {0} is over; there is nothing to lift")]
    BlockIsOver(BlockId),
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match problem::constraint(&error) {
            Some("pools_name_unique") => Error::NameTaken,
            Some("pools_accelerator_id_fkey") => Error::UnknownAccelerator,
            Some("deliveries_disjoint") => Error::DeliveriesOverlap,
            _ => Error::Database(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        match error {
            Error::NameTaken => Problem::conflict("name_taken", detail),
            Error::UnknownAccelerator => Problem::unacceptable("unknown_accelerator", &detail)
                .with_error("accelerator", detail),
            Error::DeliveriesOverlap => Problem::conflict("deliveries_overlap", detail),
            Error::Delivery(DeliveryRefusal::Accepted(_)) => {
                Problem::conflict("delivery_accepted", detail)
            }
            Error::BlockIsOver(_) => Problem::conflict("block_is_over", detail),
            Error::Database(error) => error.into(),
        }
    }
}
