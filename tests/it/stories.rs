//! The stories that must work, told through the interface.

use chrono::TimeDelta;
use futures::future::join_all;
use leasehold::kernel::Span;
use serde_json::json;

use crate::support::{Market, booking, tranche};

/// Story 1. A provider lists a site of 27,500 units of 8 GPUs, 300 MW, that is delivered in three
/// steps within a month. One tenant books all of it in one request, as a ramp.
#[tokio::test]
async fn a_whole_site_is_booked_as_a_ramp() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let (site, _) = market
        .site()
        .of(&provider)
        .with("name", "Colossus")
        .with("country", "US")
        .with("power_mw", "300")
        .with("pue", "1")
        .with("stage", "commissioning")
        .await;
    let pool = market
        .pool()
        .of(&provider)
        .with("site_id", site)
        .undelivered()
        .units(27_500)
        .with("kw_per_unit", "10.909")
        .await;

    // A third of it in a week, another in two, the rest in four.
    let day = |days| market.now() + TimeDelta::days(days);
    let steps = [(0, 9_000, day(7)), (9_000, 18_000, day(14)), (18_000, 27_500, day(28))];
    let deliveries = format!("/v1/pools/{}/deliveries", pool.id);
    for (first, end, usable_from) in steps {
        let step = json!({ "first_unit": first, "end_unit": end, "usable_from": usable_from });
        market.as_(&provider).post(&deliveries, step).await.expect(201);
    }
    let offer = market.offer().on(&pool).rate("1.85").await;

    // Before a step is delivered, its units cannot be booked.
    let tenant = market.tenant().await;
    let too_soon = booking(&offer, 220_000, (day(14), day(365)));
    let refusal =
        market.as_(&tenant).post("/v1/leases", too_soon).await.refused(409, "not_enough_units");
    assert_eq!(refusal["shortfall"]["units_free"], 18_000);
    assert_eq!(refusal["shortfall"]["units_asked"], 27_500);

    // All of it, in one request, as it comes.
    let end = day(365);
    let ramp = json!({ "tranches": [
        tranche(&offer, 72_000, (day(7), end)),
        tranche(&offer, 72_000, (day(14), end)),
        tranche(&offer, 76_000, (day(28), end)),
    ]});
    let lease = market.as_(&tenant).post("/v1/leases", ramp).await.expect(201);
    let tranches = lease["schedule"].as_array().unwrap();
    let sizes: Vec<_> =
        tranches.iter().map(|line| (line["units"].clone(), line["gpus"].clone())).collect();
    assert_eq!(
        sizes,
        [
            (json!(9_000), json!(72_000)),
            (json!(9_000), json!(72_000)),
            (json!(9_500), json!(76_000))
        ]
    );
    let mw: f64 =
        tranches.iter().map(|line| line["mw"].as_str().unwrap().parse::<f64>().unwrap()).sum();
    assert!((299.9..=300.1).contains(&mw), "{mw} MW");

    // Nobody else can book a unit, at any time of it.
    let rival = market.tenant().await;
    for (from, until) in [(day(7), day(8)), (day(13), day(15)), (day(364), end)] {
        let wish = booking(&offer, 8, (from, until));
        let refusal =
            market.as_(&rival).post("/v1/leases", wish).await.refused(409, "not_enough_units");
        assert_eq!(refusal["shortfall"]["units_free"], 0);
    }
    // From the end on they can.
    let wish = booking(&offer, 8, (end, end + TimeDelta::days(1)));
    market.as_(&rival).post("/v1/leases", wish).await.expect(201);

    // The lease begins with its first step, and ends when the year is over.
    let path = format!("/v1/leases/{}", lease["id"].as_str().unwrap());
    let status = async || market.as_(&tenant).get(&path).await.expect(200)["status"].clone();
    assert_eq!(status().await, "scheduled");
    market.advance_to(day(7)).await;
    assert_eq!(status().await, "active");
    market.advance_to(end).await;
    assert_eq!(status().await, "ended");
}

