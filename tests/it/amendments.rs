//! What becomes of a lease: longer, smaller, given up; each test is a complaint about today's systems,
//! answered.

use leasehold::kernel::Span;
use serde_json::{Value, json};

use crate::support::Market;

// ── Amendments ───────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn a_failed_extension_leaves_the_lease_as_it_was() {
    let market = Market::open().await;
    let offer = market.offer().units(1).await;
    let lease = market.lease(&offer).hours(1, 24).await;
    market.lease(&offer).hours(30, 24).await;
    let before = lease.show(&market).await;
    let longer = json!({ "ends_at": market.window(0, 40).1 });
    let extended = market.as_(&lease).post(lease.path("extend"), longer).await;
    extended.refused(409, "not_enough_units");
    assert_eq!(lease.show(&market).await, before);
    // Up to the neighbour's start there is room.
    let longer = json!({ "ends_at": market.window(0, 30).1 });
    let after = market.as_(&lease).post(lease.path("extend"), longer).await.expect(200);
    assert_eq!(after["revision"], before["revision"].as_i64().unwrap() + 1);
    assert_eq!(after["price"], "580.00");
}

#[tokio::test]
async fn an_extension_keeps_the_units_and_moves_those_who_have_none_yet() {
    let market = Market::open().await;
    let offer = market.offer().units(2).await;
    let lease = market.lease(&offer).hours(1, 24).await;
    let later = market.lease(&offer).hours(100, 24).await;
    market.advance(Span::hours(2)).await;
    let units = lease.show(&market).await["units"][0]["first_unit"].clone();
    assert!(units.is_u64(), "a running lease knows its units");
    // Whichever unit the other one has, there is another for it.
    let longer = json!({ "ends_at": market.window(0, 200).1 });
    market.as_(&lease).post(lease.path("extend"), longer).await.expect(200);
    let extended = lease.show(&market).await;
    assert_eq!(extended["units"].as_array().map(Vec::len), Some(1), "{extended}");
    assert_eq!(extended["units"][0]["first_unit"], units);
    assert_eq!(later.show(&market).await["status"], "scheduled");
}

#[tokio::test]
async fn an_extension_on_other_units_asks_first() {
    let market = Market::open().await;
    let offer = market.offer().units(2).await;
    let mine = market.lease(&offer).hours(1, 24).await;
    let neighbour = market.lease(&offer).hours(1, 24).await;
    market.advance(Span::hours(2)).await;
    // A fault from the end of my lease on, on my unit; the neighbour's unit is free by then.
    let shown = mine.show(&market).await;
    let unit = shown["units"][0]["first_unit"].as_u64().unwrap();
    let fault = json!({
        "kind": "maintenance", "first_unit": unit, "end_unit": unit + 1, "reason": "new pump",
        "starts_at": shown["ends_at"],
    });
    let blocks = format!("/v1/pools/{}/blocks", offer.pool.id);
    market.as_(offer.provider()).post(blocks, fault).await.expect(201);
    let ends_at = market.window(0, 48).1;
    let longer = json!({ "ends_at": ends_at });
    let refusal = market.as_(&mine).post(mine.path("extend"), longer).await;
    let refusal = refusal.refused(409, "other_units");
    assert_eq!(refusal["from"], shown["ends_at"]);
    assert_eq!(mine.show(&market).await, shown);
    let longer = json!({ "ends_at": ends_at, "accept_other_units": true });
    market.as_(&mine).post(mine.path("extend"), longer).await.expect(200);
    assert_eq!(mine.show(&market).await["units"].as_array().map(Vec::len), Some(2));
    assert_eq!(neighbour.show(&market).await["status"], "active");
}

#[tokio::test]
async fn a_shrink_gives_units_back_at_once() {
    let market = Market::open().await;
    let offer = market.offer().units(4).await;
    let lease = market.lease(&offer).gpus(32).hours(24 * 10, 240).await;
    let rival = market.tenant().await;
    let window = market.window(24 * 10, 240);
    market.as_(&rival).book(&offer, 8, window).await.refused(409, "not_enough_units");
    let less = json!({ "tranche_id": lease.view["schedule"][0]["id"], "gpus": 8 });
    let shrunk = market.as_(&lease).post(lease.path("shrink"), less).await.expect(200);
    assert_eq!(shrunk["schedule"][0]["gpus"], 24);
    assert_eq!(shrunk["revision"], 2);
    // More than a week before its start it costs nothing.
    assert_eq!(shrunk["price"], "14400.00");
    market.as_(&rival).book(&offer, 8, window).await.expect(201);
    market.as_(&rival).book(&offer, 8, window).await.refused(409, "not_enough_units");
}

#[tokio::test]
async fn a_shrink_that_makes_no_sense_changes_nothing() {
    let market = Market::open().await;
    let offer = market.offer().units(4).await;
    let lease = market.lease(&offer).gpus(16).hours(24, 24).await;
    let before = lease.show(&market).await;
    let tranche = lease.view["schedule"][0]["id"].clone();
    let shrink = async |body: Value| market.as_(&lease).post(lease.path("shrink"), body).await;
    for gpus in [0, 3, 24, u32::MAX] {
        shrink(json!({ "tranche_id": tranche, "gpus": gpus })).await.refused(422, "not_releasable");
    }
    let all = json!({ "tranche_id": tranche, "gpus": 16 });
    shrink(all).await.refused(409, "nothing_left");
    let past = json!({ "tranche_id": tranche, "gpus": 8, "from": market.window(500, 1).0 });
    shrink(past).await.refused(422, "outside_tranche");
    assert_eq!(lease.show(&market).await, before);
}

