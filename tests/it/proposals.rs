//! What is proposed can be had: dates and sizes of refused plans, alternatives of refused bookings, options
//! of searches; and what a plan counts on is there, or it is refused.

use std::future::IntoFuture;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use leasehold::kernel::Span;
use serde_json::{Value, json};

use crate::support::leases::{Lease, booking, tranche};
use crate::support::supply::{id_of, recall};
use crate::support::{Market, Offer};

// ── Plans ────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn a_refused_plan_is_accepted_on_the_dates_and_in_the_sizes_that_it_proposes() {
    let market = Market::open().await;
    let offer = market.offer().units(20).clauses(json!([recall("PT31H")])).await;
    let long = market.lease(&offer).gpus(80).hours(1, 24 * 200).await;
    market.lease(&offer).gpus(64).hours(1, 24 * 20).await;
    market.advance(Span::hours(2)).await;
    let willing = json!({ "gpus": 16, "premium_per_gpu_hour": "1.00", "notice": "PT9H" });
    market.as_(&long.tenant).post(long.path("volunteer"), willing).await.expect(201);
    let provider = market.as_(offer.pool.provider.clone());
    let mut refusals = 0;
    for (gpus, hours, approval_time, max_premium) in [
        (32, 1, "P1D", Some("2.00")),
        (64, 1, "P1D", Some("2.00")),
        (64, 30, "PT0S", None),
        (64, 30, "PT90M", Some("0.99")),
        (160, 100, "P2D", None),
    ] {
        // An odd second of the hour.
        market.advance(Span::from_seconds(1_207).unwrap()).await;
        let mut wish = json!({
            "pool_id": offer.pool.id, "gpus": gpus, "by": market.now() + TimeDelta::hours(hours),
            "duration": "P30D", "approval_time": approval_time, "grounds": ["recall.callable"],
        });
        if let Some(premium) = max_premium {
            wish["max_premium"] = json!(premium);
        }
        let refused = provider.post("/v1/reclaim-plans", wish.clone()).await;
        let refused = refused.refused(409, "plan_cannot_be_met");
        refusals += 1;
        // Whoever reads it takes some minutes.
        market.advance(Span::from_seconds(14 * 60).unwrap()).await;
        let most = refused["can_be_free"]["gpus"].as_u64().unwrap();
        if most > 0 {
            let mut exact = wish.clone();
            exact["gpus"] = json!(most);
            provider.post("/v1/reclaim-plans", exact).await.expect(201);
        }
        let mut more = wish.clone();
        more["gpus"] = json!(most + 8);
        provider.post("/v1/reclaim-plans", more).await.refused(409, "plan_cannot_be_met");
        for later in refused["later"].as_array().unwrap() {
            let mut exact = wish.clone();
            (exact["by"], exact["gpus"]) = (later["by"].clone(), later["gpus"].clone());
            provider.post("/v1/reclaim-plans", exact).await.expect(201);
        }
        assert!(refused["next_date"].is_string(), "{refused}");
        wish["by"] = refused["next_date"].clone();
        provider.post("/v1/reclaim-plans", wish).await.expect(201);
    }
    assert_eq!(refusals, 5);
}

/// Two pools at one site, of `units` units of one GPU and of eight GPUs, offered under the same terms.
async fn two_sizes(market: &Market, units: (u32, u32), clauses: Value) -> (Offer, Offer) {
    let small = market.pool().units(units.0).gpus_per_unit(1).with("kw_per_unit", "1.234567").await;
    let large = market.pool().of(&small.provider).units(units.1);
    let large = large.with("kw_per_unit", "10.0003").with("site_id", small.site.clone()).await;
    let terms = market.terms(&small.provider, clauses).await;
    let small = market.offer().on(&small).with("terms_id", terms.clone()).await;
    let large = market.offer().on(&large).with("terms_id", terms).await;
    (small, large)
}

