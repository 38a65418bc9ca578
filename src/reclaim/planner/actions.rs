//! Making a plan, and turning it into cases.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgConnection;

use super::rules::{
    Amount, By, Choice, Invoker, Picked, Pool, Problem as Puzzle, Reach, Solution, Use, freed,
    lead, menu, reach, solve, watts,
};
use super::store;
use super::views::{Alternative, CarriedOut, Cut, LeftOut, OtherClause, Plan, PlanView, Size};
use crate::accounts;
use crate::api::{Call, Can, Problem, Reply};
use crate::app::App;
use crate::capacity::{self, Purpose};
use crate::db::log::Entry;
use crate::kernel::{
    LeaseId, Money, Period, PoolId, Rate, Reason, ReclaimPlanId, Role, SiteId, Span, StaffRole,
    Timestamp, TrancheId,
};
use crate::leases::{self, BuyBack, Signed, Tranche};
use crate::reclaim::actions::{Asked, ClauseChoice, Request, Size as CaseSize, open_within};
use crate::reclaim::error::Error;
use crate::reclaim::rules::{Measure, stake};
use crate::reclaim::volunteers::{self, Offered};
use crate::supply::{self, Action, Clause, Ground, Party, PoweredPool};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    pub place: Place,
    pub amount: Wanted,
    pub period: Period,
    pub grounds: Vec<Ground>,
    /// Time reckoned for approvals, where a clause needs them.
    pub approval_time: Span,
    /// Highest premium at which volunteers are taken; `None` for any.
    pub max_premium: Option<Rate>,
}

/// Where.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    Site(SiteId),
    Pool(PoolId),
}

/// How much.
#[derive(Debug, Clone, Copy)]
pub enum Wanted {
    Gpus(u64),
    Mw(Decimal),
}

/// Time for the plan itself, and for all its alternatives together.
const TIME: Duration = Duration::from_millis(600);
const TIME_FOR_ALTERNATIVES: Duration = Duration::from_millis(300);

/// Most rectangles of a pool that are read.
const MAX_RECTANGLES: i64 = 500_000;

/// Most later days that are looked at when a wish cannot be met.
const MAX_DAYS: usize = 400;

/// How far ahead later days are looked for.
const HORIZON: Span = Span::days(365);

/// All that bears on a wish, as it stands.
struct Stock {
    pools: Vec<PoweredPool>,
    uses: HashMap<PoolId, Vec<Use>>,
    leases: BTreeMap<LeaseId, Held>,
    holds: u32,
    amount: Amount,
    invoker: Invoker,
    now: Timestamp,
}

/// A lease with all by which it can be taken from.
struct Held {
    lease: Signed,
    clauses: Arc<[Clause]>,
    volunteers: Vec<Offered>,
    has_open_case: bool,
}

/// Makes a plan and keeps it. Nothing is served by it.
///
/// # Errors
/// 409 `plan_cannot_be_met`, with what can be freed when; 403 and 404 for those whose site it is not.
pub async fn make(app: &App, call: Call, wish: Wish) -> Result<Reply, Error> {
    let party = party(&call)?;
    let stock = Arc::new(load(app, &call, &wish, party).await?);
    let period = wish.period;
    let thinking = {
        let stock = Arc::clone(&stock);
        tokio::task::spawn_blocking(move || think(&stock, period))
    };
    let thought = thinking.await.map_err(Problem::internal)?;
    let Thought { puzzle, solution, alternatives } = match thought {
        Ok(thought) => thought,
        Err(reach) => return Err(unmet(&stock, &reach).into()),
    };
    let plan = plan(app, &wish, &stock, &puzzle, &solution, alternatives);

    let mut act = app.begin(&call).await?;
    let now = act.now;
    let id = ReclaimPlanId::new(now);
    store::insert(&mut act, id, &plan, call.caller.actor.uuid(), now).await?;
    let after = json!({
        "starts_at": plan.starts_at, "ends_at": plan.ends_at, "leases": plan.cuts.len(),
        "gpus": plan.wanted_gpus, "mw": plan.wanted_mw, "compensation": plan.compensation,
    });
    act.log(Entry::new("reclaim.planned", id).provider(plan.provider_id).after(after));
    let view = PlanView {
        id,
        state: "open".to_owned(),
        created_at: now,
        plan,
        carried_out: None,
        can: can("open", true),
    };
    Ok(act.finish(Reply::created(&view)).await?)
}

