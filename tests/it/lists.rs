//! The cost of a list page does not grow with the things on it: the queries are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Method;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::World;
use crate::support::openapi::{Document, Operation};

/// Counts the statements that sqlx reports on this thread.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicU64>);

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }
    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Operations that give a page of things.
fn lists(document: &Document) -> Vec<Operation> {
    let is_list = |operation: &Operation| {
        operation.method == Method::GET
            && document.parameters(operation, "query").iter().any(|(name, _)| *name == "limit")
    };
    document.operations().into_iter().filter(is_list).collect()
}

/// How many statements each list takes, for whom, and how many things are on it.
async fn costs(world: &World, counter: &Counter) -> Vec<(String, u64, usize)> {
    let document = Document::read();
    let mut costs = Vec::new();
    for operation in lists(&document) {
        let path = world.path(&document, &operation);
        for (who, user) in [
            ("tenant", world.tenant.owner.clone()),
            ("provider", world.provider.owner.clone()),
            ("admin", world.market.admin().await),
        ] {
            // Once to log in and warm up, then to count: the least of a few, since the server's own
            // work goes on beside it.
            let mut answer = world.market.as_(&user).get(&path).await;
            let mut statements = u64::MAX;
            for _ in 0..3 {
                let before = counter.0.load(Ordering::Relaxed);
                answer = world.market.as_(&user).get(&path).await;
                statements = statements.min(counter.0.load(Ordering::Relaxed) - before);
            }
            let things = answer.body["items"].as_array().map_or(0, Vec::len);
            costs.push((format!("{} as {who}", operation.id), statements, things));
        }
    }
    costs
}

#[tokio::test]
async fn a_page_of_many_costs_as_many_queries_as_a_page_of_one() {
    let counter = Counter::default();
    let _counting = tracing::subscriber::set_default(counter.clone());
    // With a single subscriber, `tracing` asks only the thread that comes first to a log line whether
    // anybody listens there; that may be another test's. A second one makes it ask everybody.
    let _second = tracing::Dispatch::new(counter.clone());
    let mut world = World::create().await;
    let of_one = costs(&world, &counter).await;
    for _ in 0..4 {
        world.grow().await;
    }
    let of_many = costs(&world, &counter).await;
    assert!(of_many.iter().any(|(_, statements, _)| *statements > 0), "statements are counted");
    let mut grown = 0;
    for ((list, few, things_few), (_, many, things_many)) in of_one.iter().zip(&of_many) {
        assert!(many <= few, "{list}: {few} statements for {things_few}, {many} for {things_many}");
        grown += usize::from(things_many > things_few);
    }
    assert!(grown > 10, "only {grown} lists have grown; the test tests little");
}
