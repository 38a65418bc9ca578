//! Where the command line keeps what it needs to act for its user: one file, readable by the user alone.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The tokens of one log-in.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Session {
    /// Sent with every request; short-lived.
    pub access_token: String,
    /// Buys the next access token, once.
    pub refresh_token: String,
}

/// The sessions of this user, by server address.
#[derive(Debug, Default)]
pub struct Credentials {
    /// Where they are kept; `None`: for as long as the program runs.
    path: Option<PathBuf>,
    sessions: BTreeMap<String, Session>,
}

impl Credentials {
    /// Those in the user's configuration directory: `$XDG_CONFIG_HOME/leasehold` or
    /// `~/.config/leasehold`. None yet when there is no such file.
    ///
    /// # Errors
    /// When there is no home, or the file cannot be read or is not ours.
    pub fn open() -> io::Result<Self> {
        let directory = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::home_dir().map(|home| home.join(".config")))
            .ok_or_else(|| {
                io::Error::other("no home directory: set XDG_CONFIG_HOME or LEASEHOLD_TOKEN")
            })?;
        Self::at(directory.join("leasehold").join("credentials.json"))
    }

    fn at(path: PathBuf) -> io::Result<Self> {
        let sessions = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                io::Error::other(format!(
                    "{} is damaged ({error}); remove it and log in again",
                    path.display()
                ))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { path: Some(path), sessions })
    }

    /// The session with this server, if there is one.
    pub fn session(&self, server: &str) -> Option<&Session> {
        self.sessions.get(server)
    }

    /// Keeps a session, or forgets it with `None`, and writes the file at once.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&mut self, server: &str, session: Option<Session>) -> io::Result<()> {
        match session {
            Some(session) => self.sessions.insert(server.to_owned(), session),
            None => self.sessions.remove(server),
        };
        self.write()
    }

    /// A new file takes the old one's place, so that a crash leaves one of the two whole.
    fn write(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(&self.sessions)?)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_session_is_found_again_and_nobody_else_can_read_it() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("leasehold").join("credentials.json");
        let session = Session { access_token: "a".into(), refresh_token: "r".into() };

        let mut credentials = Credentials::at(path.clone()).expect("no file is no error");
        credentials.keep("http://one", Some(session.clone())).expect("written");

        let again = Credentials::at(path.clone()).expect("read");
        assert_eq!(again.session("http://one"), Some(&session));
        assert_eq!(again.session("http://two"), None);
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_says_what_to_do() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("credentials.json");
        fs::write(&path, "{").expect("written");
        let error = Credentials::at(path).expect_err("damaged");
        assert!(error.to_string().contains("remove it and log in again"), "{error}");
    }
}
