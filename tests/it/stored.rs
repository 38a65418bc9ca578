//! What cannot be read or shown: it is named and never taken for something else, and nothing is committed.

use leasehold::api::{Call, Reply};
use leasehold::capacity;
use leasehold::db::log::Entry;
use leasehold::kernel::event::Event;
use leasehold::kernel::{Period, PoolId};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::support::Market;

/// A thing that cannot be written as JSON.
struct Unspeakable;

impl Serialize for Unspeakable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("it cannot be said"))
    }
}

#[tokio::test]
async fn a_reply_that_cannot_be_shown_changes_nothing() {
    let market = Market::open().await;
    let before = market.database.row_counts().await;
    let mut act = market.app.begin(&Call::server("tests.reply")).await.unwrap();
    act.log(Entry::new(Event::SiteChanged, "thing_1"));
    let problem = act.finish(Reply::ok(&Unspeakable)).await.unwrap_err();
    assert_eq!(problem.code(), "internal");
    assert!(problem.to_string().contains("it cannot be said"), "{problem}");
    assert_eq!(market.database.row_counts().await, before);
}

#[tokio::test]
async fn an_entry_of_the_log_that_cannot_be_written_keeps_its_act_from_being_committed() {
    let market = Market::open().await;
    let before = market.database.row_counts().await;
    let mut act = market.app.begin(&Call::server("tests.entry")).await.unwrap();
    act.log(Entry::new(Event::SiteChanged, "thing_1"));
    act.log(Entry::new(Event::SiteChanged, "thing_2").after(Unspeakable));
    let problem = act.commit().await.unwrap_err();
    let said = problem.to_string();
    assert!(said.contains("thing_2") && said.contains("it cannot be said"), "{said}");
    assert_eq!(market.database.row_counts().await, before);
}

#[tokio::test]
async fn a_purpose_that_nobody_knows_is_an_error_with_its_place_and_no_fault_of_the_hardware() {
    let market = Market::open().await;
    let offer = market.offer().await;
    market.lease(&offer).await;
    let mut owner = market.database.owner().await;
    let broken = "alter table allocations drop constraint allocations_purpose;
                  update allocations set purpose = 'tea' where purpose = 'lease'";
    sqlx::raw_sql(broken).execute(&mut owner).await.unwrap();
    let pool = PoolId(market.uuid(&offer.pool.id));
    let (starts_at, ends_at) = market.window(0, 48);
    let period = Period { starts_at, ends_at };
    let error = capacity::rectangles(&mut owner, pool, period, 10).await.unwrap_err().to_string();
    assert!(error.contains("allocations.purpose of alloc_"), "{error}");
    assert!(error.contains("`tea` is no purpose"), "{error}");
}

#[tokio::test]
async fn a_cursor_that_is_none_of_the_log_is_refused() {
    let market = Market::open().await;
    let admin = market.as_(market.admin().await);
    let foreign = leasehold::kernel::ids::encode(sqlx::types::Uuid::max());
    let path = format!("/v1/audit?cursor={foreign}");
    admin.get(path).await.refused(400, "invalid_cursor");
}
