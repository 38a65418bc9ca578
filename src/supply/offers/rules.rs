//! An offer's states, and what cancelling under it costs.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::kernel::Span;

/// Where an offer stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum OfferState {
    /// Being written; only its provider sees it.
    Draft,
    /// On the market.
    Published,
    /// Off the market for a while; leases go on.
    Paused,
    /// Off the market for good; leases go on.
    Archived,
}

impl std::fmt::Display for OfferState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            OfferState::Draft => "draft",
            OfferState::Published => "published",
            OfferState::Paused => "paused",
            OfferState::Archived => "archived",
        })
    }
}

/// How a booking becomes a lease.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum BookingMode {
    /// At once.
    Instant,
    /// When the provider approves it.
    Approval,
}

/// One step of a cancellation schedule: what is owed when cancelled at least so long before the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancellationStep {
    /// Cancelled so long before the start, or earlier.
    pub at_least_before: Span,
    /// Share of the price that is owed then, 0 to 1.
    #[schema(value_type = String, example = "0.5")]
    pub charge_share: Decimal,
}

/// Share of the price that is owed when cancelling `before_start` ahead of the start.
///
/// `schedule` is in order, the longest time first; the first step that is met counts. Later than the
/// last step, everything is owed: 1.
pub fn charge_share(schedule: &[CancellationStep], before_start: Span) -> Decimal {
    schedule
        .iter()
        .find(|step| before_start >= step.at_least_before)
        .map_or(Decimal::ONE, |step| step.charge_share)
}
