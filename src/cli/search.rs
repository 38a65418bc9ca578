//! `search`.

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::show::{self, Table, at, moment, money};
use super::{Client, Remote, units};
use crate::kernel::{Rate, Span, Timestamp};

/// Flags of `search`.
#[derive(Debug, Args)]
pub struct Search {
    /// How many GPUs
    #[arg(long)]
    gpus: u32,
    /// For how long: `30d`, `12h`
    #[arg(long = "for", value_name = "TIME", value_parser = units::span)]
    duration: Span,
    /// Accelerators that will do; all, if none is named
    #[arg(long = "accelerator", value_name = "ID")]
    accelerators: Vec<String>,
    /// Earliest start [default: now]
    #[arg(long = "from", value_name = "MOMENT", value_parser = units::moment)]
    earliest: Option<Timestamp>,
    /// Latest end [default: no limit]
    #[arg(long = "until", value_name = "MOMENT", value_parser = units::moment)]
    latest: Option<Timestamp>,
    /// Highest rate: `2.50/gpu-h`
    #[arg(long, value_name = "RATE", value_parser = units::rate)]
    max_rate: Option<Rate>,
    /// Countries that will do, as ISO 3166 codes; all, if none is named
    #[arg(long = "country", value_name = "CODE")]
    countries: Vec<String>,
    /// Where units may lie: `any`, or all in one fabric `island`
    #[arg(long, default_value = "any", value_parser = ["any", "island"])]
    placement: String,
    /// What the reclaim terms are to have: a ground, with bounds on its notice if need be, as in
    /// `recall.callable<=7d` or `harm.confirmed>=30d`
    #[arg(long = "clause", value_name = "CLAUSE", value_parser = clause)]
    clauses: Vec<Value>,
    /// A ground that the reclaim terms are not to have
    #[arg(long = "without", value_name = "GROUND")]
    without: Vec<String>,
    /// At most so many options
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
}

impl Search {
    /// Prints the options, best first, or why there is none.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let mut body = json!({
            "gpus": self.gpus,
            "duration": self.duration,
            "placement": self.placement,
            "limit": self.limit,
        });
        let absent = self.without.iter().map(|ground| json!({ "ground": ground, "absent": true }));
        let clauses: Vec<Value> = self.clauses.into_iter().chain(absent).collect();
        if !clauses.is_empty() {
            body["clauses"] = json!(clauses);
        }
        let mut put = |name: &str, value: Value| body[name] = value;
        if !self.accelerators.is_empty() {
            put("accelerators", json!(self.accelerators));
        }
        if !self.countries.is_empty() {
            put("countries", json!(self.countries));
        }
        if let Some(earliest) = self.earliest {
            put("earliest", json!(units::written(earliest)));
        }
        if let Some(latest) = self.latest {
            put("latest", json!(units::written(latest)));
        }
        if let Some(rate) = self.max_rate {
            put("max_rate", json!(rate));
        }
        let reply = Client::new(remote)?.post("/v1/search", &body).await?;
        show::reply(remote, &reply.body, print_options);
        Ok(())
    }
}

/// A wish for a clause: `recall.callable`, `recall.callable<=7d`, `recall.callable>=7d`.
fn clause(text: &str) -> Result<Value, String> {
    for (sign, bound) in [("<=", "notice_max"), (">=", "notice_min")] {
        if let Some((ground, notice)) = text.split_once(sign) {
            return Ok(json!({ "ground": ground, bound: units::span(notice)? }));
        }
    }
    Ok(json!({ "ground": text }))
}

fn print_options(found: &Value) {
    let options = found["options"].as_array().map_or(&[][..], Vec::as_slice);
    let heads = [
        "offer",
        "site",
        "country",
        "accelerator",
        "GPUs>",
        "from",
        "until",
        "per GPU-h>",
        "price>",
    ];
    let mut table = Table::new(&heads);
    for option in options {
        table.row([
            at(option, "offer_id"),
            at(option, "site_name"),
            at(option, "country"),
            at(option, "accelerator"),
            at(option, "gpus"),
            moment(option, "starts_at"),
            moment(option, "ends_at"),
            at(option, "rate_per_gpu_hour"),
            money(option, "price"),
        ]);
    }
    table.print("nothing fits");
    for why in found["why_none"].as_array().into_iter().flatten() {
        let (offers, dimension) = (at(why, "offers"), at(why, "dimension"));
        show::print(&format!("  {offers} offers fail by {dimension}: {}\n", at(why, "hint")));
    }
}
