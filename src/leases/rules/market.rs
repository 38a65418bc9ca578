//! Ranking what fits a need, and saying why nothing does.

use crate::capacity::{self, Placement, Plane, Units, Window, instant, timestamp};
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
}

/// How `listing` meets `need` at `now`, with its pool's `plane`: at the earliest possible start.
///
/// # Errors
/// The first dimension in which it does not.
pub fn rank(
    listing: &Listing,
    need: &Need,
    plane: &Plane,
    now: Timestamp,
) -> Result<Ranked, NeedRefusal> {
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
    let earliest =
        need.earliest.max(now + listing.lead_time.delta()).max(listing.available.starts_at);
    let latest_start = need.latest.min(listing.available.ends_at) - need.duration.delta();
    if earliest > latest_start {
        return Err(NeedRefusal::Window);
    }
    let within = Units::new(listing.units.0, listing.units.1);
    let placement = placement(listing, need.on_one_island);
    let start =
        earliest_start(plane, within, placement, units, need.duration, (earliest, latest_start));
    let start = start.ok_or(if need.on_one_island {
        NeedRefusal::Island
    } else {
        NeedRefusal::Capacity
    })?;
    let period = Period { starts_at: start, ends_at: start + need.duration.delta() };
    let units_free = plane.profile_within(within).largest(capacity::window(period));
    Ok(Ranked { period, gpus, units, price: listing.rate.price(gpus, period), units_free })
}

/// The planner's placement of a request under `listing`.
pub fn placement(listing: &Listing, on_one_island: bool) -> Placement {
    if on_one_island {
        Placement::Island { units_per_island: listing.units_per_island }
    } else {
        Placement::Any
    }
}

/// The first start in `between` (both ends included) at which `units` are to be had for `duration`.
pub fn earliest_start(
    plane: &Plane,
    within: Units,
    placement: Placement,
    units: u32,
    duration: Span,
    between: (Timestamp, Timestamp),
) -> Option<Timestamp> {
    let length = duration.delta().num_microseconds()?;
    let (mut from, latest) = (instant(between.0), instant(between.1));
    let profile = plane.profile_within(within);
    // By count every start that fits is a start; on an island the starts that can help are those at
    // which something ends, and only so many are tried.
    for _ in 0..200 {
        let start = profile.earliest(units, length, from, latest)?;
        let Placement::Island { units_per_island } = placement else { return timestamp(start) };
        let window = Window::new(start, start.checked_add(length)?);
        if largest_on_island(plane, within, units_per_island, window) >= units {
            return timestamp(start);
        }
        let ends = plane
            .rects()
            .iter()
            .map(|rect| rect.window.until)
            .filter(|&end| end > start && end <= latest);
        from = ends.min()?;
    }
    None
}

/// The most units free throughout `window` on one island.
pub fn largest_on_island(
    plane: &Plane,
    within: Units,
    units_per_island: u32,
    window: Window,
) -> u32 {
    let mut largest = 0;
    let mut current = (0, 0);
    for run in plane.free_over(window, within) {
        let mut from = run.from;
        while from < run.until {
            let island = from / units_per_island.max(1);
            let until = run.until.min((island + 1).saturating_mul(units_per_island.max(1)));
            current = if current.0 == island {
                (island, current.1 + until - from)
            } else {
                (island, until - from)
            };
            largest = largest.max(current.1);
            from = until;
        }
    }
    largest
}
