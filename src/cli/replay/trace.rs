//! A demand trace: who wanted how many GPUs, from when to when, as a CSV file with seconds since the
//! beginning of the trace.

use std::io::Read;
use std::ops::Range;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::cli::failure::Failure;

const DAY: i64 = 86_400;

/// One booking that somebody wanted. All times are seconds since the beginning of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// When the request is made; never after its start.
    pub arrives: i64,
    /// First second wanted.
    pub starts: i64,
    /// First second not wanted any more; after the start.
    pub ends: i64,
    /// How many GPUs, at least one.
    pub gpus: u32,
}

/// Reads the columns `start_s`, `end_s` and `gpus`, whatever else there is and in whatever order, and
/// keeps what starts within `days` of the trace.
///
/// A request arrives when the booking starts; see [`spread_arrivals`].
///
/// # Errors
/// With the line, when a column is missing or a value makes no sense.
pub fn read(file: impl Read, days: Option<&Range<i64>>) -> Result<Vec<Wish>, Failure> {
    let mut reader = csv::Reader::from_reader(file);
    let heads = reader.headers().map_err(|error| Failure::Usage(error.to_string()))?.clone();
    let column = |name: &str| {
        heads
            .iter()
            .position(|head| head.trim_start_matches('\u{feff}') == name)
            .ok_or_else(|| Failure::Usage(format!("the trace has no column `{name}`")))
    };
    let (start, end, gpus) = (column("start_s")?, column("end_s")?, column("gpus")?);

    let mut wishes = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| Failure::Usage(error.to_string()))?;
        let line = row.position().map_or(0, csv::Position::line);
        let number = |column: usize| {
            let text = row.get(column).unwrap_or_default();
            text.parse::<i64>()
                .map_err(|_| Failure::Usage(format!("line {line}: `{text}` is no whole number")))
        };
        let (starts, ends) = (number(start)?, number(end)?);
        let gpus = u32::try_from(number(gpus)?).unwrap_or(0);
        if ends <= starts || gpus == 0 {
            return Err(Failure::Usage(format!(
                "line {line}: a booking needs a GPU and an end after its start"
            )));
        }
        if days.is_none_or(|days| (days.start * DAY..days.end * DAY).contains(&starts)) {
            wishes.push(Wish { arrives: starts, starts, ends, gpus });
        }
    }
    Ok(wishes)
}

/// Makes each request arrive up to `lead` seconds before its start, uniformly, and puts them in order
/// of arrival. The same seed gives the same order.
pub fn spread_arrivals(wishes: &mut [Wish], lead: i64, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for wish in wishes.iter_mut() {
        wish.arrives = wish.starts - if lead > 0 { random.random_range(0..lead) } else { 0 };
    }
    wishes.sort_by_key(|wish| wish.arrives);
}

/// `140-150`: from the beginning of day 140 to the beginning of day 150.
///
/// # Errors
/// A sentence that shows how to write it.
pub fn days(text: &str) -> Result<Range<i64>, String> {
    let explain = || format!("`{text}` are no days; write them as in `140-150`");
    let (from, to) = text.split_once('-').ok_or_else(explain)?;
    let day = |text: &str| {
        text.parse().ok().filter(|day| (0..=100_000).contains(day)).ok_or_else(explain)
    };
    let days = day(from)?..day(to)?;
    if days.is_empty() { Err(explain()) } else { Ok(days) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str =
        "gpus,booking_id,start_s,end_s\n1,a,0,60\n8,b,86400,90000\n2,c,172800,172801\n";

    #[test]
    fn columns_are_found_by_name_and_days_by_start() {
        let wishes = read(TRACE.as_bytes(), Some(&(1..2))).expect("a trace");
        assert_eq!(wishes, [Wish { arrives: 86_400, starts: 86_400, ends: 90_000, gpus: 8 }]);
    }

    #[test]
    fn a_bad_line_is_named() {
        for (wrong, part) in [
            ("start_s,end_s\n", "no column `gpus`"),
            ("start_s,end_s,gpus\n0,0,1\n", "line 2"),
            ("start_s,end_s,gpus\n0,9,1\n0,9,x\n", "line 3"),
        ] {
            match read(wrong.as_bytes(), None) {
                Err(Failure::Usage(text)) => assert!(text.contains(part), "{text}"),
                other => panic!("{wrong:?} gave {other:?}"),
            }
        }
    }

    #[test]
    fn arrivals_lie_within_the_lead_and_depend_on_the_seed_alone() {
        let wishes = read(include_str!("../../demo/data/trace-sample.csv").as_bytes(), None)
            .expect("a trace");
        let spread = |seed| {
            let mut wishes = wishes.clone();
            spread_arrivals(&mut wishes, 7 * DAY, seed);
            wishes
        };
        let first = spread(1);
        assert_eq!(first.len(), 400);
        assert!(first.is_sorted_by_key(|wish| wish.arrives));
        assert!(first.iter().all(|wish| (0..7 * DAY).contains(&(wish.starts - wish.arrives))));
        assert_eq!(first, spread(1));
        assert_ne!(first, spread(2));
    }

    #[test]
    fn days_are_a_range() {
        assert_eq!(days("140-150"), Ok(140..150));
        for wrong in ["140", "150-140", "1-1", "a-b", "-1-2", "0-99999999999999999999"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
