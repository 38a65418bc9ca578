//! What the other side answers, the plan to put it right, the appeal.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cases::{CaseActBody, CloseCaseBody};
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{Reason, ReclaimCaseId};
use crate::reclaim::actions::{self, Verdict};
use crate::reclaim::views::CaseView;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(acknowledge_reclaim_case))
        .routes(routes!(respond_to_reclaim_case))
        .routes(routes!(cure_reclaim_case))
        .routes(routes!(accept_cure))
        .routes(routes!(reject_cure))
        .routes(routes!(appeal_reclaim_case))
        .routes(routes!(decide_appeal))
}

/// Say that the notice has been read, as the other side; the window begins
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/acknowledge", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = CaseActBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn acknowledge_reclaim_case(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body: CaseActBody {} }: Write<CaseActBody>,
) -> Result<Reply, Problem> {
    Ok(actions::acknowledge(&app, call, id).await?)
}

/// What the other side has to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TextBody {
    text: Reason,
}

/// Answer, as the other side
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/respond", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = TextBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn respond_to_reclaim_case(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body }: Write<TextBody>,
) -> Result<Reply, Problem> {
    Ok(actions::respond(&app, call, id, body.text).await?)
}

/// How it will be put right.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CureBody {
    plan: Reason,
    /// By when; as long from now as the clause gives time, if left out, and not longer.
    done_by: Option<DateTime<Utc>>,
}

/// File a plan to put it right, as the other side; nothing is executed while it is open
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/cure", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = CureBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn cure_reclaim_case(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body }: Write<CureBody>,
) -> Result<Reply, Problem> {
    Ok(actions::cure(&app, call, id, body.plan, body.done_by).await?)
}

/// Accept that it has been put right, as the side that opened the case; that ends it
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/accept-cure", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = CloseCaseBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn accept_cure(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body }: Write<CloseCaseBody>,
) -> Result<Reply, Problem> {
    Ok(actions::accept_cure(&app, call, id, body.reason).await?)
}

/// Reject the plan, as the side that opened the case; the window goes on
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/reject-cure", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = CloseCaseBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn reject_cure(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body }: Write<CloseCaseBody>,
) -> Result<Reply, Problem> {
    Ok(actions::reject_cure(&app, call, id, body.reason).await?)
}

/// Appeal, as the other side, once
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/appeal", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = TextBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn appeal_reclaim_case(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body }: Write<TextBody>,
) -> Result<Reply, Problem> {
    Ok(actions::appeal(&app, call, id, body.text).await?)
}

/// What an appeal comes to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DecideBody {
    verdict: Verdict,
    reason: Reason,
}

/// Decide an appeal, as staff (admin, legal or independent) that has had no part in the case
///
/// An appeal that nobody decides within 14 days is upheld by itself.
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/decide", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = DecideBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn decide_appeal(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body }: Write<DecideBody>,
) -> Result<Reply, Problem> {
    Ok(actions::decide(&app, call, id, body.verdict, body.reason).await?)
}
