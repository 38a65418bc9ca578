//! The private PostgreSQL: Leasehold's own database server, for when `DATABASE_URL` names none.
//!
//! ```text
//! <data dir>/
//!   postgres/            the cluster; its Unix socket lies in it; there is no TCP port
//!   postgres.password    generated at the first start, mode 0600
//!   postgres.log         what the server says
//!   start.lock           held while somebody starts or stops the server
//!   in-use.lock          shared by all who use the server; the last to leave stops it
//! ```
//!
//! **It outlives accidents.** The server runs in a process group of its own, so Ctrl-C in a terminal
//! reaches Leasehold alone, which finishes its work and then stops the server. When Leasehold is
//! killed, the server runs on and the next start adopts it. When the server is killed, Leasehold
//! starts it again, and PostgreSQL recovers all that was committed.
//!
//! **Under root** the server must run as somebody else, because PostgreSQL refuses to run as root.
//! Whoever owns the cluster runs it; a new cluster belongs to `LEASEHOLD_PG_USER`, else to
//! `postgres`, else to `nobody`. That user has to be able to walk down to the cluster, which it can
//! not from `/root` (mode 0700): root's default data directory is therefore `/var/lib/leasehold`.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// The oldest PostgreSQL that Leasehold runs on.
pub const OLDEST_MAJOR: u32 = 15;

/// Name of the database and of the role that owns it.
const NAME: &str = "leasehold";

/// Longest path of a Unix socket on Linux, in bytes, without the closing NUL.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// How often the state of the server process is looked at while something is awaited.
const TICK: Duration = Duration::from_millis(10);

/// How often a running server is looked at.
const WATCH_EVERY: Duration = Duration::from_millis(250);

/// How long to wait before trying again to start a server that did not.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// How long a server may take to end; then it is left to finish by itself.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// How long the remains of a killed server may keep a new one from starting.
const REMAINS_WITHIN: Duration = Duration::from_secs(15);

/// Size from which the server's log is set aside at the next start, in bytes.
const LOG_BYTES_MAX: u64 = 16 << 20;

/// Settings of a new cluster. They stand in its `postgresql.conf`, where the operator may change
/// them; durability (`fsync`, `synchronous_commit`, `full_page_writes`) stays at PostgreSQL's safe
/// defaults.
const SETTINGS: &str = "
# Leasehold's settings; change them here, they are written once.
shared_buffers = 128MB
# Several Leasehold servers, each with its own pool of connections, may share this cluster.
max_connections = 100
# Fewer checkpoints: each one makes the next change of every page cost a full page of log.
max_wal_size = 2GB
checkpoint_timeout = 15min
wal_compression = on
# Statements are short and prepared; compiling them costs more than it saves.
jit = off
# Solid-state storage.
random_page_cost = 1.1
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_line_prefix = '%m [%p] '
";

/// After a kill, one call to the system instead of one for each of the cluster's thousand files.
const LINUX_SETTINGS: &str = "recovery_init_sync_method = syncfs\n";

