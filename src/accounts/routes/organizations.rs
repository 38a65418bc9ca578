//! `/v1/organizations` with their projects and API keys.

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::rules::{
    ApiKey, Decision, Name, NewApiKey, Organization, Project, Reason, Verification,
};
use crate::accounts::{actions, store};
use crate::api::call::{Id, Ids};
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{ApiKeyId, Caller, OrganizationId, Role, Span};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_organizations))
        .routes(routes!(show_organization))
        .routes(routes!(verify_organization))
        .routes(routes!(suspend_organization))
        .routes(routes!(reinstate_organization))
        .routes(routes!(rename_organization))
        .routes(routes!(list_projects, create_project))
        .routes(routes!(list_api_keys, create_api_key))
        .routes(routes!(revoke_api_key))
}

/// A body without members.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The organization `id`, if `caller` may look into it.
pub fn require_sight(caller: &Caller, id: OrganizationId) -> Result<(), Problem> {
    match caller.scope() {
        Some(own) if own != id.0 => Err(Problem::not_found("organization", id)),
        _ => Ok(()),
    }
}

/// Which organizations.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OrganizationFilter {
    /// Only those that are so.
    verification: Option<Verification>,
}

/// The organization that you act for; for staff all, newest first
#[utoipa::path(get, path = "/v1/organizations", tag = "organizations",
    params(Page, OrganizationFilter),
    responses((status = 200, body = List<Organization>), (status = "4XX", body = Refused)))]
async fn list_organizations(
    State(app): State<App>,
    call: Call,
    Params(page): Params<Page>,
    Params(filter): Params<OrganizationFilter>,
) -> Result<Reply, Problem> {
    let (limit, after) = (page.fetch()?, page.after()?);
    let mut connection = app.db.acquire().await?;
    let scope = call.caller.scope();
    let found =
        store::organizations(&mut connection, scope, filter.verification, after, limit).await?;
    let seen = found.into_iter().map(|organization| organization.seen_by(&call.caller)).collect();
    Ok(Reply::ok(&List::new(seen, &page, |organization: &Organization| organization.id.0)))
}

/// One organization
#[utoipa::path(get, path = "/v1/organizations/{id}", tag = "organizations",
    params(("id" = OrganizationId, Path)),
    responses((status = 200, body = Organization), (status = "4XX", body = Refused)))]
async fn show_organization(
    State(app): State<App>,
    call: Call,
    Id(id): Id<OrganizationId>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    let found = store::organization(&mut connection, id, call.caller.scope()).await?;
    let organization = found.ok_or_else(|| Problem::not_found("organization", id))?;
    let revision = organization.revision;
    Ok(Reply::ok(&organization.seen_by(&call.caller)).revision(revision))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DecisionBody {
    /// On what ground; the organization reads it.
    reason: Reason,
}

/// Verifies an organization, as staff: it may list and book from now on
#[utoipa::path(post, path = "/v1/organizations/{id}/verify", tag = "organizations",
    params(("id" = OrganizationId, Path)), request_body = DecisionBody,
    responses((status = 200, body = Organization), (status = "4XX", body = Refused)))]
async fn verify_organization(
    State(app): State<App>,
    Id(id): Id<OrganizationId>,
    Write { call, body }: Write<DecisionBody>,
) -> Result<Reply, Problem> {
    actions::decide(&app, &call, id, Decision::Verify, &body.reason).await
}

/// Suspends an organization, as staff: it may neither list nor book; what is signed goes on
#[utoipa::path(post, path = "/v1/organizations/{id}/suspend", tag = "organizations",
    params(("id" = OrganizationId, Path)), request_body = DecisionBody,
    responses((status = 200, body = Organization), (status = "4XX", body = Refused)))]
async fn suspend_organization(
    State(app): State<App>,
    Id(id): Id<OrganizationId>,
    Write { call, body }: Write<DecisionBody>,
) -> Result<Reply, Problem> {
    actions::decide(&app, &call, id, Decision::Suspend, &body.reason).await
}

/// Ends a suspension, as staff
#[utoipa::path(post, path = "/v1/organizations/{id}/reinstate", tag = "organizations",
    params(("id" = OrganizationId, Path)), request_body = DecisionBody,
    responses((status = 200, body = Organization), (status = "4XX", body = Refused)))]
