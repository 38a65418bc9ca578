//! Booking and what becomes of it: each test is a complaint about today's systems, answered.

use chrono::TimeDelta;
use leasehold::kernel::Span;
use serde_json::{Value, json};

use crate::support::{Market, booking, id_of, tranche};

fn without(mut value: Value, fields: &[&str]) -> Value {
    for field in fields {
        value.as_object_mut().unwrap().remove(*field);
    }
    value
}

// ── Windows ──────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn leases_that_touch_do_not_overlap() {
    let market = Market::open().await;
    let offer = market.offer().units(1).await;
    let (early, middle, late) =
        (market.window(2, 24), market.window(26, 24), market.window(50, 24));
    for window in [middle, early, late] {
        market.lease(&offer).during(window).await;
    }
    let tenant = market.tenant().await;
    let straddling = (middle.1 - TimeDelta::microseconds(1), middle.1 + TimeDelta::hours(1));
    market.as_(&tenant).book(&offer, 8, straddling).await.refused(409, "not_enough_units");
}

#[tokio::test]
async fn a_unit_is_free_in_the_instant_a_lease_ends() {
    let market = Market::open().await;
    let offer = market.offer().units(1).await;
    let first = market.lease(&offer).hours(1, 24).await;
    market.advance(Span::hours(25)).await;
    let (second_tenant, now) = (market.tenant().await, market.window(0, 5));
    market.as_(&second_tenant).book(&offer, 8, now).await.expect(201);
    assert_eq!(first.show(&market).await["status"], "ended");
}

#[tokio::test]
async fn start_and_end_happen_at_their_time_and_say_so() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let lease = market.lease(&offer).hours(1, 24).await;
    assert_eq!(lease.view["status"], "scheduled");
    market.advance(Span::from_seconds(3599).unwrap()).await;
    assert_eq!(lease.show(&market).await["status"], "scheduled");
    market.advance(Span::from_seconds(1).unwrap()).await;
    assert_eq!(lease.show(&market).await["status"], "active");
    // Nobody looks for a month; the end is still that of the contract.
    market.advance(Span::days(30)).await;
    let ended = lease.show(&market).await;
    assert_eq!(ended["status"], "ended");
    assert_eq!(ended["end"]["at"], lease.view["ends_at"]);
    for why in ["by", "code", "reason"] {
        assert!(ended["end"][why].as_str().is_some_and(|text| !text.is_empty()), "{ended}");
    }
    let events = market.as_(&lease).get(lease.path("events")).await.expect(200);
    let actions: Vec<&str> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["lease.booked", "lease.started", "lease.ended"]);
}

#[tokio::test]
async fn a_lease_that_is_extended_at_the_last_moment_does_not_end() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let lease = market.lease(&offer).hours(1, 24).await;
    market.advance(Span::hours(24)).await;
    let longer = json!({ "ends_at": market.window(0, 48).1 });
    market.as_(&lease).post(lease.path("extend"), longer).await.expect(200);
    market.advance(Span::hours(2)).await;
    assert_eq!(lease.show(&market).await["status"], "active");
}

// ── What a lease says ────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn a_lease_repeats_what_was_agreed() {
    let market = Market::open().await;
    let offer = market.offer().rate("1.875").await;
    let lease = market.lease(&offer).gpus(16).hours(10, 100).await;
    let view = &lease.view;
    assert_eq!(view["schedule"][0]["rate_per_gpu_hour"], "1.875");
    assert_eq!(view["schedule"][0]["gpus"], 16);
    assert_eq!(view["schedule"][0]["units"], 2);
    assert_eq!(view["price"], "3000.00");
    assert_eq!(view["currency"], "USD");
    assert_eq!(view["terms_hash"].as_str().map(str::len), Some(64));
    assert_eq!(view["tenant"]["name"], lease.tenant.name.as_str());
    // 2 units × 10.2 kW × 1.1
    assert_eq!(view["schedule"][0]["mw"], "0.02244");
}

#[tokio::test]
async fn what_is_signed_does_not_change_with_the_offer() {
    let market = Market::open().await;
    let offer = market.offer().rate("2.00").await;
    let lease = market.lease(&offer).await;
    let path = format!("/v1/offers/{}", offer.id);
    let dearer = json!({ "rate_per_gpu_hour": "9.00" });
    market.as_(offer.provider()).patch(path, dearer).await.expect(200);
    let shown = lease.show(&market).await;
    assert_eq!(shown["schedule"][0]["rate_per_gpu_hour"], "2.00");
    assert_eq!(shown["price"], lease.view["price"]);
}

