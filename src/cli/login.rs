//! `login`, `logout`, `whoami`.

use std::io::{self, BufRead, IsTerminal, Read};

use clap::Args;
use console::Term;
use serde_json::json;

use super::Remote;
use super::client::{Client, session_in};
use super::credentials::Credentials;
use super::failure::Failure;
use super::show::{self, at};

/// Flags of `login`.
#[derive(Debug, Args)]
pub struct Login {
    /// E-mail address of the user [default: asked for]
    #[arg(long)]
    email: Option<String>,
    /// Read the password from standard input instead of asking
    #[arg(long)]
    password_stdin: bool,
    /// Organization to act for, if you belong to several: its id
    #[arg(long = "as", value_name = "ORGANIZATION")]
    organization: Option<String>,
}

impl Login {
    /// Logs in and keeps the session.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let email = match self.email {
            Some(email) => email,
            None => ask("e-mail: ")?,
        };
        let password = if self.password_stdin { first_line()? } else { ask_hidden("password: ")? };
        let mut body = json!({ "email": email, "password": password });
        if let Some(organization) = self.organization {
            body["organization_id"] = organization.into();
        }
        let client = Client::anonymous(remote)?;
        let reply = client.post("/v1/auth/token", &body).await?;
        let session = session_in(&reply.body)?;
        Credentials::open()?.keep(client.server(), Some(session))?;
        show_me(remote).await
    }
}

/// Ends the session on the server and forgets it here.
pub async fn log_out(remote: &Remote) -> Result<(), Failure> {
    let client = Client::new(remote)?;
    let mut credentials = Credentials::open()?;
    if let Some(session) = credentials.session(client.server()).cloned() {
        let body = json!({ "refresh_token": session.refresh_token });
        let ended = client.post("/v1/auth/logout", &body).await;
        credentials.keep(client.server(), None)?;
        ended?;
    }
    Ok(())
}

/// Says as whom the verbs act.
pub async fn show_me(remote: &Remote) -> Result<(), Failure> {
    let me = Client::new(remote)?.get("/v1/me", &[]).await?.body;
    show::reply(remote, &me, |me| {
        let organization = [at(me, "organization.name"), at(me, "organization.id")];
        let facts = [
            ("user", format!("{} {}", at(me, "name"), at(me, "email")).trim().to_owned()),
            ("organization", organization.join(" ").trim().to_owned()),
            ("role", at(me, "role")),
            ("staff", at(me, "staff_role")),
            ("verification", at(me, "organization.verification")),
        ];
        show::print_facts(&facts);
    });
    Ok(())
}

fn ask(question: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage("nobody to ask here; give --email and --password-stdin".into()));
    }
    show::complain(question);
    first_line()
}

/// Asks without showing what is typed.
fn ask_hidden(question: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage("nobody to ask here; give --password-stdin".into()));
    }
    show::complain(question);
    Ok(Term::stderr().read_secure_line()?)
}

/// The first line of standard input, at most 4 KiB of it.
fn first_line() -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin().lock().take(4096).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
