//! Thinking a wish over, and drawing up what is shown of it.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use super::stock::{Held, Stock, measure, units};
use super::{Place, Wanted, Wish};
use crate::api::Problem;
use crate::app::App;
use crate::kernel::time::said;
use crate::kernel::{LeaseId, Money, Period, TrancheId};
use crate::leases::Tranche;
use crate::reclaim::planner::rules::{
    Amount, By, Choice, Picked, Problem as Puzzle, Reach, Solution, freed, reach, served, solve,
};
use crate::reclaim::planner::views::{Alternative, Cut, LeftOut, OtherClause, Plan, Size};
use crate::reclaim::rules::{Measure, stake};
use crate::supply::{Action, Clause, Ground};

/// Time for the plan itself, and for all its alternatives together.
const TIME: Duration = Duration::from_millis(600);
const TIME_FOR_ALTERNATIVES: Duration = Duration::from_millis(300);

/// What comes of thinking a wish over.
pub(super) struct Thought {
    pub(super) puzzle: Puzzle,
    pub(super) solution: Solution,
    pub(super) alternatives: Vec<Alternative>,
}

/// Runs off the async threads.
pub(super) fn think(stock: &Stock, period: Period) -> Result<Thought, Reach> {
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

pub(super) fn plan(
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
        serve_at: clause.map(|(_, clause)| at - served(clause).delta()),
        effective_at: taken.map_or(at, |tranche: &Tranche| tranche.starts_at.max(at)),
        until: match choice.way.by {
            By::Clause { .. } => measure(lease, puzzle, picked).until(),
            By::Volunteer { .. } => None,
        },
        unused,
        compensation,
        other_clauses: other_clauses(stock, held, puzzle, picked),
    })
}

fn other_clauses(stock: &Stock, held: &Held, puzzle: &Puzzle, picked: Picked) -> Vec<OtherClause> {
    let (choice, at) = (&puzzle.choices[picked.choice], puzzle.starts_at);
    let measure = measure(&held.lease, puzzle, picked);
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
        serve_at: at - served(clause).delta(),
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

pub(super) fn unmet(stock: &Stock, reach: &Reach) -> Problem {
    let unit = match stock.amount {
        Amount::Gpus(_) => |size: Size| format!("{} GPUs", size.gpus),
        Amount::Watts(_) => |size: Size| format!("{} MW", size.mw),
    };
    let most = stock.size(reach.most);
    let way_out = match reach.next {
        Some(next) => format!("all of it can be free from {} on", said(&next)),
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
