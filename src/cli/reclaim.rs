//! `reclaim list|show|plan|open|evidence|submit|approve|refuse|serve|withdraw`: a case, step by step.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::client::Reply;
use super::failure::Failure;
use super::show::{self, Table, at, moment};
use super::{Client, Remote, plan, units};
use crate::kernel::Timestamp;

/// The verbs on reclaim cases.
#[derive(Debug, Subcommand)]
pub enum Reclaim {
    /// List the cases that you may see, newest first
    List,
    /// Show one: its clause, its deadlines, what blocks it, what it would cost
    Show {
        /// The case
        case: String,
    },
    /// Work out how to free capacity at least compensation; nothing is served
    Plan(plan::Plan),
    /// List the plans, newest first
    Plans,
    /// Show a plan
    ShowPlan {
        /// The plan
        plan: String,
    },
    /// Turn a plan into draft cases, and buy back what tenants have offered
    Draft(plan::Draft),
    /// Draft a case under a clause of a lease
    Open(Open),
    /// Add a piece of evidence
    Evidence(Evidence),
    /// Hand it in for approval
    Submit {
        /// The case
        case: String,
    },
    /// Approve it
    Approve {
        /// The case
        case: String,
    },
    /// Refuse it
    Refuse(Close),
    /// Serve the notice on the tenant: the window begins, and the server executes at its end
    Serve {
        /// The case
        case: String,
    },
    /// Take it back
    Withdraw(Close),
}

/// Flags of `reclaim open`.
#[derive(Debug, Args)]
pub struct Open {
    /// The lease
    lease: String,
    /// Ground of the clause: `harm.confirmed`, `recall.callable` …
    #[arg(long)]
    ground: String,
    /// What to do
    #[arg(long, default_value = "full", value_parser = ["full", "partial"])]
    action: String,
    /// With `--action partial`: how many GPUs to take back, in whole units
    #[arg(long, required_if_eq("action", "partial"))]
    gpus: Option<u32>,
    /// With `--action partial`: of which tranche, if there are several
    #[arg(long, value_name = "ID")]
    tranche: Option<String>,
    /// Statement of reasons; the tenant reads it
    #[arg(long)]
    reason: String,
}

/// Flags of `reclaim evidence`.
#[derive(Debug, Args)]
pub struct Evidence {
    /// The case
    case: String,
    /// The evidence itself, a file; it stays here, its SHA-256 is sent
    #[arg(long)]
    file: PathBuf,
    /// Where it comes from
    #[arg(long)]
    source: String,
    /// When it was observed
    #[arg(long = "at", value_name = "MOMENT", value_parser = units::moment)]
    observed_at: Timestamp,
    /// What it shows
    #[arg(long)]
    note: Option<String>,
}

/// Flags of the side exits.
#[derive(Debug, Args)]
pub struct Close {
    /// The case
    case: String,
    /// Why
    #[arg(long)]
    reason: String,
}

impl Reclaim {
    /// Does it and prints the case as it then is.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let client = Client::new(remote)?;
        let empty = json!({});
        let reply = match self {
            Reclaim::List => return list(remote, &client).await,
            Reclaim::Plan(plan) => return plan.run(remote, &client).await,
            Reclaim::Plans => return plan::list(remote, &client).await,
            Reclaim::ShowPlan { plan } => return plan::show_one(remote, &client, &plan).await,
            Reclaim::Draft(draft) => return draft.run(remote, &client).await,
            Reclaim::Show { case } => client.get(&path(&case), &[]).await?,
            Reclaim::Open(open) => open.run(&client).await?,
            Reclaim::Evidence(evidence) => evidence.run(&client).await?,
            Reclaim::Submit { case } => act(&client, &case, "submit", &empty).await?,
            Reclaim::Approve { case } => act(&client, &case, "approve", &empty).await?,
            Reclaim::Refuse(Close { case, reason }) => {
                act(&client, &case, "refuse", &json!({ "reason": reason })).await?
            }
            Reclaim::Serve { case } => {
                let view = client.get(&path(&case), &[]).await?.body;
                let question = format!(
                    "This will serve notice on {} under {}: {} at the deadline.",
                    at(&view, "lease_id"),
                    at(&view, "ground"),
                    at(&view, "action"),
                );
                show::confirm(remote, &question)?;
                act(&client, &case, "serve", &empty).await?
            }
            Reclaim::Withdraw(Close { case, reason }) => {
                act(&client, &case, "withdraw", &json!({ "reason": reason })).await?
            }
        };
        show::reply(remote, &reply.body, print_case);
        Ok(())
    }
}

fn path(case: &str) -> String {
    format!("/v1/reclaim-cases/{case}")
}

async fn act(client: &Client, case: &str, verb: &str, body: &Value) -> Result<Reply, Failure> {
    let seen = client.get(&path(case), &[]).await?;
    client.amend(Method::POST, &format!("{}/{verb}", path(case)), body, &seen).await
}

async fn list(remote: &Remote, client: &Client) -> Result<(), Failure> {
    let cases = client.list("/v1/reclaim-cases", &[], 200).await?;
    show::reply(remote, &Value::Array(cases), |cases| {
        let mut table = Table::new(&["case", "state", "ground", "action", "lease", "deadline"]);
        for case in cases.as_array().into_iter().flatten() {
            table.row(
                ["id", "state", "ground", "action", "lease_id", "deadline"]
                    .map(|name| moment(case, name)),
            );
        }
        table.print("no cases");
    });
    Ok(())
}

impl Open {
    async fn run(self, client: &Client) -> Result<Reply, Failure> {
        let mut body =
            json!({ "ground": self.ground, "action": self.action, "reason": self.reason });
        if let Some(gpus) = self.gpus {
            body["gpus"] = json!(gpus);
        }
        if let Some(tranche) = self.tranche {
            body["tranche_id"] = json!(tranche);
        }
        client.post(&format!("/v1/leases/{}/reclaim-cases", self.lease), &body).await
    }
}

impl Evidence {
    async fn run(self, client: &Client) -> Result<Reply, Failure> {
        let bytes = std::fs::read(&self.file)
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.file.display())))?;
        let digest: String =
            Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut body = json!({
            "sha256": digest,
            "source": self.source,
            "observed_at": units::written(self.observed_at),
        });
        if let Some(note) = self.note {
            body["note"] = json!(note);
        }
        act(client, &self.case, "evidence", &body).await
    }
}

fn print_case(case: &Value) {
    show::print_facts(&[
        ("case", at(case, "id")),
        ("state", at(case, "state")),
        ("lease", at(case, "lease_id")),
        ("ground", at(case, "ground")),
        ("action", at(case, "action")),
        ("units", at(case, "units")),
        ("clause", at(case, "clause_in_words")),
        ("because", at(case, "reason")),
        ("served", moment(case, "served_at")),
        ("deadline", moment(case, "deadline")),
        ("blocking", blocking(case)),
        ("money", show::in_words(&case["money_preview"])),
        ("can", show::in_words(&case["can"])),
    ]);
}

/// What has to happen first, in words.
fn blocking(case: &Value) -> String {
    let reasons = case["blocking"].as_array().into_iter().flatten();
    reasons.map(|reason| at(reason, "detail")).collect::<Vec<_>>().join("; ")
}
