//! Search: what fits a need, ranked, or why nothing does.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use sqlx::PgConnection;

use crate::api::Problem;
use crate::app::App;
use crate::capacity::{self, Placement, Planes};
use crate::kernel::{OrganizationId, PoolId, Timestamp};
use crate::leases::rules::{Fit, Need, NeedRefusal, Ranked, fit, rank};
use crate::supply::{self, ClauseWish, Listing, TermsHash};

/// What a search finds.
#[derive(Debug)]
pub struct Found {
    /// The cheapest first, then the earliest.
    pub options: Vec<(Listing, Ranked)>,
    /// How many offers fit; the options are the first of them.
    pub fitting: usize,
    /// How many offers were looked at.
    pub considered: usize,
    /// How many offers failed, by the first dimension in which they did; only when nothing fits.
    pub failed: BTreeMap<NeedRefusal, usize>,
}

/// The best `limit` offers for `need` of `tenant`, under terms that meet all of `wishes`.
///
/// # Errors
/// Those of the database.
pub async fn search(
    app: &App,
    tenant: OrganizationId,
    need: &Need,
    wishes: &[ClauseWish],
    limit: usize,
) -> Result<Found, Problem> {
    let now = app.now();
    let planes = capacity::planes(app);
    let mut connection = app.db.acquire().await?;
    let mut listings = market_for(app, &mut connection, tenant, need).await?;
    let considered = listings.len();
    if !wishes.is_empty() {
        let meeting = terms_meeting(app, &mut connection, &listings, wishes).await?;
        listings.retain(|listing| meeting.contains(&listing.terms_hash));
    }
    let (options, fitting) = ranked(&planes, listings, need, now, limit).await?;
    if fitting > 0 {
        return Ok(Found { options, fitting, considered, failed: BTreeMap::new() });
    }
    let anything = Need { accelerators: None, countries: None, max_rate: None, ..need.clone() };
    let listings = market_for(app, &mut connection, tenant, &anything).await?;
    let meeting = terms_meeting(app, &mut connection, &listings, wishes).await?;
    let mut failed = BTreeMap::new();
    for listing in &listings {
        let look =
            |fit: Fit| planes.look(listing.pool_id, |plane| rank(&fit, listing, plane, now, 0));
        let refusal = match fit(listing, need, now).map(look) {
            Err(refusal) | Ok(Some(Err(refusal))) => refusal,
            Ok(Some(Ok(_))) if !meeting.contains(&listing.terms_hash) => NeedRefusal::Clause,
            _ => continue,
        };
        *failed.entry(refusal).or_default() += 1;
    }
    Ok(Found { options, fitting, considered: listings.len(), failed })
}

/// Arrangements that are looked for on one plane, if units have to be moved, and planes on which they are.
const EFFORT: usize = 6;
const PLANES_ARRANGED: usize = 24;

/// The best `limit` of `listings` for `need`, the cheapest first, then the earliest; and how many meet it.
/// Off the async threads, because looking for arrangements takes a while where much stands fixed ahead.
///
/// # Errors
/// Returns an error if the thread fails.
pub async fn ranked(
    planes: &Arc<Planes>,
    listings: Vec<Listing>,
    need: &Need,
    now: Timestamp,
    limit: usize,
) -> Result<(Vec<(Listing, Ranked)>, usize), Problem> {
    let (planes, need) = (Arc::clone(planes), need.clone());
    let ranking = tokio::task::spawn_blocking(move || {
        let mut left = PLANES_ARRANGED;
        let mut found = Vec::with_capacity(listings.len());
        for listing in listings {
            if let Some(ranked) = rank_on(&planes, &listing, &need, now, &mut left) {
                found.push((listing, ranked));
            }
        }
        found.sort_by_key(|(listing, ranked): &(Listing, Ranked)| {
            (listing.rate, ranked.period.starts_at, listing.offer_id)
        });
        let fitting = found.len();
        found.truncate(limit);
        (found, fitting)
    });
    ranking.await.map_err(Problem::internal)
}

/// How `listing` meets `need`. If that is at the first start that counting allows, one look is enough; else
/// a copy of the plane is arranged, while others go on with the plane itself.
fn rank_on(
    planes: &Planes,
    listing: &Listing,
    need: &Need,
    now: Timestamp,
    left: &mut usize,
) -> Option<Ranked> {
    let fit = fit(listing, need, now).ok()?;
    let is_island = fit.request.placement != Placement::Any;
    let (simple, copy) = planes.look(listing.pool_id, |plane| {
        let simple = rank(&fit, listing, plane, now, 0).ok();
        let found = simple.as_ref().map(|ranked| ranked.period.starts_at);
        let is_first = is_island || found == fit.start_by_count(plane);
        (simple, (!is_first && *left > 0).then(|| plane.clone()))
    })?;
    let Some(copy) = copy else { return simple };
    *left -= 1;
    rank(&fit, listing, &copy, now, EFFORT).ok().or(simple)
}

/// Those of the listings' terms that meet all of `wishes`.
async fn terms_meeting(
    app: &App,
    connection: &mut PgConnection,
    listings: &[Listing],
    wishes: &[ClauseWish],
) -> Result<HashSet<TermsHash>, Problem> {
    let hashes: HashSet<TermsHash> = listings.iter().map(|listing| listing.terms_hash).collect();
    if wishes.is_empty() {
        return Ok(hashes);
    }
    let terms = supply::known_terms(app, connection, hashes).await?;
    let meets = |clauses: &[supply::Clause]| wishes.iter().all(|wish| wish.is_met_by(clauses));
    Ok(terms.into_iter().filter(|(_, clauses)| meets(clauses)).map(|(hash, _)| hash).collect())
}

/// What `tenant` sees on the market in the dimensions that the database can filter, with the planes
/// brought up in memory.
///
/// # Errors
/// Those of the database.
pub async fn market_for(
    app: &App,
    connection: &mut PgConnection,
    tenant: OrganizationId,
    need: &Need,
) -> Result<Vec<Listing>, Problem> {
    let listings = supply::market(
        connection,
        Some(tenant),
        need.accelerators.as_deref(),
        need.countries.as_deref(),
        need.max_rate,
    )
    .await?;
    let mut pools: Vec<PoolId> = listings.iter().map(|listing| listing.pool_id).collect();
    pools.sort_unstable();
    pools.dedup();
    capacity::planes(app).refresh(connection, &pools, app.now()).await?;
    Ok(listings)
}
