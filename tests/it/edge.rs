//! The edge of the interface, where no noun is concerned.

use leasehold::kernel::Span;

use crate::support::{Database, Market, START};

#[tokio::test]
async fn a_market_lives_and_is_ready() {
    let market = Market::open().await;
    market.as_nobody().get("/health/live").await.expect(200);
    market.as_nobody().get("/health/ready").await.expect(200);
}

#[tokio::test]
async fn an_unknown_address_is_a_problem() {
    let market = Market::open().await;
    market.as_nobody().get("/v1/nothing").await.refused(404, "unknown_address");
}

#[tokio::test]
async fn an_unknown_method_is_a_problem() {
    let market = Market::open().await;
    market.as_nobody().delete("/health/live").await.refused(405, "unknown_method");
}

#[tokio::test]
async fn a_request_id_of_the_caller_is_kept() {
    let market = Market::open().await;
    let answer = market.as_nobody().get("/v1/nothing").header("x-request-id", "mine-1").await;
    assert_eq!(answer.headers["x-request-id"], "mine-1");
    assert_eq!(answer.refused(404, "unknown_address")["request_id"], "mine-1");
}

#[tokio::test]
async fn what_the_interface_says_is_not_stored_on_the_way() {
    let market = Market::open().await;
    let answer = market.as_nobody().get("/v1/nothing").await;
    assert_eq!(answer.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn a_market_s_clock_stands_until_it_is_moved() {
    let market = Market::open().await;
    assert_eq!(market.now(), START);
    market.advance(Span::hours(1)).await;
    assert_eq!(market.now(), START + Span::hours(1).delta());
}

#[tokio::test]
async fn two_server_processes_serve_one_market() {
    let market = Market::open_processes(Database::create().await, 2).await;
    for _ in 0..2 {
        market.as_nobody().get("/health/ready").await.expect(200);
    }
}

#[tokio::test]
async fn everybody_logs_in_and_again_when_the_clock_has_run() {
    let market = Market::open().await;
    let tenant = market.tenant().await;
    let viewer = market.key(&tenant, "viewer").await;
    let manager = market.member(&tenant, "manager").await;
    for user in [tenant.owner.clone(), viewer, manager, market.admin().await] {
        market.as_(&user).get("/v1/me").await.expect(200);
        market.advance(Span::hours(5)).await;
        market.as_(&user).get("/v1/me").await.expect(200);
    }
}
