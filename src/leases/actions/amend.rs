//! Keeping a lease longer, and giving part of it back.

use std::collections::HashMap;

use serde_json::json;
use sqlx::PgConnection;

use super::{check_revision, lease_of, reply};
use crate::accounts::{self, Party};
use crate::api::{Call, Reply};
use crate::app::App;
use crate::capacity::Units;
use crate::kernel::event::Event;
use crate::kernel::{LeaseId, OfferId, OrganizationId, Period, Timestamp, TrancheId};
use crate::leases::change::{Change, Record, Scope};
use crate::leases::desk::draft::place;
use crate::leases::error::Error;
use crate::leases::rules::{AmendmentKind, ChargeKind, Command, Lease, Side, Tranche, held};
use crate::quotas::Asked;
use crate::supply::{self, BookingMode, Listing, OfferRefusal};

/// Keeps what ends last until `ends_at`, at the rate that was signed, on the same units where possible.
///
/// It is new capacity, and passes the guard of all new capacity: both sides may do business, the offer is
/// open to the tenant, the whole lease keeps to the offer's limits and the longer part to the quotas.
///
/// # Errors
/// [`Error::NotLonger`], [`Error::State`], those of [`check_extendable`], [`Error::Offer`],
/// [`Error::Quota`], [`Error::Capacity`], [`Error::OtherUnits`]; then the lease is as it was.
pub async fn extend(
    app: &App,
    call: Call,
    id: LeaseId,
    ends_at: Timestamp,
    accept_other_units: bool,
) -> Result<Reply, Error> {
    call.require_key()?;
    let mut act = app.begin(&call).await?;
    let tenant = lease_of(&mut act, id, Side::Tenant).await?.tenant_id;
    let scope = Scope { growing: vec![(tenant, id.0)], ..Scope::lease(id) };
    let mut change = Change::begin(app, &mut act, scope).await?;
    check_revision(&change, id)?;
    change.decide(id, Command::Extend)?;
    let before = change.lease(id)?.clone();
    if ends_at <= before.ends_at {
        return Err(Error::NotLonger { asked: ends_at, present: before.ends_at });
    }
    let parties = accounts::parties_to_book(change.act, &[tenant]).await?;
    let listings = check_extendable(change.act, &before, &parties).await?;
    for tranche in last_of(&before) {
        let listing = listing_of(tranche, &listings)?;
        let line = before.tranches.line(tranche.line).map(|it| it.starts_at);
        let whole = Period::new(line.min().unwrap_or(tranche.starts_at), ends_at);
        let whole = whole.map_err(|error| Error::Period { number: 0, error })?;
        listing.check_extension(whole)?;
    }
    change.check_quotas(tenant, &longer(&before, ends_at, &listings))?;
    let within = |tranche: &Tranche| {
        let listing = listing_of(tranche, &listings);
        listing.map_or(Units::new(0, 0), |listing| Units::new(listing.units.0, listing.units.1))
    };
    change.extend(id, ends_at, within, accept_other_units).await?;
    let record = Record {
        amendment: Some(AmendmentKind::Extend),
        terms: json!({ "ends_at": ends_at, "accept_other_units": accept_other_units }),
        action: Event::LeaseExtended,
        reason: "",
    };
    change.record(id, record).await?;
    let reply = reply(change, id).await?;
    Ok(act.finish(reply).await?)
}

/// Whether what ends last of `lease` may go on, for whatever time: its tenant, one of `parties`, may book, and
/// its offers are open to it and need no approval. Returns these offers.
///
/// # Errors
/// [`Error::Problem`] if the tenant may not book; [`Error::OfferClosed`], [`Error::Offer`],
/// [`Error::ExtensionNeedsApproval`].
pub async fn check_extendable(
    connection: &mut PgConnection,
    lease: &Lease,
    parties: &HashMap<OrganizationId, Party>,
) -> Result<Vec<Listing>, Error> {
    parties.get(&lease.tenant_id).map_or(Ok(()), accounts::require_can_book)?;
    let offers: Vec<OfferId> = last_of(lease).map(|tranche| tranche.offer_id).collect();
    let listings = supply::listings(connection, &offers).await?;
    for tranche in last_of(lease) {
        let listing = listing_of(tranche, &listings)?;
        match listing.check_open_to(lease.tenant_id) {
            Err(OfferRefusal::NotInAudience { offer }) => return Err(Error::OfferClosed(offer)),
            checked => checked?,
        }
        if listing.booking_mode == BookingMode::Approval {
            return Err(Error::ExtensionNeedsApproval(lease.ends_at));
        }
    }
    Ok(listings)
}

/// The tranches that end last.
fn last_of(lease: &Lease) -> impl Iterator<Item = &Tranche> {
    lease.tranches.iter().filter(|tranche| tranche.ends_at == lease.ends_at)
}

fn listing_of<'l>(tranche: &Tranche, listings: &'l [Listing]) -> Result<&'l Listing, Error> {
    let found = listings.iter().find(|listing| listing.offer_id == tranche.offer_id);
    found.ok_or(Error::UnknownOffer(tranche.offer_id))
}

/// What `lease` would hold in addition until `ends_at`.
fn longer(lease: &Lease, ends_at: Timestamp, listings: &[Listing]) -> Asked {
    let lines = last_of(lease).filter_map(|tranche| {
        let listing = listing_of(tranche, listings).ok()?;
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
/// [`Error::State`], [`Error::UnknownTranche`], [`Error::OutsideTranche`], [`Error::NotReleasable`],
/// [`Error::NothingLeft`]; then the lease is as it was.
pub async fn shrink(app: &App, call: Call, id: LeaseId, release: Release) -> Result<Reply, Error> {
    call.require_key()?;
    let mut act = app.begin(&call).await?;
    let now = act.now;
    lease_of(&mut act, id, Side::Tenant).await?;
    let mut change = Change::begin(app, &mut act, Scope::lease(id)).await?;
    check_revision(&change, id)?;
    change.decide(id, Command::Shrink)?;
    let (line, units, period) = check_release(change.lease(id)?, release, now)?;
    let back = change.give_back(id, line, units, period).await?;
    let left = change.lease(id)?;
    if left.tranches.is_empty() || left.ends_at <= now {
        return Err(Error::NothingLeft);
    }
    let cost = change.cost(id, &back.given)?;
    change.charge(id, ChargeKind::Shrink, cost)?;
    let record = Record {
        amendment: Some(AmendmentKind::Shrink),
        terms: json!({
            "tranche_id": release.tranche, "gpus": release.gpus, "from": period.starts_at,
            "charge": cost.charge, "refund": cost.refund,
        }),
        action: Event::LeaseShrunk,
        reason: "",
    };
    change.record(id, record).await?;
    let reply = reply(change, id).await?;
    Ok(act.finish(reply).await?)
}

/// Which units of which line `release` gives back, and for how long.
fn check_release(
    lease: &Lease,
    release: Release,
    now: Timestamp,
) -> Result<(TrancheId, u32, Period), Error> {
    let tranche = lease
        .tranche(release.tranche)
        .ok_or(Error::UnknownTranche { lease: lease.id, tranche: release.tranche })?;
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
    let period = Period { starts_at: from, ends_at: tranche.ends_at };
    Ok((tranche.line, release.gpus / per_unit, period))
}
