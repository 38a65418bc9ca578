//! What every slice receives: database, clock, configuration, a place for what it keeps in memory.
//! It knows no slice.

pub mod act;
pub mod idempotency;
pub mod jobs;
pub mod traces;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use sqlx::PgPool;
use tokio::sync::Notify;

pub use act::Act;
pub use jobs::{Job, Look, Round};

use crate::config::Config;
use crate::kernel::{Clock, Timestamp};

/// Handed to every handler and job; clones share everything.
#[derive(Clone)]
pub struct App {
    pub db: PgPool,
    pub clock: Clock,
    pub config: Arc<Config>,
    nudge: Arc<Notify>,
    memory: Arc<RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
}

impl App {
    /// An application on `db`.
    pub fn new(db: PgPool, clock: Clock, config: Config) -> App {
        App { db, clock, config: Arc::new(config), nudge: Arc::default(), memory: Arc::default() }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What a slice keeps in this process's memory: caches, limiters, queues. Made when first asked for.
    pub fn memory<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let kind = TypeId::of::<T>();
        let found = |map: &HashMap<TypeId, Arc<dyn Any + Send + Sync>>| {
            map.get(&kind).cloned().and_then(|item| item.downcast::<T>().ok())
        };
        if let Some(item) =
            found(&self.memory.read().unwrap_or_else(|poisoned| poisoned.into_inner()))
        {
            return item;
        }
        let mut map = self.memory.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(item) = found(&map) {
            return item;
        }
        let item = Arc::new(make());
        map.insert(kind, item.clone());
        item
    }

    /// Wakes the reconcilers: something may be due now.
    pub fn nudge(&self) {
        self.nudge.notify_waiters();
    }

    /// Waits for the next [`App::nudge`].
    pub async fn nudged(&self) {
        self.nudge.notified().await;
    }
}
