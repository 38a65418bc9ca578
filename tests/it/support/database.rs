//! A database per test: copied from a template that is migrated once, dropped at the end.

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use leasehold::app::App;
use leasehold::kernel::Clock;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};
use tokio::sync::OnceCell;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();
static TEMPLATE: OnceCell<Template> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Held while the template is made and old databases are swept, by whichever test process comes first.
const TEMPLATE_LOCK: i64 = 0x1ea5_e401;

/// The migrated database that every test's database is a copy of.
struct Template {
    name: String,
    /// Seconds since 1970 by the database's clock, for names that tell their age.
    made_at: i64,
}

/// A migrated, otherwise empty database that only its test uses; dropped with this value.
pub struct Database {
    options: PgConnectOptions,
    url: String,
    /// Its name in the shared PostgreSQL; `None` for one that lies elsewhere and is left alone.
    to_drop: Option<String>,
}

impl Database {
    /// Makes one.
    pub async fn create() -> Database {
        let template = TEMPLATE.get_or_init(prepare_template).await;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("leasehold_test_{}_{}_{number}", template.made_at, std::process::id());
        let mut maintenance = connect(&server()).await;
        run(&mut maintenance, format!("create database {name} template {}", template.name)).await;
        let options = server().database(&name);
        let url = options.to_url_lossy().to_string();
        Database { options, url, to_drop: Some(name) }
    }

    /// One in a PostgreSQL of the test's own.
    pub fn elsewhere(options: PgConnectOptions, url: String) -> Database {
        Database { options, url, to_drop: None }
    }

    /// How to connect to it, as its owner.
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// The same as a URL, for a server process.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection that may do everything, for looking behind the interface.
    pub async fn owner(&self) -> PgConnection {
        connect(&self.options).await
    }

    /// The number of rows of every table, in order of name: what "nothing was written" compares.
    pub async fn row_counts(&self) -> Vec<(String, i64)> {
        let mut owner = self.owner().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "select relname::text from pg_class
             where relkind = 'r' and relnamespace = 'public'::regnamespace
                 and relname <> '_sqlx_migrations' order by relname",
        )
        .fetch_all(&mut owner)
        .await
        .unwrap();
        let counts: Vec<String> =
            tables.iter().map(|table| format!("(select count(*) from {table})")).collect();
        let row = sqlx::query(AssertSqlSafe(format!("select {}", counts.join(", "))))
            .fetch_one(&mut owner)
            .await
            .unwrap();
        tables.into_iter().enumerate().map(|(i, table)| (table, row.get(i))).collect()
    }
}

impl Drop for Database {
    /// Blocks until it is gone. On a thread with a runtime of its own, because the test's may be ending.
    fn drop(&mut self) {
        let Some(name) = self.to_drop.take() else { return };
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let mut maintenance = connect(&server()).await;
                run(&mut maintenance, format!("drop database if exists {name} with (force)")).await;
            });
        });
        let _ = dropping.join();
    }
}

/// The test PostgreSQL as `DATABASE_URL` names it.
fn server() -> PgConnectOptions {
    let url = std::env::var("DATABASE_URL").ok().or_else(from_dotenv).expect(
        "these tests need a PostgreSQL: set DATABASE_URL to a superuser's URL, or run `make test`, \
         which starts one",
    );
    PgConnectOptions::from_str(&url)
        .expect("DATABASE_URL is a URL such as postgres://user:password@host/database")
}

/// The value in `.env`, which the compile-time check of queries reads too.
fn from_dotenv() -> Option<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.env")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("DATABASE_URL=").map(|url| url.trim().to_owned()))
}

async fn connect(options: &PgConnectOptions) -> PgConnection {
    PgConnection::connect_with(options).await.unwrap_or_else(|error| {
        panic!("the PostgreSQL that DATABASE_URL names cannot be reached: {error}")
    })
}

async fn run(connection: &mut PgConnection, statement: String) {
    let outcome = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(connection).await;
    outcome.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// Makes the template of these migrations unless an earlier run has, and sweeps away what killed runs
/// have left.
async fn prepare_template() -> Template {
    let mut made_of: Vec<u8> =
        MIGRATIONS.iter().flat_map(|migration| migration.checksum.to_vec()).collect();
    made_of.extend(include_bytes!("../../../src/supply/accelerators/accelerators.csv"));
    let name = format!("leasehold_template_{}", short_hash(&made_of));
    let mut maintenance = connect(&server()).await;
    sqlx::query("select pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut maintenance)
        .await
        .unwrap();
    let made_at: i64 = sqlx::query_scalar("select extract(epoch from clock_timestamp())::int8")
        .fetch_one(&mut maintenance)
        .await
        .unwrap();
    let names: Vec<String> = sqlx::query_scalar(
        r"select datname::text from pg_database where datname like 'leasehold\_te%'",
    )
    .fetch_all(&mut maintenance)
    .await
    .unwrap();
    for left_over in names.iter().filter(|name| is_left_over(name, made_at)) {
        run(&mut maintenance, format!("drop database if exists {left_over} with (force)")).await;
    }
    if !names.contains(&name) {
        let draft = format!("{name}_draft");
        run(&mut maintenance, format!("drop database if exists {draft} with (force)")).await;
        run(&mut maintenance, format!("create database {draft}")).await;
        fill_template(&server().database(&draft)).await;
        run(&mut maintenance, format!("alter database {draft} rename to {name}")).await;
    }
    maintenance.close().await.unwrap();
    Template { name, made_at }
}

/// Brings an empty database to what a server finds when it starts for the second time.
async fn fill_template(options: &PgConnectOptions) {
    leasehold::db::migrate(options).await.unwrap();
    let pool = leasehold::db::pool(options.clone(), 2);
    let app = App::new(pool, Clock::default(), super::market::config(&[]));
    leasehold::supply::load_catalogue(&app).await.unwrap();
    app.db.close().await;
}

/// Whether a test database was made by a run that began more than two hours ago.
fn is_left_over(name: &str, now: i64) -> bool {
    let made_at = name.strip_prefix("leasehold_test_").and_then(|rest| rest.split('_').next());
    made_at.and_then(|seconds| seconds.parse::<i64>().ok()).is_some_and(|at| now - at > 7200)
}

fn short_hash(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
