//! `/v1/transparency/reclaims`

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store::{self, Seen};
use crate::api::problem::Refused;
use crate::api::{List, Page, Params, Problem, Reply};
use crate::app::App;
use crate::kernel::{OrganizationId, ReclaimCaseId};

/// The route of the public list.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_public_reclaims))
}

/// A reclaim case as the public may see it.
#[derive(Debug, Serialize, ToSchema)]
struct PublicReclaim {
    /// Says nothing by itself; for paging.
    id: ReclaimCaseId,
    provider_id: OrganizationId,
    provider_name: String,
    ground: String,
    /// `warn`, `suspend`, `partial` or `full`.
    action: String,
    /// When the notice was served: `2027-03`.
    month: String,
    /// GPUs concerned: `1-8`, `9-64`, `65-512`, `513-4096`, `4097-32768`, `over 32768` or `unknown`.
    gpus: &'static str,
    /// Whole days from the notice to the execution.
    notice_days: Option<i64>,
    /// The case's state: what came of it, as far as it has come.
    outcome: String,
}

fn class(gpus: Option<i64>) -> &'static str {
    match gpus {
        Some(..=8) => "1-8",
        Some(9..=64) => "9-64",
        Some(65..=512) => "65-512",
        Some(513..=4_096) => "513-4096",
        Some(4_097..=32_768) => "4097-32768",
        Some(_) => "over 32768",
        None => "unknown",
    }
}

impl From<Seen> for PublicReclaim {
    fn from(seen: Seen) -> PublicReclaim {
        PublicReclaim {
            id: seen.id,
            provider_id: seen.provider_id,
            provider_name: seen.provider_name,
            ground: seen.ground,
            action: seen.action,
            month: seen.served_at.format("%Y-%m").to_string(),
            gpus: class(seen.gpus),
            notice_days: seen.deadline.map(|deadline| (deadline - seen.served_at).num_days()),
            outcome: seen.state,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PublicFilter {
    /// Only of this provider.
    provider_id: Option<OrganizationId>,
}

/// Reclaim cases that were served, newest first, without tenants and reasons; open to everybody
#[utoipa::path(get, path = "/v1/transparency/reclaims", tag = "transparency", params(PublicFilter, Page),
    security((), ("bearer" = [])),
    responses((status = 200, body = List<PublicReclaim>), (status = "4XX", body = Refused)))]
async fn list_public_reclaims(
    State(app): State<App>,
    Params(filter): Params<PublicFilter>,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    let (after, limit) = (page.after()?, page.fetch()?);
    let mut connection = app.db.acquire().await?;
    let seen = store::served(&mut connection, filter.provider_id, after, limit).await?;
    let rows = seen.into_iter().map(PublicReclaim::from).collect();
    Ok(Reply::ok(&List::new(rows, &page, |reclaim: &PublicReclaim| reclaim.id.0)))
}
