//! What a refused request could be instead.

use serde::Serialize;

use super::draft::{Request, holding, place};
use super::search;
use crate::accounts;
use crate::api::Problem;
use crate::app::App;
use crate::capacity::{
    self, Plane, Planes, earliest_start, instant, largest_size, place_without_moves, timestamp,
};
use crate::kernel::{OfferId, OrganizationId, Period, ProjectId, Rate, Timestamp};
use crate::leases::rules::{self, Need, line};
use crate::leases::store::holdings::read_holdings;
use crate::quotas::{self, Asked};
use crate::supply::{self, BookingMode, Listing};

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

/// Arrangements that are looked for, for each alternative, where units have to be moved.
const EFFORT: usize = 12;

/// Up to three alternatives to the first line of `request` that does not fit: the earliest start for the
/// same size, the largest size for the same period, the cheapest other pool. Each is a request of one line
/// for which the planner finds room now, and which its offer and the quotas of `tenant` allow.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn find(
    app: &App,
    tenant: OrganizationId,
    request: &Request,
) -> Result<Vec<Alternative>, Problem> {
    let now = app.now();
    let mut connection = app.db.acquire().await?;
    let listings = supply::listings(&mut connection, &request.offers()).await?;
    let planes = capacity::planes(app);
    let Some((refused, plane)) = refused(&planes, request, &listings, now) else {
        return Ok(Vec::new());
    };
    let need = Need {
        gpus: refused.gpus,
        duration: refused.period.span(),
        earliest: refused.period.starts_at,
        latest: refused.period.ends_at,
        accelerators: Some(vec![refused.listing.accelerator_id.clone()]),
        countries: None,
        max_rate: None,
        on_one_island: refused.on_island,
    };
    let mut others = search::market_for(app, &mut connection, tenant, &need).await?;
    drop(connection);
    others.retain(|other| other.pool_id != refused.listing.pool_id);
    let other = search::ranked(&planes, others, &need, now, 1).await?.0.pop();
    let other = other.map(|(other, ranked)| {
        let alternative = Alternative {
            kind: "other_pool",
            offer_id: other.offer_id,
            gpus: ranked.gpus,
            period: ranked.period,
            rate_per_gpu_hour: other.rate,
        };
        (other, alternative)
    });
    let listing = refused.listing.clone();
    let same = tokio::task::spawn_blocking(move || {
        [refused.later(&plane, tenant, now), refused.smaller(&plane, tenant, now)]
    });
    let same = same.await.map_err(Problem::internal)?.into_iter().flatten();
    let found = same.map(|alternative| (listing.clone(), alternative)).chain(other).collect();
    within_quotas(app, tenant, request.project_id, found).await
}

/// Those of `found` for which the quotas of `tenant` leave room.
async fn within_quotas(
    app: &App,
    tenant: OrganizationId,
    project: Option<ProjectId>,
    mut found: Vec<(Listing, Alternative)>,
) -> Result<Vec<Alternative>, Problem> {
    if quotas::is_counted(app, tenant) && !found.is_empty() {
        let mut transaction = app.db.begin().await?;
        accounts::parties_to_book(&mut transaction, &[tenant]).await?;
        let whose = [(tenant, None)];
        let guard = quotas::guard(app, &mut transaction, read_holdings, &whose).await?;
        found.retain(|(listing, it)| {
            let mw = listing.mw(it.gpus / listing.gpus_per_unit.max(1));
            let line = line(
                place(listing),
                (it.period.starts_at, it.period.ends_at),
                it.gpus,
                mw,
                listing.rate,
            );
            let is_request = listing.booking_mode == BookingMode::Approval;
            let asked_until = is_request.then_some(it.period.starts_at);
            let holding = holding(project, asked_until, vec![line]);
            guard.check(tenant, &Asked::all_of(&holding), app.now()).is_ok()
        });
        drop(guard);
        transaction.rollback().await?;
    }
    Ok(found.into_iter().map(|(_, alternative)| alternative).collect())
}

/// A line that does not fit.
struct Refused {
    listing: Listing,
    gpus: u32,
    period: Period,
    on_island: bool,
}

/// The first line of `request` for which its units are not free by count, or else as things stand; with a
/// copy of its plane, which others go on with.
fn refused(
    planes: &Planes,
    request: &Request,
    listings: &[Listing],
    now: Timestamp,
) -> Option<(Refused, Plane)> {
    let on_island = request.on_one_island;
    let lines = request.lines.iter().filter_map(|line| {
        let listing = listings.iter().find(|listing| listing.offer_id == line.offer_id)?;
        let units = line.gpus / listing.gpus_per_unit.max(1);
        let asked = rules::request(listing, units, line.period, on_island);
        let fits = planes.look(listing.pool_id, |plane| {
            let counted = plane.profile_within(asked.within).largest(asked.window);
            (counted >= units, place_without_moves(plane, &asked, instant(now)).is_ok())
        })?;
        Some((fits, line, listing))
    });
    let (_, line, listing) = lines.min_by_key(|(fits, ..)| *fits)?;
    let plane = planes.look(listing.pool_id, Plane::clone)?;
    let (listing, gpus, period) = (listing.clone(), line.gpus, line.period);
    Some((Refused { listing, gpus, period, on_island }, plane))
}

impl Refused {
    /// The earliest start for the same size.
    fn later(&self, plane: &Plane, tenant: OrganizationId, now: Timestamp) -> Option<Alternative> {
        let listing = &self.listing;
        let length = self.period.ends_at - self.period.starts_at;
        let earliest = rules::soonest(listing, self.period.starts_at, now);
        let latest = listing.available.ends_at - length;
        if earliest > latest {
            return None;
        }
        let units = self.gpus / listing.gpus_per_unit.max(1);
        let first = Period { starts_at: earliest, ends_at: earliest + length };
        let asked = rules::request(listing, units, first, self.on_island);
        let start = earliest_start(plane, &asked, instant(latest), instant(now), EFFORT);
        let starts_at = start.and_then(timestamp)?;
        let period = Period { starts_at, ends_at: starts_at + length };
        self.alternative("earliest_start", self.gpus, period, tenant, now)
    }

    /// The largest size for the same period.
    fn smaller(
        &self,
        plane: &Plane,
        tenant: OrganizationId,
        now: Timestamp,
    ) -> Option<Alternative> {
        let listing = &self.listing;
        let units = self.gpus / listing.gpus_per_unit.max(1);
        let asked = rules::request(listing, units, self.period, self.on_island);
        let units = largest_size(plane, &asked, instant(now), EFFORT);
        self.alternative("largest_size", listing.gpus(units), self.period, tenant, now)
    }

    /// `gpus` GPUs for `period` instead, if that is something else and the offer allows it.
    fn alternative(
        &self,
        kind: &'static str,
        gpus: u32,
        period: Period,
        tenant: OrganizationId,
        now: Timestamp,
    ) -> Option<Alternative> {
        let listing = &self.listing;
        listing.check_request(gpus, period, now, tenant).ok()?;
        ((gpus, period) != (self.gpus, self.period)).then_some(Alternative {
            kind,
            offer_id: listing.offer_id,
            gpus,
            period,
            rate_per_gpu_hour: listing.rate,
        })
    }
}
