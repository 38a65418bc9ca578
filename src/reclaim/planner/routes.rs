//! `/v1/reclaim-plans`

use axum::extract::State;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actions::{self, Place, Wanted, Wish};
use super::store;
use super::views::{PlanSummary, PlanView};
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::money::parse_decimal;
use crate::kernel::{Period, PoolId, Rate, Reason, ReclaimPlanId, SiteId, Span, Timestamp};
use crate::supply::Ground;

/// The routes of plans.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(make_reclaim_plan, list_reclaim_plans))
        .routes(routes!(show_reclaim_plan))
        .routes(routes!(draft_planned_cases))
}

/// What is to be free, where, from when and for how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlanBody {
    /// All the pools of a site, or …
    site_id: Option<SiteId>,
    /// … one pool.
    pool_id: Option<PoolId>,
    /// So many GPUs, or …
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    gpus: Option<u64>,
    /// … so many MW at the meter.
    #[schema(examples("12.5"))]
    mw: Option<String>,
    /// From then on.
    by: DateTime<Utc>,
    /// For so long, or …
    duration: Option<Span>,
    /// … until then.
    until: Option<DateTime<Utc>>,
    /// Grounds that may be used; `recall.callable` and `convenience` when left out.
    grounds: Option<Vec<Ground>>,
    /// Time to reckon for approvals; a day when left out, a year at most.
    approval_time: Option<Span>,
    /// Volunteers who ask for more than this per GPU and hour are not taken.
    max_premium: Option<Rate>,
}

/// Grounds that are about the capacity, and nobody's fault. A case on another ground answers something
/// that happened; it is no way to free capacity.
const PLANNABLE: [Ground; 5] = [
    Ground::RecallCallable,
    Ground::Convenience,
    Ground::Maintenance,
    Ground::Decommission,
    Ground::ForceMajeure,
];

/// Longest time that a plan reckons for approvals.
const MAX_APPROVAL_TIME: Span = Span::days(365);

fn wish(body: PlanBody, now: Timestamp) -> Result<Wish, Problem> {
    let place = match (body.site_id, body.pool_id) {
        (Some(site), None) => Place::Site(site),
        (None, Some(pool)) => Place::Pool(pool),
        _ => return Err(Problem::field("site_id", "say either site_id or pool_id")),
    };
    let amount = match (body.gpus, body.mw) {
        (Some(gpus), None) if (1..=1_000_000_000).contains(&gpus) => Wanted::Gpus(gpus),
        (Some(_), None) => return Err(Problem::field("gpus", "a number from 1 to 1000000000")),
        (None, Some(mw)) => {
            let mw = parse_decimal(&mw).filter(|mw| {
                *mw > Decimal::ZERO
                    && *mw <= Decimal::from(1_000_000)
                    && mw.normalize().scale() <= 6
            });
            let detail =
                "a decimal above 0 and up to 1000000 with at most 6 decimals, such as \"12.5\"";
            Wanted::Mw(mw.ok_or_else(|| Problem::field("mw", detail))?.normalize())
        }
        _ => return Err(Problem::field("gpus", "say how much: either gpus or mw")),
    };
    if body.by < now {
        return Err(Problem::field("by", "it has passed; nothing can be freed by then"));
    }
    let ends_at = match (body.duration, body.until) {
        (Some(duration), None) => body
            .by
            .checked_add_signed(duration.delta())
            .ok_or_else(|| Problem::field("duration", "it goes beyond the year 2199"))?,
        (None, Some(until)) => until,
        _ => return Err(Problem::field("duration", "say for how long: either duration or until")),
    };
    let field = if body.until.is_some() { "until" } else { "duration" };
    let period =
        Period::new(body.by, ends_at).map_err(|error| Problem::field(field, error.to_string()))?;
    let grounds = body.grounds.unwrap_or_else(|| vec![Ground::RecallCallable, Ground::Convenience]);
    if grounds.is_empty() {
        return Err(Problem::field("grounds", "name at least one, or leave it out"));
    }
    if let Some(other) = grounds.iter().find(|ground| !PLANNABLE.contains(ground)) {
        let detail = format!(
            "a case on {other} answers something that happened, and is no way to free capacity; use {}",
            PLANNABLE.map(Ground::as_str).join(", ")
        );
        return Err(Problem::field("grounds", detail));
    }
    let approval_time = body.approval_time.unwrap_or(Span::days(1));
    if approval_time > MAX_APPROVAL_TIME {
        return Err(Problem::field("approval_time", "a year at most"));
    }
    Ok(Wish { place, amount, period, grounds, approval_time, max_premium: body.max_premium })
}

