//! Quotes: a price for an exact request, which may hold the capacity until it expires.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::tenant_of;
use crate::accounts::{self, Party};
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::capacity::{self, Booking, Owner, Purpose};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{LeaseId, OfferId, OrganizationId, PoolId, QuoteId, Role, Timestamp};
use crate::leases::change::{Change, Scope};
use crate::leases::desk::alternatives;
use crate::leases::desk::draft::{Draft, Request, place, status_when_signed};
use crate::leases::desk::sign::{Facts, signing};
use crate::leases::error::Error;
use crate::leases::rules::{Lease, PlacementWish, QuoteState, Schedule, Tranche};
use crate::leases::store::quotes::{self, Quote, QuotedTranche};
use crate::leases::views::{LeaseView, QuoteView};
use crate::quotas::Asked;
use crate::supply::{self, BookingMode, Listing};

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
    let tranches = lease.tranches.iter().map(|tranche| QuotedTranche {
        id: tranche.id,
        offer_id: tranche.offer_id,
        pool_id: tranche.pool_id,
        units: tranche.units,
        gpus: tranche.gpus,
        mw: tranche.mw,
        period: tranche.period(),
        rate: tranche.rate,
        price: tranche.price,
    });
    Quote {
        id: QuoteId::new(now),
        tenant_id: lease.tenant_id,
        project_id: lease.project_id,
        created_by: lease.created_by,
        placement: lease.placement,
        tranches: tranches.collect(),
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
    let draft = if quote.is_reserved {
        kept_for(change.act, &quote, lease_id, now).await?
    } else {
        drafted(change.act, &quote, lease_id).await?
    };
    if !quote.holds || quote.is_reserved {
        // What its tenant holds by a quote counts already; what others have kept for it does not.
        change.check_quotas(tenant, &Asked::all_of(&draft.holding(None)))?;
    }
    let lease = as_quoted(draft.lease, &quote, draft.mode, now);
    for (tranche, booking) in lease.tranches.iter().zip(&draft.bookings) {
        let owner = Owner { id: tranche.line.0, subject: lease.id.0, organization: Some(tenant) };
        if quote.holds {
            change.hand_over(tranche.pool_id, owner, booking.purpose).await?;
        } else {
            change.book(&Booking { owner, ..booking.clone() })?;
        }
    }
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

/// The lease that a quote comes to. The offer may have changed since: the quote's word on price and period
/// stands, the rest is asked anew.
async fn drafted(
    act: &mut crate::app::Act,
    quote: &Quote,
    lease_id: LeaseId,
) -> Result<Draft, Error> {
    let lines = quote.tranches.iter();
    let request = Request::new(
        lines
            .map(|line| (line.offer_id, line.gpus, line.period.starts_at, line.period.ends_at))
            .collect(),
        quote.placement == PlacementWish::Island,
        quote.project_id,
    )?;
    let facts = Facts::of(act, &request, quote.tenant_id).await?;
    let by = act.call.caller.actor.uuid();
    facts.draft_for(&request, quote.tenant_id, by, lease_id, quote.created_at)
}

/// The lease that units which were kept for a tenant come to. They were promised to it: the quote's word
/// stands, whatever the offer has come to allow since. Both sides must be in good standing.
async fn kept_for(
    act: &mut crate::app::Act,
    quote: &Quote,
    lease_id: LeaseId,
    now: Timestamp,
) -> Result<Draft, Error> {
    let offers: Vec<OfferId> = quote.tranches.iter().map(|line| line.offer_id).collect();
    let listings: HashMap<OfferId, Listing> = supply::listings(act, &offers)
        .await?
        .into_iter()
        .map(|listing| (listing.offer_id, listing))
        .collect();
    let parties = accounts::parties(act, &[quote.tenant_id]).await?;
    let party: &Party = parties
        .get(&quote.tenant_id)
        .ok_or_else(|| Problem::forbidden("this organization is no more"))?;
    accounts::require_can_book(party)?;
    let mut tranches = Vec::with_capacity(quote.tranches.len());
    let (mut bookings, mut places) = (Vec::new(), Vec::new());
    for (number, line) in (0..).zip(&quote.tranches) {
        let listing = listings.get(&line.offer_id).ok_or(Error::UnknownOffer(line.offer_id))?;
        listing.check_provider()?;
        bookings.push(Booking {
            pool: line.pool_id,
            owner: Owner {
                id: line.id.0,
                subject: lease_id.0,
                organization: Some(quote.tenant_id),
            },
            purpose: Purpose::Lease,
            units: line.units,
            period: line.period,
            within: capacity::Units::new(listing.units.0, listing.units.1),
            placement: capacity::Placement::Any,
            pin_lead: listing.pin_lead,
        });
        places.push(place(listing));
        tranches.push(tranche(number, line));
    }
    let listing = quote.tranches.first().and_then(|line| listings.get(&line.offer_id));
    let listing = listing.ok_or(Error::TrancheCount(0))?;
    let schedule = Schedule::kept(tranches);
    let period = schedule.period().ok_or(Error::TrancheCount(0))?;
    let mode = BookingMode::Instant;
    let lease = Lease {
        id: lease_id,
        tenant_id: quote.tenant_id,
        provider_id: listing.provider_id,
        project_id: quote.project_id,
        tenant_name: party.name.clone(),
        tenant_verification: party.verification,
        provider_name: listing.provider_name.clone(),
        quote_id: Some(quote.id),
        status: status_when_signed(mode, period.starts_at, now),
        starts_at: period.starts_at,
        ends_at: period.ends_at,
        placement: quote.placement,
        terms_hash: listing.terms_hash,
        cancellation: listing.cancellation.clone(),
        revision: 1,
        created_by: act.call.caller.actor.uuid(),
        created_at: now,
        noticed: false,
        delayed_until: None,
        suspended_until: None,
        end: None,
        tranches: schedule,
        charges: Vec::new(),
    };
    Ok(Draft { lease, mode, bookings, places })
}

fn tranche(number: i32, line: &QuotedTranche) -> Tranche {
    Tranche {
        id: line.id,
        line: line.id,
        number,
        offer_id: line.offer_id,
        pool_id: line.pool_id,
        units: line.units,
        gpus: line.gpus,
        mw: line.mw,
        starts_at: line.period.starts_at,
        ends_at: line.period.ends_at,
        rate: line.rate,
        price: line.price,
    }
}

fn as_quoted(drafted: Lease, quote: &Quote, mode: BookingMode, now: Timestamp) -> Lease {
    let tranches = (0..).zip(&quote.tranches).map(|(number, line)| tranche(number, line));
    Lease {
        quote_id: Some(quote.id),
        status: status_when_signed(mode, drafted.starts_at, now),
        created_at: now,
        tranches: Schedule::kept(tranches.collect()),
        ..drafted
    }
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
