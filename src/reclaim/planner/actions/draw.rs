//! From what is there to a proposal, and drawing up what is shown of it.

use std::collections::HashSet;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::json;

use super::{Place, Wanted, Wish};
use crate::api::Problem;
use crate::kernel::time::said;
use crate::kernel::{LeaseId, Money, OrganizationId, Period, TrancheId};
use crate::leases::LineLeft;
use crate::reclaim::planner::rules::{
    Amount, By, Candidate, Free, Menu, Picked, Reach, Reclaimable, STANDS, Solution, Stock,
    free_with, served, solve,
};
use crate::reclaim::planner::views::{Alternative, Cut, LeftOut, OtherClause, ReclaimPlan, Size};
use crate::reclaim::rules::{Measure, stake};
use crate::supply::{Action, Clause, Ground};

/// Time for the plan itself, and for all its alternatives together.
const TIME: Duration = Duration::from_millis(600);
const TIME_FOR_ALTERNATIVES: Duration = Duration::from_millis(300);

/// What is taken of what can be taken, of what is there.
pub(super) struct Proposal {
    stock: Stock,
    menu: Menu,
    solution: Solution,
    alternatives: Vec<Alternative>,
}

/// The cheapest way to meet a wish for `period`. Runs off the async threads.
///
/// # Errors
/// 409 `plan_cannot_be_met` with what can be had instead.
pub(super) fn propose(stock: Stock, period: Period) -> Result<Proposal, Problem> {
    let menu = stock.menu(period);
    let Some(solution) = solve(&menu, TIME) else {
        return Err(unmet(stock.amount, &stock.outlook(period)));
    };
    let alternatives = alternatives(&stock, &menu);
    Ok(Proposal { stock, menu, solution, alternatives })
}

