//! `lease list|show|extend|shrink|cancel|end|approve|reject`.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Reply;
use super::failure::Failure;
use super::show::{self, Table, at, moment, money};
use super::{Client, Remote, units};
use crate::kernel::{Span, Timestamp};

/// The verbs on leases.
#[derive(Debug, Subcommand)]
pub enum Lease {
    /// List your leases, newest first
    List(List),
    /// Show one lease, its schedule and what can be done with it
    Show {
        /// The lease
        lease: String,
    },
    /// Lengthen it
    Extend(Extend),
    /// Give back some of it
    Shrink(Shrink),
    /// Cancel it before it begins; the charge is shown first
    Cancel(Leave),
    /// End it early; the charge is shown first
    End(Leave),
    /// Accept a request, as its provider
    Approve {
        /// The lease
        lease: String,
    },
    /// Decline a request, as its provider
    Reject {
        /// The lease
        lease: String,
        /// Why; the tenant reads it
        #[arg(long)]
        reason: String,
    },
}

/// Flags of `lease list`.
#[derive(Debug, Args)]
pub struct List {
    /// Only those in this state
    #[arg(long)]
    status: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "NUMBER")]
    limit: usize,
}

/// Flags of `lease extend`.
#[derive(Debug, Args)]
pub struct Extend {
    /// The lease
    lease: String,
    /// By how much: `30d`
    #[arg(long, value_name = "TIME", value_parser = units::span, required_unless_present = "to")]
    by: Option<Span>,
    /// Until when instead
    #[arg(long, value_name = "MOMENT", value_parser = units::moment, conflicts_with = "by")]
    to: Option<Timestamp>,
    /// Agree to use other units from the present end on, where the same are taken
    #[arg(long)]
    accept_other_units: bool,
}

/// Flags of `lease shrink`.
#[derive(Debug, Args)]
pub struct Shrink {
    /// The lease
    lease: String,
    /// How many GPUs to give back
    #[arg(long)]
    gpus: u32,
    /// Which tranche, if there are several
    #[arg(long, value_name = "ID")]
    tranche: Option<String>,
    /// From when [default: now]
    #[arg(long = "from", value_name = "MOMENT", value_parser = units::moment)]
    from: Option<Timestamp>,
}

/// Flags of `lease cancel` and `lease end`.
#[derive(Debug, Args)]
pub struct Leave {
    /// The lease
    lease: String,
    /// Why; the provider reads it
    #[arg(long, default_value = "no longer needed")]
    reason: String,
}

impl Lease {
    /// Does it and prints the lease as it then is.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let client = Client::new(remote)?;
        let reply = match self {
            Lease::List(list) => return list.run(remote, &client).await,
            Lease::Show { lease } => client.get(&format!("/v1/leases/{lease}"), &[]).await?,
            Lease::Extend(extend) => extend.run(&client).await?,
            Lease::Shrink(shrink) => shrink.run(&client).await?,
            Lease::Cancel(leave) => leave.run(remote, &client, "cancel").await?,
            Lease::End(leave) => leave.run(remote, &client, "end").await?,
            Lease::Approve { lease } => act(&client, &lease, "approve", &json!({})).await?,
            Lease::Reject { lease, reason } => {
                act(&client, &lease, "reject", &json!({ "reason": reason })).await?
            }
        };
        show::reply(remote, &reply.body, print_lease);
        Ok(())
    }
}

/// Acts on the lease as it is now: a change between the look and the act makes it stale.
async fn act(client: &Client, lease: &str, verb: &str, body: &Value) -> Result<Reply, Failure> {
    let seen = client.get(&format!("/v1/leases/{lease}"), &[]).await?;
    client.amend(Method::POST, &format!("/v1/leases/{lease}/{verb}"), body, &seen).await
}

impl List {
    async fn run(self, remote: &Remote, client: &Client) -> Result<(), Failure> {
        let query: Vec<_> = self.status.map(|status| ("status", status)).into_iter().collect();
        let leases = client.list("/v1/leases", &query, self.limit).await?;
        show::reply(remote, &Value::Array(leases), |leases| {
            let heads = [
                "lease",
                "status",
                "GPUs now>",
                "MW now>",
                "from",
                "until",
                "price>",
                "tenant",
                "provider",
            ];
            let mut table = Table::new(&heads);
            for lease in leases.as_array().into_iter().flatten() {
                table.row([
                    at(lease, "id"),
                    status(lease),
                    at(lease, "gpus_now"),
                    show::megawatts(lease, "mw_now"),
                    moment(lease, "starts_at"),
                    moment(lease, "ends_at"),
                    money(lease, "price"),
                    at(lease, "tenant.name"),
                    at(lease, "provider.name"),
                ]);
            }
            table.print("no leases");
        });
        Ok(())
    }
}

