//! What the wire shows of quotes and leases.

pub mod plane;
pub mod search;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::accounts::Verification;
use crate::api::Can;
use crate::app::App;
use crate::capacity::Rectangle;
use crate::kernel::{
    CancellationQuoteId, DelayId, DeliveryId, LeaseId, Money, OfferId, OrganizationId, PoolId,
    ProjectId, QuoteId, Rate, Timestamp, TrancheId,
};
use crate::leases::rules::{
    AmendmentKind, Charge, ChargeKind, Command, EndCode, Lease, LeaseRefusal, PlacementWish,
    QuoteState, Side, Status, Tranche, decide,
};
use crate::leases::store::amendments::{Amendment, CancellationQuote};
use crate::leases::store::delays::Delay;
use crate::leases::store::quotes::Quote;
use crate::supply::{BookingMode, CancellationStep, TermsHash};

/// An organization, by the name under which it signed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PartyView {
    pub id: OrganizationId,
    pub name: String,
}

/// A lease as it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeaseView {
    pub id: LeaseId,
    pub status: Status,
    /// A reclaim case has been served against it.
    pub noticed: bool,
    /// It is delayed: some of its units are delivered late, and come only then. It may be left free of
    /// charge, and earns credit (`/v1/leases/{id}/delays`).
    pub delayed_until: Option<DateTime<Utc>>,
    /// Under a reclaim case it cannot be used until then; its units stay its own.
    pub suspended_until: Option<DateTime<Utc>>,
    pub tenant: PartyView,
    /// As it is now, not as it was when the lease was signed.
    pub tenant_verification: Verification,
    pub provider: PartyView,
    /// The tenant's project; only the tenant sees it.
    pub project_id: Option<ProjectId>,
    pub quote_id: Option<QuoteId>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// GPUs running at this moment.
    pub gpus_now: u32,
    /// MW at the meter at this moment.
    #[schema(value_type = String)]
    pub mw_now: Decimal,
    /// Of the schedule as it stands and of the charges that are not waived.
    pub price: Money,
    /// What is owed besides the schedule, for what was booked and is not used.
    pub charges: Vec<ChargeView>,
    pub currency: String,
    pub placement: PlacementWish,
    /// The reclaim terms as signed; `/v1/reclaim-terms/{hash}` has the words.
    #[schema(value_type = String)]
    pub terms_hash: TermsHash,
    /// The cancellation schedule as signed.
    pub cancellation: Vec<CancellationStep>,
    pub schedule: Vec<TrancheView>,
    pub revision: i32,
    pub created_at: DateTime<Utc>,
    /// How it came to its end.
    pub end: Option<EndView>,
    #[serde(flatten)]
    pub can: Can,
}

/// How a lease came to its end.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EndView {
    pub at: DateTime<Utc>,
    /// A user, an API key, or a job of the server.
    pub by: String,
    pub code: EndCode,
    pub reason: String,
}

/// What is owed for capacity that was booked and is not used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChargeView {
    /// What was done.
    pub kind: ChargeKind,
    pub amount: Money,
    pub charged_at: DateTime<Utc>,
    /// It is no longer owed since then.
    pub waived_at: Option<DateTime<Utc>>,
}

impl From<&Charge> for ChargeView {
    fn from(charge: &Charge) -> ChargeView {
        ChargeView {
            kind: charge.kind,
            amount: charge.amount,
            charged_at: charge.charged_at,
            waived_at: charge.waived_at,
        }
    }
}

/// One piece of a line of a lease's schedule: so many units of one pool for a period.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TrancheView {
    pub id: TrancheId,
    /// What it is a piece of: the tranche as it was booked. Pieces of one line follow each other in time.
    pub line_id: TrancheId,
    pub offer_id: OfferId,
    pub pool_id: PoolId,
    pub units: u32,
    pub gpus: u32,
    /// At the meter.
    #[schema(value_type = String)]
    pub mw: Decimal,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub rate_per_gpu_hour: Rate,
    pub price: Money,
}

impl TrancheView {
    fn new(tranche: &Tranche) -> TrancheView {
        TrancheView {
            id: tranche.id,
            line_id: tranche.line,
            offer_id: tranche.offer_id,
            pool_id: tranche.pool_id,
            units: tranche.units,
            gpus: tranche.gpus,
            mw: tranche.mw.normalize(),
            starts_at: tranche.starts_at,
            ends_at: tranche.ends_at,
            rate_per_gpu_hour: tranche.rate,
            price: tranche.price,
        }
    }
}