/// Why the private PostgreSQL is not there. Every message names the way out.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "no PostgreSQL {OLDEST_MAJOR} or newer found (asked pg_config, looked in /usr/lib/postgresql, \
         PATH and {}); run `make postgres`, or install \
         the package `postgresql`, or set LEASEHOLD_PG_BIN to the directory that holds `initdb` and \
         `postgres`, or set DATABASE_URL to use a server that runs already",
        fetched.display()
    )]
    NoBinaries { fetched: PathBuf },
    #[error(
        "{} is no PostgreSQL {OLDEST_MAJOR} or newer: {found}; point LEASEHOLD_PG_BIN to a directory \
         that holds `initdb` and `postgres`, or unset it to let Leasehold look for one", bin.display()
    )]
    BadBinaries { bin: PathBuf, found: String },
    #[error(
        "the database in {} was made by PostgreSQL {cluster} and only {installed} is here; install \
         PostgreSQL {cluster} or set LEASEHOLD_PG_BIN to it (to move to a newer one, dump with the old \
         and restore into an empty data directory)", data_dir.display()
    )]
    OtherMajor { data_dir: PathBuf, cluster: u32, installed: String },
    #[error(
        "no user `{name}` on this machine to run PostgreSQL as; set LEASEHOLD_PG_USER to one that is"
    )]
    NoSuchUser { name: String },
    #[error(
        "PostgreSQL refuses to run as root; set LEASEHOLD_PG_USER to another user than `{name}`"
    )]
    RootUser { name: String },
    #[error(
        "user `{user}`, who runs PostgreSQL because root may not, cannot reach {}; let everybody enter \
         the directories above it (chmod o+x), or choose another place with {variable}", path.display()
    )]
    OutOfReach { user: String, path: PathBuf, variable: &'static str },
    #[error(
        "{} belongs to user {owner} and Leasehold runs as {me}; run it as that user, or set \
         LEASEHOLD_DATA_DIR to another directory", path.display()
    )]
    ForeignCluster { path: PathBuf, owner: u32, me: u32 },
    #[error(
        "the password of the database in {} is missing; put the file {PASSWORD_FILE} back from a \
         backup", data_dir.display()
    )]
    NoPassword { data_dir: PathBuf },
    #[error("the database could not be made: {said}; see that {} is writable and not full", data_dir.display())]
    Initdb { data_dir: PathBuf, said: String },
    #[error("PostgreSQL ended instead of starting: {said}; see {}", log.display())]
    Ended { said: String, log: PathBuf },
    #[error(
        "PostgreSQL has no extension btree_gist; install the package with PostgreSQL's contrib \
         extensions (`postgresql-contrib`), or use another PostgreSQL with LEASEHOLD_PG_BIN"
    )]
    NoExtension,
    #[error(
        "PostgreSQL (process {pid}) is still shutting down and is left to finish; wait before the next start"
    )]
    StillStopping { pid: i32 },
    #[error("no place for the data: HOME is not set; set LEASEHOLD_DATA_DIR")]
    NoHome,
    #[error(
        "{} belongs to root, as whom PostgreSQL does not run; run `chown -R postgres {}`",
        path.display(), path.display()
    )]
    RootCluster { path: PathBuf },
    #[error("no socket directory: {} is not a directory of user {owner} alone; remove it", path.display())]
    UnsafeSocketDir { path: PathBuf, owner: u32 },
    #[error("the private database does not answer: {0}")]
    Connection(#[from] sqlx::Error),
    #[error("{}: {source}; see that it exists, has room and may be written by this user, or set LEASEHOLD_DATA_DIR to another directory", path.display())]
    Io { path: PathBuf, source: io::Error },
}

type Result<T, E = EmbeddedError> = std::result::Result<T, E>;

const PASSWORD_FILE: &str = "postgres.password";

/// The data directory when `LEASEHOLD_DATA_DIR` names none: `/var/lib/leasehold` for root,
/// `$XDG_DATA_HOME/leasehold` or `~/.local/share/leasehold` for everybody else.
///
/// # Errors
/// [`EmbeddedError::NoHome`] if the environment says nothing of a home.
pub fn default_data_dir() -> Result<PathBuf> {
    if Uid::effective().is_root() {
        return Ok(PathBuf::from("/var/lib/leasehold"));
    }
    let absolute =
        |variable| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/share")))
        .map(|home| home.join("leasehold"))
        .ok_or(EmbeddedError::NoHome)
}

/// A running private PostgreSQL, watched and, when it dies, started again.
///
/// Dropped without [`stop`](Self::stop) it is left running; the next start adopts it.
#[derive(Debug)]
pub struct PrivatePostgres {
    cluster: Cluster,
    address: Address,
    in_use: File,
    leave: watch::Sender<()>,
    watcher: JoinHandle<Postmaster>,
}

impl PrivatePostgres {
    /// Finds or makes the cluster in `data_dir`, finds or starts its server, and returns when it
    /// answers. `pg_bin` is the directory with the server's programs, looked for when `None`.
    ///
    /// # Errors
    /// [`EmbeddedError`], if there is no PostgreSQL or it cannot run in `data_dir`.
    pub async fn start(data_dir: &Path, pg_bin: Option<&Path>) -> Result<Self> {
        Self::start_with(data_dir, pg_bin, &[]).await
    }

