//! The desk: bookings that wait at the same time are placed and committed together.
//!
//! One transaction per booking would cost a lock, a dozen statements and a flush of the log each, one
//! after the other on a hot pool. The clerk takes all that wait (at most [`MOST_AT_ONCE`]), locks their
//! planes in order, places them one by one in memory, writes all of them with a handful of statements
//! and commits once. A booking that is refused takes nothing away from the others; if the transaction
//! fails, each is tried alone.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};

use super::draft::Request;
use super::sign::{Answer, Facts, Order, ahead, lost, with_locks};
use super::tenant_of;
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::capacity;
use crate::db::Held;
use crate::leases::error::Error;

/// Bookings in one transaction.
const MOST_AT_ONCE: usize = 64;
/// Tenants, offers and projects that a clerk remembers.
const FACTS_KNOWN: usize = 100_000;
/// For how long a statement ahead of locks waits for one: hardly at all.
const LOCKS_AHEAD: &str = "10ms";
/// Longest time in which others may join a batch.
const LINGER_MOST: Duration = Duration::from_millis(2);

struct Waiting {
    order: Order,
    answer: oneshot::Sender<Answer>,
}

/// Where bookings wait for a clerk.
struct Desk {
    queue: mpsc::Sender<Waiting>,
}

/// Books `request`: signs the lease, or asks the provider where its offer wants that.
///
/// # Errors
/// What is refused, with alternatives where capacity is what lacks.
pub async fn book(app: &App, call: Call, request: Request) -> Result<Reply, Problem> {
    call.require_key()?;
    let tenant = tenant_of(&call)?;
    let order = Order { call, tenant, request };
    let request = order.request.clone();
    let answer = if order.call.dry_run {
        let mut connection = app.db.acquire().await?;
        only(with_locks(app, &mut connection, None, &[order], true).await?.answers)
    } else {
        let (answer, answered) = oneshot::channel();
        let desk = app.memory(|| Desk::open(app));
        desk.queue.send(Waiting { order, answer }).await.map_err(|_| lost())?;
        answered.await.map_err(|_| lost())?
    };
    match answer {
        Ok(reply) => Ok(reply),
        Err(Error::Capacity(error @ capacity::Error::Refused { .. })) => {
            let alternatives = super::alternatives::find(app, tenant, &request).await?;
            Err(Problem::from(error).with("alternatives", alternatives))
        }
        Err(error) => Err(error.into()),
    }
}

impl Desk {
    /// One clerk to a server: with more, a hot pool's bookings wait for each other's locks in smaller
    /// batches, and several pools share one flush less often (figures in docs/performance.md).
    fn open(app: &App) -> Desk {
        let (queue, waiting) = mpsc::channel::<Waiting>(1024);
        tokio::spawn(Clerk::new(app.clone(), waiting).work());
        Desk { queue }
    }
}

/// Who answers what waits at the desk.
struct Clerk {
    app: App,
    waiting: mpsc::Receiver<Waiting>,
    /// Where planes and books are locked, and where is read meanwhile.
    locking: Held,
    reading: Held,
    /// Where is written ahead of locks, and nothing is waited for.
    ahead: Held,
    /// What was read of tenants and offers.
    known: Facts,
    /// The last batch found memory as the database was: the next will probably, too.
    is_current: bool,
    last: Last,
}

/// What the clerk did last.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    size: usize,
    took: Duration,
    /// How many were waiting when it was done.
    left: usize,
}

impl Clerk {
    fn new(app: App, waiting: mpsc::Receiver<Waiting>) -> Clerk {
        Clerk {
            locking: Held::like(&app.db, None),
            reading: Held::like(&app.db, None),
            ahead: Held::like(&app.db, Some(LOCKS_AHEAD)),
            known: Facts::default(),
            is_current: false,
            last: Last::default(),
            app,
            waiting,
        }
    }

    async fn work(mut self) {
        loop {
            let mut batch = Vec::new();
            if self.waiting.recv_many(&mut batch, MOST_AT_ONCE).await == 0 {
                return;
            }
            self.linger(&mut batch).await;
            // A panic costs this batch, whose askers are told to come again, and not the desk.
            if AssertUnwindSafe(self.answer_in_turn(batch)).catch_unwind().await.is_err() {
                tracing::error!("a batch of bookings was lost");
                self = Clerk::new(self.app, self.waiting);
            }
        }
    }

