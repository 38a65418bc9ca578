//! Making a plan, and turning it into cases.

mod draw;
mod load;

use rust_decimal::Decimal;
use serde_json::json;

use self::draw::propose;
use self::load::load;
use super::store;
use super::views::{CarriedOut, Cut, PlanView};
use crate::accounts;
use crate::api::{Call, Can, Problem, Reply};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::time::said;
use crate::kernel::{
    Period, PoolId, Rate, Reason, ReclaimPlanId, Role, SiteId, Span, StaffRole, Timestamp,
};
use crate::leases::{self, BoughtBack, BuyBack};
use crate::reclaim::actions::{Asked, ClauseChoice, Request, Size as CaseSize, open_within};
use crate::reclaim::error::Error;
use crate::reclaim::volunteers;
use crate::supply::{Ground, Party};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    pub place: Place,
    pub amount: Wanted,
    pub period: Period,
    pub grounds: Vec<Ground>,
    /// Time reckoned for approvals, where a clause needs them.
    pub approval_time: Span,
    /// Highest premium at which volunteers are taken; `None` for any.
    pub max_premium: Option<Rate>,
}

/// Where.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    Site(SiteId),
    Pool(PoolId),
}

/// How much.
#[derive(Debug, Clone, Copy)]
pub enum Wanted {
    Gpus(u64),
    Mw(Decimal),
}

/// Makes a plan and keeps it. Nothing is served by it.
///
/// # Errors
/// 409 `plan_cannot_be_met`, with what can be freed when; 403 and 404 for those whose site it is not.
pub async fn make(app: &App, call: Call, wish: Wish) -> Result<Reply, Error> {
    let party = party(&call)?;
    let (provider, stock) = load(app, &call, &wish, party).await?;
    let period = wish.period;
    let proposing = tokio::task::spawn_blocking(move || propose(stock, period));
    let proposal = proposing.await.map_err(Problem::internal)??;
    let plan = proposal.plan(&wish, provider, &app.config.currency);

    let mut act = app.begin(&call).await?;
    let now = act.now;
    let id = ReclaimPlanId::new(now);
    store::insert(&mut act, id, &plan, call.caller.actor.uuid(), now).await?;
    let after = json!({
        "starts_at": plan.starts_at, "ends_at": plan.ends_at, "leases": plan.cuts.len(),
        "gpus": plan.wanted_gpus, "mw": plan.wanted_mw, "compensation": plan.compensation,
    });
    act.log(Entry::new(Event::ReclaimPlanned, id).provider(plan.provider_id).after(after));
    let view = PlanView {
        id,
        state: "open".to_owned(),
        created_at: now,
        plan,
        carried_out: None,
        can: can("open", true),
    };
    Ok(act.finish(Reply::created(&view)).await?)
}

/// A plan as `call`'s caller sees it.
///
/// # Errors
/// 404 for those whose it is not.
pub async fn show(app: &App, call: &Call, id: ReclaimPlanId) -> Result<PlanView, Error> {
    let mut connection = app.db.acquire().await?;
    let kept = store::plan(&mut connection, id, call.caller.scope()).await?;
    let kept = kept.ok_or_else(|| Problem::not_found("plan", id))?;
    Ok(PlanView {
        id,
        can: can(&kept.state, party(call).is_ok()),
        state: kept.state,
        created_at: kept.created_at,
        plan: kept.plan.0,
        carried_out: kept.carried_out.map(|json| json.0),
    })
}

fn can(state: &str, may: bool) -> Can {
    let act = match (state, may) {
        ("open", true) => Ok(()),
        ("open", false) => Err("a viewer may look; a manager or owner does this"),
        _ => Err("it has been turned into cases already; make a new plan"),
    };
    Can::by_trying(["cases"], |_| act)
}

