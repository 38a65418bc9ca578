//! accounts

use utoipa_axum::router::OpenApiRouter;

use crate::app::{App, Job};

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
}

/// The reconcilers of this slice.
pub fn jobs() -> Vec<Job> {
    Vec::new()
}

/// Establishes who calls, for every request that carries an `Authorization` header.
pub async fn authenticate(
    axum::extract::State(_app): axum::extract::State<App>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    next.run(request).await
}
