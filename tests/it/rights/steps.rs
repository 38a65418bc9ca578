//! Every act takes every step: it counts against quotas, keeps what plans and quotes said, is guarded as
//! others are, and is signed by who did it.

use chrono::TimeDelta;
use futures::future::join_all;
use leasehold::kernel::Span;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{amount, half_on_top, instant, offer, recalled};
use crate::support::{Lease, Market, Offer, Organization, id_of};

/// Callable units, 20 of 8 GPUs.
async fn callable(market: &Market) -> Offer {
    offer(market).units(20).clauses(json!([half_on_top("P1D")])).await
}

async fn limited(market: &Market, tenant: &Organization, gpus: &str) {
    let quota = json!({
        "organization_id": tenant.id, "dimension": "concurrent_gpus", "limit": gpus, "reason": "so",
    });
    market.as_(market.admin().await).post("/v1/quotas", quota).await.expect(201);
}

/// The most that `tenant` has booked from now on, as the server says.
async fn peak(market: &Market, tenant: &Organization) -> Decimal {
    let quotas = market.as_(tenant).get("/v1/quotas").await.expect(200);
    amount(&quotas["items"][0]["standing"]["peak"])
}

/// A plan by which half of a lease is bought back, in two days.
async fn plan_to_buy_back(market: &Market, lease: &Lease, premium: &str) -> (Value, String) {
    let offer = &lease.offer;
    let willing = json!({ "gpus": 32, "premium_per_gpu_hour": premium });
    market.as_(lease).post(lease.path("volunteer"), willing).await.expect(201);
    let wish = json!({
        "pool_id": offer.pool.id, "gpus": 96 + 32, "by": market.now() + TimeDelta::hours(2),
        "duration": "P2D",
    });
    let plan = market.as_(offer.provider()).post("/v1/reclaim-plans", wish).await.expect(201);
    assert_eq!(plan["cuts"][0]["is_voluntary"], true, "{plan}");
    let path = format!("/v1/reclaim-plans/{}/cases", id_of(&plan));
    (plan, path)
}

#[tokio::test]
async fn what_was_bought_back_no_longer_counts() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let tenant = market.tenant().await;
    limited(&market, &tenant, "64").await;
    let lease = market.lease(&offer).by(&tenant).gpus(64).hours(0, 24 * 10).await;
    market.run_due().await;
    assert_eq!(peak(&market, &tenant).await, Decimal::from(64));
    let (_, path) = plan_to_buy_back(&market, &lease, "0.10").await;
    market.as_(offer.provider()).post(path, json!({ "reason": "a job" })).await.expect(200);
    market.advance(Span::hours(2)).await;
    let window = market.window(1, 24);
    market.as_(&tenant).book(&offer, 32, window).await.expect(201);
    assert_eq!(peak(&market, &tenant).await, Decimal::from(64));
    market.as_(&tenant).book(&offer, 8, window).await.refused(409, "quota_exceeded");
}

/// A lease of 64 GPUs of which 32 are recalled for `heir`, the deadline passed if the case could be
/// opened at all.
async fn reserved(market: &Market, offer: &Offer, heir: &Organization) -> Option<Value> {
    let lease = market.lease(offer).gpus(64).hours(0, 24 * 30).await;
    market.run_due().await;
    let body = json!({
        "ground": "recall.callable", "action": "partial", "units": 4, "reason": "needed",
        "reserve": { "organization_id": heir.id, "lasting": "P10D" },
    });
    let provider = offer.provider();
    let opened = market.as_(provider).post(lease.path("reclaim-cases"), body).await;
    if opened.status.is_client_error() {
        return None;
    }
    let case = crate::cases::Case { market, id: id_of(&opened.expect(201)) };
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    market.advance(Span::days(2)).await;
    let quotes = market.as_(heir).get("/v1/quotes").await.expect(200);
    quotes["items"].as_array().unwrap().first().cloned()
}

