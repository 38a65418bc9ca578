//! Keeping units that were taken back for whom they are meant, in the change that frees them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check_can_book;
use crate::accounts;
use crate::capacity::{Freed, Owner};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{
    BlockId, LeaseId, Money, OrganizationId, Period, PoolId, QuoteId, Span, Timestamp, TrancheId,
};
use crate::leases::change::Change;
use crate::leases::error::Error;
use crate::leases::rules::{PlacementWish, QuoteState, Tranche, held};
use crate::leases::store::quotes::{self, Quote};
use crate::quotas::{Asked, Holding, Place};
use crate::supply;

/// For whom units are kept, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Reservation {
    pub organization: OrganizationId,
    /// From the act on.
    pub lasting: Span,
}

/// What keeps units for somebody.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Reserved {
    /// A tenant books them by this quote, as long as it stands.
    Quote { quote_id: QuoteId },
    /// The provider has them as its own use.
    Blocks { block_ids: Vec<BlockId> },
    /// They are on the market: the tenant could not have taken them.
    Nothing { reason: String },
}

/// Keeps what `change` has `freed` of lease `id`: for its provider as own use, for a tenant as a quote that
/// holds the units, at the rate of the lease, for as long as they would have been its own. Both end by
/// themselves. `None` where nothing was freed.
///
/// # Errors
/// Those of [`check_heir`]; then nothing was kept. Those of the database.
pub async fn reserve(
    change: &mut Change<'_>,
    id: LeaseId,
    freed: &[(Tranche, Freed)],
    quote_id: QuoteId,
    reservation: Reservation,
) -> Result<Option<Reserved>, Error> {
    let now = change.act.now;
    let kept_until = now + reservation.lasting.delta();
    let provider = change.lease(id)?.provider_id;
    if reservation.organization == provider {
        let mut block_ids = Vec::new();
        for (tranche, freed) in to_come(freed, now).filter(|it| it.1.period.starts_at < kept_until)
        {
            let ends_at = freed.period.ends_at.min(kept_until);
            let kept = Freed { period: Period { ends_at, ..freed.period }, ..freed };
            block_ids.extend(change.set_aside(tranche.pool_id, provider, kept).await?);
        }
        return Ok((!block_ids.is_empty()).then_some(Reserved::Blocks { block_ids }));
    }
    let tenant = reservation.organization;
    let lines = quoted(freed, now);
    if lines.is_empty() {
        return Ok(None);
    }
    check_heir(change, tenant, &lines).await?;
    for (line, units) in &lines {
        let owner = Owner { id: line.id.0, subject: quote_id.0, organization: Some(tenant) };
        for freed in units {
            change.hold(line.pool_id, owner, *freed)?;
        }
    }
    let tranches: Vec<Tranche> = lines.into_iter().map(|(line, _)| line).collect();
    let quote = Quote {
        id: quote_id,
        tenant_id: tenant,
        project_id: None,
        created_by: change.act.call.caller.actor.uuid(),
        placement: PlacementWish::Any,
        price: tranches.iter().map(|line| line.price).sum::<Money>(),
        tranches,
        holds: true,
        is_reserved: true,
        state: QuoteState::Open,
        created_at: now,
        expires_at: kept_until,
    };
    quotes::add(change.act, &quote).await?;
    let after = serde_json::json!({ "lines": quote.tranches, "expires_at": quote.expires_at });
    change.act.log(Entry::new(Event::QuoteReserved, quote.id).tenant(tenant).after(after));
    Ok(Some(Reserved::Quote { quote_id }))
}

/// Whether `tenant` can have `lines`: it may book, and its quotas leave room for them. What is kept for it
/// counts against them only once it accepts.
///
/// # Errors
/// [`Error::CannotBook`], [`Error::Quota`]; those of the database.
pub async fn check_heir(
    change: &mut Change<'_>,
    tenant: OrganizationId,
    lines: &[(Tranche, Vec<Freed>)],
) -> Result<(), Error> {
    let parties = accounts::parties(change.act, &[tenant]).await?;
    check_can_book(&parties, tenant)?;
    let lines: Vec<&Tranche> = lines.iter().map(|(line, _)| line).collect();
    let holding = holding(change, &lines).await?;
    change.check_quotas(tenant, &Asked::all_of(&holding))
}

/// What of `freed` is still to come at `now`.
fn to_come(freed: &[(Tranche, Freed)], now: Timestamp) -> impl Iterator<Item = (&Tranche, Freed)> {
    freed.iter().filter_map(move |(tranche, freed)| {
        let starts_at = freed.period.starts_at.max(now);
        let period = Period { starts_at, ends_at: freed.period.ends_at };
        (starts_at < period.ends_at).then_some((tranche, Freed { period, ..*freed }))
    })
}

/// The lines of a quote for what of `freed` is still to come, each with its units: what was of one line of the
/// lease for one period becomes one.
pub fn quoted(freed: &[(Tranche, Freed)], now: Timestamp) -> Vec<(Tranche, Vec<Freed>)> {
    let mut groups: BTreeMap<(TrancheId, Timestamp, Timestamp), (&Tranche, Vec<Freed>)> =
        BTreeMap::new();
    for (tranche, freed) in to_come(freed, now) {
        let key = (tranche.line, freed.period.starts_at, freed.period.ends_at);
        groups.entry(key).or_insert((tranche, Vec::new())).1.push(freed);
    }
    let lines = (0..).zip(groups.into_values()).map(|(number, (tranche, freed))| {
        let period = freed[0].period;
        let units = freed.iter().map(|it| it.units.len()).sum();
        let piece = tranche.piece(units, (period.starts_at, period.ends_at));
        let (id, price) = (TrancheId::new(now), piece.rate.price(piece.gpus, period));
        (Tranche { id, line: id, number, price, ..piece }, freed)
    });
    lines.collect()
}

/// What the lines of a quote come to as a lease, as quotas count it.
async fn holding(change: &mut Change<'_>, lines: &[&Tranche]) -> Result<Holding, Error> {
    let pools: Vec<PoolId> = lines.iter().map(|line| line.pool_id).collect();
    let places = supply::places(change.act, &pools).await?;
    let places: HashMap<PoolId, Arc<Place>> = places
        .into_iter()
        .map(|(pool, (accelerator, site))| (pool, Arc::new(Place { accelerator, site })))
        .collect();
    let lines = lines.iter().filter_map(|it| Some(held(it, places.get(&it.pool_id)?.clone())));
    Ok(Holding { project: None, is_signed: true, open_until: None, lines: lines.collect() })
}
