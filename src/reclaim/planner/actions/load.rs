//! Reading what is there for a wish: pools, what occupies them, and by what right it could be taken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::{Place, Wanted, Wish};
use crate::api::{Call, Problem};
use crate::app::App;
use crate::capacity::{self, Purpose};
use crate::kernel::{LeaseId, OrganizationId, Period, Timestamp, TrancheId};
use crate::leases;
use crate::reclaim::error::Error;
use crate::reclaim::planner::rules::{
    Amount, HORIZON, Invoker, Pool, Reclaimable, Stock, Use, nanowatts,
};
use crate::reclaim::planner::store;
use crate::reclaim::volunteers;
use crate::supply::{self, Clause, Party};

/// Most rectangles of a pool that are read.
const MAX_RECTANGLES: i64 = 500_000;

/// All that bears on `wish`, and whose it is.
///
/// # Errors
/// 404 for those whose site or pool it is not; those of the database.
pub(super) async fn load(
    app: &App,
    call: &Call,
    wish: &Wish,
    party: Party,
) -> Result<(OrganizationId, Stock), Error> {
    let mut connection = app.db.acquire().await?;
    let (site, pool) = match wish.place {
        Place::Site(id) => (Some(id), None),
        Place::Pool(id) => (None, Some(id)),
    };
    let powered = supply::powered_pools(&mut connection, site, pool, call.caller.scope()).await?;
    let provider =
        powered.first().map(|pool| pool.provider_id).ok_or_else(|| match wish.place {
            Place::Site(id) => Problem::not_found("site with pools", id),
            Place::Pool(id) => Problem::not_found("pool", id),
        })?;
    let until = wish.period.ends_at + HORIZON.delta();
    let window = Period { starts_at: wish.period.starts_at, ends_at: until };
    let (mut ids, mut holds) = (HashSet::new(), 0);
    let mut pools = Vec::with_capacity(powered.len());
    for pool in powered {
        let found = capacity::rectangles(&mut connection, pool.id, window, MAX_RECTANGLES).await?;
        let uses = found.into_iter().map(|rectangle| {
            let is_lease = rectangle.purpose == Purpose::Lease;
            if is_lease {
                ids.insert(rectangle.subject);
            }
            holds += u32::from(rectangle.purpose == Purpose::Hold);
            Use {
                starts_at: rectangle.starts_at.unwrap_or(Timestamp::MIN_UTC),
                ends_at: rectangle.ends_at.unwrap_or(Timestamp::MAX_UTC),
                units: rectangle.units.len(),
                tranche: is_lease.then_some(TrancheId(rectangle.owner)),
            }
        });
        pools.push(Pool {
            id: pool.id,
            units: pool.units,
            gpus_per_unit: pool.gpus_per_unit,
            nanowatts_per_unit: nanowatts(pool.kw_per_unit, pool.pue),
            uses: uses.collect(),
        });
    }
    let ids: Vec<_> = ids.into_iter().collect();
    let leases = reclaimable(app, &mut connection, &ids, wish, party).await?;
    let amount = match wish.amount {
        Wanted::Gpus(gpus) => Amount::Gpus(gpus),
        // At most six decimals: whole watts.
        Wanted::Mw(mw) => Amount::Watts(
            u64::try_from((mw * Decimal::from(1_000_000)).round()).map_err(Problem::internal)?,
        ),
    };
    let (grounds, approval_time) = (wish.grounds.clone(), wish.approval_time);
    let invoker = Invoker { party, approval_time, grounds, is_priced: true };
    Ok((provider, Stock { pools, leases, holds, amount, invoker, now: app.now() }))
}

async fn reclaimable(
    app: &App,
    connection: &mut PgConnection,
    ids: &[uuid::Uuid],
    wish: &Wish,
    party: Party,
) -> Result<BTreeMap<LeaseId, Reclaimable>, Error> {
    let leases = leases::running(connection, ids).await?;
    let hashes = leases.iter().map(|lease| lease.terms_hash);
    let terms = supply::known_terms(app, connection, hashes).await?;
    let open: HashSet<LeaseId> =
        store::with_open_case(connection, ids).await?.into_iter().collect();
    // Staff does not spend a provider's money.
    let mut offered = match party {
        Party::Provider => volunteers::offered(connection, &leases, app.now()).await?,
        Party::Admin | Party::Tenant => HashMap::new(),
    };
    let none: Arc<[Clause]> = Arc::from([]);
    let leases = leases.into_iter().map(|lease| {
        let mut volunteers = offered.remove(&lease.id).unwrap_or_default();
        volunteers.retain(|it| wish.max_premium.is_none_or(|most| it.volunteer.premium <= most));
        let clauses = Arc::clone(terms.get(&lease.terms_hash).unwrap_or(&none));
        let has_open_case = open.contains(&lease.id);
        (lease.id, Reclaimable { lease, clauses, volunteers, has_open_case })
    });
    Ok(leases.collect())
}
