//! `/v1/search`

use axum::extract::State;

use crate::api::problem::Refused;
use crate::api::{Problem, Reply, Write};
use crate::app::App;
use crate::leases::actions::search::{self, SearchBody};
use crate::leases::views::search::SearchView;

/// Search the market by need
#[utoipa::path(post, path = "/v1/search", tag = "market", request_body = SearchBody, responses(
    (status = 200, body = SearchView), (status = 403, body = Refused), (status = 422, body = Refused)))]
pub async fn search_market(
    State(app): State<App>,
    Write { call, body }: Write<SearchBody>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&search::by_need(&app, &call.caller, body).await?))
}