// ── Quotes ───────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn a_quote_holds_its_units_until_it_expires() {
    let market = Market::open().await;
    let offer = market.offer().units(1).await;
    let (tenant, rival) = (market.tenant().await, market.tenant().await);
    let window = market.window(24, 24);
    let mut wish = booking(&offer, 8, window);
    wish["hold"] = true.into();
    let quote = market.as_(&tenant).post("/v1/quotes", wish).await.expect(201);
    assert_eq!(quote["price"], "480.00");
    market.as_(&rival).book(&offer, 8, window).await.refused(409, "not_enough_units");
    let expires_at = quote["expires_at"].as_str().unwrap().parse().unwrap();
    market.advance_to(expires_at).await;
    market.as_(&rival).book(&offer, 8, window).await.expect(201);
    let late = json!({ "quote_id": quote["id"] });
    market.as_(&tenant).post("/v1/leases", late).await.refused(409, "quote_closed");
}

#[tokio::test]
async fn a_quote_becomes_one_lease_at_its_price() {
    let market = Market::open().await;
    let offer = market.offer().units(1).await;
    let tenant = market.tenant().await;
    let client = market.as_(&tenant);
    let mut wish = booking(&offer, 8, market.window(24, 24));
    wish["hold"] = true.into();
    let quote = client.post("/v1/quotes", wish).await.expect(201);
    let dearer = json!({ "rate_per_gpu_hour": "99" });
    let path = format!("/v1/offers/{}", offer.id);
    market.as_(offer.provider()).patch(path, dearer).await.expect(200);
    let act = json!({ "quote_id": quote["id"] });
    let lease = client.post("/v1/leases", act.clone()).await.expect(201);
    assert_eq!(lease["price"], quote["price"]);
    assert_eq!(lease["quote_id"], quote["id"]);
    client.post("/v1/leases", act).await.refused(409, "quote_closed");
}

#[tokio::test]
async fn anothers_quote_is_not_there() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let (tenant, rival) = (market.tenant().await, market.tenant().await);
    let wish = booking(&offer, 8, market.window(24, 24));
    let quote = market.as_(&tenant).post("/v1/quotes", wish).await.expect(201);
    let act = json!({ "quote_id": quote["id"] });
    market.as_(&rival).post("/v1/leases", act).await.refused(404, "not_found");
}

// ── Approval ─────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn a_request_holds_its_units_until_it_is_answered() {
    let market = Market::open().await;
    let offer = market.offer().units(1).approval().await;
    let lease = market.lease(&offer).hours(24, 24).await;
    assert_eq!(lease.view["status"], "requested");
    let rival = market.tenant().await;
    let window = market.window(24, 24);
    market.as_(&rival).book(&offer, 8, window).await.refused(409, "not_enough_units");
    let client = market.as_(offer.provider());
    market.as_(&lease).post(lease.path("approve"), json!({})).await.refused(403, "forbidden");
    let why = json!({ "reason": "not this month" });
    let rejected = client.post(lease.path("reject"), why).await.expect(200);
    assert_eq!(rejected["status"], "rejected");
    assert_eq!(lease.show(&market).await["end"]["reason"], "not this month");
    let second = market.lease(&offer).by(&rival).during(window).await;
    let approved = client.post(second.path("approve"), json!({})).await.expect(200);
    assert_eq!(approved["status"], "scheduled");
    client.post(second.path("approve"), json!({})).await.refused(409, "nothing_to_approve");
    market.advance(Span::hours(24)).await;
    assert_eq!(second.show(&market).await["status"], "active");
}

#[tokio::test]
async fn a_request_without_an_answer_lapses_at_its_start() {
    let market = Market::open().await;
    let offer = market.offer().units(1).approval().await;
    let lease = market.lease(&offer).hours(24, 24).await;
    market.advance(Span::hours(24)).await;
    let lapsed = lease.show(&market).await;
    assert_eq!(lapsed["status"], "rejected");
    assert_eq!(lapsed["price"], "0.00");
    assert_eq!(lapsed["end"]["code"], "not_approved_in_time");
    let client = market.as_(offer.provider());
    client.post(lease.path("approve"), json!({})).await.refused(409, "lease_is_over");
}

// ── Placement ────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn what_is_counted_free_can_be_booked_however_it_lies() {
    let market = Market::open().await;
    // Three units, and bookings that lie crosswise: at every instant one unit is free over the whole
    // stretch only if the others make way.
    let offer = market.offer().units(3).await;
    for (from, hours) in [(100, 10), (110, 10), (120, 10), (105, 10), (115, 10), (100, 5), (125, 5)]
    {
        market.lease(&offer).hours(from, hours).await;
    }
    let tenant = market.tenant().await;
    market.as_(&tenant).book(&offer, 8, market.window(100, 30)).await.expect(201);
    let full = market.as_(&tenant).book(&offer, 8, market.window(100, 30)).await;
    full.refused(409, "not_enough_units");
}

