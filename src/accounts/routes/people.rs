//! `/v1/organizations/{id}/members` and `/v1/staff`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::organizations::{Nothing, require_sight};
use crate::accounts::actions::{self, NewMember, NewStaff, WhichStaff};
use crate::accounts::rules::{Member, User};
use crate::accounts::{require_staff, store};
use crate::api::call::{Id, Ids};
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{OrganizationId, Role, StaffRole, UserId};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_members, add_member))
        .routes(routes!(change_role))
        .routes(routes!(remove_member))
        .routes(routes!(list_staff, create_staff))
        .routes(routes!(change_staff_role))
        .routes(routes!(remove_staff))
}

/// The organization's members, newest users first
#[utoipa::path(get, path = "/v1/organizations/{id}/members", tag = "members",
    params(("id" = OrganizationId, Path), Page),
    responses((status = 200, body = List<Member>), (status = "4XX", body = Refused)))]
async fn list_members(
    State(app): State<App>,
    call: Call,
    Id(id): Id<OrganizationId>,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    require_sight(&call.caller, id)?;
    let (limit, after) = (page.fetch()?, page.after()?);
    let mut connection = app.db.acquire().await?;
    let members = store::members(&mut connection, id, after, limit).await?;
    Ok(Reply::ok(&List::new(members, &page, |member| member.user_id.0)))
}

/// Adds a member, as an owner
///
/// An existing user by `email` alone; a new one with `name` and a first `password`, which the user
/// changes at `/v1/me/password`.
#[utoipa::path(post, path = "/v1/organizations/{id}/members", tag = "members",
    params(("id" = OrganizationId, Path)), request_body = NewMember,
    responses((status = 201, body = Member), (status = "4XX", body = Refused)))]
async fn add_member(
    State(app): State<App>,
    Id(id): Id<OrganizationId>,
    Write { call, body }: Write<NewMember>,
) -> Result<Reply, Problem> {
    actions::add_member(&app, &call, id, body).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleBody {
    role: Role,
}

/// Gives a member another role, as an owner; the member logs in anew
#[utoipa::path(post, path = "/v1/organizations/{id}/members/{user_id}/change-role",
    tag = "members", params(("id" = OrganizationId, Path), ("user_id" = UserId, Path)),
    request_body = RoleBody,
    responses((status = 200, body = Member), (status = "4XX", body = Refused)))]
async fn change_role(
    State(app): State<App>,
    Ids(id, user): Ids<OrganizationId, UserId>,
    Write { call, body }: Write<RoleBody>,
) -> Result<Reply, Problem> {
    actions::change_role(&app, &call, id, user, body.role).await
}

/// Removes a member, as an owner
#[utoipa::path(post, path = "/v1/organizations/{id}/members/{user_id}/remove", tag = "members",
    params(("id" = OrganizationId, Path), ("user_id" = UserId, Path)), request_body = Nothing,
    responses((status = 200, body = Member), (status = "4XX", body = Refused)))]
async fn remove_member(
    State(app): State<App>,
    Ids(id, user): Ids<OrganizationId, UserId>,
    Write { call, body: Nothing {} }: Write<Nothing>,
) -> Result<Reply, Problem> {
    actions::remove_member(&app, &call, id, user).await
}

/// The staff of the marketplace, for staff
#[utoipa::path(get, path = "/v1/staff", tag = "staff", params(Page),
    responses((status = 200, body = List<User>), (status = "4XX", body = Refused)))]
async fn list_staff(
    State(app): State<App>,
    call: Call,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    require_staff(&call.caller)?;
    let (limit, after) = (page.fetch()?, page.after()?);
    let mut connection = app.db.acquire().await?;
    let staff = store::staff(&mut connection, after, limit).await?;
    Ok(Reply::ok(&List::new(staff, &page, |user| user.id.0)))
}

/// Makes a member of staff, as staff with the role admin
#[utoipa::path(post, path = "/v1/staff", tag = "staff", request_body = NewStaff,
    responses((status = 201, body = User), (status = "4XX", body = Refused)))]
async fn create_staff(
    State(app): State<App>,
    Write { call, body }: Write<NewStaff>,
) -> Result<Reply, Problem> {
    actions::create_staff(&app, &call, body).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StaffRoleBody {
    role: StaffRole,
}

/// Gives a member of staff another role, as staff with the role admin
///
/// Who it is logs in anew; approvals of reclaim cases that were given in the old role count no more.
#[utoipa::path(post, path = "/v1/staff/{id}/change-role", tag = "staff",
    params(("id" = UserId, Path)), request_body = StaffRoleBody,
    responses((status = 200, body = User), (status = "4XX", body = Refused)))]
async fn change_staff_role(
    State(app): State<App>,
    Id(id): Id<UserId>,
    Write { call, body }: Write<StaffRoleBody>,
) -> Result<Reply, Problem> {
    actions::change_staff(&app, &call, WhichStaff::Id(id), Some(body.role)).await
}

/// Removes a member of staff, as staff with the role admin; approvals that it gave count no more
#[utoipa::path(post, path = "/v1/staff/{id}/remove", tag = "staff",
    params(("id" = UserId, Path)), request_body = Nothing,
    responses((status = 200, body = User), (status = "4XX", body = Refused)))]
async fn remove_staff(
    State(app): State<App>,
    Id(id): Id<UserId>,
    Write { call, body: Nothing {} }: Write<Nothing>,
) -> Result<Reply, Problem> {
    actions::change_staff(&app, &call, WhichStaff::Id(id), None).await
}
