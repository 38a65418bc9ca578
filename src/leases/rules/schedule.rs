//! The schedule of a lease: what is held when, and what it costs. Pure.
//!
//! ```text
//! units ▲
//!    64 ┌───────────┐          ┌──────────┐   one line: the units of one pool at one rate, which may
//!    24 │     A     ├──────────┤    X     │   differ from time to time; each piece of it is a tranche
//!     0 └───────────┴────B─────┴──────────┴▶
//! ```
//!
//! - The pieces of a line never overlap in time. When a piece is cut, the part that goes on the longest
//!   keeps its id, and the others get new ones; all of them keep the line. So whoever points at a tranche
//!   or its line still finds it.
//! - A line costs `rate × GPU-seconds / 3600`, rounded once for the whole line, and every tranche of it the
//!   difference that it makes. However a line is cut, its prices add up to the same sum, and giving
//!   something back never costs more than keeping it.

use std::ops::Deref;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::kernel::{Money, OfferId, Period, PoolId, Rate, Timestamp, TrancheId};

/// One piece of a line of a lease's schedule: so many units of one pool for a period at one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tranche {
    pub id: TrancheId,
    /// What it is a piece of: the id that its line had when it was booked.
    pub line: TrancheId,
    /// 0, 1, … in order of start.
    pub number: i32,
    pub offer_id: OfferId,
    pub pool_id: PoolId,
    pub units: u32,
    pub gpus: u32,
    /// At the meter, to the watt.
    pub mw: Decimal,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub rate: Rate,
    pub price: Money,
}

impl Tranche {
    /// Its period.
    pub fn period(&self) -> Period {
        Period { starts_at: self.starts_at, ends_at: self.ends_at }
    }

    /// GPUs in one of its units.
    pub fn gpus_per_unit(&self) -> u32 {
        self.gpus / self.units.max(1)
    }

    /// The same with `units` units from one instant to another, its price still to be computed.
    pub fn piece(&self, units: u32, period: (Timestamp, Timestamp)) -> Tranche {
        let mw = self.mw * Decimal::from(units) / Decimal::from(self.units.max(1));
        Tranche {
            units,
            gpus: self.gpus_per_unit() * units,
            mw: mw.round_dp(6).normalize(),
            starts_at: period.0,
            ends_at: period.1,
            ..self.clone()
        }
    }
}

/// What is left of a line at an instant.
#[derive(Debug, Clone, Copy)]
pub struct LineLeft<'s> {
    pub line: TrancheId,
    /// Its first piece that is not over.
    pub tranche: &'s Tranche,
    /// The fewest that it has at a time within the period that was looked at.
    pub units: u32,
    /// The most that it has at a time from then on.
    pub units_most: u32,
    /// When its last piece is over.
    pub ends_at: Timestamp,
}

/// Units of a tranche that are given back for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The tranche as it was before.
    pub tranche: Tranche,
    pub units: u32,
    pub period: Period,
}

impl Given {
    /// GPUs that are given back.
    pub fn gpus(&self) -> u32 {
        self.tranche.gpus_per_unit() * self.units
    }
}

/// The tranches of a lease, in order of start; changed only by what is defined here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule(Vec<Tranche>);

impl Deref for Schedule {
    type Target = [Tranche];
    fn deref(&self) -> &[Tranche] {
        &self.0
    }
}

impl<'s> IntoIterator for &'s Schedule {
    type Item = &'s Tranche;
    type IntoIter = std::slice::Iter<'s, Tranche>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Schedule {
    /// A new schedule of `tranches`, each a line of its own or a piece of one, priced and numbered.
    pub fn new(tranches: Vec<Tranche>) -> Schedule {
        let mut schedule = Schedule(tranches);
        schedule.put_in_order();
        schedule
    }

    /// A schedule that is kept as it is, with the prices at which it was signed.
    pub fn kept(tranches: Vec<Tranche>) -> Schedule {
        Schedule(tranches)
    }

    /// The sum of its prices.
    pub fn price(&self) -> Money {
        self.0.iter().map(|tranche| tranche.price).sum()
    }

    /// From its first start to its last end; `None` for an empty one.
    pub fn period(&self) -> Option<Period> {
        let starts_at = self.0.iter().map(|tranche| tranche.starts_at).min()?;
        let ends_at = self.0.iter().map(|tranche| tranche.ends_at).max()?;
        Some(Period { starts_at, ends_at })
    }

    /// The pools that it lies in, in their order, each once.
    pub fn pools(&self) -> Vec<PoolId> {
        let mut pools: Vec<PoolId> = self.0.iter().map(|tranche| tranche.pool_id).collect();
        pools.sort_unstable();
        pools.dedup();
        pools
    }

    /// The tranche `id`.
    pub fn tranche(&self, id: TrancheId) -> Option<&Tranche> {
        self.0.iter().find(|tranche| tranche.id == id)
    }

