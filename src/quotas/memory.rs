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
pub type ReadHoldings = for<'c> fn(
    &'c mut PgConnection,
    OrganizationId,
    Timestamp,
    Option<Vec<Uuid>>,
) -> BoxFuture<'c, sqlx::Result<Vec<(Uuid, Holding)>>>;

/// Who knows what organizations hold. This slice knows no lease; whoever puts the slices together says
/// it with [`connect`].
#[derive(Clone, Copy)]
struct Source(ReadHoldings);

/// Says who knows what organizations hold.
pub fn connect(app: &App, read: ReadHoldings) {
    app.memory(|| Source(read));
}

/// What `organization` holds, read from its source.
///
/// # Errors
/// Those of the database.
async fn read(
    app: &App,
    connection: &mut PgConnection,
    organization: OrganizationId,
    which: Option<Vec<Uuid>>,
) -> sqlx::Result<Vec<(Uuid, Holding)>> {
    let source = app.memory(|| Source(|_, _, _, _| Box::pin(async { Ok(Vec::new()) })));
    source.0(connection, organization, first_of_month(app.now()), which).await
}

/// Midnight of the first of the month of `at`: what was over before it counts nowhere.
fn first_of_month(at: Timestamp) -> Timestamp {
    let first = NaiveDate::from_ymd_opt(at.year(), at.month(), 1);
    first.and_then(|day| day.and_hms_opt(0, 0, 0)).map_or(at, |midnight| midnight.and_utc())
}

/// A book, the version that it is at, and the quotas that bookings are checked against.
#[derive(Debug, Default)]
pub struct Kept {
    pub book: Book,
    pub version: i64,
    pub rules: (i64, i64),
    pub quotas: Vec<Quota>,
}

/// Books by organization.
#[derive(Debug, Default)]
pub struct Books {
    by_organization: RwLock<HashMap<OrganizationId, Arc<Mutex<Kept>>>>,
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

    fn kept(&self, organization: OrganizationId) -> Option<Arc<Mutex<Kept>>> {
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
        app: &App,
        connection: &mut PgConnection,
        row: Version,
        is_locked: bool,
    ) -> sqlx::Result<Arc<Mutex<Kept>>> {
        let kept = match self.kept(row.organization) {
            Some(kept) => self.follow(app, connection, row, is_locked, kept).await?,
            None => self.read(app, connection, row).await?,
        };
        if lock(&kept).rules != row.rules {
            let standing =
                store::standing(connection, row.organization, Verification::Verified).await?;
            let quotas: Vec<Quota> = standing.iter().map(store::Kept::in_force).collect();
            let mut kept = lock(&kept);
            kept.book.keep_tallies_of(&quotas);
            kept.quotas = quotas;
            kept.rules = row.rules;
        }
        Ok(kept)
    }

    async fn follow(
        &self,
        app: &App,
        connection: &mut PgConnection,
        row: Version,
        is_locked: bool,
        kept: Arc<Mutex<Kept>>,
    ) -> sqlx::Result<Arc<Mutex<Kept>>> {
        let seen = lock(&kept).version;
        if seen == row.version || (seen > row.version && !is_locked) {
            return Ok(kept);
        }
        if seen > row.version || seen < row.trimmed {
            return self.read(app, connection, row).await;
        }
        let changed = store::changes(connection, row.organization, seen, row.version).await?;
        let holdings = read(app, connection, row.organization, Some(changed.clone())).await?;
        let mut book = lock(&kept);
        // Whoever only looks does not disturb one who has gone on meanwhile.
        if book.version == seen {
            changed.into_iter().for_each(|id| book.book.remove(id));
            holdings.into_iter().for_each(|(id, holding)| book.book.put(id, holding));
            book.version = row.version;
        }
        drop(book);
        Ok(kept)
    }

    /// Reads a whole book.
    async fn read(
        &self,
        app: &App,
        connection: &mut PgConnection,
        row: Version,
    ) -> sqlx::Result<Arc<Mutex<Kept>>> {
        let book = Book::of(read(app, connection, row.organization, None).await?);
        let kept = Kept { book, version: row.version, rules: (-1, -1), quotas: Vec::new() };
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
    organization: OrganizationId,
    look: impl FnOnce(&mut Book) -> T,
) -> sqlx::Result<T> {
    match store::versions(connection, &[organization]).await?.pop() {
        Some(row) => {
            let kept = Books::of(app).bring_up(app, connection, row, false).await?;
            let mut kept = lock(&kept);
            Ok(look(&mut kept.book))
        }
        None => {
            let holdings = read(app, connection, organization, None).await?;
            Ok(look(&mut Book::of(holdings)))
        }
    }
}

/// Reads the book of `organization` as the transaction of `connection` sees it.
///
/// # Errors
/// Those of the database.
pub async fn look_anew<T>(
    app: &App,
    connection: &mut PgConnection,
    organization: OrganizationId,
    look: impl FnOnce(&mut Book) -> T,
) -> sqlx::Result<T> {
    let holdings = read(app, connection, organization, None).await?;
    Ok(look(&mut Book::of(holdings)))
}

pub fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
