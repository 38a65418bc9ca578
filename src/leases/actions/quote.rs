//! Quotes: a price for an exact request, which may hold the capacity until it expires.

use chrono::TimeDelta;

use super::tenant_of;
use crate::accounts;
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::capacity::{self, Booking, Owner, Purpose};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{LeaseId, OrganizationId, PoolId, QuoteId, Role, Timestamp};
use crate::leases::change::{Change, Scope};
use crate::leases::desk::alternatives;
use crate::leases::desk::draft::{Draft, Request};
use crate::leases::desk::sign::{Facts, signing};
use crate::leases::error::Error;
use crate::leases::rules::QuoteState;
use crate::leases::store::quotes::{self, Quote};
use crate::leases::views::{LeaseView, QuoteView};
use crate::quotas::Asked;

/// How long a quote stands.
const VALID: TimeDelta = TimeDelta::minutes(15);

/// Quotes `request`; with `holds` the capacity is held for [`VALID`].
///
/// # Errors
/// Those of a booking, with alternatives where capacity is what lacks.
pub async fn quote(app: &App, call: Call, request: Request, holds: bool) -> Result<Reply, Error> {
    let tenant = tenant_of(&call)?;
    match make(app, &call, tenant, &request, holds).await {
        Err(Error::Capacity(error @ capacity::Error::Refused { .. })) => {
            let alternatives = alternatives::find(app, tenant, &request).await?;
            Err(Problem::from(error).with("alternatives", alternatives).into())
        }
        outcome => outcome,
    }
}

async fn make(
    app: &App,
    call: &Call,
    tenant: OrganizationId,
    request: &Request,
    holds: bool,
) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let facts = Facts::of(&mut act, request, tenant).await?;
    let draft =
        facts.draft_for(request, tenant, call.caller.actor.uuid(), LeaseId::new(now), now)?;
    let quote = quoted(&draft, holds, now);
    let scope = Scope {
        pools: draft.pools().collect(),
        growing: vec![(tenant, quote.id.0)],
        ..Scope::default()
    };
    let mut change = Change::begin(app, &mut act, scope).await?;
    let held = draft.holding(holds.then_some(quote.expires_at));
    change.check_quotas(tenant, &Asked::all_of(&held))?;
    let mut moves = 0;
    for booking in &draft.bookings {
        let owner = Owner { subject: quote.id.0, ..booking.owner };
        let hold = Booking { owner, purpose: Purpose::Hold, ..booking.clone() };
        moves += change.book(&hold)?.moves;
    }
    if !holds {
        // It fits now; nothing is kept for it.
        change.undo();
    }
    change.finish().await?;
    quotes::add(&mut act, &quote).await?;
    let view = QuoteView::made(&quote, (draft.mode, draft.lease.terms_hash, moves), app);
    act.log(Entry::new(Event::QuoteMade, quote.id).tenant(tenant).after(&view));
    Ok(act.finish(Reply::created(&view)).await?)
}

fn quoted(draft: &Draft, holds: bool, now: Timestamp) -> Quote {
    let lease = &draft.lease;
    Quote {
        id: QuoteId::new(now),
        tenant_id: lease.tenant_id,
        project_id: lease.project_id,
        created_by: lease.created_by,
        placement: lease.placement,
        tranches: lease.tranches.to_vec(),
        price: lease.price(),
        holds,
        is_reserved: false,
        state: QuoteState::Open,
        created_at: now,
        // A hold never outlives the start that it is for.
        expires_at: (now + VALID).min(lease.starts_at.max(now + TimeDelta::minutes(1))),
    }
}

