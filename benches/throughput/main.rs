//! How fast Leasehold is, as ratios to PostgreSQL's own TPC-B on the same server in the same run.
//!
//! `make bench` runs it. It starts a private PostgreSQL with durability on and a real server process,
//! loads them over HTTP, prints a table, and writes `bench/latest.json`. It measures; what is fast
//! enough is said in docs/performance.md. It takes some minutes and wants the machine for
//! itself.
//!
//! `LEASEHOLD_TRACE` names a demand trace to replay (columns start_s, end_s, gpus; days 140 to 150 are
//! used); without it the made-up sample is. `LEASEHOLD_BENCH_DIR` names the directory of the database,
//! which should lie on the disk that is to be measured [default: the system's temporary directory].
//! `LEASEHOLD_BENCH_ONLY=quotas` measures the cost of quotas alone, and `LEASEHOLD_BENCH_AGAINST=program`
//! the bookings of this build against those of another, in turns; both write nothing.

mod market;
mod server;
mod wire;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use leasehold::db::embedded::PrivatePostgres;
use serde_json::{Map, Value};

use market::Market;
use server::Server;
use wire::{Load, load, percentile_ms};

/// Requests under way at a time, here and in pgbench.
const CLIENTS: usize = 8;
/// How often TPC-B and bookings take turns, and how long each turn is.
const TURNS: u32 = 4;
const TURN: Duration = Duration::from_secs(5);
/// How long other loads last.
const LOAD: Duration = Duration::from_secs(15);
/// More than any load can use up.
const REQUESTS: usize = 150_000;

