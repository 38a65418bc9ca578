//! `/v1/sites`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::{Site, SiteChanges, SiteFacts, Stage};
use super::{actions, store};
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::SiteId;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_site, list_sites))
        .routes(routes!(show_site, change_site))
}

/// Lists a site of your organization
#[utoipa::path(post, path = "/v1/sites", tag = "sites", request_body = SiteFacts, responses(
    (status = 201, body = Site), (status = "4XX", body = Refused)))]
async fn create_site(
    State(app): State<App>,
    Write { call, body }: Write<SiteFacts>,
) -> Result<Reply, Problem> {
    actions::create(&app, &call, body).await
}

/// Which sites.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SiteFilter {
    /// Only those so far.
    stage: Option<Stage>,
}

/// Your organization's sites, newest first; staff sees everybody's
#[utoipa::path(get, path = "/v1/sites", tag = "sites", params(Page, SiteFilter), responses(
    (status = 200, body = List<Site>), (status = "4XX", body = Refused)))]
async fn list_sites(
    State(app): State<App>,
    call: Call,
    Params(page): Params<Page>,
    Params(filter): Params<SiteFilter>,
) -> Result<Reply, Problem> {
    let (limit, after) = (page.fetch()?, page.after()?);
    let mut connection = app.db.acquire().await?;
    let sites =
        store::list(&mut connection, call.caller.scope(), filter.stage, after, limit).await?;
    Ok(Reply::ok(&List::new(sites, &page, |site| site.id.0)))
}

/// One site of your organization
#[utoipa::path(get, path = "/v1/sites/{id}", tag = "sites", params(("id" = SiteId, Path)), responses(
    (status = 200, body = Site), (status = "4XX", body = Refused)))]
async fn show_site(
    State(app): State<App>,
    call: Call,
    Id(id): Id<SiteId>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    let site = store::find(&mut connection, id, call.caller.scope()).await?;
    let site = site.ok_or_else(|| Problem::not_found("site", id))?;
    Ok(Reply::ok(&site).revision(site.revision))
}

/// Changes a site; its stage only advances
#[utoipa::path(patch, path = "/v1/sites/{id}", tag = "sites", params(("id" = SiteId, Path)),
    request_body = SiteChanges, responses((status = 200, body = Site), (status = "4XX", body = Refused)))]
async fn change_site(
    State(app): State<App>,
    Id(id): Id<SiteId>,
    Write { call, body }: Write<SiteChanges>,
) -> Result<Reply, Problem> {
    actions::change(&app, &call, id, body).await
}
