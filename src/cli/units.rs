//! Values with their units, as flags take them: `2.50/gpu-h`, `30d`, `2027-01-01T00:00Z`.
//!
//! A number without its unit is refused rather than guessed at: prices per GPU and per server look
//! alike, and so do hours and days.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};

use crate::kernel::{Rate, Span, Timestamp};

/// A price per GPU and hour: `2.50/gpu-h`.
///
/// # Errors
/// A sentence that shows how to write it; so with all of these.
pub fn rate(text: &str) -> Result<Rate, String> {
    let number =
        text.strip_suffix("/gpu-h").ok_or("write the rate with its unit, as in `2.50/gpu-h`")?;
    number.parse().map_err(|error| format!("`{number}`: {error}"))
}

/// A length of time of at least a second: `30d`, `1d12h`, `90m`, `2w`, or ISO 8601, `P30D`.
pub fn span(text: &str) -> Result<Span, String> {
    let explain = || format!("`{text}` is no length of time; write `30d`, `12h`, `90m` or `1d12h`");
    let written = if text.starts_with('P') { text.parse().ok() } else { sum_of_parts(text) };
    written.filter(|span| *span > Span::ZERO).ok_or_else(explain)
}

/// Adds up `1d12h`; `None` for anything else.
fn sum_of_parts(text: &str) -> Option<Span> {
    let mut seconds: i64 = 0;
    let mut digits = String::new();
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let unit = match letter {
            'w' => 604_800,
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let count: i64 = std::mem::take(&mut digits).parse().ok()?;
        seconds = seconds.checked_add(count.checked_mul(unit)?)?;
    }
    if digits.is_empty() { Span::from_seconds(seconds).ok() } else { None }
}

/// A moment in UTC: `2027-01-01T00:00Z`, with or without seconds, or a day, which means its beginning.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.to_utc());
    }
    let without_zone = text.strip_suffix('Z').unwrap_or("");
    if let Ok(moment) = NaiveDateTime::parse_from_str(without_zone, "%Y-%m-%dT%H:%M") {
        return Ok(moment.and_utc());
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .and_then(|day| day.and_hms_opt(0, 0, 0))
        .map(|midnight| midnight.and_utc())
        .ok_or_else(|| format!("`{text}` is no moment; write it in UTC, as in `2027-01-01T00:00Z`"))
}

/// `instant` as the interface reads and the tables show it: `2027-01-01T00:00:00Z`.
pub fn written(instant: Timestamp) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// One step of a ramp: `GPUS@FROM/TO`, as in `512@2027-01-01/2027-02-01T12:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How many GPUs, at least one.
    pub gpus: u32,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when, this moment not included.
    pub ends_at: Timestamp,
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let explain = || {
            format!("`{text}` is no step; write `GPUS@FROM/TO`, as in `512@2027-01-01/2027-02-01`")
        };
        let (gpus, period) = text.split_once('@').ok_or_else(explain)?;
        let (from, to) = period.split_once('/').ok_or_else(explain)?;
        Ok(Self {
            gpus: gpus.parse().ok().filter(|gpus| *gpus > 0).ok_or_else(explain)?,
            starts_at: moment(from)?,
            ends_at: moment(to)?,
        })
    }
}

/// `name=value`, as `--map` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// What stands before the first `=`.
    pub name: String,
    /// What stands after it.
    pub value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Ok(Self { name: name.into(), value: value.into() })
            }
            _ => Err(format!("`{text}` is no pair; write `name=value`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_its_unit_and_may_not_be_negative() {
        assert_eq!(rate("2.50/gpu-h").map(|rate| rate.to_string()), Ok("2.50".into()));
        for wrong in ["2.50", "-1/gpu-h", "NaN/gpu-h", "/gpu-h", "2.50/node-h", "1e3/gpu-h"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_span_adds_its_parts_and_refuses_what_has_no_fixed_length() {
        for (text, seconds) in [
            ("30d", 2_592_000),
            ("1d12h", 129_600),
            ("90m", 5_400),
            ("2w", 1_209_600),
            ("P30D", 2_592_000),
            ("PT1H30M", 5_400),
            ("45s", 45),
        ] {
            assert_eq!(span(text).map(Span::seconds), Ok(seconds), "{text}");
        }
        let too_long = "9223372036854775807w";
        for wrong in ["", "30", "1y", "d", "0d", "-1d", "PT0S", "99999999999999999999d", too_long] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_may_leave_out_seconds_or_the_time_of_day() {
        for text in
            ["2027-01-01", "2027-01-01T00:00Z", "2027-01-01T00:00:00Z", "2027-01-01T01:00:00+01:00"]
        {
            assert_eq!(moment(text).map(written), Ok("2027-01-01T00:00:00Z".into()), "{text}");
        }
        assert!(moment("2027-01-01T00:00").is_err(), "a time of day needs its zone");
    }

    #[test]
    fn a_step_holds_size_and_period() {
        let step: Step = "512@2027-01-01/2027-02-01T12:00Z".parse().expect("a step");
        assert_eq!(step.gpus, 512);
        assert_eq!(written(step.ends_at), "2027-02-01T12:00:00Z");
        assert!("0@2027-01-01/2027-02-01".parse::<Step>().is_err());
    }
}