#[tokio::test]
async fn a_lease_over_pools_of_two_unit_sizes_can_free_what_counts_most() {
    let market = Market::open().await;
    let mut clause = recall("P1D");
    clause["action_max"] = json!("partial");
    let (small, large) = two_sizes(&market, (6, 4), json!([clause])).await;
    let tenant = market.tenant().await;
    let window = market.window(1, 24 * 100);
    let lines = json!({ "tranches": [tranche(&small, 6, window), tranche(&large, 32, window)] });
    market.as_(&tenant).post("/v1/leases", lines).await.expect(201);
    market.advance(Span::hours(2)).await;
    let provider = market.as_(small.provider());
    let wish = |gpus: u32| {
        json!({
            "site_id": small.pool.site, "gpus": gpus, "duration": "P30D",
            "by": market.now() + TimeDelta::days(10),
        })
    };
    let refused = provider.post("/v1/reclaim-plans", wish(33)).await;
    let refused = refused.refused(409, "plan_cannot_be_met");
    // Four units of 10.0003 kW behind a PUE of 1.1, to the watt.
    assert_eq!(refused["can_be_free"], json!({ "gpus": 32, "mw": "0.044001" }), "{refused}");
    let plan = provider.post("/v1/reclaim-plans", wish(32)).await.expect(201);
    assert_eq!(plan["free_then"], json!({ "gpus": 32, "mw": "0.044001" }), "{plan}");
    // In the other pool it is six units of a GPU, 1.358 kW each.
    let plan = provider.post("/v1/reclaim-plans", wish(5)).await.expect(201);
    let sizes = [json!({ "gpus": 5, "mw": "0.00679" }), json!({ "gpus": 8, "mw": "0.011" })];
    assert!(sizes.contains(&plan["free_then"]), "{plan}");
}

#[tokio::test]
async fn the_power_that_a_lease_shows_can_be_asked_for() {
    let market = Market::open().await;
    let offer = market.offer().units(40).pool_with("kw_per_unit", "10.203").await;
    for gpus in [8, 56, 64, 136] {
        let lease = market.lease(&offer).gpus(gpus).hours(1, 24 * 200).await;
        let mw = lease.view["schedule"][0]["mw"].clone();
        assert!(mw.is_string(), "{}", lease.view);
        let by = market.now() + TimeDelta::days(400);
        let wish = json!({ "pool_id": offer.pool.id, "mw": mw, "by": by, "duration": "P30D" });
        let provider = market.as_(offer.provider());
        let plan = provider.post("/v1/reclaim-plans", wish).await.expect(201);
        assert_eq!(plan["cuts"], json!([]), "the whole pool is free by then");
        let by = market.now() + TimeDelta::days(10);
        let all = json!({ "pool_id": offer.pool.id, "mw": plan["free_already"]["mw"], "by": by, "duration": "P30D" });
        let plan = provider.post("/v1/reclaim-plans", all).await.expect(201);
        assert_eq!(plan["free_then"]["gpus"], 320, "{plan}");
    }
}

// ── Offers to give back ──────────────────────────────────────────────────────────────────────────

async fn offers(market: &Market, lease: &Lease) -> Vec<(String, u64)> {
    let path = format!("/v1/reclaim-volunteers?lease={}", lease.id);
    let listed = market.as_(&lease.tenant).get(path).await.expect(200);
    let offers = listed["items"].as_array().unwrap().iter();
    offers
        .map(|it| (it["state"].as_str().unwrap().to_owned(), it["units"].as_u64().unwrap()))
        .collect()
}