    /// As [`start`](Self::start), with settings (`name=value`) that override the cluster's own for
    /// as long as this server runs. One that is adopted keeps those it has.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(
        data_dir: &Path,
        pg_bin: Option<&Path>,
        settings: &[&str],
    ) -> Result<Self> {
        let mut cluster = Cluster::locate(data_dir, pg_bin)?;
        cluster.settings = settings.iter().map(ToString::to_string).collect();
        let starting = cluster.lock_start().await?;
        let (postmaster, address) = cluster.ensure_answering().await?;
        let in_use = open_lock(&cluster.dir.join("in-use.lock"))?;
        in_use.lock_shared().map_err(at(&cluster.dir))?;
        drop(starting);

        let (leave, left) = watch::channel(());
        let watcher = tokio::spawn(watch(cluster.clone(), postmaster, left));
        Ok(Self { cluster, address, in_use, leave, watcher })
    }

    /// How to connect as the owner of the database.
    pub fn connect_options(&self) -> PgConnectOptions {
        self.address.options(NAME)
    }

    /// The same as a URL, which other programs understand too. It holds the password.
    pub fn url(&self) -> String {
        let Address { socket_dir, port, password } = &self.address;
        let socket_dir = percent_encode(socket_dir.as_os_str().as_bytes());
        format!("postgres://{NAME}:{password}@localhost:{port}/{NAME}?host={socket_dir}")
    }

    /// The variables that make `psql`, `pg_dump` and everything else that speaks PostgreSQL
    /// connect. They hold the password.
    pub fn environment(&self) -> [(&'static str, OsString); 6] {
        let Address { socket_dir, port, password } = &self.address;
        [
            ("DATABASE_URL", self.url().into()),
            ("PGHOST", socket_dir.into()),
            ("PGPORT", port.to_string().into()),
            ("PGUSER", NAME.into()),
            ("PGDATABASE", NAME.into()),
            ("PGPASSWORD", password.into()),
        ]
    }

    /// Leaves the server, and stops it in order if nobody else uses it: open transactions are
    /// rolled back, all that was committed is on disk, and the process has ended on return.
    ///
    /// # Errors
    /// [`EmbeddedError::StillStopping`] after a minute; nothing is lost then.
    pub async fn stop(self) -> Result<()> {
        drop(self.leave);
        let watched = self.watcher.await;
        let _starting = self.cluster.lock_start().await?;
        self.in_use.unlock().map_err(at(&self.cluster.dir))?;
        match self.in_use.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(at(&self.cluster.dir)(error)),
        }
        // Another Leasehold may have started the server anew since it was last looked at here.
        let adopted = || self.cluster.running().map(Postmaster::Adopted);
        let running = watched.ok().and_then(Postmaster::if_alive).or_else(adopted);
        match running {
            Some(postmaster) => postmaster.stop().await,
            None => Ok(()),
        }
    }
}

/// Looks after a running server until it is left.
async fn watch(
    cluster: Cluster,
    mut postmaster: Postmaster,
    mut left: watch::Receiver<()>,
) -> Postmaster {
    loop {
        tokio::select! {
            _ = left.changed() => return postmaster,
            () = sleep(WATCH_EVERY) => {}
        }
        if postmaster.is_alive() {
            continue;
        }
        tracing::warn!("the private PostgreSQL has ended; starting it again");
        match cluster.restart().await {
            Ok(running) => {
                tracing::info!("the private PostgreSQL is back");
                postmaster = running;
            }
            Err(error) => {
                tracing::error!(%error, "the private PostgreSQL does not start");
                sleep(RESTART_AFTER).await;
            }
        }
    }
}

/// The first process of a server: started here, or found running.
#[derive(Debug)]
enum Postmaster {
    Started(Child),
    Adopted(Pid),
}

impl Postmaster {
    /// Whether the process still runs. One that was started here is reaped by asking.
    fn is_alive(&mut self) -> bool {
        match self {
            Self::Started(child) => matches!(child.try_wait(), Ok(None)),
            Self::Adopted(pid) => is_postgres(*pid),
        }
    }

    fn if_alive(mut self) -> Option<Self> {
        self.is_alive().then_some(self)
    }