impl LeaseView {
    /// The view for its tenant.
    pub fn new(lease: &Lease, app: &App, now: Timestamp) -> LeaseView {
        let acts = [
            Command::Approve,
            Command::Reject,
            Command::Cancel,
            Command::End,
            Command::Extend,
            Command::Shrink,
        ];
        let (gpus_now, mw_now) =
            if lease.status.is_over() { (0, Decimal::ZERO) } else { lease.tranches.size_at(now) };
        LeaseView {
            id: lease.id,
            status: lease.status,
            noticed: lease.noticed,
            delayed_until: lease.delayed_until,
            suspended_until: lease
                .suspended_until
                .filter(|until| now < *until && !lease.status.is_over()),
            tenant: PartyView { id: lease.tenant_id, name: lease.tenant_name.clone() },
            tenant_verification: lease.tenant_verification,
            provider: PartyView { id: lease.provider_id, name: lease.provider_name.clone() },
            project_id: lease.project_id,
            quote_id: lease.quote_id,
            starts_at: lease.starts_at,
            ends_at: lease.ends_at,
            gpus_now,
            mw_now: mw_now.normalize(),
            price: lease.price(),
            charges: lease.charges.iter().map(ChargeView::from).collect(),
            currency: app.config.currency.clone(),
            placement: lease.placement,
            terms_hash: lease.terms_hash,
            cancellation: lease.cancellation.clone(),
            schedule: lease.tranches.iter().map(TrancheView::new).collect(),
            revision: lease.revision,
            created_at: lease.created_at,
            end: lease.end.as_ref().map(|end| EndView {
                at: end.at,
                by: end.by.clone(),
                code: end.code,
                reason: end.reason.clone(),
            }),
            can: Can::by_trying(acts, |act| -> Result<Status, LeaseRefusal> {
                decide(lease.status, act, lease.facts(), now)
            }),
        }
    }

    /// The view for `scope`: a provider sees neither the tenant's projects nor its people.
    pub fn for_scope(
        lease: &Lease,
        app: &App,
        now: Timestamp,
        scope: Option<uuid::Uuid>,
    ) -> LeaseView {
        let mut view = LeaseView::new(lease, app, now);
        if scope.is_some_and(|scope| scope != lease.tenant_id.0) {
            view.project_id = None;
            view.quote_id = None;
            if let Some(end) = &mut view.end
                && end.code.side() == Some(Side::Tenant)
            {
                end.by = lease.tenant_id.to_string();
            }
        }
        view
    }

    /// What the log keeps of a lease: what an act can change. Both sides read it.
    pub fn record(lease: &Lease) -> Value {
        json!({
            "status": lease.status,
            "revision": lease.revision,
            "starts_at": lease.starts_at,
            "ends_at": lease.ends_at,
            "price": lease.price(),
            "charges": lease.charges.iter().map(ChargeView::from).collect::<Vec<_>>(),
            "terms_hash": lease.terms_hash,
            "schedule": lease.tranches.iter().map(|tranche| json!({
                "id": tranche.id,
                "line_id": tranche.line,
                "pool_id": tranche.pool_id,
                "gpus": tranche.gpus,
                "starts_at": tranche.starts_at,
                "ends_at": tranche.ends_at,
                "rate_per_gpu_hour": tranche.rate,
            })).collect::<Vec<_>>(),
        })
    }
}

/// Units that a lease has, for a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnitsView {
    /// The line of the schedule that has them.
    pub line_id: TrancheId,
    pub pool_id: PoolId,
    /// First unit; `null` as long as the unit numbers are not handed out.
    pub first_unit: Option<u32>,
    /// First unit after it; `null` as long as the unit numbers are not handed out.
    pub end_unit: Option<u32>,
    /// How many.
    pub units: u32,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    /// When the unit numbers are handed out; they stay the same from then on.
    pub pinned_at: DateTime<Utc>,
}

impl UnitsView {
    /// The view at `now`; the provider (`sees_all`) knows the numbers before they are handed out.
    pub fn new(rectangle: &Rectangle, now: Timestamp, sees_all: bool) -> UnitsView {
        let is_pinned =
            rectangle.pinned_at <= now || rectangle.starts_at.is_none_or(|start| start <= now);
        let shown = |unit| (sees_all || is_pinned).then_some(unit);
        UnitsView {
            line_id: TrancheId(rectangle.owner),
            pool_id: rectangle.pool_id,
            first_unit: shown(rectangle.units.from),
            end_unit: shown(rectangle.units.until),
            units: rectangle.units.len(),
            starts_at: rectangle.starts_at,
            ends_at: rectangle.ends_at,
            pinned_at: rectangle.pinned_at,
        }
    }
}

