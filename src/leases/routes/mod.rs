//! Addresses of quotes, leases, search and the plane.

mod free;
mod leases;
mod plane;
mod quotes;
mod search;

use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::desk::draft::Request;
use super::error::Error;
use crate::app::App;
use crate::kernel::{OfferId, ProjectId};
use crate::leases::rules::PlacementBody;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(search::search_market))
        .routes(routes!(quotes::make_quote, quotes::list_quotes))
        .routes(routes!(quotes::show_quote))
        .routes(routes!(quotes::release_quote))
        .routes(routes!(leases::book_lease, leases::list_leases))
        .routes(routes!(leases::show_lease))
        .routes(routes!(leases::list_lease_events))
        .routes(routes!(leases::list_amendments))
        .routes(routes!(leases::list_delays))
        .routes(routes!(leases::approve_lease))
        .routes(routes!(leases::reject_lease))
        .routes(routes!(leases::quote_cancellation))
        .routes(routes!(leases::cancel_lease))
        .routes(routes!(leases::end_lease))
        .routes(routes!(leases::extend_lease))
        .routes(routes!(leases::shrink_lease))
        .routes(routes!(plane::show_plane))
        .routes(routes!(free::show_free_capacity))
}

/// One line of what is asked for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineBody {
    pub offer_id: OfferId,
    /// Whole units of the offer's pool.
    #[schema(minimum = 1)]
    pub gpus: u32,
    pub starts_at: chrono::DateTime<chrono::Utc>,
    /// First instant after it.
    pub ends_at: chrono::DateTime<chrono::Utc>,
}

fn request(
    lines: Vec<LineBody>,
    placement: PlacementBody,
    project_id: Option<ProjectId>,
) -> Result<Request, Error> {
    let lines =
        lines.into_iter().map(|line| (line.offer_id, line.gpus, line.starts_at, line.ends_at));
    Request::new(lines.collect(), placement == PlacementBody::Island, project_id)
}
