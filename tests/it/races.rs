//! Many at once: the last unit goes to one, whatever the number of servers, and a request that is sent
//! twice is done once.

use std::collections::BTreeSet;

use std::future::IntoFuture;

use futures::future::join_all;
use serde_json::Value;

use crate::support::{Answer, Database, Market, Offer, User, booking, id_of};

/// `tenants` verified tenants, each with `keys` API keys that may book.
async fn crowd(market: &Market, tenants: usize, keys: usize) -> Vec<User> {
    let of_one = |_| async move {
        let tenant = market.tenant().await;
        join_all((0..keys).map(|_| market.key(&tenant, "manager"))).await
    };
    market.admin().await;
    join_all((0..tenants).map(of_one)).await.concat()
}

/// Everybody books the only unit of `offer` at once.
async fn race(market: &Market, crowd: &[User], offer: &Offer) -> Vec<Answer> {
    let window = market.window(2, 24);
    let gpus = offer.pool.gpus_per_unit;
    let booked =
        crowd.iter().map(|user| async move { market.as_(user).book(offer, gpus, window).await });
    join_all(booked).await
}

#[track_caller]
fn assert_one_winner(answers: Vec<Answer>) {
    let (won, lost): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status.is_success());
    let told: Vec<&Value> = lost.iter().map(|answer| &answer.body).collect();
    assert_eq!(won.len(), 1, "{} leases of one unit; the others: {told:?}", won.len());
    for answer in lost {
        let refusal = answer.refused(409, "not_enough_units");
        assert_eq!(refusal["shortfall"]["units_free"], 0, "{refusal}");
        let alternatives = refusal["alternatives"].as_array().expect("a list");
        assert!(!alternatives.is_empty() && alternatives.len() <= 3, "{refusal}");
    }
}