#[tokio::test]
async fn what_is_reserved_for_a_tenant_does_not_pass_its_quota() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let heir = market.tenant().await;
    limited(&market, &heir, "8").await;
    if let Some(quote) = reserved(&market, &offer, &heir).await {
        let body = json!({ "quote_id": quote["id"] });
        market.as_(&heir).post("/v1/leases", body).await.refused(409, "quota_exceeded");
    }
    assert_eq!(peak(&market, &heir).await, Decimal::ZERO);
}

#[tokio::test]
async fn what_is_reserved_counts_once_it_is_accepted_and_never_above_the_quota() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let heir = market.tenant().await;
    limited(&market, &heir, "64").await;
    // Its book is in memory.
    market.as_(&heir).book(&offer, 8, market.window(0, 24 * 30)).await.expect(201);
    let quote = reserved(&market, &offer, &heir).await.expect("there is room for it");
    assert_eq!(peak(&market, &heir).await, Decimal::from(8), "it has not accepted anything yet");
    market.as_(&heir).book(&offer, 56, market.window(0, 24 * 20)).await.expect(201);
    let body = json!({ "quote_id": quote["id"] });
    market.as_(&heir).post("/v1/leases", body).await.refused(409, "quota_exceeded");
    assert_eq!(peak(&market, &heir).await, Decimal::from(64));
}

#[tokio::test]
async fn a_reserved_quote_stands_whatever_becomes_of_the_offer() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let heir = market.tenant().await;
    let quote = reserved(&market, &offer, &heir).await.expect("nothing limits it");
    let pause = format!("/v1/offers/{}/pause", offer.id);
    market.as_(offer.provider()).post(pause, json!({})).await.expect(200);
    let body = json!({ "quote_id": quote["id"] });
    market.as_(&heir).post("/v1/leases", body).await.expect(201);
}

