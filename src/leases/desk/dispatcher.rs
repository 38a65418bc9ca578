//! Which bookings are answered together, and which apart.
//!
//! All that wait are answered together, whatever their pools, because they share one flush of the log. But
//! a batch that meets a lock gives up after some milliseconds. Its bookings are then sorted into sets that
//! have no pool in common, and each set is answered by a clerk of its own, who waits for as long as it
//! takes. Meanwhile bookings that need the same as such a set are put aside, and all others go on together.
//! A pool that was held up or slow is answered apart until it is quick again.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};

use super::Waiting;
use super::clerk::{Clerk, Duty};
use super::needs::{Need, connected};
use super::sign::Order;
use crate::app::App;
use crate::kernel::PoolId;
use crate::quotas;

/// Bookings in one transaction.
const MOST_AT_ONCE: usize = 64;
/// Longest time in which others may join a batch.
const LINGER_MOST: Duration = Duration::from_millis(2);
/// Sets that are answered apart at the same time, each on two connections.
const SETS_MOST: usize = 8;
/// Clerks that keep their connections when they have no set.
const IDLE_MOST: usize = 2;
/// A set that takes longer is answered apart the next time, too.
const QUICK: Duration = Duration::from_millis(50);

/// Who hands bookings to clerks.
pub struct Dispatcher {
    app: App,
    queue: mpsc::Receiver<Waiting>,
    /// Answers what is answered together.
    clerk: Clerk,
    /// What has its turn before the queue.
    again: Vec<Waiting>,
    apart: Apart,
}

/// The sets that are answered apart.
#[derive(Default)]
struct Apart {
    clerks: JoinSet<Clerk>,
    sets: HashMap<Id, Set>,
    /// Clerks without a set.
    idle: Vec<Clerk>,
    /// Pools that are answered apart, because they were held up or slow.
    pools: HashSet<PoolId>,
    /// Bookings that wait until a set is done.
    aside: Vec<Waiting>,
}

struct Set {
    needs: HashSet<Need>,
    begun: Instant,
}

impl Dispatcher {
    /// One for the bookings of `queue`.
    pub fn new(app: App, queue: mpsc::Receiver<Waiting>) -> Dispatcher {
        let clerk = Clerk::new(app.clone(), Duty::Together);
        Dispatcher { app, queue, clerk, again: Vec::new(), apart: Apart::default() }
    }

    /// Works for as long as there can be bookings.
    pub async fn work(mut self) {
        while let Some(mut batch) = self.next().await {
            self.linger(&mut batch).await;
            let mut batch = self.sort(batch);
            self.again.extend(split_repeats(&mut batch));
            if batch.is_empty() {
                continue;
            }
            // A panic costs this batch, whose askers are told to come again, and not the desk.
            let answered = self.clerk.answer(batch, || self.queue.len());
            match AssertUnwindSafe(answered).catch_unwind().await {
                Ok(held_up) => {
                    self.apart.pools.extend(self.clerk.slow.drain(..));
                    self.answer_apart(held_up);
                }
                Err(_) => {
                    tracing::error!("a batch of bookings was lost");
                    self.clerk = Clerk::new(self.app.clone(), Duty::Together);
                }
            }
        }
    }

    /// What is to be sorted next; `None` once nothing can come any more. Empty if a set is done for which
    /// nobody has waited.
    async fn next(&mut self) -> Option<Vec<Waiting>> {
        while let Some(done) = self.apart.clerks.try_join_next_with_id() {
            self.done(done);
        }
        let first = self.again.len().min(MOST_AT_ONCE);
        let mut batch: Vec<Waiting> = self.again.drain(..first).collect();
        if batch.is_empty() {
            tokio::select! {
                received = self.queue.recv_many(&mut batch, MOST_AT_ONCE) => {
                    if received == 0 {
                        return None;
                    }
                }
                Some(done) = self.apart.clerks.join_next_with_id() => self.done(done),
            }
        }
        Some(batch)
    }