/// A plan as `call`'s caller sees it.
///
/// # Errors
/// 404 for those whose it is not.
pub async fn show(app: &App, call: &Call, id: ReclaimPlanId) -> Result<PlanView, Error> {
    let mut connection = app.db.acquire().await?;
    let kept = store::plan(&mut connection, id, call.caller.scope()).await?;
    let kept = kept.ok_or_else(|| Problem::not_found("plan", id))?;
    Ok(PlanView {
        id,
        can: can(&kept.state, party(call).is_ok()),
        state: kept.state,
        created_at: kept.created_at,
        plan: kept.plan.0,
        carried_out: kept.carried_out.map(|json| json.0),
    })
}

fn can(state: &str, may: bool) -> Can {
    let act = match (state, may) {
        ("open", true) => Ok(()),
        ("open", false) => Err("a viewer may look; a manager or owner does this"),
        _ => Err("it has been turned into cases already; make a new plan"),
    };
    Can::by_trying(["cases"], |_| act)
}

/// Drafts the plan's cases and buys back what was offered, all or nothing.
///
/// # Errors
/// 409 `plan_used` the second time, 409 `plan_outdated` when a lease has changed since; the refusals of
/// cases.
pub async fn carry_out(
    app: &App,
    call: Call,
    id: ReclaimPlanId,
    reason: Reason,
) -> Result<Reply, Error> {
    call.require_key()?;
    let mut act = app.begin(&call).await?;
    let kept = store::locked(&mut act, id, call.caller.scope()).await?;
    let kept = kept.ok_or_else(|| Problem::not_found("plan", id))?;
    party(&call)?;
    let plan = kept.plan.0;
    if kept.state != "open" {
        let detail = format!("plan {id} has been turned into cases already; make a new one");
        return Err(Problem::conflict("plan_used", detail).into());
    }
    let (voluntary, forced): (Vec<&Cut>, Vec<&Cut>) =
        plan.cuts.iter().partition(|cut| cut.is_voluntary);
    if call.caller.staff.is_some() && !voluntary.is_empty() {
        let detail =
            "the plan spends the provider's money on volunteers; the provider carries it out";
        return Err(Problem::forbidden(detail).into());
    }
    for cut in &plan.cuts {
        let lease = leases::signed(&mut act, cut.lease_id, None).await?;
        if lease.is_none_or(|lease| lease.revision != cut.lease_revision)
            || plan.starts_at < act.now
        {
            let lease = cut.lease_id;
            let detail = format!("lease {lease} has changed since plan {id}; make a new plan");
            return Err(Problem::conflict("plan_outdated", detail).with("lease_id", lease).into());
        }
    }
    let mut case_ids = Vec::new();
    for cut in forced {
        let clause = cut.clause.ok_or_else(|| Problem::internal("a cut without a clause"))?;
        let measure = match cut.tranche_id {
            None => Asked::Full,
            tranche => Asked::Partial { tranche, size: CaseSize::Units(cut.units) },
        };
        let clause = ClauseChoice::Nth(clause);
        let request = Request { clause, measure, reason: reason.clone() };
        case_ids.push(open_within(&mut act, cut.lease_id, request).await?);
    }
    let offers: Vec<_> = voluntary.iter().filter_map(|cut| cut.volunteer_id).collect();
    volunteers::take(&mut act, &offers).await?;
    let wanted: Vec<BuyBack> = voluntary
        .iter()
        .filter_map(|cut| {
            Some(BuyBack {
                lease: cut.lease_id,
                tranche: cut.tranche_id?,
                units: cut.units,
                at: cut.effective_at,
                premium: cut.compensation - cut.unused,
                reason: reason.to_string(),
            })
        })
        .collect();
    let bought_back = leases::buy_back(app, &mut act, &wanted).await?;
    let carried_out = CarriedOut { case_ids, bought_back };
    store::carry_out(&mut act, id, &carried_out).await?;
    let log = Entry::new("reclaim.plan_drafted", id).provider(plan.provider_id);
    act.log(log.after(&carried_out).reason(reason.as_str()));
    let view = PlanView {
        id,
        state: "drafted".to_owned(),
        created_at: kept.created_at,
        plan,
        carried_out: Some(carried_out),
        can: can("drafted", true),
    };
    Ok(act.finish(Reply::ok(&view)).await?)
}

