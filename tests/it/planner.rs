//! Plans to free capacity: what they show, what they refuse, and what comes of them.

use chrono::TimeDelta;
use leasehold::kernel::Span;
use serde_json::{Value, json};

use crate::support::leases::Lease;
use crate::support::supply::recall;
use crate::support::{Market, Offer};

/// A pool of 20 units of 8 GPUs, callable with a day's notice, in steps of two.
async fn callable(market: &Market) -> Offer {
    let mut clause = recall("P1D");
    clause["partial_step"] = 2.into();
    market.offer().units(20).clauses(json!([clause])).await
}

/// A wish for `gpus` GPUs of the pool of `offer`, from five days from now on for a month.
fn wish(market: &Market, offer: &Offer, gpus: u32) -> Value {
    json!({
        "pool_id": offer.pool.id, "gpus": gpus, "by": market.now() + TimeDelta::days(5),
        "duration": "P30D",
    })
}

fn amount(value: &Value) -> f64 {
    value.as_str().unwrap_or_else(|| panic!("no amount: {value}")).parse().unwrap()
}

/// Which units the plan takes of which lease.
fn cuts(plan: &Value) -> Vec<(String, i64, bool)> {
    let cuts = plan["cuts"].as_array().unwrap().iter();
    cuts.map(|cut| {
        let lease = cut["lease_id"].as_str().unwrap().to_owned();
        (lease, cut["units"].as_i64().unwrap(), cut["is_voluntary"].as_bool().unwrap())
    })
    .collect()
}

async fn two_leases(market: &Market, offer: &Offer) -> (Lease, Lease) {
    let long = market.lease(offer).gpus(80).hours(1, 24 * 200).await;
    let short = market.lease(offer).gpus(64).hours(1, 24 * 20).await;
    market.advance(Span::hours(2)).await;
    (long, short)
}

#[tokio::test]
async fn a_plan_takes_what_is_free_first_and_then_what_costs_least() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let (long, short) = two_leases(&market, &offer).await;
    let provider = market.as_(offer.pool.provider.clone());

    // Two units are free; nothing needs to be taken for them.
    let free = provider.post("/v1/reclaim-plans", wish(&market, &offer, 16)).await.expect(201);
    assert_eq!(free["cuts"], json!([]));
    assert_eq!(
        (&free["compensation"], &free["free_already"]["gpus"]),
        (&json!("0.00"), &json!(16))
    );

    // Six more: of the lease that has less time left to give back.
    let asked = wish(&market, &offer, 64);
    let plan = provider.post("/v1/reclaim-plans", asked.clone()).await.expect(201);
    assert_eq!(cuts(&plan), [(short.id.clone(), 6, false)], "{plan}");
    assert_eq!((&plan["is_optimal"], &plan["gap"]), (&json!(true), &json!(0.0)));
    assert_eq!(plan["free_then"]["gpus"], 64);
    let cut = &plan["cuts"][0];
    let by = market.now() + TimeDelta::days(5);
    assert_eq!(
        (&cut["effective_at"], &cut["serve_at"]),
        (&json!(by), &json!(by - TimeDelta::days(2)))
    );
    assert_eq!((&cut["of_units"], &cut["action"]), (&json!(8), &json!("partial")));
    assert_eq!(cut["ground"], "recall.callable");
    // 48 GPUs at 2.50, from five days from now to the end, and a tenth on top.
    let hours = f64::from(24 * 20 + 1 - 2 - 24 * 5);
    assert!((amount(&plan["unused"]) - 2.5 * 48.0 * hours).abs() < 0.01, "{plan}");
    assert!((amount(&plan["compensation"]) - 1.1 * 2.5 * 48.0 * hours).abs() < 0.02, "{plan}");

    // What is left of a lease after the period goes back to it, and is not paid for.
    assert_eq!(cut["until"], Value::Null, "it is over by then");
    let more = provider.post("/v1/reclaim-plans", wish(&market, &offer, 128)).await.expect(201);
    let of_long = more["cuts"].as_array().unwrap().iter().find(|it| it["lease_id"] == long.id);
    let of_long = of_long.expect("the short one is not enough");
    assert_eq!(of_long["until"], json!(by + TimeDelta::days(30)), "{more}");
    let hours = f64::from(24 * 30);
    let gpus = of_long["gpus"].as_f64().unwrap();
    assert!((amount(&of_long["unused"]) - 2.5 * gpus * hours).abs() < 0.01, "{more}");

    // Kept, listed, and not served: the tenants know nothing.
    let path = format!("/v1/reclaim-plans/{}", plan["id"].as_str().unwrap());
    assert_eq!(provider.get(&path).await.expect(200), plan);
    let listed = provider.get("/v1/reclaim-plans").await.expect(200);
    let listed = listed["items"].as_array().unwrap();
    assert!(listed.len() == 3 && listed.iter().any(|one| one["id"] == plan["id"]), "{listed:?}");
    assert_eq!(short.show(&market).await["noticed"], false);
    for stranger in [&long.tenant, &short.tenant] {
        market.as_(stranger).get(&path).await.refused(404, "not_found");
        market
            .as_(stranger)
            .post("/v1/reclaim-plans", asked.clone())
            .await
            .refused(404, "not_found");
    }

    // In MW: a unit draws 10.2 kW behind a PUE of 1.1.
    let mut in_mw = wish(&market, &offer, 1);
    in_mw.as_object_mut().unwrap().remove("gpus");
    in_mw["mw"] = json!("0.05");
    let in_mw = provider.post("/v1/reclaim-plans", in_mw).await.expect(201);
    assert_eq!(
        cuts(&in_mw),
        [(short.id.clone(), 4, false)],
        "six units are 0.067 MW, four are 0.045"
    );
}