    /// Waits a little for those who were just answered to come back with their next booking: a flush of
    /// the log costs the same for all as for half of them. At most a fifth of what the last batch took.
    async fn linger(&mut self, batch: &mut Vec<Waiting>) {
        if batch.is_empty() {
            return;
        }
        let last = self.clerk.last;
        let expected = (last.size + last.left).min(MOST_AT_ONCE);
        let until = tokio::time::Instant::now() + (last.took / 5).min(LINGER_MOST);
        while batch.len() < expected {
            match tokio::time::timeout_at(until, self.queue.recv()).await {
                Ok(Some(order)) => batch.push(order),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Puts aside what has to wait for a set, has answered apart what belongs there, and hands back what is
    /// answered together.
    fn sort(&mut self, batch: Vec<Waiting>) -> Vec<Waiting> {
        if self.apart.sets.is_empty() && self.apart.pools.is_empty() {
            return batch;
        }
        let busy = |need: &Need| self.apart.sets.values().any(|set| set.needs.contains(need));
        let (waits, free): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|waiting| self.needs(&waiting.order).iter().any(busy));
        self.apart.aside.extend(waits);
        let (apart, together): (Vec<_>, Vec<_>) =
            connected(free, |waiting| self.needs(&waiting.order)).into_iter().partition(|set| {
                let mut needs = set.iter().flat_map(|waiting| self.needs(&waiting.order));
                needs.any(|need| need.pool().is_some_and(|pool| self.apart.pools.contains(&pool)))
            });
        apart.into_iter().for_each(|set| self.start(set));
        together.into_iter().flatten().collect()
    }

    /// Has what a batch gave back answered in sets that do not hold up each other.
    fn answer_apart(&mut self, held_up: Vec<Waiting>) {
        if held_up.is_empty() {
            return;
        }
        let sets = connected(held_up, |waiting| self.needs(&waiting.order));
        tracing::debug!(sets = sets.len(), "a batch was held up; its pools are answered apart");
        sets.into_iter().for_each(|set| self.start(set));
    }

    /// Has `set` answered apart; puts it aside if there are enough sets already.
    fn start(&mut self, set: Vec<Waiting>) {
        let needs: HashSet<Need> =
            set.iter().flat_map(|waiting| self.needs(&waiting.order)).collect();
        self.apart.pools.extend(needs.iter().filter_map(Need::pool));
        if self.apart.sets.len() >= SETS_MOST {
            self.apart.aside.extend(set);
            return;
        }
        let app = &self.app;
        let clerk = self.apart.idle.pop();
        let mut clerk = clerk.unwrap_or_else(|| Clerk::new(app.clone(), Duty::Apart));
        let task = self.apart.clerks.spawn(async move {
            let mut set = set;
            while !set.is_empty() {
                let later = split_repeats(&mut set);
                clerk.answer(set, || 0).await;
                set = later;
            }
            clerk
        });
        self.apart.sets.insert(task.id(), Set { needs, begun: Instant::now() });
    }

    /// Lets those go on who waited for a set.
    fn done(&mut self, outcome: Result<(Id, Clerk), tokio::task::JoinError>) {
        let (id, clerk) = match outcome {
            Ok((id, clerk)) => (id, Some(clerk)),
            Err(error) => {
                tracing::error!(%error, "a set of bookings was lost");
                (error.id(), None)
            }
        };
        if let Some(set) = self.apart.sets.remove(&id)
            && set.begun.elapsed() < QUICK.max(self.clerk.last.took * 4)
        {
            self.apart.pools.retain(|pool| !set.needs.contains(&Need::Pool(*pool)));
        }
        if let Some(mut clerk) = clerk {
            self.clerk.learn(std::mem::take(&mut clerk.known));
            self.apart.pools.extend(clerk.slow.drain(..));
            if self.apart.idle.len() < IDLE_MOST {
                self.apart.idle.push(clerk);
            }
        }
        self.again.append(&mut self.apart.aside);
    }

    /// What `order` needs that others might need, too.
    fn needs(&self, order: &Order) -> Vec<Need> {
        let pool = |offer| self.clerk.known.pool_of(offer).map_or(Need::Offer(offer), Need::Pool);
        let mut needs: Vec<Need> = order.request.offers().into_iter().map(pool).collect();
        if quotas::is_counted(&self.app, order.tenant) {
            needs.push(Need::Book(order.tenant));
        }
        needs.extend(key(order).map(|(caller, key)| Need::Key(caller, key)));
        needs
    }
}

/// Who repeats what by which key.
fn key(order: &Order) -> Option<(uuid::Uuid, String)> {
    let call = &order.call;
    call.idempotency.as_ref().map(|key| (call.caller.actor.uuid(), key.key.clone()))
}

/// Takes out of `batch` what has the key of an earlier one in it: its turn is when that one is done.
fn split_repeats(batch: &mut Vec<Waiting>) -> Vec<Waiting> {
    let mut seen = HashSet::new();
    let is_new = |waiting: &Waiting| key(&waiting.order).is_none_or(|key| seen.insert(key));
    let (first, later) = std::mem::take(batch).into_iter().partition(is_new);
    *batch = first;
    later
}
