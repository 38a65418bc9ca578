//! Logging in and staying logged in: tokens, keys that sign them, API keys, limits.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use leasehold::kernel::{Span, Timestamp};
use serde_json::{Value, json};
use sqlx::Row;

use crate::support::people::PASSWORD;
use crate::support::{Database, Market, Organization, User};

/// The tokens of a fresh log-in of `organization`'s owner.
async fn log_in(market: &Market, organization: &Organization) -> Value {
    let body = json!({ "email": organization.owner.email(), "password": PASSWORD });
    market.as_nobody().post("/v1/auth/token", body).await.expect(200)
}

async fn refresh(market: &Market, tokens: &Value) -> crate::support::Answer {
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    market.as_nobody().post("/v1/auth/refresh", body).await
}

fn access(tokens: &Value) -> User {
    User::with_token(tokens["access_token"].as_str().expect("a token"))
}

#[tokio::test]
async fn whoever_registers_owns_the_organization_and_acts_for_it() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let tokens = log_in(&market, &lab).await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 900);
    assert_eq!(tokens["organization_id"], lab.id);
    let me = market.as_(access(&tokens)).get("/v1/me").await.expect(200);
    assert_eq!(me["email"], lab.owner.email());
    assert_eq!(me["role"], "owner");
    assert_eq!(me["organization"]["name"], lab.name);
    assert_eq!(me["organization"]["kinds"], json!(["tenant"]));
    assert_eq!(me["organization"]["verification"], "unverified");
    assert_eq!(me["memberships"][0]["organization_id"], lab.id);
}

#[tokio::test]
async fn names_and_addresses_are_given_once() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let register = |email: &str, name: &str| {
        let organization = json!({ "name": name, "kinds": ["tenant"] });
        let body = json!({
            "email": email, "password": PASSWORD, "name": "Ada", "organization": organization
        });
        market.as_nobody().post("/v1/auth/register", body)
    };
    let shouted = lab.owner.email().to_uppercase();
    register(&shouted, "Other").await.refused(409, "email_taken");
    register("ada@example.org", &lab.name.to_uppercase())
        .await
        .refused(409, "organization_name_taken");
    register("ada@example.org", "Other").await.expect(201);
}

#[tokio::test]
async fn registering_asks_for_what_is_missing_and_is_never_rehearsed() {
    let market = Market::open().await;
    let with = |member: &str, value: Value| {
        let mut body = json!({
            "email": "ada@example.org", "password": PASSWORD, "name": "Ada",
            "organization": { "name": "Lab", "kinds": ["tenant"] }
        });
        *body.pointer_mut(member).expect("a member") = value;
        market.as_nobody().post("/v1/auth/register", body)
    };
    with("/password", json!("eleven char")).await.refused(422, "invalid_field");
    with("/password", json!("x".repeat(201))).await.refused(422, "invalid_field");
    with("/email", json!("ada")).await.refused(422, "invalid_field");
    with("/name", json!("  ")).await.refused(422, "invalid_field");
    with("/organization/kinds", json!([])).await.refused(422, "invalid_field");
    with("/organization/kinds", json!(["broker"])).await.refused(422, "invalid_field");
    with("/name", json!("Ada")).dry_run().await.refused(400, "no_rehearsal");
    with("/name", json!("Ada")).await.expect(201);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let try_as = |email: &str| {
        let body = json!({ "email": email, "password": "not the right one" });
        market.as_nobody().post("/v1/auth/token", body)
    };
    let mut wrong = try_as(lab.owner.email()).await.refused(401, "log_in_wrong");
    let mut unknown = try_as("nobody@example.org").await.refused(401, "log_in_wrong");
    for body in [&mut wrong, &mut unknown] {
        body["request_id"] = Value::Null;
    }
    assert_eq!(wrong, unknown);
}