    /// Waits a little for those who were just answered to come back with their next booking: a flush of
    /// the log costs the same for all as for half of them. At most a fifth of what the last batch took.
    async fn linger(&mut self, batch: &mut Vec<Waiting>) {
        let expected = (self.last.size + self.last.left).min(MOST_AT_ONCE);
        let until = tokio::time::Instant::now() + (self.last.took / 5).min(LINGER_MOST);
        while batch.len() < expected {
            match tokio::time::timeout_at(until, self.waiting.recv()).await {
                Ok(Some(order)) => batch.push(order),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Answers `batch`, those who repeat a key after those whom they repeat.
    async fn answer_in_turn(&mut self, mut batch: Vec<Waiting>) {
        while !batch.is_empty() {
            let later = split_repeats(&mut batch);
            self.answer_all(batch).await;
            batch = later;
        }
    }

    async fn answer_all(&mut self, batch: Vec<Waiting>) {
        let begun = Instant::now();
        let (orders, askers): (Vec<Order>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.order, waiting.answer)).unzip();
        let answers = self.answers(orders).await;
        // Counted before anybody can be back.
        self.last = Last { size: askers.len(), took: begun.elapsed(), left: self.waiting.len() };
        for (asker, answer) in askers.into_iter().zip(answers) {
            // Whoever asked may have gone away; the booking stands all the same, under its key.
            let _ = asker.send(answer);
        }
    }

    async fn answers(&mut self, orders: Vec<Order>) -> Vec<Answer> {
        let mut replies: Vec<Option<Reply>> = Vec::new();
        if self.is_current {
            match ahead(&self.app, &mut self.ahead, &orders, &self.known).await {
                Some(signed) => replies = signed,
                None => self.is_current = false,
            }
        }
        count("ahead", replies.iter().flatten().count());
        replies.resize_with(orders.len(), || None);
        let rest = orders.into_iter().zip(&replies).filter(|(_, reply)| reply.is_none());
        let rest: Vec<Order> = rest.map(|(order, _)| order).collect();
        let rest = if rest.is_empty() { Vec::new() } else { self.with_locks(&rest).await };
        count("with_locks", rest.iter().flatten().count());
        let mut rest = rest.into_iter();
        let answers = replies.into_iter().map(|reply| match reply {
            Some(reply) => Ok(reply),
            None => rest.next().unwrap_or_else(|| Err(lost().into())),
        });
        answers.collect()
    }

    async fn with_locks(&mut self, orders: &[Order]) -> Vec<Answer> {
        match self.try_with_locks(orders).await {
            Ok(answers) => answers,
            // A key that another server has kept in the meantime is looked up again: its reply is there now.
            Err(error) if orders.len() == 1 && error.code() != "idempotency_key_in_use" => {
                vec![Err(error.into())]
            }
            Err(error) => {
                tracing::warn!(
                    code = error.code(),
                    detail = error.detail(),
                    "a batch failed; each booking is tried alone"
                );
                let mut answers = Vec::with_capacity(orders.len());
                for order in orders {
                    let alone = self.try_with_locks(std::slice::from_ref(order)).await;
                    answers.push(alone.map_err(Error::from).and_then(only));
                }
                answers
            }
        }
    }

    async fn try_with_locks(&mut self, orders: &[Order]) -> Result<Vec<Answer>, Problem> {
        let served = async {
            let (locking, reading) = (self.locking.get().await?, self.reading.get().await?);
            with_locks(&self.app, locking, Some(reading), orders, false).await
        };
        match served.await {
            Ok(served) => {
                self.known.learn(served.facts, FACTS_KNOWN);
                self.is_current = served.found_current;
                Ok(served.answers)
            }
            Err(problem) => {
                self.locking.let_go();
                self.reading.let_go();
                Err(problem)
            }
        }
    }
}

/// Counts bookings that were signed in this way, as docs/operations.md tells them apart.
fn count(way: &'static str, bookings: usize) {
    let bookings = u64::try_from(bookings).unwrap_or(u64::MAX);
    metrics::counter!("leasehold_bookings_total", "way" => way).increment(bookings);
}

fn only(mut answers: Vec<Answer>) -> Answer {
    answers.pop().unwrap_or_else(|| Err(lost().into()))
}

/// Takes out of `batch` what has the key of an earlier one in it: its turn is when that one is done.
fn split_repeats(batch: &mut Vec<Waiting>) -> Vec<Waiting> {
    let mut seen = HashSet::new();
    let mut later = Vec::new();
    let mut first = Vec::new();
    for waiting in batch.drain(..) {
        let call = &waiting.order.call;
        let key = call.idempotency.as_ref().map(|key| (call.caller.actor.uuid(), key.key.clone()));
        let is_new = key.is_none_or(|key| seen.insert(key));
        if is_new { &mut first } else { &mut later }.push(waiting);
    }
    *batch = first;
    later
}