    fn pid(&self) -> Option<Pid> {
        match self {
            Self::Started(child) => {
                child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw)
            }
            Self::Adopted(pid) => Some(*pid),
        }
    }

    /// Asks for a fast shutdown and waits for the end.
    async fn stop(mut self) -> Result<()> {
        let Some(pid) = self.pid() else { return Ok(()) };
        // The process may end on its own before the signal; that is as well.
        let _ = kill(pid, Signal::SIGINT);
        let since = Instant::now();
        while self.is_alive() {
            if since.elapsed() > STOP_WITHIN {
                return Err(EmbeddedError::StillStopping { pid: pid.as_raw() });
            }
            sleep(TICK).await;
        }
        Ok(())
    }
}

/// Where a server listens, and the password.
#[derive(Clone)]
struct Address {
    socket_dir: PathBuf,
    port: u16,
    password: String,
}

impl fmt::Debug for Address {
    /// Without the password, which must not get into a log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.socket_dir.display(), self.port)
    }
}

impl Address {
    fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_dir)
            .port(self.port)
            .username(NAME)
            .password(&self.password)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
    }
}

/// A data directory and all that is known without a running server.
#[derive(Debug, Clone)]
struct Cluster {
    dir: PathBuf,
    pg_bin: Option<PathBuf>,
    /// Whom to run the server as; `None` is the user who runs Leasehold.
    runs_as: Option<Account>,
    settings: Vec<String>,
}

impl Cluster {
    fn locate(data_dir: &Path, pg_bin: Option<&Path>) -> Result<Self> {
        let is_root = Uid::effective().is_root();
        let mode = if is_root { 0o711 } else { 0o700 };
        DirBuilder::new().recursive(true).mode(mode).create(data_dir).map_err(at(data_dir))?;
        let dir = data_dir.canonicalize().map_err(at(data_dir))?;
        let runs_as =
            if is_root { Some(Account::for_cluster(&dir.join("postgres"))?) } else { None };

        let owned = |path: &Path| fs::metadata(path).map(|found| found.uid());
        let me = Uid::effective().as_raw();
        if runs_as.is_some() && owned(&dir).map_err(at(&dir))? == me {
            // The server's user passes through here; what lies here has its own modes.
            let entered = fs::metadata(&dir).map_err(at(&dir))?.permissions().mode() | 0o011;
            fs::set_permissions(&dir, Permissions::from_mode(entered)).map_err(at(&dir))?;
        }
        if runs_as.is_none()
            && let Ok(owner) = owned(&dir.join("postgres"))
            && owner != me
        {
            return Err(EmbeddedError::ForeignCluster { path: dir.join("postgres"), owner, me });
        }
        Ok(Self { dir, pg_bin: pg_bin.map(Path::to_owned), runs_as, settings: Vec::new() })
    }