/// As whom the caller would open cases.
fn party(call: &Call) -> Result<Party, Problem> {
    match call.caller.staff {
        Some(StaffRole::Admin) => Ok(Party::Admin),
        Some(_) => Err(Problem::forbidden("of the staff, admins make plans")),
        None => accounts::require_role(&call.caller, Role::Manager).map(|_| Party::Provider),
    }
}

async fn load(app: &App, call: &Call, wish: &Wish, party: Party) -> Result<Stock, Error> {
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
    fn puzzle(&self, period: Period) -> Puzzle {
        self.puzzle_for(period, &self.invoker)
    }

    /// The problem of `period` without prices, to see how much is possible.
    fn rough_puzzle(&self, period: Period) -> Puzzle {
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
                let at = period.starts_at;
                choices.extend(menu(lease, clauses, &offers, &tranches, invoker, self.now, at));
            }
        }
        let Period { starts_at, ends_at } = period;
        Puzzle { pools, amount: self.amount, starts_at, ends_at, choices }
    }

    /// The days on which more may be possible than on the day before, from `after` on.
    fn days(&self, after: Timestamp) -> Vec<Timestamp> {
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
    fn size(&self, number: u64) -> Size {
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

/// What comes of thinking a wish over.
struct Thought {
    puzzle: Puzzle,
    solution: Solution,
    alternatives: Vec<Alternative>,
}

/// Runs off the async threads.
fn think(stock: &Stock, period: Period) -> Result<Thought, Reach> {
    let puzzle = stock.puzzle(period);
    let Some(solution) = solve(&puzzle, TIME) else {
        let length = period.ends_at - period.starts_at;
        let on = |starts_at| stock.rough_puzzle(Period { starts_at, ends_at: starts_at + length });
        return Err(reach(&puzzle, stock.days(period.starts_at), on));
    };
    let alternatives = alternatives(stock, &puzzle);
    Ok(Thought { puzzle, solution, alternatives })
}

/// What it costs under each ground alone, and without volunteers, where there is a choice.
fn alternatives(stock: &Stock, puzzle: &Puzzle) -> Vec<Alternative> {
    let mut grounds: Vec<Ground> = Vec::new();
    let mut has_volunteers = false;
    for choice in &puzzle.choices {
        match choice.way.by {
            By::Volunteer { .. } => has_volunteers = true,
            By::Clause { ground, .. } if !grounds.contains(&ground) => grounds.push(ground),
            By::Clause { .. } => {}
        }
    }
    grounds.sort_unstable();
    let mut restrictions: Vec<(String, Option<Ground>)> = Vec::new();
    if has_volunteers {
        restrictions.push(("without volunteers".to_owned(), None));
    }
    if grounds.len() > 1 || has_volunteers {
        let only = grounds.iter().map(|ground| (format!("only by {ground}"), Some(*ground)));
        restrictions.extend(only);
    }
    let time = TIME_FOR_ALTERNATIVES / u32::try_from(restrictions.len().max(1)).unwrap_or(1);
    let found = restrictions.into_iter().map(|(how, only)| {
        let keeps = |choice: &&Choice| match choice.way.by {
            By::Volunteer { .. } => false,
            By::Clause { ground, .. } => only.is_none_or(|only| only == ground),
        };
        let choices: Vec<Choice> = puzzle.choices.iter().filter(keeps).cloned().collect();
        let restricted = Puzzle { choices, ..puzzle.clone() };
        let solution = solve(&restricted, time);
        let picked = solution.as_ref().map_or(&[][..], |it| &it.picked);
        let total = picked.iter().map(|it| stock.money(&restricted, *it).1).sum::<Money>();
        Alternative {
            how,
            is_enough: solution.is_some(),
            compensation: solution.is_some().then_some(total),
            leases: u32::try_from(picked.len()).unwrap_or(u32::MAX),
        }
    });
    found.collect()
}

impl Stock {
    /// Price of the time given back by a cut, and what it costs, by the arithmetic of settlement.
    fn money(&self, puzzle: &Puzzle, picked: Picked) -> (Money, Money) {
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
                let money =
                    stake(measure(choice, picked), &held.clauses[place].compensation, tranches, at);
                (money.unused, money.compensation)
            }
        }
    }
}

