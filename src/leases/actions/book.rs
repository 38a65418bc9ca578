//! The desk: bookings that wait at the same time are placed and committed together.
//!
//! One transaction per booking would cost a lock, a dozen statements and a flush of the log each, one
//! after the other on a hot pool. The clerk takes all that wait (at most [`MOST_AT_ONCE`]), locks their
//! planes in order, places them one by one in memory, writes all of them with a handful of statements
//! and commits once. A booking that is refused takes nothing away from the others; if the transaction
//! fails, each is tried alone.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::draft::{Draft, Request, draft};
use super::tenant_of;
use crate::accounts::{self, Party};
use crate::api::{Call, Problem, Reply};
use crate::app::{App, idempotency, traces};
use crate::capacity;
use crate::db::log::{Author, Entry};
use crate::db::writes::Writes;
use crate::kernel::{LeaseId, OfferId, OrganizationId, Timestamp};
use crate::leases::error::Error;
use crate::leases::rules::Status;
use crate::leases::store::leases::{self, Signed};
use crate::leases::views::LeaseView;
use crate::quotas;
use crate::supply::{self, Listing};

/// Bookings in one transaction.
const MOST_AT_ONCE: usize = 64;
/// A booking on its way over the desk.
#[derive(Debug)]
struct Order {
    call: Call,
    tenant: OrganizationId,
    request: Request,
}

type Answer = Result<Reply, Error>;

struct Waiting {
    order: Order,
    answer: oneshot::Sender<Answer>,
}

/// Where bookings wait for a clerk.
struct Desk {
    queue: mpsc::Sender<Waiting>,
}

/// Connections of a clerk's own, always the same two: the common pool hands its connections out in turn,
/// and a PostgreSQL backend is fastest at what it did a moment ago.
fn own_connections(app: &App) -> PgPool {
    let options = app.db.options().clone().min_connections(0).max_connections(2);
    options.connect_lazy_with(app.db.connect_options().as_ref().clone())
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
        serve_all(app, &app.db, std::slice::from_ref(&order), true)
            .await?
            .pop()
            .unwrap_or_else(|| Err(lost().into()))
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

fn lost() -> Problem {
    Problem::unavailable(
        "booking_interrupted",
        "the server is stopping; send the same request with the same key again",
    )
}

impl Desk {
    /// One clerk to a server: with more, a hot pool's bookings wait for each other's locks in smaller
    /// batches, and several pools share one flush less often (figures in docs/performance.md).
    fn open(app: &App) -> Desk {
        let (queue, waiting) = mpsc::channel::<Waiting>(1024);
        tokio::spawn(clerk(app.clone(), waiting));
        Desk { queue }
    }
}

async fn clerk(app: App, mut waiting: mpsc::Receiver<Waiting>) {
    let db = own_connections(&app);
    let mut served = Served::default();
    loop {
        let mut batch = Vec::new();
        if waiting.recv_many(&mut batch, MOST_AT_ONCE).await == 0 {
            return;
        }
        linger(&mut batch, &mut waiting, served).await;
        let begun = Instant::now();
        let size = batch.len();
        // In a task of its own: a panic in it costs this batch, whose askers are told to come again, and
        // not the desk.
        if let Err(error) = tokio::spawn(answer_in_turn(app.clone(), db.clone(), batch)).await {
            tracing::error!(%error, "a batch of bookings was lost");
        }
        served = Served { size, took: begun.elapsed(), left: waiting.len() };
    }
}

/// What the clerk did last.
#[derive(Debug, Clone, Copy, Default)]
struct Served {
    size: usize,
    took: Duration,
    /// How many were waiting when it was done.
    left: usize,
}

/// Waits a little for those who were just answered to come back with their next booking: a flush of the
/// log costs the same for all as for half of them. At most a fifth of what the last batch took.
async fn linger(batch: &mut Vec<Waiting>, waiting: &mut mpsc::Receiver<Waiting>, last: Served) {
    let expected = (last.size + last.left).min(MOST_AT_ONCE);
    let until = tokio::time::Instant::now() + (last.took / 5).min(Duration::from_millis(2));
    while batch.len() < expected {
        match tokio::time::timeout_at(until, waiting.recv()).await {
            Ok(Some(order)) => batch.push(order),
            Ok(None) | Err(_) => return,
        }
    }
}

/// Answers `batch`, those who repeat a key after those whom they repeat.
async fn answer_in_turn(app: App, db: PgPool, mut batch: Vec<Waiting>) {
    while !batch.is_empty() {
        let later = split_repeats(&mut batch);
        answer_all(&app, &db, batch).await;
        batch = later;
    }
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

async fn answer_all(app: &App, db: &PgPool, batch: Vec<Waiting>) {
    let (orders, answers): (Vec<Order>, Vec<_>) =
        batch.into_iter().map(|waiting| (waiting.order, waiting.answer)).unzip();
    let outcomes = match serve_all(app, db, &orders, false).await {
        Ok(outcomes) => outcomes,
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
            let mut outcomes = Vec::with_capacity(orders.len());
            for order in &orders {
                let alone = serve_all(app, db, std::slice::from_ref(order), false).await;
                outcomes.push(
                    alone
                        .map_err(Error::from)
                        .and_then(|mut one| one.pop().unwrap_or_else(|| Err(lost().into()))),
                );
            }
            outcomes
        }
    };
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // Whoever asked may have gone away; the booking stands all the same, under its key.
        let _ = answer.send(outcome);
    }
}

