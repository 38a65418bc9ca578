//! The processes that are measured: PostgreSQL's own benchmark, and Leasehold's server.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use leasehold::db::embedded::PrivatePostgres;

/// The programs under test, as this build made them.
pub const LEASEHOLD: &str = env!("CARGO_BIN_EXE_leasehold");

/// Makes the tables of TPC-B, scale 10, in the database `pgbench`.
pub fn prepare_tpcb(postgres: &PrivatePostgres) -> anyhow::Result<()> {
    pgbench(postgres, &["-i", "-q", "-s", "10"]).map(drop)
}

/// Transactions per second of TPC-B: 8 clients, prepared, durability on.
pub fn tpcb(postgres: &PrivatePostgres, time: Duration) -> anyhow::Result<f64> {
    let seconds = time.as_secs().to_string();
    let said = pgbench(postgres, &["-n", "-c", "8", "-j", "2", "-M", "prepared", "-T", &seconds])?;
    said.lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
        .context("pgbench names no tps")
}

fn pgbench(postgres: &PrivatePostgres, arguments: &[&str]) -> anyhow::Result<String> {
    let program = find_pgbench()?;
    let output = Command::new(&program)
        .args(arguments)
        .envs(postgres.environment())
        .env("PGDATABASE", "pgbench")
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        bail!("{}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn find_pgbench() -> anyhow::Result<PathBuf> {
    let mut places: Vec<PathBuf> =
        std::env::var_os("LEASEHOLD_PG_BIN").map(PathBuf::from).into_iter().collect();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        places.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    places.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    places
        .into_iter()
        .map(|place| place.join("pgbench"))
        .find(|pgbench| pgbench.is_file())
        .context("no pgbench found; install PostgreSQL's programs or set LEASEHOLD_PG_BIN")
}

/// A running server.
pub struct Server {
    pub program: PathBuf,
    process: Child,
    pub address: SocketAddr,
    /// From the start of the process to the first `200` of `/health/ready`.
    pub ready_after: Duration,
}

impl Server {
    /// Starts a server on the database at `url` and waits until it is ready.
    pub fn start(url: &str) -> anyhow::Result<Self> {
        Self::start_program(Path::new(LEASEHOLD), url)
    }

    /// Starts another build of the server.
    pub fn start_program(program: &Path, url: &str) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let started = Instant::now();
        let process = Command::new(program)
            .arg("serve")
            .env("DATABASE_URL", url)
            .env("LEASEHOLD_LISTEN", address.to_string())
            .env("LEASEHOLD_RATE_LIMIT", "0")
            .env("LEASEHOLD_LOG", "warn")
            .stdin(Stdio::null())
            .spawn()
            .context("the server does not start")?;
        let program = program.to_owned();
        let mut server = Self { program, process, address, ready_after: Duration::ZERO };
        while !is_ready(address) {
            if let Some(status) = server.process.try_wait()? {
                bail!("the server ended with {status}");
            }
            if started.elapsed() > Duration::from_secs(60) {
                bail!("the server is not ready after a minute");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        server.ready_after = started.elapsed();
        Ok(server)
    }

    /// Memory that the process has in RAM, in MiB.
    pub fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let kib: f64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
            .context("the system does not say how much memory the server has")?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Server {
    /// In order, so that the next one finds nothing half done.
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.process.id()) {
            let id = nix::unistd::Pid::from_raw(id);
            let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM);
        }
        let _ = self.process.wait();
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream
            .write_all(b"GET /health/ready HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut line = String::new();
        let mut reader = BufReader::new(stream);
        reader.read_line(&mut line)?;
        std::io::copy(&mut reader.take(64 * 1024), &mut std::io::sink())?;
        Ok(line.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
