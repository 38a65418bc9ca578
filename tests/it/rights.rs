//! Right values: sums and sizes that were worked out by hand, of acts that meet.
//!
//! The common scene: units of 8 H100 at 2.50 per GPU-hour, or single GPUs at 1.399, under the usual
//! cancellation: free a week ahead, half a day ahead, all after that.

mod deliveries;
mod money;
mod notices;
mod steps;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::cases::{Case, suspended_for};
use crate::support::supply::OfferBuilder;
use crate::support::{Lease, Market};

/// An offer under the usual cancellation.
pub fn offer(market: &Market) -> OfferBuilder<'_> {
    market.offer().with(
        "cancellation",
        json!([
            { "at_least_before": "P7D", "charge_share": "0" },
            { "at_least_before": "P1D", "charge_share": "0.5" },
            { "at_least_before": "PT0S", "charge_share": "1" },
        ]),
    )
}

/// The same of 16 single GPUs at 1.399.
pub fn single_gpus(market: &Market) -> OfferBuilder<'_> {
    offer(market).units(16).gpus_per_unit(1).rate("1.399")
}

/// A clause by which the provider may recall after `notice`, at half the price on top.
pub fn half_on_top(notice: &str) -> Value {
    let mut clause = crate::support::recall(notice);
    clause["compensation"]["multiple"] = "0.5".into();
    clause
}

#[track_caller]
pub fn amount(value: &Value) -> Decimal {
    let text = value.as_str().unwrap_or_else(|| panic!("no amount: {value}"));
    text.parse().expect("an amount")
}

#[track_caller]
pub fn instant(value: &Value) -> DateTime<Utc> {
    serde_json::from_value(value.clone()).unwrap_or_else(|_| panic!("no instant: {value}"))
}

/// The sum of the prices of a lease's schedule.
pub fn schedule_price(lease: &Value) -> Decimal {
    lease["schedule"]
        .as_array()
        .expect("a schedule")
        .iter()
        .map(|line| amount(&line["price"]))
        .sum()
}

/// GPUs that a lease's schedule says at `at`.
pub fn gpus_at(lease: &Value, at: DateTime<Utc>) -> i64 {
    let lines = lease["schedule"].as_array().expect("a schedule").iter();
    let there = lines.filter(|it| instant(&it["starts_at"]) <= at && at < instant(&it["ends_at"]));
    there.map(|line| line["gpus"].as_i64().expect("a number")).sum()
}

/// Units that a lease has at `at`, as its provider sees them: single units in order.
pub async fn units_at(market: &Market, lease: &Lease, at: DateTime<Utc>) -> Vec<u64> {
    let view = market.as_(lease.offer.provider()).get(lease.path("")).await.expect(200);
    let there = view["units"]
        .as_array()
        .expect("units")
        .iter()
        .filter(|it| instant(&it["starts_at"]) <= at && at < instant(&it["ends_at"]));
    let number = |value: &Value| value.as_u64().expect("a unit");
    let mut units: Vec<u64> =
        there.flat_map(|it| number(&it["first_unit"])..number(&it["end_unit"])).collect();
    units.sort_unstable();
    units
}

/// An emergency for which a lease is suspended at once, ratified, for so long from now on.
pub async fn suspended_and_ratified<'m>(
    market: &'m Market,
    lease: &Lease,
    lasting: TimeDelta,
) -> Case<'m> {
    let case = suspended_for(market, lease, lasting).await;
    case.done(&market.staff("legal").await, "approve", json!({})).await;
    case
}

/// A recall of `units` of a lease, served; with what else the body says.
pub async fn recalled<'m>(market: &'m Market, lease: &Lease, units: u32, with: Value) -> Case<'m> {
    let mut body = json!({
        "ground": "recall.callable", "action": "partial", "units": units, "reason": "needed",
    });
    for (name, value) in with.as_object().expect("fields") {
        body[name] = value.clone();
    }
    if body["action"] == "full" {
        body.as_object_mut().unwrap().remove("units");
    }
    let provider = lease.offer.provider();
    let case = Case::open(market, provider, lease, body).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    case
}

/// The deadline of a case, as its lease's tenant sees it.
pub async fn deadline(case: &Case<'_>, lease: &Lease) -> DateTime<Utc> {
    instant(&case.show(&lease.tenant).await["deadline"])
}

/// Lines of one kind in the settlement of a case, added up.
pub fn settled(case: &Value, kind: &str) -> Decimal {
    let lines =
        case["settlement"]["lines"].as_array().unwrap_or_else(|| panic!("not settled: {case}"));
    lines.iter().filter(|line| line["kind"] == kind).map(|line| amount(&line["amount"])).sum()
}
