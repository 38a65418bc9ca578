//! Bookings that a server signs by what it remembers: nothing that has changed since gets past it.

use std::future::IntoFuture;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Database, Market, Offer, Organization, booking};

/// Bookings that the first server has signed in this way, `ahead` or `with_locks`.
async fn signed(market: &Market, way: &str) -> u64 {
    let metrics = market.as_nobody().get("/metrics").await.text;
    let name = format!("leasehold_bookings_total{{way=\"{way}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}

/// Books a unit for a day, `day` days from now.
async fn book(market: &Market, tenant: &Organization, offer: &Offer, day: i64) -> Answer {
    market.as_(tenant).book(offer, 8, market.window(2 + 24 * day, 20)).await
}

/// Books until the server relies on its memory.
async fn warm_up(market: &Market, tenant: &Organization, offer: &Offer) {
    warm_up_with(market, tenant, offer, 8).await;
}

async fn warm_up_with(market: &Market, tenant: &Organization, offer: &Offer, gpus: u32) {
    let before = signed(market, "ahead").await;
    for day in 100..110 {
        let window = market.window(2 + 24 * day, 20);
        market.as_(tenant).book(offer, gpus, window).await.expect(201);
        if signed(market, "ahead").await > before {
            return;
        }
    }
    panic!("nothing is signed ahead of locks");
}

async fn act(market: &Market, path: &str, body: Value) {
    market.as_(market.admin().await).post(path, body).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_since_it_was_read_is_noticed() {
    let market = Market::open_processes(Database::create().await, 1).await;
    let offer = market.offer().units(100).rate("2.00").await;
    let tenant = market.tenant().await;
    let provider = market.as_(offer.provider());
    let organization = |id: &str, act: &str| format!("/v1/organizations/{id}/{act}");
    let reason = || json!({ "reason": "r" });

    warm_up(&market, &tenant, &offer).await;
    let path = format!("/v1/offers/{}", offer.id);
    let revision = provider.get(&path).await.revision();
    let dearer = json!({ "rate_per_gpu_hour": "3.00" });
    provider.patch(&path, dearer).if_match(revision).await.expect(200);
    let lease = book(&market, &tenant, &offer, 0).await.expect(201);
    assert_eq!(lease["schedule"][0]["rate_per_gpu_hour"], "3.00");

    warm_up(&market, &tenant, &offer).await;
    provider.post(format!("{path}/pause"), json!({})).await.expect(200);
    book(&market, &tenant, &offer, 1).await.refused(409, "offer_not_published");
    provider.post(format!("{path}/publish"), json!({})).await.expect(200);

    warm_up(&market, &tenant, &offer).await;
    act(&market, &organization(&tenant.id, "suspend"), reason()).await;
    book(&market, &tenant, &offer, 2).await.refused(403, "not_verified");
    act(&market, &organization(&tenant.id, "reinstate"), reason()).await;

    warm_up(&market, &tenant, &offer).await;
    act(&market, &organization(&offer.provider().id, "suspend"), reason()).await;
    let refused = book(&market, &tenant, &offer, 3).await;
    assert_eq!(refused.status.as_u16(), 409, "{}", refused.text);
    act(&market, &organization(&offer.provider().id, "reinstate"), reason()).await;

    warm_up(&market, &tenant, &offer).await;
    let quota = json!({
        "organization_id": tenant.id, "dimension": "concurrent_gpus", "limit": "4", "reason": "r",
    });
    market.as_(market.admin().await).post("/v1/quotas", quota).await.expect(201);
    book(&market, &tenant, &offer, 4).await.refused(409, "quota_exceeded");

    // A default counts organizations that have no quota of their own.
    let other = market.tenant().await;
    warm_up(&market, &other, &offer).await;
    let default = json!({
        "verification": "verified", "dimension": "concurrent_gpus", "limit": "4", "reason": "r",
    });
    market.as_(market.admin().await).post("/v1/quotas", default).await.expect(201);
    book(&market, &other, &offer, 5).await.refused(409, "quota_exceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_says_its_revision_whichever_way_it_was_signed() {
    let market = Market::open_processes(Database::create().await, 1).await;
    let offer = market.offer().units(100).await;
    let tenant = market.tenant().await;
    assert_eq!(book(&market, &tenant, &offer, 0).await.revision(), 1);
    warm_up(&market, &tenant, &offer).await;
    assert_eq!(book(&market, &tenant, &offer, 1).await.revision(), 1);
    assert!(signed(&market, "ahead").await > 1 && signed(&market, "with_locks").await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_server_has_booked_is_not_booked_again() {
    let market = Market::open_processes(Database::create().await, 2).await;
    let offer = market.offer().units(3).await;
    let tenant = market.tenant().await;
    for day in 0..20 {
        // The two take turns: each finds the plane as the other has left it.
        let answers = [
            book(&market, &tenant, &offer, day).await,
            book(&market, &tenant, &offer, day).await,
            book(&market, &tenant, &offer, day).await,
            book(&market, &tenant, &offer, day).await,
        ];
        let [first, second, third, fourth] = answers;
        for booked in [first, second, third] {
            booked.expect(201);
        }
        fourth.refused(409, "not_enough_units");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_quota_counts_every_booking_that_it_meets() {
    let market = Market::open_processes(Database::create().await, 1).await;
    let offer = market.offer().units(1_000).gpus_per_unit(1).await;
    for _ in 0..8 {
        let tenant = market.tenant().await;
        warm_up_with(&market, &tenant, &offer, 1).await;
        let keys = join_all((0..8).map(|_| market.key(&tenant, "manager"))).await;
        let window = market.window(2, 24);
        let quota = json!({
            "organization_id": tenant.id, "dimension": "concurrent_gpus", "limit": "20",
            "reason": "r",
        });
        let (market, offer) = (&market, &offer);
        let bookings = join_all(keys.iter().map(|key| async move {
            for _ in 0..4 {
                let answer = market.as_(key).book(offer, 1, window).await;
                assert!(answer.status.as_u16() < 500, "{}", answer.text);
            }
        }));
        let admin = market.as_(market.admin().await);
        let (_, limited) = tokio::join!(bookings, admin.post("/v1/quotas", quota).into_future());
        limited.expect(201);
        let refusal = loop {
            let answer = market.as_(&tenant).book(offer, 1, window).await;
            if !answer.status.is_success() {
                break answer.refused(409, "quota_exceeded");
            }
        };
        let mut owner = market.database.owner().await;
        let held: i64 = sqlx::query_scalar(
            "select sum(upper(units) - lower(units))::int8 from allocations
             where organization_id = $1 and during && tstzrange($2, $3)",
        )
        .bind(market.uuid(&tenant.id))
        .bind(window.0)
        .bind(window.1)
        .fetch_one(&mut owner)
        .await
        .unwrap();
        assert_eq!(refusal["quotas"][0]["booked"], held.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_changes_between_bookings_is_kept() {
    let market = Market::open_processes(Database::create().await, 1).await;
    let offer = market.offer().units(100).gpus_per_unit(1).await;
    let tenant = market.tenant().await;
    let window = market.window(2, 24);
    let limit = |gpus: &'static str| {
        let quota = json!({
            "organization_id": tenant.id, "dimension": "concurrent_gpus", "limit": gpus,
            "reason": "r",
        });
        let market = &market;
        async move {
            let set = market.as_(market.admin().await).post("/v1/quotas", quota).await;
            assert!(set.status.is_success(), "{}", set.text);
        }
    };
    let mut held = 0;
    for (allowed, gpus) in [(6, "6"), (11, "11"), (30, "30")] {
        limit(gpus).await;
        while held < allowed {
            market.as_(&tenant).book(&offer, 1, window).await.expect(201);
            held += 1;
        }
        market.as_(&tenant).book(&offer, 1, window).await.refused(409, "quota_exceeded");
    }
    limit("20").await;
    market.as_(&tenant).book(&offer, 1, window).await.refused(409, "quota_exceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_database_agree_after_a_storm() {
    const UNITS: usize = 6;
    const HOURS: i64 = 48;
    let market = Market::open_processes(Database::create().await, 1).await;
    let offer = market.offer().units(UNITS as u32).gpus_per_unit(1).await;
    let tenant = market.tenant().await;
    let keys = join_all((0..8).map(|_| market.key(&tenant, "manager"))).await;
    let (market, offer) = (&market, &offer);
    let start = market.window(2, 1).0;
    let window = move |hour: i64, hours: i64| {
        let at = |hour| start + chrono::TimeDelta::hours(hour);
        (at(hour), at(hour + hours))
    };
    // Bookings, extensions, cancellations and holds of all lengths, eight at a time.
    let storms = keys.iter().enumerate().map(|(client, key)| async move {
        let mut last: Option<Value> = None;
        for round in 0..30 {
            let number = i64::try_from(client * 131 + round * 17).unwrap();
            let hour = number * 7 % (HOURS - 6);
            let period = window(hour, 1 + number % 6);
            let client = market.as_(key);
            let answer = match (number % 5, last.take()) {
                (0, Some(lease)) => {
                    let path = format!("/v1/leases/{}/cancel", lease["id"].as_str().unwrap());
                    client.post(path, json!({ "reason": "r" })).await
                }
                (1, Some(lease)) => {
                    let path = format!("/v1/leases/{}/extend", lease["id"].as_str().unwrap());
                    let ends: chrono::DateTime<chrono::Utc> =
                        lease["ends_at"].as_str().unwrap().parse().unwrap();
                    let longer = ends + chrono::TimeDelta::hours(1);
                    client.post(path, json!({ "ends_at": longer })).await
                }
                (2, _) => {
                    let mut wish = booking(offer, 1, period);
                    wish["hold"] = true.into();
                    client.post("/v1/quotes", wish).await
                }
                _ => client.book(offer, 1 + u32::try_from(number % 2).unwrap(), period).await,
            };
            assert!(answer.status.as_u16() < 500, "{}: {}", answer.asked, answer.text);
            if answer.status.as_u16() == 201 && answer.body["schedule"].is_array() {
                last = Some(answer.body);
            }
        }
    });
    join_all(storms).await;
    assert!(signed(market, "ahead").await > 0 && signed(market, "with_locks").await > 0);
    // What memory takes for free is free, and what is free it takes for that.
    for hour in 0..HOURS {
        while market.as_(&tenant).book(offer, 1, window(hour, 1)).await.status.is_success() {}
    }
    let mut owner = market.database.owner().await;
    let taken: Vec<i64> = sqlx::query_scalar(
        "select coalesce((select sum(upper(units) - lower(units)) from allocations
             where pool_id = $1 and during @> at), 0)::int8
         from generate_series($2, $3, interval '1 hour') at",
    )
    .bind(market.uuid(&offer.pool.id))
    .bind(window(0, 1).0)
    .bind(window(HOURS - 1, 1).0)
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(taken, vec![UNITS as i64; HOURS as usize]);
}
