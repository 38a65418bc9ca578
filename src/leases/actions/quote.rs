//! Quotes: a price for an exact request, which may hold the capacity until it expires.

use chrono::TimeDelta;

use super::draft::{Draft, Request, status_when_signed};
use super::sign::{Facts, signing};
use super::tenant_of;
use crate::accounts;
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::capacity::{self, Booking, Owner, Purpose};
use crate::db::log::Entry;
use crate::kernel::{LeaseId, OrganizationId, QuoteId, Role, Timestamp};
use crate::leases::error::Error;
use crate::leases::store::holdings::read_holdings;
use crate::leases::store::leases::{self, Signed, Tranche};
use crate::leases::store::quotes::{self, Quote, QuotedTranche};
use crate::leases::views::{LeaseView, QuoteView};
use crate::quotas::{self, Asked};
use crate::supply::BookingMode;

/// How long a quote stands.
const VALID: TimeDelta = TimeDelta::minutes(15);
/// More than any offer asks for.
const LONGEST_LEAD: TimeDelta = TimeDelta::days(3660);

/// Quotes `request`; with `holds` the capacity is held for [`VALID`].
///
/// # Errors
/// What is refused, with alternatives where capacity is what lacks.
pub async fn quote(app: &App, call: Call, request: Request, holds: bool) -> Result<Reply, Problem> {
    let tenant = tenant_of(&call)?;
    match try_quote(app, &call, tenant, &request, holds).await {
        Err(Error::Capacity(error @ capacity::Error::Refused { .. })) => {
            let alternatives = super::alternatives::find(app, tenant, &request).await?;
            Err(Problem::from(error).with("alternatives", alternatives))
        }
        outcome => Ok(outcome?),
    }
}

async fn try_quote(
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
    let pools: Vec<_> = draft.pools().collect();
    let quote = quoted(&draft, holds, now);
    let guard = quotas::guard(app, &mut act, read_holdings, &[(tenant, Some(quote.id.0))]).await?;
    let held = draft.holding(holds.then_some(quote.expires_at));
    guard.check(tenant, &Asked::all_of(&held), now)?;
    let mut edit = capacity::edit(app, &mut act, &pools).await?;
    let mut moves = 0;
    for booking in &draft.bookings {
        let owner = Owner { subject: quote.id.0, ..booking.owner };
        let hold = Booking { owner, purpose: Purpose::Hold, ..booking.clone() };
        moves += edit.book(&hold, now)?.moves;
    }
    if !holds {
        // It fits now; nothing is kept for it.
        edit.back_to(0);
    }
    edit.write(&mut act).await?;
    quotes::add(&mut act, &quote).await?;
    let view = QuoteView::new(&quote, &draft, app, moves);
    act.log(Entry::new("quote.made", quote.id).tenant(tenant).after(&view));
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
        placement: lease.placement.clone(),
        tranches: tranches.collect(),
        price: lease.price,
        holds,
        is_reserved: false,
        state: "open".to_owned(),
        created_at: now,
        // A hold never outlives the start that it is for.
        expires_at: (now + VALID).min(lease.starts_at.max(now + TimeDelta::minutes(1))),
    }
}

/// Signs a lease by a quote: at its price, with its hold, or as capacity allows if it held none.
///
/// # Errors
/// What is refused.
pub async fn book_quote(app: &App, call: Call, id: QuoteId) -> Result<Reply, Problem> {
    call.require_key()?;
    let tenant = tenant_of(&call)?;
    Ok(try_book_quote(app, &call, tenant, id).await?)
}