#[tokio::test]
async fn tries_to_log_in_are_counted_by_address() {
    let market = Market::open_with(&["--login-rate-limit", "3"]).await;
    let lab = market.registered(&["tenant"]).await;
    let other = market.registered(&["tenant"]).await;
    let wrong = json!({ "email": lab.owner.email(), "password": "not the right one" });
    for _ in 0..3 {
        market.as_nobody().post("/v1/auth/token", wrong.clone()).await.refused(401, "log_in_wrong");
    }
    let right = json!({ "email": lab.owner.email(), "password": PASSWORD });
    let answer = market.as_nobody().post("/v1/auth/token", right).await;
    assert_eq!(answer.headers["retry-after"], "20");
    answer.refused(429, "rate_limited");
    log_in(&market, &other).await;
    market.advance(Span::from_seconds(20).unwrap()).await;
    log_in(&market, &lab).await;
}

#[tokio::test]
async fn a_caller_is_told_what_is_left_and_then_to_wait() {
    let market = Market::open_with(&["--rate-limit", "5"]).await;
    let lab = market.registered(&["tenant"]).await;
    let user = access(&log_in(&market, &lab).await);
    for left in (0..5).rev() {
        let answer = market.as_(&user).get("/v1/me").await;
        assert_eq!(answer.headers["ratelimit-limit"], "5");
        assert_eq!(answer.headers["ratelimit-remaining"], left.to_string());
        answer.expect(200);
    }
    let answer = market.as_(&user).get("/v1/me").await;
    assert_eq!(answer.headers["retry-after"], "12");
    assert_eq!(answer.headers["ratelimit-remaining"], "0");
    answer.refused(429, "rate_limited");
    market.advance(Span::from_seconds(12).unwrap()).await;
    market.as_(&user).get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn whoever_tries_credentials_is_stopped_by_address() {
    let market = Market::open_with(&["--rate-limit", "5"]).await;
    for number in 0..5 {
        let guess = User::with_token(format!("lhk_guess{number}"));
        market.as_(guess).get("/v1/me").await.refused(401, "key_unknown");
    }
    let guess = User::with_token("lhk_another");
    market.as_(guess).get("/v1/me").await.refused(429, "rate_limited");
}

#[tokio::test]
async fn an_access_token_ends_after_a_quarter_of_an_hour_and_is_refreshed() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let tokens = log_in(&market, &lab).await;
    market.advance(Span::from_seconds(899).unwrap()).await;
    market.as_(access(&tokens)).get("/v1/me").await.expect(200);
    market.advance(Span::from_seconds(1).unwrap()).await;
    market.as_(access(&tokens)).get("/v1/me").await.refused(401, "token_expired");
    let fresh = refresh(&market, &tokens).await.expect(200);
    market.as_(access(&fresh)).get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_ends_the_session() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let first = log_in(&market, &lab).await;
    let second = refresh(&market, &first).await.expect(200);
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    market.as_(access(&second)).get("/v1/me").await.expect(200);
    refresh(&market, &first).await.refused(401, "refresh_token_reused");
    refresh(&market, &second).await.refused(401, "session_ended");
    market.as_(access(&first)).get("/v1/me").await.refused(401, "session_ended");
    market.as_(access(&second)).get("/v1/me").await.refused(401, "session_ended");
    let reason = "select reason from audit_records where action = 'session.ended'";
    let row = sqlx::query(reason).fetch_one(&mut market.database.owner().await).await.unwrap();
    assert_eq!(row.get::<String, _>(0), "a refresh token was used twice");
    log_in(&market, &lab).await;
}

