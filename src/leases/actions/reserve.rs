//! Keeping units that were taken back for whom they are meant, in the act that frees them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::take_back::Given;
use crate::app;
use crate::capacity::{Edit, Owner, Purpose};
use crate::db::log::Entry;
use crate::kernel::{BlockId, Money, OrganizationId, Period, QuoteId, Span, TrancheId};
use crate::leases::error::Error;
use crate::leases::store::leases::Signed;
use crate::leases::store::quotes::{self, Quote, QuotedTranche};
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
}

/// Keeps what `given` frees of `lease`: for its provider as own use, for a tenant as a quote that holds
/// the units, at the rate of the lease, for as long as they would have been its own. Both end by
/// themselves. `None` where nothing was given.
///
/// # Errors
/// Those of the database.
pub async fn reserve(
    act: &mut app::Act,
    edit: &mut Edit,
    lease: &Signed,
    given: &[Given],
    reservation: Reservation,
) -> Result<Option<Reserved>, Error> {
    let now = act.now;
    let kept_until = now + reservation.lasting.delta();
    let given = given.iter().filter(|given| given.period.ends_at > now);
    if reservation.organization == lease.provider_id {
        let mut block_ids = Vec::new();
        for given in given.filter(|given| given.period.starts_at < kept_until) {
            let period = Period {
                starts_at: given.period.starts_at.max(now),
                ends_at: given.period.ends_at.min(kept_until),
            };
            let pool = given.tranche.pool_id;
            block_ids.extend(
                supply::set_aside(act, edit, pool, lease.provider_id, &given.units, period).await?,
            );
        }
        return Ok((!block_ids.is_empty()).then_some(Reserved::Blocks { block_ids }));
    }
    let lines: Vec<(&Given, QuotedTranche)> =
        given.map(|given| (given, quoted(given, now))).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let quote = Quote {
        id: QuoteId::new(now),
        tenant_id: reservation.organization,
        project_id: None,
        created_by: act.call.caller.actor.uuid(),
        placement: "any".to_owned(),
        tranches: lines.iter().map(|(_, line)| line.clone()).collect(),
        price: lines.iter().map(|(_, line)| line.price).sum::<Money>(),
        holds: true,
        is_reserved: true,
        state: "open".to_owned(),
        created_at: now,
        expires_at: kept_until,
    };
    for (given, line) in &lines {
        let organization = Some(reservation.organization);
        let owner = Owner { id: line.id.0, subject: quote.id.0, organization };
        edit.give(line.pool_id, owner, Purpose::Hold, &given.units, line.period, now);
    }
    quotes::add(act, &quote).await?;
    let after = serde_json::json!({ "lines": quote.tranches, "expires_at": quote.expires_at });
    act.log(Entry::new("quote.reserved", quote.id).tenant(quote.tenant_id).after(after));
    Ok(Some(Reserved::Quote { quote_id: quote.id }))
}

fn quoted(given: &Given, now: crate::kernel::Timestamp) -> QuotedTranche {
    let mut tranche = given.tranche.clone();
    tranche.resize(given.units.iter().map(|units| units.len()).sum());
    let period =
        Period { starts_at: given.period.starts_at.max(now), ends_at: given.period.ends_at };
    QuotedTranche {
        id: TrancheId::new(now),
        offer_id: tranche.offer_id,
        pool_id: tranche.pool_id,
        units: tranche.units,
        gpus: tranche.gpus,
        mw: tranche.mw,
        period,
        rate: tranche.rate,
        price: tranche.rate.price(tranche.gpus, period),
    }
}