/// What it costs under each ground alone, and without volunteers, where there is a choice.
fn alternatives(stock: &Stock, menu: &Menu) -> Vec<Alternative> {
    let mut grounds: Vec<Ground> = Vec::new();
    let mut has_volunteers = false;
    for candidate in &menu.candidates {
        match candidate.way.by {
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
        let keeps = |candidate: &&Candidate| match candidate.way.by {
            By::Volunteer { .. } => false,
            By::Clause { ground, .. } => only.is_none_or(|only| only == ground),
        };
        let candidates: Vec<Candidate> = menu.candidates.iter().filter(keeps).cloned().collect();
        let restricted = Menu { candidates, ..menu.clone() };
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

impl Proposal {
    /// The plan of `provider` for `wish`, in `currency`.
    pub(super) fn plan(self, wish: &Wish, provider: OrganizationId, currency: &str) -> ReclaimPlan {
        let picked = &self.solution.picked;
        let mut cuts: Vec<Cut> = picked.iter().filter_map(|picked| self.cut(*picked)).collect();
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
        let gap = self.solution.gap();
        let gap = gap.map(|gap| if gap < 1e-9 { 0.0 } else { (gap * 1e6).ceil() / 1e6 });
        ReclaimPlan {
            provider_id: provider,
            site_id,
            pool_id,
            wanted_gpus,
            wanted_mw,
            starts_at: wish.period.starts_at,
            ends_at: wish.period.ends_at,
            grounds: wish.grounds.clone(),
            invoked_as: self.stock.invoker.party,
            approval_time: wish.approval_time,
            free_already: size(free_with(&self.menu, &[])),
            free_then: size(free_with(&self.menu, picked)),
            compensation: cuts.iter().map(|cut| cut.compensation).sum(),
            unused: cuts.iter().map(|cut| cut.unused).sum(),
            currency: currency.to_owned(),
            is_optimal: gap == Some(0.0),
            gap,
            cuts,
            left_out: self.left_out(),
            alternatives: self.alternatives,
        }
    }

    fn cut(&self, picked: Picked) -> Option<Cut> {
        let candidate = &self.menu.candidates[picked.candidate];
        let from = self.stock.leases.get(&candidate.lease)?;
        let (lease, at) = (&from.lease, self.menu.starts_at);
        let units = candidate.units(picked.steps);
        let left = lease.tranches.lines_left(at, self.menu.ends_at);
        let taken = candidate.way.tranche.and_then(|id| left.iter().find(|it| it.line == id));
        let gpus_of = |line: &LineLeft<'_>, units| line.tranche.gpus_per_unit() * units;
        let (of_units, gpus) = match taken {
            Some(line) => (line.units, gpus_of(line, units)),
            None => (
                left.iter().map(|line| line.units).sum(),
                left.iter().map(|line| gpus_of(line, line.units)).sum(),
            ),
        };
        let (unused, compensation) = self.stock.money(&self.menu, picked);
        let (clause, volunteer) = match candidate.way.by {
            By::Clause { place, .. } => (Some((place, &from.clauses[place])), None),
            By::Volunteer { place } => (None, Some(&from.volunteers[place])),
        };
        let measure = self.stock.measure(&self.menu, picked);
        let action = if taken.is_some() { Action::Partial } else { Action::Full };
        let appeal = clause.and_then(|(_, clause)| clause.appeal);
        Some(Cut {
            lease_id: lease.id,
            tenant_id: lease.tenant_id,
            tenant_name: lease.tenant_name.clone(),
            lease_revision: lease.revision,
            action: action.to_string(),
            tranche_id: candidate.way.tranche,
            pool_id: taken.map(|line| line.tranche.pool_id),
            units,
            of_units,
            gpus,
            is_voluntary: volunteer.is_some(),
            volunteer_id: volunteer.map(|it| it.id),
            ground: clause.map(|(_, clause)| clause.ground),
            clause: clause.map(|(place, _)| place),
            clause_in_words: clause.map(|(_, clause)| clause.in_words()),
            appeal_stays: appeal.is_some_and(|appeal| appeal.stays),
            serve_at: clause.map(|(_, clause)| at - served(clause).delta()),
            effective_at: taken.map_or(at, |line| line.tranche.starts_at.max(at)),
            until: clause.and_then(|_| measure.until()),
            unused,
            compensation,
            other_clauses: self.other_clauses(from, clause.map(|(place, _)| place), measure),
        })
    }

    /// The same cut under clauses other than the one `used`.
    fn other_clauses(
        &self,
        from: &Reclaimable,
        used: Option<usize>,
        measure: Measure,
    ) -> Vec<OtherClause> {
        let at = self.menu.starts_at;
        let usable = |(place, clause): &(usize, &Clause)| {
            used != Some(*place)
                && self.stock.invoker.may_use(clause, self.stock.now, at)
                && clause.allows(measure.action())
                && match measure {
                    Measure::Partial { units, .. } => {
                        units.is_multiple_of(clause.partial_step.max(1))
                    }
                    _ => true,
                }
        };
        let clauses = from.clauses.iter().enumerate().filter(usable);
        let others = clauses.map(|(place, clause)| {
            let stake = stake(measure, &clause.compensation, &from.lease.tranches, at);
            OtherClause {
                ground: clause.ground,
                clause: place,
                serve_at: at - served(clause).delta(),
                compensation: stake.compensation,
            }
        });
        others.collect()
    }

    fn left_out(&self) -> Vec<LeftOut> {
        let uses = self.menu.pools.iter().flat_map(|pool| &pool.uses);
        let in_the_way: HashSet<TrancheId> = uses.filter_map(|it| it.tranche).collect();
        let reachable: HashSet<LeaseId> =
            self.menu.candidates.iter().map(|candidate| candidate.lease).collect();
        let (mut open, mut late) = (0, 0);
        for it in self.stock.leases.values() {
            if !it.lease.tranches.iter().any(|tranche| in_the_way.contains(&tranche.line)) {
                continue;
            }
            open += u32::from(it.has_open_case);
            late += u32::from(!it.has_open_case && !reachable.contains(&it.lease.id));
        }
        let counts = [
            ("another_case_open", open),
            ("no_clause_in_time", late),
            ("hold_or_request", self.stock.holds),
        ];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        counts.map(|(reason, count)| LeftOut { reason: reason.to_owned(), count }).collect()
    }
}

fn size(free: Free) -> Size {
    let mw = Decimal::from(free.watts) / Decimal::from(1_000_000);
    Size { gpus: free.gpus, mw: mw.normalize() }
}

fn unmet(amount: Amount, reach: &Reach) -> Problem {
    let most = size(reach.most);
    let in_words = match amount {
        Amount::Gpus(_) => format!("{} GPUs", most.gpus),
        Amount::Watts(_) => format!("{} MW", most.mw),
    };
    let way_out = match reach.next {
        Some(next) => format!(
            "all of it can be free from {} on, if the plan is made within {} minutes",
            said(&next),
            STANDS.num_minutes()
        ),
        None => "no day in the next year would do; ask for less, or for more grounds".to_owned(),
    };
    let detail = format!("{in_words} at most can be free by then; {way_out}");
    let later: Vec<_> = reach
        .later
        .iter()
        .map(|(by, free)| {
            let size = size(*free);
            json!({ "by": by, "gpus": size.gpus, "mw": size.mw })
        })
        .collect();
    Problem::conflict("plan_cannot_be_met", detail)
        .with("can_be_free", most)
        .with("later", later)
        .with("next_date", reach.next)
}
