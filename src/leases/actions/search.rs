//! Search: what fits a need, ranked, or why nothing does.

use std::collections::{BTreeMap, HashSet};

use sqlx::PgConnection;

use crate::api::Problem;
use crate::app::App;
use crate::capacity;
use crate::kernel::{OrganizationId, PoolId};
use crate::leases::rules::{Need, NeedRefusal, Ranked, rank};
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
    let look =
        |listing: &Listing| planes.look(listing.pool_id, |plane| rank(listing, need, plane, now));
    let mut options: Vec<(Listing, Ranked)> = listings
        .into_iter()
        .filter_map(|listing| {
            let ranked = look(&listing)?.ok()?;
            Some((listing, ranked))
        })
        .collect();
    let fitting = options.len();
    options
        .sort_by_key(|(listing, ranked)| (listing.rate, ranked.period.starts_at, listing.offer_id));
    options.truncate(limit);
    if fitting > 0 {
        return Ok(Found { options, fitting, considered, failed: BTreeMap::new() });
    }
    let anything = Need { accelerators: None, countries: None, max_rate: None, ..need.clone() };
    let listings = market_for(app, &mut connection, tenant, &anything).await?;
    let meeting = terms_meeting(app, &mut connection, &listings, wishes).await?;
    let mut failed = BTreeMap::new();
    for listing in &listings {
        let refusal = match look(listing) {
            Some(Err(refusal)) => refusal,
            Some(Ok(_)) if !meeting.contains(&listing.terms_hash) => NeedRefusal::Clause,
            _ => continue,
        };
        *failed.entry(refusal).or_default() += 1;
    }
    Ok(Found { options, fitting, considered: listings.len(), failed })
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