#[tokio::test]
async fn units_under_the_smallest_size_are_not_reserved_in_vain() {
    let market = Market::open().await;
    let offer = offer(&market).units(20).with("min_gpus", 64);
    let offer = offer.clauses(json!([half_on_top("P1D")])).await;
    let heir = market.tenant().await;
    // It is said when the case is opened, or the quote's word stands.
    if let Some(quote) = reserved(&market, &offer, &heir).await {
        let body = json!({ "quote_id": quote["id"] });
        market.as_(&heir).post("/v1/leases", body).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_not_carried_out_on_a_lease_that_was_extended_meanwhile() {
    let market = Market::open_servers(2).await;
    for _ in 0..12 {
        let offer = callable(&market).await;
        let lease = market.lease(&offer).gpus(64).hours(0, 24 * 10).await;
        market.run_due().await;
        let (plan, path) = plan_to_buy_back(&market, &lease, "1.00").await;
        let longer = json!({ "ends_at": market.now() + TimeDelta::days(160) });
        let provider = market.as_(offer.provider());
        let tenant = market.as_(&lease);
        let (extended, carried_out) =
            tokio::join!(async { tenant.post(lease.path("extend"), longer).await }, async {
                provider.post(path, json!({ "reason": "a job" })).await
            },);
        if !carried_out.status.is_success() {
            carried_out.refused(409, "plan_outdated");
            extended.expect(200);
            continue;
        }
        let amendments = market.as_(&lease).get(lease.path("amendments")).await.expect(200);
        let kinds: Vec<&Value> =
            amendments["items"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
        assert_eq!(kinds[0], "buy_back", "the plan was made for the lease before {kinds:?}");
        let premium = amount(&plan["cuts"][0]["compensation"]) - amount(&plan["cuts"][0]["unused"]);
        assert_eq!(amount(&carried_out.body["carried_out"]["bought_back"][0]["premium"]), premium);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_shown_as_of_one_revision() {
    let market = Market::open().await;
    let offer = offer(&market).units(1).await;
    let lease = market.lease(&offer).hours(1, 24).await;
    let begin = instant(&lease.view["ends_at"]);
    let writer = async {
        for hour in 1..=60 {
            let longer = json!({ "ends_at": begin + TimeDelta::hours(hour) });
            let longer = market.as_(&lease).post(lease.path("extend"), longer).await;
            longer.expect(200);
        }
    };
    let reader = async {
        let mut torn = Vec::new();
        for _ in 0..150 {
            let answer = market.as_(&lease).get(lease.path("")).await;
            let revision = answer.revision();
            let body = answer.expect(200);
            let end = begin + TimeDelta::hours(revision - 1);
            if body["schedule"][0]["ends_at"] != json!(end)
                || body["units"][0]["ends_at"] != json!(end)
            {
                torn.push((
                    revision,
                    body["schedule"][0]["ends_at"].clone(),
                    body["units"][0]["ends_at"].clone(),
                ));
            }
        }
        torn
    };
    let (torn, _) = tokio::join!(join_all([reader]), writer,);
    assert_eq!(torn.concat(), [], "revision, end of the line, end of its units");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_opened_while_the_lease_changes_is_opened_or_refused_with_the_reason() {
    let market = Market::open_servers(2).await;
    let offer = callable(&market).await;
    for _ in 0..10 {
        let lease = market.lease(&offer).gpus(64).hours(0, 24 * 30).await;
        market.run_due().await;
        let shrink = json!({ "tranche_id": lease.view["schedule"][0]["id"], "gpus": 56 });
        let open = json!({
            "ground": "recall.callable", "action": "partial", "units": 6, "reason": "needed",
        });
        let (tenant, provider) = (market.as_(&lease), market.as_(offer.provider()));
        let path = lease.path("reclaim-cases");
        let (shrunk, first, second, third) = tokio::join!(
            async { tenant.post(lease.path("shrink"), shrink).await },
            async { provider.post(&path, open.clone()).await },
            async { provider.post(&path, open.clone()).await },
            async { provider.post(&path, open.clone()).await },
        );
        shrunk.expect(200);
        for answer in [first, second, third] {
            let status = answer.status.as_u16();
            assert!([201, 409, 412, 422].contains(&status), "{status} {}", answer.text);
        }
        let told = market.as_(&lease).post(lease.path("cancellation-quote"), json!({})).await;
        let end = json!({ "cancellation_quote_id": told.expect(201)["id"], "reason": "done" });
        market.as_(&lease).post(lease.path("end"), end).await.expect(200);
    }
}

#[tokio::test]
async fn a_request_that_lapsed_says_by_whom() {
    let market = Market::open().await;
    let offer = offer(&market).approval().await;
    let lease = market.lease(&offer).hours(1, 24).await;
    market.advance(Span::hours(1)).await;
    let over = lease.show(&market).await;
    assert_eq!(over["end"]["code"], "not_approved_in_time");
    let by = over["end"]["by"].as_str().unwrap();
    assert!(by.contains("leases.lapse_due"), "{by}");
}

async fn suspend(market: &Market, organization: &Organization) {
    let path = format!("/v1/organizations/{}/suspend", organization.id);
    let body = json!({ "reason": "a complaint" });
    market.as_(market.admin().await).post(path, body).await.expect(200);
}

/// The lease cannot be kept longer, and stays as it is.
async fn assert_not_extended(market: &Market, lease: &Lease) {
    let before = lease.show(market).await;
    let longer = json!({ "ends_at": instant(&before["ends_at"]) + TimeDelta::days(1) });
    let extended = market.as_(lease).post(lease.path("extend"), longer).await;
    assert!(extended.status.is_client_error(), "{} {}", extended.status, extended.text);
    assert_ne!(extended.status, 404, "the lease is there: {}", extended.text);
    assert_eq!(lease.show(market).await["ends_at"], before["ends_at"]);
    // It was said before, with the same reason.
    assert_eq!(before["cannot"]["extend"], extended.body["detail"], "{before}");
}

#[tokio::test]
async fn a_request_of_a_tenant_or_at_a_provider_that_was_suspended_since_is_not_approved() {
    let market = Market::open().await;
    let offer = offer(&market).approval().await;
    let (lease, later) = (market.lease(&offer).await, market.lease(&offer).await);
    let provider = offer.provider();
    let approve = lease.path("approve");
    suspend(&market, &lease.tenant).await;
    let refused = market.as_(provider).post(approve, json!({})).await;
    refused.refused(409, "not_verified");
    suspend(&market, provider).await;
    let refused = market.as_(provider).post(later.path("approve"), json!({})).await;
    refused.refused(409, "provider_not_verified");
    assert_eq!(later.show(&market).await["status"], "requested");
}

#[tokio::test]
async fn what_is_reserved_is_paid_from_its_acceptance_on() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let heir = market.tenant().await;
    let quote = reserved(&market, &offer, &heir).await.expect("nothing limits it");
    market.advance(Span::days(4)).await;
    let body = json!({ "quote_id": quote["id"] });
    let lease = market.as_(&heir).post("/v1/leases", body).await.expect(201);
    assert_eq!(lease["starts_at"], json!(market.now()), "{lease}");
    let gone = market.now() - instant(&quote["lines"][0]["starts_at"]);
    let saved = amount(&quote["price"]) - amount(&lease["price"]);
    // 32 GPUs at 2.50.
    assert_eq!(saved, Decimal::from(80) * Decimal::from(gone.num_seconds()) / Decimal::from(3600));
    let path = format!("/v1/leases/{}", id_of(&lease));
    let units = market.as_(&heir).get(path).await.expect(200)["units"].clone();
    let starts = units.as_array().unwrap().iter().map(|units| &units["starts_at"]);
    assert!(
        starts.clone().count() > 0 && starts.clone().all(|at| *at == lease["starts_at"]),
        "{units}"
    );
}

#[tokio::test]
async fn a_suspended_tenant_gets_nothing_more() {
    let market = Market::open().await;
    let offer = offer(&market).await;
    let lease = market.lease(&offer).await;
    suspend(&market, &lease.tenant).await;
    assert_not_extended(&market, &lease).await;
}

#[tokio::test]
async fn a_suspended_provider_leases_nothing_more() {
    let market = Market::open().await;
    let offer = offer(&market).await;
    let lease = market.lease(&offer).await;
    suspend(&market, offer.provider()).await;
    assert_not_extended(&market, &lease).await;
}

#[tokio::test]
async fn an_offer_that_is_closed_to_a_tenant_is_closed_for_longer_too() {
    let market = Market::open().await;
    let offer = offer(&market).await;
    let lease = market.lease(&offer).await;
    let other = market.tenant().await;
    let body = json!({ "audience": [other.id] });
    market.as_(offer.provider()).patch(format!("/v1/offers/{}", offer.id), body).await.expect(200);
    assert_not_extended(&market, &lease).await;
}

#[tokio::test]
async fn a_full_recall_for_somebody_keeps_all_of_it() {
    let market = Market::open().await;
    let offer = callable(&market).await;
    let heir = market.tenant().await;
    let lease = market.lease(&offer).gpus(64).hours(0, 24 * 30).await;
    market.run_due().await;
    let with = json!({
        "action": "full", "reserve": { "organization_id": heir.id, "lasting": "P10D" },
    });
    recalled(&market, &lease, 0, with).await;
    market.advance(Span::days(2)).await;
    let quotes = market.as_(&heir).get("/v1/quotes").await.expect(200);
    let body = json!({ "quote_id": quotes["items"][0]["id"] });
    let heirs = market.as_(&heir).post("/v1/leases", body).await.expect(201);
    assert_eq!(heirs["schedule"][0]["gpus"], 64);
}
