//! Time is handed in: an instant is read once per act from a [`Clock`]; periods are half-open.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in UTC, to the microsecond. Types that describe themselves (`ToSchema`) spell it out as
/// `DateTime<Utc>`, because that is how the derive knows it.
pub type Timestamp = DateTime<Utc>;

/// Where the time comes from: the system's clock, moved ahead in a sandbox, or one that stands still
/// in a test until it is moved.
///
/// Clones share the offset.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// The instant at which it stands still; `None` follows the system's clock.
    stands_at: Option<Timestamp>,
    offset_us: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that stands at `at` and moves only by its offset.
    pub fn fixed(at: Timestamp) -> Clock {
        Clock { stands_at: Some(at), offset_us: Arc::default() }
    }

    /// The present instant, to the microsecond, which is what PostgreSQL keeps.
    pub fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        let origin = self.stands_at.unwrap_or_else(Utc::now);
        let micros = origin.timestamp_micros().saturating_add(self.offset_us());
        DateTime::from_timestamp_micros(micros).unwrap_or(origin)
    }

    /// How far this clock is ahead of where it would be by itself, in microseconds.
    pub fn offset_us(&self) -> i64 {
        self.offset_us.load(Ordering::Relaxed)
    }

    /// Sets how far this clock is ahead of where it would be by itself, in microseconds.
    pub fn set_offset_us(&self, offset_us: i64) {
        self.offset_us.store(offset_us, Ordering::Relaxed);
    }
}

/// A half-open stretch of time, `[starts_at, ends_at)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Period {
    /// First instant inside.
    pub starts_at: DateTime<Utc>,
    /// First instant after it.
    pub ends_at: DateTime<Utc>,
}

/// An instant for a sentence: `2027-01-07 02:00 UTC`, with seconds where they matter.
pub fn said(at: &Timestamp) -> String {
    let seconds = if at.second() == 0 { "" } else { ":%S" };
    at.format(&format!("%Y-%m-%d %H:%M{seconds} UTC")).to_string()
}

/// A pair of instants that is no period.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotAPeriod {
    #[error("the period ends at {}, which is not after its start {}", said(.ends_at), said(.starts_at))]
    Backwards { starts_at: Timestamp, ends_at: Timestamp },
    #[error("{} is outside the years 1970 to 2199 that Leasehold keeps a calendar for", said(.0))]
    OutOfCalendar(Timestamp),
}

impl Period {
    /// # Errors
    /// [`NotAPeriod`] if it is empty, runs backwards or leaves the years 1970 to 2199.
    pub fn new(starts_at: Timestamp, ends_at: Timestamp) -> Result<Period, NotAPeriod> {
        for instant in [starts_at, ends_at] {
            if !is_in_calendar(instant) {
                return Err(NotAPeriod::OutOfCalendar(instant));
            }
        }
        if ends_at <= starts_at {
            return Err(NotAPeriod::Backwards { starts_at, ends_at });
        }
        Ok(Period { starts_at, ends_at })
    }

    /// Whole seconds inside; what is charged.
    pub fn seconds(self) -> i64 {
        (self.ends_at - self.starts_at).num_seconds()
    }

    /// How long it is, in whole seconds.
    pub fn span(self) -> Span {
        Span { seconds: self.seconds() }
    }

    /// Whether the two share an instant. Touching ends do not.
    pub fn overlaps(self, other: Period) -> bool {
        self.starts_at < other.ends_at && other.starts_at < self.ends_at
    }
}

impl From<Period> for sqlx::postgres::types::PgRange<Timestamp> {
    fn from(period: Period) -> Self {
        (period.starts_at..period.ends_at).into()
    }
}

/// Whether `instant` lies in the years 1970 to 2199.
pub fn is_in_calendar(instant: Timestamp) -> bool {
    (0..7_258_118_400).contains(&instant.timestamp())
}

/// A length of time in whole seconds, from zero to the 230 years of the calendar; ISO 8601 on the wire (`PT1H`, `P30D`).
///
/// Days have 24 hours and weeks seven days; months and years are refused because their length varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    seconds: i64,
}

