//! What a notice promises is fixed when it is served.

use chrono::TimeDelta;
use leasehold::kernel::Span;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{
    amount, deadline, gpus_at, half_on_top, instant, offer, recalled, schedule_price, settled,
    units_at,
};
use crate::cases::{Case, because};
use crate::support::{Lease, Market, Offer};

/// 64 GPUs of a new offer that can be recalled after `notice`, running for an hour already.
async fn running(market: &Market, notice: &str, hours: i64) -> Lease {
    let offer = offer(market).clauses(json!([half_on_top(notice)])).await;
    let lease = market.lease(&offer).gpus(64).hours(1, hours).await;
    market.advance(Span::hours(2)).await;
    lease
}

fn shrink(lease: &Lease, gpus: u32) -> Value {
    json!({ "tranche_id": lease.view["schedule"][0]["id"], "gpus": gpus })
}

#[tokio::test]
async fn extending_under_notice_does_not_raise_the_premium() {
    let market = Market::open().await;
    let lease = running(&market, "PT1H", 48).await;
    assert_eq!(lease.view["price"], "7680.00");
    let case = recalled(&market, &lease, 0, json!({ "action": "full" })).await;
    let longer = json!({ "ends_at": market.now() + TimeDelta::days(365) });
    let extended = market.as_(&lease).post(lease.path("extend"), longer).await;
    assert_eq!(extended.status.as_u16(), 409, "{}", extended.text);
    let at = deadline(&case, &lease).await;
    market.advance_to(at).await;
    let done = case.show(&lease.tenant).await;
    // An hour ran before the notice; it takes two hours to the deadline if nobody reads it.
    assert_eq!(settled(&done, "refund"), Decimal::from(160 * 45), "{done}");
    assert_eq!(settled(&done, "premium"), Decimal::from(80 * 45), "{done}");
}

#[tokio::test]
async fn a_notice_takes_its_units_though_the_tenant_shrinks_at_once() {
    let market = Market::open().await;
    let lease = running(&market, "P1D", 24 * 30).await;
    let case = recalled(&market, &lease, 5, json!({})).await;
    market.as_(&lease).post(lease.path("shrink"), shrink(&lease, 8)).await.expect(200);
    market.advance_to(deadline(&case, &lease).await).await;
    let done = case.show(&lease.tenant).await;
    assert_eq!((&done["state"], &done["outcome"]["gpus"]), (&json!("settled"), &json!(40)));
    let after = lease.show(&market).await;
    assert_eq!((&after["status"], &after["gpus_now"]), (&json!("active"), &json!(16)));
    assert_eq!(units_at(&market, &lease, market.now()).await.len(), 2);
}

#[tokio::test]
async fn a_notice_takes_its_units_for_good_though_the_tenant_shrinks_after_it() {
    let market = Market::open().await;
    let lease = running(&market, "P1D", 24 * 30).await;
    let case = recalled(&market, &lease, 5, json!({})).await;
    let at = deadline(&case, &lease).await;
    let mut less = shrink(&lease, 8);
    less["from"] = json!(at + TimeDelta::seconds(1));
    market.as_(&lease).post(lease.path("shrink"), less).await.expect(200);
    market.advance_to(at).await;
    assert_eq!(case.state().await, "settled");
    let after = lease.show(&market).await;
    assert_eq!(
        (gpus_at(&after, at), gpus_at(&after, at + TimeDelta::seconds(1))),
        (24, 16),
        "{after}"
    );
    assert_eq!(gpus_at(&after, at + TimeDelta::days(20)), 16, "{after}");
    assert_eq!(units_at(&market, &lease, at + TimeDelta::days(20)).await.len(), 2);
}

#[tokio::test]
async fn a_notice_takes_what_is_left_and_says_so() {
    let market = Market::open().await;
    let lease = running(&market, "P1D", 24 * 30).await;
    let case = recalled(&market, &lease, 5, json!({})).await;
    market.as_(&lease).post(lease.path("shrink"), shrink(&lease, 56)).await.expect(200);
    market.advance_to(deadline(&case, &lease).await).await;
    let done = case.show(&lease.tenant).await;
    assert_eq!((&done["state"], &done["outcome"]["gpus"]), (&json!("settled"), &json!(8)));
    assert_eq!(lease.show(&market).await["gpus_now"], 0);
    assert_eq!(units_at(&market, &lease, market.now()).await, [0; 0]);
}

