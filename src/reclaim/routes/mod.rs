//! `/v1/reclaim-cases`, and the settlements that come of them.

mod answers;
mod cases;
mod evidence;
mod settlements;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    cases::routes()
        .merge(evidence::routes())
        .merge(answers::routes())
        .merge(settlements::routes())
        .merge(super::planner::routes())
        .merge(super::transparency::routes())
        .merge(super::volunteers::routes())
}
