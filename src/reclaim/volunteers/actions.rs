//! Offering units, withdrawing the offer, taking it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, Kept};
use crate::accounts;
use crate::api::problem::constraint;
use crate::api::{Call, Can, Problem, Reply};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::db::stored::{storable, stored};
use crate::kernel::{Caller, LeaseId, OrganizationId, Rate, Role, Span, TrancheId, VolunteerId};
use crate::leases::{self, Status};
use crate::reclaim::actions::Size;
use crate::reclaim::error::Error;
use crate::reclaim::planner::rules::Volunteer;

/// What a tenant would give up.
#[derive(Debug, Clone)]
pub struct NewOffer {
    /// May be left out where only one is left.
    pub tranche: Option<TrancheId>,
    pub size: Size,
    pub premium: Rate,
    pub notice: Span,
}

/// An open offer.
#[derive(Debug, Clone, Copy)]
pub struct Offered {
    pub id: VolunteerId,
    pub volunteer: Volunteer,
}

/// Units that a tenant would give up at a price.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VolunteerView {
    pub id: VolunteerId,
    pub lease_id: LeaseId,
    pub tranche_id: TrancheId,
    pub tenant_id: OrganizationId,
    pub provider_id: OrganizationId,
    /// At most so many.
    pub units: i32,
    /// Asked for on top of the price of what is given up.
    pub premium_per_gpu_hour: Rate,
    /// Time that the tenant needs to leave.
    pub notice: Span,
    /// `open`, `withdrawn` or `taken`.
    pub state: String,
    pub created_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    #[serde(flatten)]
    pub can: Can,
}

impl VolunteerView {
    /// `kept` as `caller` sees it.
    pub fn of(kept: Kept, caller: &Caller) -> VolunteerView {
        let can = Can::by_trying(["withdraw"], |_| check_withdrawal(&kept, caller));
        VolunteerView {
            id: kept.id,
            lease_id: kept.lease_id,
            tranche_id: kept.tranche_id,
            tenant_id: kept.tenant_id,
            provider_id: kept.provider_id,
            units: kept.units,
            premium_per_gpu_hour: kept.premium,
            notice: span(kept.notice_seconds),
            state: kept.state,
            created_at: kept.created_at,
            closed_at: kept.closed_at,
            can,
        }
    }
}

/// The store has checked that it is one.
fn span(seconds: i64) -> Span {
    Span::from_seconds(seconds).unwrap_or(Span::ZERO)
}

fn check_withdrawal(kept: &Kept, caller: &Caller) -> Result<(), String> {
    if caller.organization() != Some(kept.tenant_id) {
        return Err("it is the tenant's to withdraw".to_owned());
    }
    if !caller.has_role(Role::Manager) {
        return Err("a viewer may look; a manager or owner does this".to_owned());
    }
    if kept.state != "open" {
        return Err(format!("it is {} already", kept.state));
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
    let lease = leases::signed(&mut act, lease_id, call.caller.scope()).await?;
    let lease = lease.ok_or(Error::UnknownLease(lease_id))?;
    let organization = accounts::require_role(&call.caller, Role::Manager)?;
    if organization != lease.tenant_id {
        return Err(Problem::forbidden("it is for the tenant to give something up").into());
    }
    if !matches!(lease.status, Status::Scheduled | Status::Active) {
        return Err(Error::LeaseNotRunning { lease: lease.id, status: lease.status.as_str() });
    }
    let mut left = lease.tranches.iter().filter(|tranche| tranche.ends_at > now);
    let tranche = match new.tranche {
        Some(id) => left.find(|tranche| tranche.id == id),
        None => match (left.next(), left.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        },
    };
    let tranche = tranche.ok_or_else(|| {
        let detail =
            "the lease has not exactly one tranche left, or not this one; name one that is left";
        Problem::field("tranche_id", detail)
    })?;
    let units = match new.size {
        Size::Units(units) => units,
        Size::Gpus(gpus) if gpus.is_multiple_of(tranche.gpus_per_unit().max(1)) => {
            gpus / tranche.gpus_per_unit().max(1)
        }
        Size::Gpus(gpus) => {
            let step = tranche.gpus_per_unit();
            let detail = format!("{gpus} GPUs are no whole number of units of {step} GPUs");
            return Err(Problem::field("gpus", detail).into());
        }
    };
    if units == 0 || units > tranche.units {
        let detail = format!("a number from 1 to the {} units of the tranche", tranche.units);
        return Err(Problem::field("units", detail).into());
    }
    let kept = Kept {
        id: VolunteerId::new(now),
        lease_id: lease.id,
        tranche_id: tranche.id,
        tenant_id: lease.tenant_id,
        provider_id: lease.provider_id,
        units: storable(units, "reclaim_volunteers", "units", tranche.id)?,
        premium: new.premium,
        notice_seconds: new.notice.seconds(),
        state: "open".to_owned(),
        created_at: now,
        closed_at: None,
    };
    store::insert(&mut act, &kept, call.caller.actor.uuid()).await.map_err(|error| {
        if constraint(&error) == Some("reclaim_volunteers_one_open") {
            let detail = "there is an open offer of this tranche already; withdraw it first";
            return Problem::conflict("volunteering_already", detail);
        }
        Problem::from(error)
    })?;
    let view = VolunteerView::of(kept, &call.caller);
    act.log(entry("reclaim.volunteered", &view).after(&view));
    Ok(act.finish(Reply::created(&view)).await?)
}

/// Withdraws an offer.
///
/// # Errors
/// 403 for all but managers of the tenant; 409 `volunteer_closed` when it has been taken or withdrawn.
pub async fn withdraw(app: &App, call: Call, id: VolunteerId) -> Result<Reply, Error> {
    let mut act = app.begin(&call).await?;
    let kept = store::locked(&mut act, id, call.caller.scope()).await?;
    let mut kept = kept.ok_or_else(|| Problem::not_found("volunteer", id))?;
    if let Err(reason) = check_withdrawal(&kept, &call.caller) {
        return Err(if kept.state == "open" {
            Problem::forbidden(reason).into()
        } else {
            accounts::require_role(&call.caller, Role::Manager)?;
            Problem::conflict("volunteer_closed", reason).into()
        });
    }
    let now = act.now;
    store::close(&mut act, &[id.0], "withdrawn", now).await?;
    (kept.state, kept.closed_at) = ("withdrawn".to_owned(), Some(now));
    let view = VolunteerView::of(kept, &call.caller);
    act.log(entry("reclaim.volunteer_withdrawn", &view).after(&view));
    Ok(act.finish(Reply::ok(&view)).await?)
}

fn entry(action: &'static str, view: &VolunteerView) -> Entry {
    Entry::new(action, view.lease_id).tenant(view.tenant_id).provider(view.provider_id)
}

/// The open offers of `leases`, by lease.
///
/// # Errors
/// Those of the database.
pub async fn offered(
    connection: &mut PgConnection,
    leases: &[Uuid],
) -> sqlx::Result<HashMap<LeaseId, Vec<Offered>>> {
    let mut by_lease: HashMap<LeaseId, Vec<Offered>> = HashMap::new();
    for kept in store::open(connection, leases).await? {
        let volunteer = Volunteer {
            tranche: kept.tranche_id,
            units: stored(kept.units, "reclaim_volunteers", "units", kept.id)?,
            premium: kept.premium,
            notice: span(kept.notice_seconds),
        };
        by_lease.entry(kept.lease_id).or_default().push(Offered { id: kept.id, volunteer });
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
