//! Ranking what fits a need, and saying why nothing does.

use chrono::TimeDelta;

use crate::capacity::{
    self, Placement, Plane, Request, Units, Window, earliest_start, instant, timestamp,
};
use crate::kernel::{Money, Period, Rate, Span, Timestamp};
use crate::supply::Listing;

/// What a tenant looks for.
#[derive(Debug, Clone)]
pub struct Need {
    pub gpus: u32,
    pub duration: Span,
    /// First instant at which it may start.
    pub earliest: Timestamp,
    /// Instant by which it must have ended.
    pub latest: Timestamp,
    pub accelerators: Option<Vec<String>>,
    pub countries: Option<Vec<String>>,
    pub max_rate: Option<Rate>,
    pub on_one_island: bool,
}

/// How an offer meets a need.
#[derive(Debug, Clone)]
pub struct Ranked {
    pub period: Period,
    /// Whole units: as many GPUs as needed, or a few more.
    pub gpus: u32,
    pub units: u32,
    pub price: Money,
    /// Units free throughout the period.
    pub units_free: u32,
}

/// Why an offer does not meet a need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NeedRefusal {
    Accelerator,
    Country,
    Rate,
    Size,
    Duration,
    Window,
    Capacity,
    Island,
    Clause,
}

impl NeedRefusal {
    /// In a word, as on the wire.
    pub fn code(self) -> &'static str {
        match self {
            NeedRefusal::Accelerator => "accelerator",
            NeedRefusal::Country => "country",
            NeedRefusal::Rate => "rate",
            NeedRefusal::Size => "size",
            NeedRefusal::Duration => "duration",
            NeedRefusal::Window => "window",
            NeedRefusal::Capacity => "capacity",
            NeedRefusal::Island => "island",
            NeedRefusal::Clause => "clause",
        }
    }

    /// The way out.
    pub fn hint(self) -> &'static str {
        match self {
            NeedRefusal::Accelerator => "allow other accelerators",
            NeedRefusal::Country => "allow other countries",
            NeedRefusal::Rate => "pay more per GPU-hour",
            NeedRefusal::Size => "ask for a number of GPUs that the offers lease at a time",
            NeedRefusal::Duration => "ask for a duration that the offers allow",
            NeedRefusal::Window => {
                "start later or end later: the offers are not available in this window"
            }
            NeedRefusal::Capacity => "ask for fewer GPUs, a shorter time or a wider window",
            NeedRefusal::Clause => {
                "the offers that would fit have other reclaim terms: ask for less of the clauses"
            }
            NeedRefusal::Island => "allow placement \"any\", or ask for fewer GPUs",
        }
    }
}

/// How long an option can be booked at least, if nobody else books the units: lead times are reckoned from
/// the end of that time.
const STANDS: TimeDelta = TimeDelta::minutes(5);

/// What a need asks of a plane, once an offer allows it.
#[derive(Debug, Clone)]
pub struct Fit {
    /// At the first start that is allowed.
    pub request: Request,
    /// The last start that is allowed.
    pub latest: Timestamp,
    pub gpus: u32,
}

/// What `need` comes to under `listing` at `now`.
///
/// # Errors
/// The first dimension in which the offer does not allow it.
pub fn fit(listing: &Listing, need: &Need, now: Timestamp) -> Result<Fit, NeedRefusal> {
    let is_among = |wanted: &Option<Vec<String>>, has: Option<&String>| {
        wanted.as_ref().is_none_or(|wanted| has.is_some_and(|has| wanted.contains(has)))
    };
    if !is_among(&need.accelerators, Some(&listing.accelerator_id)) {
        return Err(NeedRefusal::Accelerator);
    }
    if !is_among(&need.countries, listing.country.as_ref()) {
        return Err(NeedRefusal::Country);
    }
    if need.max_rate.is_some_and(|most| listing.rate > most) {
        return Err(NeedRefusal::Rate);
    }
    let units = need.gpus.max(listing.min_gpus).div_ceil(listing.gpus_per_unit);
    let gpus = units.checked_mul(listing.gpus_per_unit).ok_or(NeedRefusal::Size)?;
    if listing.check_size(gpus).is_err() {
        return Err(NeedRefusal::Size);
    }
    if need.duration < listing.min_duration || need.duration > listing.max_duration {
        return Err(NeedRefusal::Duration);
    }
    let latest = need.latest.min(listing.available.ends_at) - need.duration.delta();
    // A window that is too tight for what stands for a while is still met by whoever is quick.
    let first = need.earliest.max(now + listing.lead_time.delta()).max(listing.available.starts_at);
    let starts_at = soonest(listing, need.earliest, now).min(latest.max(first));
    if starts_at > latest {
        return Err(NeedRefusal::Window);
    }
    let period = Period { starts_at, ends_at: starts_at + need.duration.delta() };
    Ok(Fit { request: request(listing, units, period, need.on_one_island), latest, gpus })
}

