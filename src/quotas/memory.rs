//! The books in a server's memory.
//!
//! They are never trusted alone: whoever books holds the book's row locked and first brings memory up
//! to the row's version. What is admitted is undone unless the transaction commits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chrono::{Datelike, NaiveDate};
use futures::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::rules::{Book, Holding, Quota};
use super::store::{self, Version};
use crate::accounts::Verification;
use crate::app::App;
use crate::kernel::{OrganizationId, Timestamp};

/// Reads what `organization` holds from `since` on: of the named leases and quotes, or of all. Those
/// that hold nothing (any more) may be left out.
///
/// This slice knows no lease, so whoever does hands this in wherever a book may be read.
pub type ReadHoldings = for<'c> fn(
    &'c mut PgConnection,
    OrganizationId,
    Timestamp,
    Option<Vec<Uuid>>,
) -> BoxFuture<'c, sqlx::Result<Vec<(Uuid, Holding)>>>;

/// What organizations hold, as it is read at some instant.
#[derive(Clone, Copy)]
pub struct Holdings {
    read: ReadHoldings,
    /// What was over before then is left out.
    since: Timestamp,
}

impl Holdings {
    /// Those that count at the present instant of `app`.
    pub fn of(app: &App, read: ReadHoldings) -> Holdings {
        Holdings { read, since: first_of_month(app.now()) }
    }

    /// What `organization` holds: of the leases and quotes in `which`, or of all.
    ///
    /// # Errors
    /// Returns an error if the database fails.
    async fn read(
        self,
        connection: &mut PgConnection,
        organization: OrganizationId,
        which: Option<Vec<Uuid>>,
    ) -> sqlx::Result<Vec<(Uuid, Holding)>> {
        (self.read)(connection, organization, self.since, which).await
    }
}

/// Midnight of the first of the month of `at`: what was over before it counts nowhere.
fn first_of_month(at: Timestamp) -> Timestamp {
    let first = NaiveDate::from_ymd_opt(at.year(), at.month(), 1);
    first.and_then(|day| day.and_hms_opt(0, 0, 0)).map_or(at, |midnight| midnight.and_utc())
}

/// A book, the version that it is at, and the quotas that bookings are checked against.
#[derive(Debug, Default)]
pub struct VersionedBook {
    pub book: Book,
    pub version: i64,
    pub rules: (i64, i64),
    pub quotas: Vec<Quota>,
}

/// Books by organization.
#[derive(Debug, Default)]
pub struct Books {
    by_organization: RwLock<HashMap<OrganizationId, Arc<Mutex<VersionedBook>>>>,
}

impl Books {
    /// Those of `app`.
    pub fn of(app: &App) -> Arc<Books> {
        app.memory(Books::default)
    }

    /// Whether the book of an organization has been read.
    pub fn knows(&self, organization: OrganizationId) -> bool {
        self.kept(organization).is_some()
    }

    fn kept(&self, organization: OrganizationId) -> Option<Arc<Mutex<VersionedBook>>> {
        let books = self.by_organization.read().unwrap_or_else(PoisonError::into_inner);
        books.get(&organization).cloned()
    }

    /// The book of an organization, brought to `row`. `is_locked`: the row is locked by the caller, so a
    /// book in memory that is ahead of it is the trace of something undone, and is read anew.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn bring_up(
        &self,
        connection: &mut PgConnection,
        holdings: Holdings,
        row: Version,
        is_locked: bool,
    ) -> sqlx::Result<Arc<Mutex<VersionedBook>>> {
        let kept = match self.kept(row.organization) {
            Some(kept) => self.follow(connection, holdings, row, is_locked, kept).await?,
            None => self.read(connection, holdings, row).await?,
        };
        if lock(&kept).rules != row.rules {
            let standing =
                store::standing(connection, row.organization, Verification::Verified).await?;
            let quotas: Vec<Quota> = standing.iter().map(store::QuotaRecord::in_force).collect();
            let mut kept = lock(&kept);
            kept.book.keep_tallies_of(&quotas);
            kept.quotas = quotas;
            kept.rules = row.rules;
        }
        Ok(kept)
    }

    async fn follow(
        &self,
        connection: &mut PgConnection,
        holdings: Holdings,
        row: Version,
        is_locked: bool,
        kept: Arc<Mutex<VersionedBook>>,
    ) -> sqlx::Result<Arc<Mutex<VersionedBook>>> {
        let seen = lock(&kept).version;
        if seen == row.version || (seen > row.version && !is_locked) {
            return Ok(kept);
        }
        if seen > row.version || seen < row.trimmed {
            return self.read(connection, holdings, row).await;
        }
        let changed = store::changes(connection, row.organization, seen, row.version).await?;
        let now_held = holdings.read(connection, row.organization, Some(changed.clone())).await?;
        let mut book = lock(&kept);
        // Whoever only looks does not disturb one who has gone on meanwhile.
        if book.version == seen {
            changed.into_iter().for_each(|id| book.book.remove(id));
            now_held.into_iter().for_each(|(id, holding)| book.book.put(id, holding));
            book.version = row.version;
        }
        drop(book);
        Ok(kept)
    }

    /// Reads a whole book.
    async fn read(
        &self,
        connection: &mut PgConnection,
        holdings: Holdings,
        row: Version,
    ) -> sqlx::Result<Arc<Mutex<VersionedBook>>> {
        let book = Book::of(holdings.read(connection, row.organization, None).await?);
        let kept =
            VersionedBook { book, version: row.version, rules: (-1, -1), quotas: Vec::new() };
        let kept = Arc::new(Mutex::new(kept));
        let mut books = self.by_organization.write().unwrap_or_else(PoisonError::into_inner);
        books.insert(row.organization, kept.clone());
        Ok(kept)
    }

    /// Forgets what was over before this month.
    pub fn forget_before(&self, now: Timestamp) {
        let books = self.by_organization.read().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<_> = books.values().cloned().collect();
        drop(books);
        for kept in all {
            lock(&kept).book.forget_before(first_of_month(now).timestamp_micros());
        }
    }
}

/// Looks at the book of `organization`, which may show a booking that is about to be committed or undone;
/// one that is not kept is read for the occasion.
///
/// Not for the connection of an act: what is not committed must not become memory. [`look_anew`] is.
///
/// # Errors
/// Those of the database.
pub async fn look<T>(
    app: &App,
    connection: &mut PgConnection,
    read: ReadHoldings,
    organization: OrganizationId,
    look: impl FnOnce(&mut Book) -> T,
) -> sqlx::Result<T> {
    let holdings = Holdings::of(app, read);
    match store::versions(connection, &[organization]).await?.pop() {
        Some(row) => {
            let kept = Books::of(app).bring_up(connection, holdings, row, false).await?;
            let mut kept = lock(&kept);
            Ok(look(&mut kept.book))
        }
        None => Ok(look(&mut Book::of(holdings.read(connection, organization, None).await?))),
    }
}

/// Reads the book of `organization` as the transaction of `connection` sees it.
///
/// # Errors
/// Those of the database.
pub async fn look_anew<T>(
    app: &App,
    connection: &mut PgConnection,
    read: ReadHoldings,
    organization: OrganizationId,
    look: impl FnOnce(&mut Book) -> T,
) -> sqlx::Result<T> {
    let held = Holdings::of(app, read).read(connection, organization, None).await?;
    Ok(look(&mut Book::of(held)))
}

pub fn lock(kept: &Mutex<VersionedBook>) -> MutexGuard<'_, VersionedBook> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