#[tokio::test]
async fn an_offer_to_give_back_is_over_with_its_line() {
    let market = Market::open().await;
    let offer = market.offer().units(20).await;
    let tenant = market.tenant().await;
    let first = tranche(&offer, 80, market.window(1, 24 * 5));
    let second = tranche(&offer, 80, market.window(1 + 24 * 5, 24 * 200));
    let body = json!({ "tranches": [first, second] });
    let view = market.as_(&tenant).post("/v1/leases", body).await.expect(201);
    let lease = Lease { id: id_of(&view), tenant: tenant.clone(), offer: offer.clone(), view };
    let line = |number: usize| lease.view["schedule"][number]["id"].clone();
    let willing = |number: usize| json!({ "tranche_id": line(number), "units": 4, "premium_per_gpu_hour": "1.00" });
    let made = market.as_(&tenant).post(lease.path("volunteer"), willing(0)).await.expect(201);
    assert_eq!(offers(&market, &lease).await, [("open".to_owned(), 4)]);

    // Over from the instant on at which the line is, whenever somebody looks.
    market.pass(Span::days(6).delta());
    assert_eq!(offers(&market, &lease).await, [("over".to_owned(), 4)]);
    let withdraw = format!("/v1/reclaim-volunteers/{}/withdraw", made["id"].as_str().unwrap());
    market.as_(&tenant).post(withdraw, json!({})).await.refused(409, "volunteer_closed");
    let wish = json!({
        "pool_id": offer.pool.id, "gpus": 88, "by": market.now() + TimeDelta::days(5),
        "duration": "P30D",
    });
    let provider = market.as_(offer.provider());
    let plan = provider.post("/v1/reclaim-plans", wish.clone()).await.expect(201);
    assert_eq!(plan["cuts"][0]["is_voluntary"], false, "{plan}");

    // The server closes it, and the line that goes on can be offered.
    market.run_due().await;
    let mut owner = market.database.owner().await;
    let states: Vec<String> = sqlx::query_scalar("select state from reclaim_volunteers")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    assert_eq!(states, ["over"]);
    market.as_(&tenant).post(lease.path("volunteer"), willing(1)).await.expect(201);
    assert_eq!(offers(&market, &lease).await, [("open".to_owned(), 4), ("over".to_owned(), 4)]);
    let plan = provider.post("/v1/reclaim-plans", wish).await.expect(201);
    assert_eq!(plan["cuts"][0]["is_voluntary"], true, "{plan}");
}

#[tokio::test]
async fn an_offer_to_give_back_counts_for_no_more_units_than_its_line_has() {
    let market = Market::open().await;
    let offer = market.offer().units(10).clauses(json!([])).await;
    let lease = market.lease(&offer).gpus(80).hours(24 * 3, 24 * 200).await;
    let willing = json!({ "units": 8, "premium_per_gpu_hour": "1.00" });
    market.as_(&lease.tenant).post(lease.path("volunteer"), willing).await.expect(201);
    let less = json!({ "tranche_id": lease.view["schedule"][0]["id"], "gpus": 40 });
    market.as_(&lease.tenant).post(lease.path("shrink"), less).await.expect(200);
    assert_eq!(offers(&market, &lease).await, [("open".to_owned(), 5)]);
    // Five are free; of the five of the line one stays, since it is the only one.
    let wish = json!({
        "pool_id": offer.pool.id, "gpus": 80, "by": market.now() + TimeDelta::days(5),
        "duration": "P30D",
    });
    let provider = market.as_(offer.provider());
    let refused = provider.post("/v1/reclaim-plans", wish.clone()).await;
    let refused = refused.refused(409, "plan_cannot_be_met");
    assert_eq!(refused["can_be_free"]["gpus"], 72);
    let mut exact = wish;
    exact["gpus"] = json!(72);
    let plan = provider.post("/v1/reclaim-plans", exact).await.expect(201);
    let path = format!("/v1/reclaim-plans/{}/cases", plan["id"].as_str().unwrap());
    let done = provider.post(path, json!({ "reason": "a job" })).await.expect(200);
    assert_eq!(done["carried_out"]["bought_back"][0]["units"], 4);
    assert_eq!(offers(&market, &lease).await, [("taken".to_owned(), 8)]);
}