/// How `fit`, made of `listing`, is met at `now` on its pool's `plane`: at the earliest start at which the
/// planner finds room, looking for at most `effort` arrangements.
///
/// # Errors
/// [`NeedRefusal::Capacity`], [`NeedRefusal::Island`].
pub fn rank(
    fit: &Fit,
    listing: &Listing,
    plane: &Plane,
    now: Timestamp,
    effort: usize,
) -> Result<Ranked, NeedRefusal> {
    let start = earliest_start(plane, &fit.request, instant(fit.latest), instant(now), effort);
    let start = start.and_then(|start| Some((start, timestamp(start)?)));
    let (from, starts_at) = start.ok_or(match fit.request.placement {
        Placement::Island { .. } => NeedRefusal::Island,
        Placement::Any => NeedRefusal::Capacity,
    })?;
    let until = from.saturating_add(fit.length());
    let ends_at = timestamp(until).ok_or(NeedRefusal::Window)?;
    let period = Period { starts_at, ends_at };
    let profile = plane.profile_within(fit.request.within);
    Ok(Ranked {
        period,
        gpus: fit.gpus,
        units: fit.request.units,
        price: listing.rate.price(fit.gpus, period),
        units_free: profile.largest(Window::new(from, until)),
    })
}

impl Fit {
    /// The first start at which the units are free on `plane` by count. No other can be earlier.
    pub fn start_by_count(&self, plane: &Plane) -> Option<Timestamp> {
        let Request { units, window, within, .. } = self.request;
        let latest = instant(self.latest);
        timestamp(plane.profile_within(within).earliest(
            units,
            self.length(),
            window.from,
            latest,
        )?)
    }

    /// Microseconds.
    fn length(&self) -> i64 {
        self.request.window.until.saturating_sub(self.request.window.from)
    }
}

/// The first start from `wanted` on that `listing` allows to whoever books within [`STANDS`] from `now`: on
/// a full minute, unless it is `wanted` or the day from which the offer is available.
pub fn soonest(listing: &Listing, wanted: Timestamp, now: Timestamp) -> Timestamp {
    const MINUTE: i64 = 60_000_000;
    let booked_last = now + listing.lead_time.delta() + STANDS;
    let over = booked_last.timestamp_micros().rem_euclid(MINUTE);
    let full = booked_last + TimeDelta::microseconds(if over == 0 { 0 } else { MINUTE - over });
    let start = if wanted >= booked_last { wanted } else { full };
    start.max(listing.available.starts_at)
}

/// `units` units of `listing` for `period`, as the planner is asked for them.
pub fn request(listing: &Listing, units: u32, period: Period, on_one_island: bool) -> Request {
    Request {
        units,
        window: capacity::window(period),
        within: Units::new(listing.units.0, listing.units.1),
        placement: placement(listing, on_one_island),
        prefer: Vec::new(),
    }
}

/// The planner's placement of a request under `listing`.
pub fn placement(listing: &Listing, on_one_island: bool) -> Placement {
    if on_one_island {
        Placement::Island { units_per_island: listing.units_per_island }
    } else {
        Placement::Any
    }
}
