//! From orders to signed leases, many at a time: with locks, or ahead of them.
//!
//! [`with_locks`] holds the tenants, their books and the planes in a transaction while it places. [`ahead`]
//! places by what this server remembers and writes in one statement, on condition that nothing of it has
//! changed: one way to the database and back instead of six, for nothing if somebody else was there.

use std::collections::HashMap;

use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::draft::{Draft, Listings, Request, Signer, draft, draft_of_quote};
use super::placing::{Pace, Placed, Placing};
use crate::accounts::{self, Party};
use crate::api::{Call, Problem, Reply};
use crate::app::{App, idempotency, traces};
use crate::capacity;
use crate::db::OwnConnection;
use crate::db::log::{Author, Entry};
use crate::db::writes::Writes;
use crate::kernel::event::Event;
use crate::kernel::{LeaseId, OfferId, OrganizationId, PoolId, Timestamp};
use crate::leases::error::Error;
use crate::leases::rules::{Lease, Status};
use crate::leases::store::changes;
use crate::leases::store::holdings::read_holdings;
use crate::leases::store::quotes::Quote;
use crate::leases::views::LeaseView;
use crate::quotas;
use crate::supply;

/// What a tenant asks for, and as whom.
#[derive(Debug)]
pub struct Order {
    pub call: Call,
    pub tenant: OrganizationId,
    pub request: Request,
}

/// A reply, or why there is no lease.
pub type Answer = Result<Reply, Error>;

/// What became of orders.
pub struct Served {
    /// One for each.
    pub answers: Vec<Answer>,
    /// What the leases were made from.
    pub facts: Facts,
    /// The planes were in memory as they are in the database.
    pub found_current: bool,
    /// Pools on which placing took long.
    pub slow: Vec<PoolId>,
}

/// What became of orders that were served ahead of locks.
pub struct Ahead {
    /// A reply for each that is signed; none for those that are to be served with locks.
    pub replies: Vec<Option<Reply>>,
    /// Pools on which placing took long.
    pub slow: Vec<PoolId>,
}

/// Serves `orders` in one transaction, which is rolled back in a rehearsal. What needs no lock is read
/// meanwhile on a connection `beside`, if there is one.
///
/// # Errors
/// Those of the transaction as a whole; then nothing was written.
pub async fn with_locks(
    app: &App,
    connection: &mut PgConnection,
    beside: Option<&mut PgConnection>,
    orders: &[Order],
    is_rehearsal: bool,
    pace: Pace,
) -> Result<Served, Problem> {
    let now = app.now();
    let ids: Vec<LeaseId> = orders.iter().map(|_| LeaseId::new(now)).collect();
    let mut transaction = connection.begin().await?;
    let (guard, facts, mut replayed) = match beside {
        Some(beside) => {
            let locked = lock(app, &mut transaction, orders, &ids);
            let read = read(beside, orders, is_rehearsal);
            let ((guard, parties), (facts, replayed)) = tokio::try_join!(locked, read)?;
            (guard, Facts { parties, ..facts }, replayed)
        }
        None => {
            let (guard, parties) = lock(app, &mut transaction, orders, &ids).await?;
            let (facts, replayed) = read(&mut transaction, orders, is_rehearsal).await?;
            (guard, Facts { parties, ..facts }, replayed)
        }
    };
    let mut drafts = Vec::with_capacity(orders.len());
    for (index, (order, id)) in orders.iter().zip(&ids).enumerate() {
        drafts.push(match replayed.remove(&index) {
            Some(outcome) => Err(outcome.into()),
            None => facts.draft(order, *id, now),
        });
    }
    let pools: Vec<_> = drafts.iter().flatten().flat_map(Draft::pools).collect();
    let edit = capacity::edit(app, &mut transaction, &pools).await.map_err(Problem::from)?;
    let found_current = edit.found_current;
    let placing = placing(app, guard, edit, drafts, now).all(pace).await?;
    let slow = placing.slow();
    let Placing { guard, mut edit, placed, .. } = placing;
    if is_rehearsal || placed.iter().all(Result::is_err) {
        drop(edit);
        drop(guard);
        transaction.rollback().await?;
    } else {
        let mut writes = Writes::default();
        edit.write_rows(&mut transaction, &mut writes).await.map_err(Problem::from)?;
        write(&mut writes, orders, &placed, now)?;
        writes.execute(&mut transaction).await.map_err(traces::problem)?;
        transaction.commit().await?;
        edit.committed();
        guard.committed();
    }
    let answers = placed.into_iter().map(|placed| placed.map(|(_, reply)| reply)).collect();
    Ok(Served { answers, facts, found_current, slow })
}

