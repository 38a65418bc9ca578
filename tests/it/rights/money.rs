//! One invariant: what a lease costs is its schedule and its charges.

use chrono::TimeDelta;
use leasehold::kernel::Span;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{
    amount, half_on_top, offer, recalled, schedule_price, settled, single_gpus,
    suspended_and_ratified,
};
use crate::cases::{Case, emergency, says};
use crate::support::{Market, booking, id_of, tranche};

#[tokio::test]
async fn giving_seconds_back_never_costs_more_than_keeping_them() {
    let market = Market::open().await;
    let offer = single_gpus(&market).await;
    let lease = market.lease(&offer).gpus(8).hours(24 * 8, 1).await;
    assert_eq!(lease.view["price"], "11.19");
    let from = super::instant(&lease.view["ends_at"]) - TimeDelta::seconds(2);
    let less = json!({ "tranche_id": lease.view["schedule"][0]["id"], "gpus": 1, "from": from });
    let after = market.as_(&lease).post(lease.path("shrink"), less).await.expect(200);
    assert_eq!(after["price"], "11.19", "{after}");
    assert_eq!(schedule_price(&after), amount(&after["price"]), "{after}");
    let amendments = market.as_(&lease).get(lease.path("amendments")).await.expect(200);
    let amendment = &amendments["items"][0];
    assert_eq!(amendment["price"], "0.00", "{amendment}");
    assert_eq!(amendment["terms"]["refund"], "0.00", "{amendment}");
}

#[tokio::test]
async fn a_recall_of_a_unit_for_seconds_is_settled() {
    for seconds in [1, 2, 5] {
        let market = Market::open().await;
        let offer = single_gpus(&market).clauses(json!([half_on_top("P1D")])).await;
        let lease = market.lease(&offer).gpus(8).hours(1, 24 * 30).await;
        market.advance(Span::hours(1)).await;
        let executed = market.now() + TimeDelta::seconds(172_800);
        let until = executed + TimeDelta::seconds(seconds);
        let case = recalled(&market, &lease, 1, json!({ "until": until })).await;
        assert_eq!(super::deadline(&case, &lease).await, executed);
        market.advance_to(executed).await;
        let done = case.show(&lease.tenant).await;
        assert_eq!(
            (&done["state"], &done["settlement"]["total"]),
            (&json!("settled"), &json!("0.00"))
        );
        let after = lease.show(&market).await;
        assert_eq!(schedule_price(&after), amount(&after["price"]), "{after}");
    }
}

/// 8 GPUs for 31 days from an hour from now, 800 GPUs for 31 days half a year later.
async fn ramp(market: &Market) -> (crate::support::Organization, Value) {
    let offer = offer(market).units(200).with("max_gpus", 1600).await;
    let tenant = market.tenant().await;
    let later = market.window(1 + 24 * 181, 24 * 31);
    let lines = [tranche(&offer, 8, market.window(1, 24 * 31)), tranche(&offer, 800, later)];
    let booked =
        market.as_(&tenant).post("/v1/leases", json!({ "tranches": lines })).await.expect(201);
    assert_eq!(booked["schedule"][0]["price"], "14880.00");
    assert_eq!(booked["schedule"][1]["price"], "1488000.00");
    (tenant, booked)
}

#[tokio::test]
async fn leaving_a_ramp_costs_the_same_at_once_and_step_by_step() {
    let market = Market::open().await;
    let (tenant, lease) = ramp(&market).await;
    market.advance(Span::hours(25)).await;
    let client = market.as_(&tenant);
    let path = |act: &str| format!("/v1/leases/{}/{act}", lease["id"].as_str().unwrap());
    let quote = || client.post(path("cancellation-quote"), json!({}));
    assert_eq!(quote().await.expect(201)["charge"], "14400.00", "the later line is free to leave");
    let july = json!({ "tranche_id": lease["schedule"][1]["id"], "gpus": 800 });
    let smaller = client.post(path("shrink"), july).await.expect(200);
    assert_eq!(smaller["price"], "14880.00");
    let told = quote().await.expect(201);
    assert_eq!(told["charge"], "14400.00");
    let end = json!({ "cancellation_quote_id": told["id"], "reason": "done" });
    assert_eq!(client.post(path("end"), end).await.expect(200)["price"], "14880.00");
}

#[tokio::test]
async fn cancelling_a_ramp_is_charged_line_by_line() {
    let market = Market::open().await;
    let (tenant, lease) = ramp(&market).await;
    let client = market.as_(&tenant);
    let path = |act: &str| format!("/v1/leases/{}/{act}", lease["id"].as_str().unwrap());
    let told = client.post(path("cancellation-quote"), json!({})).await.expect(201);
    assert_eq!((&told["charge"], &told["refund"]), (&json!("14880.00"), &json!("1488000.00")));
    let cancel = json!({ "cancellation_quote_id": told["id"], "reason": "no" });
    let cancelled = client.post(path("cancel"), cancel).await.expect(200);
    assert_eq!(cancelled["price"], "14880.00");
}