    /// The line that `id` is, or is a piece of.
    pub fn line_of(&self, id: TrancheId) -> Option<TrancheId> {
        let is_it = |tranche: &&Tranche| tranche.id == id || tranche.line == id;
        self.0.iter().find(is_it).map(|tranche| tranche.line)
    }

    /// The pieces of `line`, in order of time.
    pub fn line(&self, line: TrancheId) -> impl Iterator<Item = &Tranche> + Clone {
        self.0.iter().filter(move |tranche| tranche.line == line)
    }

    /// Every line with its first piece, in order of start.
    pub fn lines(&self) -> impl Iterator<Item = &Tranche> {
        let is_first = |(place, tranche): &(usize, &Tranche)| {
            self.0[..*place].iter().all(|earlier| earlier.line != tranche.line)
        };
        self.0.iter().enumerate().filter(is_first).map(|(_, tranche)| tranche)
    }

    /// What is left of the lines at `at`, each summed up for the time between then and `until`.
    pub fn lines_left(&self, at: Timestamp, until: Timestamp) -> Vec<LineLeft<'_>> {
        let left = self.lines().filter_map(|first| {
            let pieces = self.line(first.line).filter(|piece| piece.ends_at > at);
            let last = pieces.clone().max_by_key(|piece| piece.ends_at)?;
            let next = pieces.clone().min_by_key(|piece| piece.starts_at)?;
            let during = pieces.clone().filter(|piece| piece.starts_at < until);
            Some(LineLeft {
                line: first.line,
                tranche: next,
                units: during.map(|piece| piece.units).min().unwrap_or(next.units),
                units_most: pieces.map(|piece| piece.units).max().unwrap_or(next.units),
                ends_at: last.ends_at,
            })
        });
        left.collect()
    }

    /// GPUs and MW that it comes to at an instant.
    pub fn size_at(&self, at: Timestamp) -> (u32, Decimal) {
        let running = self.0.iter().filter(|it| it.starts_at <= at && at < it.ends_at);
        running
            .fold((0, Decimal::ZERO), |(gpus, mw), tranche| (gpus + tranche.gpus, mw + tranche.mw))
    }

    /// The most GPUs that it has at a time from `at` on.
    pub fn most_gpus(&self, at: Timestamp) -> u32 {
        let starts = self.0.iter().map(|tranche| tranche.starts_at.max(at));
        starts.map(|instant| self.size_at(instant).0).max().unwrap_or(0)
    }

    /// GPU-hours of all of it.
    pub fn gpu_hours(&self) -> Decimal {
        let lines = self.lines().map(|first| seconds_of(self.line(first.line)));
        Decimal::from(lines.sum::<i64>()) / Decimal::from(3600)
    }

    /// Lets what ends last go on until `ends_at`.
    pub fn extend(&mut self, ends_at: Timestamp) {
        let Some(period) = self.period() else { return };
        for tranche in self.0.iter_mut().filter(|tranche| tranche.ends_at == period.ends_at) {
            tranche.ends_at = ends_at;
        }
        self.put_in_order();
    }

    /// Gives `units` units of `line` back for `period`, or as many as it has then; returns what each of its
    /// tranches gives. `fresh` makes the ids of what is cut off.
    pub fn give_back(
        &mut self,
        line: TrancheId,
        units: u32,
        period: Period,
        mut fresh: impl FnMut() -> TrancheId,
    ) -> Vec<Given> {
        let mut given = Vec::new();
        let mut kept = Vec::with_capacity(self.0.len() + 2);
        for tranche in std::mem::take(&mut self.0) {
            let units = units.min(tranche.units);
            if tranche.line != line || !tranche.period().overlaps(period) || units == 0 {
                kept.push(tranche);
                continue;
            }
            let from = tranche.starts_at.max(period.starts_at);
            let until = tranche.ends_at.min(period.ends_at);
            let parts = [
                (tranche.units, (tranche.starts_at, from)),
                (tranche.units - units, (from, until)),
                (tranche.units, (until, tranche.ends_at)),
            ];
            let is_there = |(units, (from, until)): &(u32, _)| *units > 0 && from < until;
            let parts: Vec<_> = parts.into_iter().filter(is_there).collect();
            for (place, (units, period)) in parts.iter().enumerate() {
                let is_last = place + 1 == parts.len();
                let id = if is_last { tranche.id } else { fresh() };
                kept.push(Tranche { id, ..tranche.piece(*units, *period) });
            }
            let period = Period { starts_at: from, ends_at: until };
            given.push(Given { tranche, units, period });
        }
        self.0 = kept;
        self.put_in_order();
        given
    }

    /// Gives everything back from `at` on; returns what each tranche gives.
    pub fn cut(&mut self, at: Timestamp) -> Vec<Given> {
        let Some(Period { ends_at, .. }) = self.period() else { return Vec::new() };
        if ends_at <= at {
            return Vec::new();
        }
        let rest = Period { starts_at: at, ends_at };
        let lines: Vec<TrancheId> = self.lines().map(|first| first.line).collect();
        let mut given = Vec::new();
        for line in lines {
            // Nothing is cut off: what has begun ends, and the rest is gone.
            given.extend(self.give_back(line, u32::MAX, rest, || line));
        }
        given
    }

    /// The same, of which nothing is owed: it never began, and stays for the record.
    #[must_use]
    pub fn never_begun(mut self) -> Schedule {
        self.0.iter_mut().for_each(|tranche| tranche.price = Money::ZERO);
        self
    }

    /// Orders, numbers and prices the tranches.
    fn put_in_order(&mut self) {
        self.0.sort_by_key(|tranche| (tranche.starts_at, tranche.number, tranche.ends_at));
        let lines: Vec<TrancheId> = self.lines().map(|first| first.line).collect();
        for line in lines {
            let mut seconds = GpuSeconds::default();
            let mut before = Money::ZERO;
            for tranche in self.0.iter_mut().filter(|tranche| tranche.line == line) {
                let total = tranche.rate.price_of(seconds.with(tranche));
                tranche.price = total - before;
                before = total;
            }
        }
        for (number, tranche) in (0..).zip(&mut self.0) {
            tranche.number = number;
        }
    }
}