#[tokio::test]
async fn an_offer_to_give_units_back_follows_its_line() {
    let market = Market::open().await;
    let offer = offer(&market).units(20).clauses(json!([half_on_top("P1D")])).await;
    let lease = market.lease(&offer).gpus(80).hours(1, 24 * 200).await;
    market.advance(Span::hours(2)).await;
    let willing = json!({ "gpus": 32, "premium_per_gpu_hour": "0.10" });
    market.as_(&lease).post(lease.path("volunteer"), willing).await.expect(201);
    market.as_(&lease).post(lease.path("shrink"), shrink(&lease, 8)).await.expect(200);
    market.advance(Span::hours(1)).await;

    let after = lease.show(&market).await;
    let listed = market.as_(&lease).get("/v1/reclaim-volunteers").await.expect(200);
    let offered = &listed["items"][0];
    assert_eq!(offered["state"], "open");
    let lines = after["schedule"].as_array().unwrap().iter();
    let mut line = lines.filter(|line| line["id"] == offered["tranche_id"]);
    let line = line.next().unwrap_or_else(|| panic!("{offered} is of no line of {after}"));
    assert!(
        instant(&line["ends_at"]) > market.now(),
        "{offered} is of a line that is over: {after}"
    );
    let wish = json!({
        "pool_id": offer.pool.id, "gpus": 120, "by": market.now() + TimeDelta::days(5),
        "duration": "P30D",
    });
    let plan = market.as_(offer.provider()).post("/v1/reclaim-plans", wish).await.expect(201);
    let cut = &plan["cuts"][0];
    assert_eq!((&cut["is_voluntary"], &cut["gpus"]), (&json!(true), &json!(32)), "{plan}");

    // It ends with the lease.
    let told =
        market.as_(&lease).post(lease.path("cancellation-quote"), json!({})).await.expect(201);
    let end = json!({ "cancellation_quote_id": told["id"], "reason": "done" });
    market.as_(&lease).post(lease.path("end"), end).await.expect(200);
    let listed = market.as_(&lease).get("/v1/reclaim-volunteers").await.expect(200);
    assert_ne!(listed["items"][0]["state"], "open");
}

/// A pool of four units: the lease has units 2 and 3 for five hours and units 0 and 1 for four more; a
/// neighbour has 0 and 1 at first.
async fn on_other_units(market: &Market) -> (Lease, Lease, Offer) {
    let offer = offer(market).units(4).clauses(json!([half_on_top("PT1H")])).await;
    let neighbour = market.lease(&offer).gpus(16).hours(0, 5).await;
    let lease = market.lease(&offer).gpus(16).hours(0, 5).await;
    market.run_due().await;
    let from = instant(&lease.view["ends_at"]);
    let its = units_at(market, &lease, market.now()).await;
    let repair = json!({
        "kind": "maintenance", "first_unit": its[0], "end_unit": its[1] + 1, "starts_at": from,
        "reason": "a pump",
    });
    let blocks = format!("/v1/pools/{}/blocks", offer.pool.id);
    market.as_(offer.provider()).post(blocks, repair).await.expect(201);
    let longer = json!({ "ends_at": from + TimeDelta::hours(4), "accept_other_units": true });
    market.as_(&lease).post(lease.path("extend"), longer).await.expect(200);
    let others = units_at(market, &neighbour, market.now()).await;
    assert_eq!(units_at(market, &lease, from).await, others);
    (lease, neighbour, offer)
}

#[tokio::test]
async fn a_recall_frees_units_that_the_lease_has_at_that_time() {
    let market = Market::open().await;
    let (lease, neighbour, _) = on_other_units(&market).await;
    let (early, late) = (market.now(), market.now() + TimeDelta::hours(6));
    let (first, second) =
        (units_at(&market, &lease, early).await, units_at(&market, &lease, late).await);
    let theirs = units_at(&market, &neighbour, early).await;
    let case = recalled(&market, &lease, 1, json!({})).await;
    let at = deadline(&case, &lease).await;
    market.advance_to(at).await;
    let done = case.show(&lease.tenant).await;
    assert_eq!(done["state"], "settled", "{done}");
    let freed = &done["outcome"]["units"][0];
    assert!(
        first.contains(&freed["first_unit"].as_u64().unwrap()),
        "{freed} is another tenant's now"
    );
    assert_eq!(units_at(&market, &neighbour, at).await, theirs);
    for (instant, had) in [(at, &first), (late, &second)] {
        let has = units_at(&market, &lease, instant).await;
        assert!(has.len() == 1 && had.contains(&has[0]), "{has:?} of {had:?}");
        assert_eq!(gpus_at(&lease.show(&market).await, instant), 8);
    }
}

