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
use crate::leases::rules::{
    self, Lease, PlacementWish, QuoteState, Schedule, Status, Tranche, held,
};
use crate::leases::store::quotes::Quote;
use crate::quotas::{self, Holding, Place};
use crate::supply::{BookingMode, Listing};

/// Offers by their ids.
pub type Listings = HashMap<OfferId, Listing>;

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
        let lines = lines.map(|(tranche, place)| held(tranche, place.clone())).collect();
        let asked_until = (self.mode == BookingMode::Approval).then_some(self.lease.starts_at);
        holding(self.lease.project_id, open_until.or(asked_until), lines)
    }

    /// The pools that it needs.
    pub fn pools(&self) -> impl Iterator<Item = PoolId> {
        self.bookings.iter().map(|booking| booking.pool)
    }
}

/// What `lines` are as quotas count them: a request or hold, open until `open_until`, or else signed.
pub fn holding(
    project: Option<ProjectId>,
    open_until: Option<Timestamp>,
    lines: Vec<quotas::Line>,
) -> Holding {
    let open_until = open_until.map(|at| at.timestamp_micros());
    Holding { project, is_signed: open_until.is_none(), open_until, lines }
}

/// Who signs a lease.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    pub tenant: OrganizationId,
    pub party: &'a Party,
    /// The person or key.
    pub created_by: Uuid,
}

/// The lease that `request` comes to at `now`, before it is placed.
///
/// # Errors
/// What an offer refuses, and mixtures that one lease cannot hold.
pub fn draft(
    request: &Request,
    listings: &Listings,
    signer: Signer<'_>,
    lease_id: LeaseId,
    now: Timestamp,
) -> Result<Draft, Error> {
    let lines = (0..).zip(&request.lines).map(|(number, line)| {
        let listing = listings.get(&line.offer_id).ok_or(Error::UnknownOffer(line.offer_id))?;
        let units = listing.check_request(line.gpus, line.period, now, signer.tenant)?;
        let id = TrancheId::new(now);
        Ok(Tranche {
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
        })
    });
    let tranches = lines.collect::<Result<Vec<Tranche>, Error>>()?;
    check_alike(&tranches, listings)?;
    let asked = (request.placement(), request.project_id, None);
    assemble(tranches, listings, asked, signer, lease_id, now)
}

/// The lease that `quote` comes to when it is used at `now`: the quote's word on lines and prices stands.
/// The offer may have changed since, and is asked anew; but what was reserved for a tenant was promised to
/// it, and only the provider's standing is asked. A quote that is used after its start begins at `now`, and
/// the time before costs nothing.
///
/// # Errors
/// What an offer refuses, and mixtures that one lease cannot hold; [`Error::QuoteClosed`] if its time is over.
pub fn draft_of_quote(
    quote: &Quote,
    listings: &Listings,
    signer: Signer<'_>,
    lease_id: LeaseId,
    now: Timestamp,
) -> Result<Draft, Error> {
    for line in &quote.tranches {
        let listing = listings.get(&line.offer_id).ok_or(Error::UnknownOffer(line.offer_id))?;
        if quote.is_reserved {
            listing.check_provider()?;
        } else {
            listing.check_request(line.gpus, line.period(), quote.created_at, signer.tenant)?;
        }
    }
    if !quote.is_reserved {
        check_alike(&quote.tranches, listings)?;
    }
    let left = quote.tranches.iter().filter(|line| line.ends_at > now);
    let tranches: Vec<Tranche> = left.map(|line| from_then_on(line, now)).collect();
    if tranches.is_empty() {
        return Err(Error::QuoteClosed { id: quote.id, state: QuoteState::Expired });
    }
    let asked = (quote.placement, quote.project_id, Some(quote));
    assemble(tranches, listings, asked, signer, lease_id, now)
}

/// What `line` is from `now` on.
fn from_then_on(line: &Tranche, now: Timestamp) -> Tranche {
    if line.starts_at >= now {
        return line.clone();
    }
    let period = Period { starts_at: now, ends_at: line.ends_at };
    Tranche { starts_at: now, price: line.rate.price(line.gpus, period), ..line.clone() }
}

fn assemble(
    tranches: Vec<Tranche>,
    listings: &Listings,
    (placement, project_id, quote): (PlacementWish, Option<ProjectId>, Option<&Quote>),
    signer: Signer<'_>,
    lease_id: LeaseId,
    now: Timestamp,
) -> Result<Draft, Error> {
    let listing_of = |offer| listings.get(&offer).ok_or(Error::UnknownOffer(offer));
    let first = tranches.first().ok_or(Error::TrancheCount(0))?;
    let listing = listing_of(first.offer_id)?;
    let mode = match quote {
        Some(quote) if quote.is_reserved => BookingMode::Instant,
        _ => listing.booking_mode,
    };
    let is_request = mode == BookingMode::Approval;
    let mut bookings = Vec::with_capacity(tranches.len());
    let mut places = Vec::with_capacity(tranches.len());
    for tranche in &tranches {
        let listing = listing_of(tranche.offer_id)?;
        bookings.push(Booking {
            pool: tranche.pool_id,
            owner: Owner {
                id: tranche.line.0,
                subject: lease_id.0,
                organization: Some(signer.tenant),
            },
            purpose: if is_request { Purpose::Hold } else { Purpose::Lease },
            units: tranche.units,
            period: tranche.period(),
            within: Units::new(listing.units.0, listing.units.1),
            placement: rules::placement(listing, placement == PlacementWish::Island),
            pin_lead: listing.pin_lead,
        });
        places.push(place(listing));
    }
    let schedule = Schedule::kept(tranches);
    let period = schedule.period().ok_or(Error::TrancheCount(0))?;
    let lease = Lease {
        id: lease_id,
        tenant_id: signer.tenant,
        provider_id: listing.provider_id,
        project_id,
        tenant_name: signer.party.name.clone(),
        tenant_verification: signer.party.verification,
        provider_name: listing.provider_name.clone(),
        quote_id: quote.map(|quote| quote.id),
        status: status_when_signed(mode, period.starts_at, now),
        starts_at: period.starts_at,
        ends_at: period.ends_at,
        placement,
        terms_hash: listing.terms_hash,
        cancellation: listing.cancellation.clone(),
        revision: 1,
        created_by: signer.created_by,
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

/// Where the capacity of `listing` is, and of what kind.
pub fn place(listing: &Listing) -> Arc<Place> {
    let accelerator = listing.accelerator_id.clone();
    Arc::new(Place { accelerator, site: listing.site_id })
}

/// A lease that waits for nobody is scheduled, and active if it starts at once.
fn status_when_signed(mode: BookingMode, starts_at: Timestamp, now: Timestamp) -> Status {
    match mode {
        BookingMode::Approval => Status::Requested,
        BookingMode::Instant if starts_at <= now => Status::Active,
        BookingMode::Instant => Status::Scheduled,
    }
}

/// Whether one lease can hold all of `tranches`.
fn check_alike(tranches: &[Tranche], listings: &Listings) -> Result<(), Error> {
    let mut offered = tranches.iter().filter_map(|tranche| listings.get(&tranche.offer_id));
    let Some(first) = offered.next() else { return Ok(()) };
    for other in offered {
        if first.provider_id != other.provider_id {
            return Err(Error::MixedProviders);
        }
        let is_alike = first.terms_hash == other.terms_hash
            && first.booking_mode == other.booking_mode
            && first.cancellation == other.cancellation;
        if !is_alike {
            return Err(Error::MixedTerms);
        }
    }
    Ok(())
}
