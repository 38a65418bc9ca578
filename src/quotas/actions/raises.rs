//! Requests to raise a quota: asked for, granted, denied, taken back.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::limits::{LimitText, entry, hold, require_decider, sight, with_override};
use crate::accounts;
use crate::api::problem::constraint;
use crate::api::{Call, Problem, Reply};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::time::is_in_calendar;
use crate::kernel::{QuotaId, QuotaOverrideId, QuotaRequestId, Reason, Role, Timestamp};
use crate::quotas::error::Error;
use crate::quotas::rules::{Command, RequestState, Rule, decide};
use crate::quotas::store::{self, Override, QuotaRecord, RaiseRequest};
use crate::quotas::views::QuotaRequestView;

/// A raise that is asked for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RaiseBody {
    /// The quota to raise: your organization's, a project's, or a default that stands for you.
    pub quota_id: QuotaId,
    /// More than the present limit.
    pub limit: LimitText,
    /// Whoever decides reads this.
    pub reason: Reason,
}

/// Asks for a raise, as a manager of the organization.
///
/// # Errors
/// What is refused.
pub async fn request(app: &App, call: &Call, body: RaiseBody) -> Result<Reply, Error> {
    let organization = accounts::require_role(&call.caller, Role::Manager)?;
    let mut act = app.begin(call).await?;
    let now = act.now;
    let scope = sight(&mut act, &call.caller).await?;
    let quota = store::find(&mut act, body.quota_id, scope).await?;
    let quota = quota.ok_or_else(|| Problem::not_found("quota", body.quota_id))?;
    if quota.ended_at.is_some() {
        return Err(Error::Ended(quota.id));
    }
    let amount = quota.dimension.parse(&body.limit.0)?;
    if let Rule::Amount(present) = quota.rule
        && amount <= present
    {
        return Err(Error::NoRaise { quota: quota.id, limit: quota.dimension.amount(present) });
    }
    let request = RaiseRequest {
        id: QuotaRequestId::new(now),
        quota_id: quota.id,
        organization_id: organization,
        project_id: quota.project_id,
        dimension: quota.dimension,
        amount,
        reason: body.reason.to_string(),
        state: RequestState::Open,
        requested_by: call.caller.actor.uuid(),
        decided_by: None,
        decided_at: None,
        decision_reason: None,
        granted_amount: None,
        granted_until: None,
        revision: 1,
        created_at: now,
    };
    store::add_request(&mut act, &request).await.map_err(|error| match constraint(&error) {
        Some("quota_requests_one_open") => Error::RequestOpen(quota.id),
        _ => error.into(),
    })?;
    let view = QuotaRequestView::from(&request);
    let entry = Entry::new(Event::QuotaRequestMade, request.id).tenant(organization);
    act.log(entry.after(&view).reason(request.reason.clone()));
    Ok(act.finish(Reply::created(&view).revision(1)).await?)
}

/// What is granted of a request.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantBody {
    /// Another limit than was asked for.
    pub limit: Option<LimitText>,
    /// As an override that ends then; for good unless said otherwise.
    pub until: Option<DateTime<Utc>>,
    /// The organization reads this.
    pub reason: Reason,
}

/// Grants a request: the quota is raised at once.
///
/// # Errors
/// What is refused.
pub async fn grant(
    app: &App,
    call: &Call,
    id: QuotaRequestId,
    body: GrantBody,
) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let seen = seen_request(&mut act, id).await?;
    require_decider(&call.caller, Some(seen.organization_id), seen.project_id.is_some())?;
    if body.until.is_some_and(|until| until <= now || !is_in_calendar(until)) {
        return Err(Error::GrantEnd);
    }
    let quota = store::find(&mut act, seen.quota_id, None).await?;
    let quota = quota.ok_or_else(|| Problem::not_found("quota", seen.quota_id))?;
    // What is granted against a default becomes the organization's own.
    let own =
        QuotaRecord { organization_id: Some(seen.organization_id), verification: None, ..quota };
    hold(&mut act, &own).await?;
    let before = locked_request(&mut act, id, Command::Grant).await?;
    let amount = match &body.limit {
        Some(limit) => before.dimension.parse(&limit.0)?,
        None => before.amount,
    };
    raise(&mut act, own, amount, &body).await?;
    let after = RaiseRequest {
        state: RequestState::Granted,
        granted_amount: Some(amount),
        granted_until: body.until,
        ..decided(&before, call, now, &body.reason)
    };
    finish_request(act, Event::QuotaRequestGranted, &before, after).await
}

