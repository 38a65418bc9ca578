//! Amounts per calendar month, in UTC.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::{END_OF_TIME, Instant};

const MICROS: i64 = 1_000_000;

/// A month: twelve times the year, plus 0 for January to 11 for December.
type Month = i32;

/// What falls into each month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Months {
    amounts: BTreeMap<Month, i128>,
}

impl Months {
    /// Adds `per_second` for each second of `[from, until)` to the months that it lies in.
    pub fn add(&mut self, from: Instant, until: Instant, per_second: i128) {
        if per_second == 0 {
            return;
        }
        let (mut from, mut month) = (from, month_of(from));
        while from < until {
            let next = first_instant(month + 1).min(until);
            let amount = per_second * i128::from((next - from) / MICROS);
            let sum = self.amounts.entry(month).or_default();
            *sum += amount;
            if *sum == 0 {
                self.amounts.remove(&month);
            }
            (from, month) = (next, month + 1);
        }
    }

    /// What falls into the month in which `at` lies.
    pub fn at(&self, at: Instant) -> i128 {
        self.of(month_of(at))
    }

    /// The months that are not zero, with their beginnings and ends, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Instant, Instant, i128)> {
        self.amounts
            .iter()
            .map(|(&month, &amount)| (first_instant(month), first_instant(month + 1), amount))
    }

    fn of(&self, month: Month) -> i128 {
        self.amounts.get(&month).copied().unwrap_or(0)
    }
}

/// The beginnings and ends of the months that `[from, until)` touches.
pub fn months_in(from: Instant, until: Instant) -> impl Iterator<Item = (Instant, Instant)> {
    let first = month_of(from);
    let last = if until <= from { first - 1 } else { month_of(until - 1) };
    (first..=last).map(|month| (first_instant(month), first_instant(month + 1)))
}

fn month_of(at: Instant) -> Month {
    let at = DateTime::<Utc>::from_timestamp_micros(at).unwrap_or(DateTime::<Utc>::MAX_UTC);
    at.year() * 12 + i32::try_from(at.month0()).unwrap_or(0)
}

fn first_instant(month: Month) -> Instant {
    let month0 = u32::try_from(month.rem_euclid(12)).unwrap_or(0);
    let date = NaiveDate::from_ymd_opt(month.div_euclid(12), month0 + 1, 1);
    let midnight = date.and_then(|date| date.and_hms_opt(0, 0, 0));
    midnight.map_or(END_OF_TIME, |midnight| midnight.and_utc().timestamp_micros())
}
