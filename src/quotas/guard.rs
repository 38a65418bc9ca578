//! How bookings are held to quotas: lock the books, bring memory up, check, note what changed.
//!
//! Books are locked before planes (lock order: organization → pool → lease). An organization without a
//! quota has no book, and costs its share of one read.

use std::sync::{Arc, Mutex};

use sqlx::PgConnection;
use uuid::Uuid;

use super::error::{Error, Exceeded};
use super::memory::{Books, Holdings, ReadHoldings, VersionedBook, lock};
use super::rules::{Asked, Holding};
use super::store;
use crate::app::App;
use crate::db::writes::Writes;
use crate::kernel::{OrganizationId, Timestamp};

/// Books that are locked in a transaction. What was admitted is undone in memory when it is dropped
/// without [`Guard::committed`].
#[derive(Debug)]
pub struct Guard {
    books: Vec<Locked>,
    /// What is in memory and not committed, in order.
    admitted: Vec<(usize, Uuid)>,
}

#[derive(Debug)]
struct Locked {
    organization: OrganizationId,
    kept: Arc<Mutex<VersionedBook>>,
    /// Before this transaction.
    version: i64,
}

/// Locks the books of those who have quotas, and brings them up in memory. `changing` says which leases
/// or quotes (`None`: one that is noted by itself) are about to hold something for whom; it is noted
/// with the lock, in one statement. What they hold already is read by `read`.
///
/// The organizations' rows must be held (`accounts::parties_to_book`), so that nobody gets a first
/// quota while this transaction runs. A transaction that books nothing is to be rolled back.
///
/// # Errors
/// Those of the database.
pub async fn guard(
    app: &App,
    connection: &mut PgConnection,
    read: ReadHoldings,
    changing: &[(OrganizationId, Option<Uuid>)],
) -> sqlx::Result<Guard> {
    let mut locked = store::lock_books(connection, changing).await?;
    if !locked.missing.is_empty() {
        store::open_books(connection, &locked.missing).await?;
        let missing: Vec<_> = changing
            .iter()
            .filter(|(organization, _)| locked.missing.contains(organization))
            .copied()
            .collect();
        locked.books.extend(store::lock_books(connection, &missing).await?.books);
    }
    let (memory, holdings) = (Books::of(app), Holdings::of(app, read));
    let mut books = Vec::with_capacity(locked.books.len());
    for row in locked.books {
        let kept = memory.bring_up(connection, holdings, row, true).await?;
        books.push(Locked { organization: row.organization, kept, version: row.version });
    }
    Ok(Guard { books, admitted: Vec::new() })
}

/// The guard of organizations that nothing is counted of, as far as this server knows: `writes` are done
/// only if that is so. `None` if one is known to be counted.
///
/// The organizations must be held besides (`accounts::expect_parties`).
pub fn unguarded(
    app: &App,
    writes: &mut Writes,
    organizations: &[OrganizationId],
) -> Option<Guard> {
    let memory = Books::of(app);
    if organizations.iter().any(|organization| memory.knows(*organization)) {
        return None;
    }
    store::expect_no_books(writes, organizations);
    Some(Guard { books: Vec::new(), admitted: Vec::new() })
}

/// Whether something is counted of `organization`, as far as this server knows: then its bookings wait for
/// each other at its book.
pub fn is_counted(app: &App, organization: OrganizationId) -> bool {
    Books::of(app).knows(organization)
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

    /// Refuses a new lease that exceeds a quota of `tenant`, and changes nothing.
    ///
    /// # Errors
    /// [`Error::Exceeded`] with every quota that leaves no room.
    pub fn check_new(
        &self,
        tenant: OrganizationId,
        holding: impl FnOnce() -> Holding,
        now: Timestamp,
    ) -> Result<(), Error> {
        match self.place(tenant) {
            Some(_) => self.check(tenant, &Asked::all_of(&holding()), now),
            None => Ok(()),
        }
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
