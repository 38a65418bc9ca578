//! What browsers ask for: the page, its cookie, the days on its calendar.

use serde_json::{Value, json};

use crate::support::people::PASSWORD;
use crate::support::{Answer, Market};

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The `name=value` of the cookie that an answer sets.
fn cookie(answer: &Answer) -> String {
    header(answer, "set-cookie").split(';').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_address_that_is_nobody_elses_is_the_pages() {
    let market = Market::open().await;
    for path in ["/", "/market", "/leases/lease_1"] {
        let page = market.as_nobody().get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(header(&page, "content-type").starts_with("text/html"), "{path}");
        let policy = header(&page, "content-security-policy");
        assert!(policy.contains("script-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
    }
    for path in ["/v1/nothing", "/docs-of-old", "/assets/gone.js", "/.well-known/nothing"] {
        market.as_nobody().get(path).await.refused(404, "unknown_address");
    }
    market.as_nobody().post("/market", json!({})).await.refused(404, "unknown_address");
}

#[tokio::test]
async fn a_browser_keeps_its_refresh_token_in_a_cookie() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let log_in = json!({ "email": lab.owner.email(), "password": PASSWORD, "cookie": true });
    let log_in = || {
        let request = market.as_nobody().post("/v1/auth/token", log_in.clone());
        request.header("sec-fetch-site", "same-origin").header("origin", "https://lease.example")
    };
    let answer = log_in().await;
    assert_eq!(answer.body["refresh_token"], Value::Null);
    let attributes = header(&answer, "set-cookie").to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/v1/auth", "Secure"] {
        assert!(attributes.contains(attribute), "{attributes}");
    }

    let post = |path: &str, cookie: &str, site: &str| {
        let request = market.as_nobody().post(path, json!({}));
        request.header("cookie", cookie).header("sec-fetch-site", site)
    };
    let first = cookie(&answer);
    post("/v1/auth/refresh", &first, "cross-site").await.refused(403, "forbidden");
    post("/v1/auth/refresh", "other=1", "same-origin").await.refused(401, "refresh_token_unknown");
    let refreshed = post("/v1/auth/refresh", &first, "same-origin").await;
    let second = cookie(&refreshed);
    assert!(refreshed.expect(200)["access_token"].is_string());
    assert_ne!(first, second);

    // A page that was left before the reply came still has the first one, for a moment.
    post("/v1/auth/refresh", &first, "same-origin").await.expect(200);
    market.advance("PT31S".parse().expect("a span")).await;
    post("/v1/auth/refresh", &first, "same-origin").await.refused(401, "refresh_token_reused");
    post("/v1/auth/refresh", &second, "same-origin").await.refused(401, "session_ended");

    let left = post("/v1/auth/logout", &cookie(&log_in().await), "same-origin").await;
    assert!(header(&left, "set-cookie").contains("Max-Age=0"));
    left.expect(200);
}

#[tokio::test]
async fn without_the_browsers_word_the_origin_decides() {
    let market = Market::open().await;
    let lab = market.registered(&["tenant"]).await;
    let log_in = |origin: &str| {
        let body = json!({ "email": lab.owner.email(), "password": PASSWORD, "cookie": true });
        market.as_nobody().post("/v1/auth/token", body).header("origin", origin)
    };
    log_in("http://elsewhere.example").await.refused(403, "forbidden");
    log_in(market.url("").trim_end_matches('/')).await.expect(200);
}
