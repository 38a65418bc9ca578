//! `/v1/reclaim-settlements`

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply};
use crate::app::App;
use crate::kernel::LeaseId;
use crate::reclaim::store;
use crate::reclaim::views::SettlementView;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_reclaim_settlements))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SettlementFilter {
    /// Only of this lease.
    lease: Option<LeaseId>,
}

/// What tenants get by cases that are settled, newest case first
#[utoipa::path(get, path = "/v1/reclaim-settlements", tag = "reclaim", params(SettlementFilter, Page),
    responses((status = 200, body = List<SettlementView>), (status = "4XX", body = Refused)))]
async fn list_reclaim_settlements(
    State(app): State<App>,
    call: Call,
    Params(filter): Params<SettlementFilter>,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    let (scope, after, limit) = (call.caller.scope(), page.after()?, page.fetch()?);
    let mut connection = app.db.acquire().await?;
    let cases = store::settled_cases(&mut connection, scope, filter.lease, after, limit).await?;
    let settled = store::settlements(&mut connection, &cases).await?;
    let rows = settled.into_iter().map(SettlementView::from).collect();
    Ok(Reply::ok(&List::new(rows, &page, |settled: &SettlementView| settled.case_id.0)))
}