/// Text that is no span.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "a duration is written in ISO 8601 with weeks, days, hours, minutes or seconds, such as P30D or \
     PT1H30M, and is at most 230 years"
)]
pub struct NotASpan;

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span { seconds: 0 };
    const MAX_SECONDS: i64 = 230 * 366 * 86_400;

    /// # Errors
    /// [`NotASpan`] if negative or longer than 230 years.
    pub fn from_seconds(seconds: i64) -> Result<Span, NotASpan> {
        if (0..=Self::MAX_SECONDS).contains(&seconds) {
            Ok(Span { seconds })
        } else {
            Err(NotASpan)
        }
    }

    /// `hours` hours; for constants.
    pub const fn hours(hours: u32) -> Span {
        Span { seconds: hours as i64 * 3600 }
    }

    /// `days` days; for constants.
    pub const fn days(days: u16) -> Span {
        Span { seconds: days as i64 * 86_400 }
    }

    /// Its length in seconds.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// As a difference of instants.
    pub fn delta(self) -> TimeDelta {
        TimeDelta::seconds(self.seconds)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.seconds / 86_400, self.seconds % 86_400);
        f.write_str("P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if rest > 0 || days == 0 {
            f.write_str("T")?;
            let parts = [(rest / 3600, 'H'), (rest / 60 % 60, 'M'), (rest % 60, 'S')];
            for (number, letter) in parts {
                if number > 0 || (rest == 0 && letter == 'S') {
                    write!(f, "{number}{letter}")?;
                }
            }
        }
        Ok(())
    }
}

impl FromStr for Span {
    type Err = NotASpan;
    fn from_str(text: &str) -> Result<Span, NotASpan> {
        let body = text.strip_prefix('P').ok_or(NotASpan)?;
        let (date, time) = match body.split_once('T') {
            Some((_, "")) => return Err(NotASpan),
            Some((date, time)) => (date, time),
            None => (body, ""),
        };
        if date.is_empty() && time.is_empty() {
            return Err(NotASpan);
        }
        let date = sum_of_parts(date, &[('W', 604_800), ('D', 86_400)])?;
        let time = sum_of_parts(time, &[('H', 3600), ('M', 60), ('S', 1)])?;
        Span::from_seconds(date.checked_add(time).ok_or(NotASpan)?)
    }
}

/// Seconds in `12D3H`-like text whose letters come in the order of `letters`, each at most once.
fn sum_of_parts(mut text: &str, letters: &[(char, i64)]) -> Result<i64, NotASpan> {
    let mut seconds: i64 = 0;
    for &(letter, length) in letters {
        if let Some((digits, rest)) = text.split_once(letter) {
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(NotASpan);
            }
            let number: i64 = digits.parse().map_err(|_| NotASpan)?;
            let part = number.checked_mul(length).ok_or(NotASpan)?;
            seconds = seconds.checked_add(part).ok_or(NotASpan)?;
            text = rest;
        }
    }
    if text.is_empty() { Ok(seconds) } else { Err(NotASpan) }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Span {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::schema::SchemaFormat::Custom("duration".into())))
            .examples(["P30D", "PT1H"])
            .into()
    }
}
impl utoipa::ToSchema for Span {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_span_survives_the_wire(seconds in 0..=Span::MAX_SECONDS) {
            let span = Span::from_seconds(seconds).unwrap();
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }

        #[test]
        fn any_text_is_a_span_or_refused(text in "[-PTWDHMSY0-9.]{0,24}") {
            if let Ok(span) = text.parse::<Span>() {
                prop_assert!(span.seconds() >= 0);
            }
        }
    }

    #[test]
    fn instants_are_said_with_seconds_where_they_matter() {
        for (written, sentence) in [
            ("2027-01-07T02:00:00Z", "2027-01-07 02:00 UTC"),
            ("2027-01-07T02:00:07.5Z", "2027-01-07 02:00:07 UTC"),
        ] {
            assert_eq!(said(&written.parse().unwrap()), sentence);
        }
    }

    #[test]
    fn spans_read_as_written() {
        for (text, seconds) in [
            ("P30D", 2_592_000),
            ("PT1H", 3600),
            ("P1DT2H3M4S", 93_784),
            ("P2W", 1_209_600),
            ("PT0S", 0),
        ] {
            assert_eq!(text.parse::<Span>().unwrap().seconds(), seconds, "{text}");
        }
        for text in [
            "",
            "P",
            "PT",
            "30D",
            "P1M",
            "P1Y",
            "P-1D",
            "PT1.5H",
            "P1H",
            "PT99999999999999999999S",
            "P1DT",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn touching_periods_do_not_overlap() {
        let at = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();
        let [first, second] =
            [Period::new(at(1), at(2)).unwrap(), Period::new(at(2), at(3)).unwrap()];
        assert!(!first.overlaps(second) && !second.overlaps(first));
    }
}
