//! All that bears on a wish: pools, what occupies them, and by what right it could be taken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::{Place, Wanted, Wish};
use crate::api::{Call, Problem};
use crate::app::App;
use crate::capacity::{self, Purpose};
use crate::kernel::{LeaseId, Money, Period, PoolId, Span, Timestamp, TrancheId};
use crate::leases::{self, Signed};
use crate::reclaim::error::Error;
use crate::reclaim::planner::rules::{
    Amount, By, Choice, Invoker, Picked, Pool, Problem as Puzzle, Use, lead, menu, part, watts,
};
use crate::reclaim::planner::store;
use crate::reclaim::planner::views::Size;
use crate::reclaim::rules::{Measure, stake};
use crate::reclaim::volunteers::{self, Offered};
use crate::supply::{self, Clause, Party, PoweredPool};

/// Most rectangles of a pool that are read.
const MAX_RECTANGLES: i64 = 500_000;

/// Most later days that are looked at when a wish cannot be met.
const MAX_DAYS: usize = 400;

/// How far ahead later days are looked for.
const HORIZON: Span = Span::days(365);

/// All that bears on a wish, as it stands.
pub(super) struct Stock {
    pub(super) pools: Vec<PoweredPool>,
    pub(super) uses: HashMap<PoolId, Vec<Use>>,
    pub(super) leases: BTreeMap<LeaseId, Held>,
    pub(super) holds: u32,
    pub(super) amount: Amount,
    pub(super) invoker: Invoker,
    pub(super) now: Timestamp,
}

/// A lease with all by which it can be taken from.
pub(super) struct Held {
    pub(super) lease: Signed,
    pub(super) clauses: Arc<[Clause]>,
    pub(super) volunteers: Vec<Offered>,
    pub(super) has_open_case: bool,
}

pub(super) async fn load(
    app: &App,
    call: &Call,
    wish: &Wish,
    party: Party,
) -> Result<Stock, Error> {
    let mut connection = app.db.acquire().await?;
    let scope = call.caller.scope();
    let (site, pool) = match wish.place {
        Place::Site(id) => (Some(id), None),
        Place::Pool(id) => (None, Some(id)),
    };
    let pools = supply::powered_pools(&mut connection, site, pool, scope).await?;
    if pools.is_empty() {
        return Err(match wish.place {
            Place::Site(id) => Problem::not_found("site with pools", id),
            Place::Pool(id) => Problem::not_found("pool", id),
        }
        .into());
    }
    let until = wish.period.ends_at + HORIZON.delta();
    let window = Period { starts_at: wish.period.starts_at, ends_at: until };
    let mut uses: HashMap<PoolId, Vec<Use>> = HashMap::new();
    let (mut ids, mut holds) = (HashSet::new(), 0);
    for pool in &pools {
        let found = capacity::rectangles(&mut connection, pool.id, window, MAX_RECTANGLES).await?;
        for rectangle in found {
            let is_lease = rectangle.purpose == Purpose::Lease;
            if is_lease {
                ids.insert(rectangle.subject);
            }
            holds += u32::from(rectangle.purpose == Purpose::Hold);
            uses.entry(pool.id).or_default().push(Use {
                starts_at: rectangle.starts_at.unwrap_or(Timestamp::MIN_UTC),
                ends_at: rectangle.ends_at.unwrap_or(Timestamp::MAX_UTC),
                units: rectangle.units.len(),
                tranche: is_lease.then_some(TrancheId(rectangle.owner)),
            });
        }
    }
    let ids: Vec<_> = ids.into_iter().collect();
    let leases = held(app, &mut connection, &ids, wish, party).await?;
    let amount = match wish.amount {
        Wanted::Gpus(gpus) => Amount::Gpus(gpus),
        Wanted::Mw(mw) => Amount::Watts(watts(mw * Decimal::ONE_THOUSAND, Decimal::ONE)),
    };
    let grounds = wish.grounds.clone();
    let invoker = Invoker { party, approval_time: wish.approval_time, grounds, is_priced: true };
    Ok(Stock { pools, uses, leases, holds, amount, invoker, now: app.now() })
}

async fn held(
    app: &App,
    connection: &mut PgConnection,
    ids: &[uuid::Uuid],
    wish: &Wish,
    party: Party,
) -> Result<BTreeMap<LeaseId, Held>, Error> {
    let leases = leases::running(connection, ids).await?;
    let hashes = leases.iter().map(|lease| lease.terms_hash);
    let terms = supply::known_terms(app, connection, hashes).await?;
    let open: HashSet<LeaseId> =
        store::with_open_case(connection, ids).await?.into_iter().collect();
    // Staff does not spend a provider's money.
    let mut offered = match party {
        Party::Provider => volunteers::offered(connection, ids).await?,
        Party::Admin | Party::Tenant => HashMap::new(),
    };
    let none: Arc<[Clause]> = Arc::from([]);
    let held = leases.into_iter().map(|lease| {
        let mut volunteers = offered.remove(&lease.id).unwrap_or_default();
        volunteers.retain(|it| wish.max_premium.is_none_or(|most| it.volunteer.premium <= most));
        let clauses = terms.get(&lease.terms_hash).unwrap_or(&none);
        let has_open_case = open.contains(&lease.id);
        (lease.id, Held { clauses: Arc::clone(clauses), lease, volunteers, has_open_case })
    });
    Ok(held.collect())
}

