//! Runs a command with `DATABASE_URL` naming a throw-away PostgreSQL that has Leasehold's schema, and
//! ends as the command ends.
//!
//! A package of its own, because it has to build while `leasehold` does not: the queries of
//! `leasehold` are checked against the very database that is started here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use embedded::PrivatePostgres;

#[expect(dead_code, reason = "the server uses all of it, this program a part")]
#[path = "../../../src/db/embedded.rs"]
mod embedded;

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");

/// Nothing in a throw-away database has to survive, so nothing waits for the disk.
const SETTINGS: &[&str] =
    &["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"];

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [program, arguments @ ..] = arguments.as_slice() else {
        eprintln!("usage: with-postgres PROGRAM [ARGUMENT…]");
        return ExitCode::from(2);
    };
    let mut command = Command::new(program);
    command.args(arguments);
    match run(command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("with-postgres: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let data_dir = std::env::temp_dir().join(format!("leasehold-{}", std::process::id()));
    let pg_bin = std::env::var_os("LEASEHOLD_PG_BIN").map(PathBuf::from);
    let postgres = PrivatePostgres::start_with(&data_dir, pg_bin.as_deref(), SETTINGS).await?;
    let ended = run_on(&postgres, command).await;
    postgres.stop().await?;
    std::fs::remove_dir_all(&data_dir)
        .with_context(|| format!("cannot remove {}", data_dir.display()))?;
    ended
}

async fn run_on(postgres: &PrivatePostgres, mut command: Command) -> anyhow::Result<ExitCode> {
    // A terminal sends Ctrl-C to the command too, which then ends; the database goes after it.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;

    let mut connection = PgConnection::connect_with(&postgres.connect_options()).await?;
    Migrator::new(Path::new(MIGRATIONS)).await?.run(&mut connection).await?;
    connection.close().await?;

    let mut running = command.envs(postgres.environment()).spawn().context("cannot run it")?;
    loop {
        tokio::select! {
            ended = running.wait() => {
                let code = ended?.code().and_then(|code| u8::try_from(code).ok());
                return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
            }
            _ = interrupt.recv() => {}
            _ = terminate.recv() => running.start_kill()?,
        }
    }
}