/// A quote.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuoteView {
    pub id: QuoteId,
    pub state: QuoteState,
    pub project_id: Option<ProjectId>,
    pub placement: PlacementWish,
    pub lines: Vec<TrancheView>,
    pub price: Money,
    pub currency: String,
    /// The capacity is held until it expires.
    pub holds: bool,
    /// Whether a lease by this quote is signed at once or waits for the provider's approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_mode: Option<BookingMode>,
    /// The reclaim terms that a lease by this quote is made under.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub terms_hash: Option<TermsHash>,
    /// Provisional bookings of others that were moved to make room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves: Option<usize>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

impl QuoteView {
    /// The view of a quote that was just made, with how a lease by it would be signed: the mode of booking,
    /// the terms, and how many bookings of others were moved for it.
    pub fn made(
        quote: &Quote,
        (mode, terms_hash, moves): (BookingMode, TermsHash, usize),
        app: &App,
    ) -> QuoteView {
        QuoteView {
            booking_mode: Some(mode),
            terms_hash: Some(terms_hash),
            moves: Some(moves),
            ..QuoteView::later(quote, app, quote.created_at)
        }
    }

    /// The view of a quote at `now`.
    pub fn later(quote: &Quote, app: &App, now: Timestamp) -> QuoteView {
        let is_late = quote.state == QuoteState::Open && quote.expires_at <= now;
        QuoteView {
            id: quote.id,
            state: if is_late { QuoteState::Expired } else { quote.state },
            project_id: quote.project_id,
            placement: quote.placement,
            lines: quote.tranches.iter().map(TrancheView::new).collect(),
            price: quote.price,
            currency: app.config.currency.clone(),
            holds: quote.holds,
            booking_mode: None,
            terms_hash: None,
            moves: None,
            created_at: quote.created_at,
            expires_at: quote.expires_at,
        }
    }
}

/// What ending a lease would cost.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancellationQuoteView {
    pub id: CancellationQuoteId,
    pub lease_id: LeaseId,
    pub effective_at: DateTime<Utc>,
    /// Owed for what was booked and is given back.
    pub charge: Money,
    /// No longer owed.
    pub refund: Money,
    pub currency: String,
    pub expires_at: DateTime<Utc>,
}

impl CancellationQuoteView {
    /// The view of `quote`.
    pub fn new(quote: &CancellationQuote, app: &App) -> CancellationQuoteView {
        CancellationQuoteView {
            id: quote.id,
            lease_id: quote.lease_id,
            effective_at: quote.effective_at,
            charge: quote.charge,
            refund: quote.refund,
            currency: app.config.currency.clone(),
            expires_at: quote.expires_at,
        }
    }
}

/// A change of a lease.
#[derive(Debug, Serialize, ToSchema)]
pub struct AmendmentView {
    pub id: crate::kernel::AmendmentId,
    pub kind: AmendmentKind,
    /// The lease's revision after it.
    pub revision: i32,
    /// Change of the lease's price.
    pub price: Money,
    /// What was asked for, and what it cost.
    #[schema(value_type = Object)]
    pub terms: Value,
    pub created_at: DateTime<Utc>,
}

impl From<&Amendment> for AmendmentView {
    fn from(amendment: &Amendment) -> AmendmentView {
        AmendmentView {
            id: amendment.id,
            kind: amendment.kind,
            revision: amendment.revision,
            price: amendment.price,
            terms: amendment.terms.clone(),
            created_at: amendment.created_at,
        }
    }
}

/// Time without units that are delivered late.
#[derive(Debug, Serialize, ToSchema)]
pub struct DelayView {
    pub id: DelayId,
    pub tranche_id: TrancheId,
    pub delivery_id: DeliveryId,
    /// So many units of the tranche are late.
    pub units: u32,
    pub gpus: u32,
    pub rate_per_gpu_hour: Rate,
    /// The tenant should have them from then on.
    pub starts_at: DateTime<Utc>,
    /// It will have them then, as far as is known.
    pub expected_at: DateTime<Utc>,
    /// They came, or the tenant no longer waits for them.
    pub ended_at: Option<DateTime<Utc>>,
    /// Of the time without them so far.
    pub price: Money,
    /// Owed to the tenant, once it has ended; by a clause on non-delivery it may be more than the price.
    pub credit: Option<Money>,
    pub currency: String,
}

impl DelayView {
    /// The view of `delay` at `now`.
    pub fn new(delay: &Delay, app: &App, now: Timestamp) -> DelayView {
        let end = delay.end;
        DelayView {
            id: delay.id,
            tranche_id: delay.tranche_id,
            delivery_id: delay.delivery_id,
            units: delay.units,
            gpus: delay.gpus,
            rate_per_gpu_hour: delay.rate,
            starts_at: delay.starts_at,
            expected_at: delay.expected_at,
            ended_at: end.map(|end| end.at),
            price: end.map_or_else(|| delay.price_until(now), |end| end.price),
            credit: end.map(|end| end.credit),
            currency: app.config.currency.clone(),
        }
    }
}