impl Extend {
    async fn run(self, client: &Client) -> Result<Reply, Failure> {
        let path = format!("/v1/leases/{}", self.lease);
        let seen = client.get(&path, &[]).await?;
        let ends_at = match (self.to, self.by) {
            (Some(to), _) => to,
            (None, by) => {
                let present = units::moment(&at(&seen.body, "ends_at")).map_err(Failure::Failed)?;
                present + by.unwrap_or_default().delta()
            }
        };
        let body = json!({
            "ends_at": units::written(ends_at),
            "accept_other_units": self.accept_other_units,
        });
        client.amend(Method::POST, &format!("{path}/extend"), &body, &seen).await
    }
}

impl Shrink {
    async fn run(self, client: &Client) -> Result<Reply, Failure> {
        let path = format!("/v1/leases/{}", self.lease);
        let seen = client.get(&path, &[]).await?;
        let tranche = match (self.tranche, seen.body["schedule"].as_array().map(Vec::as_slice)) {
            (Some(tranche), _) => tranche,
            (None, Some([only])) => at(only, "id"),
            (None, _) => return Err(Failure::Usage("say of which tranche: --tranche".into())),
        };
        let mut body = json!({ "tranche_id": tranche, "gpus": self.gpus });
        if let Some(from) = self.from {
            body["from"] = json!(units::written(from));
        }
        client.amend(Method::POST, &format!("{path}/shrink"), &body, &seen).await
    }
}

impl Leave {
    /// Gets the price of leaving, asks, and leaves at that price.
    async fn run(self, remote: &Remote, client: &Client, verb: &str) -> Result<Reply, Failure> {
        let lease = &self.lease;
        let path = format!("/v1/leases/{lease}/cancellation-quote");
        // A price is told, and nothing else done, so this is no rehearsal even when the act is one.
        let quote = client.in_earnest().post(&path, &json!({})).await?.body;
        let question = format!(
            "This will {verb} {lease}. Charge: {}, refund: {}.",
            or_nothing(money(&quote, "charge")),
            or_nothing(money(&quote, "refund")),
        );
        show::confirm(remote, &question)?;
        let body = json!({ "cancellation_quote_id": quote["id"], "reason": self.reason });
        act(client, lease, verb, &body).await
    }
}

fn or_nothing(amount: String) -> String {
    if amount.is_empty() { "none".into() } else { amount }
}

/// A lease with its schedule and what can be done with it.
pub fn print_lease(lease: &Value) {
    show::print_facts(&[
        ("lease", at(lease, "id")),
        ("status", status(lease)),
        ("why", at(lease, "end.reason")),
        ("tenant", at(lease, "tenant.name")),
        ("provider", at(lease, "provider.name")),
        ("from", moment(lease, "starts_at")),
        ("until", moment(lease, "ends_at")),
        ("price", money(lease, "price")),
        ("terms", at(lease, "terms_hash")),
        ("revision", at(lease, "revision")),
        ("can", show::in_words(&lease["can"])),
    ]);
    print_tranches(lease);
}

/// The schedule of a lease or the lines of a quote, a line each, with the units that are handed out.
pub fn print_tranches(view: &Value) {
    let heads = ["tranche", "GPUs>", "MW>", "from", "until", "per GPU-h>", "price>", "units"];
    let mut table = Table::new(&heads);
    let lines = view["schedule"].as_array().or(view["lines"].as_array());
    for tranche in lines.into_iter().flatten() {
        table.row([
            at(tranche, "id"),
            at(tranche, "gpus"),
            show::megawatts(tranche, "mw"),
            moment(tranche, "starts_at"),
            moment(tranche, "ends_at"),
            at(tranche, "rate_per_gpu_hour"),
            show::grouped(&at(tranche, "price")),
            unit_numbers(view, &tranche["id"]),
        ]);
    }
    table.print("no tranches");
}

/// Unit numbers of a tranche as `0–7, 16–23`; empty while they are not handed out.
fn unit_numbers(view: &Value, tranche: &Value) -> String {
    let units = view["units"].as_array().into_iter().flatten();
    let words = units.filter(|run| run["tranche_id"] == *tranche).filter_map(|run| {
        let (from, until) = (run["first_unit"].as_u64()?, run["end_unit"].as_u64()?);
        Some(format!("{from}–{}", until.saturating_sub(1)))
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Its status and what lies over it: `active, noticed`.
fn status(lease: &Value) -> String {
    let mut words = vec![at(lease, "status")];
    if lease["noticed"].as_bool() == Some(true) {
        words.push("noticed".into());
    }
    words.join(", ")
}
