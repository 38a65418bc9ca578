//! A marketplace under test: database, server, clock, and who acts on it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use leasehold::app::App;
use leasehold::config::Config;
use leasehold::kernel::{Clock, Span};
use leasehold::{db, wiring};
use tokio::sync::OnceCell;

use super::client::As;
use super::database::Database;
use super::people::User;
use super::process::Process;

/// Where every test's clock stands at first: Monday, 2027-01-04T00:00:00Z.
pub const START: DateTime<Utc> = match DateTime::from_timestamp(1_799_020_800, 0) {
    Some(start) => start,
    None => panic!("the start is an instant"),
};

/// A marketplace of one test.
///
/// Served in this process, its clock stands still and its reconcilers run only when
/// [`Market::advance`] or [`Market::run_due`] says so. Served by processes, it lives in real time.
pub struct Market {
    /// The application on the market's database: the one that serves, or one beside the processes.
    pub app: App,
    /// The applications of the other servers in this process.
    pub others: Vec<App>,
    pub database: Database,
    pub(super) http: reqwest::Client,
    pub(super) admin: OnceCell<User>,
    servers: Vec<Server>,
    /// Which server answers next.
    turn: AtomicUsize,
}

enum Server {
    Task { address: SocketAddr, task: tokio::task::JoinHandle<()> },
    Process(Process),
}

impl Server {
    fn address(&self) -> SocketAddr {
        match self {
            Server::Task { address, .. } => *address,
            Server::Process(process) => process.address,
        }
    }
}

impl Market {
    /// Opens one with the default configuration, without limits of rate.
    pub async fn open() -> Market {
        Market::open_with(&[]).await
    }

    /// Opens one with flags of `leasehold serve` added.
    pub async fn open_with(flags: &[&str]) -> Market {
        let database = Database::create().await;
        let app = app(&database, Clock::fixed(START), flags);
        let server = serve(&app).await;
        Market::of(app, database, vec![server])
    }

    /// Opens one that `servers` servers serve in turn, in this process: one database and one clock, and
    /// each server with a memory of its own. The reconcilers of [`Market::run_due`] are the first one's.
    pub async fn open_servers(servers: usize) -> Market {
        let database = Database::create().await;
        let clock = Clock::fixed(START);
        let mut apps = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..servers {
            // Each acts for a few people at a time; tests in parallel share the database's connections.
            let app = app(&database, clock.clone(), &["--database-connections", "4"]);
            tasks.push(serve(&app).await);
            apps.push(app);
        }
        let mut market = Market::of(apps.swap_remove(0), database, tasks);
        market.others = apps;
        market
    }

    /// Opens one on `database` that `processes` servers serve in turn.
    pub async fn open_processes(database: Database, processes: usize) -> Market {
        let app = app(&database, Clock::default(), &[]);
        let mut market = Market::of(app, database, Vec::new());
        for _ in 0..processes {
            market.start_process().await;
        }
        market
    }

    /// Starts another server process.
    pub async fn start_process(&mut self) {
        let process = Process::serve(&["--database-url", self.database.url()]).await;
        self.servers.push(Server::Process(process));
    }

    /// Number of the first server process, for signals.
    pub fn process_id(&self) -> i32 {
        match &self.servers[0] {
            Server::Process(process) => process.id(),
            Server::Task { .. } => panic!("this market is served in the test's own process"),
        }
    }

    /// Kills the first server process, the hard way.
    pub async fn kill_process(&mut self) {
        match self.servers.remove(0) {
            Server::Process(process) => process.kill().await,
            Server::Task { task, .. } => task.abort(),
        }
    }

    fn of(app: App, database: Database, servers: Vec<Server>) -> Market {
        Market {
            app,
            others: Vec::new(),
            database,
            http: http_client(),
            admin: OnceCell::new(),
            servers,
            turn: AtomicUsize::new(0),
        }
    }

    /// The whole address of `path`, at each server in turn.
    pub fn url(&self, path: &str) -> String {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.servers.len();
        format!("http://{}{path}", self.servers[turn].address())
    }

    /// Lets `server`, from 0, answer the next request; the others follow in turn.
    pub fn next_server(&self, server: usize) {
        self.turn.store(server, Ordering::Relaxed);
    }

    /// The UUID behind an id, for looking into the database.
    pub fn uuid(&self, id: &str) -> sqlx::types::Uuid {
        let (_, text) = id.split_once('_').expect("an id");
        leasehold::kernel::ids::decode(text).expect("an id")
    }

    /// Moves the clock and lets happen what falls due.
    pub async fn advance(&self, by: Span) {
        self.pass(by.delta());
        self.run_due().await;
    }

    /// Moves the clock as it moves when no server is up: nothing falls due.
    pub fn pass(&self, by: TimeDelta) {
        let by = by.num_microseconds().unwrap();
        self.app.clock.set_offset_us(self.app.clock.offset_us() + by);
    }

    /// Moves the clock to `instant` and lets happen what falls due.
    pub async fn advance_to(&self, instant: DateTime<Utc>) {
        let by = instant - self.now();
        self.advance(Span::from_seconds(by.num_seconds()).expect("forward")).await;
    }

    /// Lets happen what is due now.
    pub async fn run_due(&self) {
        wiring::run_due(&self.app).await.expect("every reconciler does its work");
    }

    /// The present instant of this market.
    pub fn now(&self) -> DateTime<Utc> {
        self.app.now()
    }

    /// The market as somebody sees it who is not logged in.
    pub fn as_nobody(&self) -> As<'_> {
        As { market: self, user: None }
    }

    /// The market as `user` sees it; an organization stands for its owner.
    pub fn as_(&self, user: impl AsRef<User>) -> As<'_> {
        As { market: self, user: Some(user.as_ref().clone()) }
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        for server in &self.servers {
            if let Server::Task { task, .. } = server {
                task.abort();
            }
        }
    }
}

/// Serves `app` in a task of this process.
async fn serve(app: &App) -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service =
        wiring::http_service(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let task = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    Server::Task { address, task }
}

fn app(database: &Database, clock: Clock, flags: &[&str]) -> App {
    let config = config(flags);
    App::new(db::pool(database.options(), config.database_connections), clock, config)
}

/// The configuration that `leasehold serve` has with `flags`, whatever the environment says.
pub fn config(flags: &[&str]) -> Config {
    #[derive(clap::Parser)]
    #[command(args_override_self = true)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }
    let quiet = ["leasehold", "--rate-limit", "0", "--login-rate-limit", "0"];
    let cli: Cli = clap::Parser::parse_from(quiet.into_iter().chain(flags.iter().copied()));
    cli.config
}

/// A client without proxies and redirects; TLS is set up because the library insists.
fn http_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().unwrap()
}