#[tokio::test]
async fn a_plan_becomes_cases_in_one_call_and_only_once() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let (_, short) = two_leases(&market, &offer).await;
    let provider = market.as_(offer.pool.provider.clone());
    let plan = provider.post("/v1/reclaim-plans", wish(&market, &offer, 64)).await.expect(201);
    let path = format!("/v1/reclaim-plans/{}/cases", plan["id"].as_str().unwrap());
    let why = json!({ "reason": "a large job" });
    provider.post(&path, why.clone()).without_key().await.refused(400, "idempotency_key_missing");
    provider.post(&path, json!({})).await.refused(422, "invalid_field");
    let rehearsed = provider.post(&path, why.clone()).dry_run().await.expect(200);
    assert_eq!(rehearsed["carried_out"]["case_ids"].as_array().unwrap().len(), 1);
    assert_eq!(provider.get("/v1/reclaim-cases").await.expect(200)["items"], json!([]));

    let done = provider.post(&path, why.clone()).key("once").await.expect(200);
    assert_eq!(provider.post(&path, why.clone()).key("once").await.expect(200), done);
    let case = done["carried_out"]["case_ids"][0].as_str().unwrap();
    let case = provider.get(format!("/v1/reclaim-cases/{case}")).await.expect(200);
    assert_eq!((&case["state"], &case["lease_id"]), (&json!("draft"), &json!(short.id)));
    assert_eq!((&case["units"], &case["reason"]), (&json!(6), &json!("a large job")));
    provider.post(&path, why.clone()).await.refused(409, "plan_used");

    // With that case open the lease is left out of the next plan; one made before is outdated.
    let next = provider.post("/v1/reclaim-plans", wish(&market, &offer, 64)).await.expect(201);
    assert_ne!(cuts(&next)[0].0, short.id);
    assert_eq!(next["left_out"], json!([{ "reason": "another_case_open", "count": 1 }]));
    let path = format!("/v1/reclaim-plans/{}/cases", next["id"].as_str().unwrap());
    market.advance(Span::days(6)).await;
    let refused = provider.post(&path, why).await.refused(409, "plan_outdated");
    assert!(refused["detail"].as_str().unwrap().contains("has passed"), "{refused}");
}