/// Plan how to free capacity at least compensation
///
/// What is free anyway counts first, then what tenants have offered, then the cheapest cuts by clauses
/// whose notice can run out in time. Nothing is served. A wish that cannot be met is refused with what can
/// be freed by when, and the next date on which it can be met.
#[utoipa::path(post, path = "/v1/reclaim-plans", tag = "reclaim", request_body = PlanBody,
    responses((status = 201, body = PlanView), (status = "4XX", body = Refused)))]
async fn make_reclaim_plan(
    State(app): State<App>,
    Write { call, body }: Write<PlanBody>,
) -> Result<Reply, Problem> {
    let wish = wish(body, app.now())?;
    Ok(actions::make(&app, call, wish).await?)
}

/// Plans of your organization, newest first; staff sees everybody's
#[utoipa::path(get, path = "/v1/reclaim-plans", tag = "reclaim", params(Page),
    responses((status = 200, body = List<PlanSummary>), (status = "4XX", body = Refused)))]
async fn list_reclaim_plans(
    State(app): State<App>,
    call: Call,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    let (after, limit) = (page.after()?, page.fetch()?);
    let mut connection = app.db.acquire().await?;
    let plans = store::list(&mut connection, call.caller.scope(), after, limit).await?;
    let rows = plans.into_iter().map(|kept| PlanSummary {
        id: kept.id,
        provider_id: kept.provider_id,
        state: kept.state,
        starts_at: kept.plan.starts_at,
        ends_at: kept.plan.ends_at,
        wanted_gpus: kept.plan.wanted_gpus,
        wanted_mw: kept.plan.wanted_mw,
        compensation: kept.plan.compensation,
        leases: kept.plan.cuts.len(),
        created_at: kept.created_at,
        currency: kept.plan.0.currency,
    });
    Ok(Reply::ok(&List::new(rows.collect(), &page, |plan: &PlanSummary| plan.id.0)))
}

/// A plan with its cuts, and what came of it
#[utoipa::path(get, path = "/v1/reclaim-plans/{id}", tag = "reclaim",
    params(("id" = ReclaimPlanId, Path)),
    responses((status = 200, body = PlanView), (status = "4XX", body = Refused)))]
async fn show_reclaim_plan(
    State(app): State<App>,
    call: Call,
    Id(id): Id<ReclaimPlanId>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&actions::show(&app, &call, id).await?))
}

/// Why the capacity is needed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DraftCasesBody {
    /// Statement of reasons of every case; the tenants read it.
    reason: Reason,
}

/// Turn a plan into draft cases, all or none
///
/// What tenants have offered is bought back at once, as amendments at their price from the day of the
/// plan on; every other cut becomes a case in draft, which goes the way of all cases.
#[utoipa::path(post, path = "/v1/reclaim-plans/{id}/cases", tag = "reclaim",
    params(("id" = ReclaimPlanId, Path)), request_body = DraftCasesBody,
    responses((status = 200, body = PlanView), (status = "4XX", body = Refused)))]
async fn draft_planned_cases(
    State(app): State<App>,
    Id(id): Id<ReclaimPlanId>,
    Write { call, body }: Write<DraftCasesBody>,
) -> Result<Reply, Problem> {
    Ok(actions::carry_out(&app, call, id, body.reason).await?)
}
