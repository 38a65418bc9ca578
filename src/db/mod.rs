//! The database: connections, migrations, the log that every act writes into.

pub mod log;

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection};

/// The role that the server works as; migration 1 makes it.
pub const SERVER_ROLE: &str = "leasehold_server";

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Brings the database at `options` to this version's schema, as its owner.
///
/// Safe to run from several servers at once; a database that is newer is left alone and refused.
///
/// # Errors
/// Those of the connection, and of a migration that fails, which then changed nothing.
pub async fn migrate(options: &PgConnectOptions) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect_with(options).await?;
    MIGRATOR.run(&mut connection).await?;
    raise_audit_base(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Keeps the log's order going after a restore into a cluster whose transaction numbers are lower.
async fn raise_audit_base(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!(
        "update audit_base set base = greatest(base, coalesce((
             select greatest(
                 (select max(transaction) + 1 from audit_records),
                 (select max(until_transaction) from audit_seals))
             ), 0) - pg_current_xact_id()::text::int8)
         where base + pg_current_xact_id()::text::int8 < coalesce((
             select greatest(
                 (select max(transaction) + 1 from audit_records),
                 (select max(until_transaction) from audit_seals))
             ), 0)"
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A pool of at most `size` connections that work as [`SERVER_ROLE`]. Connects when first used.
pub fn pool(options: PgConnectOptions, size: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute("set role leasehold_server").await?;
                Ok(())
            })
        })
        .connect_lazy_with(options)
}
