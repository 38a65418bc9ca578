//! SQL on delays.

use sqlx::PgConnection;

use crate::db::stored::{storable, stored, unreadable};
use crate::kernel::{DelayId, DeliveryId, LeaseId, Money, Period, Rate, Timestamp, TrancheId};

/// Time without units that are delivered late. Complete in itself: what is owed can be booked from it.
#[derive(Debug, Clone)]
pub struct Delay {
    pub id: DelayId,
    pub lease_id: LeaseId,
    pub tranche_id: TrancheId,
    pub delivery_id: DeliveryId,
    pub units: u32,
    pub gpus: u32,
    /// As signed.
    pub rate: Rate,
    /// The tenant should have the units from then on.
    pub starts_at: Timestamp,
    /// It will have them then, as far as is known.
    pub expected_at: Timestamp,
    pub end: Option<DelayEnd>,
    pub created_at: Timestamp,
}

impl Delay {
    /// The time without the units, as far as is known.
    pub fn period(&self) -> Period {
        let ends_at = self.end.map_or(self.expected_at, |end| end.at);
        Period { starts_at: self.starts_at, ends_at: ends_at.max(self.starts_at) }
    }

    /// Price of the time without the units, as far as it has passed at `at`.
    pub fn price_until(&self, at: Timestamp) -> Money {
        if at <= self.starts_at {
            return Money::ZERO;
        }
        let period = Period { starts_at: self.starts_at, ends_at: at };
        self.rate.price(self.gpus, period)
    }
}

/// How a delay ended.
#[derive(Debug, Clone, Copy)]
pub struct DelayEnd {
    pub at: Timestamp,
    /// Of the time without the units.
    pub price: Money,
    /// Owed to the tenant for it.
    pub credit: Money,
}

macro_rules! select_delays {
    ($connection:expr, $rest:tt $(, $argument:expr)*) => {{
        let rows = sqlx::query!(
            r#"select id as "id: DelayId", lease_id as "lease_id: LeaseId",
                   tranche_id as "tranche_id: TrancheId", delivery_id as "delivery_id: DeliveryId", units,
                   gpus, rate_per_gpu_hour as "rate: Rate", starts_at, expected_at, ended_at,
                   price as "price: Money", credit as "credit: Money", created_at
               from delays "# + $rest
            $(, $argument)*
        )
        .fetch_all($connection)
        .await?;
        let delays = rows.into_iter().map(|row| Ok(Delay {
            id: row.id,
            lease_id: row.lease_id,
            tranche_id: row.tranche_id,
            delivery_id: row.delivery_id,
            units: stored(row.units, "delays", "units", row.id)?,
            gpus: stored(row.gpus, "delays", "gpus", row.id)?,
            rate: row.rate,
            starts_at: row.starts_at,
            expected_at: row.expected_at,
            end: match (row.ended_at, row.price, row.credit) {
                (Some(at), Some(price), Some(credit)) => Some(DelayEnd { at, price, credit }),
                (None, None, None) => None,
                _ => {
                    let what = "only a part of its end is written";
                    return Err(unreadable("delays", "ended_at", row.id, what));
                }
            },
            created_at: row.created_at,
        }));
        delays.collect::<sqlx::Result<Vec<_>>>()
    }};
}

/// The delays that have not ended.
///
/// # Errors
/// Those of the database.
pub async fn open(connection: &mut PgConnection) -> sqlx::Result<Vec<Delay>> {
    select_delays!(connection, "where ended_at is null order by id")
}

/// The delays of a lease, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn of_lease(connection: &mut PgConnection, lease: LeaseId) -> sqlx::Result<Vec<Delay>> {
    select_delays!(connection, "where lease_id = $1 order by id", lease.0)
}

/// Adds a delay.
///
/// # Errors
/// Those of the database.
pub async fn add(connection: &mut PgConnection, delay: &Delay) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into delays (id, lease_id, tranche_id, delivery_id, units, gpus, rate_per_gpu_hour,
             starts_at, expected_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        delay.id.0,
        delay.lease_id.0,
        delay.tranche_id.0,
        delay.delivery_id.0,
        storable::<i32>(delay.units, "delays", "units", delay.id)?,
        storable::<i32>(delay.gpus, "delays", "gpus", delay.id)?,
        delay.rate.decimal(),
        delay.starts_at,
        delay.expected_at,
        delay.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes when a delay is expected to end, or how it ended.
///
/// # Errors
/// Those of the database.
pub async fn update(connection: &mut PgConnection, delay: &Delay) -> sqlx::Result<()> {
    let end = delay.end;
    sqlx::query!(
        "update delays set expected_at = $2, ended_at = $3, price = $4, credit = $5 where id = $1",
        delay.id.0,
        delay.expected_at,
        end.map(|end| end.at),
        end.map(|end| end.price.decimal()),
        end.map(|end| end.credit.decimal())
    )
    .execute(connection)
    .await?;
    Ok(())
}
