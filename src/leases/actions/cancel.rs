//! Giving a lease up before it begins, or ending it early: first the cost, with an id, then the act.

use chrono::TimeDelta;

use super::approve::entry;
use super::draft::time_before;
use super::{Side, decided, delays, lock, open};
use crate::api::{Call, Problem, Reply};
use crate::app::{self, App};
use crate::capacity::Edit;
use crate::kernel::{AmendmentId, CancellationQuoteId, LeaseId, Money, Timestamp};
use crate::leases::error::Error;
use crate::leases::rules::{self, Act, Cancellation, Status, cancellation};
use crate::leases::store::amendments::{self, Amendment, CancellationQuote};
use crate::leases::store::leases::{self, End, Signed, Tranche};
use crate::leases::views::{CancellationQuoteView, LeaseView};

/// How long a cancellation quote stands.
const VALID: TimeDelta = TimeDelta::minutes(15);

/// What giving up or ending a lease now would cost.
///
/// # Errors
/// What is refused.
pub async fn cancellation_quote(app: &App, call: Call, id: LeaseId) -> Result<Reply, Problem> {
    Ok(try_cancellation_quote(app, &call, id).await?)
}

async fn try_cancellation_quote(app: &App, call: &Call, id: LeaseId) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let opened = open(app, &mut act, id, Side::Tenant).await?;
    let lease = opened.lease;
    decided(&lease, act_at(&lease, now), now)?;
    let cost = cost_of_ending(&lease, now);
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
    act.log(
        crate::db::log::Entry::new("lease.cancellation_quoted", id)
            .tenant(lease.tenant_id)
            .after(&view),
    );
    Ok(act.finish(Reply::created(&view)).await?)
}

/// Gives a lease up before it begins (`Act::Cancel`) or ends it (`Act::End`), at the cost of an earlier
/// cancellation quote.
///
/// # Errors
/// What is refused.
pub async fn cancel(
    app: &App,
    call: Call,
    id: LeaseId,
    kind: Act,
    quote: Option<CancellationQuoteId>,
    reason: String,
) -> Result<Reply, Problem> {
    call.require_key()?;
    Ok(try_cancel(app, &call, id, kind, quote, reason).await?)
}

async fn try_cancel(
    app: &App,
    call: &Call,
    id: LeaseId,
    kind: Act,
    quote: Option<CancellationQuoteId>,
    reason: String,
) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let mut opened = open(app, &mut act, id, Side::Tenant).await?;
    let before = opened.lease;
    let status = decided(&before, kind, now)?;
    let cost = match quote {
        Some(quote) => use_quote(&mut act, &before, quote, now).await?,
        None => {
            let cost = cost_of_ending(&before, now);
            if cost.charge > Money::ZERO {
                return Err(Error::QuoteFirst { charge: cost.charge });
            }
            cost
        }
    };
    let (kind, code) = if status == Status::Cancelled {
        ("cancel", "cancelled_by_tenant")
    } else {
        ("end", "ended_by_tenant")
    };
    let by = act.call.caller.actor.to_string();
    let end = End { at: now, by, code: code.to_owned(), reason: reason.clone() };
    let mut lease = end_at(&mut act, &mut opened.edit, &before, status, now, end).await?;
    lease.price = before.price - cost.refund;
    delays::close_gaps(&mut act, &mut opened.edit, &before).await?;
    opened.edit.write(&mut act).await?;
    leases::change(&mut act, &before, &lease).await?;
    let amendment = Amendment {
        id: AmendmentId::new(now),
        lease_id: id,
        kind: kind.to_owned(),
        revision: lease.revision,
        price: lease.price - before.price,
        terms: serde_json::json!({ "charge": cost.charge, "refund": cost.refund, "reason": reason }),
        created_by: act.call.caller.actor.uuid(),
        created_at: now,
    };
    amendments::add_amendment(&mut act, &amendment).await?;
    let action = if kind == "cancel" { "lease.cancelled" } else { "lease.terminated" };
    act.log(entry(action, &before, &lease).reason(reason));
    let view = LeaseView::new(&lease, app, now);
    Ok(act.finish(Reply::ok(&view).revision(lease.revision)).await?)
}

