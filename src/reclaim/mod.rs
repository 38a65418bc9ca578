//! reclaim

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
