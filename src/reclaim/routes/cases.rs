//! `/v1/reclaim-cases`

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::time::{is_in_calendar, said};
use crate::kernel::{LeaseId, OrganizationId, Reason, ReclaimCaseId, Span, TrancheId};
use crate::reclaim::actions::{self, Asked, ClauseChoice, Request, Size};
use crate::reclaim::store;
use crate::reclaim::views::{CaseSummary, CaseView};
use crate::supply::Ground;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(open_reclaim_case))
        .routes(routes!(list_reclaim_cases))
        .routes(routes!(show_reclaim_case))
        .routes(routes!(suspend_at_once))
        .routes(routes!(submit_reclaim_case))
        .routes(routes!(approve_reclaim_case))
        .routes(routes!(refuse_reclaim_case))
        .routes(routes!(serve_reclaim_case))
        .routes(routes!(withdraw_reclaim_case))
}

/// A case to open. Name the clause by its ground, or by its place in the lease's terms where several
/// clauses share a ground.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OpenCaseBody {
    ground: Option<Ground>,
    /// Place of the clause in the terms, from 0.
    clause: Option<usize>,
    action: MeasureBody,
    /// With `partial`: of which line of the schedule; may be left out where only one is left.
    tranche_id: Option<TrancheId>,
    /// With `partial`: how many units, or …
    #[schema(minimum = 1)]
    units: Option<u32>,
    /// … how many GPUs, in whole units.
    #[schema(minimum = 1)]
    gpus: Option<u32>,
    /// With `suspend`: when it ends. With `partial`: when the units return to the lease; they do not if
    /// it is left out.
    until: Option<DateTime<Utc>>,
    /// With `partial` and `full`: for whom the units are kept, so that nobody else books them first.
    reserve: Option<ReserveBody>,
    /// It takes effect then at the earliest, however soon the notice is read. Left out, when the notice has run
    /// out.
    not_before: Option<DateTime<Utc>>,
    /// Statement of reasons; the other side reads it.
    reason: Reason,
}

/// For whom units are kept.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReserveBody {
    /// The provider itself, which has them as its own use, or another tenant, for which a quote is made
    /// that holds them.
    organization_id: OrganizationId,
    /// So long from the execution on; an hour to a year.
    lasting: Span,
}

/// What is to be done to the lease, from mild to hard.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum MeasureBody {
    /// The tenant is told, and it is on record.
    Warn,
    /// The units cannot be used for a while.
    Suspend,
    /// Some units are taken back.
    Partial,
    /// All of it is taken back.
    Full,
}

impl OpenCaseBody {
    /// Whether it says how much, as only `partial` does.
    fn has_size(&self) -> bool {
        self.tranche_id.is_some() || self.units.is_some() || self.gpus.is_some()
    }

    fn measure(&self) -> Result<Asked, Problem> {
        let no_size = || {
            let detail = "only partial takes tranche_id, units or gpus; leave them out";
            if self.has_size() { Err(Problem::field("action", detail)) } else { Ok(()) }
        };
        let no_end = || {
            let detail = "only suspend and partial have an end; leave it out";
            if self.until.is_some() { Err(Problem::field("until", detail)) } else { Ok(()) }
        };
        if let Some(until) = self.until.filter(|until| !is_in_calendar(*until)) {
            let detail = format!("{} lies outside the years 1970 to 2199", said(&until));
            return Err(Problem::field("until", detail));
        }
        let until = self.until;
        match self.action {
            MeasureBody::Warn => no_size().and_then(|()| no_end()).map(|()| Asked::Warn),
            MeasureBody::Full => no_size().and_then(|()| no_end()).map(|()| Asked::Full),
            MeasureBody::Suspend => {
                no_size()?;
                let until = until.ok_or_else(|| Problem::field("until", "say when it ends"))?;
                Ok(Asked::Suspend { until })
            }
            MeasureBody::Partial => {
                let size = match (self.units, self.gpus) {
                    (Some(units), None) => Size::Units(units),
                    (None, Some(gpus)) => Size::Gpus(gpus),
                    _ => {
                        return Err(Problem::field("units", "say how much: either units or gpus"));
                    }
                };
                Ok(Asked::Partial { tranche: self.tranche_id, size, until })
            }
        }
    }
}

impl TryFrom<OpenCaseBody> for Request {
    type Error = Problem;
    fn try_from(body: OpenCaseBody) -> Result<Request, Problem> {
        let clause = match (body.ground, body.clause) {
            (Some(ground), None) => ClauseChoice::OnGround(ground),
            (None, Some(place)) => ClauseChoice::Nth(place),
            _ => return Err(Problem::field("ground", "say either ground or clause")),
        };
        let measure = body.measure()?;
        if let Some(at) = body.not_before.filter(|at| !is_in_calendar(*at)) {
            let detail = format!("{} lies outside the years 1970 to 2199", said(&at));
            return Err(Problem::field("not_before", detail));
        }
        let takes_units = matches!(measure, Asked::Full | Asked::Partial { .. });
        if body.reserve.is_some() && !takes_units {
            let detail = "only what is taken back can be kept for somebody; leave it out";
            return Err(Problem::field("reserve", detail));
        }
        let reserve = body.reserve.map(|reserve| (reserve.organization_id, reserve.lasting));
        let (not_before, reason) = (body.not_before, body.reason);
        Ok(Request { clause, measure, reserve, not_before, reason })
    }
}

