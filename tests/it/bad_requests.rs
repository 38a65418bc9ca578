//! Bad input where one knows exactly what the answer must be: windows, sizes, headers, bodies, files.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::support::{Answer, Market, Organization, booking, tranche};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

#[tokio::test]
async fn windows_that_are_none_are_refused() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let tenant = market.tenant().await;
    let client = market.as_(&tenant);
    let later = market.window(24, 24);
    for (starts_at, ends_at, code) in [
        (later.1, later.0, "invalid_period"),
        (later.0, later.0, "invalid_period"),
        (at("1969-12-31T23:59:59Z"), later.0, "invalid_period"),
        (later.0, at("9999-12-31T23:59:59Z"), "invalid_period"),
        (at("1970-01-01T00:00:00Z"), at("2199-12-31T23:59:59Z"), "too_long"),
        (market.window(-2, 1).0, later.0, "too_soon"),
        (later.0, later.0 + chrono::TimeDelta::seconds(1), "too_short"),
        (later.0, at("2199-12-31T23:59:59Z"), "too_long"),
    ] {
        let answer = client.book(&offer, 8, (starts_at, ends_at)).await;
        let said = format!("{starts_at} to {ends_at}: {}", answer.text);
        let problem = answer.refused(422, code);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{said}");
    }
    assert_eq!(client.get("/v1/leases").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn sizes_that_cannot_be_are_refused() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let tenant = market.tenant().await;
    let client = market.as_(&tenant);
    let window = market.window(24, 24);
    for gpus in [json!(0), json!(-1), json!(7), json!(2_147_483_648_u64), json!(1.5), json!("8")] {
        let mut wish = booking(&offer, 8, window);
        wish["tranches"][0]["gpus"] = gpus.clone();
        let answer = client.post("/v1/leases", wish).await;
        assert_eq!(answer.status.as_u16(), 422, "{gpus}: {}", answer.text);
        answer.assert_problem();
    }
    let line = tranche(&offer, 8, window);
    let many = json!({ "tranches": vec![line; 3000] });
    client.post("/v1/leases", many).await.refused(422, "tranche_count");
    let none = json!({ "tranches": [] });
    client.post("/v1/leases", none).await.refused(422, "tranche_count");
    client.post("/v1/leases", json!({})).await.refused(422, "quote_or_tranches");
}

#[tokio::test]
async fn headers_that_make_no_sense_are_refused() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let tenant = market.tenant().await;
    let lease = market.lease(&offer).by(&tenant).await;
    let client = market.as_(&tenant);
    let wish = booking(&offer, 8, market.window(24, 24));
    for key in ["", "k".repeat(201).as_str()] {
        let answer = client.post("/v1/leases", wish.clone()).key(key).await;
        answer.refused(400, "idempotency_key_invalid");
    }
    let not_ascii = client.post("/v1/leases", wish.clone()).without_key();
    let not_ascii = not_ascii.header("idempotency-key", b"\xc3\xa9\xff").await;
    not_ascii.refused(400, "idempotency_key_invalid");
    let longer = json!({ "ends_at": market.window(24, 48).1 });
    for tag in ["x", "\"\"", "*", "\"1\", \"2\"", "99999999999999999999", "\"-\""] {
        let answer =
            client.post(lease.path("extend"), longer.clone()).header("if-match", tag).await;
        answer.refused(400, "if_match_invalid");
    }
    for credential in
        ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer lhk_x", "bearer \u{e9}"]
    {
        let answer = market.as_nobody().get("/v1/me").header("authorization", credential).await;
        assert_eq!(answer.status.as_u16(), 401, "{credential}: {}", answer.text);
        answer.assert_problem();
    }
    client
        .post("/v1/leases", wish)
        .query(&[("dry_run", "perhaps")])
        .await
        .refused(400, "invalid_query");
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let client = market.as_(&provider);
    let large = json!({ "name": "x".repeat(1 << 20) });
    client.post("/v1/sites", large).await.refused(413, "body_too_large");
    let path = "/v1/imports?kind=inventory";
    let huge = vec![b'x'; (32 << 20) + 1];
    let sent = client.request(reqwest::Method::POST, path).key("huge").bytes("text/csv", huge);
    sent.await.refused(413, "body_too_large");
    // Nor is one lost that nobody would have read.
    for _ in 0..20 {
        let unread = client.request(reqwest::Method::POST, "/v1/no-such-address");
        unread.bytes("text/csv", vec![b'x'; 8 << 20]).await.refused(404, "unknown_address");
    }
    client.get("/v1/me").await.expect(200);
}

// ── Files ────────────────────────────────────────────────────────────────────────────────────────

async fn import(market: &Market, provider: &Organization, query: &str, file: &[u8]) -> Answer {
    let path = format!("/v1/imports?{query}");
    let request = market.as_(provider).request(reqwest::Method::POST, path);
    request.key(crate::support::client::fresh_key()).bytes("text/csv", file).await
}

const HEADINGS: &str = "site,country,power_mw,pool,accelerator,gpus_per_unit,units";