/// Drafts the plan's cases and buys back what was offered, all or nothing.
///
/// # Errors
/// 409 `plan_used` the second time, 409 `plan_outdated` when a lease has changed since; the refusals of
/// cases.
pub async fn carry_out(
    app: &App,
    call: Call,
    id: ReclaimPlanId,
    reason: Reason,
) -> Result<Reply, Error> {
    call.require_key()?;
    let mut act = app.begin(&call).await?;
    let kept = store::locked(&mut act, id, call.caller.scope()).await?;
    let kept = kept.ok_or_else(|| Problem::not_found("plan", id))?;
    party(&call)?;
    let plan = kept.plan.0;
    if kept.state != "open" {
        let detail = format!("plan {id} has been turned into cases already; make a new one");
        return Err(Problem::conflict("plan_used", detail).into());
    }
    if plan.starts_at < act.now {
        let at = said(&plan.starts_at);
        let detail = format!("plan {id} was for {at}, which has passed; make a new plan");
        return Err(Problem::conflict("plan_outdated", detail).into());
    }
    let (mut voluntary, forced): (Vec<&Cut>, Vec<&Cut>) =
        plan.cuts.iter().partition(|cut| cut.is_voluntary);
    if call.caller.staff.is_some() && !voluntary.is_empty() {
        let detail =
            "the plan spends the provider's money on volunteers; the provider carries it out";
        return Err(Problem::forbidden(detail).into());
    }
    // Leases are locked in one order, so that two plans never wait for each other's.
    voluntary.sort_by_key(|cut| cut.lease_id);
    let bought_back = buy_back(app, &mut act, &voluntary, &reason).await?;
    let mut by_lease: Vec<&Cut> = forced.clone();
    by_lease.sort_by_key(|cut| cut.lease_id);
    for cut in by_lease {
        check_unchanged(&mut act, id, cut).await?;
    }
    let mut case_ids = Vec::new();
    for cut in forced {
        case_ids.push(
            open_within(&mut act, cut.lease_id, request(cut, plan.starts_at, &reason)?).await?,
        );
    }
    let carried_out = CarriedOut { case_ids, bought_back };
    store::carry_out(&mut act, id, &carried_out).await?;
    let log = Entry::new(Event::ReclaimPlanDrafted, id).provider(plan.provider_id);
    act.log(log.after(&carried_out).reason(reason.as_str()));
    let view = PlanView {
        id,
        state: "drafted".to_owned(),
        created_at: kept.created_at,
        plan,
        carried_out: Some(carried_out),
        can: can("drafted", true),
    };
    Ok(act.finish(Reply::ok(&view)).await?)
}

/// Why units could not be bought back: a lease has changed since the plan was made, or what was refused.
fn outdated(error: leases::Error) -> Error {
    match error {
        leases::Error::MovedOn(lease) => {
            let detail =
                format!("lease {lease} has changed since it was planned with; make a new plan");
            Problem::conflict("plan_outdated", detail).with("lease_id", lease).into()
        }
        error => error.into(),
    }
}

/// Locks the lease of `cut` and refuses if it is not as plan `id` was made for.
async fn check_unchanged(act: &mut Act, id: ReclaimPlanId, cut: &Cut) -> Result<(), Error> {
    let lease = leases::locked(act, cut.lease_id).await?;
    if lease.is_some_and(|lease| lease.revision == cut.lease_revision) {
        return Ok(());
    }
    let lease = cut.lease_id;
    let detail = format!("lease {lease} has changed since plan {id}; make a new plan");
    Err(Problem::conflict("plan_outdated", detail).with("lease_id", lease).into())
}

/// The case that a cut by a clause becomes.
fn request(cut: &Cut, needed_at: Timestamp, reason: &Reason) -> Result<Request, Problem> {
    let clause = cut.clause.ok_or_else(|| Problem::internal("a cut without a clause"))?;
    let measure = match cut.tranche_id {
        None => Asked::Full,
        tranche => Asked::Partial { tranche, size: CaseSize::Units(cut.units), until: cut.until },
    };
    let clause = ClauseChoice::Nth(clause);
    // Served and read early it frees nothing earlier than it is needed, and costs what was planned.
    let not_before = Some(needed_at);
    Ok(Request { clause, measure, reserve: None, not_before, reason: reason.clone() })
}

/// Takes what was offered, at the prices of the plan.
async fn buy_back(
    app: &App,
    act: &mut Act,
    voluntary: &[&Cut],
    reason: &Reason,
) -> Result<Vec<BoughtBack>, Error> {
    let offers: Vec<_> = voluntary.iter().filter_map(|cut| cut.volunteer_id).collect();
    volunteers::take(act, &offers).await?;
    let wanted = voluntary.iter().map(|cut| {
        let tranche = cut.tranche_id.ok_or_else(|| Problem::internal("an offer of no line"))?;
        Ok(BuyBack {
            lease: cut.lease_id,
            revision: cut.lease_revision,
            tranche,
            units: cut.units,
            at: cut.effective_at,
            premium: cut.compensation - cut.unused,
            reason: reason.to_string(),
        })
    });
    let wanted = wanted.collect::<Result<Vec<BuyBack>, Problem>>()?;
    leases::buy_back(app, act, &wanted).await.map_err(outdated)
}

/// As whom the caller would open cases.
fn party(call: &Call) -> Result<Party, Problem> {
    match call.caller.staff {
        Some(StaffRole::Admin) => Ok(Party::Admin),
        Some(_) => Err(Problem::forbidden("of the staff, admins make plans")),
        None => accounts::require_role(&call.caller, Role::Manager).map(|_| Party::Provider),
    }
}