/// Signs a lease by a quote: at its price, with its hold, or as capacity allows if it held none.
///
/// # Errors
/// [`Error::UnknownQuote`], [`Error::QuoteClosed`]; those of a booking.
pub async fn book_quote(app: &App, call: Call, id: QuoteId) -> Result<Reply, Error> {
    call.require_key()?;
    let tenant = tenant_of(&call)?;
    let mut act = app.begin(&call).await?;
    let now = act.now;
    let seen = quotes::one(&mut act, id, Some(tenant.0)).await?.ok_or(Error::UnknownQuote(id))?;
    let lease_id = LeaseId::new(now);
    let scope = Scope {
        pools: pools_of(&seen),
        growing: vec![(tenant, id.0), (tenant, lease_id.0)],
        ..Scope::default()
    };
    let mut change = Change::begin(app, &mut act, scope).await?;
    let quote = quotes::locked(change.act, id, tenant).await?.ok_or(Error::UnknownQuote(id))?;
    if quote.state != QuoteState::Open || quote.expires_at <= now {
        let is_used = quote.state == QuoteState::Used;
        let state = if is_used { QuoteState::Used } else { QuoteState::Expired };
        return Err(Error::QuoteClosed { id, state });
    }
    let facts = Facts::of_quote(change.act, &quote).await?;
    let draft = facts.draft_of_quote(&quote, call.caller.actor.uuid(), lease_id, now)?;
    if !quote.holds || quote.is_reserved {
        // What its tenant holds by a quote counts already; what others have kept for it does not.
        change.check_quotas(tenant, &Asked::all_of(&draft.holding(None)))?;
    }
    for booking in &draft.bookings {
        if quote.holds {
            change.hand_over(booking.pool, booking.owner, booking.purpose).await?;
        } else {
            change.book(booking)?;
        }
    }
    let lease = draft.lease;
    change.add(&lease).await?;
    change.finish().await?;
    quotes::close(&mut act, id, QuoteState::Used).await?;
    let after = serde_json::json!({ "lease_id": lease.id });
    act.log(Entry::new(Event::QuoteUsed, id).tenant(tenant).after(after));
    act.log(signing(&lease));
    let view = LeaseView::new(&lease, app, now);
    Ok(act.finish(Reply::created(&view).revision(lease.revision)).await?)
}

fn pools_of(quote: &Quote) -> Vec<PoolId> {
    quote.tranches.iter().map(|tranche| tranche.pool_id).collect()
}

/// Gives a quote back before it expires.
///
/// # Errors
/// [`Error::UnknownQuote`], [`Error::QuoteClosed`].
pub async fn release(app: &App, call: Call, id: QuoteId) -> Result<Reply, Error> {
    let tenant = accounts::require_role(&call.caller, Role::Manager)?;
    let closed = close(app, &call, id, Some(tenant)).await?;
    closed.ok_or(Error::QuoteClosed { id, state: QuoteState::Expired })
}

/// Closes an open quote and frees what it holds; `None` if it is not open any more.
///
/// # Errors
/// [`Error::UnknownQuote`]; those of the database.
pub async fn close(
    app: &App,
    call: &Call,
    id: QuoteId,
    tenant: Option<OrganizationId>,
) -> Result<Option<Reply>, Error> {
    let mut act = app.begin(call).await?;
    let scope = tenant.map(|tenant| tenant.0);
    let quote = quotes::one(&mut act, id, scope).await?.ok_or(Error::UnknownQuote(id))?;
    let mut scope = Scope::default();
    if quote.holds {
        scope.pools = pools_of(&quote);
        scope.shrinking = vec![(quote.tenant_id, id.0)];
    }
    let mut change = Change::begin(app, &mut act, scope).await?;
    if !quotes::close(change.act, id, QuoteState::Expired).await? {
        return Ok(None);
    }
    if quote.holds {
        for tranche in &quote.tranches {
            change.vacate(tranche.pool_id, tranche.id).await?;
        }
    }
    change.finish().await?;
    act.log(Entry::new(Event::QuoteExpired, id).tenant(quote.tenant_id));
    let reply = act.finish(Reply::ok(&serde_json::json!({ "id": id, "state": "expired" }))).await?;
    Ok(Some(reply))
}
