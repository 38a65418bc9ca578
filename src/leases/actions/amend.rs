//! Keeping a lease longer, and giving part of it back.

use super::approve::entry;
use super::cancel::prices;
use super::draft::{held, place, time_before};
use super::{Side, decided, delays, open};
use crate::accounts;
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::capacity::{Edit, Owner, Purpose, Units};
use crate::kernel::{AmendmentId, LeaseId, Money, Period, Timestamp, TrancheId};
use crate::leases::error::Error;
use crate::leases::rules::{self, Act, Status, cancellation};
use crate::leases::store::amendments::{self, Amendment};
use crate::leases::store::holdings::read_holdings;
use crate::leases::store::leases::{self, Signed, Tranche};
use crate::leases::views::LeaseView;
use crate::quotas::{self, Asked, Guard};
use crate::supply::{self, BookingMode, Listing};

/// Keeps what ends last until `ends_at`, at the rate that was signed, on the same units where possible.
///
/// # Errors
/// What is refused; then the lease is as it was.
pub async fn extend(
    app: &App,
    call: Call,
    id: LeaseId,
    ends_at: Timestamp,
    accept_other_units: bool,
) -> Result<Reply, Problem> {
    call.require_key()?;
    Ok(try_extend(app, &call, id, ends_at, accept_other_units).await?)
}

async fn try_extend(
    app: &App,
    call: &Call,
    id: LeaseId,
    ends_at: Timestamp,
    accept_other_units: bool,
) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let guard = guard_of_caller(app, &mut act).await?;
    let mut opened = open(app, &mut act, id, Side::Tenant).await?;
    let before = opened.lease;
    decided(&before, Act::Extend, now)?;
    if ends_at <= before.ends_at {
        return Err(Error::NotLonger { asked: ends_at, present: before.ends_at });
    }
    let offers: Vec<_> = before.tranches.iter().map(|tranche| tranche.offer_id).collect();
    let listings = supply::listings(&mut act, &offers).await?;
    let mut lease = before.clone();
    let longer = longer(&before, ends_at, &listings);
    guard.check(before.tenant_id, &longer, now)?;
    for tranche in lease.tranches.iter_mut().filter(|tranche| tranche.ends_at == before.ends_at) {
        let period = Period::new(tranche.starts_at, ends_at).map_err(|error| Error::Period {
            number: usize::try_from(tranche.number).unwrap_or(0),
            error,
        })?;
        let listing = listings.iter().find(|listing| listing.offer_id == tranche.offer_id);
        let listing = listing.ok_or(Error::UnknownOffer(tranche.offer_id))?;
        if listing.booking_mode == BookingMode::Approval {
            return Err(Error::ExtensionNeedsApproval(before.ends_at));
        }
        listing.check_extension(period)?;
        let owner = Owner { id: tranche.id.0, subject: id.0, organization: Some(lease.tenant_id) };
        let held = opened.edit.held(&mut act, tranche.pool_id, tranche.id.0).await?;
        let booked = opened.edit.extend(tranche.pool_id, owner, &held, ends_at, now)?;
        if !booked.keeps_units && !accept_other_units {
            let units = booked.units.iter().map(|units| (units.from, units.until)).collect();
            return Err(Error::OtherUnits { from: before.ends_at, units });
        }
        tranche.ends_at = ends_at;
        tranche.reprice();
    }
    lease.ends_at = ends_at;
    let terms = serde_json::json!({ "ends_at": ends_at, "accept_other_units": accept_other_units });
    finish(app, act, opened.edit, before, lease, "extend", terms).await
}

/// The caller's quotas, locked before anything else is.
async fn guard_of_caller(app: &App, act: &mut crate::app::Act) -> Result<Guard, Error> {
    let tenant: Vec<_> = act.call.caller.organization().into_iter().collect();
    accounts::parties_to_book(act, &tenant).await?;
    let nothing_yet: Vec<_> = tenant.iter().map(|&tenant| (tenant, None)).collect();
    Ok(quotas::guard(app, act, read_holdings, &nothing_yet).await?)
}

/// What `lease` would hold in addition until `ends_at`.
fn longer(lease: &Signed, ends_at: Timestamp, listings: &[Listing]) -> Asked {
    let last = lease.tranches.iter().filter(|tranche| tranche.ends_at == lease.ends_at);
    let lines = last.filter_map(|tranche| {
        let listing = listings.iter().find(|listing| listing.offer_id == tranche.offer_id)?;
        let rest = Tranche { starts_at: tranche.ends_at, ends_at, ..tranche.clone() };
        Some(held(&rest, place(listing)))
    });
    Asked {
        project: lease.project_id,
        lines: lines.collect(),
        whole: (lease.starts_at.timestamp_micros(), ends_at.timestamp_micros()),
        opens_request: false,
    }
}

/// What a shrink gives back.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    pub tranche: TrancheId,
    /// How many GPUs to give back: whole units.
    pub gpus: u32,
    /// From when on; `None`: at once, or from the tranche's start.
    pub from: Option<Timestamp>,
}

/// Gives GPUs of a tranche back, those units that leave the fewest pieces; charged like a cancellation.
///
/// # Errors
/// What is refused; then the lease is as it was.
pub async fn shrink(
    app: &App,
    call: Call,
    id: LeaseId,
    release: Release,
) -> Result<Reply, Problem> {
    call.require_key()?;
    Ok(try_shrink(app, &call, id, release).await?)
}