/// What giving `given` back, all of one line, takes off the price of that line in `schedule`.
pub fn price_given(schedule: &Schedule, given: &[Given]) -> Money {
    let Some(first) = given.first() else { return Money::ZERO };
    let line = || schedule.line(first.tranche.line);
    let starts_at = line().map(|tranche| tranche.starts_at).min();
    let seconds = |it: &Given| {
        let origin = starts_at.unwrap_or(it.period.starts_at);
        i64::from(it.gpus()) * seconds_between(origin, it.period)
    };
    let (all, gone) = (seconds_of(line()), given.iter().map(seconds).sum::<i64>());
    let rate = first.tranche.rate;
    rate.price_of(all) - rate.price_of((all - gone).max(0))
}

/// GPU-seconds of the pieces of a line, in order of time.
fn seconds_of<'t>(line: impl Iterator<Item = &'t Tranche>) -> i64 {
    let mut seconds = GpuSeconds::default();
    line.fold(0, |_, tranche| seconds.with(tranche))
}

/// GPU-seconds of a line, counted up piece by piece. Whole seconds are counted from the line's start on, so
/// that no cut between two of them loses one.
#[derive(Debug, Default)]
struct GpuSeconds {
    origin: Option<Timestamp>,
    total: i64,
}

impl GpuSeconds {
    /// The sum with `tranche`, the next piece.
    fn with(&mut self, tranche: &Tranche) -> i64 {
        let origin = *self.origin.get_or_insert(tranche.starts_at);
        self.total += i64::from(tranche.gpus) * seconds_between(origin, tranche.period());
        self.total
    }
}