/// A lease that has not begun is cancelled, one that has is ended.
fn act_at(lease: &Signed, now: Timestamp) -> Act {
    if lease.starts_at > now || lease.status == Status::Requested { Act::Cancel } else { Act::End }
}

async fn use_quote(
    act: &mut app::Act,
    lease: &Signed,
    id: CancellationQuoteId,
    now: Timestamp,
) -> Result<Cancellation, Error> {
    let quote = amendments::cancellation_quote(act, lease.id, id)
        .await?
        .ok_or(Error::UnknownCancellationQuote(id))?;
    if quote.used_at.is_some() || quote.expires_at <= now || quote.revision != lease.revision {
        return Err(Error::StaleCancellationQuote(id));
    }
    amendments::use_cancellation_quote(act, id, now).await?;
    Ok(Cancellation { charge: quote.charge, refund: quote.refund })
}

/// What ending `lease` at `now` costs: nothing while it waits for approval, else what its schedule says.
pub fn cost_of_ending(lease: &Signed, now: Timestamp) -> Cancellation {
    let unused = rules::unused(prices(&lease.tranches), prices(&cut(&lease.tranches, now)));
    if lease.status == Status::Requested || lease.noticed || lease.delayed_until.is_some() {
        // Not signed yet, about to be taken back, or not delivered in time: leaving is free.
        return Cancellation { charge: Money::ZERO, refund: unused };
    }
    cancellation(&lease.cancellation, unused, time_before(lease.starts_at, now))
}

/// The price of each of `tranches`.
pub fn prices(tranches: &[Tranche]) -> impl Iterator<Item = Money> {
    tranches.iter().map(|tranche| tranche.price)
}

/// `tranches` as they would be if all ended at `at`.
pub fn cut(tranches: &[Tranche], at: Timestamp) -> Vec<Tranche> {
    let begun = tranches.iter().filter(|tranche| tranche.starts_at < at);
    let cut = begun.cloned().map(|mut tranche| {
        if tranche.ends_at > at {
            tranche.ends_at = at;
            tranche.reprice();
        }
        tranche
    });
    cut.collect()
}

/// Frees what `before` has from `at` on and says what is left of it, in its terminal `status`. What
/// never began keeps its schedule, for the record.
///
/// # Errors
/// Those of the database.
pub async fn end_at(
    act: &mut app::Act,
    edit: &mut Edit,
    before: &Signed,
    status: Status,
    at: Timestamp,
    end: End,
) -> Result<Signed, Error> {
    for tranche in &before.tranches {
        edit.vacate(act, tranche.pool_id, tranche.id.0, Some(at)).await?;
    }
    let mut lease = before.clone();
    let kept = cut(&before.tranches, at);
    if let Some(ends_at) = kept.iter().map(|tranche| tranche.ends_at).max() {
        lease.ends_at = ends_at;
        lease.tranches = kept;
    }
    lease.status = status;
    lease.revision += 1;
    lease.end = Some(end);
    Ok(lease)
}

/// Rejects a request whose start has come without an answer.
///
/// # Errors
/// Those of the database.
pub async fn lapse(app: &App, seen: &Signed) -> Result<bool, Error> {
    let mut act = app.begin_job("leases.start_due").await?;
    let now = act.now;
    let mut opened = lock(app, &mut act, seen).await?;
    let before = opened.lease;
    if before.status != Status::Requested || before.starts_at > now {
        return Ok(false);
    }
    let reason = "the provider did not answer before the start";
    let end = End {
        at: before.starts_at,
        by: act.call.caller.actor.to_string(),
        code: "not_approved_in_time".to_owned(),
        reason: reason.to_owned(),
    };
    for tranche in &before.tranches {
        opened.edit.vacate(&mut act, tranche.pool_id, tranche.id.0, None).await?;
    }
    let lease = Signed {
        status: Status::Rejected,
        revision: before.revision + 1,
        price: Money::ZERO,
        end: Some(end),
        ..before.clone()
    };
    opened.edit.write(&mut act).await?;
    leases::change(&mut act, &before, &lease).await?;
    act.log(entry("lease.rejected", &before, &lease).reason(reason));
    act.commit().await?;
    Ok(true)
}
