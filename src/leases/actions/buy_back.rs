//! Buying capacity back from tenants who are willing: a shrink at their price, agreed by both sides.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::app::{Act, App};
use crate::kernel::event::Event;
use crate::kernel::{AmendmentId, LeaseId, Money, Period, Timestamp, TrancheId};
use crate::leases::change::{Change, Record, Scope};
use crate::leases::error::Error;
use crate::leases::rules::{AmendmentKind, Command};

/// What a tenant has offered to give up.
#[derive(Debug, Clone)]
pub struct BuyBack {
    pub lease: LeaseId,
    /// Revision of the lease that the price was worked out for.
    pub revision: i32,
    /// A tranche of the line that gives units up.
    pub tranche: TrancheId,
    pub units: u32,
    /// From when on.
    pub at: Timestamp,
    /// Owed to the tenant besides the price of the time given back.
    pub premium: Money,
    pub reason: String,
}

/// What was bought back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BoughtBack {
    pub lease_id: LeaseId,
    pub amendment_id: AmendmentId,
    pub units: u32,
    pub effective_at: DateTime<Utc>,
    /// Price of the time given back, which the tenant no longer owes.
    pub refund: Money,
    /// What the tenant gets besides.
    pub premium: Money,
}

/// Shrinks leases as their tenants have offered, in the caller's act; each becomes an amendment.
///
/// # Errors
/// [`Error::MovedOn`] if a lease has another revision than `wanted` was worked out for; [`Error::State`],
/// [`Error::UnknownTranche`], [`Error::NothingLeft`]; those of the database.
pub async fn buy_back(
    app: &App,
    act: &mut Act,
    wanted: &[BuyBack],
) -> Result<Vec<BoughtBack>, Error> {
    let mut leases: Vec<LeaseId> = wanted.iter().map(|one| one.lease).collect();
    leases.sort_unstable();
    leases.dedup();
    let mut change = Change::begin(app, act, Scope { leases, ..Scope::default() }).await?;
    if let Some(stale) = wanted
        .iter()
        .find(|one| change.lease(one.lease).is_ok_and(|it| it.revision != one.revision))
    {
        return Err(Error::MovedOn(stale.lease));
    }
    let mut bought = Vec::with_capacity(wanted.len());
    for one in wanted {
        bought.push(buy(&mut change, one).await?);
    }
    change.finish().await?;
    Ok(bought)
}

async fn buy(change: &mut Change<'_>, one: &BuyBack) -> Result<BoughtBack, Error> {
    let id = one.lease;
    change.decide(id, Command::Shrink)?;
    let before = change.lease(id)?.clone();
    let unknown = Error::UnknownTranche { lease: id, tranche: one.tranche };
    let Some(line) = before.tranches.line_of(one.tranche) else { return Err(unknown) };
    let starts_at = before.tranches.line(line).map(|it| it.starts_at).min();
    let ends_at = before.tranches.line(line).map(|it| it.ends_at).max();
    let (Some(starts_at), Some(ends_at)) = (starts_at.map(|at| at.max(one.at)), ends_at) else {
        return Err(unknown);
    };
    change.give_back(id, line, one.units, Period { starts_at, ends_at }).await?;
    let after = change.lease(id)?;
    if after.tranches.is_empty() || after.ends_at <= change.act.now {
        return Err(Error::NothingLeft);
    }
    let refund = before.tranches.price() - after.tranches.price();
    let record = Record {
        amendment: Some(AmendmentKind::BuyBack),
        terms: json!({
            "tranche_id": one.tranche, "units": one.units, "from": starts_at, "refund": refund,
            "premium": one.premium,
        }),
        action: Event::LeaseBoughtBack,
        reason: &one.reason,
    };
    let amendment_id = change.record(id, record).await?;
    Ok(BoughtBack {
        lease_id: id,
        amendment_id,
        units: one.units,
        effective_at: starts_at,
        refund,
        premium: one.premium,
    })
}
