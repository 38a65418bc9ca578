//! The provider lets a tenant in, or does not.

use super::{Side, decided, open};
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::capacity::{Owner, Purpose};
use crate::db::log::Entry;
use crate::kernel::LeaseId;
use crate::leases::error::Error;
use crate::leases::rules::Act;
use crate::leases::store::leases::{self, End};
use crate::leases::views::LeaseView;

/// Approves a requested lease: what was held for it becomes its own.
///
/// # Errors
/// What is refused.
pub async fn approve(app: &App, call: Call, id: LeaseId) -> Result<Reply, Problem> {
    Ok(try_approve(app, &call, id).await?)
}

async fn try_approve(app: &App, call: &Call, id: LeaseId) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let mut opened = open(app, &mut act, id, Side::Provider).await?;
    let before = opened.lease;
    let mut lease = before.clone();
    lease.status = decided(&before, Act::Approve, now)?;
    lease.revision += 1;
    for tranche in &lease.tranches {
        let owner =
            Owner { id: tranche.id.0, subject: lease.id.0, organization: Some(lease.tenant_id) };
        opened
            .edit
            .hand_over(&mut act, tranche.pool_id, tranche.id.0, owner, Purpose::Lease, now)
            .await?;
    }
    opened.edit.write(&mut act).await?;
    leases::change(&mut act, &before, &lease).await?;
    act.log(entry("lease.approved", &before, &lease));
    let view = LeaseView::new(&lease, app, now);
    Ok(act.finish(Reply::ok(&view).revision(lease.revision)).await?)
}

/// Rejects a requested lease, for a reason that the tenant reads.
///
/// # Errors
/// What is refused.
pub async fn reject(app: &App, call: Call, id: LeaseId, reason: String) -> Result<Reply, Problem> {
    Ok(try_reject(app, &call, id, reason).await?)
}

async fn try_reject(app: &App, call: &Call, id: LeaseId, reason: String) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let mut opened = open(app, &mut act, id, Side::Provider).await?;
    let before = opened.lease;
    let mut lease = before.clone();
    lease.status = decided(&before, Act::Reject, now)?;
    lease.revision += 1;
    lease.price = crate::kernel::Money::ZERO;
    let by = act.call.caller.actor.to_string();
    lease.end = Some(End { at: now, by, code: "rejected".to_owned(), reason: reason.clone() });
    for tranche in &lease.tranches {
        opened.edit.vacate(&mut act, tranche.pool_id, tranche.id.0, None).await?;
    }
    opened.edit.write(&mut act).await?;
    leases::change(&mut act, &before, &lease).await?;
    act.log(entry("lease.rejected", &before, &lease).reason(reason));
    let view = LeaseView::new(&lease, app, now);
    Ok(act.finish(Reply::ok(&view).revision(lease.revision)).await?)
}

/// The log entry of a change of a lease.
pub fn entry(action: &'static str, before: &leases::Signed, after: &leases::Signed) -> Entry {
    Entry::new(action, after.id)
        .tenant(after.tenant_id)
        .provider(after.provider_id)
        .before(LeaseView::record(before))
        .after(LeaseView::record(after))
}
