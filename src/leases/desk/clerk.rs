//! A clerk answers one batch of bookings after the other.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::placing::Pace;
use super::sign::{Ahead, Answer, Facts, Order, Served, ahead, with_locks};
use super::{Waiting, only};
use crate::api::Problem;
use crate::app::App;
use crate::db::OwnConnection;
use crate::kernel::PoolId;
use crate::leases::error::Error;

/// Tenants, offers and projects that a clerk remembers.
const FACTS_KNOWN: usize = 100_000;
/// For how long a statement ahead of locks waits for one: hardly at all.
const LOCKS_AHEAD: &str = "10ms";
/// For how long a batch of many pools waits for a lock. Another server's batch takes less.
const LOCKS_TOGETHER: &str = "25ms";

/// Who answers bookings.
pub struct Clerk {
    app: App,
    duty: Duty,
    /// Where planes and books are locked, and where is read meanwhile.
    locking: OwnConnection,
    reading: OwnConnection,
    /// Where is written ahead of locks, and nothing is waited for.
    ahead: OwnConnection,
    /// What was read of tenants and offers.
    pub known: Facts,
    /// Pools on which placing took long in the last batch.
    pub slow: Vec<PoolId>,
    /// The last batch found memory as the database was: the next will probably, too.
    is_current: bool,
    pub last: Last,
}

/// Whose bookings a clerk answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Those of all pools: a batch that somebody else holds up is given back.
    Together,
    /// Those of pools that are locked by somebody else or slow.
    Apart,
}

/// What a clerk did last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Last {
    pub size: usize,
    pub took: Duration,
    /// How many were in the queue when it was done.
    pub left: usize,
}

impl Clerk {
    /// A clerk with connections of its own, which are opened when they are first used.
    pub fn new(app: App, duty: Duty) -> Clerk {
        let patience = (duty == Duty::Together).then_some(LOCKS_TOGETHER);
        Clerk {
            locking: OwnConnection::like(&app.db, patience),
            reading: OwnConnection::like(&app.db, None),
            ahead: OwnConnection::like(&app.db, Some(LOCKS_AHEAD)),
            known: Facts::default(),
            slow: Vec::new(),
            is_current: false,
            last: Last::default(),
            app,
            duty,
        }
    }

    /// Answers `batch`, and hands back what others hold up, which a clerk apart never does. `queued` says how
    /// many are in the queue.
    pub async fn answer(
        &mut self,
        batch: Vec<Waiting>,
        queued: impl Fn() -> usize,
    ) -> Vec<Waiting> {
        let begun = Instant::now();
        let size = batch.len();
        self.slow.clear();
        let (mut orders, mut askers): (Vec<Order>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.order, waiting.answer)).unzip();
        if self.is_current {
            match ahead(&self.app, &mut self.ahead, &orders, &self.known).await {
                Some(Ahead { replies, slow }) => {
                    self.slow = slow;
                    // Noted before anybody can be back.
                    self.last = Last { size, took: begun.elapsed(), left: queued() };
                    count("ahead", replies.iter().flatten().count());
                    let answers = replies.into_iter().map(|reply| reply.map(Ok)).collect();
                    (orders, askers) = told(orders, askers, answers);
                }
                None => self.is_current = false,
            }
        }
        if orders.is_empty() {
            return Vec::new();
        }
        let answers = self.with_locks(&orders).await;
        self.last = Last { size, took: begun.elapsed(), left: queued() };
        count("with_locks", answers.iter().flatten().flatten().count());
        let (orders, askers) = told(orders, askers, answers);
        let held_up = orders.into_iter().zip(askers);
        held_up.map(|(order, answer)| Waiting { order, answer }).collect()
    }

    /// Answers each of `orders` that is not held up by others.
    async fn with_locks(&mut self, orders: &[Order]) -> Vec<Option<Answer>> {
        match self.in_one_transaction(orders).await {
            Ok(answers) => answers.into_iter().map(Some).collect(),
            Err(problem) if self.is_held_up(&problem) => orders.iter().map(|_| None).collect(),
            // A key that another server has kept in the meantime is looked up again: its reply is there now.
            Err(problem) if orders.len() == 1 && problem.code() != "idempotency_key_in_use" => {
                vec![Some(Err(problem.into()))]
            }
            Err(problem) => {
                tracing::warn!(
                    code = problem.code(),
                    detail = problem.detail(),
                    "a batch failed; each booking is tried alone"
                );
                let mut answers = Vec::with_capacity(orders.len());
                for order in orders {
                    let alone = self.in_one_transaction(std::slice::from_ref(order)).await;
                    answers.push(match alone {
                        Ok(answers) => Some(only(answers)),
                        Err(problem) if self.is_held_up(&problem) => None,
                        Err(problem) => Some(Err(Error::from(problem))),
                    });
                }
                answers
            }
        }
    }

    async fn in_one_transaction(&mut self, orders: &[Order]) -> Result<Vec<Answer>, Problem> {
        let pace = match self.duty {
            Duty::Together => Pace::Quick,
            Duty::Apart => Pace::Slow,
        };
        let served = async {
            let (locking, reading) = (self.locking.get().await?, self.reading.get().await?);
            with_locks(&self.app, locking, Some(reading), orders, false, pace).await
        };
        match served.await {
            Ok(Served { answers, facts, found_current, slow }) => {
                self.learn(facts);
                self.slow.extend(slow);
                self.is_current = found_current && self.duty == Duty::Together;
                Ok(answers)
            }
            Err(problem) => {
                self.locking.let_go();
                self.reading.let_go();
                Err(problem)
            }
        }
    }

    /// Remembers what was read of tenants and offers.
    pub fn learn(&mut self, facts: Facts) {
        self.known.learn(facts, FACTS_KNOWN);
    }

    fn is_held_up(&self, problem: &Problem) -> bool {
        self.duty == Duty::Together && problem.code() == "contended"
    }
}

/// Tells the askers their answers; hands back the orders that have none.
fn told(
    orders: Vec<Order>,
    askers: Vec<oneshot::Sender<Answer>>,
    answers: Vec<Option<Answer>>,
) -> (Vec<Order>, Vec<oneshot::Sender<Answer>>) {
    let mut rest = (Vec::new(), Vec::new());
    for ((order, asker), answer) in orders.into_iter().zip(askers).zip(answers) {
        match answer {
            // Whoever asked may have gone away; the booking stands all the same, under its key.
            Some(answer) => drop(asker.send(answer)),
            None => {
                rest.0.push(order);
                rest.1.push(asker);
            }
        }
    }
    rest
}

/// Counts bookings that were signed in this way, as docs/operations.md tells them apart.
fn count(way: &'static str, bookings: usize) {
    let bookings = u64::try_from(bookings).unwrap_or(u64::MAX);
    metrics::counter!("leasehold_bookings_total", "way" => way).increment(bookings);
}