async fn assert_one_rectangle(market: &Market, offer: &Offer) {
    let (uuid, purpose) = (market.uuid(&offer.pool.id), "lease");
    let mut owner = market.database.owner().await;
    let rectangles: i64 = sqlx::query_scalar(
        "select count(*) from allocations
         where pool_id = $1 and purpose = $2 and not isempty(during)",
    )
    .bind(uuid)
    .bind(purpose)
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(rectangles, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_clients_on_the_last_unit_one_gets_it() {
    let market = Market::open().await;
    let offer = market.offer().units(1).await;
    let crowd = crowd(&market, 8, 8).await;
    assert_one_winner(race(&market, &crowd, &offer).await);
    assert_one_rectangle(&market, &offer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_clients_of_two_servers_on_the_last_unit_one_gets_it() {
    let market = Market::open_processes(Database::create().await, 2).await;
    let crowd = crowd(&market, 8, 8).await;
    for _ in 0..3 {
        let offer = market.offer().units(1).await;
        assert_one_winner(race(&market, &crowd, &offer).await);
        assert_one_rectangle(&market, &offer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_sold_out_and_not_oversold_by_two_servers() {
    let market = Market::open_processes(Database::create().await, 2).await;
    let offer = market.offer().units(40).gpus_per_unit(1).await;
    let crowd = crowd(&market, 8, 8).await;
    let answers = race(&market, &crowd, &offer).await;
    let sold = answers.iter().filter(|answer| answer.status.is_success()).count();
    assert_eq!(sold, 40);
    for answer in answers.into_iter().filter(|answer| !answer.status.is_success()) {
        answer.refused(409, "not_enough_units");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_sent_sixteen_times_at_once_is_booked_once() {
    let market = Market::open_processes(Database::create().await, 2).await;
    let offer = market.offer().units(64).await;
    let tenant = market.tenant().await;
    let body = booking(&offer, 8, market.window(2, 24));
    let client = market.as_(&tenant);
    client.get("/v1/me").await.expect(200);
    let tries = (0..16).map(|_| {
        let (client, body) = (client.clone(), body.clone());
        async move {
            // Whoever is told that the first is still running asks again, as the reply says.
            for _ in 0..200 {
                let answer = client.post("/v1/leases", body.clone()).key("the-same").await;
                if answer.status.as_u16() != 409 {
                    return answer;
                }
                answer.refused(409, "idempotency_key_in_use");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            panic!("the first request is never answered");
        }
    });
    let answers = join_all(tries).await;
    let leases: BTreeSet<String> =
        answers.iter().map(|answer| id_of(&answer.clone().expect(201))).collect();
    assert_eq!(leases.len(), 1, "{leases:?}");
    let replies: BTreeSet<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
    assert_eq!(replies.len(), 1, "the same reply to all");
    let listed = client.get("/v1/leases").await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_used_for_another_booking_is_refused() {
    let market = Market::open().await;
    let offer = market.offer().await;
    let tenant = market.tenant().await;
    let (one, other) =
        (booking(&offer, 8, market.window(2, 24)), booking(&offer, 16, market.window(2, 24)));
    let client = market.as_(&tenant);
    client.post("/v1/leases", one).key("mine").await.expect(201);
    client.post("/v1/leases", other).key("mine").await.refused(422, "idempotency_key_reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn extending_and_booking_at_once_never_share_a_unit() {
    let market = Market::open().await;
    for _ in 0..5 {
        let offer = market.offer().units(1).await;
        let lease = market.lease(&offer).hours(2, 24).await;
        let rival = market.tenant().await;
        let gap = market.window(26, 24);
        let (as_tenant, as_rival) = (market.as_(&lease.tenant), market.as_(&rival));
        as_rival.get("/v1/me").await.expect(200);
        let longer = serde_json::json!({ "ends_at": gap.1 });
        let (extended, booked) = tokio::join!(
            as_tenant.post(lease.path("extend"), longer).into_future(),
            as_rival.book(&offer, 8, gap),
        );
        let winners = [&extended, &booked].into_iter().filter(|answer| answer.status.is_success());
        assert_eq!(winners.count(), 1, "{} / {}", extended.text, booked.text);
        for loser in [extended, booked].into_iter().filter(|answer| !answer.status.is_success()) {
            loser.refused(409, "not_enough_units");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_organization_races_past_its_quotas_over_pools_and_servers() {
    let market = Market::open_processes(Database::create().await, 2).await;
    let tenant = market.tenant().await;
    let keys = join_all((0..8).map(|_| market.key(&tenant, "manager"))).await;
    let mut offers = Vec::new();
    for _ in 0..4 {
        offers.push(market.offer().units(64).await);
    }
    for (dimension, limit) in [("concurrent_gpus", "100"), ("gpu_hours_per_month", "1000000")] {
        let quota = serde_json::json!({
            "organization_id": tenant.id, "dimension": dimension, "limit": limit, "reason": "r",
        });
        market.as_(market.admin().await).post("/v1/quotas", quota).await.expect(201);
    }
    let window = market.window(2, 24);
    for round in 0..3 {
        let (start, end) = (
            window.0 + chrono::TimeDelta::days(round * 3),
            window.1 + chrono::TimeDelta::days(round * 3),
        );
        let (market, offers, keys) = (&market, &offers, &keys);
        let tries = (0..64).map(|number| async move {
            let (key, offer) = (&keys[number % keys.len()], &offers[number % offers.len()]);
            // Some begin later, some end sooner: all share the middle.
            let begin = start + chrono::TimeDelta::hours((number % 5) as i64);
            let end = end - chrono::TimeDelta::hours((number % 3) as i64);
            let mut wish = booking(offer, 8, (begin, end));
            if number % 7 == 0 {
                wish["hold"] = true.into();
                return market.as_(key).post("/v1/quotes", wish).await;
            }
            market.as_(key).post("/v1/leases", wish).await
        });
        let answers = join_all(tries).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status.is_success());
        assert_eq!(won.len(), 12, "12 times 8 GPUs are 96 of 100, in round {round}");
        for answer in lost {
            let refusal = answer.refused(409, "quota_exceeded");
            assert_eq!(refusal["quotas"][0]["booked"], "96", "{refusal}");
        }
    }
    // By the plane itself, at every start: never more than the limit.
    let mut owner = market.database.owner().await;
    let most: i64 = sqlx::query_scalar(
        "select max(gpus)::int8 from (
             select sum((upper(b.units) - lower(b.units)) * 8) as gpus from allocations a
             join allocations b on b.during @> lower(a.during)
             where a.organization_id = $1 and b.organization_id = $1 group by a.id) t",
    )
    .bind(market.uuid(&tenant.id))
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(most, 96);
}
