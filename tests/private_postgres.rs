//! The private PostgreSQL through its accidents, with real servers and real kills.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use leasehold::db::embedded::{EmbeddedError, PrivatePostgres};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

/// A data directory that is removed at the end, with whatever server still runs on it.
struct DataDir(TempDir);

impl DataDir {
    fn new() -> Self {
        Self(TempDir::with_prefix("leasehold-").expect("a temporary directory"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Process id in the server's pid file, if there is one.
    fn pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.path().join("postgres/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok().map(Pid::from_raw)
    }

    async fn start(&self) -> PrivatePostgres {
        PrivatePostgres::start(self.path(), None).await.expect("the server starts")
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

async fn query<T>(postgres: &PrivatePostgres, sql: &'static str) -> sqlx::Result<T>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let mut connection = PgConnection::connect_with(&postgres.connect_options()).await?;
    sqlx::query_scalar(sql).fetch_one(&mut connection).await
}

async fn execute(postgres: &PrivatePostgres, sql: &'static str) {
    let mut connection =
        PgConnection::connect_with(&postgres.connect_options()).await.expect("it answers");
    sqlx::raw_sql(sql).execute(&mut connection).await.expect("the statement runs");
}

#[tokio::test]
async fn data_outlives_a_stop_and_the_next_start_takes_less_than_a_second() {
    let data = DataDir::new();
    let postgres = data.start().await;
    execute(&postgres, "create table kept as select 42 as answer").await;
    postgres.stop().await.expect("it stops");
    assert_eq!(data.pid(), None, "nothing runs after the stop");

    let begun = Instant::now();
    let postgres = data.start().await;
    let took = begun.elapsed();
    assert_eq!(query::<i32>(&postgres, "select answer from kept").await.unwrap(), 42);
    postgres.stop().await.unwrap();
    // A machine that is busy with the other tests may take longer; seen alone it is 0.1 s.
    assert!(took < Duration::from_secs(5), "took {took:?}");
}

#[tokio::test]
async fn it_listens_on_no_port_and_trusts_nobody() {
    let data = DataDir::new();
    let postgres = data.start().await;
    let listens: String = query(&postgres, "show listen_addresses").await.unwrap();
    assert_eq!(listens, "");
    let methods: String =
        query(&postgres, "select string_agg(distinct auth_method, ' ') from pg_hba_file_rules")
            .await
            .unwrap();
    assert_eq!(methods, "scram-sha-256");
    let password = fs::metadata(data.path().join("postgres.password")).unwrap();
    assert_eq!(password.permissions().mode() & 0o777, 0o600);
    let without = postgres.connect_options().password("guess");
    let refused = PgConnection::connect_with(&without).await.expect_err("a wrong password");
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "28P01");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn its_url_works_for_programs_too() {
    let data = DataDir::new();
    let postgres = data.start().await;
    let mut connection = PgConnection::connect(&postgres.url()).await.expect("the URL connects");
    let ours: bool = sqlx::query_scalar("select current_database() = 'leasehold'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(ours);
    connection.close().await.unwrap();
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_started_again_with_all_that_was_committed() {
    let data = DataDir::new();
    let postgres = data.start().await;
    execute(&postgres, "create table kept as select 42 as answer").await;
    let first = data.pid().unwrap();
    kill(first, Signal::SIGKILL).unwrap();

    let answer = loop {
        match query::<i32>(&postgres, "select answer from kept").await {
            Ok(answer) if data.pid() != Some(first) => break answer,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!(answer, 42);
    postgres.stop().await.unwrap();
    assert_eq!(data.pid(), None);
}

#[tokio::test]
async fn a_server_that_was_killed_with_leasehold_recovers_at_the_next_start() {
    let data = DataDir::new();
    let (leasehold, server) = leasehold_on(&data);
    kill(leasehold, Signal::SIGKILL).unwrap();
    kill(server, Signal::SIGKILL).unwrap();

    let postgres = data.start().await;
    assert_ne!(data.pid(), Some(server));
    assert_eq!(query::<i32>(&postgres, "select 1").await.unwrap(), 1);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn the_server_of_a_killed_leasehold_is_adopted_and_stopped_in_order() {
    let data = DataDir::new();
    let (leasehold, server) = leasehold_on(&data);
    kill(leasehold, Signal::SIGKILL).unwrap();

    let postgres = data.start().await;
    assert_eq!(data.pid(), Some(server), "the same server serves on");
    assert_eq!(query::<i32>(&postgres, "select 1").await.unwrap(), 1);
    postgres.stop().await.unwrap();
    assert_eq!(data.pid(), None);
}

/// A Leasehold in a process of its own, which uses a private PostgreSQL; its process id and the server's.
fn leasehold_on(data: &DataDir) -> (Pid, Pid) {
    let mut leasehold = Command::new(env!("CARGO_BIN_EXE_leasehold"))
        .args(["postgres", "--data-dir"])
        .arg(data.path())
        .args(["--", "sh", "-c", "echo ready; exec sleep 60"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("leasehold runs");
    let mut line = String::new();
    BufReader::new(leasehold.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let pid = Pid::from_raw(leasehold.id().try_into().unwrap());
    std::thread::spawn(move || leasehold.wait());
    (pid, data.pid().unwrap())
}

#[tokio::test]
async fn the_last_of_two_users_stops_it() {
    let data = DataDir::new();
    let first = data.start().await;
    let second = data.start().await;
    first.stop().await.unwrap();
    assert_eq!(query::<i32>(&second, "select 1").await.unwrap(), 1);
    second.stop().await.unwrap();
    assert_eq!(data.pid(), None);
}

#[tokio::test]
async fn many_first_starts_at_once_make_one_cluster() {
    let data = DataDir::new();
    let started = futures::future::join_all((0..4).map(|_| data.start())).await;
    for postgres in &started {
        assert_eq!(query::<i32>(postgres, "select 1").await.unwrap(), 1);
    }
    for postgres in started {
        postgres.stop().await.unwrap();
    }
    assert_eq!(data.pid(), None);
}

#[tokio::test]
async fn a_first_start_that_was_cut_short_is_begun_anew() {
    let data = DataDir::new();
    fs::create_dir(data.path().join("postgres.new")).unwrap();
    fs::write(data.path().join("postgres.new/PG_VERSION"), "half").unwrap();
    let postgres = data.start().await;
    assert_eq!(query::<i32>(&postgres, "select 1").await.unwrap(), 1);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn the_pid_file_of_a_process_that_is_another_program_now_is_no_hindrance() {
    let data = DataDir::new();
    data.start().await.stop().await.unwrap();
    let text = format!("{}\n{}\n", std::process::id(), data.path().display());
    fs::write(data.path().join("postgres/postmaster.pid"), text).unwrap();
    let postgres = data.start().await;
    assert_eq!(query::<i32>(&postgres, "select 1").await.unwrap(), 1);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn paths_with_blanks_and_paths_too_long_for_a_socket_work() {
    for name in ["two words, and \u{fc}".to_owned(), "long/".repeat(30)] {
        let data = DataDir::new();
        let path = data.path().join(name);
        // Under root the server's user has to pass.
        fs::set_permissions(data.path(), PermissionsExt::from_mode(0o711)).unwrap();
        let postgres = PrivatePostgres::start(&path, None).await.expect("it starts");
        assert_eq!(query::<i32>(&postgres, "select 1").await.unwrap(), 1);
        let mut connection = PgConnection::connect(&postgres.url()).await.expect("the URL too");
        let socket_dir: String = sqlx::query_scalar("show unix_socket_directories")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let socket_dir = socket_dir.trim_matches('"');
        assert_eq!(fs::metadata(socket_dir).unwrap().permissions().mode() & 0o777, 0o700);
        drop(connection);
        postgres.stop().await.unwrap();
        if !socket_dir.starts_with(path.to_str().unwrap()) {
            fs::remove_dir_all(socket_dir).unwrap();
        }
    }
}

#[tokio::test]
async fn directories_that_hold_no_server_are_refused_in_words() {
    let data = DataDir::new();
    let refuse = async |bin: &Path| {
        let error = PrivatePostgres::start(data.path(), Some(bin)).await.expect_err("no server");
        assert!(matches!(error, EmbeddedError::BadBinaries { .. }), "{error:?}");
        error.to_string()
    };
    let said = refuse(Path::new("/nonexistent")).await;
    assert!(
        said.starts_with("/nonexistent is no PostgreSQL 15 or newer: there is no `initdb` in it")
    );
    assert!(said.contains("LEASEHOLD_PG_BIN"));

    let said = refuse(&pretended_binaries(&data, "postgres (PostgreSQL) 13.4 (Debian)")).await;
    assert!(said.contains("it is PostgreSQL 13"), "{said}");
    let said = refuse(&pretended_binaries(&data, "something else")).await;
    assert!(said.contains("`postgres --version` says \"something else\""), "{said}");
}

#[tokio::test]
async fn a_cluster_of_another_version_is_refused_in_words_and_left_alone() {
    let data = DataDir::new();
    let newer = pretended_binaries(&data, "postgres (PostgreSQL) 99.1");
    fs::create_dir(data.path().join("postgres")).unwrap();
    fs::write(data.path().join("postgres/PG_VERSION"), "14\n").unwrap();
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(data.path().join("postgres"), Some(65534), None).unwrap();
    }
    let error = PrivatePostgres::start(data.path(), Some(&newer)).await.expect_err("14 is not 99");
    let said = error.to_string();
    assert!(said.contains("was made by PostgreSQL 14 and only PostgreSQL 99 in"), "{said}");
    assert_eq!(fs::read_to_string(data.path().join("postgres/PG_VERSION")).unwrap(), "14\n");
}

/// A directory with an `initdb` and a `postgres` that does nothing but say its version.
fn pretended_binaries(data: &DataDir, version: &str) -> PathBuf {
    let bin = data.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    for program in ["initdb", "postgres"] {
        let program = bin.join(program);
        fs::write(&program, format!("#!/bin/sh\necho '{version}'\n")).unwrap();
        fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    }
    bin
}

#[tokio::test]
async fn under_root_the_server_is_somebody_elses_process() {
    let data = DataDir::new();
    let postgres = data.start().await;
    let owner = fs::metadata(data.path().join("postgres")).unwrap().uid();
    assert_ne!(owner, 0);
    let process = fs::metadata(format!("/proc/{}", data.pid().unwrap())).unwrap();
    assert_eq!(process.uid(), owner);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn under_root_a_place_that_the_server_cannot_reach_is_refused_in_words() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let data = DataDir::new();
    fs::set_permissions(data.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let below = data.path().join("below");
    let error = PrivatePostgres::start(&below, None).await.expect_err("it is out of reach");
    let said = error.to_string();
    assert!(matches!(error, EmbeddedError::OutOfReach { .. }), "{error:?}");
    assert!(said.contains("LEASEHOLD_DATA_DIR") && said.contains("chmod o+x"), "{said}");
}
