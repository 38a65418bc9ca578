//! `/v1/quotas`, `/v1/quota-requests` and the curves of what is booked.

use std::collections::HashMap;

use axum::Extension;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::actions::{self, GrantBody, OverrideBody, QuotaBody, RaiseBody};
use super::memory::{ReadHoldings, look};
use super::rules::{Dimension, END_OF_TIME, Limits, Quota, RequestState, Rule};
use super::store::{self, Filter, QuotaRecord};
use super::views::{CurveView, PeaksView, QuotaRequestView, QuotaView};
use crate::accounts;
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::audit;
use crate::kernel::{
    OrganizationId, Period, ProjectId, QuotaId, QuotaRequestId, Reason, Timestamp,
};

/// The routes of this slice, which read holdings by `read`.
pub fn routes(read: ReadHoldings) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_quotas, set_quota))
        .routes(routes!(show_quota))
        .routes(routes!(list_quota_events))
        .routes(routes!(end_quota))
        .routes(routes!(override_quota))
        .routes(routes!(restore_quota))
        .routes(routes!(list_quota_requests, request_raise))
        .routes(routes!(show_quota_request))
        .routes(routes!(grant_raise))
        .routes(routes!(deny_raise))
        .routes(routes!(withdraw_raise))
        .routes(routes!(show_quota_peaks))
        .layer(Extension(read))
}

/// Which quotas.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct QuotaFilter {
    organization_id: Option<OrganizationId>,
    project_id: Option<ProjectId>,
    /// Also those that were lifted.
    #[serde(default)]
    with_ended: bool,
    /// At most so many items, 1 to 200.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 200)]
    limit: u16,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

fn default_limit() -> u16 {
    50
}

/// Quotas with how they stand, newest first; yours and the defaults that stand for you
#[utoipa::path(get, path = "/v1/quotas", tag = "quotas", params(QuotaFilter),
    responses((status = 200, body = List<QuotaView>), (status = "4XX", body = Refused)))]
async fn list_quotas(
    State(app): State<App>,
    Extension(read): Extension<ReadHoldings>,
    call: Call,
    Params(filter): Params<QuotaFilter>,
) -> Result<Reply, Problem> {
    let page = Page { limit: filter.limit, cursor: filter.cursor };
    let mut connection = app.db.acquire().await?;
    let filter = Filter {
        scope: actions::sight(&mut connection, &call.caller).await?,
        organization: filter.organization_id.map(|id| id.0),
        project: filter.project_id.map(|id| id.0),
        with_ended: filter.with_ended,
        after: page.after()?,
        limit: page.fetch()?,
    };
    let quotas = store::list(&mut connection, &filter).await?;
    let views = views(&app, &mut connection, read, &quotas, call.caller.scope()).await?;
    Ok(Reply::ok(&List::new(views, &page, |view| view.id.0)))
}

/// The views of `quotas`; a default is shown as it stands for `scope`. One look for each organization.
async fn views(
    app: &App,
    connection: &mut PgConnection,
    read: ReadHoldings,
    quotas: &[QuotaRecord],
    scope: Option<Uuid>,
) -> sqlx::Result<Vec<QuotaView>> {
    let now = app.now().timestamp_micros();
    let whose = |quota: &QuotaRecord| quota.organization_id.or(scope.map(OrganizationId));
    let mut states = HashMap::new();
    let mut organizations: Vec<_> = quotas.iter().filter_map(whose).collect();
    organizations.sort_unstable();
    organizations.dedup();
    for organization in organizations {
        let its = quotas.iter().filter(|quota| whose(quota) == Some(organization));
        let its: Vec<Quota> = its.map(QuotaRecord::in_force).collect();
        let found = look(app, connection, read, organization, |book| {
            let state = |quota: Quota| (quota.id, book.state(&quota, now));
            its.into_iter().map(state).collect::<Vec<_>>()
        });
        states.extend(found.await?);
    }
    Ok(quotas.iter().map(|quota| QuotaView::new(quota, states.get(&quota.id))).collect())
}

