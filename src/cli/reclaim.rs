//! `reclaim list|show|plan|open|evidence|submit|approve|serve|respond|cure|appeal|decide …`: a case,
//! step by step.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::client::Reply;
use super::failure::Failure;
use super::show::{self, Table, at, moment};
use super::{Client, Remote, plan, units};
use crate::kernel::{Span, Timestamp};

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
    Plan(plan::PlanArgs),
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
    /// Suspend the lease at once, in an emergency; it is lifted again unless others ratify it
    SuspendAtOnce {
        /// The case
        case: String,
    },
    /// Serve the notice: the window begins when the other side reads it, the server executes at its end
    Serve {
        /// The case
        case: String,
    },
    /// Say that the notice has been read, as the other side
    Acknowledge {
        /// The case
        case: String,
    },
    /// Answer, as the other side
    Respond(Say),
    /// File a plan to put it right, as the other side
    Cure(Cure),
    /// Accept that it has been put right: the case is over
    AcceptCure(Close),
    /// Reject the plan: the window goes on
    RejectCure(Close),
    /// Appeal, as the other side
    Appeal(Say),
    /// Decide an appeal, as staff that had no part in the case
    Decide(Decide),
    /// Give the case up
    Withdraw(Close),
    /// Save the file of a piece of evidence
    Download(Download),
    /// List what came of cases in money
    Settlements,
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
    #[arg(long, default_value = "full", value_parser = ["warn", "suspend", "partial", "full"])]
    action: String,
    /// With `--action partial`: how many GPUs to take back, in whole units
    #[arg(long, required_if_eq("action", "partial"))]
    gpus: Option<u32>,
    /// With `--action partial`: of which tranche, if there are several
    #[arg(long, value_name = "ID")]
    tranche: Option<String>,
    /// With `--action suspend`: when it ends; with `--action partial`: when the units return to the lease
    #[arg(long, value_name = "MOMENT", value_parser = units::moment,
        required_if_eq("action", "suspend"))]
    until: Option<Timestamp>,
    /// Not before this, however soon the notice is read
    #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
    not_before: Option<Timestamp>,
    /// Keep what is taken back for this organization
    #[arg(long, value_name = "ID", requires = "reserve_lasting")]
    reserve_for: Option<String>,
    /// For so long from the execution on: `3d`
    #[arg(long, value_name = "TIME", value_parser = units::span, requires = "reserve_for")]
    reserve_lasting: Option<Span>,
    /// Statement of reasons; the other side reads it
    #[arg(long)]
    reason: String,
}

/// Flags of `reclaim evidence`.
#[derive(Debug, Args)]
pub struct Evidence {
    /// The case
    case: String,
    /// The evidence itself, a file of at most 10 MiB
    #[arg(long)]
    file: PathBuf,
    /// Send only its SHA-256; the file stays here
    #[arg(long)]
    hash_only: bool,
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

/// Flags of `reclaim respond` and `reclaim appeal`.
#[derive(Debug, Args)]
pub struct Say {
    /// The case
    case: String,
    /// What you have to say
    #[arg(long)]
    text: String,
}

/// Flags of `reclaim cure`.
#[derive(Debug, Args)]
pub struct Cure {
    /// The case
    case: String,
    /// How it will be put right
    #[arg(long)]
    plan: String,
    /// By when; as long from now as the clause gives time, if left out
    #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
    done_by: Option<Timestamp>,
}

/// Flags of `reclaim decide`.
#[derive(Debug, Args)]
pub struct Decide {
    /// The case
    case: String,
    /// What the appeal comes to
    #[arg(value_parser = ["uphold", "dismiss"])]
    verdict: String,
    /// Why
    #[arg(long)]
    reason: String,
}

/// Flags of `reclaim download`.
#[derive(Debug, Args)]
pub struct Download {
    /// The case
    case: String,
    /// The piece of evidence
    evidence: String,
    /// Where to save it; it is never opened
    #[arg(long, short)]
    output: PathBuf,
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
            Reclaim::Settlements => return settlements(remote, &client).await,
            Reclaim::Download(download) => return download.run(&client).await,
            Reclaim::Show { case } => client.get(&path(&case), &[]).await?,
            Reclaim::Open(open) => open.run(&client).await?,
            Reclaim::Evidence(evidence) => evidence.run(&client).await?,
            Reclaim::Submit { case } => act(&client, &case, "submit", &empty).await?,
            Reclaim::Approve { case } => act(&client, &case, "approve", &empty).await?,
            Reclaim::Refuse(Close { case, reason }) => {
                act(&client, &case, "refuse", &json!({ "reason": reason })).await?
            }
            Reclaim::SuspendAtOnce { case } => {
                let view = client.get(&path(&case), &[]).await?.body;
                let lease = at(&view, "lease_id");
                show::confirm(remote, &format!("This will suspend {lease} at once."))?;
                act(&client, &case, "suspend-at-once", &empty).await?
            }
            Reclaim::Acknowledge { case } => act(&client, &case, "acknowledge", &empty).await?,
            Reclaim::Respond(Say { case, text }) => {
                act(&client, &case, "respond", &json!({ "text": text })).await?
            }
            Reclaim::Cure(Cure { case, plan, done_by }) => {
                let done_by = done_by.map(units::written);
                act(&client, &case, "cure", &json!({ "plan": plan, "done_by": done_by })).await?
            }
            Reclaim::AcceptCure(Close { case, reason }) => {
                act(&client, &case, "accept-cure", &json!({ "reason": reason })).await?
            }
            Reclaim::RejectCure(Close { case, reason }) => {
                act(&client, &case, "reject-cure", &json!({ "reason": reason })).await?
            }
            Reclaim::Appeal(Say { case, text }) => {
                act(&client, &case, "appeal", &json!({ "text": text })).await?
            }
            Reclaim::Decide(Decide { case, verdict, reason }) => {
                let body = json!({ "verdict": verdict, "reason": reason });
                act(&client, &case, "decide", &body).await?
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
        if let Some(until) = self.until {
            body["until"] = json!(units::written(until));
        }
        if let Some(at) = self.not_before {
            body["not_before"] = json!(units::written(at));
        }
        if let (Some(organization), Some(lasting)) = (self.reserve_for, self.reserve_lasting) {
            body["reserve"] = json!({ "organization_id": organization, "lasting": lasting });
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
        let added = act(client, &self.case, "evidence", &body).await?;
        let mut pieces = added.body["evidence"].as_array().into_iter().flatten();
        let piece = pieces.rfind(|piece| piece["sha256"] == digest.as_str());
        let (false, false, Some(piece)) = (self.hash_only, client.is_rehearsal(), piece) else {
            return Ok(added);
        };
        let path = format!("{}/evidence/{}/file", path(&self.case), at(piece, "id"));
        client.post_file(&path, &[], "application/octet-stream", bytes).await
    }
}

impl Download {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let path = format!("{}/evidence/{}/file", path(&self.case), self.evidence);
        let bytes = client.get_file(&path).await?;
        std::fs::write(&self.output, &bytes)
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.output.display())))
    }
}

