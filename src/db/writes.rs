//! What several slices write, as one statement.

use sqlx::postgres::PgArguments;
use sqlx::{Arguments, AssertSqlSafe, Encode, PgConnection, Postgres, Type};

/// Inserts and updates that go to the database together: the way there and back costs more than most of
/// them (figures in docs/performance.md). Every part sees the tables as they were before all of them;
/// constraints are checked after the last.
///
/// Outside a transaction the statement is one of its own: then [`Writes::expect`] says what must still be
/// as it was read before.
#[derive(Default)]
pub struct Writes {
    expected: Parts,
    written: Parts,
    arguments: PgArguments,
    /// Why nothing of it may be written.
    refused: Option<sqlx::Error>,
}

/// Queries, as common table expressions, and how many rows each has to give.
#[derive(Default)]
struct Parts {
    sql: Vec<String>,
    rows: Vec<i64>,
}

impl Parts {
    /// Whether all of them gave their rows, as an expression over the tables `{name}0`, `{name}1`, ….
    fn checked(&self, name: &str, parameter: usize) -> String {
        let count = |part| format!("(select count(*) from {name}{part})");
        let counts: Vec<String> = (0..self.rows.len()).map(count).collect();
        format!("must_be_so(array[{}]::int8[] = ${parameter})", counts.join(", "))
    }
}

impl Writes {
    /// Adds a part that has to write `rows` rows; what its parameters `$1`, `$2` and so on stand for is
    /// bound next, in their order.
    pub fn add(&mut self, rows: usize, sql: &'static str) -> &mut Writes {
        let part = format!("{} returning 1", self.renumbered(sql));
        self.written.sql.push(part);
        self.written.rows.push(expected(rows));
        self
    }

    /// Adds a query that has to find `rows` rows, or nothing is written; bound as in [`Writes::add`].
    pub fn expect(&mut self, rows: usize, sql: &'static str) -> &mut Writes {
        let part = self.renumbered(sql);
        self.expected.sql.push(part);
        self.expected.rows.push(expected(rows));
        self
    }

    /// Binds the next parameter of the part that was added last.
    pub fn bind<'a, T: Encode<'a, Postgres> + Type<Postgres> + 'a>(
        &mut self,
        value: T,
    ) -> &mut Writes {
        if let Err(error) = self.arguments.add(value) {
            self.refuse(sqlx::Error::Encode(error));
        }
        self
    }

    /// Has nothing be written, because of a value that cannot be stored; the first such error counts.
    pub fn refuse(&mut self, error: sqlx::Error) {
        self.refused.get_or_insert(error);
    }

    /// Writes all of it, or nothing.
    ///
    /// # Errors
    /// Returns the error of [`Writes::refuse`]; those of the database: `serialization_failure` if a part found
    /// or wrote another number of rows than it has to.
    pub async fn execute(mut self, connection: &mut PgConnection) -> sqlx::Result<()> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        if self.written.rows.is_empty() {
            return Ok(());
        }
        let named = |name: &'static str, parts: &[String]| {
            let named = parts.iter().enumerate();
            named.map(|(part, sql)| format!("{name}{part} as ({sql})")).collect::<Vec<_>>()
        };
        let parts =
            [named("found", &self.expected.sql), named("written", &self.written.sql)].concat();
        let bound = self.arguments.len();
        // Evaluated from the left: nothing is written before all that is expected was found.
        let sql = format!(
            "with {} select case when {} then {} end",
            parts.join(", "),
            self.expected.checked("found", bound + 1),
            self.written.checked("written", bound + 2),
        );
        for rows in [self.expected.rows, self.written.rows] {
            self.arguments.add(rows).map_err(sqlx::Error::Encode)?;
        }
        sqlx::query_with(AssertSqlSafe(sql), self.arguments).execute(connection).await?;
        Ok(())
    }

    /// `sql` with its parameters after those that are bound already.
    fn renumbered(&self, sql: &str) -> String {
        let bound = self.arguments.len();
        let mut pieces = sql.split('$');
        let mut renumbered = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let digits = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
            let (number, rest) = piece.split_at(digits);
            match number.parse::<usize>() {
                Ok(number) => renumbered.push_str(&format!("${}{rest}", number + bound)),
                Err(_) => renumbered.push_str(&format!("${piece}")),
            }
        }
        renumbered
    }
}

/// A number of rows as the database counts them. No statement has more than it can count, so the largest
/// number stands for none that is ever found.
fn expected(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_counts_its_own_parameters() {
        let mut writes = Writes::default();
        writes.expect(1, "select $1, $2").bind(1_i32).bind(2_i32);
        writes.add(2, "insert into t select $2, $1, '$', '$x'").bind(3_i32).bind(4_i32);
        writes.add(0, "delete from t where id = $1").bind(5_i32);
        assert_eq!(writes.expected.sql, ["select $1, $2"]);
        assert_eq!(
            writes.written.sql,
            [
                "insert into t select $4, $3, '$', '$x' returning 1",
                "delete from t where id = $5 returning 1"
            ]
        );
        assert_eq!((writes.expected.rows, writes.written.rows), (vec![1], vec![2, 0]));
        assert_eq!(writes.arguments.len(), 5);
    }
}