/// Whole seconds of `period`, as counted from `origin`.
fn seconds_between(origin: Timestamp, period: Period) -> i64 {
    (period.ends_at - origin).num_seconds() - (period.starts_at - origin).num_seconds()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::microseconds(micros)
    }

    fn tranche(number: u128, units: u32, gpus_per_unit: u32, from: i64, until: i64) -> Tranche {
        let id = TrancheId(Uuid::from_u128(number));
        Tranche {
            id,
            line: id,
            number: i32::try_from(number).unwrap(),
            offer_id: OfferId(Uuid::nil()),
            pool_id: PoolId(Uuid::from_u128(number % 2)),
            units,
            gpus: units * gpus_per_unit,
            mw: Decimal::from(units) * Decimal::new(1122, 5),
            starts_at: at(from),
            ends_at: at(until),
            rate: "1.399".parse().unwrap(),
            price: Money::ZERO,
        }
    }

    /// Units of `line` at an instant.
    fn units_at(schedule: &Schedule, line: TrancheId, instant: Timestamp) -> u32 {
        let running =
            schedule.line(line).filter(|it| it.starts_at <= instant && instant < it.ends_at);
        let units: Vec<u32> = running.map(|tranche| tranche.units).collect();
        assert!(units.len() <= 1, "pieces of a line overlap: {schedule:?}");
        units.first().copied().unwrap_or(0)
    }

    #[derive(Debug, Clone)]
    enum Step {
        GiveBack { line: usize, units: u32, from: i64, length: i64 },
        Extend { by: i64 },
        Cut { at: i64 },
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let micros = 0i64..20_000_000;
        prop_oneof![
            4 => (0usize..3, 1u32..6, micros.clone(), 1i64..9_000_000)
                .prop_map(|(line, units, from, length)| Step::GiveBack { line, units, from, length }),
            1 => (1i64..5_000_000).prop_map(|by| Step::Extend { by }),
            1 => micros.prop_map(|at| Step::Cut { at }),
        ]
    }

    proptest! {
        #[test]
        fn units_ids_and_money_hold_whatever_is_done(
            lines in prop::collection::vec((1u32..6, 1u32..9, 0i64..9_000_000, 1i64..12_000_000), 1..4),
            steps in prop::collection::vec(any_step(), 0..8),
        ) {
            let tranches = (1u128..).zip(&lines).map(|(number, &(units, per_unit, from, length))| {
                tranche(number, units, per_unit, from, from + length)
            });
            let mut schedule = Schedule::new(tranches.collect());
            let mut fresh = 100u128;
            for step in steps {
                let before = schedule.clone();
                let mut instants: Vec<Timestamp> = before.iter().flat_map(|it| [it.starts_at, it.ends_at]).collect();
                let given = match step {
                    Step::GiveBack { line, units, from, length } => {
                        let line = TrancheId(Uuid::from_u128(line as u128 + 1));
                        let period = Period { starts_at: at(from), ends_at: at(from + length) };
                        instants.extend([period.starts_at, period.ends_at]);
                        let given = schedule.give_back(line, units, period, || {
                            fresh += 1;
                            TrancheId(Uuid::from_u128(fresh))
                        });
                        for instant in &instants {
                            let had = units_at(&before, line, *instant);
                            let inside = period.starts_at <= *instant && *instant < period.ends_at;
                            let gives = if inside { units.min(had) } else { 0 };
                            prop_assert_eq!(units_at(&schedule, line, *instant), had - gives);
                        }
                        given
                    }
                    Step::Extend { by } => {
                        let Some(period) = before.period() else { continue };
                        schedule.extend(period.ends_at + TimeDelta::microseconds(by));
                        prop_assert!(schedule.price() >= before.price());
                        Vec::new()
                    }
                    Step::Cut { at: micros } => {
                        let given = schedule.cut(at(micros));
                        prop_assert!(schedule.period().is_none_or(|period| period.ends_at <= at(micros)));
                        given
                    }
                };
                // What is given back is what the price goes down by, line by line.
                for first in before.lines() {
                    let of_line: Vec<Given> =
                        given.iter().filter(|it| it.tranche.line == first.line).cloned().collect();
                    let price = |schedule: &Schedule| schedule.line(first.line).map(|it| it.price).sum::<Money>();
                    let less = price_given(&before, &of_line);
                    prop_assert!(less >= Money::ZERO);
                    let starts = |schedule: &Schedule| schedule.line(first.line).map(|it| it.starts_at).min();
                    if !of_line.is_empty() && starts(&schedule) == starts(&before) {
                        prop_assert_eq!(price(&before) - price(&schedule), less);
                    }
                    prop_assert!(of_line.is_empty() || price(&schedule) <= price(&before));
                    // Whoever points at a tranche that is not gone altogether finds it, or at least its line.
                    for tranche in before.line(first.line) {
                        let stands = schedule.line(first.line).any(|it| it.period().overlaps(tranche.period()));
                        prop_assert!(!stands || schedule.tranche(tranche.id).is_some());
                    }
                }
                // Ids are unique, numbers in order, prices those of the whole line.
                let mut ids: Vec<_> = schedule.iter().map(|it| it.id).collect();
                ids.sort_unstable();
                ids.dedup();
                prop_assert_eq!(ids.len(), schedule.len());
                for (number, tranche) in schedule.iter().enumerate() {
                    prop_assert_eq!(usize::try_from(tranche.number).unwrap(), number);
                    prop_assert!(tranche.price >= Money::ZERO && tranche.units > 0);
                    prop_assert!(tranche.starts_at < tranche.ends_at);
                }
                for first in schedule.lines() {
                    let price: Money = schedule.line(first.line).map(|it| it.price).sum();
                    prop_assert_eq!(price, first.rate.price_of(seconds_of(schedule.line(first.line))));
                }
            }
        }
    }

    #[test]
    fn a_line_is_rounded_once_however_it_is_cut() {
        let hour = 3_600_000_000;
        let mut schedule = Schedule::new(vec![tranche(1, 8, 1, 0, hour)]);
        let line = schedule[0].line;
        assert_eq!(schedule.price().to_string(), "11.19");
        let end = Period { starts_at: at(hour - 2_000_000), ends_at: at(hour) };
        schedule.give_back(line, 1, end, || TrancheId(Uuid::from_u128(9)));
        assert_eq!(schedule.price().to_string(), "11.19");
        assert_eq!(schedule.iter().map(|it| it.units).collect::<Vec<_>>(), [8, 7]);
        assert_eq!(schedule[1].id, line, "what goes on keeps its id");
    }
}
