//! Limits: what they let pass, what they refuse and how they say it, who sets and raises them.

use chrono::TimeDelta;
use leasehold::kernel::Span;
use serde_json::{Value, json};

use crate::support::{Market, Offer, Organization, booking, id_of, tranche};

/// A quota of `tenant`, set by staff.
async fn quota(market: &Market, tenant: &Organization, dimension: &str, limit: &str) -> Value {
    quota_with(market, tenant, json!({ "dimension": dimension, "limit": limit })).await
}

async fn quota_with(market: &Market, tenant: &Organization, mut body: Value) -> Value {
    body["organization_id"] = tenant.id.clone().into();
    body["reason"] = "as agreed".into();
    let set = market.as_(market.admin().await).post("/v1/quotas", body).await;
    assert!(set.status.is_success(), "{}", set.text);
    set.body
}

async fn standing(market: &Market, quota: &Value) -> Value {
    let path = format!("/v1/quotas/{}", quota["id"].as_str().unwrap());
    market.as_(market.admin().await).get(path).await.expect(200)["standing"].clone()
}

fn path(quota: &Value, act: &str) -> String {
    format!("/v1/quotas/{}/{act}", quota["id"].as_str().unwrap())
}

/// A market with an offer of 64 units of 8 GPUs at 2.00, and a tenant.
async fn market() -> (Market, Offer, Organization) {
    let market = Market::open().await;
    let offer = market.offer().units(64).rate("2.00").await;
    let tenant = market.tenant().await;
    (market, offer, tenant)
}

#[tokio::test]
async fn the_peak_over_the_whole_window_counts_and_not_the_use_of_now() {
    let (market, offer, tenant) = market().await;
    let client = market.as_(&tenant);
    // What is booked before there is a quota counts too.
    market.lease(&offer).by(&tenant).gpus(40).hours(100, 10).await;
    let gpus = quota(&market, &tenant, "concurrent_gpus", "64").await;
    let whole = market.window(1, 200);
    let refusal = client.book(&offer, 32, whole).await.refused(409, "quota_exceeded");
    let named = &refusal["quotas"][0];
    assert_eq!(named["quota_id"], gpus["id"]);
    assert_eq!(
        (&named["limit"], &named["booked"], &named["asked"]),
        (&json!("64"), &json!("40"), &json!("32"))
    );
    assert_eq!(named["at"], json!(market.window(100, 1).0), "{refusal}");
    let detail = refusal["detail"].as_str().unwrap();
    assert!(
        detail.contains(
            "limited to 64 GPUs: 40 booked already at 2027-01-08 04:00 UTC, 32 asked for"
        ),
        "{detail}"
    );
    // Up to the limit, and before and after the peak, it goes.
    client.book(&offer, 24, whole).await.expect(201);
    client.book(&offer, 40, market.window(1, 99)).await.expect(201);
    client.book(&offer, 40, market.window(110, 91)).await.expect(201);
    client.book(&offer, 8, market.window(200, 1)).await.refused(409, "quota_exceeded");
    client.book(&offer, 64, market.window(201, 10)).await.expect(201);
    // Another organization is not concerned.
    let other = market.tenant().await;
    market.as_(&other).book(&offer, 400, market.window(1, 10)).await.expect(201);
}