#[tokio::test]
async fn a_shrink_gives_up_units_that_each_period_has() {
    let market = Market::open().await;
    let (lease, _, offer) = on_other_units(&market).await;
    let (early, late) = (market.now() + TimeDelta::hours(2), market.now() + TimeDelta::hours(6));
    market.as_(&lease).post(lease.path("shrink"), shrink(&lease, 8)).await.expect(200);
    for instant in [early, late] {
        assert_eq!(gpus_at(&lease.show(&market).await, instant), 8);
        assert_eq!(units_at(&market, &lease, instant).await.len(), 1);
    }
    // What was given up can be had: a unit until the repair, and one when the neighbour has left.
    let rival = market.tenant().await;
    for window in [market.window(0, 5), market.window(5, 4)] {
        market.as_(&rival).book(&offer, 8, window).await.expect(201);
    }
}

#[tokio::test]
async fn a_recall_for_a_while_gives_back_the_same_number_of_units() {
    let market = Market::open().await;
    let (lease, _, _) = on_other_units(&market).await;
    let until = market.now() + TimeDelta::hours(3);
    let case = recalled(&market, &lease, 1, json!({ "until": until })).await;
    let at = deadline(&case, &lease).await;
    assert!(at < until);
    market.advance_to(at).await;
    assert_eq!(case.state().await, "settled");
    let after = lease.show(&market).await;
    for (hours, units) in [(0, 1), (1, 2), (3, 2), (5, 2)] {
        let instant = at + TimeDelta::hours(hours);
        assert_eq!(units_at(&market, &lease, instant).await.len(), units, "{after}");
        assert_eq!(gpus_at(&after, instant), 8 * i64::try_from(units).unwrap(), "{after}");
    }
    assert_eq!(schedule_price(&after), amount(&after["price"]), "{after}");
}

#[tokio::test]
async fn units_cannot_return_before_their_line_begins() {
    let market = Market::open().await;
    let offer = offer(&market).clauses(json!([half_on_top("P1D")])).await;
    let lease = market.lease(&offer).gpus(16).hours(24 * 10, 24 * 30).await;
    let body = json!({
        "ground": "recall.callable", "action": "partial", "units": 1, "reason": "needed",
        "until": market.now() + TimeDelta::days(9),
    });
    let opened = market.as_(offer.provider()).post(lease.path("reclaim-cases"), body).await;
    assert_eq!(opened.status.as_u16(), 422, "{}", opened.text);
    assert_eq!(lease.show(&market).await["starts_at"], lease.view["starts_at"]);
}

#[tokio::test]
async fn nothing_is_executed_before_it_was_decided_that_a_plan_will_not_do() {
    let market = Market::open().await;
    let mut clause = crate::cases::breach();
    (clause["notice"], clause["cure"]) = (json!("P7D"), json!("P7D"));
    clause.as_object_mut().unwrap().remove("appeal");
    let offer = offer(&market).clauses(json!([clause])).await;
    let lease = market.lease(&offer).gpus(16).hours(1, 24 * 60).await;
    market.advance(Span::hours(2)).await;
    let case = crate::cases::served(&market, &lease).await;
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    market.advance(Span::days(6)).await;
    case.done(&lease.tenant, "cure", json!({ "plan": "we stop it" })).await;
    market.advance(Span::days(6)).await;
    assert_eq!(case.state().await, "curing");
    let decided = market.now();
    case.done(offer.provider(), "reject-cure", because("it goes on")).await;
    market.run_due().await;
    let done = case.show(&lease.tenant).await;
    assert_eq!(done["state"], "settled", "{done}");
    assert!(instant(&done["outcome"]["effective_at"]) >= decided, "{done}");
}

#[tokio::test]
async fn a_deadline_that_passed_with_the_end_of_the_lease_came_first() {
    let market = Market::open().await;
    let lease = running(&market, "PT12H", 48).await;
    let case: Case<'_> = recalled(&market, &lease, 0, json!({ "action": "full" })).await;
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    let at = deadline(&case, &lease).await;
    // No server is up until long after both.
    market.advance(Span::days(5)).await;
    let done = case.show(&lease.tenant).await;
    assert_eq!(done["state"], "settled", "{done}");
    assert_eq!(instant(&done["outcome"]["effective_at"]), at);
    let after = lease.show(&market).await;
    assert_eq!(
        (&after["status"], &after["price"]),
        (&json!("reclaimed"), &json!("2080.00")),
        "13 hours"
    );
}