/// What a case for this cut would ask for.
fn measure(choice: &Choice, picked: Picked) -> Measure {
    match choice.way.tranche {
        None => Measure::Full,
        Some(tranche_id) => Measure::Partial { tranche_id, units: units(choice, picked) },
    }
}

/// Units that a cut takes, of all the tranches it takes from.
fn units(choice: &Choice, picked: Picked) -> u32 {
    let per_step = choice.frees.iter().map(|(_, units)| *units).fold(0, u32::saturating_add);
    per_step.saturating_mul(picked.steps)
}

fn plan(
    app: &App,
    wish: &Wish,
    stock: &Stock,
    puzzle: &Puzzle,
    solution: &Solution,
    alternatives: Vec<Alternative>,
) -> Plan {
    let mut cuts: Vec<Cut> =
        solution.picked.iter().filter_map(|picked| cut(stock, puzzle, *picked)).collect();
    cuts.sort_by_key(|cut| (!cut.is_voluntary, cut.serve_at, cut.lease_id));
    let (site_id, pool_id) = match wish.place {
        Place::Site(id) => (Some(id), None),
        Place::Pool(id) => (None, Some(id)),
    };
    let (wanted_gpus, wanted_mw) = match wish.amount {
        Wanted::Gpus(gpus) => (Some(gpus), None),
        Wanted::Mw(mw) => (None, Some(mw)),
    };
    // The solver's prices are straight lines through rounded ends: up to a cent off for each cut.
    let gap = solution.gap().map(|gap| if gap < 1e-9 { 0.0 } else { (gap * 1e6).ceil() / 1e6 });
    Plan {
        provider_id: stock.pools[0].provider_id,
        site_id,
        pool_id,
        wanted_gpus,
        wanted_mw,
        starts_at: wish.period.starts_at,
        ends_at: wish.period.ends_at,
        grounds: wish.grounds.clone(),
        invoked_as: stock.invoker.party,
        approval_time: wish.approval_time,
        free_already: stock.size(freed(puzzle, &[])),
        free_then: stock.size(freed(puzzle, &solution.picked)),
        compensation: cuts.iter().map(|cut| cut.compensation).sum(),
        unused: cuts.iter().map(|cut| cut.unused).sum(),
        currency: app.config.currency.clone(),
        is_optimal: gap == Some(0.0),
        gap,
        cuts,
        alternatives,
        left_out: left_out(stock, puzzle),
    }
}

