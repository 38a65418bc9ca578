//! `terms list|show|compare`: reclaim terms, and two of them side by side.

use clap::Subcommand;
use serde_json::Value;

use super::failure::Failure;
use super::show::{self, Table, at, moment};
use super::{Client, Remote};

/// The verbs on reclaim terms.
#[derive(Debug, Subcommand)]
pub enum Terms {
    /// List your organization's terms, newest first
    List,
    /// Show one version, or what a hash stands for
    Show {
        /// An id or a hash
        terms: String,
    },
    /// Say in what two terms differ, and for whom the second are better
    Compare {
        /// The first: an id or a hash
        first: String,
        /// The second: an id or a hash
        second: String,
    },
}

impl Terms {
    /// Prints them.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let client = Client::new(remote)?;
        match self {
            Terms::List => {
                let versions = client.list("/v1/reclaim-terms", &[], 200).await?;
                show::reply(remote, &Value::Array(versions), print_versions);
            }
            Terms::Show { terms } => {
                let reply = client.get(&format!("/v1/reclaim-terms/{terms}"), &[]).await?;
                show::reply(remote, &reply.body, print_version);
            }
            Terms::Compare { first, second } => {
                let path = format!("/v1/reclaim-terms/{first}/compare");
                let reply = client.get(&path, &[("with", second)]).await?;
                show::reply(remote, &reply.body, print_comparison);
            }
        }
        Ok(())
    }
}

fn print_versions(versions: &Value) {
    let mut table = Table::new(&["terms", "name", "version>", "clauses>", "made", "hash"]);
    for version in versions.as_array().into_iter().flatten() {
        table.row([
            at(version, "id"),
            at(version, "name"),
            at(version, "version"),
            version["clauses"].as_array().map_or(0, Vec::len).to_string(),
            moment(version, "created_at"),
            at(version, "hash"),
        ]);
    }
    table.print("no terms");
}

fn print_version(version: &Value) {
    show::print_facts(&[
        ("terms", at(version, "id")),
        ("name", at(version, "name")),
        ("version", at(version, "version")),
        ("hash", at(version, "hash")),
    ]);
    let mut table = Table::new(&["#>", "ground", "notice", "cure", "at most", "by"]);
    for (place, clause) in (0..).zip(version["clauses"].as_array().into_iter().flatten()) {
        table.row([
            format!("{place}"),
            at(clause, "ground"),
            at(clause, "notice"),
            at(clause, "cure"),
            at(clause, "action_max"),
            show::in_words(&clause["invocable_by"]).replace(';', ","),
        ]);
    }
    table.print("no clause: leases under them cannot be taken back");
}

fn print_comparison(comparison: &Value) {
    let mut table = Table::new(&["ground", "field", "first", "second", "better for"]);
    for difference in comparison["differences"].as_array().into_iter().flatten() {
        let fields = ["ground", "field", "first", "second", "better_for"];
        table.row(fields.map(|field| at(difference, field)));
    }
    let verdict = at(comparison, "verdict");
    table.print(&verdict);
    if comparison["differences"].as_array().is_some_and(|found| !found.is_empty()) {
        show::print(&format!("{verdict}\n"));
    }
}
