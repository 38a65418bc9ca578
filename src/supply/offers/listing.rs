//! An offer with all that one needs to know to book it, and whether a request fits it.

use rust_decimal::Decimal;

use super::rules::{BookingMode, CancellationStep, OfferState};
use crate::accounts::Verification;
use crate::kernel::time::said;
use crate::kernel::{
    OfferId, OrganizationId, Period, PoolId, Rate, SiteId, Span, TermsId, Timestamp,
};
use crate::supply::sites::{SiteKind, Stage};
use crate::supply::terms::TermsHash;

/// An offer with its pool, site and provider.
#[derive(Debug, Clone)]
pub struct Listing {
    pub offer_id: OfferId,
    pub offer_name: String,
    pub state: OfferState,
    pub revision: i32,
    pub pool_id: PoolId,
    pub pool_name: String,
    pub site_id: SiteId,
    pub site_name: String,
    pub site_kind: SiteKind,
    pub site_stage: Stage,
    /// ISO 3166-1 alpha-2; `None` in orbit.
    pub country: Option<String>,
    pub provider_id: OrganizationId,
    pub provider_name: String,
    pub provider_verification: Verification,
    pub accelerator_id: String,
    pub gpus_per_unit: u32,
    /// Units of the whole pool.
    pub pool_units: u32,
    pub units_per_island: u32,
    /// Electrical, before PUE.
    pub kw_per_unit: Decimal,
    pub pue: Decimal,
    /// Unit numbers are handed out this long before the start.
    pub pin_lead: Span,
    /// The part of the pool that is offered, `[a, b)`.
    pub units: (u32, u32),
    /// Leases lie inside.
    pub available: Period,
    pub rate: Rate,
    pub min_gpus: u32,
    pub max_gpus: u32,
    pub min_duration: Span,
    pub max_duration: Span,
    /// Shortest time from booking to the start.
    pub lead_time: Span,
    /// Who sees it; `None` for everybody.
    pub audience: Option<Vec<OrganizationId>>,
    pub booking_mode: BookingMode,
    /// Longest time first.
    pub cancellation: Vec<CancellationStep>,
    pub terms_id: TermsId,
    pub terms_hash: TermsHash,
    /// Which versions of its rows this is.
    pub stamp: String,
}

/// Why a request does not fit an offer, whatever else is booked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferRefusal {
    #[error("offer {offer} is {state}; only published offers can be booked")]
    NotPublished { offer: OfferId, state: OfferState },
    #[error(
        "the provider of offer {offer} is not verified at present; choose an offer of another one"
    )]
    ProviderNotVerified { offer: OfferId },
    #[error("there is no offer {offer} that you may see")]
    NotInAudience { offer: OfferId },
    #[error(
        "{gpus} GPUs are not whole units of offer {offer}, which has {per_unit} GPUs in a unit; \
         ask for {}", sizes_in_words(.sizes)
    )]
    NotWholeUnits { offer: OfferId, gpus: u32, per_unit: u32, sizes: Vec<u32> },
    #[error("offer {offer} is leased from {min_gpus} GPUs on, and {gpus} were asked for")]
    TooFewGpus { offer: OfferId, gpus: u32, min_gpus: u32 },
    #[error("offer {offer} is leased up to {max_gpus} GPUs at a time, and {gpus} were asked for")]
    TooManyGpus { offer: OfferId, gpus: u32, max_gpus: u32 },
    #[error("offer {offer} is leased for {min_duration} or longer, and {asked} was asked for")]
    TooShort { offer: OfferId, asked: Span, min_duration: Span },
    #[error("offer {offer} is leased for {max_duration} at most, and {asked} was asked for")]
    TooLong { offer: OfferId, asked: Span, max_duration: Span },
    #[error("offer {offer} can start at {} at the earliest when booked now", said(.earliest))]
    TooSoon { offer: OfferId, earliest: Timestamp },
    #[error(
        "offer {offer} is available from {} to {}, and the request is not inside",
        said(&.available.starts_at), said(&.available.ends_at)
    )]
    OutsideAvailable { offer: OfferId, available: Period },
}

fn sizes_in_words(sizes: &[u32]) -> String {
    match sizes {
        [] => "another offer".to_owned(),
        [one] => one.to_string(),
        [below, above, ..] => format!("{below} or {above}"),
    }
}

impl Listing {
    /// Whether `tenant` (`None`: somebody unknown) sees it once it is published.
    pub fn is_visible_to(&self, tenant: Option<OrganizationId>) -> bool {
        match (&self.audience, tenant) {
            (None, _) => true,
            (Some(audience), Some(tenant)) => audience.contains(&tenant),
            (Some(_), None) => false,
        }
    }

