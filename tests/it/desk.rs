//! The desk under load: what is slow delays nobody else.

use std::time::{Duration, Instant};

use futures::future::join_all;
use sqlx::Connection;

use crate::support::{Database, Market, booking};

/// How long others hold a lock.
const HELD: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_locked_by_somebody_else_does_not_delay_bookings_of_others() {
    let market = Market::open_processes(Database::create().await, 1).await;
    let market = &market;
    let tenant = &market.tenant().await;
    let offers = join_all((0..4).map(|_| async { market.offer().units(40).await })).await;
    let (locked, others) = offers.split_first().unwrap();
    let book = |offer, day: i64| async move {
        let begun = Instant::now();
        market.as_(tenant).book(offer, 8, market.window(2 + 24 * day, 20)).await.expect(201);
        begun.elapsed()
    };
    // Everything is in memory, so that bookings are signed ahead of locks.
    for day in 100..103 {
        join_all(offers.iter().map(|offer| book(offer, day))).await;
    }
    let mut owner = market.database.owner().await;
    let mut holding = owner.begin().await.unwrap();
    sqlx::query("select 1 from planes where pool_id = $1 for update")
        .bind(market.uuid(&locked.pool.id))
        .execute(&mut *holding)
        .await
        .unwrap();
    let since = Instant::now();
    let held = async {
        tokio::time::sleep(HELD).await;
        holding.rollback().await.unwrap();
    };
    // They ask in the same moment as those who have to wait, and again and again while these do.
    let waits = join_all((0..6).map(|day| book(locked, day)));
    let goes_on = join_all(others.iter().map(|offer| async move {
        let mut taken = Vec::new();
        while taken.len() < 90 && since.elapsed() < HELD / 2 {
            taken.push(book(offer, i64::try_from(taken.len()).unwrap()).await);
        }
        taken
    }));
    let ((), waited, taken) = tokio::join!(held, waits, goes_on);
    let mut taken = taken.concat();
    taken.sort_unstable();
    // Other tests run at the same time, so a single one may take longer.
    let (usual, longest) = (taken[taken.len() / 2], taken[taken.len() - 1]);
    let limit = Duration::from_millis(200);
    assert!(usual < limit && longest < HELD / 3, "bookings of others took {taken:?}");
    assert!(waited.iter().all(|waited| *waited > HELD / 2), "{waited:?} is less than the lock");
    // The pool is as quick as the others again.
    book(locked, 50).await;
    let again = book(locked, 51).await;
    assert!(again < HELD / 3, "a booking takes {again:?} after the lock is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_repeated_while_its_pool_is_locked_is_done_once() {
    let market = Market::open_processes(Database::create().await, 1).await;
    let market = &market;
    let tenant = &market.tenant().await;
    let (locked, other) = (&market.offer().units(40).await, &market.offer().units(40).await);
    for day in 100..103 {
        market.as_(tenant).book(locked, 8, market.window(2 + 24 * day, 20)).await.expect(201);
    }
    let mut owner = market.database.owner().await;
    let mut holding = owner.begin().await.unwrap();
    sqlx::query("select 1 from planes where pool_id = $1 for update")
        .bind(market.uuid(&locked.pool.id))
        .execute(&mut *holding)
        .await
        .unwrap();
    let window = market.window(2, 20);
    let asked = |offer, millis| async move {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        let body = booking(offer, 8, window);
        market.as_(tenant).post("/v1/leases", body).key("the same").await
    };
    let release = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        holding.rollback().await.unwrap();
    };
    let ((), first, second, mistaken) =
        tokio::join!(release, asked(locked, 0), asked(locked, 300), asked(other, 500));
    let (first, second) = (first.expect(201), second.expect(201));
    assert_eq!(first["id"], second["id"]);
    mistaken.refused(422, "idempotency_key_reused");
}
