//! What can be done with quotes and leases: one function, one transaction; bookings share one.

pub mod alternatives;
pub mod amend;
pub mod approve;
pub mod buy_back;
pub mod cancel;
pub mod delays;
pub mod quote;
pub mod reserve;
pub mod search;
pub mod take_back;

use sqlx::PgConnection;

pub use super::desk::{draft, sign};
use super::error::Error;
use super::rules::{Act, Status, decide};
use super::store::leases::{self, Signed};
use crate::api::{Call, Problem};
use crate::app::{self, App};
use crate::capacity::{self, Edit};
use crate::kernel::{LeaseId, OrganizationId, Role};
use crate::quotas;

/// Which side of a lease an act belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Tenant,
    Provider,
}

/// A lease that is about to be changed, with its planes and its row locked, in this order.
struct Opened {
    lease: Signed,
    edit: Edit,
}

/// Opens a lease for an act of `side`: checks that the caller may, locks, and re-reads under the lock.
async fn open(app: &App, act: &mut app::Act, id: LeaseId, side: Side) -> Result<Opened, Error> {
    let caller = act.call.caller;
    let lease = leases::signed(act, id, caller.scope()).await?.ok_or(Error::UnknownLease(id))?;
    let owner = match side {
        Side::Tenant => lease.tenant_id,
        Side::Provider => lease.provider_id,
    };
    if caller.staff.is_none()
        && (caller.organization() != Some(owner) || !caller.has_role(Role::Manager))
    {
        let side = if side == Side::Tenant { "tenant" } else { "provider" };
        return Err(Problem::forbidden(format!(
            "only a manager or owner of the lease's {side} does this"
        ))
        .into());
    }
    if caller.staff.is_some() {
        return Err(Problem::forbidden(
            "staff does not act for an organization; a reclaim case is the way",
        )
        .into());
    }
    let opened = lock(app, act, &lease).await?;
    act.call.check_revision(opened.lease.revision)?;
    Ok(opened)
}

/// Notes that a lease is about to change, locks its planes, then its row, and reads it again.
async fn lock(app: &App, connection: &mut PgConnection, seen: &Signed) -> Result<Opened, Error> {
    quotas::changing(connection, seen.tenant_id, seen.id.0).await?;
    let edit = capacity::edit(app, connection, &seen.pools()).await?;
    let lease = leases::locked(connection, seen.id).await?.ok_or(Error::UnknownLease(seen.id))?;
    let is_covered = lease.pools().iter().all(|pool| seen.pools().contains(pool));
    if is_covered { Ok(Opened { lease, edit }) } else { Err(Error::MovedOn(seen.id)) }
}

/// What becomes of `lease` by `act`.
fn decided(lease: &Signed, act: Act, now: crate::kernel::Timestamp) -> Result<Status, Error> {
    decide(lease.status, act, lease.facts(), now)
        .map_err(|refusal| Error::State { id: lease.id, refusal })
}

/// The tenant for which `call` books: a verified one, by a manager or owner.
fn tenant_of(call: &Call) -> Result<OrganizationId, Problem> {
    crate::accounts::require_role(&call.caller, Role::Manager)
}
