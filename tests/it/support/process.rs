//! Servers in processes of their own, to race them and to kill them.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running `leasehold serve`; killed with this value.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

impl Process {
    /// Starts a server with `flags` on any free port, and returns when it serves.
    pub async fn serve(flags: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("LEASEHOLD_") || name == "DATABASE_URL" {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--rate-limit", "0"])
            .args(["--login-rate-limit", "0"])
            .args(flags)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the server starts");
        let mut log = BufReader::new(child.stderr.take().expect("its log is a pipe")).lines();
        let mut said = Vec::new();
        let address = tokio::time::timeout(Duration::from_secs(60), async {
            while let Some(line) = log.next_line().await.expect("its log is text") {
                if let Some(address) = address_in(&line) {
                    return Some(address);
                }
                said.push(line);
            }
            None
        });
        let address = address.await.ok().flatten();
        // Read on, so that the server never waits for somebody to take its log.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        let Some(address) = address else {
            panic!("the server does not come up: {}", said.join("\n"));
        };
        Process { child, address }
    }

    /// Its number, for signals.
    pub fn id(&self) -> i32 {
        self.child.id().and_then(|id| i32::try_from(id).ok()).expect("it was not awaited yet")
    }

    /// `kill -9` if it still runs, and waits until it is gone.
    pub async fn kill(mut self) {
        let _ = self.child.start_kill();
        self.child.wait().await.expect("it ends");
    }
}

/// The address in `… serving on http://127.0.0.1:40123 …`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("serving on http://")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && !".:".contains(letter));
    rest[..end.unwrap_or(rest.len())].parse().ok()
}
