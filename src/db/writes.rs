//! What several slices write, as one statement.

use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments, AssertSqlSafe, Encode, PgConnection, Postgres, Type};

/// Inserts and updates that go to the database together: the way there and back costs more than most of
/// them (figures in docs/performance.md). Every part sees the tables as they were before all of them;
/// constraints are checked after the last.
#[derive(Default)]
pub struct Writes {
    sql: String,
    arguments: PgArguments,
    /// Rows that each part has to write.
    rows: Vec<i64>,
    unfit: Option<BoxDynError>,
}

impl Writes {
    /// Adds a part that has to write `rows` rows; what its parameters `$1`, `$2` and so on stand for is
    /// bound next, in their order.
    pub fn add(&mut self, rows: usize, sql: &'static str) -> &mut Writes {
        let bound = self.arguments.len();
        self.sql.push_str(if self.rows.is_empty() { "with part" } else { ", part" });
        self.sql.push_str(&format!("{} as (", self.rows.len()));
        let mut pieces = sql.split('$');
        self.sql.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
            let (number, rest) = piece.split_at(digits);
            match number.parse::<usize>() {
                Ok(number) => self.sql.push_str(&format!("${}{rest}", number + bound)),
                Err(_) => self.sql.push_str(&format!("${piece}")),
            }
        }
        self.sql.push_str(" returning 1)");
        self.rows.push(i64::try_from(rows).unwrap_or(i64::MAX));
        self
    }

    /// Binds the next parameter of the part that was added last.
    pub fn bind<'a, T: Encode<'a, Postgres> + Type<Postgres> + 'a>(
        &mut self,
        value: T,
    ) -> &mut Writes {
        if let Err(error) = self.arguments.add(value) {
            self.unfit.get_or_insert(error);
        }
        self
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// [`sqlx::Error::RowNotFound`] if a part wrote another number of rows than it has to; those of the
    /// database.
    pub async fn execute(mut self, connection: &mut PgConnection) -> sqlx::Result<()> {
        if let Some(error) = self.unfit {
            return Err(sqlx::Error::Encode(error));
        }
        if self.rows.is_empty() {
            return Ok(());
        }
        for part in 0..self.rows.len() {
            self.sql.push_str(if part == 0 { " select array[" } else { ", " });
            self.sql.push_str(&format!("(select count(*) from part{part})"));
        }
        self.sql.push(']');
        let written: Vec<i64> = sqlx::query_scalar_with(AssertSqlSafe(self.sql), self.arguments)
            .fetch_one(connection)
            .await?;
        if written == self.rows { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
    }
}
