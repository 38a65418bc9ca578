//! What a case takes: for a time, kept for somebody, once; and whose approval it takes.

use chrono::TimeDelta;
use leasehold::audit;
use leasehold::kernel::Span;
use serde_json::json;

use crate::cases::{Case, amount, breach, running_lease};
use crate::support::Market;
use crate::support::people::User;
use crate::support::supply::recall;

// ── Units that are kept ──────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn units_are_taken_for_a_time_kept_for_somebody_and_return_to_the_lease() {
    let market = Market::open().await;
    let offer = market.offer().clauses(json!([recall("P1D")])).await;
    let lease = market.lease(&offer).gpus(64).hours(1, 24 * 60).await;
    market.advance(Span::hours(2)).await;
    let (provider, friend) = (offer.provider(), market.tenant().await);
    let back_at = market.now() + TimeDelta::days(31);
    let body = json!({
        "ground": "recall.callable", "action": "partial", "units": 3, "reason": "for a friend",
        "until": back_at,
        "reserve": { "organization_id": friend.id, "lasting": "P2D" },
    });
    for nobody in [&lease.tenant.id, &market.registered(&["tenant"]).await.id] {
        let mut bad = body.clone();
        bad["reserve"]["organization_id"] = json!(nobody);
        let refused = market.as_(provider).post(lease.path("reclaim-cases"), bad).await;
        refused.refused(422, "invalid_field");
    }
    let case = Case::open(&market, provider, &lease, body).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    let before = lease.show(&market).await;
    market.advance(Span::days(1)).await;
    let done = case.show(provider).await;
    assert_eq!(done["state"], "settled", "{done}");
    let quote = done["outcome"]["reserved"]["quote_id"].as_str().unwrap().to_owned();
    assert!(done["outcome"]["choice"]["explanation"].as_str().unwrap().contains("runs go first"));

    // Nobody else gets them; the friend books by its quote, at the rate of the lease.
    let rival = market.tenant().await;
    let wish = market.window(1, 24);
    market.as_(&rival).book(&offer, 8, wish).await.refused(409, "not_enough_units");
    market
        .as_(&rival)
        .post("/v1/leases", json!({ "quote_id": quote }))
        .await
        .refused(404, "not_found");
    let booked = market.as_(&friend).post("/v1/leases", json!({ "quote_id": quote })).await;
    let booked = booked.expect(201);
    assert_eq!((&booked["status"], &booked["gpus_now"]), (&json!("active"), &json!(24)));

    // The lease goes on with the rest, and has all of it again when the time is over.
    let now = lease.show(&market).await;
    assert_eq!(now["gpus_now"], 40);
    let difference = amount(&before["price"]) - amount(&now["price"]);
    assert!((difference - amount(&done["outcome"]["unused"])).abs() < 0.01);
    assert!((difference - 24.0 * 2.5 * 24.0 * 30.0).abs() < 0.01, "thirty days of three units");
    market.advance_to(back_at).await;
    assert_eq!(lease.show(&market).await["gpus_now"], 64);
    let report = audit::verify(&market.app, &[]).await.unwrap();
    assert!(report.is_intact, "{:?}", report.findings);
}

#[tokio::test]
async fn units_that_are_kept_and_not_booked_return_to_the_market() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([recall("P1D")])).await;
    let (provider, friend) = (lease.offer.provider(), market.tenant().await);
    let body = json!({
        "ground": "recall.callable", "action": "full", "reason": "for a friend",
        "reserve": { "organization_id": friend.id, "lasting": "P2D" },
    });
    let case = Case::open(&market, provider, &lease, body).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    market.advance(Span::days(1)).await;
    assert_eq!(case.state().await, "settled");
    let rival = market.tenant().await;
    let wish = market.window(1, 24);
    market.as_(&rival).book(&lease.offer, 64, wish).await.refused(409, "not_enough_units");
    market.advance(Span::days(2)).await;
    market.as_(&rival).book(&lease.offer, 64, market.window(1, 24)).await.expect(201);
}

