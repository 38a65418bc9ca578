//! Units that come late are sold to nobody before they are there, whatever frees them.

use chrono::TimeDelta;
use leasehold::kernel::Span;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{amount, half_on_top, offer, settled, suspended_and_ratified};
use crate::cases::emergency;
use crate::support::{Lease, Market, Offer, booking, id_of};

/// Hours from now on in which the units are booked before they are there.
const BOOKED: (i64, i64) = (24 * 10, 24 * 5);

/// An offer of two units that come in nine days, and their delivery.
async fn to_come(market: &Market, approval: bool) -> (Offer, String) {
    units_to_come(market, 2, approval).await
}

async fn units_to_come(market: &Market, units: u32, approval: bool) -> (Offer, String) {
    let pool = market.pool().units(units).undelivered().await;
    let body = json!({ "usable_from": market.now() + TimeDelta::days(9) });
    let path = format!("/v1/pools/{}/deliveries", pool.id);
    let delivery = market.as_(&pool.provider).post(path, body).await.expect(201);
    let offer = offer(market).on(&pool).clauses(json!([half_on_top("PT1H")]));
    let offer = if approval { offer.approval().await } else { offer.await };
    (offer, id_of(&delivery))
}

/// Puts the delivery off to the twentieth day.
async fn put_off(market: &Market, offer: &Offer, delivery: &str) {
    let body = json!({ "usable_from": market.now() + TimeDelta::days(20), "reason": "the ship" });
    let path = format!("/v1/deliveries/{delivery}/reschedule");
    let moved = market.as_(offer.provider()).post(path, body).await.expect(200);
    assert_eq!(moved["status"], "late");
}

/// Nobody can have the units while they are not there.
async fn assert_not_sold(market: &Market, offer: &Offer, from: i64, hours: i64) {
    let rival = market.tenant().await;
    let booked = market.as_(&rival).book(offer, 8, market.window(from, hours)).await;
    booked.refused(409, "not_enough_units");
}

/// Somebody has booked both units, and they come late.
async fn delayed(market: &Market) -> (Lease, Offer) {
    let (offer, delivery) = to_come(market, false).await;
    let lease = market.lease(&offer).gpus(16).hours(BOOKED.0, BOOKED.1).await;
    put_off(market, &offer, &delivery).await;
    market.run_due().await;
    (lease, offer)
}

/// Somebody asks for both units, which come late.
async fn requested(market: &Market) -> (Lease, Offer) {
    let (offer, delivery) = to_come(market, true).await;
    let lease = market.lease(&offer).gpus(16).hours(BOOKED.0, BOOKED.1).await;
    put_off(market, &offer, &delivery).await;
    (lease, offer)
}

#[tokio::test]
async fn units_of_a_rejected_request_are_not_sold_before_they_come() {
    let market = Market::open().await;
    let (lease, offer) = requested(&market).await;
    let body = json!({ "reason": "no" });
    market.as_(offer.provider()).post(lease.path("reject"), body).await.expect(200);
    assert_not_sold(&market, &offer, BOOKED.0, BOOKED.1).await;
}

#[tokio::test]
async fn units_of_a_lapsed_request_are_not_sold_before_they_come() {
    let market = Market::open().await;
    let (lease, offer) = requested(&market).await;
    market.advance(Span::days(10)).await;
    assert_eq!(lease.show(&market).await["status"], "rejected");
    assert_not_sold(&market, &offer, 0, 24).await;
}

/// A quote that holds both units, which come late.
async fn held(market: &Market) -> (Offer, Value, crate::support::Organization) {
    let (offer, delivery) = to_come(market, false).await;
    let tenant = market.tenant().await;
    let mut body = booking(&offer, 16, market.window(BOOKED.0, BOOKED.1));
    body["hold"] = true.into();
    let quote = market.as_(&tenant).post("/v1/quotes", body).await.expect(201);
    put_off(market, &offer, &delivery).await;
    (offer, quote, tenant)
}

