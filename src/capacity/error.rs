//! Why a plane is not changed.

use axum::http::StatusCode;
use serde_json::json;

use super::instants::timestamp;
use super::rules::NoRoom;
use crate::api::{Problem, problem};
use crate::kernel::time::said;
use crate::kernel::{PoolId, ids};

/// A refusal of the plane.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The planner finds no place.
    #[error("{}", in_words(.refusal))]
    Refused { pool: PoolId, refusal: NoRoom },
    #[error("pool {0} has no plane")]
    NoPlane(PoolId),
    #[error("pool {0} is being changed by somebody else who takes long; try again")]
    Busy(PoolId),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

fn in_words(refusal: &NoRoom) -> String {
    match refusal {
        NoRoom::Short(short) => {
            let at = timestamp(short.at).map_or("any time".to_owned(), |at| said(&at));
            format!("only {} units are free at {at}, {} are asked for", short.free, short.asked)
        }
        NoRoom::Fixed { available, asked } => format!(
            "{asked} units are free at every instant, but what stands fixed later (maintenance, unit numbers \
             already handed out) leaves no arrangement for more than {available} through the whole period"
        ),
        NoRoom::NoIsland { largest, asked } => format!(
            "no fabric island has {asked} units free for the whole period, the most is {largest}; \
             ask for placement \"any\" or fewer units"
        ),
        NoRoom::Blocked { by } => format!(
            "{} rectangle(s) stand in the way and cannot be moved; choose other units or another time",
            by.len()
        ),
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        match error {
            Error::Refused { pool, refusal } => {
                let problem = |code| Problem::conflict(code, detail).with("pool_id", pool);
                match refusal {
                    NoRoom::Short(short) => problem("not_enough_units").with(
                        "shortfall",
                        json!({ "at": timestamp(short.at), "units_free": short.free, "units_asked": short.asked }),
                    ),
                    NoRoom::Fixed { available, asked } => problem("no_arrangement")
                        .with("shortfall", json!({ "units_free": available, "units_asked": asked })),
                    NoRoom::NoIsland { largest, asked } => problem("no_island")
                        .with("shortfall", json!({ "units_free": largest, "units_asked": asked })),
                    NoRoom::Blocked { by } => {
                        let ids: Vec<String> = by.into_iter().map(|id| format!("alloc_{}", ids::encode(id))).collect();
                        problem("in_the_way").with("blocking", ids)
                    }
                }
            }
            Error::NoPlane(pool) => {
                Problem::new(StatusCode::NOT_FOUND, "not_found", format!("there is no pool {pool}"))
            }
            Error::Busy(_) => Problem::unavailable("contended", detail),
            Error::Database(error)
                if problem::constraint(&error) == Some("allocations_no_overlap") =>
            {
                tracing::error!(%error, "the plane in memory and the database disagreed; the database won");
                Problem::unavailable(
                    "contended",
                    "the units were taken in the same moment; try again",
                )
            }
            Error::Database(error) => error.into(),
        }
    }
}