/// Raises what `own` says, or makes it where it only was a default.
async fn raise(
    act: &mut Act,
    own: QuotaRecord,
    amount: i128,
    body: &GrantBody,
) -> Result<(), Error> {
    let now = act.now;
    let present = match store::find_same(act, &own).await? {
        Some(present) => present,
        None if own.ended_at.is_some() => return Err(Error::Ended(own.id)),
        None => {
            let fresh = QuotaRecord {
                id: QuotaId::new(now),
                reason: body.reason.to_string(),
                revision: 1,
                created_at: now,
                overrides: Vec::new(),
                ..own
            };
            store::add(act, &fresh).await?;
            act.log(entry(Event::QuotaSet, None, &fresh));
            fresh
        }
    };
    let after = match body.until {
        Some(ends_at) => {
            let instead = Override {
                id: QuotaOverrideId::new(now),
                amount,
                starts_at: now,
                ends_at,
                reason: body.reason.to_string(),
            };
            with_override(act, &present, instead).await?
        }
        None => {
            let after = QuotaRecord {
                rule: Rule::Amount(amount),
                reason: body.reason.to_string(),
                revision: present.revision + 1,
                ..present.clone()
            };
            store::update(act, &after).await?;
            after
        }
    };
    act.log(entry(Event::QuotaRaised, Some(&present), &after));
    Ok(())
}

/// Denies a request.
///
/// # Errors
/// What is refused.
pub async fn deny(
    app: &App,
    call: &Call,
    id: QuotaRequestId,
    reason: &Reason,
) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let seen = seen_request(&mut act, id).await?;
    require_decider(&call.caller, Some(seen.organization_id), seen.project_id.is_some())?;
    let before = locked_request(&mut act, id, Command::Deny).await?;
    let decided = decided(&before, call, now, reason);
    let after = RaiseRequest { state: RequestState::Denied, ..decided };
    finish_request(act, Event::QuotaRequestDenied, &before, after).await
}

/// Takes a request back, as a manager of the organization.
///
/// # Errors
/// What is refused.
pub async fn withdraw(
    app: &App,
    call: &Call,
    id: QuotaRequestId,
    reason: &Reason,
) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    seen_request(&mut act, id).await?;
    accounts::require_role(&call.caller, Role::Manager)?;
    let before = locked_request(&mut act, id, Command::Withdraw).await?;
    let decided = decided(&before, call, now, reason);
    let after = RaiseRequest { state: RequestState::Withdrawn, ..decided };
    finish_request(act, Event::QuotaRequestWithdrawn, &before, after).await
}

async fn seen_request(act: &mut Act, id: QuotaRequestId) -> Result<RaiseRequest, Error> {
    let scope = act.call.caller.scope();
    let found = store::request(act, id, scope).await?;
    Ok(found.ok_or_else(|| Problem::not_found("quota request", id))?)
}

async fn locked_request(
    act: &mut Act,
    id: QuotaRequestId,
    command: Command,
) -> Result<RaiseRequest, Error> {
    let scope = act.call.caller.scope();
    let found = store::lock_request(act, id, scope).await?;
    let request = found.ok_or_else(|| Problem::not_found("quota request", id))?;
    act.call.check_revision(request.revision)?;
    decide(request.state, command).map_err(|refusal| Error::Decided { id, refusal })?;
    Ok(request)
}

fn decided(before: &RaiseRequest, call: &Call, now: Timestamp, reason: &Reason) -> RaiseRequest {
    RaiseRequest {
        decided_by: Some(call.caller.actor.uuid()),
        decided_at: Some(now),
        decision_reason: Some(reason.to_string()),
        revision: before.revision + 1,
        ..before.clone()
    }
}

async fn finish_request(
    mut act: Act,
    action: Event,
    before: &RaiseRequest,
    after: RaiseRequest,
) -> Result<Reply, Error> {
    store::decide_request(&mut act, &after).await?;
    let view = QuotaRequestView::from(&after);
    let entry = Entry::new(action, after.id).tenant(after.organization_id);
    let entry = entry.before(QuotaRequestView::from(before)).after(&view);
    act.log(entry.reason(after.decision_reason.clone().unwrap_or_default()));
    Ok(act.finish(Reply::ok(&view).revision(after.revision)).await?)
}