/// Sets a quota, or changes the one of the same: staff for organizations, their owners for projects
#[utoipa::path(post, path = "/v1/quotas", tag = "quotas", request_body = QuotaBody,
    responses((status = 200, body = QuotaView), (status = 201, body = QuotaView),
        (status = "4XX", body = Refused)))]
async fn set_quota(
    State(app): State<App>,
    Extension(read): Extension<ReadHoldings>,
    Write { call, body }: Write<QuotaBody>,
) -> Result<Reply, Problem> {
    Ok(actions::set(&app, read, &call, body).await?)
}

async fn found(
    connection: &mut PgConnection,
    call: &Call,
    id: QuotaId,
) -> Result<QuotaRecord, Problem> {
    let scope = actions::sight(connection, &call.caller).await?;
    let quota = store::find(connection, id, scope).await?;
    quota.ok_or_else(|| Problem::not_found("quota", id))
}

/// One quota with how it stands
#[utoipa::path(get, path = "/v1/quotas/{id}", tag = "quotas", params(("id" = QuotaId, Path)),
    responses((status = 200, body = QuotaView), (status = "4XX", body = Refused)))]
async fn show_quota(
    State(app): State<App>,
    Extension(read): Extension<ReadHoldings>,
    call: Call,
    Id(id): Id<QuotaId>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    let quota = found(&mut connection, &call, id).await?;
    let quotas = std::slice::from_ref(&quota);
    let views = views(&app, &mut connection, read, quotas, call.caller.scope()).await?;
    let view = views.into_iter().next().ok_or_else(|| Problem::not_found("quota", id))?;
    Ok(Reply::ok(&view).revision(quota.revision))
}

/// What happened to a quota, oldest first
#[utoipa::path(get, path = "/v1/quotas/{id}/events", tag = "quotas", params(("id" = QuotaId, Path)),
    responses((status = 200, body = List<audit::EntryView>), (status = "4XX", body = Refused)))]
async fn list_quota_events(
    State(app): State<App>,
    call: Call,
    Id(id): Id<QuotaId>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    found(&mut connection, &call, id).await?;
    let items = audit::history(&mut connection, id, &call.caller).await?;
    Ok(Reply::ok(&List { items, next_cursor: None }))
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QuotaReasonBody {
    reason: Reason,
}

/// Lifts a quota; a default stands again where there is one
#[utoipa::path(post, path = "/v1/quotas/{id}/end", tag = "quotas", params(("id" = QuotaId, Path)),
    request_body = QuotaReasonBody,
    responses((status = 200, body = QuotaView), (status = "4XX", body = Refused)))]
async fn end_quota(
    State(app): State<App>,
    Extension(read): Extension<ReadHoldings>,
    Id(id): Id<QuotaId>,
    Write { call, body }: Write<QuotaReasonBody>,
) -> Result<Reply, Problem> {
    Ok(actions::end(&app, read, &call, id, &body.reason).await?)
}

/// Lets another limit stand for a while; then the quota restores itself
#[utoipa::path(post, path = "/v1/quotas/{id}/override", tag = "quotas",
    params(("id" = QuotaId, Path)), request_body = OverrideBody,
    responses((status = 200, body = QuotaView), (status = "4XX", body = Refused)))]
async fn override_quota(
    State(app): State<App>,
    Extension(read): Extension<ReadHoldings>,
    Id(id): Id<QuotaId>,
    Write { call, body }: Write<OverrideBody>,
) -> Result<Reply, Problem> {
    Ok(actions::override_for_a_while(&app, read, &call, id, body).await?)
}

/// Ends the overrides of a quota at once, those to come included
#[utoipa::path(post, path = "/v1/quotas/{id}/restore", tag = "quotas",
    params(("id" = QuotaId, Path)), request_body = QuotaReasonBody,
    responses((status = 200, body = QuotaView), (status = "4XX", body = Refused)))]
