//! capacity

pub mod rules;

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

/// Reads the planes into memory, so that the first search is as fast as the others.
pub async fn warm_up(_app: App) {}