#[tokio::test]
async fn volunteers_go_first_at_their_price_and_are_bought_back() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let (long, short) = two_leases(&market, &offer).await;
    let provider = market.as_(offer.pool.provider.clone());
    let willing = json!({ "gpus": 32, "premium_per_gpu_hour": "1.00", "notice": "P2D" });
    let path = long.path("volunteer");
    provider.post(&path, willing.clone()).await.refused(403, "forbidden");
    market.as_(&short.tenant).post(&path, willing.clone()).await.refused(404, "not_found");
    for (field, value) in [
        ("gpus", json!(12)),
        ("gpus", json!(0)),
        ("gpus", json!(88)),
        ("notice", json!("P366D")),
        ("premium_per_gpu_hour", json!("-1")),
    ] {
        let mut bad = willing.clone();
        bad[field] = value;
        market.as_(&long.tenant).post(&path, bad).await.refused(422, "invalid_field");
    }
    let offered = market.as_(&long.tenant).post(&path, willing.clone()).await.expect(201);
    market.as_(&long.tenant).post(&path, willing).await.refused(409, "volunteering_already");

    let asked = wish(&market, &offer, 64);
    let plan = provider.post("/v1/reclaim-plans", asked.clone()).await.expect(201);
    let expected = [(long.id.clone(), 4, true), (short.id.clone(), 2, false)];
    assert_eq!(cuts(&plan), expected, "{plan}");
    assert_eq!(plan["alternatives"][0]["how"], "without volunteers");
    assert!(amount(&plan["alternatives"][0]["compensation"]) < amount(&plan["compensation"]));
    let mut thrifty = asked.clone();
    thrifty["max_premium"] = json!("0.99");
    let thrifty = provider.post("/v1/reclaim-plans", thrifty).await.expect(201);
    assert_eq!(cuts(&thrifty), [(short.id.clone(), 6, false)]);

    let path = format!("/v1/reclaim-plans/{}/cases", plan["id"].as_str().unwrap());
    let before = long.show(&market).await;
    let done = provider.post(&path, json!({ "reason": "a large job" })).await.expect(200);
    let bought = &done["carried_out"]["bought_back"][0];
    assert_eq!((&bought["lease_id"], &bought["units"]), (&json!(long.id), &json!(4)));
    let after = long.show(&market).await;
    let returned = amount(&before["price"]) - amount(&after["price"]);
    assert!((returned - amount(&bought["refund"])).abs() < 0.005);
    assert_eq!(bought["effective_at"], asked["by"]);
    assert_eq!(after["gpus_now"], 80, "until then nothing changes");
    market.advance(Span::days(5)).await;
    assert_eq!(long.show(&market).await["gpus_now"], 48);
    let id = offered["id"].as_str().unwrap();
    let listed =
        provider.get(format!("/v1/reclaim-volunteers?lease={}", long.id)).await.expect(200);
    assert_eq!(listed["items"][0]["state"], "taken");
    let withdraw = format!("/v1/reclaim-volunteers/{id}/withdraw");
    market.as_(&long.tenant).post(withdraw, json!({})).await.refused(409, "volunteer_closed");
}

#[tokio::test]
async fn an_offer_that_is_withdrawn_makes_the_plan_void() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let (long, _) = two_leases(&market, &offer).await;
    let provider = market.as_(offer.pool.provider.clone());
    let willing = json!({ "units": 4, "premium_per_gpu_hour": "1.00" });
    let offered = market.as_(&long.tenant).post(long.path("volunteer"), willing).await.expect(201);
    let plan = provider.post("/v1/reclaim-plans", wish(&market, &offer, 48)).await.expect(201);
    let withdraw = format!("/v1/reclaim-volunteers/{}/withdraw", offered["id"].as_str().unwrap());
    provider.post(&withdraw, json!({})).await.refused(403, "forbidden");
    market.as_(&long.tenant).post(&withdraw, json!({})).await.expect(200);
    let path = format!("/v1/reclaim-plans/{}/cases", plan["id"].as_str().unwrap());
    provider.post(path, json!({ "reason": "a job" })).await.refused(409, "volunteer_closed");
    assert_eq!(provider.get("/v1/reclaim-cases").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_met_says_how_much_can_be_free_and_when() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let (_, short) = two_leases(&market, &offer).await;
    let provider = market.as_(offer.pool.provider.clone());
    let mut soon = wish(&market, &offer, 64);
    soon["by"] = json!(market.now() + TimeDelta::hours(30));
    let refused = provider.post("/v1/reclaim-plans", soon).await.refused(409, "plan_cannot_be_met");
    assert_eq!(refused["can_be_free"]["gpus"], 16, "no notice can run out by then");
    // A day for the approvals, one in which nobody may read the notice, and the notice; the full hour after
    // that leaves some minutes to ask for it.
    assert_eq!(refused["next_date"], json!(market.now() + TimeDelta::hours(73)));
    assert_eq!(refused["later"][0]["gpus"], 160);

    // More than there is, ever.
    let all = wish(&market, &offer, 161);
    let refused = provider.post("/v1/reclaim-plans", all).await.refused(409, "plan_cannot_be_met");
    assert_eq!(
        (&refused["can_be_free"]["gpus"], &refused["next_date"]),
        (&json!(160), &Value::Null)
    );

    // Without a clause it is the end of a lease that one waits for.
    let fixed = market.offer().units(4).clauses(json!([])).await;
    let lease = market.lease(&fixed).gpus(32).hours(1, 240).await;
    let asked = wish(&market, &fixed, 8);
    let client = market.as_(fixed.pool.provider.clone());
    let refused = client.post("/v1/reclaim-plans", asked).await.refused(409, "plan_cannot_be_met");
    assert_eq!(refused["next_date"], lease.view["ends_at"]);
    assert_eq!(provider.get("/v1/reclaim-plans").await.expect(200)["items"], json!([]));
    assert_eq!(short.show(&market).await["status"], "active");
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let provider = market.as_(offer.pool.provider.clone());
    let good = wish(&market, &offer, 8);
    for (field, value) in [
        ("gpus", json!(0)),
        ("gpus", json!(1_000_000_001_u64)),
        ("gpus", json!(-1)),
        ("mw", json!("1")),
        ("site_id", json!(offer.pool.site)),
        ("pool_id", Value::Null),
        ("by", json!("2020-01-01T00:00:00Z")),
        ("by", json!("2300-01-01T00:00:00Z")),
        ("duration", json!("PT0S")),
        ("duration", json!("-P1D")),
        ("duration", json!("P80000D")),
        ("until", json!("2199-01-01T00:00:00Z")),
        ("grounds", json!([])),
        ("grounds", json!(["harm.confirmed"])),
        ("grounds", json!(["whim"])),
        ("approval_time", json!("P366D")),
        ("max_premium", json!("-1")),
    ] {
        let mut bad = good.clone();
        bad[field] = value.clone();
        let answer = provider.post("/v1/reclaim-plans", bad).await;
        assert_eq!(answer.status.as_u16(), 422, "{field} {value}: {}", answer.text);
        answer.assert_problem();
    }
    for mw in ["0", "-1", "1e3", "0.0000001", "1000001", "NaN"] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove("gpus");
        bad["mw"] = json!(mw);
        provider.post("/v1/reclaim-plans", bad).await.refused(422, "invalid_field");
    }
    let viewer = market.member(&offer.pool.provider, "viewer").await;
    market.as_(&viewer).post("/v1/reclaim-plans", good.clone()).await.refused(403, "forbidden");
    let legal = market.staff("legal").await;
    market.as_(&legal).post("/v1/reclaim-plans", good).await.refused(403, "forbidden");
}