    /// Whether `tenant` may lease `gpus` GPUs for `period` when asking at `now`, as far as the offer
    /// itself is concerned; says how many units that is. Whether they are free is the plane's to say.
    ///
    /// # Errors
    /// The first [`OfferRefusal`] that applies.
    pub fn check_request(
        &self,
        gpus: u32,
        period: Period,
        now: Timestamp,
        tenant: OrganizationId,
    ) -> Result<u32, OfferRefusal> {
        self.check_open_to(tenant)?;
        let units = self.check_size(gpus)?;
        self.check_period(period, now)?;
        Ok(units)
    }

    /// Whether `tenant` can get any capacity under the offer.
    ///
    /// # Errors
    /// [`OfferRefusal::NotInAudience`], [`OfferRefusal::NotPublished`], [`OfferRefusal::ProviderNotVerified`].
    pub fn check_open_to(&self, tenant: OrganizationId) -> Result<(), OfferRefusal> {
        let offer = self.offer_id;
        if !self.is_visible_to(Some(tenant)) {
            return Err(OfferRefusal::NotInAudience { offer });
        }
        if self.state != OfferState::Published {
            return Err(OfferRefusal::NotPublished { offer, state: self.state });
        }
        self.check_provider()
    }

    /// Whether the provider is in good standing.
    ///
    /// # Errors
    /// [`OfferRefusal::ProviderNotVerified`].
    pub fn check_provider(&self) -> Result<(), OfferRefusal> {
        match self.provider_verification {
            Verification::Verified => Ok(()),
            _ => Err(OfferRefusal::ProviderNotVerified { offer: self.offer_id }),
        }
    }

    /// Whether a lease under the offer may be made longer, to last for `whole`: inside what is available, not
    /// longer than the offer leases.
    ///
    /// # Errors
    /// [`OfferRefusal::TooLong`], [`OfferRefusal::OutsideAvailable`].
    pub fn check_extension(&self, whole: Period) -> Result<(), OfferRefusal> {
        let offer = self.offer_id;
        let asked = whole.span();
        if asked > self.max_duration {
            return Err(OfferRefusal::TooLong { offer, asked, max_duration: self.max_duration });
        }
        let available = self.available;
        if whole.ends_at > available.ends_at {
            return Err(OfferRefusal::OutsideAvailable { offer, available });
        }
        Ok(())
    }

    /// The units that `gpus` GPUs are.
    ///
    /// # Errors
    /// [`OfferRefusal::TooFewGpus`], [`OfferRefusal::TooManyGpus`], [`OfferRefusal::NotWholeUnits`].
    pub fn check_size(&self, gpus: u32) -> Result<u32, OfferRefusal> {
        let offer = self.offer_id;
        if gpus < self.min_gpus {
            return Err(OfferRefusal::TooFewGpus { offer, gpus, min_gpus: self.min_gpus });
        }
        if gpus > self.max_gpus {
            return Err(OfferRefusal::TooManyGpus { offer, gpus, max_gpus: self.max_gpus });
        }
        let per_unit = self.gpus_per_unit;
        let below = gpus - gpus % per_unit;
        if below == gpus && gpus > 0 {
            return Ok(gpus / per_unit);
        }
        let is_leased = |size: &u32| *size > 0 && (self.min_gpus..=self.max_gpus).contains(size);
        let sizes = [Some(below), below.checked_add(per_unit)];
        let sizes = sizes.into_iter().flatten().filter(is_leased).collect();
        Err(OfferRefusal::NotWholeUnits { offer, gpus, per_unit, sizes })
    }

    fn check_period(&self, period: Period, now: Timestamp) -> Result<(), OfferRefusal> {
        let offer = self.offer_id;
        let asked = period.span();
        if asked < self.min_duration {
            return Err(OfferRefusal::TooShort { offer, asked, min_duration: self.min_duration });
        }
        if asked > self.max_duration {
            return Err(OfferRefusal::TooLong { offer, asked, max_duration: self.max_duration });
        }
        let earliest = now + self.lead_time.delta();
        if period.starts_at < earliest {
            return Err(OfferRefusal::TooSoon { offer, earliest });
        }
        let available = self.available;
        if period.starts_at < available.starts_at || period.ends_at > available.ends_at {
            return Err(OfferRefusal::OutsideAvailable { offer, available });
        }
        Ok(())
    }

    /// Power that `units` units draw at the meter: units × kW per unit × PUE / 1000, to the watt.
    pub fn mw(&self, units: u32) -> Decimal {
        mw(units, self.kw_per_unit, self.pue)
    }

    /// GPUs that `units` units are.
    pub fn gpus(&self, units: u32) -> u32 {
        units.saturating_mul(self.gpus_per_unit)
    }
}