#[tokio::test]
async fn a_ramp_is_booked_whole_or_not_at_all() {
    let market = Market::open().await;
    let offer = market.offer().units(4).await;
    let tenant = market.tenant().await;
    market.lease(&offer).gpus(16).hours(200, 100).await;
    let ramp = |second: u32| {
        json!({ "tranches": [
            tranche(&offer, 32, market.window(100, 100)),
            tranche(&offer, second, market.window(200, 100)),
        ]})
    };
    let before = market.database.row_counts().await;
    let client = market.as_(&tenant);
    let refusal = client.post("/v1/leases", ramp(24)).await.refused(409, "not_enough_units");
    assert_eq!(refusal["shortfall"]["at"], json!(market.window(200, 1).0), "{refusal}");
    let after = market.database.row_counts().await;
    let written = |counts: &[(String, i64)]| -> Vec<(String, i64)> {
        let of_people = ["sessions", "refresh_tokens", "audit_records", "signing_keys"];
        let kept = counts.iter().filter(|(table, _)| !of_people.contains(&table.as_str()));
        kept.cloned().collect()
    };
    assert_eq!(written(&before), written(&after));
    let lease = client.post("/v1/leases", ramp(16)).await.expect(201);
    assert_eq!(lease["schedule"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn units_of_one_island_are_asked_for_by_name() {
    let market = Market::open().await;
    let offer = market.offer().units(8).pool_with("units_per_island", 4).await;
    let tenant = market.tenant().await;
    let mut wish = booking(&offer, 40, market.window(24, 24));
    wish["placement"] = "island".into();
    market.as_(&tenant).post("/v1/leases", wish.clone()).await.refused(409, "no_island");
    wish["placement"] = "any".into();
    market.as_(&tenant).post("/v1/leases", wish).await.expect(201);
}

// ── Rehearsals, keys, rights ─────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn a_rehearsed_booking_says_the_same_and_writes_nothing() {
    let market = Market::open().await;
    let offer = market.offer().units(1).await;
    let tenant = market.tenant().await;
    let client = market.as_(&tenant);
    let wish = booking(&offer, 8, market.window(24, 24));
    client.get("/v1/me").await.expect(200);
    let before = market.database.row_counts().await;
    let rehearsed = client.post("/v1/leases", wish.clone()).dry_run().await.expect(201);
    assert_eq!(market.database.row_counts().await, before);
    // Not in memory either: the unit is still free, for both kinds of request.
    let again = client.post("/v1/leases", wish.clone()).dry_run().without_key().await.expect(201);
    let booked = client.post("/v1/leases", wish.clone()).await.expect(201);
    let ids = ["id", "schedule"];
    assert_eq!(without(rehearsed, &ids), without(again, &ids));
    client.post("/v1/leases", wish).dry_run().await.refused(409, "not_enough_units");
    assert_eq!(booked["status"], "scheduled");
}

#[tokio::test]
async fn a_booking_needs_a_key_and_is_replayed_under_it() {
    let market = Market::open().await;
    let offer = market.offer().units(1).await;
    let tenant = market.tenant().await;
    let client = market.as_(&tenant);
    let wish = booking(&offer, 8, market.window(24, 24));
    let keyless = client.post("/v1/leases", wish.clone()).without_key().await;
    keyless.refused(400, "idempotency_key_missing");
    let first = client.post("/v1/leases", wish.clone()).key("k").await;
    let second = client.post("/v1/leases", wish).key("k").await;
    assert_eq!((first.status, &first.text), (second.status, &second.text));
    assert_eq!(first.headers.get("etag"), second.headers.get("etag"));
}

#[tokio::test]
async fn a_refusal_is_not_kept_under_its_key() {
    let market = Market::open().await;
    let offer = market.offer().units(1).await;
    let taken = market.lease(&offer).hours(24 * 8, 24).await;
    let tenant = market.tenant().await;
    let client = market.as_(&tenant);
    let wish = booking(&offer, 8, market.window(24 * 8, 24));
    client.post("/v1/leases", wish.clone()).key("k").await.refused(409, "not_enough_units");
    let why = json!({ "reason": "another plan" });
    market.as_(&taken).post(taken.path("cancel"), why).await.expect(200);
    client.post("/v1/leases", wish).key("k").await.expect(201);
}

#[tokio::test]
async fn only_verified_tenants_book() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let window = market.window(24, 24);
    let newcomer = market.registered(&["tenant"]).await;
    market.as_(&newcomer).book(&offer, 8, window).await.refused(403, "not_verified");
    let suspended = market.tenant().await;
    let path = format!("/v1/organizations/{}/suspend", suspended.id);
    let why = json!({ "reason": "papers expired" });
    market.as_(market.admin().await).post(path, why).await.expect(200);
    market.as_(&suspended).book(&offer, 8, window).await.refused(403, "not_verified");
    let provider = market.provider().await;
    market.as_(&provider).book(&offer, 8, window).await.refused(403, "forbidden");
}

#[tokio::test]
async fn anothers_lease_is_not_there_for_any_act() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let lease = market.lease(&offer).hours(24, 24).await;
    let stranger = market.verified(&["provider", "tenant"]).await;
    let client = market.as_(&stranger);
    let before = lease.show(&market).await;
    client.get(lease.path("")).await.refused(404, "not_found");
    let tranche = &lease.view["schedule"][0]["id"];
    for (act, body) in [
        ("approve", json!({})),
        ("reject", json!({ "reason": "mine now" })),
        ("cancel", json!({ "reason": "mine now" })),
        ("end", json!({ "reason": "mine now" })),
        ("extend", json!({ "ends_at": market.window(0, 100).1 })),
        ("shrink", json!({ "tranche_id": tranche, "gpus": 8 })),
        ("cancellation-quote", json!({})),
    ] {
        client.post(lease.path(act), body).await.refused(404, "not_found");
    }
    assert_eq!(lease.show(&market).await, before);
}

