//! The addresses of the slice.

mod auth;
mod cookie;
mod organizations;
mod people;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(auth::routes())
        .merge(organizations::routes())
        .merge(people::routes())
}
