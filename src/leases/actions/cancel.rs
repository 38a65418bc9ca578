//! Giving a lease up before it begins, or ending it early: first the cost, with an id, then the act.

use chrono::TimeDelta;
use serde_json::json;

use super::{check_revision, lease_of, reply};
use crate::api::{Call, Reply};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{CancellationQuoteId, LeaseId, Money, Timestamp};
use crate::leases::change::{Change, Record, Scope, cost, rest};
use crate::leases::error::Error;
use crate::leases::rules::{AmendmentKind, ChargeKind, Command, End, EndCode, Lease, Side, Status};
use crate::leases::store::amendments::{self, CancellationQuote};
use crate::leases::views::CancellationQuoteView;

/// How long a cancellation quote stands.
const VALID: TimeDelta = TimeDelta::minutes(15);

/// What giving up or ending a lease now would cost.
///
/// # Errors
/// 403 for all but managers of the tenant; [`Error::State`]: it is over.
pub async fn cancellation_quote(app: &App, call: Call, id: LeaseId) -> Result<Reply, Error> {
    let mut act = app.begin(&call).await?;
    let now = act.now;
    lease_of(&mut act, id, Side::Tenant).await?;
    let mut change = Change::begin(app, &mut act, Scope::lease(id)).await?;
    check_revision(&change, id)?;
    let lease = change.lease(id)?.clone();
    change.decide(id, command_at(&lease, now))?;
    drop(change);
    let cost = cost(&lease, &rest(&lease.tranches, now), now);
    let quote = CancellationQuote {
        id: CancellationQuoteId::new(now),
        lease_id: id,
        revision: lease.revision,
        effective_at: now,
        charge: cost.charge,
        refund: cost.refund,
        expires_at: now + VALID,
        used_at: None,
    };
    amendments::add_cancellation_quote(&mut act, &quote, now).await?;
    let view = CancellationQuoteView::new(&quote, app);
    act.log(Entry::new(Event::LeaseCancellationQuoted, id).tenant(lease.tenant_id).after(&view));
    Ok(act.finish(Reply::created(&view)).await?)
}

/// Gives a lease up before it begins (`Command::Cancel`) or ends it (`Command::End`), now. Time until then is paid;
/// for the rest a cancellation quote's charge is owed at most.
///
/// # Errors
/// [`Error::State`], [`Error::QuoteFirst`] where it costs something,
/// [`Error::UnknownCancellationQuote`], [`Error::StaleCancellationQuote`].
pub async fn cancel(
    app: &App,
    call: Call,
    id: LeaseId,
    command: Command,
    quote: Option<CancellationQuoteId>,
    reason: String,
) -> Result<Reply, Error> {
    call.require_key()?;
    let mut act = app.begin(&call).await?;
    let now = act.now;
    lease_of(&mut act, id, Side::Tenant).await?;
    let mut change = Change::begin(app, &mut act, Scope::lease(id)).await?;
    check_revision(&change, id)?;
    let before = change.lease(id)?.clone();
    let is_cancelled = change.decide(id, command)? == Status::Cancelled;
    // What is cancelled has never begun, also a request whose start has passed in this moment.
    let at = if is_cancelled { before.starts_at.min(now) } else { now };
    let cost = cost(&before, &rest(&before.tranches, at), now);
    let cost = match quote {
        Some(quote) => cost.at_most(use_quote(change.act, &before, quote, now).await?),
        None if cost.charge > Money::ZERO => {
            return Err(Error::QuoteFirst { charge: cost.charge });
        }
        None => cost,
    };
    let (amendment, kind, code, action) = if is_cancelled {
        let code = EndCode::CancelledByTenant;
        (AmendmentKind::Cancel, ChargeKind::Cancel, code, Event::LeaseCancelled)
    } else {
        (AmendmentKind::End, ChargeKind::End, EndCode::EndedByTenant, Event::LeaseTerminated)
    };
    let by = change.act.call.caller.actor.to_string();
    change.end(id, at, End { at: now, by, code, reason: reason.clone() }).await?;
    change.charge(id, kind, cost)?;
    let record = Record {
        amendment: Some(amendment),
        terms: json!({ "charge": cost.charge, "refund": cost.refund, "reason": reason }),
        action,
        reason: &reason,
    };
    change.record(id, record).await?;
    let reply = reply(change, id).await?;
    Ok(act.finish(reply).await?)
}

/// A lease that has not begun is cancelled, one that has is ended.
fn command_at(lease: &Lease, now: Timestamp) -> Command {
    if lease.starts_at > now || lease.status == Status::Requested {
        Command::Cancel
    } else {
        Command::End
    }
}

/// Uses a cancellation quote; returns the charge that it promised.
async fn use_quote(
    act: &mut Act,
    lease: &Lease,
    id: CancellationQuoteId,
    now: Timestamp,
) -> Result<Money, Error> {
    let quote = amendments::cancellation_quote(act, lease.id, id)
        .await?
        .ok_or(Error::UnknownCancellationQuote(id))?;
    if quote.used_at.is_some() || quote.expires_at <= now || quote.revision != lease.revision {
        return Err(Error::StaleCancellationQuote(id));
    }
    amendments::use_cancellation_quote(act, id, now).await?;
    Ok(quote.charge)
}