/// Serves those of `orders` that can be signed by what is `known`, in one statement on `db`, which must
/// not wait for locks for long. The others are to be served with locks, which also tells them why, if they
/// are refused. `None` if something has changed or is being changed; then nothing was written.
pub async fn ahead(
    app: &App,
    db: &mut OwnConnection,
    orders: &[Order],
    known: &Facts,
) -> Option<Ahead> {
    let now = app.now();
    let drafts: Vec<Result<Draft, Error>> =
        orders.iter().map(|order| known.draft(order, LeaseId::new(now), now)).collect();
    let mut writes = Writes::default();
    let drafted = || orders.iter().zip(&drafts).filter(|(_, draft)| draft.is_ok());
    let tenants = sorted(drafted().map(|(order, _)| order.tenant));
    let offers = sorted(drafted().flat_map(|(order, _)| order.request.offers()));
    known.expect(&mut writes, &tenants, &offers);
    let guard = quotas::unguarded(app, &mut writes, &tenants)?;
    let pools: Vec<_> = drafts.iter().flatten().flat_map(Draft::pools).collect();
    let edit = capacity::edit_ahead(app, &pools)?;
    let placing = placing(app, guard, edit, drafts, now).all(Pace::Quick).await.ok()?;
    let slow = placing.slow();
    let Placing { mut edit, placed, .. } = placing;
    if placed.iter().all(Result::is_err) {
        return Some(Ahead { replies: placed.iter().map(|_| None).collect(), slow });
    }
    if !edit.only_adds() {
        return None;
    }
    let written = async {
        let connection = db.get().await?;
        edit.write_rows(connection, &mut writes).await?;
        write(&mut writes, orders, &placed, now)?;
        Ok::<_, capacity::Error>(writes.execute(connection).await?)
    };
    if let Err(error) = written.await {
        note_failure(&error);
        db.let_go();
        return None;
    }
    edit.committed();
    let replies = placed.into_iter().map(|placed| placed.ok().map(|(_, reply)| reply)).collect();
    Some(Ahead { replies, slow })
}

fn placing(
    app: &App,
    guard: quotas::Guard,
    edit: capacity::Edit,
    drafts: Vec<Result<Draft, Error>>,
    now: Timestamp,
) -> Placing {
    let placed = Vec::with_capacity(drafts.len());
    let drafts = drafts.into_iter();
    Placing { app: app.clone(), guard, edit, drafts, now, placed, taken: HashMap::new() }
}

/// Counts bookings ahead of locks that failed. That something has changed or is locked is what they are for;
/// everything else is a fault, although the bookings are served with locks then.
fn note_failure(error: &capacity::Error) {
    let code = match error {
        capacity::Error::Database(sqlx::Error::Database(error)) => error.code(),
        _ => None,
    };
    let cause = match code.as_deref() {
        // Serialization failure, lock not available; and a rectangle of somebody else, which may be met before
        // the version that tells of it.
        Some("40001" | "55P03" | "23P01") => "contended",
        _ => "fault",
    };
    metrics::counter!("leasehold_bookings_ahead_failed_total", "cause" => cause).increment(1);
    if cause == "fault" {
        tracing::warn!(%error, "bookings ahead of locks failed; they are served with locks");
    } else {
        tracing::debug!(%error, "bookings ahead of locks found something changed");
    }
}

