//! Offering units, withdrawing the offer, taking it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, OfferRecord};
use crate::accounts;
use crate::api::problem::constraint;
use crate::api::{Call, Can, Problem, Reply};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::db::stored::storable;
use crate::kernel::event::Event;
use crate::kernel::{
    Caller, LeaseId, OrganizationId, Rate, Role, Span, Timestamp, TrancheId, VolunteerId,
};
use crate::leases::{self, Lease, Status};
use crate::reclaim::actions::Size;
use crate::reclaim::error::Error;
use crate::reclaim::rules::{Offered, Volunteer};

/// What a tenant would give up.
#[derive(Debug, Clone)]
pub struct NewOffer {
    /// May be left out where only one is left.
    pub tranche: Option<TrancheId>,
    pub size: Size,
    pub premium: Rate,
    pub notice: Span,
}

/// Units that a tenant would give up at a price.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VolunteerView {
    pub id: VolunteerId,
    pub lease_id: LeaseId,
    pub tranche_id: TrancheId,
    pub tenant_id: OrganizationId,
    pub provider_id: OrganizationId,
    /// At most so many; while it is open, no more than the line has.
    pub units: u32,
    /// Asked for on top of the price of what is given up.
    pub premium_per_gpu_hour: Rate,
    /// Time that the tenant needs to leave.
    pub notice: Span,
    /// `open`, `withdrawn`, `taken`, or `over` when its line is over.
    pub state: String,
    pub created_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    #[serde(flatten)]
    pub can: Can,
}

impl VolunteerView {
    /// `record` as `caller` sees it. It can still give `standing` units, if it is open.
    fn of(record: OfferRecord, standing: u32, caller: &Caller) -> VolunteerView {
        let is_open = record.state == "open";
        let state = if is_open && standing == 0 { "over".to_owned() } else { record.state.clone() };
        let can = Can::by_trying(["withdraw"], |_| check_withdrawal(&record, &state, caller));
        VolunteerView {
            id: record.id,
            lease_id: record.lease_id,
            tranche_id: record.tranche_id,
            tenant_id: record.tenant_id,
            provider_id: record.provider_id,
            units: if is_open && standing > 0 { standing } else { record.offered() },
            premium_per_gpu_hour: record.premium,
            notice: span(record.notice_seconds),
            state,
            created_at: record.created_at,
            closed_at: record.closed_at,
            can,
        }
    }
}

impl OfferRecord {
    /// Units that were offered.
    fn offered(&self) -> u32 {
        // The table refuses what is not above zero.
        self.units.unsigned_abs()
    }

    /// Units that it can still give at `now`, if it is open: no more than its line has, none when the line
    /// is over. `lease` is its lease, if that is signed and not over.
    fn standing(&self, lease: Option<&Lease>, now: Timestamp) -> u32 {
        let left = lease.map(|lease| lease.tranches.lines_left(now, now)).unwrap_or_default();
        let line = left.iter().find(|left| left.line == self.tranche_id);
        line.map_or(0, |line| self.offered().min(line.units_most))
    }
}

/// The store has checked that it is one.
fn span(seconds: i64) -> Span {
    Span::from_seconds(seconds).unwrap_or(Span::ZERO)
}

fn check_withdrawal(record: &OfferRecord, state: &str, caller: &Caller) -> Result<(), String> {
    if caller.organization() != Some(record.tenant_id) {
        return Err("it is the tenant's to withdraw".to_owned());
    }
    if !caller.has_role(Role::Manager) {
        return Err("a viewer may look; a manager or owner does this".to_owned());
    }
    if state != "open" {
        return Err(format!("it is {state} already"));
    }
    Ok(())
}

