//! What the public sees of reclaim cases, and what stays between those concerned.

use leasehold::kernel::Span;
use serde_json::{Value, json};

use crate::support::{Market, id_of, recall};

#[tokio::test]
async fn the_public_sees_served_cases_without_names_and_the_rate_beside_offers() {
    let market = Market::open().await;
    let offer = market.offer().clauses(json!([recall("P1D")])).await;
    let lease = market.lease(&offer).gpus(64).hours(1, 240).await;
    market.advance(Span::hours(2)).await;
    let provider = market.as_(offer.pool.provider.clone());
    let reason = "Jane Doe of the tenant knows why";
    let body = json!({
        "ground": "recall.callable", "action": "partial", "units": 2, "reason": reason,
    });
    let case = id_of(&provider.post(lease.path("reclaim-cases"), body).await.expect(201));
    let act = |act: &str| format!("/v1/reclaim-cases/{case}/{act}");
    provider.post(act("submit"), json!({})).await.expect(200);
    let everybody = async || {
        let list = market.as_nobody().get("/v1/transparency/reclaims").await;
        (list.text.clone(), list.expect(200)["items"].clone())
    };
    assert_eq!(everybody().await.1, json!([]), "what is not served is not told");
    market.as_(market.admin().await).post(act("approve"), json!({})).await.expect(200);
    provider.post(act("serve"), json!({})).await.expect(200);
    market.as_(&lease.tenant).post(act("acknowledge"), json!({})).await.expect(200);

    let (text, seen) = everybody().await;
    let month = market.now().format("%Y-%m").to_string();
    let told = json!({
        "id": case, "provider_id": offer.pool.provider.id,
        "provider_name": seen[0]["provider_name"], "ground": "recall.callable",
        "action": "partial", "month": month, "gpus": "9-64", "notice_days": 1, "outcome": "noticed",
    });
    assert_eq!(seen, json!([told]));
    for kept in [lease.tenant.id.as_str(), lease.id.as_str(), "Jane Doe"] {
        assert!(!text.contains(kept), "{kept} is told: {text}");
    }

    market.advance(Span::days(1)).await;
    market.run_due().await;
    let (_, seen) = everybody().await;
    assert!(["executed", "settled"].contains(&seen[0]["outcome"].as_str().unwrap()), "{seen}");
    // Two of eight units, 240 hours less the 26 that had passed... of all that was leased.
    let of_offer = market.as_nobody().get(format!("/v1/offers/{}", offer.id)).await.expect(200);
    let record = &of_offer["provider_reclaims"];
    assert_eq!((&record["served"], &record["executed"]), (&json!(1), &json!(1)), "{record}");
    let rate: f64 = record["rate"].as_str().unwrap().parse().unwrap();
    let hours = f64::from(240 + 1 - 2 - 24);
    let expected = 16.0 * hours / (64.0 * 240.0);
    assert!((rate - expected).abs() < 1e-5, "{rate} is not {expected}");
    let found =
        market.as_(&lease.tenant).post("/v1/search", json!({ "gpus": 8, "duration": "P1D" }));
    assert_eq!(found.await.expect(200)["options"][0]["provider_reclaims"], *record);
    let none = market.offer().await;
    let untouched = market.as_nobody().get(format!("/v1/offers/{}", none.id)).await.expect(200);
    assert_eq!(untouched["provider_reclaims"], json!({ "rate": "0", "served": 0, "executed": 0 }));

    let of_other = format!("/v1/transparency/reclaims?provider_id={}", none.pool.provider.id);
    assert_eq!(market.as_nobody().get(of_other).await.expect(200)["items"], json!([]));
    let bad = market.as_nobody().get("/v1/transparency/reclaims?provider_id=x").await;
    bad.refused(400, "invalid_query");
    assert_ne!(seen, Value::Null);
}
