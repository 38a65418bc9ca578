//! What a search shows: the offers that fit, or why none does.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::PartyView;
use crate::app::App;
use crate::kernel::{Money, OfferId, PoolId, Rate, SiteId};
use crate::leases::rules::{NeedRefusal, Ranked};
use crate::supply::{
    BookingMode, CancellationStep, Listing, ReclaimRecord, TermsHash, reclaim_record,
};

/// What fits, or why nothing does.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchView {
    /// The cheapest first, then the earliest.
    pub options: Vec<OptionView>,
    /// How many offers fit in all.
    pub fitting: usize,
    /// How many offers were looked at.
    pub considered: usize,
    /// Why nothing fits: how many offers fail in which dimension, most first.
    pub why_none: Vec<WhyNone>,
}

/// A dimension in which offers fail.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhyNone {
    /// `accelerator`, `country`, `rate`, `size`, `duration`, `window`, `capacity`, `island` or
    /// `clause`.
    pub dimension: &'static str,
    /// How many offers fail in it first.
    pub offers: usize,
    /// The way out.
    pub hint: &'static str,
}

impl WhyNone {
    /// The dimensions of `failed`, each with the number of offers that fail in it; most offers first.
    pub fn of(failed: &BTreeMap<NeedRefusal, usize>) -> Vec<WhyNone> {
        let mut why: Vec<WhyNone> = failed
            .iter()
            .map(|(&refusal, &offers)| WhyNone {
                dimension: refusal.code(),
                offers,
                hint: refusal.hint(),
            })
            .collect();
        why.sort_by_key(|why| Reverse(why.offers));
        why
    }
}

/// An offer that fits a need, and how.
#[derive(Debug, Serialize, ToSchema)]
pub struct OptionView {
    pub offer_id: OfferId,
    pub offer_name: String,
    pub provider: PartyView,
    pub site_id: SiteId,
    pub site_name: String,
    /// `null` in orbit.
    pub country: Option<String>,
    pub pool_id: PoolId,
    pub accelerator: String,
    pub gpus: u32,
    pub units: u32,
    /// Units free throughout the period, these included.
    pub units_free: u32,
    #[schema(value_type = String)]
    pub mw: Decimal,
    /// The earliest possible.
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub rate_per_gpu_hour: Rate,
    pub price: Money,
    pub currency: String,
    pub booking_mode: BookingMode,
    #[schema(value_type = String)]
    pub terms_hash: TermsHash,
    /// How often the provider has taken leases back.
    pub provider_reclaims: ReclaimRecord,
    pub cancellation: Vec<CancellationStep>,
}

impl OptionView {
    /// The view of `listing` as `ranked`.
    pub fn new(listing: &Listing, ranked: &Ranked, app: &App) -> OptionView {
        OptionView {
            offer_id: listing.offer_id,
            offer_name: listing.offer_name.clone(),
            provider: PartyView { id: listing.provider_id, name: listing.provider_name.clone() },
            site_id: listing.site_id,
            site_name: listing.site_name.clone(),
            country: listing.country.clone(),
            pool_id: listing.pool_id,
            accelerator: listing.accelerator_id.clone(),
            gpus: ranked.gpus,
            units: ranked.units,
            units_free: ranked.units_free,
            mw: listing.mw(ranked.units),
            starts_at: ranked.period.starts_at,
            ends_at: ranked.period.ends_at,
            rate_per_gpu_hour: listing.rate,
            price: ranked.price,
            currency: app.config.currency.clone(),
            booking_mode: listing.booking_mode,
            terms_hash: listing.terms_hash,
            provider_reclaims: reclaim_record(app, listing.provider_id),
            cancellation: listing.cancellation.clone(),
        }
    }
}
