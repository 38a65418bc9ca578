//! How providers have dealt with their tenants, in this server's memory: shown beside their offers, and
//! worked out by the slice that knows the cases.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::kernel::OrganizationId;

/// A provider's reclaim cases of the last 365 days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReclaimRecord {
    /// GPU-hours taken back by cases, over the GPU-hours of all leases that ran in that time as they
    /// were before: 0 to 1, with six decimals.
    #[schema(value_type = String)]
    pub rate: Decimal,
    /// Cases served.
    pub served: u32,
    /// Of these, carried out.
    pub executed: u32,
}

#[derive(Default)]
struct Records(RwLock<HashMap<OrganizationId, ReclaimRecord>>);

/// The record of `provider`; empty for one without cases.
pub fn reclaim_record(app: &App, provider: OrganizationId) -> ReclaimRecord {
    let records = app.memory(Records::default);
    let records = records.0.read().unwrap_or_else(PoisonError::into_inner);
    records.get(&provider).cloned().unwrap_or_default()
}

/// Replaces all records.
pub fn note_reclaim_records(app: &App, records: HashMap<OrganizationId, ReclaimRecord>) {
    let kept = app.memory(Records::default);
    *kept.0.write().unwrap_or_else(PoisonError::into_inner) = records;
}
