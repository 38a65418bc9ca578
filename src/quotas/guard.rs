//! How bookings are held to quotas: lock the books, bring memory up, check, note what changed.
//!
//! Books are locked before planes (lock order: organization → pool → lease). An organization without a
//! quota has no book, and costs its share of one read.

use std::sync::{Arc, Mutex};

use sqlx::PgConnection;
use uuid::Uuid;

use super::error::{Error, Exceeded};
use super::memory::{Books, Kept, lock};
use super::rules::{Asked, Holding};
use super::store;
use crate::app::{Act, App};
use crate::kernel::{OrganizationId, Timestamp};

/// Books that are locked in a transaction. What was admitted is undone in memory when it is dropped
/// without [`Guard::committed`].
#[derive(Debug)]
pub struct Guard {
    books: Vec<Locked>,
    /// What is in memory and not committed, in order.
    admitted: Vec<(usize, Uuid)>,
    /// What is to be noted as changed.
    changed: Vec<(OrganizationId, Uuid)>,
}

#[derive(Debug)]
struct Locked {
    organization: OrganizationId,
    kept: Arc<Mutex<Kept>>,
    version: i64,
}

/// Locks the books of those of `tenants` that have quotas, and brings them up in memory.
///
/// The organizations' rows must be held (`accounts::parties_to_book`), so that nobody gets a first
/// quota while this transaction runs.
///
/// # Errors
/// Those of the database.
pub async fn guard(
    app: &App,
    connection: &mut PgConnection,
    tenants: &[OrganizationId],
) -> sqlx::Result<Guard> {
    let mut locked = store::lock_books(connection, tenants).await?;
    if !locked.missing.is_empty() {
        store::open_books(connection, &locked.missing).await?;
        locked = store::lock_books(connection, tenants).await?;
    }
    let memory = Books::of(app);
    let mut books = Vec::with_capacity(locked.books.len());
    for row in locked.books {
        let kept = memory.bring_up(app, connection, row, true).await?;
        books.push(Locked { organization: row.organization, kept, version: row.version });
    }
    Ok(Guard { books, admitted: Vec::new(), changed: Vec::new() })
}

/// Notes that what `subject`, a lease or quote, holds for `tenant` is about to change, in an act that
/// asks for nothing more. To be called before planes are locked.
///
/// # Errors
/// Those of the database.
pub async fn changing(
    connection: &mut PgConnection,
    tenant: OrganizationId,
    subject: Uuid,
) -> sqlx::Result<()> {
    store::note_changes(connection, &[(tenant, subject)]).await
}

impl Guard {
    /// Refuses what exceeds a quota of `tenant`.
    ///
    /// # Errors
    /// [`Error::Exceeded`] with every quota that leaves no room.
    pub fn check(
        &self,
        tenant: OrganizationId,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(place) = self.place(tenant) else { return Ok(()) };
        let kept = &mut *lock(&self.books[place].kept);
        let exceeded = kept.book.check(&kept.quotas, asked, now.timestamp_micros());
        if exceeded.is_empty() { Ok(()) } else { Err(Error::Exceeded(Exceeded(exceeded))) }
    }

    /// Checks a new lease, and counts it from now on.
    ///
    /// # Errors
    /// [`Error::Exceeded`] with every quota that leaves no room; then nothing changed.
    pub fn admit(
        &mut self,
        tenant: OrganizationId,
        lease: Uuid,
        holding: impl FnOnce() -> Holding,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(place) = self.place(tenant) else { return Ok(()) };
        let holding = holding();
        self.check(tenant, &Asked::all_of(&holding), now)?;
        lock(&self.books[place].kept).book.put(lease, holding);
        self.admitted.push((place, lease));
        Ok(())
    }

    /// Takes the last lease that was admitted for `tenant` away again.
    pub fn withdraw(&mut self, tenant: OrganizationId, lease: Uuid) {
        let Some(place) = self.place(tenant) else { return };
        lock(&self.books[place].kept).book.remove(lease);
        self.admitted.retain(|(_, id)| *id != lease);
    }

    /// What `subject` holds for `tenant` changes in this transaction.
    pub fn changed(&mut self, tenant: OrganizationId, subject: Uuid) {
        if self.place(tenant).is_some() {
            self.changed.push((tenant, subject));
        }
    }

    /// Notes what changed, in the act in which the books were locked; memory stands once it commits.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn write(mut self, act: &mut Act) -> sqlx::Result<()> {
        self.write_rows(act).await?;
        act.when_committed(move || self.committed());
        Ok(())
    }

    /// Notes what changed; [`Guard::committed`] is to follow when that is so.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn write_rows(&mut self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let admitted = self.admitted.iter();
        let mut changes: Vec<_> =
            admitted.map(|(place, id)| (self.books[*place].organization, *id)).collect();
        changes.append(&mut self.changed);
        if changes.is_empty() {
            return Ok(());
        }
        store::note_changes(connection, &changes).await
    }

    /// The transaction is committed: memory stands as it is.
    pub fn committed(mut self) {
        for (place, _) in std::mem::take(&mut self.admitted) {
            let mut kept = lock(&self.books[place].kept);
            // Others may have gone on since the commit; what they did is not to be read again.
            kept.version = kept.version.max(self.books[place].version + 1);
        }
    }

    fn place(&self, tenant: OrganizationId) -> Option<usize> {
        self.books.iter().position(|book| book.organization == tenant)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        for (place, id) in std::mem::take(&mut self.admitted) {
            lock(&self.books[place].kept).book.remove(id);
        }
    }
}