#[tokio::test]
async fn of_many_who_refresh_with_one_token_at_most_one_gets_tokens() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let tokens = log_in(&market, &lab).await;
    let answers = futures::future::join_all((0..8).map(|_| refresh(&market, &tokens))).await;
    let given = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(given, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.status, 401, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_refresh_token_ends_after_thirty_days() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let [early, late] = [log_in(&market, &lab).await, log_in(&market, &lab).await];
    market.advance(Span::days(29)).await;
    refresh(&market, &early).await.expect(200);
    market.advance(Span::days(1)).await;
    let answer = refresh(&market, &late).await;
    assert!(
        ["refresh_token_expired", "refresh_token_unknown"]
            .contains(&answer.body["code"].as_str().unwrap_or_default()),
        "{}",
        answer.text
    );
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn whoever_logs_out_is_out() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let tokens = log_in(&market, &lab).await;
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    market.as_(access(&tokens)).get("/v1/me").await.expect(200);
    market.as_nobody().post("/v1/auth/logout", body.clone()).await.expect(200);
    market.as_(access(&tokens)).get("/v1/me").await.refused(401, "session_ended");
    refresh(&market, &tokens).await.refused(401, "session_ended");
    market.as_nobody().post("/v1/auth/logout", body).await.expect(200);
    let unknown = json!({ "refresh_token": "lhr_nobody" });
    market.as_nobody().post("/v1/auth/logout", unknown).await.refused(401, "refresh_token_unknown");
}

#[tokio::test]
async fn servers_know_each_other_s_tokens_and_their_end() {
    let market = Market::open_processes(Database::create().await, 2).await;
    let lab = market.registered(&["tenant"]).await;
    let tokens = log_in(&market, &lab).await;
    // Requests go to the servers in turn.
    for _ in 0..4 {
        market.as_(access(&tokens)).get("/v1/me").await.expect(200);
    }
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    market.as_nobody().post("/v1/auth/logout", body).await.expect(200);
    let patience = Instant::now() + Duration::from_secs(10);
    let mut refused = 0;
    while refused < 2 {
        assert!(Instant::now() < patience, "a server still takes the token");
        let answer = market.as_(access(&tokens)).get("/v1/me").await;
        refused = if answer.status == 401 { refused + 1 } else { 0 };
    }
}

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let [one, other] = [log_in(&market, &lab).await, log_in(&market, &lab).await];
    let change = |present: &str| {
        let body = json!({ "present_password": present, "new_password": "another long password" });
        market.as_(access(&one)).post("/v1/me/password", body)
    };
    change("not the right one").await.refused(422, "password_wrong");
    change(PASSWORD).dry_run().await.expect(200);
    assert_eq!(change(PASSWORD).await.expect(200)["ended_sessions"], 2);
    refresh(&market, &other).await.refused(401, "session_ended");
    let old = json!({ "email": lab.owner.email(), "password": PASSWORD });
    market.as_nobody().post("/v1/auth/token", old).await.refused(401, "log_in_wrong");
    let new = json!({ "email": lab.owner.email(), "password": "another long password" });
    market.as_nobody().post("/v1/auth/token", new).await.expect(200);
}

#[tokio::test]
async fn what_is_no_credential_of_ours_is_refused() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let tokens = log_in(&market, &lab).await;
    let token = tokens["access_token"].as_str().unwrap();
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyXzEifQ.";
    for forged in [&format!("{rest}.{turned}"), unsigned, "x", "a.b.c", rest] {
        market.as_(User::with_token(forged)).get("/v1/me").await.refused(401, "token_invalid");
    }
    for header in ["Basic YTpi", "Bearer", "Bearer ", token] {
        let request = market.as_nobody().get("/v1/me").header("authorization", header);
        request.await.refused(401, "credential_malformed");
    }
    let answer = market.as_nobody().get("/v1/me").await;
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    answer.refused(401, "not_logged_in");
}