// ── Races ────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_carried_out_for_the_leases_that_it_was_made_for_or_not_at_all() {
    let market = Market::open().await;
    let mut rounds = Vec::new();
    for number in 0..16 {
        let is_voluntary = number % 2 == 0;
        let offer = market.offer().units(4).await;
        let lease = market.lease(&offer).gpus(32).hours(1, 24 * 30).await;
        if is_voluntary {
            let willing = json!({ "units": 2, "premium_per_gpu_hour": "10.00" });
            market.as_(&lease.tenant).post(lease.path("volunteer"), willing).await.expect(201);
        }
        let wish = json!({
            "pool_id": offer.pool.id, "gpus": 16, "by": market.now() + TimeDelta::days(10),
            "duration": "P10D",
        });
        let provider = market.as_(offer.provider());
        let plan = provider.post("/v1/reclaim-plans", wish).await.expect(201);
        assert_eq!(plan["cuts"][0]["is_voluntary"], json!(is_voluntary));
        rounds.push((offer, lease, plan));
    }
    let market = &market;
    let races = rounds.iter().enumerate().map(|(number, (offer, lease, plan))| async move {
        let path = format!("/v1/reclaim-plans/{}/cases", plan["id"].as_str().unwrap());
        let provider = market.as_(offer.provider());
        let carried_out = join_all(
            (0..4).map(|_| provider.post(&path, json!({ "reason": "a job" })).into_future()),
        );
        let longer = json!({ "ends_at": market.now() + TimeDelta::days(400) });
        let extended = market.as_(&lease.tenant).post(lease.path("extend"), longer).into_future();
        // Now one is a little earlier, now the other.
        let (carried_out, extended) = tokio::join!(
            async {
                tokio::time::sleep(std::time::Duration::from_millis(number as u64 % 4)).await;
                carried_out.await
            },
            extended
        );
        (lease, plan, carried_out, extended)
    });
    for (lease, plan, carried_out, extended) in join_all(races).await {
        let codes: Vec<_> = carried_out.iter().map(|it| it.status.as_u16()).collect();
        let done = carried_out.iter().filter(|it| it.status.as_u16() == 200).count();
        assert!(done <= 1 && codes.iter().all(|code| [200, 409].contains(code)), "{codes:?}");
        let shown = lease.show(market).await;
        let cut = &plan["cuts"][0];
        if done == 0 {
            for answer in carried_out {
                answer.refused(409, "plan_outdated");
            }
            extended.expect(200);
            assert_eq!(shown["revision"], 2, "{shown}");
            continue;
        }
        let done = carried_out.into_iter().find(|it| it.status.as_u16() == 200).unwrap().body;
        for bought in done["carried_out"]["bought_back"].as_array().unwrap() {
            // At the price that was planned, of the lease as it was planned with.
            assert_eq!(bought["refund"], cut["unused"], "{done}");
            let amount = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
            let owed = amount(&cut["compensation"]) - amount(&cut["unused"]);
            assert!((amount(&bought["premium"]) - owed).abs() < 0.005, "{done}");
        }
    }
}

// ── Alternatives and options ─────────────────────────────────────────────────────────────────────

/// Books what is proposed, and undoes it.
async fn assert_bookable(market: &Market, user: &crate::support::Organization, proposed: &Value) {
    let line = json!({
        "offer_id": proposed["offer_id"], "gpus": proposed["gpus"],
        "starts_at": proposed["starts_at"], "ends_at": proposed["ends_at"],
    });
    let body = json!({ "tranches": [line] });
    let answer = market.as_(user).post("/v1/leases", body).dry_run().await;
    assert_eq!(answer.status.as_u16(), 201, "{proposed}: {}", answer.text);
}

async fn block(market: &Market, offer: &Offer, units: (u32, u32), hours: (i64, i64)) -> bool {
    let block = json!({
        "kind": "maintenance", "first_unit": units.0, "end_unit": units.1, "reason": "new pumps",
        "starts_at": market.now() + TimeDelta::hours(hours.0),
        "ends_at": market.now() + TimeDelta::hours(hours.1),
    });
    let path = format!("/v1/pools/{}/blocks", offer.pool.id);
    market.as_(offer.provider()).post(path, block).await.status.is_success()
}