#[tokio::test]
async fn every_dimension_that_leaves_no_room_is_named() {
    let (market, offer, tenant) = market().await;
    for (dimension, limit) in [
        ("concurrent_gpus", "15"),
        ("concurrent_mw", "0.001"),
        ("gpu_hours_per_month", "100"),
        ("spend_per_month", "767.99"),
        ("longest_lease", "PT23H"),
        ("open_requests", "0"),
    ] {
        quota(&market, &tenant, dimension, limit).await;
    }
    let client = market.as_(&tenant);
    let wish = market.window(24, 24);
    let refusal = client.book(&offer, 16, wish).await.refused(409, "quota_exceeded");
    let named: Vec<&str> = refusal["quotas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["dimension"].as_str().unwrap())
        .collect();
    assert_eq!(
        named,
        [
            "concurrent_gpus",
            "concurrent_mw",
            "gpu_hours_per_month",
            "spend_per_month",
            "longest_lease"
        ]
    );
    let spend = &refusal["quotas"][3];
    assert_eq!((&spend["asked"], &spend["at"]), (&json!("768.00"), &json!("2027-01-01T00:00:00Z")));
    // A quote that holds is an open request besides.
    let mut quote = booking(&offer, 8, market.window(24, 5));
    quote["hold"] = true.into();
    let refusal = client.post("/v1/quotes", quote.clone()).await.refused(409, "quota_exceeded");
    let named = refusal["quotas"].as_array().unwrap().last().unwrap();
    assert_eq!((&named["dimension"], &named["asked"]), (&json!("open_requests"), &json!("1")));
    let listed = client.get("/v1/leases").await.expect(200);
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn months_are_counted_each_for_itself() {
    let (market, offer, tenant) = market().await;
    let client = market.as_(&tenant);
    quota(&market, &tenant, "gpu_hours_per_month", "1000").await;
    // 2027-02-01 is 28 days away; 100 hours in January, 25 in February, of 8 GPUs.
    let turn = 28 * 24;
    client.book(&offer, 8, market.window(turn - 100, 125)).await.expect(201);
    client.book(&offer, 8, market.window(turn, 101)).await.refused(409, "quota_exceeded");
    client.book(&offer, 8, market.window(turn, 100)).await.expect(201);
    let refusal = client.book(&offer, 40, market.window(turn - 10, 10)).await;
    let refusal = refusal.refused(409, "quota_exceeded");
    assert_eq!(
        (&refusal["quotas"][0]["booked"], &refusal["quotas"][0]["asked"]),
        (&json!("800"), &json!("400"))
    );
    client.book(&offer, 40, market.window(turn - 5, 5)).await.expect(201);
}

#[tokio::test]
async fn time_that_is_given_back_no_longer_counts() {
    let (market, offer, tenant) = market().await;
    let client = market.as_(&tenant);
    let gpus = quota(&market, &tenant, "concurrent_gpus", "64").await;
    let lease = market.lease(&offer).by(&tenant).gpus(64).hours(24 * 10, 240).await;
    let wish = market.window(24 * 10, 24);
    client.book(&offer, 8, wish).await.refused(409, "quota_exceeded");
    let part = json!({ "tranche_id": lease.view["schedule"][0]["id"], "gpus": 16 });
    client.post(lease.path("shrink"), part).await.expect(200);
    client.book(&offer, 16, wish).await.expect(201);
    client.book(&offer, 8, wish).await.refused(409, "quota_exceeded");
    client.post(lease.path("cancel"), json!({ "reason": "not needed" })).await.expect(200);
    client.book(&offer, 48, wish).await.expect(201);
    assert_eq!(standing(&market, &gpus).await["peak"], "64");
    // What ended early counts until its end: 64 GPUs for an hour of the 24.
    let hours = quota(&market, &tenant, "gpu_hours_per_month", "100000").await;
    let short = market.tenant().await;
    let month = quota(&market, &short, "gpu_hours_per_month", "100000").await;
    let lease = market.lease(&offer).by(&short).gpus(64).hours(1, 24).await;
    assert_eq!(standing(&market, &month).await["peak"], "1536");
    market.advance(Span::hours(2)).await;
    let cost =
        market.as_(&short).post(lease.path("cancellation-quote"), json!({})).await.expect(201);
    let leave = json!({ "cancellation_quote_id": cost["id"], "reason": "done" });
    market.as_(&short).post(lease.path("end"), leave).await.expect(200);
    assert_eq!(standing(&market, &month).await["peak"], "64");
    assert_eq!(standing(&market, &hours).await["booked_now"], "1536");
}

#[tokio::test]
async fn holds_extensions_and_ramps_are_held_to_the_limit() {
    let (market, offer, tenant) = market().await;
    let client = market.as_(&tenant);
    quota(&market, &tenant, "concurrent_gpus", "64").await;
    quota(&market, &tenant, "longest_lease", "P4D").await;
    quota(&market, &tenant, "open_requests", "1").await;
    // A hold counts as long as it lasts, and once when it becomes a lease.
    let mut wish = booking(&offer, 48, market.window(24, 24));
    wish["hold"] = true.into();
    let quote = client.post("/v1/quotes", wish.clone()).await.expect(201);
    client.book(&offer, 24, market.window(24, 24)).await.refused(409, "quota_exceeded");
    let refusal = client.post("/v1/quotes", wish.clone()).await.refused(409, "quota_exceeded");
    assert_eq!(refusal["quotas"].as_array().unwrap().len(), 2, "{refusal}");
    let lease = client.post("/v1/leases", json!({ "quote_id": quote["id"] })).await.expect(201);
    client.book(&offer, 16, market.window(24, 24)).await.expect(201);
    // A quote that expires frees what it held.
    let mut later = booking(&offer, 64, market.window(24 * 9, 24));
    later["hold"] = true.into();
    client.post("/v1/quotes", later.clone()).await.expect(201);
    market.advance(Span::hours(1)).await;
    client.post("/v1/quotes", later).await.expect(201);
    market.advance(Span::hours(1)).await;
    // An extension asks for the time that is new, and is as long as the whole lease.
    let path = format!("/v1/leases/{}/extend", id_of(&lease));
    client.book(&offer, 24, market.window(24 * 3 - 2, 24)).await.expect(201);
    let end = lease["ends_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let until = |days| json!({ "ends_at": end + TimeDelta::days(days) });
    client.post(&path, until(1)).await.expect(200);
    client.post(&path, until(2)).await.refused(409, "quota_exceeded");
    let refusal = client.post(&path, until(5)).await.refused(409, "quota_exceeded");
    assert_eq!(refusal["quotas"].as_array().unwrap().len(), 2, "{refusal}");
    // All steps of a ramp count together, where they overlap.
    let (start, end) = market.window(24 * 20, 24);
    let half = start + TimeDelta::hours(12);
    let ramp = |second| json!({ "tranches": [tranche(&offer, 40, (start, end)), tranche(&offer, second, (half, end))] });
    let refusal = client.post("/v1/leases", ramp(32)).await.refused(409, "quota_exceeded");
    assert_eq!(
        (&refusal["quotas"][0]["asked"], &refusal["quotas"][0]["at"]),
        (&json!("72"), &json!(half))
    );
    client.post("/v1/leases", ramp(24)).await.expect(201);
}

#[tokio::test]
async fn filters_count_only_what_they_name() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let here = market.offer().on(&market.pool().of(&provider).units(64).await).await;
    let there = market.offer().on(&market.pool().of(&provider).units(64).await).await;
    let tenant = market.tenant().await;
    let client = market.as_(&tenant);
    let site = json!({ "dimension": "concurrent_gpus", "limit": "16", "site_id": here.pool.site });
    quota_with(&market, &tenant, site).await;
    let chip = json!({ "dimension": "concurrent_gpus", "limit": "16", "accelerator": "b200" });
    quota_with(&market, &tenant, chip).await;
    let wish = market.window(24, 24);
    client.book(&here, 16, wish).await.expect(201);
    client.book(&here, 8, wish).await.refused(409, "quota_exceeded");
    client.book(&there, 64, wish).await.expect(201);
}

#[tokio::test]
async fn an_override_restores_itself() {
    let (market, offer, tenant) = market().await;
    let client = market.as_(&tenant);
    let gpus = quota(&market, &tenant, "concurrent_gpus", "16").await;
    let admin = market.as_(market.admin().await);
    let (from, until) = market.window(48, 48);
    let more = json!({ "limit": "64", "starts_at": from, "ends_at": until, "reason": "a launch" });
    let shown = admin.post(path(&gpus, "override"), more.clone()).await.expect(200);
    assert_eq!((&shown["limit"], &shown["overrides"][0]["limit"]), (&json!("16"), &json!("64")));
    // It stands for what happens in its time, and for nothing else.
    client.book(&offer, 64, (from, until)).await.expect(201);
    client.book(&offer, 24, market.window(24, 12)).await.refused(409, "quota_exceeded");
    client
        .book(&offer, 24, (until, until + TimeDelta::hours(1)))
        .await
        .refused(409, "quota_exceeded");
    // Two at a time are refused by the database.
    let again = json!({ "limit": "32", "starts_at": from + TimeDelta::hours(1), "ends_at": until + TimeDelta::hours(9), "reason": "more" });
    admin.post(path(&gpus, "override"), again).await.refused(409, "override_overlaps");
    let after = json!({ "limit": "32", "starts_at": until, "ends_at": until + TimeDelta::hours(9), "reason": "more" });
    admin.post(path(&gpus, "override"), after).await.expect(200);
    client.book(&offer, 24, (until, until + TimeDelta::hours(1))).await.expect(201);
    // Ended by hand, the quota is exceeded, and nothing is cut.
    let restored =
        admin.post(path(&gpus, "restore"), json!({ "reason": "a mistake" })).await.expect(200);
    assert_eq!(
        (&restored["overrides"], &restored["standing"]["over_by"]),
        (&json!([]), &json!("48"))
    );
    admin
        .post(path(&gpus, "restore"), json!({ "reason": "again" }))
        .await
        .refused(409, "nothing_to_restore");
    market.advance_to(from).await;
    assert_eq!(standing(&market, &gpus).await["limit_now"], "16");
}

#[tokio::test]
async fn a_limit_below_what_is_booked_cuts_nothing() {
    let (market, offer, tenant) = market().await;
    let client = market.as_(&tenant);
    let lease = market.lease(&offer).by(&tenant).gpus(64).hours(24, 240).await;
    let gpus = quota(&market, &tenant, "concurrent_gpus", "128").await;
    assert_eq!(gpus["standing"]["over_by"], Value::Null);
    let cut = quota(&market, &tenant, "concurrent_gpus", "40").await;
    assert_eq!((&cut["id"], &cut["revision"]), (&gpus["id"], &json!(2)), "one quota for one thing");
    assert_eq!(
        (&cut["standing"]["over_by"], &cut["standing"]["peak"]),
        (&json!("24"), &json!("64"))
    );
    assert_eq!(cut["standing"]["over_at"], json!(market.window(24, 1).0));
    assert_eq!(lease.show(&market).await["status"], "scheduled");
    client.book(&offer, 8, market.window(30, 24)).await.refused(409, "quota_exceeded");
    client.book(&offer, 40, market.window(24 * 30, 24)).await.expect(201);
    // Its history says who did what and why.
    let events = client.get(path(&gpus, "events")).await.expect(200);
    let items = events["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(
        (&items[1]["before"]["limit"], &items[1]["after"]["limit"]),
        (&json!("128"), &json!("40"))
    );
    // Lifted, it limits nothing.
    let admin = market.as_(market.admin().await);
    admin.post(path(&gpus, "end"), json!({ "reason": "no longer" })).await.expect(200);
    client.book(&offer, 80, market.window(30, 24)).await.expect(201);
    admin.post(path(&gpus, "end"), json!({ "reason": "twice" })).await.refused(409, "quota_ended");
}

#[tokio::test]
async fn a_quota_limits_what_happens_while_it_is_valid() {
    let (market, offer, tenant) = market().await;
    let (from, until) = market.window(48, 48);
    let body = json!({ "dimension": "concurrent_gpus", "limit": 8, "valid_from": from, "valid_until": until });
    quota_with(&market, &tenant, body).await;
    let client = market.as_(&tenant);
    client.book(&offer, 64, market.window(24, 24)).await.expect(201);
    client.book(&offer, 64, market.window(96, 24)).await.expect(201);
    let refusal =
        client.book(&offer, 16, market.window(24, 96)).await.refused(409, "quota_exceeded");
    assert_eq!(refusal["quotas"][0]["at"], json!(from));
}

#[tokio::test]
async fn defaults_stand_for_organizations_without_a_quota_of_their_own() {
    let (market, offer, tenant) = market().await;
    let other = market.tenant().await;
    market.lease(&offer).by(&tenant).gpus(16).hours(24, 24).await;
    let admin = market.as_(market.admin().await);
    let body = json!({ "verification": "verified", "dimension": "concurrent_gpus", "limit": "32", "reason": "to begin with" });
    let standard = admin.post("/v1/quotas", body).await.expect(201);
    assert_eq!(standard["standing"], Value::Null);
    let wish = market.window(24, 24);
    let client = market.as_(&tenant);
    let refusal = client.book(&offer, 24, wish).await.refused(409, "quota_exceeded");
    assert_eq!(
        (&refusal["quotas"][0]["booked"], &refusal["quotas"][0]["quota_id"]),
        (&json!("16"), &standard["id"])
    );
    client.book(&offer, 16, wish).await.expect(201);
    // Each sees it as it stands for itself.
    let seen = client.get("/v1/quotas").await.expect(200);
    assert_eq!(
        (&seen["items"][0]["id"], &seen["items"][0]["standing"]["peak"]),
        (&standard["id"], &json!("32"))
    );
    // An own quota takes its place; a new organization has the default.
    quota(&market, &other, "concurrent_gpus", "64").await;
    market.as_(&other).book(&offer, 64, wish).await.expect(201);
    let newcomer = market.tenant().await;
    market.as_(&newcomer).book(&offer, 40, wish).await.refused(409, "quota_exceeded");
    // A raise of a default is granted as an own quota.
    let ask = json!({ "quota_id": standard["id"], "limit": "40", "reason": "we grow" });
    let request = market.as_(&newcomer).post("/v1/quota-requests", ask).await.expect(201);
    let grant = format!("/v1/quota-requests/{}/grant", id_of(&request));
    admin.post(grant, json!({ "reason": "papers seen" })).await.expect(200);
    market.as_(&newcomer).book(&offer, 40, wish).await.expect(201);
    market.as_(&newcomer).book(&offer, 8, wish).await.refused(409, "quota_exceeded");
    client.book(&offer, 8, wish).await.refused(409, "quota_exceeded");
    admin.post(path(&standard, "end"), json!({ "reason": "no more" })).await.expect(200);
    client.book(&offer, 8, wish).await.expect(201);
}

#[tokio::test]
async fn a_raise_is_asked_for_and_decided_with_reasons() {
    let (market, offer, tenant) = market().await;
    let manager = market.member(&tenant, "manager").await;
    let gpus = quota(&market, &tenant, "concurrent_gpus", "16").await;
    let (client, admin) = (market.as_(&manager), market.as_(market.admin().await));
    let ask =
        |limit: &str| json!({ "quota_id": gpus["id"], "limit": limit, "reason": "a larger model" });
    client.post("/v1/quota-requests", ask("16")).await.refused(422, "no_raise");
    let request = client.post("/v1/quota-requests", ask("64")).await.expect(201);
    assert_eq!(
        (&request["state"], &request["can"]),
        (&json!("open"), &json!(["grant", "deny", "withdraw"]))
    );
    client.post("/v1/quota-requests", ask("80")).await.refused(409, "request_open");
    let act = |request: &Value, act: &str| format!("/v1/quota-requests/{}/{act}", id_of(request));
    let because = json!({ "reason": "not yet" });
    // Whoever asks does not decide.
    client.post(act(&request, "grant"), because.clone()).await.refused(403, "forbidden");
    market
        .as_(&tenant)
        .post(act(&request, "deny"), because.clone())
        .await
        .refused(403, "forbidden");
    let denied = admin.post(act(&request, "deny"), because.clone()).await.expect(200);
    assert_eq!(
        (&denied["state"], &denied["decision_reason"]),
        (&json!("denied"), &json!("not yet"))
    );
    admin.post(act(&request, "grant"), because.clone()).await.refused(409, "request_decided");
    let withdrawn = client.post("/v1/quota-requests", ask("64")).await.expect(201);
    client.post(act(&withdrawn, "withdraw"), because.clone()).await.expect(200);
    // Granted for a while and less than asked for: an override.
    let request = client.post("/v1/quota-requests", ask("64")).await.expect(201);
    let until = market.now() + TimeDelta::days(10);
    let grant = json!({ "limit": "32", "until": until, "reason": "for the launch" });
    let granted = admin.post(act(&request, "grant"), grant).await.expect(200);
    assert_eq!(
        (&granted["granted_limit"], &granted["granted_until"]),
        (&json!("32"), &json!(until))
    );
    client.book(&offer, 32, market.window(1, 24)).await.expect(201);
    client.book(&offer, 32, market.window(24 * 20, 24)).await.refused(409, "quota_exceeded");
    let listed = client.get("/v1/quota-requests").query(&[("state", "granted")]).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_owner_keeps_the_quotas_of_projects() {
    let (market, offer, tenant) = market().await;
    let project = market.project(&tenant).await;
    let manager = market.member(&tenant, "manager").await;
    let owner = market.as_(&tenant);
    let body = json!({ "project_id": project, "dimension": "concurrent_gpus", "limit": "16", "reason": "a team of two" });
    market.as_(&manager).post("/v1/quotas", body.clone()).await.refused(403, "forbidden");
    let own = owner.post("/v1/quotas", body).await.expect(201);
    assert_eq!(own["organization_id"], tenant.id.as_str());
    let wish = |gpus| {
        let mut wish = booking(&offer, gpus, market.window(24, 24));
        wish["project_id"] = project.clone().into();
        wish
    };
    let client = market.as_(&manager);
    let refusal = client.post("/v1/leases", wish(24)).await.refused(409, "quota_exceeded");
    assert_eq!(refusal["quotas"][0]["project_id"], project);
    client.post("/v1/leases", wish(16)).await.expect(201);
    client.book(&offer, 80, market.window(24, 24)).await.expect(201);
    let ask = json!({ "quota_id": own["id"], "limit": "24", "reason": "one more" });
    let request = client.post("/v1/quota-requests", ask).await.expect(201);
    let grant = format!("/v1/quota-requests/{}/grant", id_of(&request));
    owner.post(grant, json!({ "reason": "fine" })).await.expect(200);
    client.post("/v1/leases", wish(8)).await.expect(201);
}

#[tokio::test]
async fn what_is_booked_can_be_drawn_against_the_limit() {
    let (market, offer, tenant) = market().await;
    quota(&market, &tenant, "concurrent_gpus", "64").await;
    quota(&market, &tenant, "gpu_hours_per_month", "9000").await;
    market.lease(&offer).by(&tenant).gpus(16).hours(10, 20).await;
    market.lease(&offer).by(&tenant).gpus(40).hours(20, 20).await;
    let path = format!("/v1/organizations/{}/quota-peaks", tenant.id);
    let (from, to) = market.window(0, 24 * 40);
    let (from_text, to_text) = (from.to_rfc3339(), to.to_rfc3339());
    let window = [("from", from_text.as_str()), ("to", to_text.as_str())];
    let client = market.as_(&tenant);
    let drawn = client.get(&path).query(&window).await.expect(200);
    let curve = |dimension: &str| {
        let curves = drawn["curves"].as_array().unwrap().iter();
        curves.clone().find(|curve| curve["dimension"] == dimension).unwrap().clone()
    };
    let at = |hours| json!(from + TimeDelta::hours(hours));
    let points = [(0, "0"), (10, "16"), (20, "56"), (30, "40"), (40, "0")]
        .map(|(hour, booked)| json!({ "at": at(hour), "booked": booked, "limit": "64" }));
    assert_eq!(curve("concurrent_gpus")["points"], json!(points));
    let months = curve("gpu_hours_per_month");
    assert_eq!(months["points"][0]["booked"], "1120");
    assert_eq!(months["points"].as_array().unwrap().len(), 2);
    // MW are drawn without a limit.
    assert_eq!(
        (&curve("concurrent_mw")["quota_id"], &curve("concurrent_mw")["points"][0]["limit"]),
        (&Value::Null, &Value::Null)
    );
    // Few points show the peaks.
    let coarse = client.get(&path).query(&window).query(&[("points", "3")]).await.expect(200);
    let gpus = coarse["curves"]
        .as_array()
        .unwrap()
        .iter()
        .find(|curve| curve["dimension"] == "concurrent_gpus")
        .unwrap();
    assert_eq!((&gpus["is_coarse"], &gpus["points"][0]["booked"]), (&json!(true), &json!("56")));
    for (name, value, code) in
        [("points", "1", "invalid_points"), ("to", "2026-01-01T00:00:00Z", "invalid_period")]
    {
        let answer = client.get(&path).query(&[(name, value)]).await;
        assert!(answer.status.is_client_error());
        assert_eq!(answer.body["code"], code);
    }
    let rival = market.tenant().await;
    market.as_(&rival).get(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn quotas_that_make_no_sense_are_refused_and_nothing_is_written() {
    let (market, offer, tenant) = market().await;
    let rival = market.tenant().await;
    let theirs = market.project(&rival).await;
    let mine = market.project(&tenant).await;
    let gpus = quota(&market, &tenant, "concurrent_gpus", "16").await;
    let (admin, owner) = (market.as_(market.admin().await), market.as_(&tenant));
    owner.get("/v1/me").await.expect(200);
    market.as_(&rival).get("/v1/me").await.expect(200);
    let before = market.database.row_counts().await;
    let good = json!({ "organization_id": tenant.id, "dimension": "concurrent_gpus", "limit": "1", "reason": "r" });
    for (field, value, code) in [
        ("limit", json!("-1"), "limit_out_of_bounds"),
        ("limit", json!(-1), "limit_out_of_bounds"),
        ("limit", json!("9223372036854775808"), "limit_out_of_bounds"),
        ("limit", json!(9_223_372_036_854_775_808_u64), "limit_out_of_bounds"),
        ("limit", json!("1.5"), "limit_out_of_bounds"),
        ("limit", json!(1.5), "invalid_field"),
        ("limit", json!("P30D"), "limit_out_of_bounds"),
        ("limit", Value::Null, "limit_or_share"),
        ("dimension", json!("concurrent_dreams"), "invalid_field"),
        ("dimension", json!("longest_lease"), "limit_out_of_bounds"),
        ("accelerator", json!("no-such-chip"), "unknown_accelerator"),
        ("site_id", json!("site_01jqz3k8e5f8va2m0x9w7c4d6b"), "invalid_field"),
        ("site_id", json!("nowhere"), "invalid_field"),
        ("region", json!("mars"), "invalid_field"),
        ("share", json!("0.5"), "limit_or_share"),
        ("verification", json!("verified"), "whose_quota"),
        ("valid_until", json!("2020-01-01T00:00:00Z"), "invalid_period"),
        ("valid_until", json!("9999-01-01T00:00:00Z"), "invalid_period"),
        ("reason", json!(""), "invalid_field"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        admin.post("/v1/quotas", body).await.refused(422, code);
    }
    for (share, code) in [
        ("1.1", "share_out_of_bounds"),
        ("-0.1", "share_out_of_bounds"),
        ("0.0000001", "share_out_of_bounds"),
        ("half", "share_out_of_bounds"),
    ] {
        let body = json!({ "project_id": mine, "dimension": "concurrent_gpus", "share": share, "reason": "r" });
        owner.post("/v1/quotas", body).await.refused(422, code);
    }
    let whole = json!({ "dimension": "concurrent_gpus", "share": "0.5", "reason": "r", "organization_id": tenant.id });
    admin.post("/v1/quotas", whole).await.refused(422, "share_of_nothing");
    let longest =
        json!({ "project_id": mine, "dimension": "longest_lease", "share": "0.5", "reason": "r" });
    owner.post("/v1/quotas", longest).await.refused(422, "share_of_dimension");
    // What is another's is not there.
    let other = json!({ "project_id": theirs, "dimension": "concurrent_gpus", "limit": "1", "reason": "r" });
    owner.post("/v1/quotas", other.clone()).await.refused(404, "not_found");
    let mut mixed = other;
    mixed["organization_id"] = tenant.id.clone().into();
    admin.post("/v1/quotas", mixed).await.refused(404, "not_found");
    let nobody = json!({ "organization_id": "org_01jqz3k8e5f8va2m0x9w7c4d6b", "dimension": "concurrent_gpus", "limit": "1", "reason": "r" });
    admin.post("/v1/quotas", nobody).await.refused(404, "not_found");
    owner.post("/v1/quotas", good).await.refused(403, "forbidden");
    let stranger = market.as_(&rival);
    stranger.get(path(&gpus, "events")).await.refused(404, "not_found");
    stranger.post(path(&gpus, "end"), json!({ "reason": "r" })).await.refused(404, "not_found");
    let ask = json!({ "quota_id": gpus["id"], "limit": "99", "reason": "r" });
    stranger.post("/v1/quota-requests", ask).await.refused(404, "not_found");
    let until = market.now() + TimeDelta::days(1);
    for (starts_at, ends_at) in [
        (None, market.now() - TimeDelta::days(1)),
        (Some(until), until),
        (Some(market.now() - TimeDelta::days(1)), until),
    ] {
        let mut body = json!({ "limit": "1", "ends_at": ends_at, "reason": "r" });
        if let Some(starts_at) = starts_at {
            body["starts_at"] = json!(starts_at);
        }
        admin.post(path(&gpus, "override"), body).await.refused(422, "invalid_period");
    }
    // A rehearsal and a refused booking leave nothing behind either.
    let rehearsed = json!({ "organization_id": tenant.id, "dimension": "concurrent_gpus", "limit": "0", "reason": "r" });
    admin.post("/v1/quotas", rehearsed).dry_run().await.expect(200);
    owner.book(&offer, 24, market.window(1, 24)).await.refused(409, "quota_exceeded");
    owner.post("/v1/leases", booking(&offer, 16, market.window(1, 24))).dry_run().await.expect(201);
    assert_eq!(before, market.database.row_counts().await);
    owner.book(&offer, 16, market.window(1, 24)).await.expect(201);
}
