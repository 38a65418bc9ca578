//! `/v1/accelerators`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Accelerator, store};
use crate::api::problem::Refused;
use crate::api::{Params, Problem, Reply};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_accelerators))
}

/// Which chips.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AcceleratorQuery {
    /// Only those of this vendor: `NVIDIA`.
    vendor: Option<String>,
}

/// The whole catalogue; it is short and comes in one page.
#[derive(Debug, Serialize, ToSchema)]
struct Catalogue {
    items: Vec<Accelerator>,
    /// Always `null`.
    next_cursor: Option<String>,
}

/// The catalogue of accelerators, in order of id; open to everybody
#[utoipa::path(get, path = "/v1/accelerators", tag = "accelerators", params(AcceleratorQuery), security(()),
    responses((status = 200, body = Catalogue), (status = "4XX", body = Refused)))]
async fn list_accelerators(
    State(app): State<App>,
    Params(query): Params<AcceleratorQuery>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    let items = store::list(&mut connection, query.vendor.as_deref()).await?;
    Ok(Reply::ok(&Catalogue { items, next_cursor: None }))
}