#[tokio::test]
async fn a_running_lease_that_shrinks_keeps_its_past() {
    let market = Market::open().await;
    let offer = market.offer().units(2).await;
    let lease = market.lease(&offer).gpus(16).hours(1, 24).await;
    market.advance(Span::hours(13)).await;
    let less = json!({ "tranche_id": lease.view["schedule"][0]["id"], "gpus": 8 });
    let shrunk = market.as_(&lease).post(lease.path("shrink"), less).await.expect(200);
    let schedule: Vec<(u64, &Value, &Value)> = shrunk["schedule"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["gpus"].as_u64().unwrap(), &line["starts_at"], &line["ends_at"]))
        .collect();
    let now = json!(market.now());
    let (start, end) = (&lease.view["starts_at"], &lease.view["ends_at"]);
    assert_eq!(schedule, [(16, start, &now), (8, &now, end)]);
    assert_eq!(shrunk["gpus_now"], 8);
    market.advance(Span::hours(12)).await;
    assert_eq!(lease.show(&market).await["status"], "ended");
}

#[tokio::test]
async fn a_stale_revision_is_refused_and_changes_nothing() {
    let market = Market::open().await;
    let offer = market.offer().units(2).await;
    let lease = market.lease(&offer).hours(1, 24).await;
    let longer = |hours| json!({ "ends_at": market.window(1, hours).1 });
    let client = market.as_(&lease);
    client.post(lease.path("extend"), longer(30)).if_match(1).await.expect(200);
    let stale = client.post(lease.path("extend"), longer(40)).if_match(1).await;
    stale.refused(412, "stale_revision");
    let answer = client.get(lease.path("")).await;
    assert_eq!(answer.revision(), 2);
    assert_eq!(answer.expect(200)["ends_at"], json!(market.window(1, 30).1));
}

// ── Giving up ────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn cancelling_costs_what_was_told_before() {
    let market = Market::open().await;
    let offer = market.offer().units(1).await;
    let lease = market.lease(&offer).hours(48, 100).await;
    let client = market.as_(&lease);
    let why = json!({ "reason": "no budget" });
    let refusal = client.post(lease.path("cancel"), why).await;
    let refusal = refusal.refused(409, "cancellation_quote_missing");
    assert_eq!(refusal["charge"], "1000.00");
    let told = client.post(lease.path("cancellation-quote"), json!({})).await.expect(201);
    assert_eq!((&told["charge"], &told["refund"]), (&json!("1000.00"), &json!("1000.00")));
    let act = json!({ "cancellation_quote_id": told["id"], "reason": "no budget" });
    let cancelled = client.post(lease.path("cancel"), act.clone()).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["price"], "1000.00");
    assert_eq!(cancelled["end"]["reason"], "no budget");
    client.post(lease.path("cancel"), act).await.refused(409, "lease_is_over");
    // The unit is free again.
    market.lease(&offer).hours(48, 100).await;
}

#[tokio::test]
async fn cancelling_early_enough_is_free() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let lease = market.lease(&offer).hours(24 * 7, 100).await;
    let why = json!({ "reason": "another plan" });
    let cancelled = market.as_(&lease).post(lease.path("cancel"), why).await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["price"]), (&json!("cancelled"), &json!("0.00")));
}

#[tokio::test]
async fn a_cancellation_quote_is_void_once_the_lease_has_changed() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let lease = market.lease(&offer).hours(48, 100).await;
    let client = market.as_(&lease);
    let told = client.post(lease.path("cancellation-quote"), json!({})).await.expect(201);
    let longer = json!({ "ends_at": market.window(0, 400).1 });
    client.post(lease.path("extend"), longer).await.expect(200);
    let act = json!({ "cancellation_quote_id": told["id"], "reason": "no budget" });
    client.post(lease.path("cancel"), act).await.refused(409, "cancellation_quote_stale");
    assert_eq!(lease.show(&market).await["status"], "scheduled");
}

#[tokio::test]
async fn ending_early_frees_the_rest() {
    let market = Market::open().await;
    let offer = market.offer().units(1).await;
    let lease = market.lease(&offer).hours(1, 100).await;
    market.advance(Span::hours(51)).await;
    let client = market.as_(&lease);
    let why = json!({ "reason": "done" });
    client.post(lease.path("cancel"), why).await.refused(409, "lease_has_begun");
    let told = client.post(lease.path("cancellation-quote"), json!({})).await.expect(201);
    let act = json!({ "cancellation_quote_id": told["id"], "reason": "done" });
    let ended = client.post(lease.path("end"), act).await.expect(200);
    assert_eq!(ended["status"], "terminated");
    assert_eq!(ended["ends_at"], json!(market.now()));
    market.lease(&offer).hours(0, 10).await;
}

#[tokio::test]
async fn a_lease_whose_end_has_passed_can_no_longer_be_ended_early() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let lease = market.lease(&offer).hours(1, 24).await;
    market.advance(Span::hours(2)).await;
    // The clock moves past the end; the reconciler has not come by yet.
    market.pass(Span::days(1).delta());
    let client = market.as_(&lease);
    let why = json!({ "reason": "done" });
    client.post(lease.path("end"), why).await.refused(409, "lease_is_over");
    let longer = json!({ "ends_at": market.window(0, 10).1 });
    client.post(lease.path("extend"), longer).await.refused(409, "lease_is_over");
    market.run_due().await;
    assert_eq!(lease.show(&market).await["status"], "ended");
}
