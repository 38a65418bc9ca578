//! `org list|show|members|keys|verify|suspend`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::failure::Failure;
use super::show::{self, Table, at, moment};
use super::{Client, Remote};

/// The verbs on organizations.
#[derive(Debug, Subcommand)]
pub enum Org {
    /// List the organizations that you may see
    List,
    /// Show one
    Show {
        /// The organization
        organization: String,
    },
    /// List its members
    Members {
        /// The organization
        organization: String,
    },
    /// Make an API key; it is shown once
    Key {
        /// The organization
        organization: String,
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it may do: `viewer`, `manager` or `owner`
        #[arg(long, default_value = "manager")]
        role: String,
    },
    /// Declare it verified, as staff: it may list and book from then on
    Verify {
        /// The organization
        organization: String,
        /// On what ground
        #[arg(long)]
        reason: String,
    },
    /// Suspend it, as staff: it may neither list nor book from then on
    Suspend {
        /// The organization
        organization: String,
        /// On what ground
        #[arg(long)]
        reason: String,
    },
}

impl Org {
    /// Does it and prints what came of it.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let client = Client::new(remote)?;
        let path = |organization: &str| format!("/v1/organizations/{organization}");
        match self {
            Org::List => {
                let organizations = client.list("/v1/organizations", &[], 1_000).await?;
                show::reply(remote, &Value::Array(organizations), print_organizations);
            }
            Org::Show { organization } => {
                let reply = client.get(&path(&organization), &[]).await?;
                show::reply(remote, &reply.body, print_organization);
            }
            Org::Members { organization } => {
                let path = format!("{}/members", path(&organization));
                let members = client.list(&path, &[], 1_000).await?;
                show::reply(remote, &Value::Array(members), print_members);
            }
            Org::Key { organization, name, role } => {
                let body = json!({ "name": name, "role": role });
                let reply =
                    client.post(&format!("{}/api-keys", path(&organization)), &body).await?;
                show::reply(remote, &reply.body, |key| {
                    show::print_facts(&[
                        ("key", at(key, "secret")),
                        ("id", at(key, "id")),
                        ("role", at(key, "role")),
                        ("expires", moment(key, "expires_at")),
                    ]);
                    show::complain("It is shown this once; use it as LEASEHOLD_TOKEN.\n");
                });
            }
            Org::Verify { organization, reason } => {
                let body = json!({ "reason": reason });
                let reply = client.post(&format!("{}/verify", path(&organization)), &body).await?;
                show::reply(remote, &reply.body, print_organization);
            }
            Org::Suspend { organization, reason } => {
                show::confirm(remote, &format!("This will suspend {organization}."))?;
                let body = json!({ "reason": reason });
                let reply = client.post(&format!("{}/suspend", path(&organization)), &body).await?;
                show::reply(remote, &reply.body, print_organization);
            }
        }
        Ok(())
    }
}

fn print_organizations(organizations: &Value) {
    let mut table = Table::new(&["organization", "name", "kind", "verification"]);
    for organization in organizations.as_array().into_iter().flatten() {
        table.row([
            at(organization, "id"),
            at(organization, "name"),
            kind(organization),
            at(organization, "verification"),
        ]);
    }
    table.print("no organizations");
}

fn print_organization(organization: &Value) {
    show::print_facts(&[
        ("organization", at(organization, "id")),
        ("name", at(organization, "name")),
        ("kind", kind(organization)),
        ("verification", at(organization, "verification")),
        ("because", at(organization, "verification_reason")),
    ]);
}

fn print_members(members: &Value) {
    let mut table = Table::new(&["user", "name", "e-mail", "role"]);
    for member in members.as_array().into_iter().flatten() {
        table.row([
            at(member, "user_id"),
            at(member, "name"),
            at(member, "email"),
            at(member, "role"),
        ]);
    }
    table.print("no members");
}

fn kind(organization: &Value) -> String {
    let kinds = organization["kinds"].as_array().into_iter().flatten();
    kinds.filter_map(Value::as_str).collect::<Vec<_>>().join(" and ")
}