/// Serves `orders` in one transaction, which is rolled back in a rehearsal; an outcome for each.
///
/// # Errors
/// Those of the transaction as a whole; then nothing was written.
async fn serve_all(
    app: &App,
    db: &PgPool,
    orders: &[Order],
    is_rehearsal: bool,
) -> Result<Vec<Answer>, Problem> {
    let now = app.now();
    let ids: Vec<LeaseId> = orders.iter().map(|_| LeaseId::new(now)).collect();
    let (mut transaction, mut guard, replayed, facts) =
        look_up(app, db, orders, &ids, is_rehearsal).await?;
    let drafts: Vec<Result<Draft, Error>> =
        orders.iter().zip(&ids).map(|(order, id)| facts.draft(order, *id, now)).collect();
    let pools: Vec<_> = drafts.iter().flatten().flat_map(Draft::pools).collect();
    let mut edit = capacity::edit(app, &mut transaction, &pools).await.map_err(Problem::from)?;
    let mut signed: Vec<Option<(Signed, Reply)>> = Vec::with_capacity(orders.len());
    let mut refused: Vec<Option<Error>> = Vec::with_capacity(orders.len());
    for (index, draft) in drafts.into_iter().enumerate() {
        let placed = match (replayed.contains_key(&index), draft) {
            (true, _) => Err(Error::Problem(lost())),
            (false, Err(error)) => Err(error),
            (false, Ok(draft)) => place(&mut guard, &mut edit, draft, now),
        };
        match placed {
            Ok(lease) => {
                let view = LeaseView::new(&lease, app, now);
                let reply = Reply::created(&view).revision(lease.revision);
                signed.push(Some((lease, reply)));
                refused.push(None);
            }
            Err(error) => {
                signed.push(None);
                refused.push(Some(error));
            }
        }
    }
    if is_rehearsal || signed.iter().all(Option::is_none) {
        drop(edit);
        drop(guard);
        transaction.rollback().await?;
    } else {
        let mut writes = Writes::default();
        edit.write_rows(&mut transaction, &mut writes).await.map_err(Problem::from)?;
        write(&mut writes, orders, &signed, now);
        writes.execute(&mut transaction).await.map_err(traces::problem)?;
        transaction.commit().await?;
        edit.committed();
        guard.committed();
    }
    let mut replayed = replayed;
    let outcomes =
        signed.into_iter().zip(refused).enumerate().map(|(index, outcome)| match outcome {
            (Some((_, reply)), _) => Ok(reply),
            (None, error) => match (replayed.remove(&index), error) {
                (Some(Problem::Replayed(reply)), _) => Ok(*reply),
                (Some(problem), _) => Err(problem.into()),
                (None, error) => Err(error.unwrap_or_else(|| lost().into())),
            },
        });
    Ok(outcomes.collect())
}

/// Quotas first, then room: a tenant that may not have it is not told where there would be some.
fn place(
    guard: &mut quotas::Guard,
    edit: &mut capacity::Edit,
    draft: Draft,
    now: Timestamp,
) -> Result<Signed, Error> {
    let (tenant, lease) = (draft.lease.tenant_id, draft.lease.id.0);
    guard.admit(tenant, lease, || draft.holding(None), now)?;
    let mark = edit.mark();
    for booking in &draft.bookings {
        if let Err(error) = edit.book(booking, now) {
            edit.back_to(mark);
            guard.withdraw(tenant, lease);
            return Err(error.into());
        }
    }
    Ok(draft.lease)
}