#[tokio::test]
async fn ten_thousand_of_two_hundred_and_twenty_thousand_gpus_come_back_for_six_months() {
    let market = Market::open().await;
    let mut clause = recall("P7D");
    clause["partial_step"] = 10.into();
    let offer = market
        .offer()
        .units(27_500)
        .with("rate_per_gpu_hour", "2.00")
        .with("max_gpus", 220_000)
        .clauses(json!([clause]))
        .await;
    // Four tenants hold all of it; three of them until long after, one for five months more.
    let mut leases = Vec::new();
    for (gpus, days) in [(100_000, 900), (60_000, 400), (56_000, 150), (4_000, 300)] {
        leases.push(market.lease(&offer).gpus(gpus).hours(1, 24 * days).await);
    }
    market.advance(Span::hours(2)).await;
    let provider = market.as_(offer.pool.provider.clone());
    let asked = json!({
        "pool_id": offer.pool.id, "gpus": 10_000, "by": market.now() + TimeDelta::days(30),
        "duration": "P182D", "grounds": ["recall.callable"],
    });
    let plan = provider.post("/v1/reclaim-plans", asked).await.expect(201);
    // The lease with the least time left is the cheapest; 1,250 units in steps of ten.
    assert_eq!(cuts(&plan), [(leases[2].id.clone(), 1_250, false)], "{plan}");
    assert_eq!(plan["is_optimal"], true);
    let hours = f64::from(24 * 150 + 1 - 2 - 24 * 30);
    assert!((amount(&plan["compensation"]) - 1.1 * 2.0 * 10_000.0 * hours).abs() < 1.0, "{plan}");

    // Carried out, approved, served in time, executed by the server: the lease goes on with the rest.
    let path = format!("/v1/reclaim-plans/{}/cases", plan["id"].as_str().unwrap());
    let done = provider.post(path, json!({ "reason": "a training run" })).await.expect(200);
    let case =
        format!("/v1/reclaim-cases/{}", done["carried_out"]["case_ids"][0].as_str().unwrap());
    provider.post(format!("{case}/submit"), json!({})).await.expect(200);
    let admin = market.admin().await;
    market.as_(admin).post(format!("{case}/approve"), json!({})).await.expect(200);
    let serve_at: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(plan["cuts"][0]["serve_at"].clone()).unwrap();
    market.advance_to(serve_at).await;
    let provider = market.as_(offer.pool.provider.clone());
    provider.post(format!("{case}/serve"), json!({})).await.expect(200);
    let tenant = market.as_(&leases[2].tenant);
    tenant.post(format!("{case}/acknowledge"), json!({})).await.expect(200);
    // Read at once, the notice has run out after seven days; the units are needed after ten.
    market.advance(Span::days(9)).await;
    assert_eq!(leases[2].show(&market).await["gpus_now"], 56_000);
    market.advance(Span::days(1)).await;
    let lease = leases[2].show(&market).await;
    assert_eq!((&lease["status"], &lease["gpus_now"]), (&json!("active"), &json!(46_000)));
    let rival = market.tenant().await;
    let window = (market.now(), market.now() + TimeDelta::days(182));
    market.as_(&rival).book(&offer, 10_000, window).await.expect(201);
}