    fn postgres_dir(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    fn password_file(&self) -> PathBuf {
        self.dir.join(PASSWORD_FILE)
    }

    /// Only who holds this lock may start or stop the server.
    async fn lock_start(&self) -> Result<File> {
        let path = self.dir.join("start.lock");
        let lock = open_lock(&path)?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => sleep(TICK).await,
                Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
            }
        }
    }

    /// The running server, whoever started it.
    fn running(&self) -> Option<Pid> {
        PidFile::read(&self.postgres_dir()).map(|file| file.pid).filter(|pid| is_postgres(*pid))
    }

    async fn restart(&self) -> Result<Postmaster> {
        let _starting = self.lock_start().await?;
        Ok(self.ensure_running().await?.0)
    }

    /// A server that has proved that it answers, and where.
    async fn ensure_answering(&self) -> Result<(Postmaster, Address)> {
        loop {
            let (mut postmaster, pid_file) = self.ensure_running().await?;
            let address = self.address(pid_file)?;
            match self.ensure_database(&address).await {
                Ok(()) => return Ok((postmaster, address)),
                Err(error) => {
                    // One that was killed this moment still looks alive; give it time to be gone.
                    sleep(WATCH_EVERY).await;
                    if postmaster.is_alive() {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Adopts the server that runs, or starts it; makes the cluster first when there is none.
    async fn ensure_running(&self) -> Result<(Postmaster, PidFile)> {
        let since = Instant::now();
        let mut spoken = 0;
        while self.running().is_some() {
            if let Some(file) = PidFile::read(&self.postgres_dir()).filter(|file| file.is_ready) {
                return Ok((Postmaster::Adopted(file.pid), file));
            }
            // It is on its way up or down.
            speak_while_waiting(since, &mut spoken);
            sleep(TICK).await;
        }

        let cluster_major = self.major()?;
        let binaries = Binaries::find(&self.dir, self.pg_bin.as_deref(), cluster_major).await?;
        if let Some(user) = &self.runs_as {
            for (path, variable) in
                [(&self.dir, "LEASEHOLD_DATA_DIR"), (&binaries.dir, "LEASEHOLD_PG_BIN")]
            {
                if !user.reaches(path).await {
                    let (user, path) = (user.name.clone(), path.clone());
                    return Err(EmbeddedError::OutOfReach { user, path, variable });
                }
            }
        }
        if cluster_major.is_none() {
            self.make(&binaries).await?;
        }
        self.start_server(&binaries).await
    }

    /// Major version of the PostgreSQL that made the cluster; `None` if there is no cluster yet.
    fn major(&self) -> Result<Option<u32>> {
        let path = self.postgres_dir().join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(leading_number(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Makes the cluster beside its place and moves it there when it is whole, so that a start
    /// that was cut short leaves nothing half made.
    async fn make(&self, binaries: &Binaries) -> Result<()> {
        tracing::info!(data_dir = %self.dir.display(), "making the private database");
        let unfinished = self.dir.join("postgres.new");
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(at(&unfinished)(error));
            }
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&unfinished).map_err(at(&unfinished))?;
        let password_file = self.password_file();
        write_secret(&password_file, &generate_password()?)?;
        if let Some(user) = &self.runs_as {
            for path in [&unfinished, &password_file] {
                chown(path, Some(user.uid), Some(user.gid)).map_err(at(path))?;
            }
        }

        let mut initdb = self.command(&binaries.dir.join("initdb"));
        initdb.arg("--pgdata").arg(&unfinished).arg("--pwfile").arg(&password_file);
        initdb.args(["--username", NAME, "--auth=scram-sha-256", "--encoding=UTF8"]);
        initdb.args(["--data-checksums", "--no-instructions"]);
        if binaries.major >= 17 {
            initdb.args(["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
        } else {
            initdb.arg("--locale=C.UTF-8");
        }
        let output = initdb.output().await.map_err(at(&binaries.dir))?;
        if !output.status.success() {
            let said = last_line(&String::from_utf8_lossy(&output.stderr), "error:");
            return Err(EmbeddedError::Initdb { data_dir: self.dir.clone(), said });
        }
        let settings = unfinished.join("postgresql.conf");
        OpenOptions::new()
            .append(true)
            .open(&settings)
            .and_then(|mut file| {
                file.write_all(SETTINGS.as_bytes())?;
                if cfg!(target_os = "linux") {
                    file.write_all(LINUX_SETTINGS.as_bytes())?;
                }
                file.sync_all()
            })
            .map_err(at(&settings))?;
        fs::rename(&unfinished, self.postgres_dir()).map_err(at(&unfinished))?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(at(&self.dir))
    }

    /// Starts the server and waits until it takes connections, however long it has to recover.
    async fn start_server(&self, binaries: &Binaries) -> Result<(Postmaster, PidFile)> {
        let postgres_dir = self.postgres_dir();
        let socket_dir = self.socket_dir()?;
        let since = Instant::now();
        let mut spoken = 0;
        'attempt: loop {
            self.remove_stale_lock_files(&socket_dir)?;
            let log = self.open_log()?;
            let log_begins = log.metadata().map_err(at(&self.log_file()))?.len();
            let mut server = self.command(&binaries.dir.join("postgres"));
            server
                .arg("-D")
                .arg(&postgres_dir)
                .arg("-c")
                .arg(setting("unix_socket_directories", &socket_dir))
                .args(["-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"])
                .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
                .process_group(0)
                .stdin(Stdio::null())
                .stdout(log.try_clone().map_err(at(&self.log_file()))?)
                .stderr(log);
            let mut postmaster = Postmaster::Started(server.spawn().map_err(at(&binaries.dir))?);
            let pid = postmaster.pid();
            while postmaster.is_alive() {
                let file = PidFile::read(&postgres_dir);
                if let Some(file) = file.filter(|file| Some(file.pid) == pid && file.is_ready) {
                    return Ok((postmaster, file));
                }
                speak_while_waiting(since, &mut spoken);
                sleep(TICK).await;
            }
            let said = self.said_since(log_begins);
            // The children of a server that was killed take a moment to notice and to go.
            if since.elapsed() < REMAINS_WITHIN && said.contains("still in use") {
                sleep(TICK * 10).await;
                continue 'attempt;
            }
            let said = last_line(&said, "FATAL:");
            return Err(EmbeddedError::Ended { said, log: self.log_file() });
        }
    }

    /// PostgreSQL itself takes no notice of the lock files of a process that is gone, but it gives
    /// way to any process that bears the number, be it a corpse that nobody reaped or another
    /// program that got the number since. Its lock on shared memory still guards the data.
    fn remove_stale_lock_files(&self, socket_dir: &Path) -> Result<()> {
        for path in
            [self.postgres_dir().join("postmaster.pid"), socket_dir.join(".s.PGSQL.5432.lock")]
        {
            let pid = fs::read_to_string(&path).ok().and_then(|text| leading_number(&text));
            let pid = pid.and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
            if pid.is_some_and(|pid| exists(pid) && !is_postgres(pid)) {
                fs::remove_file(&path).map_err(at(&path))?;
            }
        }
        Ok(())
    }

    /// Makes the database on the first start, and proves on every start that the server answers.
    async fn ensure_database(&self, address: &Address) -> Result<()> {
        match PgConnection::connect_with(&address.options(NAME)).await {
            Ok(connection) => return Ok(connection.close().await?),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("3D000") => {}
            Err(error) => return Err(error.into()),
        }
        let mut connection = PgConnection::connect_with(&address.options("postgres")).await?;
        let has_extension: bool = sqlx::query_scalar(
            "select exists (select from pg_available_extensions where name = 'btree_gist')",
        )
        .fetch_one(&mut connection)
        .await?;
        if !has_extension {
            return Err(EmbeddedError::NoExtension);
        }
        sqlx::query("create database leasehold").execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    fn address(&self, file: PidFile) -> Result<Address> {
        let path = self.password_file();
        let password = match fs::read_to_string(&path) {
            Ok(text) => text.trim_end().to_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(EmbeddedError::NoPassword { data_dir: self.dir.clone() });
            }
            Err(error) => return Err(at(&path)(error)),
        };
        Ok(Address { socket_dir: file.socket_dir, port: file.port, password })
    }

    /// The cluster itself, which only its owner may enter; where its path is too long for a
    /// socket, a directory with a short name and the same owner.
    fn socket_dir(&self) -> Result<PathBuf> {
        let socket_bytes = |dir: &Path| dir.join(".s.PGSQL.5432").as_os_str().len();
        let postgres_dir = self.postgres_dir();
        if socket_bytes(&postgres_dir) <= SOCKET_PATH_BYTES_MAX {
            return Ok(postgres_dir);
        }
        let mut hasher = DefaultHasher::new();
        self.dir.hash(&mut hasher);
        let (uid, gid) = match &self.runs_as {
            Some(user) => (user.uid, Some(user.gid)),
            None => (Uid::effective().as_raw(), None),
        };
        let name = format!("leasehold-{uid}-{:016x}", hasher.finish());
        let path = std::env::var_os("XDG_RUNTIME_DIR")
            .filter(|_| self.runs_as.is_none())
            .map(|dir| Path::new(&dir).join(&name))
            .filter(|path| path.parent().is_some_and(Path::is_dir))
            .filter(|path| socket_bytes(path) <= SOCKET_PATH_BYTES_MAX)
            .unwrap_or_else(|| Path::new("/tmp").join(&name));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => chown(&path, Some(uid), gid).map_err(at(&path))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(at(&path)(error)),
        }
        // Anybody may make names in /tmp: what lies there counts only if it is ours alone.
        let found = fs::symlink_metadata(&path).map_err(at(&path))?;
        if !found.is_dir() || found.uid() != uid || found.mode() & 0o077 != 0 {
            return Err(EmbeddedError::UnsafeSocketDir { path, owner: uid });
        }
        Ok(path)
    }

    /// A program of PostgreSQL, to be run as the cluster's owner and free of settings that happen
    /// to be in the environment.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.as_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        if let Some(user) = &self.runs_as {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    fn open_log(&self) -> Result<File> {
        let path = self.log_file();
        if fs::metadata(&path).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
            fs::rename(&path, self.dir.join("postgres.log.old")).map_err(at(&path))?;
        }
        OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(at(&path))
    }

    fn said_since(&self, begins: u64) -> String {
        let mut said = Vec::new();
        let read = File::open(self.log_file()).and_then(|mut log| {
            log.seek(SeekFrom::Start(begins))?;
            log.read_to_end(&mut said)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&said).into_owned(),
            Err(error) => format!("its log cannot be read: {error}"),
        }
    }
}

/// What a running server says about itself in `postmaster.pid`.
#[derive(Debug)]
struct PidFile {
    pid: Pid,
    port: u16,
    socket_dir: PathBuf,
    is_ready: bool,
}

impl PidFile {
    /// `None` if there is no such file, or if it is being written.
    fn read(postgres_dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(postgres_dir.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = Pid::from_raw(lines.next()?.trim().parse().ok().filter(|pid| *pid > 0)?);
        // Lines: pid, data directory, start time, port, socket directory, listen address,
        // shared memory, state. The later ones appear as the server comes up.
        let port = lines.nth(2).and_then(|line| line.trim().parse().ok());
        let socket_dir = lines.next().map(PathBuf::from);
        let state = lines.nth(2).map(str::trim);
        Some(Self {
            pid,
            port: port.unwrap_or_default(),
            is_ready: port.is_some() && state == Some("ready"),
            socket_dir: socket_dir.unwrap_or_default(),
        })
    }
}

/// The programs of one PostgreSQL.
#[derive(Debug)]
struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl Binaries {
    /// The programs for a cluster of version `cluster_major`, or the first good ones for a new
    /// one. If `pg_bin` names a directory, no other is considered.
    async fn find(
        data_dir: &Path,
        pg_bin: Option<&Path>,
        cluster_major: Option<u32>,
    ) -> Result<Self> {
        if let Some(bin) = pg_bin {
            return match Self::probe(bin).await {
                Ok(found) => found.for_cluster(data_dir, cluster_major),
                Err(found) => Err(EmbeddedError::BadBinaries { bin: bin.to_owned(), found }),
            };
        }
        let mut other_major = None;
        let places = places_of_binaries().await;
        for bin in &places {
            let Ok(found) = Self::probe(bin).await else {
                continue;
            };
            match found.for_cluster(data_dir, cluster_major) {
                Err(error) => other_major = other_major.or(Some(error)),
                good => return good,
            }
        }
        Err(match other_major {
            Some(error) => error,
            None => EmbeddedError::NoBinaries { fetched: place_of_fetched_binaries()? },
        })
    }

    fn for_cluster(self, data_dir: &Path, cluster_major: Option<u32>) -> Result<Self> {
        match cluster_major {
            Some(cluster) if cluster != self.major => Err(EmbeddedError::OtherMajor {
                data_dir: data_dir.to_owned(),
                cluster,
                installed: format!("PostgreSQL {} in {}", self.major, self.dir.display()),
            }),
            _ => Ok(self),
        }
    }

    /// The programs in `bin`, or what is there instead.
    async fn probe(bin: &Path) -> Result<Self, String> {
        for program in ["initdb", "postgres"] {
            if !bin.join(program).is_file() {
                return Err(format!("there is no `{program}` in it"));
            }
        }
        let output = Command::new(bin.join("postgres"))
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| format!("`postgres` does not run: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let version = said.split_whitespace().nth(2).and_then(leading_number);
        match version {
            Some(major) if major >= OLDEST_MAJOR => Ok(Self { dir: bin.to_owned(), major }),
            Some(major) => Err(format!("it is PostgreSQL {major}")),
            None => Err(format!("`postgres --version` says {:?}", said.trim())),
        }
    }
}

/// Where the programs may be, the likeliest first.
async fn places_of_binaries() -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output().await {
        places.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    // Debian and its kin keep each version in a directory of its own.
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((leading_number(entry.file_name().to_str()?)?, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable_by(|left, right| right.cmp(left));
    places.extend(versions.into_iter().map(|(_, bin)| bin));
    places.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    places.extend(place_of_fetched_binaries());
    let mut seen = HashSet::new();
    places.retain(|place| place.join("postgres").is_file() && seen.insert(place.clone()));
    places
}

/// Where `make postgres` puts the programs when there is no package for this system.
fn place_of_fetched_binaries() -> Result<PathBuf> {
    Ok(default_data_dir()?.join("postgresql/bin"))
}

/// An unprivileged user of this machine.
#[derive(Debug, Clone)]
struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// Whom to run the server as when Leasehold runs as root.
    fn for_cluster(postgres_dir: &Path) -> Result<Self> {
        if let Ok(found) = fs::metadata(postgres_dir) {
            if found.uid() == 0 {
                return Err(EmbeddedError::RootCluster { path: postgres_dir.to_owned() });
            }
            let name = User::from_uid(Uid::from_raw(found.uid()))
                .ok()
                .flatten()
                .map_or_else(|| found.uid().to_string(), |user| user.name);
            return Ok(Self { name, uid: found.uid(), gid: found.gid() });
        }
        let wanted = std::env::var("LEASEHOLD_PG_USER").ok().filter(|name| !name.is_empty());
        let names = match &wanted {
            Some(name) => vec![name.as_str()],
            None => vec!["postgres", "nobody"],
        };
        let user = names.iter().find_map(|name| User::from_name(name).ok().flatten());
        match user {
            Some(user) if user.uid.is_root() => Err(EmbeddedError::RootUser { name: user.name }),
            Some(user) => {
                Ok(Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() })
            }
            None => Err(EmbeddedError::NoSuchUser { name: names.join("` or `") }),
        }
    }

    /// Whether this user can enter `dir`. Asked of the system, which knows of access lists too.
    async fn reaches(&self, dir: &Path) -> bool {
        Command::new("/bin/sh")
            .args(["-c", "cd \"$0\""])
            .arg(dir)
            .current_dir("/")
            .uid(self.uid)
            .gid(self.gid)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await
            .is_ok_and(|status| status.success())
    }
}

/// Whether `pid` is a live PostgreSQL, and not a corpse or another program that got the number.
fn is_postgres(pid: Pid) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // `123 (postgres) S …`; the letter is the state, Z and X are corpses.
        Ok(stat) => {
            stat.split_once(" (postgres) ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
        }
        Err(_) if Path::new("/proc/self/stat").exists() => false,
        Err(_) => exists(pid),
    }
}

fn exists(pid: Pid) -> bool {
    !matches!(kill(pid, None), Err(Errno::ESRCH))
}

/// Says every ten seconds that the server is awaited, so that a long recovery is no silence.
fn speak_while_waiting(since: Instant, spoken: &mut u64) {
    if since.elapsed().as_secs() / 10 > *spoken {
        *spoken += 1;
        tracing::info!(seconds = *spoken * 10, "waiting for the private PostgreSQL");
    }
}

/// 32 random bytes, in hexadecimal.
fn generate_password() -> Result<String> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; 32];
    File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).map_err(at(source))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write_secret(path: &Path, secret: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600);
    let write = |mut file: File| {
        file.set_permissions(Permissions::from_mode(0o600))?;
        writeln!(file, "{secret}")?;
        file.sync_all()
    };
    options.open(path).and_then(write).map_err(at(path))
}

fn open_lock(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).open(path).map_err(at(path))
}

/// `name=value` for a setting that is a list of paths.
fn setting(name: &str, path: &Path) -> OsString {
    let mut setting = OsString::from(name);
    setting.push("=\"");
    setting.push(path);
    setting.push("\"");
    setting
}

/// The last line of `said` that holds `mark`, from there on; else the last line of all.
fn last_line(said: &str, mark: &str) -> String {
    said.lines()
        .rev()
        .find_map(|line| line.split_once(mark).map(|(_, rest)| rest))
        .or_else(|| said.lines().last())
        .unwrap_or("it gave no reason")
        .trim()
        .to_owned()
}

fn leading_number(text: &str) -> Option<u32> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

fn percent_encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(*byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn at(path: &Path) -> impl Fn(io::Error) -> EmbeddedError {
    let path = path.to_owned();
    move |source| EmbeddedError::Io { path: path.clone(), source }
}