#[tokio::test]
async fn alternatives_are_had_where_maintenance_lies_ahead() {
    let market = Market::open().await;
    let offer = market.offer().units(3).await;
    assert!(block(&market, &offer, (0, 1), (50, 100)).await);
    assert!(block(&market, &offer, (1, 2), (100, 150)).await);
    let tenant = market.tenant().await;
    // Two units are free at every instant, but only one throughout.
    let refused = market.as_(&tenant).book(&offer, 16, market.window(50, 100)).await;
    let refused = refused.refused(409, "no_arrangement");
    let alternatives = refused["alternatives"].as_array().unwrap();
    let kinds: Vec<_> = alternatives.iter().map(|it| (&it["kind"], &it["gpus"])).collect();
    let expected = [(&json!("earliest_start"), &json!(16)), (&json!("largest_size"), &json!(8))];
    assert_eq!(kinds, expected, "{refused}");
    let starts_at: DateTime<Utc> =
        serde_json::from_value(alternatives[0]["starts_at"].clone()).unwrap();
    assert_eq!(starts_at, market.now() + TimeDelta::hours(100));
    for alternative in alternatives {
        assert_bookable(&market, &tenant, alternative).await;
    }
    let need = json!({
        "gpus": 16, "duration": "PT100H", "earliest": market.now() + TimeDelta::hours(50),
        "latest": market.now() + TimeDelta::hours(199),
    });
    let found = market.as_(&tenant).post("/v1/search", need.clone()).await.expect(200);
    assert_eq!(
        (&found["fitting"], &found["why_none"][0]["dimension"]),
        (&json!(0), &json!("capacity"))
    );
    let mut wider = need;
    wider["latest"] = json!(market.now() + TimeDelta::hours(201));
    let found = market.as_(&tenant).post("/v1/search", wider).await.expect(200);
    assert_eq!(found["options"][0]["starts_at"], json!(starts_at), "{found}");
    assert_bookable(&market, &tenant, &found["options"][0]).await;
}

#[tokio::test]
async fn every_alternative_and_option_of_a_crowded_pool_is_had_some_minutes_later() {
    let market = Market::open().await;
    let offer = market.offer().units(8).with("lead_time", "PT2H").await;
    let elsewhere = market.offer().units(6).rate("3.00").with("lead_time", "PT3H").await;
    let tenant = market.tenant().await;
    let mut seed = 7_u64;
    let mut draw = |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % most
    };
    let (mut proposed, mut refused) = (0, 0);
    for round in 0..60 {
        let (from, length) = (3 + draw(150) as i64, 1 + draw(60) as i64);
        let gpus = 8 * (1 + draw(5) as u32);
        let of = if draw(4) == 0 { &elsewhere } else { &offer };
        if round % 3 == 0 {
            let first = draw(7) as u32;
            block(&market, of, (first, first + 1 + draw(2) as u32), (from, from + length)).await;
            continue;
        }
        let body = booking(of, gpus, market.window(from, length));
        let answer = market.as_(&tenant).post("/v1/leases", body).await;
        if answer.status.as_u16() == 201 {
            continue;
        }
        refused += 1;
        let need = json!({ "gpus": gpus, "duration": format!("PT{length}H") });
        let found = market.as_(&tenant).post("/v1/search", need).await.expect(200);
        market.advance(Span::from_seconds(200).unwrap()).await;
        for alternative in answer.body["alternatives"].as_array().unwrap() {
            assert_bookable(&market, &tenant, alternative).await;
            proposed += 1;
        }
        for option in found["options"].as_array().unwrap() {
            assert_bookable(&market, &tenant, option).await;
            proposed += 1;
        }
    }
    assert!(refused >= 10 && proposed >= 20, "{refused} refused, {proposed} proposed");
}

#[tokio::test]
async fn alternatives_are_within_the_quotas_of_the_tenant() {
    let market = Market::open().await;
    let offer = market.offer().units(8).await;
    let other = market.tenant().await;
    market.lease(&offer).by(&other).gpus(40).hours(50, 50).await;
    for (limit, kinds) in
        [("39", vec!["largest_size"]), ("40", vec!["earliest_start", "largest_size"])]
    {
        let tenant = market.tenant().await;
        // From hour 100 on, where the others are gone, the tenant has something itself.
        market.lease(&offer).by(&tenant).gpus(8).hours(100, 100).await;
        let quota = json!({
            "organization_id": tenant.id, "dimension": "concurrent_gpus", "limit": limit,
            "reason": "as agreed",
        });
        market.as_(market.admin().await).post("/v1/quotas", quota).await.expect(201);
        let refused = market.as_(&tenant).book(&offer, 32, market.window(50, 50)).await;
        let refused = refused.refused(409, "not_enough_units");
        let alternatives = refused["alternatives"].as_array().unwrap();
        let found: Vec<_> = alternatives.iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert_eq!(found, kinds, "{limit}: {refused}");
        for alternative in alternatives {
            assert_bookable(&market, &tenant, alternative).await;
        }
    }
}