fn main() -> ExitCode {
    // `cargo test --benches` and `cargo bench -- --list` only want to know that it starts.
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    // Ctrl-C ends the server and pgbench, with that the measurement, and then PostgreSQL in order.
    runtime.spawn(async { drop(tokio::signal::ctrl_c().await) });
    let directory = tempfile::Builder::new()
        .prefix("leasehold-bench-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(
            std::env::var_os("LEASEHOLD_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from),
        )?;
    let pg_bin = std::env::var_os("LEASEHOLD_PG_BIN").map(PathBuf::from);
    if let Some(other) = std::env::var_os("LEASEHOLD_BENCH_AGAINST") {
        return compare(&runtime, directory.path(), pg_bin.as_deref(), Path::new(&other));
    }
    let data_dir = directory.path().join("data");
    let postgres = runtime.block_on(PrivatePostgres::start(&data_dir, pg_bin.as_deref()))?;
    let mut figures = Figures::default();
    let measured = measure(&runtime, &postgres, &mut figures);
    runtime.block_on(postgres.stop())?;
    measured?;
    if std::env::var_os("LEASEHOLD_BENCH_ONLY").is_some() {
        figures.print();
        return Ok(());
    }
    figures.write(Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/latest.json"))
}

fn measure(
    runtime: &tokio::runtime::Runtime,
    postgres: &PrivatePostgres,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    step("a market");
    let url = postgres.url();
    let first = Server::start(&url)?;
    let mut market = Market::open(postgres, &first)?;

    if std::env::var_os("LEASEHOLD_BENCH_ONLY").is_some_and(|only| only == "quotas") {
        let cost = quota_cost(&first, &mut market)?;
        figures.add("quota_cost_ratio", cost, "bookings with five quotas / without, 10,000 leases");
        return Ok(());
    }

    step("TPC-B and bookings over 27 pools, in turn");
    market::create_database(runtime, postgres, "pgbench")?;
    server::prepare_tpcb(postgres)?;
    let pools = (0..27).map(|_| market.pool(1_000, 8)).collect::<anyhow::Result<Vec<_>>>()?;
    let many = in_turn(postgres, &first, &market, &pools)?;

    step("TPC-B and bookings on one pool of 27,500 units with 13,000 live leases, in turn");
    let hot = market.pool(27_500, 8)?;
    market.fill(&hot, 13_000)?;
    let hot = in_turn(postgres, &first, &market, &[hot])?;
    figures.add(
        "tpcb_tps",
        (many.tpcb + hot.tpcb) / 2.0,
        "TPC-B transactions per second, scale 10, 8 clients",
    );
    figures.add("bookings_many_pools_ratio", many.ratio(), "of TPC-B: bookings over 27 pools");
    figures.add("bookings_hot_pool_ratio", hot.ratio(), "of TPC-B: bookings on one hot pool");
    let mut latencies = [many.latencies, hot.latencies].concat();
    latencies.sort_unstable();
    figures.add("bookings_p99_ms", percentile_ms(&latencies, 99), "ms, 99 % of those bookings");

    step("bookings of an organization with 10,000 leases, without and with five quotas");
    let cost = quota_cost(&first, &mut market)?;
    figures.add("quota_cost_ratio", cost, "bookings with five quotas / without, 10,000 leases");

    step("leases of 27,500 units");
    let whole = market.pool(27_500, 8)?;
    let requests: Vec<_> =
        (0..40).map(|index| market.booking(&whole, 27_500, index * 48, 48)).collect();
    let wide = accepted(load(first.address, 1, LOAD, &requests)?)?;
    figures.add(
        "book_27500_units_ms",
        percentile_ms(&wide.good, 50),
        "ms, one lease of 27,500 units (median)",
    );

    step("plans over 1,000 leases");
    let callable = market.pool(1_000, 8)?;
    market.fill(&callable, 1_000)?;
    let plans = market.plan(&callable, 4_000, 20)?;
    figures.add(
        "planner_1000_leases_ms",
        percentile_ms(&plans, 50),
        "ms, the cheapest plan for half the GPUs of 1,000 leases (median)",
    );

    step("the replay of a demand trace");
    let yard = market.pool(24, 1)?;
    let (replayed, trace) = market.replay(&yard)?;

    step("a million leases over 1,000 pools (some minutes)");
    market.fill_many(first, 1_000)?;
    let second = Server::start(&url)?;
    figures.add(
        "start_ms",
        second.ready_after.as_secs_f64() * 1_000.0,
        "ms from start to ready, a million leases",
    );
    step("searches");
    let searches: Vec<_> = (0..2_000).map(|index| market.search(index)).collect();
    accepted(load(second.address, 1, Duration::from_secs(30), &searches[..200])?)?;
    let found = accepted(load(second.address, 1, Duration::from_secs(60), &searches[200..])?)?;
    figures.add("search_p99_ms", percentile_ms(&found.good, 99), "ms, 99 % of the searches");
    figures.add("server_rss_mb", second.resident_mib()?, "MiB of the server after them");
    let sold =
        |name: &str| replayed[name].as_f64().with_context(|| format!("the replay has no {name}"));
    figures.add("fluid_ratio_with_moves", sold("ratio")?, &format!("sold / fluid bound, {trace}"));
    figures.add(
        "fluid_ratio_without_moves",
        sold("ratio_without_moves")?,
        "the same without moves",
    );
    Ok(())
}

/// Bookings of this build and of the program `other`, each on a PostgreSQL of its own.
fn compare(
    runtime: &tokio::runtime::Runtime,
    directory: &Path,
    pg_bin: Option<&Path>,
    other: &Path,
) -> anyhow::Result<()> {
    let start = |name| {
        let data_dir = directory.join(name);
        runtime.block_on(async move { PrivatePostgres::start(&data_dir, pg_bin).await })
    };
    let databases = [start("this")?, start("other")?];
    let compared = compare_on(&databases, [Path::new(server::LEASEHOLD), other]);
    for database in databases {
        runtime.block_on(database.stop())?;
    }
    compared
}

fn compare_on(databases: &[PrivatePostgres; 2], programs: [&Path; 2]) -> anyhow::Result<()> {
    let mut sides = Vec::new();
    for (database, program) in databases.iter().zip(programs) {
        let server = Server::start_program(program, &database.url())?;
        let mut market = Market::open(database, &server)?;
        let many = (0..27).map(|_| market.pool(1_000, 8)).collect::<anyhow::Result<Vec<_>>>()?;
        let hot = market.pool(27_500, 8)?;
        market.fill(&hot, 13_000)?;
        sides.push((server, market, [many, vec![hot]]));
    }
    let mut figures = Figures::default();
    for (index, kind) in ["over 27 pools", "on one hot pool"].into_iter().enumerate() {
        let mut rates = [0.0, 0.0];
        for _ in 0..2 * TURNS {
            for (rate, (server, market, pools)) in rates.iter_mut().zip(&sides) {
                *rate += book_for(server, market, &pools[index], TURN)?.per_second();
            }
        }
        figures.add(kind, rates[0] / rates[1], "this build's bookings / the other's");
    }
    figures.print();
    Ok(())
}

/// Bookings per second of an organization with five quotas and 10,000 leases, over those of one like it
/// without quotas. They take turns, each time on pools that start empty.
fn quota_cost(server: &Server, market: &mut Market) -> anyhow::Result<f64> {
    let mut tenants = [market.other_tenant("tenant two")?, market.other_tenant("tenant three")?];
    for tenant in &mut tenants {
        market.change_places(tenant);
        let filled = market.pool(10_000, 8)?;
        market.fill(&filled, 10_000)?;
        market.change_places(tenant);
    }
    market.set_quotas(&tenants[1].id)?;
    let mut rates = [0.0, 0.0];
    for turn in 0..8 {
        let tenant = &mut tenants[turn % 2];
        let pools = (0..9).map(|_| market.pool(1_000, 8)).collect::<anyhow::Result<Vec<_>>>()?;
        market.change_places(tenant);
        let load = book_for(server, market, &pools, LOAD / 5);
        market.change_places(tenant);
        rates[turn % 2] += load?.per_second();
    }
    Ok(rates[1] / rates[0])
}

/// Bookings and TPC-B on the same database server.
struct InTurn {
    /// Each per second.
    tpcb: f64,
    bookings: f64,
    latencies: Vec<Duration>,
}

impl InTurn {
    fn ratio(&self) -> f64 {
        self.bookings / self.tpcb
    }
}

/// They take turns, because a machine's speed changes from minute to minute by more than what is to be
/// measured.
fn in_turn(
    postgres: &PrivatePostgres,
    server: &Server,
    market: &Market,
    pools: &[market::Pool],
) -> anyhow::Result<InTurn> {
    let mut sum = InTurn { tpcb: 0.0, bookings: 0.0, latencies: Vec::new() };
    for _ in 0..TURNS {
        sum.tpcb += server::tpcb(postgres, TURN)? / f64::from(TURNS);
        let load = book_for(server, market, pools, TURN)?;
        sum.bookings += load.per_second() / f64::from(TURNS);
        sum.latencies.extend(load.good);
    }
    Ok(sum)
}

/// Bookings of one unit each, spread evenly over `pools`.
fn book_for(
    server: &Server,
    market: &Market,
    pools: &[market::Pool],
    time: Duration,
) -> anyhow::Result<Load> {
    let requests: Vec<_> = (0..REQUESTS)
        .map(|index| {
            // Starts within a year from tomorrow, one to fourteen days long, by fixed strides.
            let (start, hours) = (index * 7_919 % 8_760, 24 + index * 31 % 312);
            market.booking(&pools[index % pools.len()], 1, start, hours)
        })
        .collect();
    accepted(load(server.address, CLIENTS, time, &requests)?)
}

/// A load of which nothing was refused: the figures are about requests that succeed.
fn accepted(load: Load) -> anyhow::Result<Load> {
    if let Some(bad) = &load.first_bad {
        anyhow::bail!("{:?} replies were no success, such as {bad}", load.other);
    }
    eprintln!(
        "    {} in {:.1} s: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms",
        load.good.len(),
        load.elapsed.as_secs_f64(),
        load.per_second(),
        percentile_ms(&load.good, 50),
        percentile_ms(&load.good, 99),
    );
    Ok(load)
}

fn step(what: &str) {
    static BEGINNING: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let seconds = BEGINNING.get_or_init(Instant::now).elapsed().as_secs();
    eprintln!("{seconds:4} s  {what}");
}

/// What was measured, in order.
#[derive(Default)]
struct Figures(Vec<(&'static str, f64, String)>);

impl Figures {
    fn add(&mut self, key: &'static str, value: f64, meaning: &str) {
        eprintln!("        {value:.3} {meaning}");
        self.0.push((key, value, meaning.to_owned()));
    }

    /// Prints the table.
    fn print(&self) {
        let width = self.0.iter().map(|(key, ..)| key.len()).max().unwrap_or(0);
        for (key, value, meaning) in &self.0 {
            println!("{key:width$}  {value:>10.3}  {meaning}");
        }
    }

    /// Prints the table and writes one flat object.
    fn write(&self, path: PathBuf) -> anyhow::Result<()> {
        self.print();
        let rounded = |value: f64| Value::from((value * 10_000.0).round() / 10_000.0);
        let object: Map<String, Value> =
            self.0.iter().map(|(key, value, _)| ((*key).to_owned(), rounded(*value))).collect();
        fs::create_dir_all(path.parent().context("a path with a directory")?)?;
        fs::write(&path, format!("{:#}\n", Value::Object(object)))?;
        println!("written to {}", path.display());
        Ok(())
    }
}
