//! An offer as it is shown.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::listing::Listing;
use super::rules::{BookingMode, CancellationStep, Command, OfferState, Standing, decide};
use super::standing::{ReclaimRecord, reclaim_record};
use crate::accounts::Verification;
use crate::app::App;
use crate::kernel::{Caller, OfferId, OrganizationId, PoolId, Rate, Role, SiteId, Span, TermsId};
use crate::supply::shared::Quantity;
use crate::supply::sites::SiteKind;
use crate::supply::terms::TermsHash;

/// An offer, with its pool, site and provider.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfferView {
    pub id: OfferId,
    name: String,
    state: OfferState,
    revision: i32,
    pool_id: PoolId,
    pool_name: String,
    site_id: SiteId,
    site_name: String,
    site_kind: SiteKind,
    /// `null` in orbit.
    country: Option<String>,
    provider_id: OrganizationId,
    provider_name: String,
    provider_verification: Verification,
    /// How often the provider has taken leases back.
    provider_reclaims: ReclaimRecord,
    accelerator: String,
    gpus_per_unit: u32,
    units_per_island: u32,
    /// First unit of the part of the pool that is offered.
    first_unit: u32,
    /// The first unit after it.
    end_unit: u32,
    /// GPUs of that part.
    gpus: u32,
    /// Its power at the meter.
    #[schema(value_type = String)]
    mw: Decimal,
    kw_per_unit: Quantity,
    pue: Quantity,
    /// Unit numbers are handed out this long before the start.
    pin_lead: Span,
    rate_per_gpu_hour: Rate,
    /// ISO 4217.
    currency: String,
    booking_mode: BookingMode,
    min_gpus: u32,
    max_gpus: u32,
    min_duration: Span,
    max_duration: Span,
    lead_time: Span,
    available_from: DateTime<Utc>,
    available_until: DateTime<Utc>,
    /// Who sees it, for its provider to know; `null` if that is everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<Vec<OrganizationId>>,
    cancellation: Vec<CancellationStep>,
    terms_id: TermsId,
    terms_hash: TermsHash,
    /// What you can do with it now.
    can: Vec<Command>,
    /// What its provider could do and you cannot now, with the reason.
    cannot: BTreeMap<String, String>,
}

impl OfferView {
    /// `listing` as `caller` sees it.
    pub fn of(app: &App, listing: &Listing, caller: Option<&Caller>) -> OfferView {
        let is_own = caller.and_then(Caller::organization) == Some(listing.provider_id);
        let mut view = OfferView {
            id: listing.offer_id,
            name: listing.offer_name.clone(),
            state: listing.state,
            revision: listing.revision,
            pool_id: listing.pool_id,
            pool_name: listing.pool_name.clone(),
            site_id: listing.site_id,
            site_name: listing.site_name.clone(),
            site_kind: listing.site_kind,
            country: listing.country.clone(),
            provider_id: listing.provider_id,
            provider_name: listing.provider_name.clone(),
            provider_verification: listing.provider_verification,
            provider_reclaims: reclaim_record(app, listing.provider_id),
            accelerator: listing.accelerator_id.clone(),
            gpus_per_unit: listing.gpus_per_unit,
            units_per_island: listing.units_per_island,
            first_unit: listing.units.0,
            end_unit: listing.units.1,
            gpus: listing.gpus(listing.units.1 - listing.units.0),
            mw: listing.mw(listing.units.1 - listing.units.0),
            kw_per_unit: Quantity(listing.kw_per_unit),
            pue: Quantity(listing.pue),
            pin_lead: listing.pin_lead,
            rate_per_gpu_hour: listing.rate,
            currency: app.config.currency.clone(),
            booking_mode: listing.booking_mode,
            min_gpus: listing.min_gpus,
            max_gpus: listing.max_gpus,
            min_duration: listing.min_duration,
            max_duration: listing.max_duration,
            lead_time: listing.lead_time,
            available_from: listing.available.starts_at,
            available_until: listing.available.ends_at,
            audience: listing.audience.clone().filter(|_| is_own),
            cancellation: listing.cancellation.clone(),
            terms_id: listing.terms_id,
            terms_hash: listing.terms_hash,
            can: Vec::new(),
            cannot: BTreeMap::new(),
        };
        if is_own {
            view.say_what_can_be_done(
                listing,
                caller.is_some_and(|caller| caller.has_role(Role::Manager)),
            );
        }
        view
    }

    fn say_what_can_be_done(&mut self, listing: &Listing, manages: bool) {
        for command in Command::ALL {
            let name = command.to_string();
            match decide(listing.state, command, Standing::of(listing)) {
                _ if !manages => {
                    let reason = "a viewer may look; a manager or owner does this";
                    self.cannot.insert(name, reason.to_owned());
                }
                Ok(_) => self.can.push(command),
                Err(refusal) => drop(self.cannot.insert(name, refusal.to_string())),
            }
        }
    }
}