fn cut(stock: &Stock, puzzle: &Puzzle, picked: Picked) -> Option<Cut> {
    let choice = &puzzle.choices[picked.choice];
    let held = stock.leases.get(&choice.lease)?;
    let lease = &held.lease;
    let at = puzzle.starts_at;
    let taken = choice.way.tranche.and_then(|id| lease.tranche(id));
    let left = lease.tranches.iter().filter(|tranche| tranche.ends_at > at);
    let (of_units, gpus) = match taken {
        Some(tranche) => (tranche.units, tranche.gpus_per_unit() * units(choice, picked)),
        None => (
            left.clone().map(|tranche| tranche.units).sum(),
            left.clone().map(|tranche| tranche.gpus).sum(),
        ),
    };
    let (unused, compensation) = stock.money(puzzle, picked);
    let (clause, volunteer) = match choice.way.by {
        By::Clause { place, .. } => (Some((place, &held.clauses[place])), None),
        By::Volunteer { place } => (None, Some(&held.volunteers[place])),
    };
    let action = if choice.way.tranche.is_some() { Action::Partial } else { Action::Full };
    Some(Cut {
        lease_id: lease.id,
        tenant_id: lease.tenant_id,
        tenant_name: lease.tenant_name.clone(),
        lease_revision: lease.revision,
        action: action.to_string(),
        tranche_id: choice.way.tranche,
        pool_id: taken.map(|tranche| tranche.pool_id),
        units: units(choice, picked),
        of_units,
        gpus,
        is_voluntary: volunteer.is_some(),
        volunteer_id: volunteer.map(|it| it.id),
        ground: clause.map(|(_, clause)| clause.ground),
        clause: clause.map(|(place, _)| place),
        clause_in_words: clause.map(|(_, clause)| clause.in_words()),
        appeal_stays: clause.is_some_and(|(_, it)| it.appeal.is_some_and(|appeal| appeal.stays)),
        serve_at: clause.map(|(_, clause)| at - clause.notice.delta()),
        effective_at: taken.map_or(at, |tranche: &Tranche| tranche.starts_at.max(at)),
        unused,
        compensation,
        other_clauses: other_clauses(stock, held, choice, picked, at),
    })
}

fn other_clauses(
    stock: &Stock,
    held: &Held,
    choice: &Choice,
    picked: Picked,
    at: Timestamp,
) -> Vec<OtherClause> {
    let measure = measure(choice, picked);
    let usable = |(place, clause): &(usize, &Clause)| {
        !matches!(choice.way.by, By::Clause { place: used, .. } if used == *place)
            && stock.invoker.may_use(clause, stock.now, at)
            && clause.allows(measure.action())
            && match measure {
                Measure::Partial { units, .. } => units.is_multiple_of(clause.partial_step.max(1)),
                _ => true,
            }
    };
    let clauses = held.clauses.iter().enumerate().filter(usable);
    let others = clauses.map(|(place, clause)| OtherClause {
        ground: clause.ground,
        clause: place,
        serve_at: at - clause.notice.delta(),
        compensation: stake(measure, &clause.compensation, &held.lease.tranches, at).compensation,
    });
    others.collect()
}

fn left_out(stock: &Stock, puzzle: &Puzzle) -> Vec<LeftOut> {
    let in_the_way: HashSet<TrancheId> =
        puzzle.pools.iter().flat_map(|pool| &pool.uses).filter_map(|it| it.tranche).collect();
    let reachable: HashSet<LeaseId> = puzzle.choices.iter().map(|choice| choice.lease).collect();
    let (mut open, mut late) = (0, 0);
    for held in stock.leases.values() {
        if !held.lease.tranches.iter().any(|tranche| in_the_way.contains(&tranche.id)) {
            continue;
        }
        open += u32::from(held.has_open_case);
        late += u32::from(!held.has_open_case && !reachable.contains(&held.lease.id));
    }
    let counts = [
        ("another_case_open", open),
        ("no_clause_in_time", late),
        ("hold_or_request", stock.holds),
    ];
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    counts.map(|(reason, count)| LeftOut { reason: reason.to_owned(), count }).collect()
}

fn unmet(stock: &Stock, reach: &Reach) -> Problem {
    let unit = match stock.amount {
        Amount::Gpus(_) => |size: Size| format!("{} GPUs", size.gpus),
        Amount::Watts(_) => |size: Size| format!("{} MW", size.mw),
    };
    let most = stock.size(reach.most);
    let way_out = match reach.next {
        Some(next) => format!("all of it can be free from {} on", next.format("%Y-%m-%dT%H:%MZ")),
        None => "no day in the next year would do; ask for less, or for more grounds".to_owned(),
    };
    let detail = format!("{} at most can be free by then; {way_out}", unit(most));
    let later: Vec<_> = reach
        .later
        .iter()
        .map(|(by, number)| {
            let size = stock.size(*number);
            json!({ "by": by, "gpus": size.gpus, "mw": size.mw })
        })
        .collect();
    Problem::conflict("plan_cannot_be_met", detail)
        .with("can_be_free", most)
        .with("later", later)
        .with("next_date", reach.next)
}
