//! A request is answered: the provider lets the tenant in or does not, or its time runs out.

use serde_json::Value;

use super::{check_can_book, check_revision, lease_of, reply};
use crate::accounts;
use crate::api::{Call, Reply};
use crate::app::App;
use crate::kernel::LeaseId;
use crate::kernel::event::Event;
use crate::leases::change::{Change, Record, Scope};
use crate::leases::error::Error;
use crate::leases::rules::{Command, End, EndCode, Side, Status};
use crate::supply;

/// Approves a requested lease: what was held for it becomes its own.
///
/// # Errors
/// 403 for all but managers of the provider; [`Error::State`]: it waits for no approval;
/// [`Error::CannotBook`], [`Error::Offer`]: one of the sides has been suspended.
pub async fn approve(app: &App, call: Call, id: LeaseId) -> Result<Reply, Error> {
    let mut act = app.begin(&call).await?;
    let tenant = lease_of(&mut act, id, Side::Provider).await?.tenant_id;
    let parties = accounts::parties_to_book(&mut act, &[tenant]).await?;
    let mut change = Change::begin(app, &mut act, Scope::lease(id)).await?;
    check_revision(&change, id)?;
    change.decide(id, Command::Approve)?;
    // What is signed is new capacity; both sides may have been suspended since the request.
    check_can_book(&parties, tenant)?;
    let offers: Vec<_> = change.lease(id)?.tranches.iter().map(|line| line.offer_id).collect();
    for listing in supply::listings(change.act, &offers).await? {
        listing.check_provider()?;
    }
    change.sign(id).await?;
    change.record(id, answered(Event::LeaseApproved, "")).await?;
    let reply = reply(change, id).await?;
    Ok(act.finish(reply).await?)
}

/// Rejects a requested lease, for a reason that the tenant reads.
///
/// # Errors
/// 403 for all but managers of the provider; [`Error::State`]: it waits for no approval.
pub async fn reject(app: &App, call: Call, id: LeaseId, reason: String) -> Result<Reply, Error> {
    let mut act = app.begin(&call).await?;
    lease_of(&mut act, id, Side::Provider).await?;
    let mut change = Change::begin(app, &mut act, Scope::lease(id)).await?;
    check_revision(&change, id)?;
    change.decide(id, Command::Reject)?;
    let by = change.act.call.caller.actor.to_string();
    let at = change.act.now;
    turn_down(&mut change, id, End { at, by, code: EndCode::Rejected, reason }).await?;
    let reply = reply(change, id).await?;
    Ok(act.finish(reply).await?)
}

/// Rejects a request whose start has come without an answer; false if that is not so any more.
///
/// # Errors
/// Those of the database.
pub async fn lapse(app: App, id: LeaseId) -> Result<bool, Error> {
    let mut act = app.begin_job("leases.lapse_due").await?;
    let mut change = Change::begin(&app, &mut act, Scope::lease(id)).await?;
    let lease = change.lease(id)?;
    let at = lease.starts_at;
    if lease.status != Status::Requested || at > change.act.now {
        return Ok(false);
    }
    change.decide(id, Command::Reject)?;
    let by = change.act.call.caller.actor.to_string();
    let reason = "the provider did not answer before the start".to_owned();
    turn_down(&mut change, id, End { at, by, code: EndCode::NotApprovedInTime, reason }).await?;
    change.finish().await?;
    act.commit().await?;
    Ok(true)
}

/// Frees all that a request held.
async fn turn_down(change: &mut Change<'_>, id: LeaseId, end: End) -> Result<(), Error> {
    let (at, reason) = (change.lease(id)?.starts_at, end.reason.clone());
    change.end(id, at, end).await?;
    change.record(id, answered(Event::LeaseRejected, &reason)).await?;
    Ok(())
}

fn answered<'r>(action: Event, reason: &'r str) -> Record<'r> {
    Record { amendment: None, terms: Value::Null, action, reason }
}
