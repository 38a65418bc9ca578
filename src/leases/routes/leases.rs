//! `/v1/leases`

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::quotes::Nothing;
use super::{LineBody, request};
use crate::accounts;
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::audit;
use crate::capacity::rectangles_of;
use crate::kernel::{
    CancellationQuoteId, LeaseId, OrganizationId, ProjectId, QuoteId, Reason, TrancheId,
};
use crate::leases::actions::{amend, answer, cancel, quote};
use crate::leases::desk;
use crate::leases::error::Error;
use crate::leases::rules::{Command, PlacementBody, Status};
use crate::leases::store::{amendments, delays, leases as store};
use crate::leases::views::{AmendmentView, CancellationQuoteView, DelayView, LeaseView, UnitsView};

/// What to book: a quote, or the same body as a quote's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaseBody {
    /// A quote of yours that is open. Leave the rest out then.
    pub quote_id: Option<QuoteId>,
    /// 1 to 100 lines; a ramp is several, so is a lease over several pools.
    pub tranches: Option<Vec<LineBody>>,
    #[serde(default)]
    pub placement: PlacementBody,
    pub project_id: Option<ProjectId>,
}

/// Book a lease
#[utoipa::path(post, path = "/v1/leases", tag = "leases", request_body = LeaseBody, responses(
    (status = 201, body = LeaseView), (status = 404, body = Refused), (status = 409, body = Refused),
    (status = 422, body = Refused)))]
pub async fn book_lease(
    State(app): State<App>,
    Write { call, body }: Write<LeaseBody>,
) -> Result<Reply, Problem> {
    match (body.quote_id, body.tranches) {
        (Some(id), None) => Ok(quote::book_quote(&app, call, id).await?),
        (None, Some(lines)) => {
            desk::book(&app, call, request(lines, body.placement, body.project_id)?).await
        }
        _ => Err(Error::QuoteOrTranches.into()),
    }
}

/// Which leases.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LeaseFilter {
    pub status: Option<Status>,
    pub tenant: Option<OrganizationId>,
    pub provider: Option<OrganizationId>,
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: u16,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

fn default_limit() -> u16 {
    50
}

/// Leases, newest first
#[utoipa::path(get, path = "/v1/leases", tag = "leases", params(LeaseFilter), responses(
    (status = 200, body = List<LeaseView>), (status = 400, body = Refused)))]
pub async fn list_leases(
    State(app): State<App>,
    call: Call,
    Params(filter): Params<LeaseFilter>,
) -> Result<Reply, Problem> {
    let page = Page { limit: filter.limit, cursor: filter.cursor };
    let scope = call.caller.scope();
    let filter = store::Filter {
        scope,
        status: filter.status,
        tenant: filter.tenant.map(|id| id.0),
        provider: filter.provider.map(|id| id.0),
        after: page.after()?,
        limit: page.fetch()?,
    };
    let mut connection = app.db.acquire().await?;
    let leases = store::list(&mut connection, &filter).await?;
    let now = app.now();
    let views = leases.iter().map(|lease| LeaseView::for_scope(lease, &app, now, scope)).collect();
    Ok(Reply::ok(&List::new(views, &page, |view| view.id.0)))
}

/// A lease with its units.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeaseWithUnits {
    #[serde(flatten)]
    pub lease: LeaseView,
    pub units: Vec<UnitsView>,
}

/// A lease
#[utoipa::path(get, path = "/v1/leases/{id}", tag = "leases", params(("id" = LeaseId, Path)), responses(
    (status = 200, body = LeaseWithUnits), (status = 404, body = Refused)))]