/// The transaction to serve `orders` in, with the tenants and their books locked; what became of those
/// whose key was used before; the facts of all.
///
/// Keys and offers are read beside it: they are as of now either way, a key that is kept meanwhile is
/// found by its constraint, and less is waited for.
async fn look_up<'a>(
    app: &App,
    db: &PgPool,
    orders: &[Order],
    ids: &[LeaseId],
    is_rehearsal: bool,
) -> sqlx::Result<(sqlx::PgTransaction<'a>, quotas::Guard, HashMap<usize, Problem>, Facts)> {
    let mut tenants: Vec<OrganizationId> = orders.iter().map(|order| order.tenant).collect();
    tenants.sort_unstable();
    tenants.dedup();
    let requests: Vec<&Request> = orders.iter().map(|order| &order.request).collect();
    let leases = orders.iter().zip(ids).map(|(order, id)| (order.tenant, Some(id.0)));
    let leases: Vec<_> = leases.collect();
    let locked = async {
        let mut transaction = db.begin().await?;
        let parties = accounts::parties_to_book(&mut transaction, &tenants).await?;
        let guard = quotas::guard(app, &mut transaction, &leases).await?;
        Ok::<_, sqlx::Error>((transaction, parties, guard))
    };
    let read = async {
        let mut connection = db.acquire().await?;
        let replayed =
            if is_rehearsal { HashMap::new() } else { replays(&mut connection, orders).await? };
        Ok::<_, sqlx::Error>((replayed, Facts::offered(&mut connection, &requests).await?))
    };
    let ((transaction, parties, guard), (replayed, facts)) = tokio::try_join!(locked, read)?;
    Ok((transaction, guard, replayed, Facts { parties, ..facts }))
}

/// What became of those of `orders` whose key was used before.
async fn replays(
    connection: &mut sqlx::PgConnection,
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
    signed: &[Option<(Signed, Reply)>],
    now: Timestamp,
) {
    let made: Vec<(&Order, &Signed, &Reply)> = orders
        .iter()
        .zip(signed)
        .filter_map(|(order, signed)| signed.as_ref().map(|(lease, reply)| (order, lease, reply)))
        .collect();
    let leases: Vec<&Signed> = made.iter().map(|(_, lease, _)| *lease).collect();
    leases::adding(writes, &leases);
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
}

/// The log entry of a new lease.
pub fn signing(lease: &Signed) -> Entry {
    let action = if lease.status == Status::Requested { "lease.requested" } else { "lease.booked" };
    Entry::new(action, lease.id)
        .tenant(lease.tenant_id)
        .provider(lease.provider_id)
        .after(LeaseView::record(lease))
}

/// What the drafts of a batch are made from, read once for all of them.
pub struct Facts {
    listings: HashMap<OfferId, Listing>,
    parties: HashMap<OrganizationId, Party>,
    projects: HashMap<Uuid, OrganizationId>,
}

impl Facts {
    /// The offers, tenant and project that `request` names.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn of(
        connection: &mut sqlx::PgConnection,
        request: &Request,
        tenant: OrganizationId,
    ) -> sqlx::Result<Facts> {
        let parties = accounts::parties_to_book(connection, &[tenant]).await?;
        Ok(Facts { parties, ..Self::offered(connection, &[request]).await? })
    }

    /// The offers and projects that `requests` name, and no parties.
    async fn offered(
        connection: &mut sqlx::PgConnection,
        requests: &[&Request],
    ) -> sqlx::Result<Facts> {
        let mut offers: Vec<OfferId> =
            requests.iter().flat_map(|request| request.offers()).collect();
        offers.sort_unstable();
        offers.dedup();
        let listings = supply::listings(connection, &offers).await?;
        let projects: Vec<Uuid> =
            requests.iter().filter_map(|request| Some(request.project_id?.0)).collect();
        let projects = if projects.is_empty() {
            Vec::new()
        } else {
            accounts::owners_of_projects(connection, &projects).await?
        };
        Ok(Facts {
            listings: listings.into_iter().map(|listing| (listing.offer_id, listing)).collect(),
            parties: HashMap::new(),
            projects: projects.into_iter().map(|(project, owner)| (project.0, owner)).collect(),
        })
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
        let party = self
            .parties
            .get(&tenant)
            .ok_or_else(|| Problem::forbidden("this organization is no more"))?;
        accounts::require_can_book(party)?;
        if let Some(project) = request.project_id
            && self.projects.get(&project.0) != Some(&tenant)
        {
            return Err(Error::UnknownProject(project));
        }
        draft(request, &self.listings, (tenant, party), created_by, lease, now)
    }
}
