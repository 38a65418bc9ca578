//! `offer apply|list|publish|pause`. `apply` makes the server's listing what a YAML file says.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::Reply;
use super::failure::Failure;
use super::show::{self, Table, at};
use super::{Client, Remote};

/// The verbs on what is listed.
#[derive(Debug, Subcommand)]
pub enum Offer {
    /// Create what a file describes and is not there yet, change what differs
    Apply(Apply),
    /// List the offers that you may see
    List {
        /// Only those of this pool
        #[arg(long, value_name = "ID")]
        pool: Option<String>,
        /// Only your organization's, in whatever state
        #[arg(long)]
        mine: bool,
    },
    /// Put an offer on the market
    Publish {
        /// The offer
        offer: String,
    },
    /// Take an offer off the market; leases made under it go on
    Pause {
        /// The offer
        offer: String,
    },
}

/// Flags of `offer apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// YAML file with `terms`, `sites`, their `pools`, and those's `deliveries` and `offers`
    #[arg(long, short)]
    file: PathBuf,
}

impl Offer {
    /// Does it and prints what came of it.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let client = Client::new(remote)?;
        let act = match self {
            Offer::Apply(apply) => return apply.run(remote, &client).await,
            Offer::List { pool, mine } => {
                let mut query: Vec<_> = pool.map(|pool| ("pool_id", pool)).into_iter().collect();
                query.extend(mine.then(|| ("mine", "true".to_owned())));
                let offers = client.list("/v1/offers", &query, 1_000).await?;
                show::reply(remote, &Value::Array(offers), print_offers);
                return Ok(());
            }
            Offer::Publish { offer } => format!("/v1/offers/{offer}/publish"),
            Offer::Pause { offer } => format!("/v1/offers/{offer}/pause"),
        };
        let reply = client.post(&act, &json!({})).await?;
        show::reply(remote, &reply.body, |offer| print_offers(&json!([offer])));
        Ok(())
    }
}

fn print_offers(offers: &Value) {
    let heads =
        ["offer", "name", "provider", "state", "accelerator", "GPUs", "per GPU-h>", "booking"];
    let mut table = Table::new(&heads);
    for offer in offers.as_array().into_iter().flatten() {
        table.row([
            at(offer, "id"),
            at(offer, "name"),
            at(offer, "provider_name"),
            at(offer, "state"),
            at(offer, "accelerator"),
            format!("{}–{}", at(offer, "min_gpus"), at(offer, "max_gpus")),
            at(offer, "rate_per_gpu_hour"),
            at(offer, "booking_mode"),
        ]);
    }
    table.print("no offers");
}

/// What `apply` did with one thing of the file.
struct Outcome {
    kind: &'static str,
    name: String,
    id: String,
    what: &'static str,
}

impl Apply {
    async fn run(self, remote: &Remote, client: &Client) -> Result<(), Failure> {
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.file.display())))?;
        let mut file: Value = serde_yaml_ng::from_str(&text)
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.file.display())))?;
        let mut outcomes = Vec::new();
        let applied = apply_file(client, &mut file, &mut outcomes).await;
        let done: Vec<Value> = outcomes
            .iter()
            .map(|done| json!({ "kind": done.kind, "name": done.name, "id": done.id, "outcome": done.what }))
            .collect();
        show::reply(remote, &Value::Array(done), |done| {
            let mut table = Table::new(&["kind", "name", "id", "outcome"]);
            for done in done.as_array().into_iter().flatten() {
                table.row(["kind", "name", "id", "outcome"].map(|name| at(done, name)));
            }
            table.print("the file describes nothing");
        });
        applied
    }
}

/// Things refer to what stands above them in the file, so each level is there before the next.
async fn apply_file(
    client: &Client,
    file: &mut Value,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), Failure> {
    let mut terms_ids = Map::new();
    for terms in take_list(file, "terms")? {
        let name = at(&terms, "name");
        let version = client.post("/v1/reclaim-terms", &terms).await?.body;
        let id = at(&version, "id");
        terms_ids.insert(name.clone(), json!(id));
        outcomes.push(Outcome { kind: "terms", name, id, what: "there" });
    }
    for mut site in take_list(file, "sites")? {
        let pools = take_list(&mut site, "pools")?;
        let site_id = ensure(client, "site", "/v1/sites", &[], site, outcomes).await?;
        for mut pool in pools {
            let deliveries = take_list(&mut pool, "deliveries")?;
            let offers = take_list(&mut pool, "offers")?;
            pool["site_id"] = json!(site_id);
            let scope = [("site_id", site_id.clone())];
            let pool_id = ensure(client, "pool", "/v1/pools", &scope, pool, outcomes).await?;
            deliver(client, &pool_id, deliveries, outcomes).await?;
            for mut offer in offers {
                let publish = offer.as_object_mut().and_then(|offer| offer.remove("publish"));
                if let Some(id) = offer["terms"].as_str().and_then(|name| terms_ids.get(name)) {
                    offer["terms_id"] = id.clone();
                    offer.as_object_mut().map(|offer| offer.remove("terms"));
                }
                offer["pool_id"] = json!(pool_id);
                let scope = [("pool_id", pool_id.clone())];
                let offer_id =
                    ensure(client, "offer", "/v1/offers", &scope, offer, outcomes).await?;
                if publish == Some(json!(true)) {
                    publish_unless_published(client, &offer_id, outcomes).await?;
                }
            }
        }
    }
    Ok(())
}

