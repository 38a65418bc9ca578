//! `quota list|show|set|override|restore|end|request|requests|grant|deny|peaks`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::plane::moment_in;
use super::show::{self, Table, at, grouped, moment};
use super::{Client, Remote, units};
use crate::kernel::{Span, Timestamp};

/// The verbs on quotas.
#[derive(Debug, Subcommand)]
pub enum Quota {
    /// List quotas and how they stand
    List {
        /// Only those of this organization, as staff
        #[arg(long)]
        organization: Option<String>,
        /// Only those of this project
        #[arg(long)]
        project: Option<String>,
    },
    /// Set a quota, or change the one of the same: as staff, for a project as its owner
    Set(Set),
    /// Let another limit stand for a while
    Override(Override),
    /// End the overrides of a quota at once
    Restore(Decision),
    /// Lift a quota
    End(Decision),
    /// Ask for a raise
    Request {
        /// The quota
        quota: String,
        /// In its unit, or a duration such as `P30D`
        #[arg(long)]
        limit: String,
        /// Whoever decides reads this
        #[arg(long)]
        reason: String,
    },
    /// List requests to raise quotas
    Requests {
        /// Only those that are so: `open`, `granted`, `denied`, `withdrawn`
        #[arg(long)]
        state: Option<String>,
    },
    /// Grant a request
    Grant {
        /// The request
        request: String,
        /// Another limit than was asked for
        #[arg(long)]
        limit: Option<String>,
        /// Until then; for good if left out
        #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
        until: Option<Timestamp>,
        /// The organization reads this
        #[arg(long)]
        reason: String,
    },
    /// Deny a request
    Deny(Decision),
    /// Take a request of yours back
    Withdraw(Decision),
    /// Draw what is booked over time against the limits
    Peaks(Peaks),
}

/// Flags of `quota set`.
#[derive(Debug, Args)]
pub struct Set {
    /// `concurrent_gpus`, `concurrent_mw`, `gpu_hours_per_month`, `spend_per_month`, `longest_lease`
    /// or `open_requests`
    #[arg(long)]
    dimension: String,
    /// Whose
    #[arg(long, conflicts_with = "default_for")]
    organization: Option<String>,
    /// A default, for organizations that are `verified` or `unverified`
    #[arg(long, value_name = "VERIFICATION")]
    default_for: Option<String>,
    /// Only of this project's bookings
    #[arg(long)]
    project: Option<String>,
    /// Only of this accelerator
    #[arg(long)]
    accelerator: Option<String>,
    /// Only at this site
    #[arg(long)]
    site: Option<String>,
    /// In the dimension's unit, or a duration such as `P30D`
    #[arg(long, required_unless_present = "share", conflicts_with = "share")]
    limit: Option<String>,
    /// The project's share of what its organization holds for itself: `0.25`
    #[arg(long, requires = "project")]
    share: Option<String>,
    /// From then on
    #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
    from: Option<Timestamp>,
    /// Until then
    #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
    until: Option<Timestamp>,
    /// Why
    #[arg(long)]
    reason: String,
}

/// Flags of `quota override`.
#[derive(Debug, Args)]
pub struct Override {
    /// The quota
    quota: String,
    /// In its unit, or a duration such as `P30D`
    #[arg(long)]
    limit: String,
    /// From then on; now if left out
    #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
    from: Option<Timestamp>,
    /// Then the quota restores itself
    #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
    until: Timestamp,
    /// Why
    #[arg(long)]
    reason: String,
}

/// Something that is decided for a reason.
#[derive(Debug, Args)]
pub struct Decision {
    /// The quota or request
    id: String,
    /// Why
    #[arg(long)]
    reason: String,
}

/// Flags of `quota peaks`.
#[derive(Debug, Args)]
pub struct Peaks {
    /// The organization; yours if left out
    organization: Option<String>,
    /// Only the curve of this quota
    #[arg(long)]
    quota: Option<String>,
    /// Left edge [default: now]
    #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
    from: Option<Timestamp>,
    /// How much time is drawn
    #[arg(long = "for", value_name = "TIME", default_value = "90d", value_parser = units::span)]
    duration: Span,
}

