//! A lease as it stands: who, until when, for how much, under which terms.

use uuid::Uuid;

use super::schedule::{Schedule, Tranche};
use super::states::{Facts, Status};
use super::words::{ChargeKind, EndCode, PlacementWish};
use crate::accounts::Verification;
use crate::kernel::{
    LeaseId, Money, OrganizationId, PoolId, ProjectId, QuoteId, Timestamp, TrancheId,
};
use crate::supply::{CancellationStep, TermsHash};

/// A lease as it stands, with its schedule and charges.
#[derive(Debug, Clone)]
pub struct Lease {
    pub id: LeaseId,
    pub tenant_id: OrganizationId,
    pub provider_id: OrganizationId,
    pub project_id: Option<ProjectId>,
    /// As signed.
    pub tenant_name: String,
    /// As it is now, which may not be as it was when the lease was signed.
    pub tenant_verification: Verification,
    /// As signed.
    pub provider_name: String,
    pub quote_id: Option<QuoteId>,
    pub status: Status,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub placement: PlacementWish,
    pub terms_hash: TermsHash,
    pub cancellation: Vec<CancellationStep>,
    pub revision: i32,
    pub created_by: Uuid,
    pub created_at: Timestamp,
    /// A reclaim case has been served.
    pub noticed: bool,
    /// Some of its units are delivered late, and come only then.
    pub delayed_until: Option<Timestamp>,
    /// Under a reclaim case it cannot be used until then. Frees nothing.
    pub suspended_until: Option<Timestamp>,
    pub end: Option<End>,
    pub tranches: Schedule,
    /// In order of their numbers.
    pub charges: Vec<Charge>,
}

/// How a lease came to its end.
#[derive(Debug, Clone)]
pub struct End {
    pub at: Timestamp,
    pub by: String,
    pub code: EndCode,
    pub reason: String,
}

/// What is owed besides the schedule: for capacity that was booked and is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// 0, 1, … in the order in which they were made.
    pub number: i32,
    pub kind: ChargeKind,
    /// Not negative.
    pub amount: Money,
    pub charged_at: Timestamp,
    /// It is no longer owed since then.
    pub waived_at: Option<Timestamp>,
}

impl Lease {
    /// What its state machine looks at.
    pub fn facts(&self) -> Facts {
        Facts { starts_at: self.starts_at, ends_at: self.ends_at, is_noticed: self.noticed }
    }

    /// What is owed for it: the prices of its schedule, and its charges that are not waived.
    pub fn price(&self) -> Money {
        let owed = self.charges.iter().filter(|charge| charge.waived_at.is_none());
        self.tranches.price() + owed.map(|charge| charge.amount).sum::<Money>()
    }

    /// Adds a charge; one of nothing is none.
    pub fn charge(&mut self, kind: ChargeKind, amount: Money, now: Timestamp) {
        if amount > Money::ZERO {
            let number = self.charges.last().map_or(0, |last| last.number + 1);
            self.charges.push(Charge { number, kind, amount, charged_at: now, waived_at: None });
        }
    }

    /// Waives the charges of `kind`; returns what they came to.
    pub fn waive(&mut self, kind: ChargeKind, now: Timestamp) -> Money {
        let owed = self.charges.iter_mut();
        let owed = owed.filter(|charge| charge.kind == kind && charge.waived_at.is_none());
        owed.map(|charge| {
            charge.waived_at = Some(now);
            charge.amount
        })
        .sum()
    }

    /// The pools that it lies in, in their order, each once.
    pub fn pools(&self) -> Vec<PoolId> {
        self.tranches.pools()
    }

    /// Its tranche `id`.
    pub fn tranche(&self, id: TrancheId) -> Option<&Tranche> {
        self.tranches.tranche(id)
    }

    /// Whether leaving it costs nothing at present: it is not signed yet, is about to be taken back, or was
    /// not delivered in time.
    pub fn is_free_to_leave(&self) -> bool {
        self.status == Status::Requested || self.noticed || self.delayed_until.is_some()
    }
}
