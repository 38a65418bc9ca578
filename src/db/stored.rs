//! From rows to the types of the domain, and back. What a column holds and its type cannot say is one error,
//! which names table, column and row: it is never read as something else, and never written as something else.

use std::fmt::Display;

/// A value that does not fit between a column and the domain.
#[derive(Debug, thiserror::Error)]
#[error("{table}.{column} of {row}: {what}")]
struct Unfit {
    table: &'static str,
    column: &'static str,
    row: String,
    what: String,
}

/// What `value`, read from `table.column` of `row`, is in the domain.
///
/// # Errors
/// Returns [`sqlx::Error::Decode`] with the place if it is outside the type.
pub fn stored<T>(
    value: impl TryInto<T, Error: Display> + Copy + Display,
    table: &'static str,
    column: &'static str,
    row: impl Display,
) -> sqlx::Result<T> {
    value.try_into().map_err(|error| unreadable(table, column, row, format!("{value}: {error}")))
}

/// What `value` of the domain is in `table.column` of `row`.
///
/// # Errors
/// Returns [`sqlx::Error::Encode`] with the place if the column cannot hold it.
pub fn storable<T>(
    value: impl TryInto<T, Error: Display> + Copy + Display,
    table: &'static str,
    column: &'static str,
    row: impl Display,
) -> sqlx::Result<T> {
    value.try_into().map_err(|error| unwritable(table, column, row, format!("{value}: {error}")))
}

/// The error of a row that holds in `table.column` what the domain does not know, in words: `what`.
pub fn unreadable(
    table: &'static str,
    column: &'static str,
    row: impl Display,
    what: impl Display,
) -> sqlx::Error {
    sqlx::Error::Decode(unfit(table, column, row, what))
}

/// The error of a value that `table.column` cannot hold, in words: `what`.
pub fn unwritable(
    table: &'static str,
    column: &'static str,
    row: impl Display,
    what: impl Display,
) -> sqlx::Error {
    sqlx::Error::Encode(unfit(table, column, row, what))
}

fn unfit(
    table: &'static str,
    column: &'static str,
    row: impl Display,
    what: impl Display,
) -> sqlx::error::BoxDynError {
    Box::new(Unfit { table, column, row: row.to_string(), what: what.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_names_table_column_and_row() {
        assert_eq!(stored::<u32>(7, "tranches", "units", "tranche_1").unwrap(), 7);
        let read = stored::<u32>(-7, "tranches", "units", "tranche_1").unwrap_err();
        let said = read.to_string();
        assert!(said.contains("tranches.units of tranche_1: -7: out of range"), "{said}");
        assert!(matches!(read, sqlx::Error::Decode(_)));
        let written = storable::<i32>(u32::MAX, "pools", "units", "pool_1").unwrap_err();
        let said = written.to_string();
        assert!(said.contains("pools.units of pool_1: 4294967295: out of range"), "{said}");
        assert!(matches!(written, sqlx::Error::Encode(_)));
    }
}