pub async fn show_lease(
    State(app): State<App>,
    call: Call,
    Id(id): Id<LeaseId>,
) -> Result<Reply, Problem> {
    // One snapshot, so that the units are those of the revision that is shown.
    let mut snapshot =
        app.db.begin_with("begin isolation level repeatable read, read only").await?;
    let scope = call.caller.scope();
    let lease = store::find(&mut snapshot, id, scope).await?.ok_or(Error::UnknownLease(id))?;
    let owners: Vec<_> = lease.tranches.lines().map(|first| first.line.0).collect();
    let rectangles = rectangles_of(&mut snapshot, &owners).await?;
    let now = app.now();
    let mut shown = LeaseView::for_scope(&lease, &app, now, scope);
    if shown.can.allows("extend") {
        let parties = accounts::parties(&mut snapshot, &[lease.tenant_id]).await?;
        match amend::check_extendable(&mut snapshot, &lease, &parties).await {
            Ok(_) => {}
            Err(Error::Database(error)) => return Err(error.into()),
            Err(refused) => shown.can.forbid("extend", Problem::from(refused).detail()),
        }
    }
    snapshot.commit().await?;
    let sees_all = scope.is_none_or(|scope| scope == lease.provider_id.0);
    let units =
        rectangles.iter().map(|rectangle| UnitsView::new(rectangle, now, sees_all)).collect();
    let view = LeaseWithUnits { lease: shown, units };
    Ok(Reply::ok(&view).revision(lease.revision))
}

/// What happened to a lease, oldest first
#[utoipa::path(get, path = "/v1/leases/{id}/events", tag = "leases", params(("id" = LeaseId, Path)), responses(
    (status = 200, body = List<audit::EntryView>), (status = 404, body = Refused)))]
pub async fn list_lease_events(
    State(app): State<App>,
    call: Call,
    Id(id): Id<LeaseId>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    store::find(&mut connection, id, call.caller.scope()).await?.ok_or(Error::UnknownLease(id))?;
    let items = audit::history(&mut connection, id, &call.caller).await?;
    Ok(Reply::ok(&List { items, next_cursor: None }))
}

/// Amendments of a lease, oldest first
#[utoipa::path(get, path = "/v1/leases/{id}/amendments", tag = "leases", params(("id" = LeaseId, Path)), responses(
    (status = 200, body = List<AmendmentView>), (status = 404, body = Refused)))]
pub async fn list_amendments(
    State(app): State<App>,
    call: Call,
    Id(id): Id<LeaseId>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    store::find(&mut connection, id, call.caller.scope()).await?.ok_or(Error::UnknownLease(id))?;
    let amendments = amendments::amendments(&mut connection, id).await?;
    let items: Vec<AmendmentView> = amendments.iter().map(AmendmentView::from).collect();
    Ok(Reply::ok(&List { items, next_cursor: None }))
}

/// Late deliveries that a lease waits for or waited for, oldest first, with what they earn it
#[utoipa::path(get, path = "/v1/leases/{id}/delays", tag = "leases", params(("id" = LeaseId, Path)), responses(
    (status = 200, body = List<DelayView>), (status = 404, body = Refused)))]
pub async fn list_delays(
    State(app): State<App>,
    call: Call,
    Id(id): Id<LeaseId>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    store::find(&mut connection, id, call.caller.scope()).await?.ok_or(Error::UnknownLease(id))?;
    let found = delays::of_lease(&mut connection, id).await?;
    let now = app.now();
    let items = found.iter().map(|delay| DelayView::new(delay, &app, now)).collect();
    Ok(Reply::ok(&List { items, next_cursor: None }))
}

/// Let a tenant in
#[utoipa::path(post, path = "/v1/leases/{id}/approve", tag = "leases", params(("id" = LeaseId, Path)), responses(
    (status = 200, body = LeaseView), (status = 403, body = Refused), (status = 404, body = Refused),
    (status = 409, body = Refused)))]
pub async fn approve_lease(
    State(app): State<App>,
    Id(id): Id<LeaseId>,
    Write { call, .. }: Write<Nothing>,
) -> Result<Reply, Problem> {
    Ok(answer::approve(&app, call, id).await?)
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    /// Read by the other side; 1 to 2000 characters.
    pub reason: Reason,
}

/// Do not let a tenant in
#[utoipa::path(post, path = "/v1/leases/{id}/reject", tag = "leases", params(("id" = LeaseId, Path)),
    request_body = ReasonBody, responses((status = 200, body = LeaseView), (status = 403, body = Refused),
    (status = 404, body = Refused), (status = 409, body = Refused), (status = 422, body = Refused)))]
pub async fn reject_lease(
    State(app): State<App>,
    Id(id): Id<LeaseId>,
    Write { call, body }: Write<ReasonBody>,
) -> Result<Reply, Problem> {
    Ok(answer::reject(&app, call, id, body.reason.to_string()).await?)
}