/// Offers units of a lease.
///
/// # Errors
/// 403 for all but managers of the tenant; 409 `volunteering_already` for a tranche with an open offer.
pub async fn offer(
    app: &App,
    call: Call,
    lease_id: LeaseId,
    new: NewOffer,
) -> Result<Reply, Error> {
    let mut act = app.begin(&call).await?;
    let now = act.now;
    let lease = leases::find(&mut act, lease_id, call.caller.scope()).await?;
    let lease = lease.ok_or(Error::UnknownLease(lease_id))?;
    let organization = accounts::require_role(&call.caller, Role::Manager)?;
    if organization != lease.tenant_id {
        return Err(Problem::forbidden("it is for the tenant to give something up").into());
    }
    if !matches!(lease.status, Status::Scheduled | Status::Active) {
        return Err(Error::LeaseNotRunning { lease: lease.id, status: lease.status.as_str() });
    }
    let left = lease.tranches.lines_left(now, now);
    let line = match (new.tranche, left.as_slice()) {
        (Some(id), left) => {
            let line = lease.tranches.line_of(id);
            left.iter().find(|left| Some(left.line) == line)
        }
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let line = line.ok_or_else(|| {
        let detail =
            "the lease has not exactly one tranche left, or not this one; name one that is left";
        Problem::field("tranche_id", detail)
    })?;
    let step = line.tranche.gpus_per_unit().max(1);
    let units = match new.size {
        Size::Units(units) => units,
        Size::Gpus(gpus) if gpus.is_multiple_of(step) => gpus / step,
        Size::Gpus(gpus) => {
            let detail = format!("{gpus} GPUs are no whole number of units of {step} GPUs");
            return Err(Problem::field("gpus", detail).into());
        }
    };
    if units == 0 || units > line.units_most {
        let detail = format!("a number from 1 to the {} units of the tranche", line.units_most);
        return Err(Problem::field("units", detail).into());
    }
    close_over(&mut act, &[lease.id.0]).await?;
    let record = OfferRecord {
        id: VolunteerId::new(now),
        lease_id: lease.id,
        // The line stays what it is whatever becomes of its pieces.
        tranche_id: line.line,
        tenant_id: lease.tenant_id,
        provider_id: lease.provider_id,
        units: storable(units, "reclaim_volunteers", "units", line.line)?,
        premium: new.premium,
        notice_seconds: new.notice.seconds(),
        state: "open".to_owned(),
        created_at: now,
        closed_at: None,
    };
    store::insert(&mut act, &record, call.caller.actor.uuid()).await.map_err(|error| {
        if constraint(&error) == Some("reclaim_volunteers_one_open") {
            let detail = "there is an open offer of this tranche already; withdraw it first";
            return Problem::conflict("volunteering_already", detail);
        }
        Problem::from(error)
    })?;
    let view = VolunteerView::of(record, units, &call.caller);
    act.log(entry(Event::ReclaimVolunteered, &view).after(&view));
    Ok(act.finish(Reply::created(&view)).await?)
}

/// Withdraws an offer.
///
/// # Errors
/// 403 for all but managers of the tenant; 409 `volunteer_closed` when it has been taken or withdrawn.
pub async fn withdraw(app: &App, call: Call, id: VolunteerId) -> Result<Reply, Error> {
    let mut act = app.begin(&call).await?;
    let record = store::locked(&mut act, id, call.caller.scope()).await?;
    let mut record = record.ok_or_else(|| Problem::not_found("volunteer", id))?;
    let now = act.now;
    let standing = standing(&mut act, std::slice::from_ref(&record), now).await?;
    let standing = standing.first().copied().unwrap_or(0);
    let is_open = record.state == "open" && standing > 0;
    let state = if record.state == "open" && !is_open { "over" } else { record.state.as_str() };
    if let Err(reason) = check_withdrawal(&record, state, &call.caller) {
        return Err(if is_open {
            Problem::forbidden(reason).into()
        } else {
            accounts::require_role(&call.caller, Role::Manager)?;
            Problem::conflict("volunteer_closed", reason).into()
        });
    }
    store::close(&mut act, &[id.0], "withdrawn", now).await?;
    (record.state, record.closed_at) = ("withdrawn".to_owned(), Some(now));
    let view = VolunteerView::of(record, standing, &call.caller);
    act.log(entry(Event::ReclaimVolunteerWithdrawn, &view).after(&view));
    Ok(act.finish(Reply::ok(&view)).await?)
}

/// What each of `records` can still give, if it is open.
async fn standing(
    connection: &mut PgConnection,
    records: &[OfferRecord],
    now: Timestamp,
) -> sqlx::Result<Vec<u32>> {
    let mut ids: Vec<Uuid> = records.iter().map(|record| record.lease_id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let leases = leases::running(connection, &ids).await?;
    let leases: HashMap<LeaseId, &Lease> = leases.iter().map(|lease| (lease.id, lease)).collect();
    let standing =
        |record: &OfferRecord| record.standing(leases.get(&record.lease_id).copied(), now);
    Ok(records.iter().map(standing).collect())
}

/// The offers that `call`'s caller may see, newest first, at most `limit` before the id `after`.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn list(
    app: &App,
    call: &Call,
    lease: Option<LeaseId>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<VolunteerView>> {
    let mut connection = app.db.acquire().await?;
    let records = store::list(&mut connection, call.caller.scope(), lease, after, limit).await?;
    let standing = standing(&mut connection, &records, app.now()).await?;
    let views = records.into_iter().zip(standing);
    Ok(views.map(|(record, standing)| VolunteerView::of(record, standing, &call.caller)).collect())
}

/// Closes the open offers of `leases` whose lines are over, in the caller's act; says how many.
async fn close_over(act: &mut Act, leases: &[Uuid]) -> Result<u64, Error> {
    let now = act.now;
    let open = store::open(act, leases).await?;
    let standing = standing(act, &open, now).await?;
    let over = open.into_iter().zip(standing).filter(|(_, standing)| *standing == 0);
    let over: Vec<OfferRecord> = over.map(|(record, _)| record).collect();
    let ids: Vec<Uuid> = over.iter().map(|record| record.id.0).collect();
    // Whoever withdraws one meanwhile was first.
    let ids: Vec<Uuid> = store::lock_open(act, &ids).await?.iter().map(|it| it.id.0).collect();
    let closed = store::close(act, &ids, "over", now).await?;
    for record in over.into_iter().filter(|record| ids.contains(&record.id.0)) {
        let log = Entry::new(Event::ReclaimVolunteerOver, record.lease_id);
        let log = log.tenant(record.tenant_id).provider(record.provider_id);
        act.log(log.after(serde_json::json!({ "volunteer_id": record.id, "state": "over" })));
    }
    Ok(closed)
}

/// Most offers that are looked at in one transaction.
const BATCH: i64 = 500;

/// Closes open offers whose lines are over. Nothing depends on when: they count for nothing from the
/// instant at which the line is over.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn close_all_over(app: &App) -> Result<u64, Error> {
    let (mut closed, mut after, now) = (0, Uuid::nil(), app.now());
    loop {
        let mut act = app.begin_job("reclaim.close_offers").await?;
        let open = store::open_after(&mut act, after, BATCH).await?;
        let Some(last) = open.last() else { return Ok(closed) };
        after = last.id.0;
        let standing = standing(&mut act, &open, now).await?;
        let over = open.iter().zip(standing).filter(|(_, standing)| *standing == 0);
        let leases: Vec<Uuid> = over.map(|(record, _)| record.lease_id.0).collect();
        if !leases.is_empty() {
            closed += close_over(&mut act, &leases).await?;
            act.commit().await?;
        }
    }
}

fn entry(action: Event, view: &VolunteerView) -> Entry {
    Entry::new(action, view.lease_id).tenant(view.tenant_id).provider(view.provider_id)
}

/// What `leases`, which are signed and not over, can still give of what their tenants have offered, by
/// lease.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn offered(
    connection: &mut PgConnection,
    leases: &[Lease],
    now: Timestamp,
) -> sqlx::Result<HashMap<LeaseId, Vec<Offered>>> {
    let ids: Vec<Uuid> = leases.iter().map(|lease| lease.id.0).collect();
    let by_id: HashMap<LeaseId, &Lease> = leases.iter().map(|lease| (lease.id, lease)).collect();
    let mut by_lease: HashMap<LeaseId, Vec<Offered>> = HashMap::new();
    for record in store::open(connection, &ids).await? {
        let units = record.standing(by_id.get(&record.lease_id).copied(), now);
        if units == 0 {
            continue;
        }
        let volunteer = Volunteer {
            line: record.tranche_id,
            units,
            premium: record.premium,
            notice: span(record.notice_seconds),
        };
        by_lease.entry(record.lease_id).or_default().push(Offered { id: record.id, volunteer });
    }
    Ok(by_lease)
}

/// Takes open offers, in the caller's act.
///
/// # Errors
/// 409 `volunteer_closed` when one of them has been withdrawn or taken.
pub async fn take(act: &mut Act, ids: &[VolunteerId]) -> Result<(), Error> {
    let now = act.now;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let open = store::lock_open(act, &ids).await?;
    if open.len() != ids.len() {
        let detail = "an offer of units that the plan counts on has been withdrawn or taken; make a new plan";
        return Err(Problem::conflict("volunteer_closed", detail).into());
    }
    store::close(act, &ids, "taken", now).await?;
    Ok(())
}
