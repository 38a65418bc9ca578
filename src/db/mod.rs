//! The database: connections, migrations, the log that every act writes into.

pub mod embedded;
pub mod log;
pub mod stored;
pub mod writes;

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, Postgres};

use crate::config::Config;
use embedded::PrivatePostgres;

/// The role that the server works as; migration 1 makes it.
pub const SERVER_ROLE: &str = "leasehold_server";

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The database that a configuration means: the one it names, or a private one.
#[derive(Debug)]
pub struct Database {
    /// How to connect to it, as its owner.
    pub options: PgConnectOptions,
    private: Option<PrivatePostgres>,
}

impl Database {
    /// Finds the database of `config`, and starts the private one where `config` names none.
    ///
    /// # Errors
    /// A URL that is none; those of [`PrivatePostgres::start`].
    pub async fn open(config: &Config) -> anyhow::Result<Database> {
        if let Some(url) = &config.database_url {
            let options =
                PgConnectOptions::from_str(url).context("DATABASE_URL is not a PostgreSQL URL")?;
            return Ok(Database { options, private: None });
        }
        let data_dir = match &config.data_dir {
            Some(data_dir) => data_dir.clone(),
            None => embedded::default_data_dir()?,
        };
        let private = PrivatePostgres::start(&data_dir, config.pg_bin.as_deref()).await?;
        Ok(Database { options: private.connect_options(), private: Some(private) })
    }

    /// The private PostgreSQL, if that is what it is.
    pub fn private(&self) -> Option<&PrivatePostgres> {
        self.private.as_ref()
    }

    /// Leaves the database; a private one that nobody else uses is stopped in order.
    ///
    /// # Errors
    /// Those of [`PrivatePostgres::stop`].
    pub async fn close(self) -> anyhow::Result<()> {
        match self.private {
            Some(private) => Ok(private.stop().await?),
            None => Ok(()),
        }
    }
}

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

/// A connection that stays with its holder. A pool asks every connection that comes back whether it is
/// still there, which costs a way to the database, and hands them out in turn, while a PostgreSQL backend
/// is fastest at what it did a moment ago.
#[derive(Debug)]
pub struct OwnConnection {
    pool: PgPool,
    connection: Option<PoolConnection<Postgres>>,
}

impl OwnConnection {
    /// One like those of `pool`, opened when first used. A statement on it waits for locks for at most
    /// `lock_timeout`, if that is given (`10ms`).
    pub fn like(pool: &PgPool, lock_timeout: Option<&str>) -> OwnConnection {
        let mut options = pool.connect_options().as_ref().clone();
        if let Some(lock_timeout) = lock_timeout {
            options = options.options([("lock_timeout", lock_timeout)]);
        }
        let settings = pool.options().clone().min_connections(0).max_connections(1);
        OwnConnection { pool: settings.connect_lazy_with(options), connection: None }
    }

    /// The connection.
    ///
    /// # Errors
    /// Those of connecting.
    pub async fn get(&mut self) -> sqlx::Result<&mut PgConnection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.pool.acquire().await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Takes another one next time, if this one is no longer good. To be called after an error.
    pub fn let_go(&mut self) {
        self.connection = None;
    }
}

/// A pool of at most `size` connections that work as [`SERVER_ROLE`]. Connects when first used.
pub fn pool(options: PgConnectOptions, size: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                // Statements are written so that one plan suits all their arguments; planning each anew
                // costs more than running it (figures in docs/performance.md).
                connection
                    .execute("set role leasehold_server; set plan_cache_mode = force_generic_plan")
                    .await?;
                Ok(())
            })
        })
        .connect_lazy_with(options)
}