/// Say what giving a lease up, or ending it, would cost now
#[utoipa::path(post, path = "/v1/leases/{id}/cancellation-quote", tag = "leases", params(("id" = LeaseId, Path)),
    responses((status = 201, body = CancellationQuoteView), (status = 403, body = Refused),
    (status = 404, body = Refused), (status = 409, body = Refused)))]
pub async fn quote_cancellation(
    State(app): State<App>,
    Id(id): Id<LeaseId>,
    Write { call, .. }: Write<Nothing>,
) -> Result<Reply, Problem> {
    Ok(cancel::cancellation_quote(&app, call, id).await?)
}

/// How to give up or end a lease.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// The cost that was told; may be left out where it is zero.
    pub cancellation_quote_id: Option<CancellationQuoteId>,
    /// 1 to 2000 characters.
    pub reason: Reason,
}

/// Give a lease up before it begins
#[utoipa::path(post, path = "/v1/leases/{id}/cancel", tag = "leases", params(("id" = LeaseId, Path)),
    request_body = CancelBody, responses((status = 200, body = LeaseView), (status = 403, body = Refused),
    (status = 404, body = Refused), (status = 409, body = Refused), (status = 422, body = Refused)))]
pub async fn cancel_lease(
    State(app): State<App>,
    Id(id): Id<LeaseId>,
    Write { call, body }: Write<CancelBody>,
) -> Result<Reply, Problem> {
    let reason = body.reason.to_string();
    Ok(cancel::cancel(&app, call, id, Command::Cancel, body.cancellation_quote_id, reason).await?)
}

/// End a lease early
#[utoipa::path(post, path = "/v1/leases/{id}/end", tag = "leases", params(("id" = LeaseId, Path)),
    request_body = CancelBody, responses((status = 200, body = LeaseView), (status = 403, body = Refused),
    (status = 404, body = Refused), (status = 409, body = Refused), (status = 422, body = Refused)))]
pub async fn end_lease(
    State(app): State<App>,
    Id(id): Id<LeaseId>,
    Write { call, body }: Write<CancelBody>,
) -> Result<Reply, Problem> {
    let reason = body.reason.to_string();
    Ok(cancel::cancel(&app, call, id, Command::End, body.cancellation_quote_id, reason).await?)
}

/// How long to keep a lease.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendBody {
    /// The new end; the tranches that end last are extended.
    pub ends_at: DateTime<Utc>,
    /// Whether other units will do where the present ones are taken.
    #[serde(default)]
    pub accept_other_units: bool,
}

/// Keep a lease longer
#[utoipa::path(post, path = "/v1/leases/{id}/extend", tag = "leases", params(("id" = LeaseId, Path)),
    request_body = ExtendBody, responses((status = 200, body = LeaseView), (status = 403, body = Refused),
    (status = 404, body = Refused), (status = 409, body = Refused), (status = 422, body = Refused)))]
pub async fn extend_lease(
    State(app): State<App>,
    Id(id): Id<LeaseId>,
    Write { call, body }: Write<ExtendBody>,
) -> Result<Reply, Problem> {
    Ok(amend::extend(&app, call, id, body.ends_at, body.accept_other_units).await?)
}

/// What to give back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShrinkBody {
    pub tranche_id: TrancheId,
    /// How many GPUs to give back: whole units, at most all of the tranche.
    #[schema(minimum = 1)]
    pub gpus: u32,
    /// From when on; at once, or from the tranche's start, when left out.
    pub from: Option<DateTime<Utc>>,
}

/// Give part of a lease back
#[utoipa::path(post, path = "/v1/leases/{id}/shrink", tag = "leases", params(("id" = LeaseId, Path)),
    request_body = ShrinkBody, responses((status = 200, body = LeaseView), (status = 403, body = Refused),
    (status = 404, body = Refused), (status = 409, body = Refused), (status = 422, body = Refused)))]
pub async fn shrink_lease(
    State(app): State<App>,
    Id(id): Id<LeaseId>,
    Write { call, body }: Write<ShrinkBody>,
) -> Result<Reply, Problem> {
    let release = amend::Release { tranche: body.tranche_id, gpus: body.gpus, from: body.from };
    Ok(amend::shrink(&app, call, id, release).await?)
}