// ── People ───────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn the_approval_of_staff_who_is_removed_or_does_something_else_counts_no_more() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([breach()])).await;
    let provider = lease.offer.provider();
    let body = json!({ "ground": "breach.material", "action": "full", "reason": "so" });
    let case = Case::open(&market, provider, &lease, body).await;
    case.done(provider, "submit", json!({})).await;
    let admin = market.admin().await;
    case.done(&admin, "approve", json!({})).await;
    let lawyer = market.staff("legal").await;
    assert_eq!(case.done(&lawyer, "approve", json!({})).await["state"], "approved");

    let staff = market.as_(&admin).get("/v1/staff").await.expect(200);
    let id = |user: &User| {
        let found = staff["items"].as_array().unwrap().iter();
        let mut found = found.filter(|member| member["email"] == user.email());
        format!("/v1/staff/{}", found.next().unwrap()["id"].as_str().unwrap())
    };
    let role = json!({ "role": "operations" });
    let path = format!("{}/change-role", id(&lawyer));
    market.as_(&lawyer).post(&path, role.clone()).await.refused(403, "forbidden");
    market.as_(&admin).post(&path, role).await.expect(200);
    let refused = case.act(provider, "serve", json!({})).await.refused(409, "approvals_missing");
    assert_eq!(refused["missing"], json!({ "legal": 1 }));

    let second = market.staff("legal").await;
    case.done(&second, "approve", json!({})).await;
    let staff = market.as_(&admin).get("/v1/staff").await.expect(200);
    let found = staff["items"].as_array().unwrap().iter();
    let mut found = found.filter(|member| member["email"] == second.email());
    let path = format!("/v1/staff/{}/remove", found.next().unwrap()["id"].as_str().unwrap());
    market.as_(&admin).post(&path, json!({})).await.expect(200);
    market.as_(&second).get("/v1/me").await.refused(401, "session_ended");
    market.as_(&admin).post(&path, json!({})).await.refused(404, "not_found");
    case.act(provider, "serve", json!({})).await.refused(409, "approvals_missing");
    let remove_admin = format!("{}/remove", id(&admin));
    market.as_(&admin).post(remove_admin, json!({})).await.refused(409, "last_admin");

    case.done(market.staff("legal").await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
}

#[tokio::test]
async fn a_case_that_nobody_serves_lapses() {
    let market = Market::open().await;
    let offer = market.offer().clauses(json!([recall("P1D")])).await;
    let lease = market.lease(&offer).hours(1, 24 * 365).await;
    let body = json!({ "ground": "recall.callable", "action": "full", "reason": "so" });
    let case = Case::open(&market, offer.provider(), &lease, body.clone()).await;
    market.advance(Span::days(89)).await;
    assert_eq!(case.state().await, "draft");
    market.advance(Span::days(1)).await;
    assert_eq!(case.state().await, "withdrawn");
    Case::open(&market, offer.provider(), &lease, body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_is_carried_out_once_however_many_servers_look() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([recall("P1D")])).await;
    let provider = lease.offer.provider();
    let body = json!({
        "ground": "recall.callable", "action": "partial", "units": 1, "reason": "so",
        "reserve": { "organization_id": provider.id, "lasting": "P10D" },
    });
    let case = Case::open(&market, provider, &lease, body).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    market.pass(Span::days(3).delta());
    // One that finds no connection left tries again later, as a server would.
    let servers = (0..4).map(|_| leasehold::wiring::run_due(&market.app));
    drop(futures::future::join_all(servers).await);
    market.run_due().await;
    let done = case.show(&lease.tenant).await;
    assert_eq!(done["state"], "settled", "{done}");
    let told: Vec<_> =
        done["timeline"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert_eq!(told, ["reclaim.served", "reclaim.due", "reclaim.executed", "reclaim.settled"]);
    assert_eq!(done["outcome"]["reserved"]["block_ids"].as_array().unwrap().len(), 1);
    assert_eq!(lease.show(&market).await["gpus_now"], 8);
    let report = audit::verify(&market.app, &[]).await.unwrap();
    assert!(report.is_intact, "{:?}", report.findings);
}
