//! One act, one transaction: begun for a call, finished with a reply, logged, and rehearsed when asked.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, Postgres, Transaction};

use super::traces::{self, ReplyToKeep};
use super::{App, idempotency};
use crate::api::{Call, Problem, Reply};
use crate::db::log::{Author, Entry};
use crate::db::writes::Writes;
use crate::kernel::Timestamp;

/// How the transaction of a reconciler begins.
const BEGIN_JOB: &str = "begin; set local lock_timeout = '5s'";

/// A transaction with what an act knows: who, when, and what goes into the log.
///
/// Dereferences to its connection, so it is handed to the functions of `store.rs`. Dropped without
/// [`Act::finish`] it changes nothing.
pub struct Act {
    /// Read once; the time of everything in this act.
    pub now: Timestamp,
    pub call: Call,
    /// Dropped before the transaction: what is kept in memory is undone while rows are still locked.
    when_committed: Vec<Box<dyn FnOnce() + Send + Sync>>,
    entries: Vec<Entry>,
    transaction: Transaction<'static, Postgres>,
}

impl App {
    /// Opens the transaction of an act.
    ///
    /// # Errors
    /// [`Problem::Replayed`] when the call's idempotency key was used for the same request before, 422
    /// when it was used for another, 409 while that one is still running; those of the database.
    pub async fn begin(&self, call: &Call) -> Result<Act, Problem> {
        let mut transaction = self.db.begin().await?;
        if let (Some(idempotency), false) = (&call.idempotency, call.dry_run) {
            idempotency::claim(&mut transaction, call.caller.actor.uuid(), idempotency).await?;
        }
        Ok(Act {
            now: self.now(),
            call: call.clone(),
            when_committed: Vec::new(),
            entries: Vec::new(),
            transaction,
        })
    }

    /// Opens the transaction of a reconciler's act. It waits for a lock for at most five seconds: one row that
    /// somebody keeps locked must not stop all others.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin_job(&self, job: &'static str) -> Result<Act, Problem> {
        Ok(Act {
            now: self.now(),
            call: Call::server(job),
            when_committed: Vec::new(),
            entries: Vec::new(),
            transaction: self.db.begin_with(BEGIN_JOB).await?,
        })
    }
}

impl Act {
    /// Puts an entry into the log, written when the act finishes.
    pub fn log(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Does `then` once the act is committed; drops it if the act is not.
    pub fn when_committed(&mut self, then: impl FnOnce() + Send + Sync + 'static) {
        self.when_committed.push(Box::new(then));
    }

    /// Ends the act: logs it, keeps `reply` under the idempotency key, commits. A rehearsal is rolled
    /// back and gives the same reply.
    ///
    /// # Errors
    /// 500 if the reply or an entry of the log cannot be written; those of the database. Then nothing was
    /// written.
    pub async fn finish(self, reply: Reply) -> Result<Reply, Problem> {
        let reply = reply.checked()?;
        if self.call.dry_run {
            drop(self.when_committed);
            self.transaction.rollback().await?;
        } else {
            self.end(Some(&reply)).await?;
        }
        Ok(reply)
    }

    /// Ends the act without having done anything. What it had locked is free when this returns, as it is
    /// not yet when an act is merely dropped.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn give_up(self) -> Result<(), Problem> {
        drop(self.when_committed);
        self.transaction.rollback().await?;
        Ok(())
    }

    /// Ends a job's act: logs it and commits.
    ///
    /// # Errors
    /// Those of the database; then nothing was written.
    pub async fn commit(self) -> Result<(), Problem> {
        self.end(None).await
    }

    async fn end(mut self, reply: Option<&Reply>) -> Result<(), Problem> {
        let author = Author::of(&self.call);
        let entries: Vec<_> = self.entries.iter().map(|entry| (&author, entry)).collect();
        let caller = self.call.caller.actor.uuid();
        let kept: Option<ReplyToKeep> =
            reply.and_then(|reply| Some((caller, self.call.idempotency.as_ref()?, reply)));
        let mut writes = Writes::default();
        traces::leave(&mut writes, self.now, &entries, kept.as_slice());
        writes.execute(&mut self.transaction).await.map_err(traces::problem)?;
        self.transaction.commit().await?;
        self.when_committed.into_iter().for_each(|then| then());
        Ok(())
    }
}

impl Author {
    /// Whoever makes `call`.
    pub fn of(call: &Call) -> Author {
        Author {
            actor: call.caller.actor.to_string(),
            on_behalf_of: call.caller.organization(),
            request_id: call.request_id.clone(),
        }
    }
}

impl Deref for Act {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for Act {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}