async fn try_book_quote(
    app: &App,
    call: &Call,
    tenant: OrganizationId,
    id: QuoteId,
) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let seen = quotes::one(&mut act, id, Some(tenant.0)).await?.ok_or(Error::UnknownQuote(id))?;
    let pools: Vec<_> = seen.tranches.iter().map(|tranche| tranche.pool_id).collect();
    accounts::parties_to_book(&mut act, &[tenant]).await?;
    let guard = quotas::guard(app, &mut act, read_holdings, &[(tenant, Some(id.0))]).await?;
    let mut edit = capacity::edit(app, &mut act, &pools).await?;
    let quote = quotes::locked(&mut act, id, tenant).await?.ok_or(Error::UnknownQuote(id))?;
    if quote.state != "open" || quote.expires_at <= now {
        let state = if quote.state == "used" { "used" } else { "expired" };
        return Err(Error::QuoteClosed { id, state });
    }
    let request = Request::new(
        quote
            .tranches
            .iter()
            .map(|line| (line.offer_id, line.gpus, line.period.starts_at, line.period.ends_at))
            .collect(),
        quote.placement == "island",
        quote.project_id,
    )?;
    let facts = Facts::of(&mut act, &request, tenant).await?;
    // The offer may have changed since: the quote's word on price and period stands, the rest is asked anew.
    // Units that are kept for somebody need no lead time.
    let lead = if quote.is_reserved { LONGEST_LEAD } else { TimeDelta::zero() };
    let as_of = quote.created_at - lead;
    let draft =
        facts.draft_for(&request, tenant, call.caller.actor.uuid(), LeaseId::new(now), as_of)?;
    if !quote.holds {
        // What is held counts already.
        guard.check(tenant, &Asked::all_of(&draft.holding(None)), now)?;
    }
    let lease = as_quoted(draft.lease, &quote, draft.mode, now);
    quotas::changing(&mut act, tenant, lease.id.0).await?;
    for (tranche, booking) in lease.tranches.iter().zip(&draft.bookings) {
        let owner = Owner { id: tranche.id.0, subject: lease.id.0, organization: Some(tenant) };
        if quote.holds {
            edit.hand_over(&mut act, tranche.pool_id, tranche.id.0, owner, booking.purpose, now)
                .await?;
        } else {
            edit.book(&Booking { owner, ..booking.clone() }, now)?;
        }
    }
    edit.write(&mut act).await?;
    quotes::close(&mut act, id, "used").await?;
    leases::add(&mut act, &[&lease]).await?;
    act.log(
        Entry::new("quote.used", id)
            .tenant(tenant)
            .after(serde_json::json!({ "lease_id": lease.id })),
    );
    act.log(signing(&lease));
    let view = LeaseView::new(&lease, app, now);
    Ok(act.finish(Reply::created(&view).revision(lease.revision)).await?)
}

fn as_quoted(drafted: Signed, quote: &Quote, mode: BookingMode, now: Timestamp) -> Signed {
    let tranches: Vec<Tranche> = drafted
        .tranches
        .into_iter()
        .zip(&quote.tranches)
        .map(|(tranche, quoted)| Tranche {
            id: quoted.id,
            rate: quoted.rate,
            price: quoted.price,
            ..tranche
        })
        .collect();
    Signed {
        id: LeaseId::new(now),
        quote_id: Some(quote.id),
        status: status_when_signed(mode, drafted.starts_at, now),
        price: quote.price,
        created_at: now,
        tranches,
        ..drafted
    }
}

/// Gives a quote back before it expires.
///
/// # Errors
/// What is refused.
pub async fn release(app: &App, call: Call, id: QuoteId) -> Result<Reply, Problem> {
    let tenant = accounts::require_role(&call.caller, Role::Manager)?;
    Ok(close(app, &call, id, Some(tenant))
        .await?
        .ok_or(Error::QuoteClosed { id, state: "used or expired" })?)
}

/// Closes an open quote and frees what it holds; `None` if it is not open any more.
///
/// # Errors
/// Those of the database.
pub async fn close(
    app: &App,
    call: &Call,
    id: QuoteId,
    tenant: Option<OrganizationId>,
) -> Result<Option<Reply>, Error> {
    let mut act = app.begin(call).await?;
    let scope = tenant.map(|tenant| tenant.0);
    let quote = quotes::one(&mut act, id, scope).await?.ok_or(Error::UnknownQuote(id))?;
    let pools: Vec<_> = quote.tranches.iter().map(|tranche| tranche.pool_id).collect();
    if quote.holds {
        quotas::changing(&mut act, quote.tenant_id, id.0).await?;
    }
    let mut edit = capacity::edit(app, &mut act, &pools).await?;
    if !quotes::close(&mut act, id, "expired").await? {
        return Ok(None);
    }
    if quote.holds {
        for tranche in &quote.tranches {
            edit.vacate(&mut act, tranche.pool_id, tranche.id.0, None).await?;
        }
    }
    edit.write(&mut act).await?;
    act.log(Entry::new("quote.expired", id).tenant(quote.tenant_id));
    let reply = act.finish(Reply::ok(&serde_json::json!({ "id": id, "state": "expired" }))).await?;
    Ok(Some(reply))
}
