//! From columns to the types of the domain. What a constraint of the schema rules out reads as an error
//! of decoding.

use std::ops::Bound;

use sqlx::postgres::types::PgRange;

use super::rules::UnitRange;
use crate::kernel::{Span, Timestamp};

/// A count, which the schema keeps at zero or more.
pub fn count(column: i32) -> sqlx::Result<u32> {
    u32::try_from(column).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Seconds as a span.
pub fn span(seconds: impl Into<i64>) -> sqlx::Result<Span> {
    Span::from_seconds(seconds.into()).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Units `[a, b)`; PostgreSQL gives ranges of integers in this form.
pub fn unit_range(range: &PgRange<i32>) -> sqlx::Result<(u32, u32)> {
    match (range.start, range.end) {
        (Bound::Included(start), Bound::Excluded(end)) => Ok((count(start)?, count(end)?)),
        _ => Err(sqlx::Error::Decode("a range of units has no end".into())),
    }
}

/// The ends of a half-open period that has both.
pub fn instants(range: &PgRange<Timestamp>) -> sqlx::Result<(Timestamp, Timestamp)> {
    match (range.start, range.end) {
        (Bound::Included(start), Bound::Excluded(end)) => Ok((start, end)),
        _ => Err(sqlx::Error::Decode("a period has no end".into())),
    }
}

/// Units as a range of the database.
pub fn half_open(units: UnitRange) -> PgRange<i32> {
    (to_int(units.first_unit)..to_int(units.end_unit)).into()
}

/// A number that the rules keep below 2³¹ as an integer of the database; what is larger becomes the
/// largest, which every constraint on it refuses.
pub fn to_int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