async fn pools(market: &Market, provider: &Organization) -> usize {
    let listed: Value = market.as_(provider).get("/v1/pools").await.expect(200);
    listed["items"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn files_are_read_as_people_write_them() {
    let market = Market::open().await;
    for (what, file) in [
        ("CRLF", format!("{HEADINGS}\r\nKrafla,IS,20,hall 1,h100-sxm,8,100\r\n")),
        ("a byte order mark", format!("\u{feff}{HEADINGS}\nKrafla,IS,20,hall 1,h100-sxm,8,100\n")),
        (
            "quotes",
            format!(
                "{HEADINGS}\n\"Krafla, north\",IS,20,\"the \"\"big\"\" hall\",h100-sxm,8,100\n"
            ),
        ),
        ("no line end", format!("{HEADINGS}\nKrafla,IS,20,hall 1,h100-sxm,8,100")),
    ] {
        let provider = market.provider().await;
        let answer = import(&market, &provider, "kind=inventory", file.as_bytes()).await;
        assert_eq!(answer.status.as_u16(), 200, "{what}: {}", answer.text);
        assert_eq!(pools(&market, &provider).await, 1, "{what}");
    }
}

#[tokio::test]
async fn a_bad_row_changes_nothing_and_is_named() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let good = "Krafla,IS,20,hall 1,h100-sxm,8,100";
    for bad in [
        "Krafla,IS,20,hall 2,no-such-chip,8,100",
        "Krafla,IS,20,hall 2,h100-sxm,0,100",
        "Krafla,IS,20,hall 2,h100-sxm,8,-1",
        "Krafla,IS,20,hall 2,h100-sxm,8,99999999999999999999",
        "Krafla,IS,inf,hall 2,h100-sxm,8,100",
        "Krafla,IS,NaN,hall 2,h100-sxm,8,100",
        "Krafla,IS,20,,h100-sxm,8,100",
        "Krafla,IS,20,hall\u{0}2,h100-sxm,8,100",
        "Krafla,XYZ,20,hall 2,h100-sxm,8,100",
        "Krafla,IS,20,hall 2,h100-sxm,8",
        "Krafla,IS,20,hall 1,h100-sxm,8,100",
    ] {
        let file = format!("{HEADINGS}\n{good}\n{bad}\n");
        let answer = import(&market, &provider, "kind=inventory", file.as_bytes()).await;
        assert!(answer.status.is_client_error(), "{bad}: {}", answer.text);
        answer.assert_problem();
        assert_eq!(pools(&market, &provider).await, 0, "{bad}");
    }
    let file = format!("{HEADINGS}\n{good}\nKrafla,IS,20,hall 2,no-such-chip,8,100\n");
    let kept = import(&market, &provider, "kind=inventory&keep_good=true", file.as_bytes()).await;
    kept.expect(200);
    assert_eq!(pools(&market, &provider).await, 1);
}

#[tokio::test]
async fn files_that_are_none_are_refused() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let before = pools(&market, &provider).await;
    for (what, query, file) in [
        ("empty", "kind=inventory", b"".to_vec()),
        ("only headings missing columns", "kind=inventory", b"site,pool\nKrafla,hall 1\n".to_vec()),
        (
            "invalid UTF-8",
            "kind=inventory",
            [HEADINGS.as_bytes(), b"\nKr\xffafla,IS,20,h,h100-sxm,8,1\n"].concat(),
        ),
        (
            "a heading twice",
            "kind=inventory",
            format!("{HEADINGS},site\nKrafla,IS,20,h,h100-sxm,8,1,K\n").into_bytes(),
        ),
        ("binary", "kind=inventory", (0..=255).cycle().take(5000).collect()),
        ("no kind", "", HEADINGS.as_bytes().to_vec()),
        ("another kind", "kind=songs", HEADINGS.as_bytes().to_vec()),
        (
            "an unknown column in the mapping",
            "kind=inventory&map=songs=site",
            HEADINGS.as_bytes().to_vec(),
        ),
        (
            "a heading that is not there",
            "kind=inventory&map=site=place",
            format!("{HEADINGS}\n").into_bytes(),
        ),
        (
            "an open quote",
            "kind=inventory",
            format!("{HEADINGS}\n\"Krafla,IS,20,h,h100-sxm,8,1\n").into_bytes(),
        ),
    ] {
        let answer = import(&market, &provider, query, &file).await;
        assert!(answer.status.is_client_error(), "{what}: {} {}", answer.status, answer.text);
        answer.assert_problem();
    }
    assert_eq!(pools(&market, &provider).await, before);
}

#[tokio::test]
async fn prices_are_exact_or_refused() {
    let market = Market::open().await;
    for (price, becomes) in [
        ("2.5", Some("2.50")),
        ("1.123456", Some("1.123456")),
        ("0", Some("0.00")),
        ("1.1234567890123456", None),
        ("-1", None),
        ("NaN", None),
        ("inf", None),
        ("1e3", None),
        ("", None),
        ("1000001", None),
        ("99999999999999999999999999999999", None),
    ] {
        let provider = market.provider().await;
        let pool = market.pool().of(&provider).await;
        let terms = market.terms(&provider, json!([])).await;
        let file = format!("accelerator,rate_per_gpu_hour\nh100-sxm,{price}\n");
        let query = format!("kind=prices&publish=true&terms={terms}");
        let answer = import(&market, &provider, &query, file.as_bytes()).await;
        let path = format!("/v1/offers?mine=true&pool_id={}", pool.id);
        let offers = market.as_(&provider).get(path).await.expect(200);
        match becomes {
            Some(rate) => {
                assert_eq!(answer.status.as_u16(), 200, "{price}: {}", answer.text);
                assert_eq!(offers["items"][0]["rate_per_gpu_hour"], rate, "{price}");
            }
            None => {
                assert!(answer.status.is_client_error(), "{price}: {}", answer.text);
                assert_eq!(offers["items"], json!([]), "{price}");
            }
        }
    }
}