// ── Search ───────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn what_the_search_finds_can_be_booked() {
    let market = Market::open().await;
    let cheap = market.offer().units(2).rate("1.00").await;
    let dear = market.offer().units(2).rate("3.00").await;
    market.lease(&cheap).gpus(16).hours(1, 100).await;
    let tenant = market.tenant().await;
    let client = market.as_(&tenant);
    let need = json!({
        "gpus": 16, "duration": "PT48H", "earliest": market.window(1, 1).0,
        "latest": market.window(1, 200).1,
    });
    let found = client.post("/v1/search", need).await.expect(200);
    let options = found["options"].as_array().unwrap();
    let offers: Vec<&str> =
        options.iter().map(|option| option["offer_id"].as_str().unwrap()).collect();
    assert_eq!(offers, [&cheap.id, &dear.id], "{found}");
    assert_eq!(options[0]["starts_at"], json!(market.window(101, 1).0), "{found}");
    for option in options {
        let wish = json!({ "tranches": [{
            "offer_id": option["offer_id"], "gpus": 16,
            "starts_at": option["starts_at"], "ends_at": option["ends_at"],
        }]});
        client.post("/v1/leases", wish).await.expect(201);
    }
}

#[tokio::test]
async fn a_search_that_finds_nothing_says_why() {
    let market = Market::open().await;
    let offer = market.offer().units(1).rate("2.00").await;
    market.lease(&offer).hours(1, 1000).await;
    let tenant = market.tenant().await;
    let search = async |change: (&str, Value)| {
        let mut need = json!({
            "gpus": 8, "duration": "PT24H", "earliest": market.window(1, 1).0,
            "latest": market.window(1, 100).1,
        });
        need[change.0] = change.1;
        let found = market.as_(&tenant).post("/v1/search", need).await.expect(200);
        assert_eq!(found["options"], json!([]), "{found}");
        found["why_none"][0]["dimension"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(search(("gpus", json!(8))).await, "capacity");
    assert_eq!(search(("max_rate", json!("1.99"))).await, "rate");
    assert_eq!(search(("countries", json!(["DE"]))).await, "country");
    assert_eq!(search(("accelerators", json!(["a100-80gb"]))).await, "accelerator");
    assert_eq!(search(("gpus", json!(800))).await, "size");
}

// ── Lists ────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn lists_come_in_pages_newest_first_without_gaps() {
    let market = Market::open().await;
    let offer = market.offer().units(8).await;
    let tenant = market.tenant().await;
    let mut booked = Vec::new();
    for hour in 0..7 {
        let lease = market.lease(&offer).by(&tenant).hours(2 + hour, 5).await;
        booked.push(lease.id);
        market.advance(Span::from_seconds(1).unwrap()).await;
    }
    booked.reverse();
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut request = market.as_(&tenant).get("/v1/leases").query(&[("limit", "3")]);
        if let Some(cursor) = &cursor {
            request = request.query(&[("cursor", cursor)]);
        }
        let page = request.await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        seen.extend(items.iter().map(id_of));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, booked);
}
