//! The client verbs of the command line. They use the same interface as everybody: one file per family
//! of verbs, which makes requests, and prints replies for people or, with `--json`, as they came.
//!
//! Exit codes: 0 done, 1 failed, 2 usage, 3 refused by a rule, 4 stale.

mod booking;
mod client;
mod credentials;
mod failure;
mod import;
mod lease;
mod login;
mod offer;
mod org;
mod plane;
mod reclaim;
mod replay;
mod search;
mod show;
mod units;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use client::Client;
use failure::Failure;

/// What every client verb takes.
#[derive(Debug, Clone, Args)]
pub struct Remote {
    /// Address of the server
    #[arg(
        long,
        global = true,
        env = "LEASEHOLD_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub server: String,

    /// Print replies as JSON
    #[arg(long, global = true)]
    pub json: bool,

    /// Rehearse: the same checks and reply, nothing changed
    #[arg(long, global = true)]
    pub dry_run: bool,

    /// Do what cannot be undone without asking
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
}

/// A verb and the flags that every client verb takes.
#[derive(Debug, Args)]
pub struct To<V: Args> {
    #[command(flatten)]
    verb: V,
    #[command(flatten)]
    remote: Remote,
}

/// A family of verbs and the flags that every client verb takes.
#[derive(Debug, Args)]
pub struct ToOneOf<V: Subcommand> {
    #[command(subcommand)]
    verb: V,
    #[command(flatten)]
    remote: Remote,
}

/// The client verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Log in and keep the session for the verbs that follow
    Login(To<login::Login>),
    /// End the session
    Logout(Remote),
    /// Show as whom you act
    Whoami(Remote),
    /// Find capacity
    Search(To<search::Search>),
    /// Get a price for an exact request
    Quote(To<booking::Quote>),
    /// Book, by quote or directly
    Book(To<booking::Book>),
    /// Look at leases and change them
    Lease(ToOneOf<lease::Lease>),
    /// List capacity
    Offer(ToOneOf<offer::Offer>),
    /// Take in an inventory or a price list from a CSV file
    Import(To<import::Import>),
    /// Reclaim capacity under a clause of its lease
    Reclaim(ToOneOf<reclaim::Reclaim>),
    /// Draw a pool: units upwards, time to the right
    Plane(To<plane::Plane>),
    /// Look at organizations and their members, keys and verification
    Org(ToOneOf<org::Org>),
    /// Book a demand trace and measure what comes of it
    Replay(To<replay::Replay>),
}

/// Does what `verb` says; what went wrong is on standard error, or in the JSON.
pub async fn run(verb: Verb) -> ExitCode {
    let (remote, outcome) = dispatch(verb).await;
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            show::failure(&remote, &failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn dispatch(verb: Verb) -> (Remote, Result<(), Failure>) {
    macro_rules! run {
        ($to:ident) => {{
            let outcome = $to.verb.run(&$to.remote).await;
            ($to.remote, outcome)
        }};
    }
    match verb {
        Verb::Login(to) => run!(to),
        Verb::Logout(remote) => {
            let outcome = login::log_out(&remote).await;
            (remote, outcome)
        }
        Verb::Whoami(remote) => {
            let outcome = login::show_me(&remote).await;
            (remote, outcome)
        }
        Verb::Search(to) => run!(to),
        Verb::Quote(to) => run!(to),
        Verb::Book(to) => run!(to),
        Verb::Lease(to) => run!(to),
        Verb::Offer(to) => run!(to),
        Verb::Import(to) => run!(to),
        Verb::Reclaim(to) => run!(to),
        Verb::Plane(to) => run!(to),
        Verb::Org(to) => run!(to),
        Verb::Replay(to) => run!(to),
    }
}