/// Open a reclaim case against a lease
///
/// The rehearsal and the act both say which units would go, when, and for what money. The case begins
/// as a draft that the other side does not see.
#[utoipa::path(post, path = "/v1/leases/{id}/reclaim-cases", tag = "reclaim",
    params(("id" = LeaseId, Path)), request_body = OpenCaseBody,
    responses((status = 201, body = CaseView), (status = "4XX", body = Refused)))]
async fn open_reclaim_case(
    State(app): State<App>,
    Id(lease): Id<LeaseId>,
    Write { call, body }: Write<OpenCaseBody>,
) -> Result<Reply, Problem> {
    Ok(actions::open(&app, call, lease, body.try_into()?).await?)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CaseFilter {
    /// Only of this lease.
    lease: Option<LeaseId>,
    /// Only in this state.
    #[param(inline)]
    state: Option<CaseState>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CaseState {
    Draft,
    Submitted,
    Approved,
    Suspended,
    Noticed,
    Curing,
    Stayed,
    Due,
    Executed,
    Settled,
    Refused,
    Cured,
    Withdrawn,
    Overturned,
}

impl CaseState {
    fn name(self) -> &'static str {
        match self {
            CaseState::Draft => "draft",
            CaseState::Submitted => "submitted",
            CaseState::Approved => "approved",
            CaseState::Suspended => "suspended",
            CaseState::Noticed => "noticed",
            CaseState::Curing => "curing",
            CaseState::Stayed => "stayed",
            CaseState::Due => "due",
            CaseState::Executed => "executed",
            CaseState::Settled => "settled",
            CaseState::Refused => "refused",
            CaseState::Cured => "cured",
            CaseState::Withdrawn => "withdrawn",
            CaseState::Overturned => "overturned",
        }
    }
}

/// Reclaim cases, newest first
#[utoipa::path(get, path = "/v1/reclaim-cases", tag = "reclaim", params(CaseFilter, Page),
    responses((status = 200, body = List<CaseSummary>), (status = "4XX", body = Refused)))]
async fn list_reclaim_cases(
    State(app): State<App>,
    call: Call,
    Params(filter): Params<CaseFilter>,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    let (scope, after, limit) = (call.caller.scope(), page.after()?, page.fetch()?);
    let state = filter.state.map(CaseState::name);
    let mut connection = app.db.acquire().await?;
    let cases = store::list(&mut connection, scope, filter.lease, state, after, limit).await?;
    let now = app.now();
    let rows = cases.iter().map(|kept| CaseSummary::new(&kept.case, now)).collect();
    Ok(Reply::ok(&List::new(rows, &page, |case| case.id.0)))
}

/// A reclaim case with its clause, evidence, approvals, what blocks it, what it costs, and its timeline
#[utoipa::path(get, path = "/v1/reclaim-cases/{id}", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)),
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn show_reclaim_case(
    State(app): State<App>,
    call: Call,
    Id(id): Id<ReclaimCaseId>,
) -> Result<Reply, Problem> {
    let view = actions::show(&app, &call, id).await?;
    Ok(Reply::ok(&view).revision(view.revision))
}

/// Nothing needs to be said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseActBody {}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseCaseBody {
    pub reason: Reason,
}

/// Hand a draft in for approval
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/submit", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = CaseActBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn submit_reclaim_case(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body: CaseActBody {} }: Write<CaseActBody>,
) -> Result<Reply, Problem> {
    Ok(actions::submit(&app, call, id).await?)
}

/// Approve a case, or ratify a suspension at once, as a person of a role that the clause asks for
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/approve", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = CaseActBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn approve_reclaim_case(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body: CaseActBody {} }: Write<CaseActBody>,
) -> Result<Reply, Problem> {
    Ok(actions::approve(&app, call, id).await?)
}

/// Refuse a case, as a person of a role that the clause asks for; that ends it
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/refuse", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = CloseCaseBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn refuse_reclaim_case(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body }: Write<CloseCaseBody>,
) -> Result<Reply, Problem> {
    Ok(actions::refuse(&app, call, id, body.reason).await?)
}

/// Serve the notice: the other side is told, and the server executes at the deadline
///
/// The window begins when a person of the other side opens the notice in its inbox, or acts on it; after
/// 72 hours, or the length of the notice where that is shorter, it counts as read.
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/serve", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = CaseActBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn serve_reclaim_case(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body: CaseActBody {} }: Write<CaseActBody>,
) -> Result<Reply, Problem> {
    Ok(actions::serve(&app, call, id).await?)
}

/// Suspend the lease at once, on a ground that is an emergency
///
/// It is lifted by itself unless the people that the clause asks for ratify it, by approving the case,
/// within 24 hours or what the clause says. Once a suspension at once of the lease has ended without
/// that, the next one needs their approval first: submit the case, and suspend when it is approved.
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/suspend-at-once", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = CaseActBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn suspend_at_once(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body: CaseActBody {} }: Write<CaseActBody>,
) -> Result<Reply, Problem> {
    Ok(actions::suspend_at_once(&app, call, id).await?)
}

/// Withdraw a case; the lease is as if there had been none
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/withdraw", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = CloseCaseBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn withdraw_reclaim_case(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body }: Write<CloseCaseBody>,
) -> Result<Reply, Problem> {
    Ok(actions::withdraw(&app, call, id, body.reason).await?)
}