#[tokio::test]
async fn a_token_outlives_the_retirement_of_the_key_that_signed_it() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let kids = async || -> Vec<String> {
        let keys = market.as_nobody().get("/.well-known/jwks.json").await.expect(200);
        let keys = keys["keys"].as_array().unwrap().clone();
        for key in &keys {
            assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
            assert_eq!(key["x"].as_str().unwrap().len(), 43);
        }
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    log_in(&market, &lab).await;
    let [first] = kids().await.try_into().unwrap();
    market.advance(Span::from_seconds(30 * 86_400 - 60).unwrap()).await;
    let old = log_in(&market, &lab).await;
    market.advance(Span::from_seconds(120).unwrap()).await;
    let [newest, older] = kids().await.try_into().unwrap();
    assert_eq!(older, first);
    assert_ne!(newest, first);
    market.as_(access(&old)).get("/v1/me").await.expect(200);
    market.as_(access(&log_in(&market, &lab).await)).get("/v1/me").await.expect(200);
    market.advance(Span::days(31)).await;
    assert!(!kids().await.contains(&first));
}

#[tokio::test]
async fn an_api_key_does_what_its_role_allows_until_it_ends() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let path = |what: &str| format!("/v1/organizations/{}/{what}", lab.id);
    let viewer = market.key(&lab, "viewer").await;
    let owner = market.key(&lab, "owner").await;
    let me = market.as_(&viewer).get("/v1/me").await.expect(200);
    assert_eq!((&me["role"], &me["email"]), (&json!("viewer"), &Value::Null));
    let project = json!({ "name": "Search" });
    market.as_(&viewer).get(path("projects")).await.expect(200);
    market.as_(&viewer).post(path("projects"), project.clone()).await.refused(403, "forbidden");
    market.as_(&owner).post(path("projects"), project).await.expect(201);
    let another = json!({ "name": "another", "role": "owner" });
    market.as_(&owner).post(path("api-keys"), another).await.refused(403, "forbidden");
    let password = json!({ "present_password": "x", "new_password": PASSWORD });
    market.as_(&owner).post("/v1/me/password", password).await.refused(403, "forbidden");
    market.advance(Span::days(365)).await;
    market.as_(&viewer).get("/v1/me").await.refused(401, "key_expired");
}

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_nowhere() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let path = format!("/v1/organizations/{}/api-keys", lab.id);
    let body = json!({ "name": "robot", "role": "manager", "expires_in": "P30D" });
    let made = market.as_(&lab).post(&path, body).await.expect(201);
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with(made["prefix"].as_str().unwrap()));
    let ends: Timestamp = made["expires_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(ends, market.now() + TimeDelta::days(30));
    let listed = market.as_(&lab).get(&path).await.expect(200);
    assert_eq!(listed["items"][0]["id"], made["id"]);
    assert_eq!(listed["items"][0].get("secret"), None);
    let everything = "select count(*) from (
             select body as text from idempotency_keys
             union all select after::text from audit_records
             union all select to_jsonb(k)::text from api_keys k) kept
         where text like '%' || $1 || '%'";
    let count = sqlx::query(everything).bind(&secret[12..]);
    let row = count.fetch_one(&mut market.database.owner().await).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 0);
}

#[tokio::test]
async fn a_revoked_key_opens_nothing() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let path = format!("/v1/organizations/{}/api-keys", lab.id);
    let body = json!({ "name": "robot", "role": "manager" });
    let made = market.as_(&lab).post(&path, body).await.expect(201);
    let key = User::with_token(made["secret"].as_str().unwrap());
    market.as_(&key).get("/v1/me").await.expect(200);
    let revoke = format!("{path}/{}/revoke", made["id"].as_str().unwrap());
    market.as_(&lab).post(&revoke, json!({})).dry_run().await.expect(200);
    market.as_(&key).get("/v1/me").await.expect(200);
    market.as_(&lab).post(&revoke, json!({})).await.expect(200);
    market.as_(&key).get("/v1/me").await.refused(401, "key_revoked");
    for life in ["PT0S", "P367D"] {
        let body = json!({ "name": "robot", "role": "manager", "expires_in": life });
        market.as_(&lab).post(&path, body).await.refused(422, "invalid_field");
    }
}