impl Stock {
    /// The problem of `period`, all choices with their prices.
    pub(super) fn puzzle(&self, period: Period) -> Puzzle {
        self.puzzle_for(period, &self.invoker)
    }

    /// The problem of `period` without prices, to see how much is possible.
    pub(super) fn rough_puzzle(&self, period: Period) -> Puzzle {
        self.puzzle_for(period, &Invoker { is_priced: false, ..self.invoker.clone() })
    }

    fn puzzle_for(&self, period: Period, invoker: &Invoker) -> Puzzle {
        let mut wanted: HashSet<TrancheId> = HashSet::new();
        let pools = self.pools.iter().map(|pool| {
            let inside = |it: &&Use| it.starts_at < period.ends_at && it.ends_at > period.starts_at;
            let uses = self.uses.get(&pool.id).into_iter().flatten().filter(inside).copied();
            let uses: Vec<Use> = uses.collect();
            wanted.extend(uses.iter().filter_map(|it| it.tranche));
            Pool {
                id: pool.id,
                units: pool.units,
                gpus_per_unit: pool.gpus_per_unit,
                watts_per_unit: watts(pool.kw_per_unit, pool.pue),
                uses,
            }
        });
        let pools = pools.collect();
        let mut choices: Vec<Choice> = Vec::new();
        for held in self.leases.values().filter(|held| !held.has_open_case) {
            let tranches = held.lease.tranches.iter().map(|tranche| tranche.id);
            let tranches: Vec<TrancheId> = tranches.filter(|id| wanted.contains(id)).collect();
            let offers: Vec<_> = held.volunteers.iter().map(|it| it.volunteer).collect();
            let (lease, clauses) = (&held.lease, &held.clauses);
            if !tranches.is_empty() {
                choices.extend(menu(lease, clauses, &offers, &tranches, invoker, self.now, period));
            }
        }
        let Period { starts_at, ends_at } = period;
        Puzzle { pools, amount: self.amount, starts_at, ends_at, choices }
    }

    /// The days on which more may be possible than on the day before, from `after` on.
    pub(super) fn days(&self, after: Timestamp) -> Vec<Timestamp> {
        let mut days: Vec<Timestamp> = self.uses.values().flatten().map(|it| it.ends_at).collect();
        for held in self.leases.values() {
            let leads = held.clauses.iter().map(|it| lead(it, self.invoker.approval_time));
            days.extend(leads.map(|lead| self.now + lead.delta()));
            days.extend(held.volunteers.iter().map(|it| self.now + it.volunteer.notice.delta()));
        }
        days.retain(|day| *day > after && *day <= after + HORIZON.delta());
        days.sort_unstable();
        days.dedup();
        days.truncate(MAX_DAYS);
        days
    }

    /// `number` of what the wish counts, in both units.
    pub(super) fn size(&self, number: u64) -> Size {
        // Of a site with several kinds of pools the other unit follows from the first; it is exact for
        // one pool, and for what is counted.
        let pool = self.pools.first();
        let (gpus, watts) = pool.map_or((1, 1), |pool| {
            (u64::from(pool.gpus_per_unit), watts(pool.kw_per_unit, pool.pue).max(1))
        });
        let (gpus, watts) = match self.amount {
            Amount::Gpus(_) => (number, number.saturating_mul(watts) / gpus.max(1)),
            Amount::Watts(_) => (number.saturating_mul(gpus) / watts, number),
        };
        Size { gpus, mw: (Decimal::from(watts) / Decimal::from(1_000_000)).normalize() }
    }
}

impl Stock {
    /// Price of the time given back by a cut, and what it costs, by the arithmetic of settlement.
    pub(super) fn money(&self, puzzle: &Puzzle, picked: Picked) -> (Money, Money) {
        let choice = &puzzle.choices[picked.choice];
        let Some(held) = self.leases.get(&choice.lease) else { return (Money::ZERO, Money::ZERO) };
        let (at, tranches) = (puzzle.starts_at, &held.lease.tranches);
        match choice.way.by {
            By::Volunteer { place } => {
                let offer = &held.volunteers[place].volunteer;
                held.lease.tranche(offer.tranche).map_or((Money::ZERO, Money::ZERO), |tranche| {
                    offer.price(tranche, picked.steps, at)
                })
            }
            By::Clause { place, .. } => {
                let measure = measure(&held.lease, puzzle, picked);
                let money = stake(measure, &held.clauses[place].compensation, tranches, at);
                (money.unused, money.compensation)
            }
        }
    }
}

/// What a case for this cut would ask for.
pub(super) fn measure(lease: &Signed, puzzle: &Puzzle, picked: Picked) -> Measure {
    let choice = &puzzle.choices[picked.choice];
    let period = Period { starts_at: puzzle.starts_at, ends_at: puzzle.ends_at };
    match choice.way.tranche.and_then(|id| lease.tranche(id)) {
        None => Measure::Full,
        Some(tranche) => part(tranche, units(choice, picked), period),
    }
}

/// Units that a cut takes, of all the tranches it takes from.
pub(super) fn units(choice: &Choice, picked: Picked) -> u32 {
    let per_step = choice.frees.iter().map(|(_, units)| *units).fold(0, u32::saturating_add);
    per_step.saturating_mul(picked.steps)
}
