//! What a refused request could be instead.

use serde::Serialize;

use super::search;
use crate::api::Problem;
use crate::app::App;
use crate::capacity::{self, Plane, Units, window};
use crate::kernel::{OfferId, OrganizationId, Period, Rate, Span, Timestamp};
use crate::leases::desk::draft::{Line, Request};
use crate::leases::rules::{Need, earliest_start, largest_on_island, placement, rank};
use crate::supply::{self, Listing};

/// Something that would be accepted as things stand.
#[derive(Debug, Serialize)]
pub struct Alternative {
    /// `earliest_start`, `largest_size` or `other_pool`.
    pub kind: &'static str,
    pub offer_id: OfferId,
    pub gpus: u32,
    #[serde(flatten)]
    pub period: Period,
    pub rate_per_gpu_hour: Rate,
}

/// Up to three alternatives to the first line of `request` that does not fit: the earliest start for the
/// same size, the largest size for the same period, the cheapest other pool.
///
/// # Errors
/// Those of the database.
pub async fn find(
    app: &App,
    tenant: OrganizationId,
    request: &Request,
) -> Result<Vec<Alternative>, Problem> {
    let now = app.now();
    let mut connection = app.db.acquire().await?;
    let listings = supply::listings(&mut connection, &request.offers()).await?;
    let lines = request.lines.iter().filter_map(|line| {
        Some((line, listings.iter().find(|listing| listing.offer_id == line.offer_id)?))
    });
    let planes = capacity::planes(app);
    let mut lines: Vec<(&Line, &Listing)> = lines.collect();
    lines.sort_by_key(|(line, listing)| {
        let units = line.gpus / listing.gpus_per_unit.max(1);
        planes.look(listing.pool_id, |plane| {
            largest(plane, listing, request.on_one_island, line.period) >= units
        })
    });
    let Some(&(line, listing)) = lines.first() else { return Ok(Vec::new()) };
    let on_island = request.on_one_island;
    let same = planes.look(listing.pool_id, |plane| {
        [
            later(plane, listing, line, on_island, now),
            smaller(plane, listing, line, on_island, tenant, now),
        ]
    });
    let mut found: Vec<Alternative> = same.into_iter().flatten().flatten().collect();
    let need = Need {
        gpus: line.gpus,
        duration: line.period.span(),
        earliest: line.period.starts_at,
        latest: line.period.ends_at,
        accelerators: Some(vec![listing.accelerator_id.clone()]),
        countries: None,
        max_rate: None,
        on_one_island: on_island,
    };
    let others = search::market_for(app, &mut connection, tenant, &need).await?;
    let others = others.iter().filter(|other| other.pool_id != listing.pool_id);
    let ranked = others.filter_map(|other| {
        let ranked = planes.look(other.pool_id, |plane| rank(other, &need, plane, now))?.ok()?;
        Some((other, ranked))
    });
    if let Some((other, ranked)) =
        ranked.min_by_key(|(other, ranked)| (other.rate, ranked.period.starts_at))
    {
        found.push(Alternative {
            kind: "other_pool",
            offer_id: other.offer_id,
            gpus: ranked.gpus,
            period: ranked.period,
            rate_per_gpu_hour: other.rate,
        });
    }
    Ok(found)
}

fn later(
    plane: &Plane,
    listing: &Listing,
    line: &Line,
    on_island: bool,
    now: Timestamp,
) -> Option<Alternative> {
    let duration = Span::from_seconds(line.period.seconds()).ok()?;
    let earliest =
        line.period.starts_at.max(now + listing.lead_time.delta()).max(listing.available.starts_at);
    let latest = listing.available.ends_at - duration.delta();
    let units = line.gpus / listing.gpus_per_unit.max(1);
    let within = Units::new(listing.units.0, listing.units.1);
    let place = placement(listing, on_island);
    let starts_at = earliest_start(plane, within, place, units, duration, (earliest, latest))?;
    let period = Period { starts_at, ends_at: starts_at + duration.delta() };
    (period != line.period).then_some(Alternative {
        kind: "earliest_start",
        offer_id: listing.offer_id,
        gpus: line.gpus,
        period,
        rate_per_gpu_hour: listing.rate,
    })
}

fn smaller(
    plane: &Plane,
    listing: &Listing,
    line: &Line,
    on_island: bool,
    tenant: OrganizationId,
    now: Timestamp,
) -> Option<Alternative> {
    let units = largest(plane, listing, on_island, line.period);
    let gpus = listing.gpus(units).min(line.gpus);
    listing.check_request(gpus, line.period, now, tenant).ok()?;
    (gpus < line.gpus).then_some(Alternative {
        kind: "largest_size",
        offer_id: listing.offer_id,
        gpus,
        period: line.period,
        rate_per_gpu_hour: listing.rate,
    })
}

/// The most units that can be had for the whole of `period`.
fn largest(plane: &Plane, listing: &Listing, on_island: bool, period: Period) -> u32 {
    let within = Units::new(listing.units.0, listing.units.1);
    if on_island {
        largest_on_island(plane, within, listing.units_per_island, window(period))
    } else {
        plane.profile_within(within).largest(window(period))
    }
}