#[tokio::test]
async fn an_end_by_a_quote_costs_what_was_used_until_the_end() {
    let market = Market::open().await;
    let free = json!([{ "at_least_before": "PT0S", "charge_share": "0" }]);
    let offer = market.offer().with("cancellation", free).await;
    let lease = market.lease(&offer).gpus(8).hours(1, 24 * 10).await;
    market.advance(Span::hours(25)).await;
    let client = market.as_(&lease);
    let told = client.post(lease.path("cancellation-quote"), json!({})).await.expect(201);
    market.advance(Span::from_seconds(840).unwrap()).await;
    let end = json!({ "cancellation_quote_id": told["id"], "reason": "done" });
    let ended = market.as_(&lease).post(lease.path("end"), end).await;
    // A quote that no longer says the truth may be refused; then there is a new one.
    let ended = match ended.status.as_u16() {
        409 => {
            let client = market.as_(&lease);
            let told = client.post(lease.path("cancellation-quote"), json!({})).await.expect(201);
            let end = json!({ "cancellation_quote_id": told["id"], "reason": "done" });
            client.post(lease.path("end"), end).await.expect(200)
        }
        _ => ended.expect(200),
    };
    assert_eq!(ended["price"], "484.67", "24 hours and 14 minutes of 8 GPUs");
    assert_eq!(schedule_price(&ended), amount(&ended["price"]), "{ended}");
}

#[tokio::test]
async fn what_was_charged_for_a_shrink_is_named() {
    let market = Market::open().await;
    let offer = offer(&market).await;
    let lease = market.lease(&offer).gpus(16).hours(48, 100).await;
    let less = json!({ "tranche_id": lease.view["schedule"][0]["id"], "gpus": 8 });
    market.as_(&lease).post(lease.path("shrink"), less).await.expect(200);
    let after = lease.show(&market).await;
    let charges = after["charges"].as_array().unwrap_or_else(|| panic!("no charges: {after}"));
    let charged: Decimal = charges.iter().map(|charge| amount(&charge["amount"])).sum();
    assert_eq!(charged, Decimal::from(1000), "half of 100 hours of 8 GPUs: {after}");
    assert_eq!(schedule_price(&after) + charged, amount(&after["price"]), "{after}");
}

#[tokio::test]
async fn refund_lines_are_what_the_price_went_down_by_when_an_appeal_is_upheld_too_late() {
    let market = Market::open().await;
    let clause = json!({
        "ground": "aup.violation", "invocable_by": ["provider"], "action_max": "full",
        "notice": "P1D", "approvals": { "legal": 1 },
        "appeal": { "window": "P1D", "stays": false }, "compensation": { "prorata_refund": false },
    });
    let offer = offer(&market).clauses(json!([clause])).await;
    let lease = market.lease(&offer).gpus(64).hours(1, 24 * 60).await;
    market.advance(Span::hours(2)).await;
    let provider = offer.provider();
    let body = json!({ "ground": "aup.violation", "action": "full", "reason": "mining" });
    let case = Case::open(&market, provider, &lease, body).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.staff("legal").await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    case.done(&lease.tenant, "appeal", says("it is not so")).await;
    let before = amount(&lease.show(&market).await["price"]);
    market.advance(Span::days(1)).await;
    assert_eq!(case.state().await, "executed");
    let verdict = json!({ "verdict": "uphold", "reason": "it was not" });
    let over = case.done(market.staff("independent").await, "decide", verdict).await;
    let after = amount(&lease.show(&market).await["price"]);
    assert_eq!(settled(&over, "refund"), before - after, "{over}");
    assert!(amount(&over["settlement"]["total"]) > Decimal::from(200_000), "all of it comes back");
}

#[tokio::test]
async fn time_that_is_suspended_twice_is_paid_once() {
    let market = Market::open().await;
    let offer = offer(&market).clauses(json!([emergency()])).await;
    let lease = market.lease(&offer).gpus(64).hours(1, 24 * 30).await;
    market.advance(Span::hours(2)).await;
    let mut cases = Vec::new();
    for hours in [10, 20] {
        cases.push(suspended_and_ratified(&market, &lease, TimeDelta::hours(hours)).await);
    }
    market.advance(Span::hours(10)).await;
    market.advance(Span::hours(10)).await;
    // Appeals can be filed for a week; what is settled later is settled the same.
    market.advance(Span::days(10)).await;
    let mut total = Decimal::ZERO;
    for case in &cases {
        let over = case.show(&lease.tenant).await;
        assert_eq!(over["state"], "settled", "{over}");
        total += settled(&over, "suspended_time");
    }
    assert_eq!(total, Decimal::from(3200), "20 hours of 64 GPUs at 2.50");
}

#[tokio::test]
async fn a_request_that_is_cancelled_has_never_begun() {
    let market = Market::open().await;
    let offer = offer(&market).approval().await;
    let tenant = market.tenant().await;
    let starts_at = market.now() + TimeDelta::seconds(30);
    let window = (starts_at, starts_at + TimeDelta::days(30));
    let mut wish = booking(&offer, 8, window);
    wish["hold"] = true.into();
    let quote = market.as_(&tenant).post("/v1/quotes", wish).await.expect(201);
    // The quote is used seconds after the start that it is for, and the request withdrawn at once.
    market.pass(TimeDelta::seconds(37));
    let body = json!({ "quote_id": quote["id"] });
    let request = market.as_(&tenant).post("/v1/leases", body).await.expect(201);
    assert_eq!(request["status"], "requested");
    market.pass(TimeDelta::seconds(5));
    let path = format!("/v1/leases/{}/cancel", id_of(&request));
    let body = json!({ "reason": "done" });
    let over = market.as_(&tenant).post(path, body).await.expect(200);
    assert_eq!((&over["status"], &over["price"]), (&json!("cancelled"), &json!("0.00")));
}