/// Power of `units` units at the meter in MW: units × kW per unit × PUE / 1000, to the watt.
pub fn mw(units: u32, kw_per_unit: Decimal, pue: Decimal) -> Decimal {
    let exact = Decimal::from(units) * kw_per_unit * pue / Decimal::ONE_THOUSAND;
    exact.round_dp(6).normalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn at(hour: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + hour * 3600, 0).unwrap()
    }

    /// 100 units of 8 GPUs, leased from 16 to 80 GPUs, for 2 to 48 hours, three hours ahead.
    fn listing() -> Listing {
        Listing {
            offer_id: OfferId::new(at(0)),
            offer_name: "whole hall".to_owned(),
            state: OfferState::Published,
            revision: 1,
            pool_id: PoolId::new(at(0)),
            pool_name: "hall 1".to_owned(),
            site_id: SiteId::new(at(0)),
            site_name: "Rjukan".to_owned(),
            site_kind: SiteKind::Terrestrial,
            site_stage: Stage::Operational,
            country: Some("NO".to_owned()),
            provider_id: OrganizationId::new(at(0)),
            provider_name: "Cloud".to_owned(),
            provider_verification: Verification::Verified,
            accelerator_id: "h100-sxm".to_owned(),
            gpus_per_unit: 8,
            pool_units: 100,
            units_per_island: 100,
            kw_per_unit: Decimal::new(102, 1),
            pue: Decimal::new(11, 1),
            pin_lead: Span::days(1),
            units: (0, 100),
            available: Period { starts_at: at(0), ends_at: at(100) },
            rate: "2.50".parse().unwrap(),
            min_gpus: 16,
            max_gpus: 80,
            min_duration: Span::hours(2),
            max_duration: Span::hours(48),
            lead_time: Span::hours(3),
            audience: None,
            booking_mode: BookingMode::Instant,
            cancellation: Vec::new(),
            terms_id: TermsId::new(at(0)),
            terms_hash: TermsHash::of(b"[]"),
            stamp: String::new(),
        }
    }

    fn check(listing: &Listing, gpus: u32, from: i64, until: i64) -> Result<u32, OfferRefusal> {
        let period = Period { starts_at: at(from), ends_at: at(until) };
        listing.check_request(gpus, period, at(0), OrganizationId::new(at(0)))
    }

    #[test]
    fn a_request_fits_up_to_every_bound() {
        for (gpus, from, until) in [(16, 3, 5), (80, 52, 100), (40, 3, 51)] {
            assert_eq!(check(&listing(), gpus, from, until), Ok(gpus / 8), "{gpus} {from} {until}");
        }
    }

    #[test]
    fn every_refusal_names_what_is_in_the_way() {
        for (gpus, from, until, sentence) in [
            (8, 3, 5, "from 16 GPUs on"),
            (88, 3, 5, "up to 80 GPUs"),
            (20, 3, 5, "ask for 16 or 24"),
            (77, 3, 5, "ask for 72 or 80"),
            (16, 3, 4, "for PT2H or longer"),
            (16, 3, 52, "for P2D at most"),
            (16, 2, 5, "can start at"),
            (16, 99, 101, "is available from"),
        ] {
            let refusal = check(&listing(), gpus, from, until).unwrap_err().to_string();
            assert!(refusal.contains(sentence), "{sentence}: {refusal}");
        }
        let odd = Listing { min_gpus: 17, max_gpus: 23, ..listing() };
        assert!(check(&odd, 18, 3, 5).unwrap_err().to_string().contains("ask for another offer"));
    }

    #[test]
    fn what_is_not_on_the_market_for_a_tenant_is_refused_first() {
        let friend = OrganizationId::new(at(1));
        let closed = Listing { audience: Some(vec![friend]), ..listing() };
        assert!(matches!(check(&closed, 1, 0, 0), Err(OfferRefusal::NotInAudience { .. })));
        assert!(closed.is_visible_to(Some(friend)) && !closed.is_visible_to(None));
        for state in [OfferState::Draft, OfferState::Paused, OfferState::Archived] {
            let refused = check(&Listing { state, ..listing() }, 16, 3, 5);
            assert!(matches!(refused, Err(OfferRefusal::NotPublished { .. })));
        }
        for provider_verification in [Verification::Unverified, Verification::Suspended] {
            let refused = check(&Listing { provider_verification, ..listing() }, 16, 3, 5);
            assert!(matches!(refused, Err(OfferRefusal::ProviderNotVerified { .. })));
        }
    }

    #[test]
    fn power_is_units_times_kilowatts_times_pue() {
        assert_eq!(listing().mw(100).to_string(), "1.122");
        assert_eq!(listing().gpus(100), 800);
    }
}
