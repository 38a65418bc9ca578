//! `reclaim plan|plans|draft`: how to free capacity, as a table and a picture of the cuts.

use clap::Args;
use serde_json::{Value, json};

use super::client::Reply;
use super::failure::Failure;
use super::show::{self, Table, at, moment, money};
use super::{Client, Remote, units};
use crate::kernel::{Rate, Span, Timestamp};

/// Flags of `reclaim plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Of which site
    #[arg(long, required_unless_present = "pool", conflicts_with = "pool")]
    site: Option<String>,
    /// Of which pool
    #[arg(long)]
    pool: Option<String>,
    /// How many GPUs
    #[arg(long, required_unless_present = "mw", conflicts_with = "mw")]
    gpus: Option<u64>,
    /// How many MW at the meter
    #[arg(long)]
    mw: Option<String>,
    /// From when on
    #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
    by: Timestamp,
    /// For how long: `182d`
    #[arg(long = "for", value_name = "TIME", value_parser = units::span)]
    duration: Span,
    /// Grounds that may be used [default: recall.callable and convenience]
    #[arg(long = "ground", value_name = "GROUND")]
    grounds: Vec<String>,
    /// Time to reckon for approvals [default: 1d]
    #[arg(long, value_name = "TIME", value_parser = units::span)]
    approval_time: Option<Span>,
    /// Volunteers who ask for more are not taken: `0.50/gpu-h`
    #[arg(long, value_name = "RATE", value_parser = units::rate)]
    max_premium: Option<Rate>,
}

/// Flags of `reclaim draft`.
#[derive(Debug, Args)]
pub struct Draft {
    /// The plan
    plan: String,
    /// Statement of reasons of every case; the tenants read it
    #[arg(long)]
    reason: String,
}

impl PlanArgs {
    /// Makes the plan and prints it.
    pub async fn run(self, remote: &Remote, client: &Client) -> Result<(), Failure> {
        let mut body = json!({ "by": units::written(self.by), "duration": self.duration });
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                body[name] = value;
            }
        };
        put("site_id", json!(self.site));
        put("pool_id", json!(self.pool));
        put("gpus", json!(self.gpus));
        put("mw", json!(self.mw));
        put("approval_time", json!(self.approval_time));
        put("max_premium", json!(self.max_premium));
        if !self.grounds.is_empty() {
            put("grounds", json!(self.grounds));
        }
        let reply = client.post("/v1/reclaim-plans", &body).await?;
        show::reply(remote, &reply.body, |plan| show::print(&picture(plan)));
        Ok(())
    }
}

impl Draft {
    /// Turns the plan into draft cases.
    pub async fn run(self, remote: &Remote, client: &Client) -> Result<(), Failure> {
        let path = format!("/v1/reclaim-plans/{}", self.plan);
        let plan = client.get(&path, &[]).await?.body;
        let cuts = plan["cuts"].as_array().map_or(0, Vec::len);
        let question = format!(
            "This will take from {cuts} leases from {} on, for {}: volunteers' units are bought back at \
             once, the other cuts become draft cases.",
            moment(&plan, "starts_at"),
            money(&plan, "compensation"),
        );
        show::confirm(remote, &question)?;
        let body = json!({ "reason": self.reason });
        let reply: Reply = client.post(&format!("{path}/cases"), &body).await?;
        show::reply(remote, &reply.body, |done| {
            show::print_facts(&[
                ("plan", at(done, "id")),
                ("state", at(done, "state")),
                ("cases", show::in_words(&done["carried_out"]["case_ids"])),
                ("bought back", show::in_words(&done["carried_out"]["bought_back"])),
            ]);
        });
        Ok(())
    }
}

/// One plan, as it was kept.
pub async fn show_one(remote: &Remote, client: &Client, plan: &str) -> Result<(), Failure> {
    let reply = client.get(&format!("/v1/reclaim-plans/{plan}"), &[]).await?;
    show::reply(remote, &reply.body, |plan| show::print(&picture(plan)));
    Ok(())
}

/// The list of plans.
pub async fn list(remote: &Remote, client: &Client) -> Result<(), Failure> {
    let plans = client.list("/v1/reclaim-plans", &[], 200).await?;
    show::reply(remote, &Value::Array(plans), |plans| {
        let heads = ["plan", "state", "from", "until", "GPUs>", "MW>", "leases>", "compensation>"];
        let mut table = Table::new(&heads);
        for plan in plans.as_array().into_iter().flatten() {
            table.row([
                at(plan, "id"),
                at(plan, "state"),
                moment(plan, "starts_at"),
                moment(plan, "ends_at"),
                at(plan, "wanted_gpus"),
                at(plan, "wanted_mw"),
                at(plan, "leases"),
                money(plan, "compensation"),
            ]);
        }
        table.print("no plans");
    });
    Ok(())
}

