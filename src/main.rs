//! The command line: parses, calls, exits.

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use clap::{Parser, Subcommand};
use leasehold::app::App;
use leasehold::config::Config;
use leasehold::kernel::Clock;
use leasehold::{db, wiring};
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The ledger between those who own compute and those who rent it.
#[derive(Parser)]
#[command(name = "leasehold", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve the marketplace
    Serve(#[command(flatten)] Config),
    /// Bring the database to this version's schema
    Migrate(#[command(flatten)] Config),
    /// Print the description of the interface
    Openapi,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("leasehold: the runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.verb)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("leasehold: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Serve(config) => serve(config).await,
        Verb::Migrate(config) => db::migrate(&database(&config)?).await,
        Verb::Openapi => {
            println!("{}", wiring::openapi().to_pretty_json()?);
            Ok(())
        }
    }
}

fn database(config: &Config) -> anyhow::Result<PgConnectOptions> {
    let url = config.database_url.as_deref().context("DATABASE_URL is not set")?;
    PgConnectOptions::from_str(url).context("DATABASE_URL is not a PostgreSQL URL")
}

async fn serve(config: Config) -> anyhow::Result<()> {
    start_log(&config);
    let options = database(&config)?;
    db::migrate(&options).await?;
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    let app = App::new(db::pool(options, config.database_connections), Clock::default(), config);
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    tracing::info!("serving on http://{address}");
    wiring::serve(app, listener, stop).await
}

async fn stop_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.cancel();
}

fn start_log(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log).unwrap_or_default();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if config.log_format == "json" {
        log.json().init();
    } else {
        log.init();
    }
}