async fn restore_quota(
    State(app): State<App>,
    Extension(read): Extension<ReadHoldings>,
    Id(id): Id<QuotaId>,
    Write { call, body }: Write<QuotaReasonBody>,
) -> Result<Reply, Problem> {
    Ok(actions::restore(&app, read, &call, id, &body.reason).await?)
}

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RequestFilter {
    state: Option<RequestState>,
    /// At most so many items, 1 to 200.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 200)]
    limit: u16,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Requests to raise quotas, newest first; yours, for staff all
#[utoipa::path(get, path = "/v1/quota-requests", tag = "quota requests", params(RequestFilter),
    responses((status = 200, body = List<QuotaRequestView>), (status = "4XX", body = Refused)))]
async fn list_quota_requests(
    State(app): State<App>,
    call: Call,
    Params(filter): Params<RequestFilter>,
) -> Result<Reply, Problem> {
    let page = Page { limit: filter.limit, cursor: filter.cursor };
    let (scope, after, limit) = (call.caller.scope(), page.after()?, page.fetch()?);
    let mut connection = app.db.acquire().await?;
    let found = store::requests(&mut connection, scope, filter.state, after, limit).await?;
    let views = found.iter().map(QuotaRequestView::from).collect();
    Ok(Reply::ok(&List::new(views, &page, |view: &QuotaRequestView| view.id.0)))
}

/// Asks for a raise, as a manager of the organization
#[utoipa::path(post, path = "/v1/quota-requests", tag = "quota requests", request_body = RaiseBody,
    responses((status = 201, body = QuotaRequestView), (status = "4XX", body = Refused)))]
async fn request_raise(
    State(app): State<App>,
    Write { call, body }: Write<RaiseBody>,
) -> Result<Reply, Problem> {
    Ok(actions::request(&app, &call, body).await?)
}

/// One request to raise a quota
#[utoipa::path(get, path = "/v1/quota-requests/{id}", tag = "quota requests",
    params(("id" = QuotaRequestId, Path)),
    responses((status = 200, body = QuotaRequestView), (status = "4XX", body = Refused)))]
async fn show_quota_request(
    State(app): State<App>,
    call: Call,
    Id(id): Id<QuotaRequestId>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    let found = store::request(&mut connection, id, call.caller.scope()).await?;
    let request = found.ok_or_else(|| Problem::not_found("quota request", id))?;
    Ok(Reply::ok(&QuotaRequestView::from(&request)).revision(request.revision))
}

/// Grants a request: staff for organizations, their owners for projects
#[utoipa::path(post, path = "/v1/quota-requests/{id}/grant", tag = "quota requests",
    params(("id" = QuotaRequestId, Path)), request_body = GrantBody,
    responses((status = 200, body = QuotaRequestView), (status = "4XX", body = Refused)))]
async fn grant_raise(
    State(app): State<App>,
    Id(id): Id<QuotaRequestId>,
    Write { call, body }: Write<GrantBody>,
) -> Result<Reply, Problem> {
    Ok(actions::grant(&app, &call, id, body).await?)
}

/// Denies a request: staff for organizations, their owners for projects
#[utoipa::path(post, path = "/v1/quota-requests/{id}/deny", tag = "quota requests",
    params(("id" = QuotaRequestId, Path)), request_body = QuotaReasonBody,
    responses((status = 200, body = QuotaRequestView), (status = "4XX", body = Refused)))]
async fn deny_raise(
    State(app): State<App>,
    Id(id): Id<QuotaRequestId>,
    Write { call, body }: Write<QuotaReasonBody>,
) -> Result<Reply, Problem> {
    Ok(actions::deny(&app, &call, id, &body.reason).await?)
}

/// Takes a request back, as a manager of the organization
#[utoipa::path(post, path = "/v1/quota-requests/{id}/withdraw", tag = "quota requests",
    params(("id" = QuotaRequestId, Path)), request_body = QuotaReasonBody,
    responses((status = 200, body = QuotaRequestView), (status = "4XX", body = Refused)))]
async fn withdraw_raise(
    State(app): State<App>,
    Id(id): Id<QuotaRequestId>,
    Write { call, body }: Write<QuotaReasonBody>,
) -> Result<Reply, Problem> {
    Ok(actions::withdraw(&app, &call, id, &body.reason).await?)
}

