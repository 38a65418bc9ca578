//! `/v1/pools/{id}/plane`: who holds what, when.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, Params, Problem, Reply};
use crate::app::App;
use crate::kernel::PoolId;
use crate::leases::actions::plane;
use crate::leases::views::plane::PlaneView;

/// Which part of the plane.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PlaneWindow {
    /// Now when left out.
    pub from: Option<DateTime<Utc>>,
    /// 90 days after `from` when left out.
    pub to: Option<DateTime<Utc>>,
}

/// The capacity plane of a pool
///
/// The provider sees every rectangle; a tenant sees its own, and that others are taken.
#[utoipa::path(get, path = "/v1/pools/{id}/plane", tag = "supply", params(("id" = PoolId, Path), PlaneWindow),
    responses((status = 200, body = PlaneView), (status = 404, body = Refused), (status = 422, body = Refused)))]
pub async fn show_plane(
    State(app): State<App>,
    call: Call,
    Id(id): Id<PoolId>,
    Params(window): Params<PlaneWindow>,
) -> Result<Reply, Problem> {
    let window = (window.from, window.to);
    Ok(Reply::ok(&plane::seen(&app, &call.caller, id, window).await?))
}