async fn try_shrink(app: &App, call: &Call, id: LeaseId, release: Release) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let mut opened = open(app, &mut act, id, Side::Tenant).await?;
    let before = opened.lease;
    decided(&before, Act::Shrink, now)?;
    let tranche = before
        .tranche(release.tranche)
        .ok_or(Error::UnknownTranche { lease: id, tranche: release.tranche })?;
    let from = release.from.unwrap_or(now).max(tranche.starts_at);
    if from < now || from >= tranche.ends_at {
        let (at, until) = (release.from.unwrap_or(now), tranche.ends_at);
        return Err(Error::OutsideTranche { at, from: now.max(tranche.starts_at), until });
    }
    let per_unit = tranche.gpus_per_unit();
    if release.gpus == 0 || !release.gpus.is_multiple_of(per_unit) || release.gpus > tranche.gpus {
        return Err(Error::NotReleasable {
            tranche: tranche.id,
            gpus: release.gpus,
            has: tranche.gpus,
            per_unit,
        });
    }
    let starts_at = tranche.starts_at;
    let (mut lease, _) = give_back(
        &mut act,
        &mut opened.edit,
        &before,
        release.tranche,
        release.gpus / per_unit,
        (from, None),
        now,
    )
    .await?;
    if lease.tranches.is_empty() || lease.ends_at <= now {
        return Err(Error::NothingLeft);
    }
    let unused = rules::unused(prices(&before.tranches), prices(&lease.tranches));
    let cost =
        if before.status == Status::Requested || before.noticed || before.delayed_until.is_some() {
            rules::Cancellation { charge: Money::ZERO, refund: unused }
        } else {
            cancellation(&before.cancellation, unused, time_before(starts_at, now))
        };
    lease.price = before.price - cost.refund;
    let terms = serde_json::json!({
        "tranche_id": release.tranche, "gpus": release.gpus, "from": from,
        "charge": cost.charge, "refund": cost.refund,
    });
    finish(app, act, opened.edit, before, lease, "shrink", terms).await
}

/// Frees `units` of a tranche from an instant on, for good or until another one, from which they are the
/// lease's again as a tranche of their own. A tranche that has begun by then is split: what stays goes
/// on as a tranche of its own. Says the lease after it, its prices computed anew, and the freed units.
///
/// # Errors
/// Those of the database.
pub async fn give_back(
    act: &mut crate::app::Act,
    edit: &mut Edit,
    before: &Signed,
    id: TrancheId,
    units: u32,
    (at, until): (Timestamp, Option<Timestamp>),
    now: Timestamp,
) -> Result<(Signed, Vec<Units>), Error> {
    let mut lease = before.clone();
    let place = lease.tranches.iter().position(|tranche| tranche.id == id);
    let place = place.ok_or(Error::UnknownTranche { lease: before.id, tranche: id })?;
    let whole = lease.tranches.remove(place);
    let held = edit.held(act, whole.pool_id, whole.id.0).await?;
    let has_begun = whole.starts_at < at;
    let heir_id = if has_begun { TrancheId::new(now) } else { whole.id };
    let heir = Owner { id: heir_id.0, subject: before.id.0, organization: Some(before.tenant_id) };
    let returns_at = until.filter(|until| *until < whole.ends_at);
    let freed = edit.shrink(whole.pool_id, &held, units, at, heir, now);
    if has_begun {
        let mut used = Tranche { ends_at: at, ..whole.clone() };
        used.reprice();
        lease.tranches.insert(place, used);
    }
    if units < whole.units {
        let mut rest = Tranche { id: heir_id, starts_at: whole.starts_at.max(at), ..whole.clone() };
        rest.resize(whole.units - units);
        lease.tranches.push(rest);
    }
    if let Some(starts_at) = returns_at {
        let mut again = Tranche { id: TrancheId::new(now), starts_at, ..whole.clone() };
        again.resize(units);
        let owner = Owner { id: again.id.0, ..heir };
        edit.give(again.pool_id, owner, Purpose::Lease, &freed, again.period(), now);
        lease.tranches.push(again);
    }
    lease.tranches.sort_by_key(|tranche| (tranche.starts_at, tranche.number));
    for (number, tranche) in (0..).zip(&mut lease.tranches) {
        tranche.number = number;
    }
    lease.price = before.price - rules::unused(prices(&before.tranches), prices(&lease.tranches));
    lease.starts_at =
        lease.tranches.iter().map(|tranche| tranche.starts_at).min().unwrap_or(lease.starts_at);
    lease.ends_at =
        lease.tranches.iter().map(|tranche| tranche.ends_at).max().unwrap_or(lease.ends_at);
    Ok((lease, freed))
}

async fn finish(
    app: &App,
    mut act: crate::app::Act,
    mut edit: Edit,
    before: Signed,
    mut lease: Signed,
    kind: &'static str,
    terms: serde_json::Value,
) -> Result<Reply, Error> {
    let now = act.now;
    lease.revision = before.revision + 1;
    if kind == "extend" {
        let longer =
            prices(&lease.tranches).sum::<Money>() - prices(&before.tranches).sum::<Money>();
        lease.price = before.price + longer;
    }
    delays::close_gaps(&mut act, &mut edit, &before).await?;
    edit.write(&mut act).await?;
    leases::change(&mut act, &before, &lease).await?;
    let amendment = Amendment {
        id: AmendmentId::new(now),
        lease_id: lease.id,
        kind: kind.to_owned(),
        revision: lease.revision,
        price: lease.price - before.price,
        terms,
        created_by: act.call.caller.actor.uuid(),
        created_at: now,
    };
    amendments::add_amendment(&mut act, &amendment).await?;
    let action = if kind == "extend" { "lease.extended" } else { "lease.shrunk" };
    act.log(entry(action, &before, &lease));
    let view = LeaseView::new(&lease, app, now);
    Ok(act.finish(Reply::ok(&view).revision(lease.revision)).await?)
}