/// Width of a lease in the picture.
const WIDTH: u64 = 24;

/// The cuts in a table, each with what is kept (`█`) and what is taken (`░`), and the sums.
fn picture(plan: &Value) -> String {
    let heads =
        ["lease", "kept and taken", "units>", "GPUs>", "by", "serve at", "cut at", "compensation>"];
    let mut table = Table::new(&heads);
    for cut in plan["cuts"].as_array().into_iter().flatten() {
        let (taken, of) =
            (cut["units"].as_u64().unwrap_or(0), cut["of_units"].as_u64().unwrap_or(0));
        let by = match cut["is_voluntary"].as_bool() {
            Some(true) => "volunteer".to_owned(),
            _ => at(cut, "ground"),
        };
        table.row([
            at(cut, "lease_id"),
            bar(taken, of),
            format!("{} of {}", show::grouped(&taken.to_string()), show::grouped(&of.to_string())),
            at(cut, "gpus"),
            by,
            moment(cut, "serve_at"),
            moment(cut, "effective_at"),
            show::grouped(&at(cut, "compensation")),
        ]);
    }
    let mut text = table.render("nothing needs to be taken: enough is free already");
    let sure = match plan["gap"].as_f64() {
        Some(0.0) => "nothing costs less".to_owned(),
        Some(gap) => format!("at most {:.4} % more than the cheapest", gap * 100.0),
        None => "the time was too short to say how far from the cheapest".to_owned(),
    };
    text.push_str(&format!(
        "{}  {} GPUs, {} MW free from {} until {}; {} GPUs of it are free already\n",
        at(plan, "id"),
        at(plan, "free_then.gpus"),
        at(plan, "free_then.mw"),
        moment(plan, "starts_at"),
        moment(plan, "ends_at"),
        at(plan, "free_already.gpus"),
    ));
    text.push_str(&format!("compensation {}: {sure}\n", money(plan, "compensation")));
    for other in plan["alternatives"].as_array().into_iter().flatten() {
        let costs = match at(other, "compensation") {
            none if none.is_empty() => "not enough".to_owned(),
            amount => format!("{} from {} leases", show::grouped(&amount), at(other, "leases")),
        };
        text.push_str(&format!("  {}: {costs}\n", at(other, "how")));
    }
    for left in plan["left_out"].as_array().into_iter().flatten() {
        let reason = at(left, "reason").replace('_', " ");
        text.push_str(&format!("  left out: {} ({reason})\n", at(left, "count")));
    }
    text
}

/// What is kept and what is taken; never nothing where there is something.
fn bar(taken: u64, of: u64) -> String {
    let cells = taken.saturating_mul(WIDTH).div_ceil(of.max(1)).min(WIDTH);
    let cells = if taken < of { cells.min(WIDTH - 1) } else { cells };
    (0..WIDTH).map(|cell| if cell < WIDTH - cells { '█' } else { '░' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_seen_however_small_and_a_rest_too() {
        assert_eq!(bar(0, 10), "█".repeat(24));
        assert_eq!(bar(10, 10), "░".repeat(24));
        assert_eq!(bar(5, 10), "█".repeat(12) + &"░".repeat(12));
        assert_eq!(bar(1, 27_500), "█".repeat(23) + "░");
        assert_eq!(bar(27_499, 27_500), "█".to_owned() + &"░".repeat(23));
    }

    #[test]
    fn the_picture_is_aligned_and_says_what_it_costs() {
        let plan = json!({
            "id": "plan_1", "compensation": "1234.50", "currency": "USD", "gap": 0.0,
            "starts_at": "2027-01-01T00:00:00Z", "ends_at": "2027-07-01T00:00:00Z",
            "free_then": { "gpus": 64, "mw": "0.08" }, "free_already": { "gpus": 16, "mw": "0.02" },
            "cuts": [{
                "lease_id": "lease_1", "units": 6, "of_units": 8, "gpus": 48, "is_voluntary": false,
                "ground": "recall.callable", "serve_at": "2026-12-25T00:00:00Z",
                "effective_at": "2027-01-01T00:00:00Z", "compensation": "1234.50",
            }],
            "alternatives": [{ "how": "only by convenience", "compensation": null }],
            "left_out": [{ "reason": "another_case_open", "count": 1 }],
        });
        insta::assert_snapshot!(picture(&plan));
    }
}
