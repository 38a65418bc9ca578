//! Buying capacity back from tenants who are willing: a shrink at their price, agreed by both sides.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::amend::give_back;
use super::approve::entry;
use super::cancel::prices;
use super::decided;
use crate::api::Problem;
use crate::app::{self, App};
use crate::capacity;
use crate::kernel::{AmendmentId, LeaseId, Money, Timestamp, TrancheId};
use crate::leases::error::Error;
use crate::leases::rules::{self, Act};
use crate::leases::store::amendments::{self, Amendment};
use crate::leases::store::leases;

/// What a tenant has offered to give up.
#[derive(Debug, Clone)]
pub struct BuyBack {
    pub lease: LeaseId,
    /// The revision of the lease that the price was reckoned for.
    pub revision: i32,
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

/// Shrinks leases as their tenants have offered, in the caller's transaction; each becomes an amendment.
///
/// # Errors
/// 409 `plan_outdated` if a lease has another revision once it is locked; what else is refused; those of
/// the database.
pub async fn buy_back(
    app: &App,
    act: &mut app::Act,
    wanted: &[BuyBack],
) -> Result<Vec<BoughtBack>, Problem> {
    Ok(try_buy_back(app, act, wanted).await?)
}

async fn try_buy_back(
    app: &App,
    act: &mut app::Act,
    wanted: &[BuyBack],
) -> Result<Vec<BoughtBack>, Error> {
    let now = act.now;
    let mut pools = Vec::new();
    for one in wanted {
        let lease = leases::signed(act, one.lease, None).await?;
        pools.extend(lease.ok_or(Error::UnknownLease(one.lease))?.pools());
    }
    // All planes are locked at once, in their order, before any lease.
    let mut edit = capacity::edit(app, act, &pools).await?;
    let mut bought = Vec::new();
    for one in wanted {
        let before = leases::locked(act, one.lease).await?;
        let before = before.ok_or(Error::UnknownLease(one.lease))?;
        if !before.pools().iter().all(|pool| pools.contains(pool)) {
            return Err(Error::MovedOn(one.lease));
        }
        if before.revision != one.revision {
            let lease = one.lease;
            let detail =
                format!("lease {lease} has changed since it was planned with; make a new plan");
            return Err(Problem::conflict("plan_outdated", detail).with("lease_id", lease).into());
        }
        decided(&before, Act::Shrink, now)?;
        let starts_at = before.tranche(one.tranche).map_or(one.at, |it| it.starts_at.max(one.at));
        let (mut lease, _) =
            give_back(act, &mut edit, &before, one.tranche, one.units, (starts_at, None), now)
                .await?;
        if lease.tranches.is_empty() {
            return Err(Error::NothingLeft);
        }
        let refund = rules::unused(prices(&before.tranches), prices(&lease.tranches));
        lease.price = before.price - refund;
        lease.revision = before.revision + 1;
        leases::change(act, &before, &lease).await?;
        let amendment = Amendment {
            id: AmendmentId::new(now),
            lease_id: lease.id,
            kind: "buy_back".to_owned(),
            revision: lease.revision,
            price: lease.price - before.price,
            terms: json!({
                "tranche_id": one.tranche, "units": one.units, "from": starts_at,
                "refund": refund, "premium": one.premium,
            }),
            created_by: act.call.caller.actor.uuid(),
            created_at: now,
        };
        amendments::add_amendment(act, &amendment).await?;
        act.log(entry("lease.bought_back", &before, &lease).reason(&one.reason));
        bought.push(BoughtBack {
            lease_id: lease.id,
            amendment_id: amendment.id,
            units: one.units,
            effective_at: starts_at,
            refund,
            premium: one.premium,
        });
    }
    edit.write(act).await?;
    Ok(bought)
}