async fn reinstate_organization(
    State(app): State<App>,
    Id(id): Id<OrganizationId>,
    Write { call, body }: Write<DecisionBody>,
) -> Result<Reply, Problem> {
    actions::decide(&app, &call, id, Decision::Reinstate, &body.reason).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RenameBody {
    name: Name,
    reason: Reason,
}

/// Gives an organization another name, as its owner or staff; what was signed keeps the old one
#[utoipa::path(post, path = "/v1/organizations/{id}/rename", tag = "organizations",
    params(("id" = OrganizationId, Path)), request_body = RenameBody,
    responses((status = 200, body = Organization), (status = "4XX", body = Refused)))]
async fn rename_organization(
    State(app): State<App>,
    Id(id): Id<OrganizationId>,
    Write { call, body }: Write<RenameBody>,
) -> Result<Reply, Problem> {
    actions::rename(&app, &call, id, &body.name, &body.reason).await
}

/// The organization's projects, newest first
#[utoipa::path(get, path = "/v1/organizations/{id}/projects", tag = "projects",
    params(("id" = OrganizationId, Path), Page),
    responses((status = 200, body = List<Project>), (status = "4XX", body = Refused)))]
async fn list_projects(
    State(app): State<App>,
    call: Call,
    Id(id): Id<OrganizationId>,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    require_sight(&call.caller, id)?;
    let (limit, after) = (page.fetch()?, page.after()?);
    let mut connection = app.db.acquire().await?;
    let projects = store::projects(&mut connection, id, after, limit).await?;
    Ok(Reply::ok(&List::new(projects, &page, |project| project.id.0)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectBody {
    name: Name,
}

/// Makes a project, as an owner
#[utoipa::path(post, path = "/v1/organizations/{id}/projects", tag = "projects",
    params(("id" = OrganizationId, Path)), request_body = ProjectBody,
    responses((status = 201, body = Project), (status = "4XX", body = Refused)))]
async fn create_project(
    State(app): State<App>,
    Id(id): Id<OrganizationId>,
    Write { call, body }: Write<ProjectBody>,
) -> Result<Reply, Problem> {
    actions::create_project(&app, &call, id, &body.name).await
}

/// The organization's API keys, newest first, without their secrets
#[utoipa::path(get, path = "/v1/organizations/{id}/api-keys", tag = "API keys",
    params(("id" = OrganizationId, Path), Page),
    responses((status = 200, body = List<ApiKey>), (status = "4XX", body = Refused)))]
async fn list_api_keys(
    State(app): State<App>,
    call: Call,
    Id(id): Id<OrganizationId>,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    require_sight(&call.caller, id)?;
    let (limit, after) = (page.fetch()?, page.after()?);
    let mut connection = app.db.acquire().await?;
    let keys = store::api_keys(&mut connection, id, None, after, limit).await?;
    Ok(Reply::ok(&List::new(keys, &page, |key| key.id.0)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApiKeyBody {
    /// What it is for.
    name: Name,
    /// What it may do.
    role: Role,
    /// How long it lives, at most `P366D`; `P90D` if not said.
    expires_in: Option<Span>,
}

/// Makes an API key, as an owner; the secret is in this reply only
///
/// An idempotency key has no effect here, because the reply is not kept: asked again, there are two keys.
#[utoipa::path(post, path = "/v1/organizations/{id}/api-keys", tag = "API keys",
    params(("id" = OrganizationId, Path)), request_body = ApiKeyBody,
    responses((status = 201, body = NewApiKey), (status = "4XX", body = Refused)))]
async fn create_api_key(
    State(app): State<App>,
    Id(id): Id<OrganizationId>,
    Write { call, body }: Write<ApiKeyBody>,
) -> Result<Reply, Problem> {
    actions::create_api_key(&app, &call, id, &body.name, body.role, body.expires_in).await
}

/// Revokes an API key, as an owner
#[utoipa::path(post, path = "/v1/organizations/{id}/api-keys/{key_id}/revoke", tag = "API keys",
    params(("id" = OrganizationId, Path), ("key_id" = ApiKeyId, Path)), request_body = Nothing,
    responses((status = 200, body = ApiKey), (status = "4XX", body = Refused)))]
async fn revoke_api_key(
    State(app): State<App>,
    Ids(id, key): Ids<OrganizationId, ApiKeyId>,
    Write { call, body: Nothing {} }: Write<Nothing>,
) -> Result<Reply, Problem> {
    actions::revoke_api_key(&app, &call, id, key).await
}
