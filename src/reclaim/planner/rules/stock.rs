//! All that bears on a wish, as it stands, and what can be taken of it for a period.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chrono::TimeDelta;

use super::{
    Amount, By, Candidate, Invoker, Menu, Picked, Pool, Reach, Use, candidates, lead, part, reach,
};
use crate::kernel::{LeaseId, Money, Period, Span, Timestamp, TrancheId};
use crate::leases::Lease;
use crate::reclaim::rules::{Measure, Offered, stake};
use crate::supply::Clause;

/// How far ahead later days are looked for.
pub const HORIZON: Span = Span::days(365);

/// How long what is proposed can be asked for at least: leads are reckoned from the end of that time.
pub const STANDS: TimeDelta = TimeDelta::minutes(15);

/// Most later days that are looked at when a wish cannot be met.
const MAX_DAYS: usize = 400;

/// All that bears on a wish, as it stands.
#[derive(Debug, Clone)]
pub struct Stock {
    /// With all that occupies them from the wish's beginning on until [`HORIZON`] after its end.
    pub pools: Vec<Pool>,
    /// The leases that occupy something there.
    pub leases: BTreeMap<LeaseId, Reclaimable>,
    /// How many holds and requests occupy something there.
    pub holds: u32,
    pub amount: Amount,
    pub invoker: Invoker,
    pub now: Timestamp,
}

/// A lease with all by which it can be taken from.
#[derive(Debug, Clone)]
pub struct Reclaimable {
    pub lease: Lease,
    pub clauses: Arc<[Clause]>,
    pub volunteers: Vec<Offered>,
    pub has_open_case: bool,
}

impl Stock {
    /// What can be taken for `period`, all candidates with their prices.
    pub fn menu(&self, period: Period) -> Menu {
        self.menu_for(period, &self.invoker, self.now)
    }

    /// What can be taken for `period` by whoever asks within [`STANDS`], without prices.
    ///
    /// Whatever is on it is on the menu of every instant until then, because time that has passed only
    /// takes candidates away.
    pub fn lasting_menu(&self, period: Period) -> Menu {
        let invoker = Invoker { is_priced: false, ..self.invoker.clone() };
        self.menu_for(period, &invoker, self.now + STANDS)
    }

    fn menu_for(&self, period: Period, invoker: &Invoker, now: Timestamp) -> Menu {
        let mut standing: HashSet<TrancheId> = HashSet::new();
        let inside = |it: &&Use| it.starts_at < period.ends_at && it.ends_at > period.starts_at;
        let mut pools = Vec::with_capacity(self.pools.len());
        for pool in &self.pools {
            let uses: Vec<Use> = pool.uses.iter().filter(inside).copied().collect();
            standing.extend(uses.iter().filter_map(|it| it.tranche));
            pools.push(Pool { uses, ..*pool });
        }
        let mut found: Vec<Candidate> = Vec::new();
        for it in self.leases.values().filter(|it| !it.has_open_case) {
            let lines = it.lease.tranches.lines().map(|first| first.line);
            let lines: Vec<TrancheId> = lines.filter(|line| standing.contains(line)).collect();
            let offers: Vec<_> = it.volunteers.iter().map(|offered| offered.volunteer).collect();
            if !lines.is_empty() {
                let of = candidates(&it.lease, &it.clauses, &offers, &lines, invoker, now, period);
                found.extend(of);
            }
        }
        let Period { starts_at, ends_at } = period;
        Menu { pools, amount: self.amount, starts_at, ends_at, candidates: found }
    }

    /// How much can be free for `period`, and when the wish can be met for as long. Whoever asks for any
    /// of it within [`STANDS`] gets it, if nothing else has changed.
    pub fn outlook(&self, period: Period) -> Reach {
        let length = period.ends_at - period.starts_at;
        let on = |starts_at| Period { starts_at, ends_at: starts_at + length };
        let is_sayable = |day: &Timestamp| Period::new(*day, *day + length).is_ok();
        let days = self.days(period.starts_at).into_iter().filter(is_sayable);
        reach(&self.lasting_menu(period), days, |day| self.lasting_menu(on(day)))
    }

    /// The days on which more may be possible than on the day before, from `after` on.
    fn days(&self, after: Timestamp) -> Vec<Timestamp> {
        let mut days: Vec<Timestamp> =
            self.pools.iter().flat_map(|pool| &pool.uses).map(|it| it.ends_at).collect();
        let from = self.now + STANDS;
        for it in self.leases.values() {
            let leads = it.clauses.iter().map(|clause| lead(clause, self.invoker.approval_time));
            let notices = it.volunteers.iter().map(|offered| offered.volunteer.notice);
            days.extend(leads.chain(notices).map(|lead| full_hour(from + lead.delta())));
        }
        days.retain(|day| *day > after && *day <= after + HORIZON.delta());
        days.sort_unstable();
        days.dedup();
        days.truncate(MAX_DAYS);
        days
    }

    /// Price of the time given back by a cut, and what it costs, by the arithmetic of settlement.
    pub fn money(&self, menu: &Menu, picked: Picked) -> (Money, Money) {
        let candidate = &menu.candidates[picked.candidate];
        let nothing = (Money::ZERO, Money::ZERO);
        let Some(it) = self.leases.get(&candidate.lease) else { return nothing };
        let (at, tranches) = (menu.starts_at, &it.lease.tranches);
        match candidate.way.by {
            By::Volunteer { place } => {
                let offer = &it.volunteers[place].volunteer;
                offer.price(tranches, picked.steps, at)
            }
            By::Clause { place, .. } => {
                let measure = self.measure(menu, picked);
                let money = stake(measure, &it.clauses[place].compensation, tranches, at);
                (money.unused, money.compensation)
            }
        }
    }

    /// What a case for this cut would ask for.
    pub fn measure(&self, menu: &Menu, picked: Picked) -> Measure {
        let candidate = &menu.candidates[picked.candidate];
        let period = Period { starts_at: menu.starts_at, ends_at: menu.ends_at };
        let lease = self.leases.get(&candidate.lease).map(|it| &it.lease);
        let (Some(line), Some(lease)) = (candidate.way.tranche, lease) else {
            return Measure::Full;
        };
        let left = lease.tranches.lines_left(period.starts_at, period.ends_at);
        let line = left.iter().find(|left| left.line == line);
        line.map_or(Measure::Full, |line| part(line, candidate.units(picked.steps), period))
    }
}

impl Candidate {
    /// Units that so many steps take, of all the tranches that they take from.
    pub fn units(&self, steps: u32) -> u32 {
        let per_step = self.frees.iter().map(|(_, units)| *units).fold(0, u32::saturating_add);
        per_step.saturating_mul(steps)
    }
}

/// The full hour at `at` or after it.
fn full_hour(at: Timestamp) -> Timestamp {
    const HOUR: i64 = 3_600_000_000;
    let over = at.timestamp_micros().rem_euclid(HOUR);
    if over == 0 { at } else { at + TimeDelta::microseconds(HOUR - over) }
}
