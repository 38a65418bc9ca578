//! Reclaim terms: searching by what they say, setting two side by side, and that none ever changes.

use serde_json::json;

use crate::support::{Market, id_of, recall};

#[tokio::test]
async fn a_search_by_clause_finds_what_was_signed_up_for() {
    let market = Market::open().await;
    let convenience = json!({
        "ground": "convenience", "invocable_by": ["provider"], "action_max": "full",
        "notice": "P90D", "approvals": { "admin": 2 }, "compensation": { "prorata_refund": true },
    });
    let quick = market.offer().clauses(json!([recall("PT1H")])).await;
    let slow = market.offer().clauses(json!([recall("P7D"), convenience])).await;
    let never = market.offer().clauses(json!([])).await;
    let tenant = market.tenant().await;
    let search = async |clauses: serde_json::Value| {
        let body = json!({ "gpus": 8, "duration": "P1D", "clauses": clauses });
        market.as_(&tenant).post("/v1/search", body).await
    };
    let found = async |clauses: serde_json::Value| -> Vec<String> {
        let view = search(clauses).await.expect(200);
        let options = view["options"].as_array().unwrap().iter();
        let mut ids: Vec<String> =
            options.map(|option| option["offer_id"].as_str().unwrap().to_owned()).collect();
        // Their ids are of the same instant, and order what costs the same.
        ids.sort_unstable();
        ids
    };
    let recallable = json!([{ "ground": "recall.callable" }]);
    let mut both = [quick.id.clone(), slow.id.clone()];
    both.sort_unstable();
    assert_eq!(found(recallable).await, both);
    let within_a_day = json!([{ "ground": "recall.callable", "notice_max": "P1D" }]);
    assert_eq!(found(within_a_day).await, vec![quick.id.clone()]);
    let a_week_ahead = json!([{ "ground": "recall.callable", "notice_min": "P7D" }]);
    assert_eq!(found(a_week_ahead).await, vec![slow.id.clone()]);
    let not_recallable = json!([{ "ground": "recall.callable", "absent": true }]);
    assert_eq!(found(not_recallable).await, vec![never.id.clone()]);
    let neither = json!([
        { "ground": "recall.callable", "notice_max": "P7D" },
        { "ground": "convenience", "absent": true },
    ]);
    assert_eq!(found(neither).await, vec![quick.id.clone()]);

    // Nothing: it says that the terms are in the way, and of how many offers.
    let nothing = search(json!([{ "ground": "idle" }])).await.expect(200);
    assert_eq!(nothing["considered"], 3);
    assert_eq!(nothing["why_none"][0]["dimension"], "clause", "{nothing}");
    assert_eq!(nothing["why_none"][0]["offers"], 3);

    let both = json!([{ "ground": "idle", "absent": true, "notice_min": "P1D" }]);
    search(both).await.refused(422, "invalid_field");
    let crossed = json!([{ "ground": "idle", "notice_min": "P2D", "notice_max": "P1D" }]);
    search(crossed).await.refused(422, "invalid_field");
    search(json!([{ "ground": "whim" }])).await.refused(422, "invalid_field");
    search(json!([{ "ground": "idle", "notice_max": "-P1D" }])).await.refused(422, "invalid_field");
    search(json!(vec![json!({ "ground": "idle" }); 31])).await.refused(422, "invalid_field");
}

#[tokio::test]
async fn two_terms_are_set_side_by_side() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let mut better = recall("P7D");
    better["compensation"]["cap"] = json!("1000.00");
    let first = market.terms(&provider, json!([recall("P1D")])).await;
    let second = market.terms(&provider, json!([better])).await;
    let client = market.as_(&provider);
    let compare = async |first: &str, second: &str| {
        client.get(format!("/v1/reclaim-terms/{first}/compare")).query(&[("with", second)]).await
    };
    let view = compare(&first, &second).await.expect(200);
    insta::assert_json_snapshot!(view["differences"]);
    assert_eq!(
        view["verdict"],
        "the second are better for the tenant in 1 point, for the provider in 1 point"
    );

    // By hash everybody may; an id only who may read that version.
    let hash = view["second_hash"].as_str().unwrap();
    let same = compare(&second, hash).await.expect(200);
    assert_eq!((&same["differences"], &same["verdict"]), (&json!([]), &json!("both say the same")));
    compare(&first, "terms_1").await.refused(400, "invalid_query");
    compare(&first, &"0".repeat(64)).await.refused(404, "not_found");
    let rival = market.tenant().await;
    let foreign = market.as_(&rival).get(format!("/v1/reclaim-terms/{first}/compare"));
    foreign.query(&[("with", hash)]).await.refused(404, "not_found");
}

#[tokio::test]
async fn terms_never_change_even_for_the_servers_own_role() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let terms = market.terms(&provider, json!([recall("P1D")])).await;
    let path = format!("/v1/reclaim-terms/{terms}");
    let before = market.as_(&provider).get(&path).await.expect(200);
    for statement in [
        "update reclaim_terms set clauses = '[]'",
        "delete from reclaim_terms",
        "update reclaim_terms_versions set version = 9",
        "delete from reclaim_terms_versions",
        "truncate reclaim_terms cascade",
    ] {
        let mut connection = market.app.db.acquire().await.unwrap();
        let refused = async {
            sqlx::raw_sql("begin; set local role leasehold_server")
                .execute(&mut *connection)
                .await?;
            sqlx::raw_sql(statement).execute(&mut *connection).await
        };
        let refused = refused.await.expect_err(statement);
        let code = refused.as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refused}");
        sqlx::raw_sql("rollback").execute(&mut *connection).await.unwrap();
    }
    assert_eq!(market.as_(&provider).get(&path).await.expect(200), before);

    // The same again is the same version, other clauses are the next one.
    let name = before["name"].clone();
    let again = json!({ "name": name, "clauses": [recall("P1D")] });
    let again = market.as_(&provider).post("/v1/reclaim-terms", again).await.expect(200);
    assert_eq!(id_of(&again), terms);
    let other = json!({ "name": name, "clauses": [recall("P2D")] });
    let other = market.as_(&provider).post("/v1/reclaim-terms", other).await.expect(201);
    assert_eq!(other["version"], 2);
    assert_ne!(other["hash"], before["hash"]);
}