/// Takes the list `name` out of `parent`; empty where there is none.
fn take_list(parent: &mut Value, name: &str) -> Result<Vec<Value>, Failure> {
    match parent.as_object_mut().and_then(|parent| parent.remove(name)) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Failure::Usage(format!("`{name}` is a list in such a file"))),
    }
}

/// The id of the thing of this name in the list at `path`: created if it is not there, changed where
/// it differs from what `wanted` says, left alone otherwise.
async fn ensure(
    client: &Client,
    kind: &'static str,
    path: &str,
    scope: &[(&str, String)],
    wanted: Value,
    outcomes: &mut Vec<Outcome>,
) -> Result<String, Failure> {
    let name = at(&wanted, "name");
    if name.is_empty() {
        return Err(Failure::Usage(format!("a {kind} in the file has no `name`")));
    }
    let there = client.list(path, scope, 10_000).await?;
    let (view, what) = match there.into_iter().find(|thing| thing["name"] == wanted["name"]) {
        None => (client.post(path, &wanted).await?.body, "created"),
        Some(thing) => {
            let changes = differences(&wanted, &thing);
            if changes.as_object().is_some_and(Map::is_empty) {
                (thing, "as it was")
            } else {
                let etag = thing["revision"].as_i64().map(|revision| format!("\"{revision}\""));
                let one = format!("{path}/{}", at(&thing, "id"));
                let seen = Reply { body: thing, etag };
                (client.amend(Method::PATCH, &one, &changes, &seen).await?.body, "changed")
            }
        }
    };
    let id = at(&view, "id");
    outcomes.push(Outcome { kind, name, id: id.clone(), what });
    Ok(id)
}

/// The members of `wanted` that `there` has with another value.
fn differences(wanted: &Value, there: &Value) -> Value {
    let members = wanted.as_object().into_iter().flatten();
    let differ = members.filter(|(name, value)| {
        there.get(name.as_str()).is_some_and(|present| !means_the_same(value, present))
    });
    Value::Object(differ.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Whether a value of a file and one of the server are the same: amounts are numbers in one and
/// strings in the other, and moments are written in several ways.
fn means_the_same(wanted: &Value, present: &Value) -> bool {
    if wanted == present {
        return true;
    }
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let (Some(wanted), Some(present)) = (plain(wanted), plain(present)) else { return false };
    let as_number = |text: &str| text.parse::<rust_decimal::Decimal>().ok();
    let as_moment = |text: &str| super::units::moment(text).ok();
    (as_number(&wanted).is_some() && as_number(&wanted) == as_number(&present))
        || (as_moment(&wanted).is_some() && as_moment(&wanted) == as_moment(&present))
}

/// Creates the deliveries whose units are in none yet.
async fn deliver(
    client: &Client,
    pool: &str,
    deliveries: Vec<Value>,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), Failure> {
    let path = format!("/v1/pools/{pool}/deliveries");
    let there = client.list(&path, &[], 10_000).await?;
    for delivery in deliveries {
        let is_same = |known: &&Value| {
            known["first_unit"] == delivery["first_unit"]
                && known["end_unit"] == delivery["end_unit"]
        };
        let (view, what) = match there.iter().find(is_same) {
            Some(known) => (known.clone(), "as it was"),
            None => (client.post(&path, &delivery).await?.body, "created"),
        };
        let name = format!("units {}–{}", at(&view, "first_unit"), at(&view, "end_unit"));
        outcomes.push(Outcome { kind: "delivery", name, id: at(&view, "id"), what });
    }
    Ok(())
}

async fn publish_unless_published(
    client: &Client,
    offer: &str,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), Failure> {
    let path = format!("/v1/offers/{offer}");
    let view = client.get(&path, &[]).await?.body;
    if view["state"] != "published" {
        client.post(&format!("{path}/publish"), &json!({})).await?;
        let name = at(&view, "name");
        outcomes.push(Outcome { kind: "offer", name, id: offer.to_owned(), what: "published" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_in_meaning_is_changed() {
        let wanted = json!({
            "rate_per_gpu_hour": 2.5, "available_from": "2027-01-01", "name": "a", "note": "new", "x": 1,
        });
        let there = json!({
            "rate_per_gpu_hour": "2.50", "available_from": "2027-01-01T00:00:00Z", "name": "a",
            "note": "old",
        });
        assert_eq!(differences(&wanted, &there), json!({ "note": "new" }));
    }
}
