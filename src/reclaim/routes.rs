//! `/v1/reclaim-cases`

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actions::{self, Asked, ClauseChoice, NewEvidence, Request, Size};
use super::store;
use super::views::{CaseSummary, CaseView};
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{LeaseId, Name, Reason, ReclaimCaseId, Sha256, TrancheId};
use crate::supply::Ground;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(open_reclaim_case))
        .routes(routes!(list_reclaim_cases))
        .routes(routes!(show_reclaim_case))
        .routes(routes!(add_reclaim_evidence))
        .routes(routes!(submit_reclaim_case))
        .routes(routes!(approve_reclaim_case))
        .routes(routes!(refuse_reclaim_case))
        .routes(routes!(serve_reclaim_case))
        .routes(routes!(withdraw_reclaim_case))
        .merge(super::planner::routes())
        .merge(super::transparency::routes())
        .merge(super::volunteers::routes())
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
    /// Statement of reasons; the tenant reads it.
    reason: Reason,
}

/// What is to be done to the lease.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum MeasureBody {
    /// Some units are taken back.
    Partial,
    /// All of it is taken back.
    Full,
}

impl TryFrom<OpenCaseBody> for Request {
    type Error = Problem;
    fn try_from(body: OpenCaseBody) -> Result<Request, Problem> {
        let clause = match (body.ground, body.clause) {
            (Some(ground), None) => ClauseChoice::OnGround(ground),
            (None, Some(place)) => ClauseChoice::Nth(place),
            _ => return Err(Problem::field("ground", "say either ground or clause")),
        };
        let measure = match (body.action, body.units, body.gpus) {
            (MeasureBody::Full, None, None) if body.tranche_id.is_none() => Asked::Full,
            (MeasureBody::Full, ..) => {
                return Err(Problem::field(
                    "action",
                    "full takes everything; leave out tranche_id, units and gpus, or ask for partial",
                ));
            }
            (MeasureBody::Partial, Some(units), None) => {
                Asked::Partial { tranche: body.tranche_id, size: Size::Units(units) }
            }
            (MeasureBody::Partial, None, Some(gpus)) => {
                Asked::Partial { tranche: body.tranche_id, size: Size::Gpus(gpus) }
            }
            (MeasureBody::Partial, ..) => {
                return Err(Problem::field("units", "say how much: either units or gpus"));
            }
        };
        Ok(Request { clause, measure, reason: body.reason })
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
    Noticed,
    Executed,
    Refused,
    Withdrawn,
}

impl CaseState {
    fn name(self) -> &'static str {
        match self {
            CaseState::Draft => "draft",
            CaseState::Submitted => "submitted",
            CaseState::Approved => "approved",
            CaseState::Noticed => "noticed",
            CaseState::Executed => "executed",
            CaseState::Refused => "refused",
            CaseState::Withdrawn => "withdrawn",
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

/// A piece of evidence. What it is stays with whoever has it; its hash is kept here.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EvidenceBody {
    /// SHA-256 of its bytes.
    sha256: Sha256,
    /// Where it comes from.
    source: Name,
    /// When it was observed.
    observed_at: DateTime<Utc>,
    /// What it shows.
    note: Option<Reason>,
}

/// Add a piece of evidence to a draft
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/evidence", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = EvidenceBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn add_reclaim_evidence(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body }: Write<EvidenceBody>,
) -> Result<Reply, Problem> {
    if !crate::kernel::time::is_in_calendar(body.observed_at) {
        return Err(Problem::field("observed_at", "it lies outside the years 1970 to 2199"));
    }
    let new = NewEvidence {
        sha256: body.sha256,
        source: body.source,
        observed_at: body.observed_at,
        note: body.note,
    };
    Ok(actions::add_evidence(&app, call, id, new).await?)
}

/// Nothing needs to be said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CaseActBody {}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CloseCaseBody {
    reason: Reason,
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

/// Approve a case, as a person of a role that the clause asks for
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

/// Serve the notice: the tenant knows, the window runs, and the server executes at its end
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