fn sorted<T: Ord>(ids: impl Iterator<Item = T>) -> Vec<T> {
    let mut ids: Vec<T> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Locks the tenants and their books, to book for them.
async fn lock(
    app: &App,
    connection: &mut PgConnection,
    orders: &[Order],
    ids: &[LeaseId],
) -> sqlx::Result<(quotas::Guard, HashMap<OrganizationId, Party>)> {
    let tenants = sorted(orders.iter().map(|order| order.tenant));
    let parties = accounts::parties_to_book(connection, &tenants).await?;
    let leases = orders.iter().zip(ids).map(|(order, id)| (order.tenant, Some(id.0)));
    let guard = quotas::guard(app, connection, read_holdings, &leases.collect::<Vec<_>>()).await?;
    Ok((guard, parties))
}

/// The facts but for the parties, and what became of those whose key was used before. A key that is kept
/// meanwhile is found by its constraint.
async fn read(
    connection: &mut PgConnection,
    orders: &[Order],
    is_rehearsal: bool,
) -> sqlx::Result<(Facts, HashMap<usize, Problem>)> {
    let replayed = if is_rehearsal { HashMap::new() } else { replays(connection, orders).await? };
    let requests: Vec<&Request> = orders.iter().map(|order| &order.request).collect();
    Ok((Facts::offered(connection, &requests).await?, replayed))
}

/// What became of those of `orders` whose key was used before.
async fn replays(
    connection: &mut PgConnection,
    orders: &[Order],
) -> sqlx::Result<HashMap<usize, Problem>> {
    let keys: Vec<(usize, Uuid, &crate::api::call::Idempotency)> = orders
        .iter()
        .enumerate()
        .filter_map(|(index, order)| {
            Some((index, order.call.caller.actor.uuid(), order.call.idempotency.as_ref()?))
        })
        .collect();
    let asked: Vec<_> = keys.iter().map(|(_, caller, key)| (*caller, *key)).collect();
    let kept = idempotency::kept(connection, &asked).await?;
    Ok(kept
        .into_iter()
        .filter_map(|(position, outcome)| Some((keys.get(position)?.0, outcome)))
        .collect())
}

/// Adds to `writes` the leases that were signed, with their traces.
fn write(
    writes: &mut Writes,
    orders: &[Order],
    placed: &[Placed],
    now: Timestamp,
) -> sqlx::Result<()> {
    let made: Vec<(&Order, &Lease, &Reply)> = orders
        .iter()
        .zip(placed)
        .filter_map(|(order, placed)| {
            placed.as_ref().ok().map(|(lease, reply)| (order, lease, reply))
        })
        .collect();
    let leases: Vec<&Lease> = made.iter().map(|(_, lease, _)| *lease).collect();
    changes::adding(writes, &leases)?;
    let entries: Vec<(Author, Entry)> =
        made.iter().map(|(order, lease, _)| (Author::of(&order.call), signing(lease))).collect();
    let entries: Vec<(&Author, &Entry)> =
        entries.iter().map(|(author, entry)| (author, entry)).collect();
    let mut replies: Vec<_> = made
        .iter()
        .filter_map(|(order, _, reply)| {
            Some((order.call.caller.actor.uuid(), order.call.idempotency.as_ref()?, *reply))
        })
        .collect();
    // In one order everywhere, so that two servers never wait for each other's keys.
    replies.sort_by(|a, b| (a.0, &a.1.key).cmp(&(b.0, &b.1.key)));
    traces::leave(writes, now, &entries, &replies);
    Ok(())
}

/// The log entry of a new lease.
pub fn signing(lease: &Lease) -> Entry {
    let action =
        if lease.status == Status::Requested { Event::LeaseRequested } else { Event::LeaseBooked };
    Entry::new(action, lease.id)
        .tenant(lease.tenant_id)
        .provider(lease.provider_id)
        .after(LeaseView::record(lease))
}

/// What drafts are made from.
#[derive(Default)]
pub struct Facts {
    listings: Listings,
    parties: HashMap<OrganizationId, Party>,
    projects: HashMap<Uuid, OrganizationId>,
}

impl Facts {
    /// The offers, tenant and project that `request` names.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn of(
        connection: &mut PgConnection,
        request: &Request,
        tenant: OrganizationId,
    ) -> sqlx::Result<Facts> {
        let parties = accounts::parties_to_book(connection, &[tenant]).await?;
        Ok(Facts { parties, ..Self::offered(connection, &[request]).await? })
    }

    /// The offers and tenant of `quote`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn of_quote(connection: &mut PgConnection, quote: &Quote) -> sqlx::Result<Facts> {
        let parties = accounts::parties_to_book(connection, &[quote.tenant_id]).await?;
        let offers = sorted(quote.tranches.iter().map(|line| line.offer_id));
        Ok(Facts { parties, ..Self::read(connection, &offers, &[]).await? })
    }

    /// The offers and projects that `requests` name, and no parties.
    async fn offered(connection: &mut PgConnection, requests: &[&Request]) -> sqlx::Result<Facts> {
        let offers = sorted(requests.iter().flat_map(|request| request.offers()));
        let projects: Vec<Uuid> =
            requests.iter().filter_map(|request| Some(request.project_id?.0)).collect();
        Self::read(connection, &offers, &projects).await
    }

    async fn read(
        connection: &mut PgConnection,
        offers: &[OfferId],
        projects: &[Uuid],
    ) -> sqlx::Result<Facts> {
        let listings = supply::listings(connection, offers).await?;
        let projects = if projects.is_empty() {
            Vec::new()
        } else {
            accounts::owners_of_projects(connection, projects).await?
        };
        Ok(Facts {
            listings: listings.into_iter().map(|listing| (listing.offer_id, listing)).collect(),
            parties: HashMap::new(),
            projects: projects.into_iter().map(|(project, owner)| (project.0, owner)).collect(),
        })
    }

    /// Remembers `others` too, and starts over when that is more than `most`.
    pub fn learn(&mut self, others: Facts, most: usize) {
        if self.listings.len() + self.parties.len() + self.projects.len() > most {
            *self = Facts::default();
        }
        self.listings.extend(others.listings);
        self.parties.extend(others.parties);
        self.projects.extend(others.projects);
    }

    /// The pool behind an offer, if the offer was read.
    pub fn pool_of(&self, offer: OfferId) -> Option<PoolId> {
        self.listings.get(&offer).map(|listing| listing.pool_id)
    }

    /// Has `writes` done only if these tenants and offers are still as they were read. (Projects never
    /// change their owner.)
    fn expect(&self, writes: &mut Writes, tenants: &[OrganizationId], offers: &[OfferId]) {
        let parties: Vec<_> =
            tenants.iter().filter_map(|id| Some((*id, self.parties.get(id)?))).collect();
        accounts::expect_parties(writes, &parties);
        let listings: Vec<_> = offers.iter().filter_map(|id| self.listings.get(id)).collect();
        supply::expect_listings(writes, &listings);
    }

    fn draft(&self, order: &Order, id: LeaseId, now: Timestamp) -> Result<Draft, Error> {
        let created_by = order.call.caller.actor.uuid();
        self.draft_for(&order.request, order.tenant, created_by, id, now)
    }

    /// The draft of one of the requests.
    ///
    /// # Errors
    /// What is refused before capacity is looked at.
    pub fn draft_for(
        &self,
        request: &Request,
        tenant: OrganizationId,
        created_by: Uuid,
        lease: LeaseId,
        now: Timestamp,
    ) -> Result<Draft, Error> {
        let signer = self.signer(tenant, created_by)?;
        if let Some(project) = request.project_id
            && self.projects.get(&project.0) != Some(&tenant)
        {
            return Err(Error::UnknownProject(project));
        }
        draft(request, &self.listings, signer, lease, now)
    }

    /// The draft of a quote whose offers and tenant were read.
    ///
    /// # Errors
    /// What is refused before capacity is looked at.
    pub fn draft_of_quote(
        &self,
        quote: &Quote,
        created_by: Uuid,
        lease: LeaseId,
        now: Timestamp,
    ) -> Result<Draft, Error> {
        let signer = self.signer(quote.tenant_id, created_by)?;
        draft_of_quote(quote, &self.listings, signer, lease, now)
    }

    fn signer(&self, tenant: OrganizationId, created_by: Uuid) -> Result<Signer<'_>, Error> {
        let party = self.parties.get(&tenant);
        let party = party.ok_or_else(|| Problem::forbidden("this organization is no more"))?;
        accounts::require_can_book(party)?;
        Ok(Signer { tenant, party, created_by })
    }
}