async fn settlements(remote: &Remote, client: &Client) -> Result<(), Failure> {
    let settled = client.list("/v1/reclaim-settlements", &[], 200).await?;
    show::reply(remote, &Value::Array(settled), |settled| {
        let mut table = Table::new(&["case", "lease", "rule", "settled", "for the tenant>"]);
        for settlement in settled.as_array().into_iter().flatten() {
            let cells = ["case_id", "lease_id", "rule", "settled_at"];
            let cells = cells.map(|name| moment(settlement, name));
            table.row(cells.into_iter().chain([show::money(settlement, "total")]));
        }
        table.print("no settlements");
    });
    Ok(())
}

fn print_case(case: &Value) {
    show::print(&format!("{}\n", ladder(case)));
    show::print_facts(&[
        ("case", at(case, "id")),
        ("lease", at(case, "lease_id")),
        ("ground", at(case, "ground")),
        ("action", at(case, "action")),
        ("units", at(case, "units")),
        ("until", moment(case, "until")),
        ("not before", moment(case, "not_before")),
        ("clause", at(case, "clause_in_words")),
        ("because", at(case, "reason")),
        ("served", moment(case, "served_at")),
        ("read", read(case)),
        ("cure until", moment(case, "window.cure_until")),
        ("plan", at(case, "cure.plan")),
        ("plan until", moment(case, "cure.until")),
        ("rejected", at(case, "cure.rejected")),
        ("appeal until", moment(case, "window.appeal_until")),
        ("appeal", at(case, "appeal.text")),
        ("decided by", moment(case, "appeal.decide_by")),
        ("dismissed", at(case, "appeal.dismissed")),
        ("ratified by", moment(case, "window.ratify_by")),
        ("deadline", moment(case, "deadline")),
        ("executed", moment(case, "executed_at")),
        ("ended", at(case, "closed_reason")),
        ("unused", show::money(case, "money_preview.unused")),
        ("compensation", show::money(case, "money_preview.compensation")),
        ("settled", show::money(case, "settlement.total")),
    ]);
    for (number, reason) in case["blocking"].as_array().into_iter().flatten().enumerate() {
        let head = if number == 0 { "blocking" } else { "" };
        show::print(&format!("{head:12}  {}\n", at(reason, "detail")));
    }
    let can = case["can"].as_array().into_iter().flatten();
    let can: Vec<&str> = can.filter_map(Value::as_str).collect();
    if !can.is_empty() {
        show::print(&format!("{:12}  {}\n", "you can", can.join(", ")));
    }
}

/// When the notice was read, or until when it will count as read.
fn read(case: &Value) -> String {
    match moment(case, "read_at") {
        read if !read.is_empty() => read,
        _ => match moment(case, "window.deemed_read_at") {
            deemed if deemed.is_empty() => deemed,
            deemed => format!("not yet; counts as read at {deemed}"),
        },
    }
}

/// The way of a case in one line, with the place where it stands:
/// `draft ─ submitted ─ approved ─ [noticed] ─ due ─ executed ─ settled`.
fn ladder(case: &Value) -> String {
    const WAY: [&str; 7] =
        ["draft", "submitted", "approved", "noticed", "due", "executed", "settled"];
    let state = at(case, "state");
    let here = |name: &str| format!("[{name}]");
    let steps = WAY.map(|step| if step == state { here(step) } else { step.to_owned() });
    if WAY.contains(&state.as_str()) {
        return steps.join(" ─ ");
    }
    // Beside the way: where it left it.
    let left_at = match state.as_str() {
        "suspended" => "draft",
        "refused" => "submitted",
        "withdrawn" if at(case, "served_at").is_empty() => "draft",
        _ => "noticed",
    };
    let place = steps.iter().take_while(|step| *step != left_at);
    let indent: usize = place.map(|step| step.chars().count() + 3).sum();
    format!("{}\n{:indent$}└─ {}", steps.join(" ─ "), "", here(&state))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_case_stands_on_the_ladder_or_hangs_from_it() {
        assert_eq!(
            ladder(&json!({ "state": "noticed" })),
            "draft ─ submitted ─ approved ─ [noticed] ─ due ─ executed ─ settled"
        );
        assert_eq!(
            ladder(&json!({ "state": "stayed", "served_at": "2027-01-01T00:00:00Z" })),
            "draft ─ submitted ─ approved ─ noticed ─ due ─ executed ─ settled\n\
             \x20                              └─ [stayed]"
        );
    }
}