#[tokio::test]
async fn units_of_a_released_hold_are_not_sold_before_they_come() {
    let market = Market::open().await;
    let (offer, quote, tenant) = held(&market).await;
    let path = format!("/v1/quotes/{}/release", id_of(&quote));
    market.as_(&tenant).post(path, json!({})).await.expect(200);
    assert_not_sold(&market, &offer, BOOKED.0, BOOKED.1).await;
}

#[tokio::test]
async fn units_of_an_expired_hold_are_not_sold_before_they_come() {
    let market = Market::open().await;
    let (offer, _, _) = held(&market).await;
    market.advance(Span::hours(1)).await;
    assert_not_sold(&market, &offer, BOOKED.0 - 1, BOOKED.1).await;
}

#[tokio::test]
async fn units_that_are_bought_back_are_not_sold_before_they_come() {
    let market = Market::open().await;
    let (lease, offer) = delayed(&market).await;
    let willing = json!({ "units": 1, "premium_per_gpu_hour": "0.10" });
    market.as_(&lease).post(lease.path("volunteer"), willing).await.expect(201);
    let provider = market.as_(offer.provider());
    let wish = json!({
        "pool_id": offer.pool.id, "gpus": 8, "by": market.window(BOOKED.0, 1).0, "duration": "P2D",
    });
    let plan = provider.post("/v1/reclaim-plans", wish).await;
    if plan.status.is_success() {
        let path = format!("/v1/reclaim-plans/{}/cases", id_of(&plan.body));
        provider.post(path, json!({ "reason": "a job" })).await;
    }
    // Whether anything could be bought or not, nobody can have it before it is there.
    assert_not_sold(&market, &offer, BOOKED.0, BOOKED.1).await;
}

#[tokio::test]
async fn units_of_a_lease_that_is_left_at_once_are_not_sold_before_they_come() {
    let market = Market::open().await;
    let (offer, delivery) = to_come(&market, false).await;
    let lease = market.lease(&offer).gpus(16).hours(BOOKED.0, BOOKED.1).await;
    put_off(&market, &offer, &delivery).await;
    // Nothing has looked at late deliveries yet.
    let client = market.as_(&lease);
    let cancelled = client.post(lease.path("cancel"), json!({ "reason": "too late" })).await;
    assert_eq!(cancelled.expect(200)["price"], "0.00", "its delivery is late");
    assert_not_sold(&market, &offer, BOOKED.0, BOOKED.1).await;
}

#[tokio::test]
async fn a_delivery_can_be_put_off_where_leases_have_been() {
    let market = Market::open().await;
    let (offer, delivery) = to_come(&market, false).await;
    market.advance(Span::days(9)).await;
    let lease = market.lease(&offer).gpus(16).hours(1, 5).await;
    market.advance(Span::hours(10)).await;
    assert_eq!(lease.show(&market).await["status"], "ended");
    // The units turn out not to be usable: what ended before stands, and they come later.
    put_off(&market, &offer, &delivery).await;
    assert_not_sold(&market, &offer, 1, 5).await;
}

/// The only delay of `lease`.
async fn delay_of(market: &Market, lease: &Lease) -> Value {
    let delays = market.as_(lease).get(lease.path("delays")).await.expect(200);
    assert_eq!(delays["items"].as_array().unwrap().len(), 1, "{delays}");
    delays["items"][0].clone()
}

#[tokio::test]
async fn a_delay_lasts_from_the_start_to_the_end_of_the_lease_however_late_a_server_notes_it() {
    let market = Market::open().await;
    let (offer, delivery) = to_come(&market, false).await;
    let lease = market.lease(&offer).gpus(16).hours(BOOKED.0, BOOKED.1).await;
    put_off(&market, &offer, &delivery).await;
    market.pass(TimeDelta::days(11));
    market.run_due().await;
    let (shown, delay) = (lease.show(&market).await, delay_of(&market, &lease).await);
    assert_eq!(delay["starts_at"], shown["starts_at"]);
    market.pass(TimeDelta::days(1));
    let ended_at = market.now();
    let body = json!({ "reason": "it does not come" });
    market.as_(&lease).post(lease.path("end"), body).await.expect(200);
    market.pass(TimeDelta::days(1));
    market.run_due().await;
    let delay = delay_of(&market, &lease).await;
    assert_eq!(delay["ended_at"], json!(ended_at));
    // Two days of 16 GPUs at 2.50: what the lease has cost, and no more.
    assert_eq!(delay["credit"], "1920.00");
    assert_eq!(lease.show(&market).await["price"], "1920.00");
}

