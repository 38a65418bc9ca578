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
mod plan;
mod plane;
mod quota;
mod reclaim;
mod replay;
mod search;
mod show;
mod terms;
mod units;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub use client::Client;
pub use failure::Failure;

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
    /// Look at reclaim terms and compare them
    Terms(ToOneOf<terms::Terms>),
    /// Look at quotas, set them, ask for more
    Quota(ToOneOf<quota::Quota>),
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
        Verb::Terms(to) => run!(to),
        Verb::Quota(to) => run!(to),
        Verb::Plane(to) => run!(to),
        Verb::Org(to) => run!(to),
        Verb::Replay(to) => run!(to),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct CommandLine {
        #[command(subcommand)]
        _verb: Verb,
    }

    fn parse(line: &str) -> Result<CommandLine, clap::Error> {
        let words = line.split(' ').filter(|word| !word.is_empty());
        CommandLine::try_parse_from(std::iter::once("leasehold").chain(words))
    }

    #[test]
    fn the_verbs_of_the_interface_are_understood() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
        for line in [
            "login --email a@b.example --password-stdin",
            "search --gpus 512 --for 30d --max-rate 2.50/gpu-h --country US --country CA",
            "search --gpus 8 --for 30d --clause recall.callable<=7d --without convenience",
            "terms compare terms_1 terms_2",
            "quote --offer offer_1 --gpus 8 --from 2027-01-01T00:00Z --for 30d --hold",
            "book quote_1 --json",
            "book --offer offer_1 --step 8@2027-01-01/2027-02-01 --step 16@2027-02-01/2027-03-01",
            "lease list --status active",
            "lease extend lease_1 --by 30d --dry-run",
            "lease shrink lease_1 --gpus 8",
            "lease cancel lease_1 --yes",
            "offer apply -f site.yaml",
            "import prices.csv --kind prices --map rate_per_gpu_hour=usd_per_gpu_hour --keep-good",
            "import aws.csv --kind prices --per instance --gpus-column gpus",
            "replay trace.csv --pool pool_1 --days 140-150 --lead 7d --clients 8",
            "reclaim open lease_1 --ground recall.callable --action partial --gpus 80 --reason r",
            "reclaim plan --site site_1 --gpus 10000 --by 2027-03-01 --for 182d --ground recall.callable",
            "reclaim draft plan_1 --reason r --yes",
            "quota list --project project_1",
            "quota set --organization org_1 --dimension concurrent_gpus --limit 2048 --reason r",
            "quota set --project project_1 --dimension concurrent_mw --share 0.25 --reason r",
            "quota override quota_1 --limit 4096 --until 2027-03-01 --reason r",
            "quota request quota_1 --limit 4096 --reason r",
            "quota grant quotarequest_1 --reason r",
            "quota peaks --for 30d",
            "reclaim open lease_1 --ground harm.imminent --action suspend --until 2027-01-01 --reason r",
            "reclaim open lease_1 --ground recall.callable --reserve-for org_1 --reserve-lasting 3d --reason r",
            "reclaim cure case_1 --plan p --done-by 2027-01-01T00:00Z",
            "reclaim decide case_1 dismiss --reason r",
            "reclaim download case_1 evidence_1 -o report.pdf",
            "plane pool_1 --from 2027-01-01 --for 30d",
        ] {
            parse(line).expect(line);
        }
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for line in [
            "search --gpus 512 --for 30",
            "search --gpus -1 --for 30d",
            "search --gpus 4294967296 --for 30d",
            "search --gpus 1 --for 30d --max-rate 2.50",
            "search --gpus 1 --for 30d --clause recall.callable<=7",
            "lease extend lease_1",
            "lease extend lease_1 --by 1d --to 2027-01-01",
            "import aws.csv --kind prices --per instance",
            "replay trace.csv",
            "quota set --dimension concurrent_mw --share 0.25 --reason r",
            "quota set --organization org_1 --dimension concurrent_gpus --reason r",
            "reclaim open lease_1 --ground recall.callable --action partial --reason r",
            "reclaim plan --site site_1 --by 2027-03-01 --for 182d",
            "reclaim plan --site site_1 --pool pool_1 --gpus 1 --by 2027-03-01 --for 182d",
            "reclaim open lease_1 --ground harm.imminent --action suspend --reason r",
            "reclaim decide case_1 perhaps --reason r",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