impl Quota {
    /// Does it and prints what came of it.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let client = Client::new(remote)?;
        let quota = |id: &str, act: &str| format!("/v1/quotas/{id}/{act}");
        let request = |id: &str, act: &str| format!("/v1/quota-requests/{id}/{act}");
        match self {
            Quota::List { organization, project } => {
                let query = [("organization_id", organization), ("project_id", project)];
                let query: Vec<_> =
                    query.into_iter().filter_map(|(name, id)| Some((name, id?))).collect();
                let quotas = client.list("/v1/quotas", &query, 1_000).await?;
                show::reply(remote, &Value::Array(quotas), print_quotas);
            }
            Quota::Set(set) => {
                let reply = client.post("/v1/quotas", &set.body()).await?;
                show::reply(remote, &reply.body, print_quota);
            }
            Quota::Override(one) => {
                let mut body =
                    json!({ "limit": one.limit, "ends_at": one.until, "reason": one.reason });
                if let Some(from) = one.from {
                    body["starts_at"] = json!(from);
                }
                let reply = client.post(&quota(&one.quota, "override"), &body).await?;
                show::reply(remote, &reply.body, print_quota);
            }
            Quota::Restore(Decision { id, reason }) => {
                let body = json!({ "reason": reason });
                let reply = client.post(&quota(&id, "restore"), &body).await?;
                show::reply(remote, &reply.body, print_quota);
            }
            Quota::End(Decision { id, reason }) => {
                show::confirm(remote, &format!("This will lift {id}."))?;
                let body = json!({ "reason": reason });
                let reply = client.post(&quota(&id, "end"), &body).await?;
                show::reply(remote, &reply.body, print_quota);
            }
            Quota::Request { quota, limit, reason } => {
                let body = json!({ "quota_id": quota, "limit": limit, "reason": reason });
                let reply = client.post("/v1/quota-requests", &body).await?;
                show::reply(remote, &reply.body, print_request);
            }
            Quota::Requests { state } => {
                let query: Vec<_> = state.map(|state| ("state", state)).into_iter().collect();
                let requests = client.list("/v1/quota-requests", &query, 1_000).await?;
                show::reply(remote, &Value::Array(requests), print_requests);
            }
            Quota::Grant { request: id, limit, until, reason } => {
                let mut body = json!({ "reason": reason });
                if let Some(limit) = limit {
                    body["limit"] = limit.into();
                }
                if let Some(until) = until {
                    body["until"] = json!(until);
                }
                let reply = client.post(&request(&id, "grant"), &body).await?;
                show::reply(remote, &reply.body, print_request);
            }
            Quota::Deny(Decision { id, reason }) => {
                let body = json!({ "reason": reason });
                let reply = client.post(&request(&id, "deny"), &body).await?;
                show::reply(remote, &reply.body, print_request);
            }
            Quota::Withdraw(Decision { id, reason }) => {
                let body = json!({ "reason": reason });
                let reply = client.post(&request(&id, "withdraw"), &body).await?;
                show::reply(remote, &reply.body, print_request);
            }
            Quota::Peaks(peaks) => peaks.run(remote, &client).await?,
        }
        Ok(())
    }
}

impl Set {
    fn body(self) -> Value {
        let texts = [
            ("dimension", Some(self.dimension)),
            ("organization_id", self.organization),
            ("verification", self.default_for),
            ("project_id", self.project),
            ("accelerator", self.accelerator),
            ("site_id", self.site),
            ("limit", self.limit),
            ("share", self.share),
            ("valid_from", self.from.map(units::written)),
            ("valid_until", self.until.map(units::written)),
            ("reason", Some(self.reason)),
        ];
        let given = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
        given.map(|(name, text)| (name.to_owned(), Value::from(text))).collect::<Map<_, _>>().into()
    }
}

impl Peaks {
    async fn run(self, remote: &Remote, client: &Client) -> Result<(), Failure> {
        let organization = match self.organization {
            Some(organization) => organization,
            None => at(&client.get("/v1/me", &[]).await?.body, "organization.id"),
        };
        let path = format!("/v1/organizations/{organization}/quota-peaks");
        let mut query = Vec::new();
        if let Some(quota) = self.quota {
            query.push(("quota_id", quota));
        }
        // The server's clock says what now is; a sandbox's may be far ahead of ours.
        let from = match self.from {
            Some(from) => from,
            None => moment_in(&client.get(&path, &query).await?.body, "from")?,
        };
        query.push(("from", units::written(from)));
        query.push(("to", units::written(from + self.duration.delta())));
        let reply = client.get(&path, &query).await?;
        show::reply(remote, &reply.body, |peaks| {
            for curve in peaks["curves"].as_array().into_iter().flatten() {
                show::print(&drawn(curve));
            }
        });
        Ok(())
    }
}

fn limit_of(quota: &Value) -> String {
    match at(quota, "share").as_str() {
        "" => grouped(&at(quota, "limit")),
        share => format!("{share} of what is held"),
    }
}

fn whose(quota: &Value) -> String {
    let names = ["project_id", "organization_id", "verification"];
    names.iter().map(|name| at(quota, name)).find(|text| !text.is_empty()).unwrap_or_default()
}

fn filter(quota: &Value) -> String {
    let names = ["accelerator", "site_id"].map(|name| at(quota, name));
    names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ")
}