#[tokio::test]
async fn a_delay_ends_when_its_units_come_however_late_a_server_notes_it() {
    let market = Market::open().await;
    let (offer, delivery) = to_come(&market, false).await;
    let lease = market.lease(&offer).gpus(16).hours(BOOKED.0, BOOKED.1).await;
    put_off(&market, &offer, &delivery).await;
    market.run_due().await;
    market.pass(TimeDelta::days(11));
    market.run_due().await;
    let came_at = market.now();
    let path = format!("/v1/deliveries/{delivery}/accept");
    market.as_(offer.provider()).post(path, json!({})).await.expect(200);
    market.pass(TimeDelta::days(1));
    market.run_due().await;
    let delay = delay_of(&market, &lease).await;
    assert_eq!((&delay["ended_at"], &delay["credit"]), (&json!(came_at), &json!("960.00")));
}

#[tokio::test]
async fn units_that_are_late_are_not_paid_back_again_while_the_lease_is_suspended() {
    let market = Market::open().await;
    let pool = market.pool().units(2).undelivered().await;
    let body = json!({ "usable_from": market.now() + TimeDelta::days(9) });
    let path = format!("/v1/pools/{}/deliveries", pool.id);
    let delivery = id_of(&market.as_(&pool.provider).post(path, body).await.expect(201));
    let offer = offer(&market).on(&pool).clauses(json!([emergency()])).await;
    let lease = market.lease(&offer).gpus(16).hours(BOOKED.0, 24 * 20).await;
    put_off(&market, &offer, &delivery).await;
    market.advance(Span::days(19)).await;
    let case = suspended_and_ratified(&market, &lease, TimeDelta::days(3)).await;
    for _ in 0..14 {
        market.advance(Span::days(1)).await;
    }
    // Ten days without the units, and then two of the three for which it was suspended.
    assert_eq!(delay_of(&market, &lease).await["credit"], "9600.00");
    let over = case.show(&lease.tenant).await;
    assert_eq!(settled(&over, "suspended_time"), Decimal::from(1920), "{over}");
    assert!(amount(&over["settlement"]["total"]) >= Decimal::from(1920), "{over}");
}

#[tokio::test]
async fn units_that_are_late_are_credited_once_though_some_are_given_back_meanwhile() {
    let market = Market::open().await;
    let (offer, delivery) = units_to_come(&market, 3, false).await;
    // Another tenant has the unit in the middle, so that the other two lie apart.
    let mut singles = Vec::new();
    for _ in 0..3 {
        singles.push(market.lease(&offer).gpus(8).hours(BOOKED.0, BOOKED.1).await);
    }
    for single in [&singles[0], &singles[2]] {
        let body = json!({ "reason": "not needed" });
        market.as_(single).post(single.path("cancel"), body).await.expect(200);
    }
    let lease = market.lease(&offer).gpus(16).hours(BOOKED.0, BOOKED.1).await;
    put_off(&market, &offer, &delivery).await;
    market.advance(Span::days(10)).await;
    market.advance(Span::days(2)).await;
    let less = json!({ "tranche_id": lease.view["schedule"][0]["id"], "gpus": 8 });
    market.as_(&lease).post(lease.path("shrink"), less).await.expect(200);
    market.run_due().await;
    market.advance(Span::days(2)).await;
    let path = format!("/v1/deliveries/{delivery}/accept");
    market.as_(offer.provider()).post(path, json!({})).await.expect(200);
    market.run_due().await;
    let delays = market.as_(&lease).get(lease.path("delays")).await.expect(200);
    let delays = delays["items"].as_array().unwrap();
    let credits: Vec<_> = delays.iter().map(|delay| delay["credit"].as_str().unwrap()).collect();
    // Two days of 16 GPUs at 2.50, and two of 8.
    assert_eq!(credits, ["1920.00", "960.00"], "{delays:?}");
}