/// Which part of the curves.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PeaksFilter {
    /// Now unless said otherwise.
    from: Option<DateTime<Utc>>,
    /// 90 days later unless said otherwise.
    to: Option<DateTime<Utc>>,
    /// Only the curve of this quota.
    quota_id: Option<QuotaId>,
    /// At most so many points a curve, 2 to 1,000.
    #[serde(default = "default_points")]
    #[param(minimum = 2, maximum = 1000)]
    points: u16,
}

fn default_points() -> u16 {
    200
}

/// Curves in one reply.
const MOST_CURVES: usize = 50;

/// What an organization has booked over time, against its limits, for drawing
#[utoipa::path(get, path = "/v1/organizations/{id}/quota-peaks", tag = "quotas",
    params(("id" = OrganizationId, Path), PeaksFilter),
    responses((status = 200, body = PeaksView), (status = "4XX", body = Refused)))]
async fn show_quota_peaks(
    State(app): State<App>,
    Extension(read): Extension<ReadHoldings>,
    call: Call,
    Id(id): Id<OrganizationId>,
    Params(filter): Params<PeaksFilter>,
) -> Result<Reply, Problem> {
    let unknown = || Problem::not_found("organization", id);
    if call.caller.scope().is_some_and(|scope| scope != id.0) {
        return Err(unknown());
    }
    if !(2..=1000).contains(&filter.points) {
        return Err(Problem::malformed("invalid_points", "points is a number from 2 to 1000"));
    }
    let period = period(&filter, app.now())?;
    let mut connection = app.db.acquire().await?;
    let parties = accounts::parties(&mut connection, &[id]).await?;
    let verification = parties.get(&id).ok_or_else(unknown)?.verification;
    let standing = store::standing(&mut connection, id, verification).await?;
    let quotas = drawn(&standing, filter.quota_id)?;
    let (from, until) = (period.starts_at.timestamp_micros(), period.ends_at.timestamp_micros());
    let most = usize::from(filter.points);
    let curves = look(&app, &mut connection, read, id, |book| {
        let curve = |(quota_id, quota): &(Option<QuotaId>, Quota)| {
            CurveView::new(quota, *quota_id, &book.curve(quota, from, until, most))
        };
        quotas.iter().map(curve).collect()
    });
    let view = PeaksView {
        organization_id: id,
        from: period.starts_at,
        to: period.ends_at,
        curves: curves.await?,
    };
    Ok(Reply::ok(&view))
}

fn period(filter: &PeaksFilter, now: Timestamp) -> Result<Period, Problem> {
    let from = filter.from.unwrap_or(now);
    let to = filter.to.or(from.checked_add_signed(TimeDelta::days(90))).unwrap_or(from);
    Period::new(from, to)
        .map_err(|error| Problem::unacceptable("invalid_period", error.to_string()))
}

/// The quotas whose curves are drawn. GPUs and MW are drawn even where nothing limits them.
fn drawn(
    standing: &[QuotaRecord],
    only: Option<QuotaId>,
) -> Result<Vec<(Option<QuotaId>, Quota)>, Problem> {
    let over_time = standing.iter().filter(|quota| quota.dimension.is_over_time());
    let over_time = over_time.filter(|quota| only.is_none_or(|only| quota.id == only));
    let mut drawn: Vec<_> =
        over_time.take(MOST_CURVES).map(|quota| (Some(quota.id), quota.in_force())).collect();
    if let Some(only) = only {
        return if drawn.is_empty() { Err(Problem::not_found("quota", only)) } else { Ok(drawn) };
    }
    for dimension in [Dimension::ConcurrentGpus, Dimension::ConcurrentMw] {
        let unlimited = Quota {
            id: QuotaId(Uuid::nil()),
            organization: None,
            project: None,
            dimension,
            accelerator: None,
            site: None,
            limits: Limits {
                rule: Rule::Amount(0),
                valid: (END_OF_TIME, END_OF_TIME),
                overrides: Vec::new(),
            },
        };
        if !drawn.iter().any(|(_, quota)| quota.is_of_the_same(&unlimited)) {
            drawn.push((None, unlimited));
        }
    }
    Ok(drawn)
}