fn print_quotas(quotas: &Value) {
    let heads = [
        "quota",
        "of",
        "dimension",
        "only",
        "limit>",
        "now>",
        "booked>",
        "peak>",
        "at",
        "over by>",
    ];
    let mut table = Table::new(&heads);
    for quota in quotas.as_array().into_iter().flatten() {
        table.row([
            at(quota, "id"),
            whose(quota),
            at(quota, "dimension"),
            filter(quota),
            limit_of(quota),
            grouped(&at(quota, "standing.limit_now")),
            grouped(&at(quota, "standing.booked_now")),
            grouped(&at(quota, "standing.peak")),
            moment(quota, "standing.peak_at"),
            grouped(&at(quota, "standing.over_by")),
        ]);
    }
    table.print("no quotas");
}

fn print_quota(quota: &Value) {
    show::print_facts(&[
        ("quota", at(quota, "id")),
        ("of", whose(quota)),
        ("dimension", at(quota, "dimension")),
        ("only", filter(quota)),
        ("limit", limit_of(quota)),
        ("in", at(quota, "unit")),
        ("limit now", grouped(&at(quota, "standing.limit_now"))),
        ("booked now", grouped(&at(quota, "standing.booked_now"))),
        ("peak", grouped(&at(quota, "standing.peak"))),
        ("peak at", moment(quota, "standing.peak_at")),
        ("over by", grouped(&at(quota, "standing.over_by"))),
        ("valid until", moment(quota, "valid_until")),
        ("lifted", moment(quota, "ended_at")),
        ("because", at(quota, "reason")),
    ]);
    let mut table = Table::new(&["override>", "from", "until", "because"]);
    for one in quota["overrides"].as_array().into_iter().flatten() {
        table.row([
            grouped(&at(one, "limit")),
            moment(one, "starts_at"),
            moment(one, "ends_at"),
            at(one, "reason"),
        ]);
    }
    show::print(&table.render(""));
}

fn print_requests(requests: &Value) {
    let mut table =
        Table::new(&["request", "organization", "dimension", "limit>", "state", "because"]);
    for request in requests.as_array().into_iter().flatten() {
        table.row([
            at(request, "id"),
            at(request, "organization_id"),
            at(request, "dimension"),
            grouped(&at(request, "limit")),
            at(request, "state"),
            at(request, "reason"),
        ]);
    }
    table.print("no requests");
}

fn print_request(request: &Value) {
    show::print_facts(&[
        ("request", at(request, "id")),
        ("quota", at(request, "quota_id")),
        ("dimension", at(request, "dimension")),
        ("asked for", grouped(&at(request, "limit"))),
        ("because", at(request, "reason")),
        ("state", at(request, "state")),
        ("granted", grouped(&at(request, "granted_limit"))),
        ("until", moment(request, "granted_until")),
        ("decided because", at(request, "decision_reason")),
    ]);
}

/// Width of a bar at its longest.
const BAR: usize = 40;

/// A curve as bars, one line a step; `|` is the limit, `!` what exceeds it.
fn drawn(curve: &Value) -> String {
    let number = |value: &Value| value.as_str()?.parse::<f64>().ok();
    let points: Vec<&Value> = curve["points"].as_array().into_iter().flatten().collect();
    let all = points.iter().flat_map(|point| [&point["booked"], &point["limit"]]);
    let most = all.filter_map(number).fold(0.0, f64::max);
    let mut text = format!("{} {}\n", at(curve, "dimension"), filter(curve));
    for point in points {
        let column = |value: &Value| number(value).map(|number| columns(number, most));
        let (booked, limit) = (column(&point["booked"]).unwrap_or(0), column(&point["limit"]));
        let bar: String = (0..=BAR)
            .map(|place| match limit {
                Some(limit) if place == limit => '|',
                Some(limit) if place > limit && place < booked => '!',
                _ if place < booked => '#',
                _ => ' ',
            })
            .collect();
        let line = format!("  {}  {bar}  {}", moment(point, "at"), grouped(&at(point, "booked")));
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// How many of [`BAR`] columns `number` of `most` takes.
fn columns(number: f64, most: f64) -> usize {
    let share = if most > 0.0 { number / most } else { 0.0 };
    (0..BAR)
        .take_while(|&column| share * 40.0 > f64::from(u8::try_from(column).unwrap_or(u8::MAX)))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_drawn_as_bars() {
        let point = |at: &str, booked: &str| json!({ "at": at, "booked": booked, "limit": "64" });
        let curve = json!({ "dimension": "concurrent_gpus", "points": [
            point("2027-01-04T00:00:00Z", "0"), point("2027-01-05T00:00:00Z", "32"),
            point("2027-01-06T00:00:00Z", "128"),
        ]});
        let text = drawn(&curve);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1].matches('#').count(), 0, "{text}");
        assert_eq!(
            (lines[2].matches('#').count(), lines[2].matches('|').count()),
            (10, 1),
            "{text}"
        );
        assert_eq!(
            (lines[3].matches('#').count(), lines[3].matches('!').count()),
            (20, 19),
            "{text}"
        );
    }
}
