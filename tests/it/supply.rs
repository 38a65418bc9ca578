//! Listing: sites, pools, deliveries, blocks, terms, offers.

use leasehold::kernel::Span;
use serde_json::{Value, json};

use crate::support::{Market, id_of};

/// Units of `pool` that are `purpose` on the plane: `(first, end, from, until)`.
async fn rectangles(market: &Market, pool: &str, purpose: &str) -> Vec<(i32, i32, bool, bool)> {
    let uuid = leasehold::kernel::ids::decode(pool.trim_start_matches("pool_")).unwrap();
    let mut owner = market.database.owner().await;
    sqlx::query_as(
        "select lower(units), upper(units), lower_inf(during), upper_inf(during) from allocations
         where pool_id = $1 and purpose = $2 and not isempty(during) order by lower(units)",
    )
    .bind(uuid)
    .bind(purpose)
    .fetch_all(&mut owner)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_site_is_listed_changed_and_only_advances() {
    let market = Market::open().await;
    let (id, provider) = market.site().with("stage", "planned").await;
    let path = format!("/v1/sites/{id}");
    let client = market.as_(&provider);
    let seen = client.get(&path).await;
    let revision = seen.revision();
    let body = seen.expect(200);
    assert_eq!((body["stage"].as_str(), body["country"].as_str()), (Some("planned"), Some("IS")));
    let changed = client
        .patch(&path, json!({"stage": "operational", "pue": "1.25"}))
        .if_match(revision)
        .await
        .expect(200);
    assert_eq!((&changed["stage"], &changed["pue"]), (&json!("operational"), &json!("1.25")));
    let late = client.patch(&path, json!({"pue": "1.3"})).if_match(revision).await;
    late.refused(412, "stale_revision");
    client.patch(&path, json!({"stage": "planned"})).await.refused(422, "invalid_field");
    client.patch(&path, json!({"height": 3})).await.refused(422, "invalid_field");
}

#[tokio::test]
async fn outsiders_viewers_and_tenants_list_nothing() {
    let market = Market::open().await;
    let (id, provider) = market.site().await;
    let site = json!({"name": "A", "country": "DE", "power_mw": "1"});
    let (other, tenant) = (market.provider().await, market.tenant().await);
    market.as_(&other).get(format!("/v1/sites/{id}")).await.refused(404, "not_found");
    let change = json!({"pue": "1.3"});
    market.as_(&other).patch(format!("/v1/sites/{id}"), change).await.refused(404, "not_found");
    market.as_(&tenant).post("/v1/sites", site.clone()).await.refused(403, "forbidden");
    let viewer = market.key(&provider, "viewer").await;
    market.as_(&viewer).post("/v1/sites", site.clone()).await.refused(403, "forbidden");
    market
        .as_(market.admin().await)
        .post("/v1/sites", site.clone())
        .await
        .refused(403, "forbidden");
    market.as_nobody().post("/v1/sites", site).await.refused(401, "not_logged_in");
    let seen = market.as_(&viewer).get("/v1/sites").await.expect(200);
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    let all = market.as_(market.admin().await).get("/v1/sites").await.expect(200);
    assert_eq!(all["items"][0]["id"], json!(id));
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let market = Market::open().await;
    let (site, provider) = market.site().with("name", "Rjukan").await;
    let client = market.as_(&provider);
    let twin = json!({"name": "Rjukan", "country": "NO", "power_mw": "1"});
    client.post("/v1/sites", twin.clone()).await.refused(409, "name_taken");
    let pool = json!({"site_id": site, "name": "hall 1", "accelerator": "h100-sxm",
        "gpus_per_unit": 8, "units": 4, "kw_per_unit": "10.2"});
    client.post("/v1/pools", pool.clone()).await.expect(201);
    client.post("/v1/pools", pool.clone()).await.refused(409, "name_taken");
    let mut wrong = pool;
    wrong["name"] = json!("hall 2");
    wrong["accelerator"] = json!("abacus");
    client.post("/v1/pools", wrong).await.refused(422, "unknown_accelerator");
    market.as_(market.provider().await).post("/v1/sites", twin).await.expect(201);
}

#[tokio::test]
async fn sizes_of_a_pool_have_bounds() {
    let market = Market::open().await;
    let (site, provider) = market.site().await;
    let good = json!({"site_id": site, "name": "hall", "accelerator": "h100-sxm",
        "gpus_per_unit": 8, "units": 4, "kw_per_unit": "10.2"});
    let client = market.as_(&provider);
    for (field, value) in [
        ("units", json!(0)),
        ("units", json!(-1)),
        ("units", json!(2_147_483_648_u64)),
        ("units", json!(10_000_001)),
        ("gpus_per_unit", json!(0)),
        ("gpus_per_unit", json!(1025)),
        ("units_per_island", json!(5)),
        ("kw_per_unit", json!("0")),
        ("kw_per_unit", json!("1e3")),
        ("kw_per_unit", json!("0.0000000000000000000000000000000001")),
        ("pin_lead", json!("P366D")),
        ("name", json!("")),
        ("usable_from", json!("9999-01-01T00:00:00Z")),
        ("usable_from", json!("1969-12-31T00:00:00Z")),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        client.post("/v1/pools", body).await.refused(422, "invalid_field");
    }
    let none: Value = client.get("/v1/pools").await.expect(200);
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn what_is_not_delivered_is_on_the_plane_until_it_is() {
    let market = Market::open().await;
    let pool = market.pool().units(8).undelivered().await;
    let client = market.as_(&pool.provider);
    let path = format!("/v1/pools/{}/deliveries", pool.id);
    assert_eq!(rectangles(&market, &pool.id, "undelivered").await, [(0, 8, true, true)]);

    // What was not there until now stays on the plane, as its past.
    let past = (0, 8, true, false);
    client.post(&path, json!({"end_unit": 4, "usable_from": market.now()})).await.expect(201);
    let present = rectangles(&market, &pool.id, "undelivered").await;
    assert_eq!(present, [past, (4, 8, false, true)]);

    let soon = market.now() + chrono::TimeDelta::days(10);
    let second = json!({"first_unit": 4, "usable_from": soon});
    client.post(&path, second.clone()).dry_run().await.expect(201);
    assert_eq!(rectangles(&market, &pool.id, "undelivered").await, present);
    let delivery = client.post(&path, second.clone()).await.expect(201);
    assert_eq!(delivery["status"], "planned");
    let until_soon = rectangles(&market, &pool.id, "undelivered").await;
    assert_eq!(until_soon, [past, (4, 8, false, false)]);
    client.post(&path, second.clone()).await.refused(409, "deliveries_overlap");
    client.post(&path, second).without_key().await.refused(400, "idempotency_key_missing");

    let act = |verb: &str| format!("/v1/deliveries/{}/{verb}", id_of(&delivery));
    let later = json!({"usable_from": soon + chrono::TimeDelta::days(5), "reason": "transformers"});
    let late = client.post(act("reschedule"), later.clone()).await.expect(200);
    assert_eq!(late["status"], "late");
    let accepted = client.post(act("accept"), json!({})).await.expect(200);
    assert_eq!(accepted["status"], "accepted");
    assert_eq!(rectangles(&market, &pool.id, "undelivered").await, [past]);
    client.post(act("reschedule"), later).await.refused(409, "delivery_accepted");
    client.post(act("accept"), json!({})).await.refused(409, "delivery_accepted");
    let listed = client.get(&path).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_block_keeps_units_off_the_market_until_it_is_lifted() {
    let market = Market::open().await;
    let pool = market.pool().units(8).await;
    let client = market.as_(&pool.provider);
    let path = format!("/v1/pools/{}/blocks", pool.id);
    let body =
        json!({"kind": "maintenance", "first_unit": 2, "end_unit": 5, "reason": "new pumps"});
    let block = client.post(&path, body.clone()).await.expect(201);
    assert_eq!(rectangles(&market, &pool.id, "maintenance").await, [(2, 5, false, true)]);
    client.post(&path, body.clone()).await.refused(409, "in_the_way");
    for (field, value) in [
        ("end_unit", json!(9)),
        ("end_unit", json!(2)),
        ("starts_at", json!("2026-01-01T00:00:00Z")),
        ("ends_at", json!("2026-01-01T00:00:00Z")),
        ("reason", json!(" ")),
        ("kind", json!("hold")),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value;
        client.post(&path, wrong).await.refused(422, "invalid_field");
    }
    let lift = format!("/v1/blocks/{}/lift", id_of(&block));
    market.as_(market.provider().await).post(&lift, json!({})).await.refused(404, "not_found");
    let lifted = client.post(&lift, json!({"reason": "done early"})).await.expect(200);
    assert!(lifted["lifted_at"].is_string());
    client.post(&lift, json!({})).await.refused(409, "block_is_over");
    client.post(&path, body).await.expect(201);
    let open = client.get(&path).query(&[("open", "true")]).await.expect(200);
    assert_eq!(open["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn terms_have_versions_that_never_change_and_are_found_by_hash() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let client = market.as_(&provider);
    let terms =
        |notice: &str| json!({"name": "usual", "clauses": [crate::support::recall(notice)]});
    let first = client.post("/v1/reclaim-terms", terms("P7D")).await.expect(201);
    let same = client.post("/v1/reclaim-terms", terms("P7D")).await.expect(200);
    assert_eq!(first, same);
    let second = client.post("/v1/reclaim-terms", terms("P8D")).await.expect(201);
    assert_eq!((&first["version"], &second["version"]), (&json!(1), &json!(2)));
    assert_ne!(first["hash"], second["hash"]);
    let by_hash = format!("/v1/reclaim-terms/{}", first["hash"].as_str().unwrap());
    let found = market.as_nobody().get(&by_hash).await.expect(200);
    assert_eq!(found["clauses"], first["clauses"]);
    let by_id = format!("/v1/reclaim-terms/{}", id_of(&first));
    client.get(&by_id).await.expect(200);
    market.as_nobody().get(&by_id).await.refused(404, "not_found");
    let flawed = client.post("/v1/reclaim-terms", terms("P300D")).await;
    let problem = flawed.refused(422, "unacceptable_terms");
    assert_eq!(problem["errors"][0]["field"], "clauses[0].notice");
    market.as_nobody().get("/v1/reclaim-terms/abc").await.refused(404, "not_found");
}

#[tokio::test]
async fn an_offer_lives_from_draft_to_archive() {
    let market = Market::open().await;
    let offer = market.offer().draft().await;
    let client = market.as_(offer.provider());
    let path = format!("/v1/offers/{}", offer.id);
    let view = client.get(&path).await.expect(200);
    assert_eq!(view["state"], "draft");
    assert_eq!(view["can"], json!(["change", "publish", "archive"]));
    assert!(view["cannot"]["pause"].as_str().unwrap().contains("draft"));
    market.as_nobody().get(&path).await.refused(404, "not_found");

    let act = |verb: &str| format!("{path}/{verb}");
    client.post(act("publish"), json!({})).await.expect(200);
    client.post(act("publish"), json!({})).await.refused(409, "offer_published");
    let seen = market.as_nobody().get(&path).await;
    let revision = seen.revision();
    let seen = seen.expect(200);
    assert_eq!((&seen["can"], &seen["currency"]), (&json!([]), &json!("USD")));
    assert_eq!((&seen["gpus"], &seen["mw"]), (&json!(64), &json!("0.08976")));
    assert!(seen["terms_hash"].as_str().unwrap().len() == 64);
    market.as_nobody().get(format!("/v1/reclaim-terms/{}", offer.terms)).await.expect(200);

    let cheaper = json!({"rate_per_gpu_hour": "1.99", "max_gpus": 32});
    let changed = client.patch(&path, cheaper.clone()).if_match(revision).await.expect(200);
    assert_eq!((&changed["rate_per_gpu_hour"], &changed["max_gpus"]), (&json!("1.99"), &json!(32)));
    client.patch(&path, cheaper.clone()).if_match(revision).await.refused(412, "stale_revision");

    client.post(act("pause"), json!({"reason": "sold elsewhere"})).await.expect(200);
    market.as_nobody().get(&path).await.refused(404, "not_found");
    client.post(act("pause"), json!({})).await.refused(409, "offer_not_published");
    client.post(act("publish"), json!({})).await.expect(200);
    client.post(act("archive"), json!({})).await.expect(200);
    client.post(act("publish"), json!({})).await.refused(409, "offer_archived");
    client.patch(&path, cheaper).await.refused(409, "offer_archived");
}

#[tokio::test]
async fn only_verified_providers_publish_and_only_at_open_sites() {
    let market = Market::open().await;
    let (site, provider) = market.site().with("stage", "planned").await;
    let pool = market.pool().of(&provider).with("site_id", site.clone()).await;
    let offer = market.offer().on(&pool).draft().await;
    let client = market.as_(&provider);
    let publish = format!("/v1/offers/{}/publish", offer.id);
    client.post(&publish, json!({})).await.refused(409, "site_not_open");
    let site = format!("/v1/sites/{site}");
    client.patch(&site, json!({"stage": "commissioning"})).await.expect(200);
    client.post(&publish, json!({})).await.expect(200);
    client.patch(&site, json!({"stage": "retired"})).await.refused(409, "site_has_offers");

    let unverified = market.registered(&["provider"]).await;
    let offer = market.offer().on(&market.pool().of(&unverified).await).draft().await;
    let publish = format!("/v1/offers/{}/publish", offer.id);
    market.as_(&unverified).post(publish, json!({})).await.refused(409, "provider_not_verified");
}

#[tokio::test]
async fn an_offer_keeps_to_its_pool_and_to_sense() {
    let market = Market::open().await;
    let offer = market.offer().draft().await;
    let client = market.as_(offer.provider());
    let path = format!("/v1/offers/{}", offer.id);
    for (field, value) in [
        ("rate_per_gpu_hour", json!("-1")),
        ("rate_per_gpu_hour", json!("NaN")),
        ("rate_per_gpu_hour", json!("1000001")),
        ("rate_per_gpu_hour", json!(2.5)),
        ("min_gpus", json!(0)),
        ("min_gpus", json!(12)),
        ("max_gpus", json!(72)),
        ("min_duration", json!("PT0S")),
        ("max_duration", json!("PT1S")),
        ("max_duration", json!("P1Y")),
        ("end_unit", json!(9)),
        ("available_until", json!("2020-01-01T00:00:00Z")),
        ("available_until", json!("9999-01-01T00:00:00Z")),
        ("audience", json!(["org_01jqz3k8e5f8va2m0x9w7c4d6b"])),
        ("audience", json!([offer.id])),
        ("cancellation", json!([{"at_least_before": "P1D", "charge_share": "1.5"}])),
        ("name", json!("")),
        ("colour", json!("red")),
    ] {
        let answer = client.patch(&path, json!({ field: value.clone() })).await;
        answer.refused(422, "invalid_field");
    }
    let terms = json!({"terms_id": "terms_01jqz3k8e5f8va2m0x9w7c4d6b"});
    client.patch(&path, terms).await.refused(422, "unknown_terms");
    let revision = client.get(&path).await.revision();
    assert_eq!(revision, 1);
}

#[tokio::test]
async fn an_offer_for_few_is_seen_by_them_alone() {
    let market = Market::open().await;
    let (friend, stranger) = (market.tenant().await, market.tenant().await);
    let offer = market.offer().audience(&[&friend]).await;
    let path = format!("/v1/offers/{}", offer.id);
    let seen = market.as_(&friend).get(&path).await.expect(200);
    assert!(seen.get("audience").is_none());
    market.as_(&stranger).get(&path).await.refused(404, "not_found");
    market.as_nobody().get(&path).await.refused(404, "not_found");
    let items = |page: Value| page["items"].as_array().unwrap().len();
    assert_eq!(items(market.as_(&friend).get("/v1/offers").await.expect(200)), 1);
    assert_eq!(items(market.as_(&stranger).get("/v1/offers").await.expect(200)), 0);
    let own = market.as_(offer.provider()).get("/v1/offers").query(&[("mine", "true")]);
    assert_eq!(own.await.expect(200)["items"][0]["audience"], json!([friend.id]));
}

#[tokio::test]
async fn the_market_is_filtered_and_paged() {
    let market = Market::open().await;
    for rate in ["1.00", "2.00", "3.00"] {
        market.offer().rate(rate).await;
        market.advance(Span::hours(1)).await;
    }
    let ask = |pairs: &'static [(&str, &str)]| {
        let market = &market;
        async move { market.as_nobody().get("/v1/offers").query(pairs).await.expect(200) }
    };
    let rates = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|offer| offer["rate_per_gpu_hour"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(rates(&ask(&[("max_rate", "2")]).await), ["2.00", "1.00"]);
    assert_eq!(rates(&ask(&[("country", "is")]).await).len(), 3);
    assert_eq!(rates(&ask(&[("country", "DE")]).await).len(), 0);
    assert_eq!(rates(&ask(&[("accelerator", "h100-sxm"), ("limit", "2")]).await), ["3.00", "2.00"]);
    let first = ask(&[("limit", "2")]).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = market.as_nobody().get("/v1/offers").query(&[("cursor", cursor)]).await.expect(200);
    assert_eq!(rates(&rest), ["1.00"]);
    for wrong in
        [("limit", "0"), ("cursor", "x"), ("max_rate", "NaN"), ("state", "sold"), ("mine", "true")]
    {
        let answer = market.as_nobody().get("/v1/offers").query(&[wrong]).await;
        assert_eq!(answer.status.as_u16(), 400, "{wrong:?}");
        answer.assert_problem();
    }
    let chips = market.as_nobody().get("/v1/accelerators").await.expect(200);
    assert!(chips["items"].as_array().unwrap().len() > 80);
}
