//! `/v1/auth`, `/v1/me`, `/.well-known/jwks.json`.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cookie::{self, Cookie};
use crate::accounts::actions::{self, Bearer, Registration};
use crate::accounts::caller;
use crate::accounts::limits::LogInLimits;
use crate::accounts::rules::{Email, Me, Password, Registered, Tokens};
use crate::accounts::store;
use crate::accounts::tokens::{Jwk, KeyRing};
use crate::api::call::Open;
use crate::api::problem::Refused;
use crate::api::{Call, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{Actor, OrganizationId};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(log_in))
        .routes(routes!(refresh_tokens))
        .routes(routes!(log_out))
        .routes(routes!(show_me))
        .routes(routes!(change_password))
        .routes(routes!(list_signing_keys))
}

/// The address that a request comes from.
struct Peer(IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Peer(caller::peer(&parts.extensions)))
    }
}

/// Makes a user and the organization that the user owns
#[utoipa::path(post, path = "/v1/auth/register", tag = "log-in", request_body = Registration,
    security(()), responses((status = 201, body = Registered), (status = "4XX", body = Refused)))]
async fn register(
    State(app): State<App>,
    Peer(peer): Peer,
    Open(body): Open<Registration>,
) -> Result<Reply, Problem> {
    LogInLimits::of(&app).take_peer(peer)?;
    let registered = actions::register(&app, body).await?;
    Ok(Reply::created(&registered))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogInBody {
    email: Email,
    #[schema(format = "password")]
    password: String,
    /// For whom to act, if you belong to several; the one joined first otherwise.
    organization_id: Option<OrganizationId>,
    /// For browsers: the refresh token goes into a cookie that scripts cannot read.
    #[serde(default)]
    cookie: bool,
}

/// Logs in
#[utoipa::path(post, path = "/v1/auth/token", tag = "log-in", request_body = LogInBody,
    security(()), responses((status = 200, body = Tokens), (status = "4XX", body = Refused)))]
async fn log_in(
    State(app): State<App>,
    Peer(peer): Peer,
    browser: Cookie,
    Open(body): Open<LogInBody>,
) -> Result<Response, Problem> {
    let LogInBody { email, password, organization_id, cookie } = body;
    if cookie {
        browser.check_origin()?;
    }
    let tokens = actions::log_in(&app, peer, email, password, organization_id).await?;
    if cookie {
        return Ok(browser.keep(tokens, app.now()));
    }
    Ok(Reply::ok(&tokens).into_response())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshBody {
    /// The cookie's when left out.
    refresh_token: Option<String>,
    /// For whom to act from now on, to switch.
    organization_id: Option<OrganizationId>,
}

/// Exchanges a refresh token for new tokens
///
/// A refresh token works once. One that comes back ends the session.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "log-in", request_body = RefreshBody,
    security(()), responses((status = 200, body = Tokens), (status = "4XX", body = Refused)))]
async fn refresh_tokens(
    State(app): State<App>,
    browser: Cookie,
    Open(body): Open<RefreshBody>,
) -> Result<Response, Problem> {
    let organization = body.organization_id;
    if let Some(token) = body.refresh_token {
        let tokens = actions::refresh(&app, &token, Bearer::Program, organization).await?;
        return Ok(Reply::ok(&tokens).into_response());
    }
    let tokens = actions::refresh(&app, browser.token()?, Bearer::Browser, organization).await?;
    Ok(browser.keep(tokens, app.now()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogOutBody {
    /// The cookie's when left out.
    refresh_token: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct LoggedOut {
    logged_out: bool,
}

/// Logs out: ends the session with all its tokens
#[utoipa::path(post, path = "/v1/auth/logout", tag = "log-in", request_body = LogOutBody,
    security(()), responses((status = 200, body = LoggedOut), (status = "4XX", body = Refused)))]
async fn log_out(
    State(app): State<App>,
    browser: Cookie,
    Open(body): Open<LogOutBody>,
) -> Result<Response, Problem> {
    let token = match &body.refresh_token {
        Some(token) => token,
        None => browser.token()?,
    };
    actions::log_out(&app, token).await?;
    Ok(cookie::forget(Reply::ok(&LoggedOut { logged_out: true })))
}

/// Who you are, and for whom you act
#[utoipa::path(get, path = "/v1/me", tag = "log-in",
    responses((status = 200, body = Me), (status = "4XX", body = Refused)))]
async fn show_me(State(app): State<App>, call: Call) -> Result<Reply, Problem> {
    let caller = call.caller;
    let mut connection = app.db.acquire().await?;
    let organization = match caller.organization() {
        Some(id) => store::organization(&mut connection, id, caller.scope()).await?,
        None => None,
    };
    let mut me = Me {
        id: caller.actor.to_string(),
        email: None,
        name: String::new(),
        staff_role: caller.staff,
        organization: organization.map(|organization| organization.seen_by(&caller)),
        role: caller.membership.map(|(_, role)| role),
        memberships: Vec::new(),
        now: app.now(),
        is_sandbox: app.config.sandbox,
    };
    match caller.actor {
        Actor::User(id) => {
            let user = store::user(&mut connection, id).await?;
            let user = user.ok_or_else(|| Problem::not_found("user", id))?;
            me.memberships = store::memberships(&mut connection, id).await?;
            (me.email, me.name) = (Some(user.email), user.name);
        }
        Actor::Key(id) => {
            if let Some(organization) = caller.organization() {
                let key = store::api_keys(&mut connection, organization, Some(id), None, 1).await?;
                me.name = key.into_iter().next().map(|key| key.name).unwrap_or_default();
            }
        }
        Actor::Server(name) => me.name = name.to_owned(),
    }
    Ok(Reply::ok(&me))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    #[schema(format = "password")]
    present_password: String,
    new_password: Password,
}

#[derive(Serialize, ToSchema)]
struct PasswordChanged {
    /// How many sessions ended, this one included: log in again.
    ended_sessions: usize,
}

/// Gives you a new password and ends all your sessions
#[utoipa::path(post, path = "/v1/me/password", tag = "log-in", request_body = PasswordBody,
    responses((status = 200, body = PasswordChanged), (status = "4XX", body = Refused)))]
async fn change_password(
    State(app): State<App>,
    Peer(peer): Peer,
    Write { call, body }: Write<PasswordBody>,
) -> Result<Reply, Problem> {
    actions::change_password(&app, &call, peer, body.present_password, body.new_password).await
}

#[derive(Serialize, ToSchema)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// The public keys that verify access tokens
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "log-in", security(()),
    responses((status = 200, body = Jwks)))]
async fn list_signing_keys(State(app): State<App>) -> Result<Reply, Problem> {
    let ring = KeyRing::of(&app);
    ring.ready(&app).await?;
    Ok(Reply::ok(&Jwks { keys: ring.published() }))
}
