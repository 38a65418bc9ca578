//! The command line: parses, calls, exits.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use leasehold::accounts::{self, Email, Name, NewStaff};
use leasehold::app::App;
use leasehold::audit::{self, KnownSeal};
use leasehold::config::Config;
use leasehold::db::{self, Database};
use leasehold::kernel::{Clock, StaffRole};
use leasehold::wiring;
use leasehold::{cli, demo};
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
    /// Run a program on the private database: `leasehold postgres -- psql`
    Postgres {
        #[command(flatten)]
        config: Config,
        /// The program and its arguments; it finds the database in its environment
        #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
        program: Vec<OsString>,
    },
    /// The log of every act
    #[command(subcommand)]
    Audit(AuditVerb),
    /// Look after the marketplace's staff
    #[command(subcommand)]
    Admin(Admin),
    /// Make a market to look at: real clusters and prices, an invented story
    Demo(#[command(flatten)] Config),
    /// Print the description of the interface
    Openapi,
    #[command(flatten)]
    Client(cli::Verb),
}

#[derive(Subcommand)]
enum AuditVerb {
    /// Prove every sealed record and the chain of seals; exit code 1 where something is wrong
    Verify {
        #[command(flatten)]
        config: Box<Config>,
        /// A seal that was published elsewhere and must be in the chain
        #[arg(long, value_name = "NUMBER:ROOT")]
        known: Vec<KnownSeal>,
    },
}

#[derive(Subcommand)]
enum Admin {
    /// Make a member of staff; the way to the first one
    Create {
        #[command(flatten)]
        config: Box<Config>,
        /// E-mail address to log in with
        #[arg(long)]
        email: Email,
        /// Name of the person
        #[arg(long, default_value = "Administrator")]
        name: Name,
        /// What the person does: admin, operations, legal or independent
        #[arg(long, default_value = "admin", value_parser = staff_role)]
        role: StaffRole,
        /// Read the password from the first line of standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Give a member of staff another role
    ChangeRole {
        #[command(flatten)]
        config: Box<Config>,
        /// E-mail address of the person
        #[arg(long)]
        email: Email,
        /// What the person does from now on: admin, operations, legal or independent
        #[arg(long, value_parser = staff_role)]
        role: StaffRole,
    },
    /// Remove a member of staff
    Remove {
        #[command(flatten)]
        config: Box<Config>,
        /// E-mail address of the person
        #[arg(long)]
        email: Email,
    },
}

fn staff_role(text: &str) -> Result<StaffRole, serde_json::Error> {
    serde_json::from_value(text.into())
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
        Ok(code) => code,
        Err(error) => {
            eprintln!("leasehold: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Serve(config) => serve(config).await?,
        Verb::Migrate(config) => {
            let database = Database::open(&config).await?;
            let migrated = db::migrate(&database.options).await;
            database.close().await?;
            migrated?;
        }
        Verb::Postgres { config, program } => return on_private_database(config, &program).await,
        Verb::Audit(AuditVerb::Verify { config, known }) => {
            return verify_audit(*config, &known).await;
        }
        Verb::Admin(Admin::Create { config, email, name, role, password_stdin: _ }) => {
            let password = std::io::read_to_string(std::io::stdin())?;
            let password = password.lines().next().unwrap_or_default().parse()?;
            let said = format!("{} is a member of staff now", email.as_str());
            create_admin(*config, NewStaff { email, name, password, role }).await?;
            println!("{said}");
        }
        Verb::Admin(Admin::ChangeRole { config, email, role }) => {
            change_staff(*config, email, Some(role)).await?;
        }
        Verb::Admin(Admin::Remove { config, email }) => change_staff(*config, email, None).await?,
        Verb::Demo(config) => load_demo(config).await?,
        Verb::Openapi => println!("{}", wiring::openapi().to_pretty_json()?),
        Verb::Client(verb) => return Ok(cli::run(verb).await),
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify_audit(config: Config, known: &[KnownSeal]) -> anyhow::Result<ExitCode> {
    let database = Database::open(&config).await?;
    let pool = db::pool(database.options.clone(), config.database_connections);
    let report = audit::verify(&App::new(pool, Clock::default(), config), known).await;
    database.close().await?;
    let report = report.map_err(|problem| anyhow::anyhow!("{problem}"))?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(if report.is_intact { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn load_demo(config: Config) -> anyhow::Result<()> {
    let database = Database::open(&config).await?;
    let loaded = demo::load(&database.options, &config).await;
    database.close().await?;
    match loaded? {
        demo::Outcome::Loaded => println!("The demo market is there. Log in with"),
        demo::Outcome::WasThere => println!("The demo market was there already. Log in with"),
    }
    for (email, who) in demo::LOG_INS {
        println!("  {email:24}{who}");
    }
    println!("and the password {}", demo::PASSWORD);
    Ok(())
}

async fn serve(config: Config) -> anyhow::Result<()> {
    start_log(&config);
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    let database = Database::open(&config).await?;
    let served = serve_on(&database, config, stop).await;
    database.close().await?;
    served
}

async fn serve_on(
    database: &Database,
    config: Config,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    db::migrate(&database.options).await?;
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    let pool = db::pool(database.options.clone(), config.database_connections);
    tracing::info!("serving on http://{address}");
    wiring::serve(App::new(pool, Clock::default(), config), listener, stop).await
}

async fn create_admin(config: Config, new: NewStaff) -> anyhow::Result<()> {
    let database = Database::open(&config).await?;
    let created = create_admin_on(&database, config, new).await;
    database.close().await?;
    created
}

async fn create_admin_on(database: &Database, config: Config, new: NewStaff) -> anyhow::Result<()> {
    db::migrate(&database.options).await?;
    let app = App::new(db::pool(database.options.clone(), 2), Clock::default(), config);
    let created = accounts::create_admin(&app, new).await;
    created.map_err(|problem| anyhow::anyhow!("{problem}"))
}

async fn change_staff(config: Config, email: Email, role: Option<StaffRole>) -> anyhow::Result<()> {
    let database = Database::open(&config).await?;
    let app = App::new(db::pool(database.options.clone(), 2), Clock::default(), config);
    let changed = accounts::change_staff_here(&app, email.clone(), role).await;
    database.close().await?;
    changed.map_err(|problem| anyhow::anyhow!("{problem}"))?;
    let what = match role {
        Some(_) => "has another role from now on",
        None => "is no member of staff any more",
    };
    println!("{} {what}", email.as_str());
    Ok(())
}

async fn on_private_database(config: Config, program: &[OsString]) -> anyhow::Result<ExitCode> {
    let [program, arguments @ ..] = program else {
        anyhow::bail!("which program? try `leasehold postgres -- psql`");
    };
    // Ctrl-C is the program's to answer; the database is left in order after it.
    tokio::spawn(stop_on_signal(CancellationToken::new()));
    // DATABASE_URL is somebody's choice of another server; this is about the private one.
    let database = Database::open(&Config { database_url: None, ..config }).await?;
    let environment = database.private().map(|private| private.environment());
    let ended = tokio::process::Command::new(program)
        .args(arguments)
        .envs(environment.into_iter().flatten())
        .status()
        .await;
    database.close().await?;
    let status = ended.with_context(|| format!("cannot run {}", program.display()))?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
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
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if config.log_format == "json" {
        log.json().init();
    } else {
        log.init();
    }
}
