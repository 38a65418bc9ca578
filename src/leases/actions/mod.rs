//! What can be done with quotes and leases: one function, one transaction; bookings share one.

pub mod amend;
pub mod answer;
pub mod buy_back;
pub mod cancel;
pub mod delays;
pub mod plane;
pub mod quote;
pub mod reserve;
pub mod search;
pub mod take_back;

use std::collections::HashMap;

use super::change::Change;
use super::error::Error;
use super::rules::{Lease, Side};
use super::store::leases;
use crate::accounts::{self, Party};
use crate::api::{Call, Problem, Reply};
use crate::app::Act;
use crate::kernel::{LeaseId, OrganizationId, Role};

/// The lease `id`, not locked yet, if the caller may act on it for `side`.
async fn lease_of(act: &mut Act, id: LeaseId, side: Side) -> Result<Lease, Error> {
    let caller = act.call.caller;
    let lease = leases::find(act, id, caller.scope()).await?.ok_or(Error::UnknownLease(id))?;
    if caller.staff.is_some() {
        return Err(Problem::forbidden(
            "staff does not act for an organization; a reclaim case is the way",
        )
        .into());
    }
    let owner = match side {
        Side::Tenant => lease.tenant_id,
        Side::Provider => lease.provider_id,
    };
    if caller.organization() != Some(owner) || !caller.has_role(Role::Manager) {
        let detail = format!("only a manager or owner of the lease's {side} does this");
        return Err(Problem::forbidden(detail).into());
    }
    Ok(lease)
}

/// Refuses an act on a lease that has another revision than the caller has seen.
fn check_revision(change: &Change<'_>, id: LeaseId) -> Result<(), Error> {
    Ok(change.act.call.check_revision(change.lease(id)?.revision)?)
}

/// Finishes a change of one lease, and the act, with the lease as its tenant sees it.
async fn reply(change: Change<'_>, id: LeaseId) -> Result<Reply, Error> {
    let reply = Reply::ok(&change.view(id)?).revision(change.lease(id)?.revision);
    change.finish().await?;
    Ok(reply)
}

/// Whether `tenant`, one of `parties`, can come to have capacity.
fn check_can_book(
    parties: &HashMap<OrganizationId, Party>,
    tenant: OrganizationId,
) -> Result<(), Error> {
    let may_book =
        parties.get(&tenant).is_some_and(|party| accounts::require_can_book(party).is_ok());
    if may_book { Ok(()) } else { Err(Error::CannotBook(tenant)) }
}

/// The tenant for which `call` books: a verified one, by a manager or owner.
fn tenant_of(call: &Call) -> Result<OrganizationId, Problem> {
    accounts::require_role(&call.caller, Role::Manager)
}
