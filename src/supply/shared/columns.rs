//! From columns to the types of the domain and back. What a constraint of the schema rules out is an error that
//! names table, column and row.

use std::fmt::Display;
use std::ops::Bound;

use sqlx::postgres::types::PgRange;

use super::rules::UnitRange;
use crate::db::stored::{storable, stored, unreadable};
use crate::kernel::{Span, Timestamp};

/// A column of one row.
#[derive(Clone, Copy)]
pub struct Cell<R> {
    pub table: &'static str,
    pub column: &'static str,
    pub row: R,
}

/// The cell `column` of the row `row` of `table`.
pub fn cell<R: Display + Copy>(table: &'static str, column: &'static str, row: R) -> Cell<R> {
    Cell { table, column, row }
}

impl<R: Display + Copy> Cell<R> {
    /// A count, which the schema keeps at zero or more.
    pub fn count(self, value: i32) -> sqlx::Result<u32> {
        stored(value, self.table, self.column, self.row)
    }

    /// Seconds as a span.
    pub fn span(self, seconds: impl Into<i64>) -> sqlx::Result<Span> {
        Span::from_seconds(seconds.into()).map_err(|error| self.unreadable(error))
    }

    /// Units `[a, b)`; PostgreSQL gives ranges of integers in this form.
    pub fn unit_range(self, range: &PgRange<i32>) -> sqlx::Result<(u32, u32)> {
        match (range.start, range.end) {
            (Bound::Included(start), Bound::Excluded(end)) => {
                Ok((self.count(start)?, self.count(end)?))
            }
            _ => Err(self.unreadable("a range of units has no end")),
        }
    }

    /// The ends of a half-open period that has both.
    pub fn instants(self, range: &PgRange<Timestamp>) -> sqlx::Result<(Timestamp, Timestamp)> {
        match (range.start, range.end) {
            (Bound::Included(start), Bound::Excluded(end)) => Ok((start, end)),
            _ => Err(self.unreadable("a period has no end")),
        }
    }

    /// Units as a range of the database.
    pub fn half_open(self, units: UnitRange) -> sqlx::Result<PgRange<i32>> {
        Ok((self.int(units.first_unit)?..self.int(units.end_unit)?).into())
    }

    /// A number as an integer of the database.
    pub fn int(self, number: u32) -> sqlx::Result<i32> {
        storable(number, self.table, self.column, self.row)
    }

    fn unreadable(self, what: impl Display) -> sqlx::Error {
        unreadable(self.table, self.column, self.row, what)
    }
}