/// Story 8. A provider leases to a competitor: it sees the lease, and nothing of the tenant's projects
/// or people. It can also close an offer to named organizations.
#[tokio::test]
async fn a_provider_sees_a_rivals_lease_and_nothing_behind_it() {
    let market = Market::open().await;
    let rival = market.verified(&["provider", "tenant"]).await;
    let project = market.project(&rival).await;
    let person = market.member(&rival, "manager").await;
    let offer = market.offer().await;
    let body = {
        let mut body = booking(&offer, 8, market.window(24, 240));
        body["project_id"] = project.clone().into();
        body
    };
    let booked = market.as_(&person).post("/v1/leases", body).await.expect(201);
    assert_eq!(booked["project_id"], project);

    // The lease is there for both; the project and the person only for the tenant.
    let path = format!("/v1/leases/{}", booked["id"].as_str().unwrap());
    let me = market.as_(&person).get("/v1/me").await.expect(200);
    let as_provider = market.as_(offer.provider());
    for look in [path.clone(), format!("{path}/events"), "/v1/leases".to_owned()] {
        let seen = as_provider.get(&look).await;
        assert!(seen.status.is_success(), "{}", seen.text);
        assert!(seen.text.contains(booked["id"].as_str().unwrap()), "{look}: {}", seen.text);
        for secret in [project.as_str(), me["id"].as_str().unwrap(), person.email()] {
            assert!(!seen.text.contains(secret), "{look} gives {secret} away: {}", seen.text);
        }
    }
    for hidden in ["projects", "members", "api-keys"] {
        let path = format!("/v1/organizations/{}/{hidden}", rival.id);
        as_provider.get(path).await.refused(404, "not_found");
    }

    // An offer for named organizations is not there for anybody else.
    let friend = market.tenant().await;
    let closed = market.offer().on(&offer.pool).audience(&[&friend]).await;
    let wish = booking(&closed, 8, market.window(24, 24));
    market.as_(&rival).post("/v1/leases", wish.clone()).await.refused(404, "not_found");
    let look = format!("/v1/offers/{}", closed.id);
    market.as_(&rival).get(&look).await.refused(404, "not_found");
    market.as_(&friend).get(&look).await.expect(200);
    let search = json!({
        "gpus": 8, "duration": "PT24H", "earliest": market.now() + TimeDelta::hours(1),
        "latest": market.now() + TimeDelta::days(30),
    });
    let found = market.as_(&rival).post("/v1/search", search.clone()).await;
    assert!(!found.text.contains(&closed.id), "{}", found.text);
    let found = market.as_(&friend).post("/v1/search", search).await;
    assert!(found.text.contains(&closed.id), "{}", found.text);
    market.as_(&friend).post("/v1/leases", wish).await.expect(201);
}

/// Story 9. 64 tenants book the last unit at once: one lease, 63 refusals with alternatives.
#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_tenants_race_for_the_last_unit() {
    let market = Market::open().await;
    let offer = market.offer().units(2).await;
    let elsewhere = market.offer().units(64).rate("3.00").await;
    market.lease(&offer).hours(24, 48).await;
    let tenants = join_all((0..64).map(|_| market.tenant())).await;
    let window = market.window(24, 48);
    for tenant in &tenants {
        market.as_(tenant).get("/v1/me").await.expect(200);
    }
    let (market_, offer_) = (&market, &offer);
    let answers = join_all(
        tenants
            .iter()
            .map(|tenant| async move { market_.as_(tenant).book(offer_, 8, window).await }),
    )
    .await;
    let (won, lost): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status.as_u16() == 201);
    assert_eq!((won.len(), lost.len()), (1, 63));
    for answer in lost {
        let refusal = answer.refused(409, "not_enough_units");
        let kinds: Vec<&str> = refusal["alternatives"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alternative| alternative["kind"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["earliest_start", "other_pool"], "{refusal}");
        let alternatives = &refusal["alternatives"];
        assert_eq!(alternatives[0]["starts_at"], json!(window.1), "{refusal}");
        assert_eq!(alternatives[1]["offer_id"], elsewhere.id.as_str(), "{refusal}");
    }
    market.advance(Span::hours(24)).await;
}
