//! From a request to a lease that is ready to be placed and signed. Pure but for what it is handed.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::accounts::Party;
use crate::capacity::{Booking, Owner, Purpose, Units};
use crate::kernel::time::NotAPeriod;
use crate::kernel::{
    LeaseId, OfferId, OrganizationId, Period, PoolId, ProjectId, Timestamp, TrancheId,
};
use crate::leases::error::Error;
use crate::leases::rules::{Lease, PlacementWish, Schedule, Status, Tranche, held, placement};
use crate::quotas::{Holding, Place};
use crate::supply::{BookingMode, Listing};

/// What a tenant asks for.
#[derive(Debug, Clone)]
pub struct Request {
    pub lines: Vec<Line>,
    pub on_one_island: bool,
    pub project_id: Option<ProjectId>,
}

/// One line of what is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub offer_id: OfferId,
    pub gpus: u32,
    pub period: Period,
}

impl Request {
    /// A request out of unchecked lines `(offer, GPUs, start, end)`.
    ///
    /// # Errors
    /// [`Error::TrancheCount`], [`Error::Period`].
    pub fn new(
        lines: Vec<(OfferId, u32, Timestamp, Timestamp)>,
        on_one_island: bool,
        project_id: Option<ProjectId>,
    ) -> Result<Request, Error> {
        if !(1..=100).contains(&lines.len()) {
            return Err(Error::TrancheCount(lines.len()));
        }
        let checked = |(number, (offer_id, gpus, starts_at, ends_at))| {
            let period = Period::new(starts_at, ends_at);
            let period = period.map_err(|error: NotAPeriod| Error::Period { number, error })?;
            Ok(Line { offer_id, gpus, period })
        };
        let lines = lines.into_iter().enumerate().map(checked).collect::<Result<_, Error>>()?;
        Ok(Request { lines, on_one_island, project_id })
    }

    /// The offers that it names.
    pub fn offers(&self) -> Vec<OfferId> {
        self.lines.iter().map(|line| line.offer_id).collect()
    }

    /// How its units are to lie.
    pub fn placement(&self) -> PlacementWish {
        if self.on_one_island { PlacementWish::Island } else { PlacementWish::Any }
    }
}

/// A lease that is ready to be placed.
#[derive(Debug)]
pub struct Draft {
    pub lease: Lease,
    pub mode: BookingMode,
    /// What it needs of each plane, a booking a tranche.
    pub bookings: Vec<Booking>,
    /// Where, a place a tranche.
    pub places: Vec<Arc<Place>>,
}

impl Draft {
    /// What it will hold, as quotas count it; a request or hold is open until `open_until`.
    pub fn holding(&self, open_until: Option<Timestamp>) -> Holding {
        let lines = self.lease.tranches.iter().zip(&self.places);
        Holding {
            project: self.lease.project_id,
            is_signed: self.mode == BookingMode::Instant && open_until.is_none(),
            open_until: open_until
                .or((self.mode == BookingMode::Approval).then_some(self.lease.starts_at))
                .map(|at| at.timestamp_micros()),
            lines: lines.map(|(tranche, place)| held(tranche, place.clone())).collect(),
        }
    }
}

impl Draft {
    /// The pools that it needs.
    pub fn pools(&self) -> impl Iterator<Item = PoolId> {
        self.bookings.iter().map(|booking| booking.pool)
    }
}

/// The lease that `request` of `tenant` comes to at `now`, before it is placed.
///
/// # Errors
/// What an offer refuses, and mixtures that one lease cannot hold.
pub fn draft(
    request: &Request,
    listings: &HashMap<OfferId, Listing>,
    tenant: (OrganizationId, &Party),
    created_by: Uuid,
    lease_id: LeaseId,
    now: Timestamp,
) -> Result<Draft, Error> {
    let (tenant_id, party) = tenant;
    let mut tranches = Vec::with_capacity(request.lines.len());
    let mut bookings = Vec::with_capacity(request.lines.len());
    let mut places = Vec::with_capacity(request.lines.len());
    let mut first: Option<&Listing> = None;
    for (number, line) in (0..).zip(&request.lines) {
        let listing = listings.get(&line.offer_id).ok_or(Error::UnknownOffer(line.offer_id))?;
        let units = listing.check_request(line.gpus, line.period, now, tenant_id)?;
        check_alike(first.get_or_insert(listing), listing)?;
        let id = TrancheId::new(now);
        let tranche = Tranche {
            id,
            line: id,
            number,
            offer_id: listing.offer_id,
            pool_id: listing.pool_id,
            units,
            gpus: line.gpus,
            mw: listing.mw(units),
            starts_at: line.period.starts_at,
            ends_at: line.period.ends_at,
            rate: listing.rate,
            price: listing.rate.price(line.gpus, line.period),
        };
        bookings.push(Booking {
            pool: listing.pool_id,
            owner: Owner { id: tranche.id.0, subject: lease_id.0, organization: Some(tenant_id) },
            purpose: if listing.booking_mode == BookingMode::Approval {
                Purpose::Hold
            } else {
                Purpose::Lease
            },
            units,
            period: line.period,
            within: Units::new(listing.units.0, listing.units.1),
            placement: placement(listing, request.on_one_island),
            pin_lead: listing.pin_lead,
        });
        places.push(place(listing));
        tranches.push(tranche);
    }
    let listing = first.ok_or(Error::TrancheCount(0))?;
    let starts_at = tranches.iter().map(|tranche| tranche.starts_at).min().unwrap_or(now);
    let ends_at = tranches.iter().map(|tranche| tranche.ends_at).max().unwrap_or(now);
    let lease = Lease {
        id: lease_id,
        tenant_id,
        provider_id: listing.provider_id,
        project_id: request.project_id,
        tenant_name: party.name.clone(),
        tenant_verification: party.verification,
        provider_name: listing.provider_name.clone(),
        quote_id: None,
        status: status_when_signed(listing.booking_mode, starts_at, now),
        starts_at,
        ends_at,
        placement: request.placement(),
        terms_hash: listing.terms_hash,
        cancellation: listing.cancellation.clone(),
        revision: 1,
        created_by,
        created_at: now,
        noticed: false,
        delayed_until: None,
        suspended_until: None,
        end: None,
        tranches: Schedule::kept(tranches),
        charges: Vec::new(),
    };
    Ok(Draft { lease, mode: listing.booking_mode, bookings, places })
}

/// Where the capacity of `listing` is, and of what kind.
pub fn place(listing: &Listing) -> Arc<Place> {
    let accelerator = listing.accelerator_id.clone();
    Arc::new(Place { accelerator, site: listing.site_id })
}

/// A lease that waits for nobody is scheduled, and active if it starts at once.
pub fn status_when_signed(mode: BookingMode, starts_at: Timestamp, now: Timestamp) -> Status {
    match mode {
        BookingMode::Approval => Status::Requested,
        BookingMode::Instant if starts_at <= now => Status::Active,
        BookingMode::Instant => Status::Scheduled,
    }
}

fn check_alike(first: &Listing, other: &Listing) -> Result<(), Error> {
    if first.provider_id != other.provider_id {
        return Err(Error::MixedProviders);
    }
    let is_alike = first.terms_hash == other.terms_hash
        && first.booking_mode == other.booking_mode
        && first.cancellation == other.cancellation;
    if is_alike { Ok(()) } else { Err(Error::MixedTerms) }
}
