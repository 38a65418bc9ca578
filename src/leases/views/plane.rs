//! A pool's plane as it is shown: who holds what, when.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::Party;
use crate::capacity::{Purpose, Rectangle};
use crate::kernel::{BlockId, LeaseId, OrganizationId, PoolId, QuoteId};
use crate::leases::rules::Sight;

/// A pool's plane: units upwards, time to the right.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaneView {
    pub pool_id: PoolId,
    pub pool_name: String,
    /// Height of the plane.
    pub units: u32,
    pub gpus_per_unit: u32,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Lowest units first; what no rectangle covers is free.
    pub rectangles: Vec<RectangleView>,
    /// There are more rectangles than fit into a reply; ask for a smaller window.
    pub truncated: bool,
}

/// Units that are not free, for a time.
#[derive(Debug, Serialize, ToSchema)]
pub struct RectangleView {
    /// First unit.
    pub first_unit: u32,
    /// First unit after it.
    pub end_unit: u32,
    /// `null`: since ever.
    pub starts_at: Option<DateTime<Utc>>,
    /// `null`: for ever.
    pub ends_at: Option<DateTime<Utc>>,
    /// `lease`, `hold`, `own_use`, `maintenance`, `fault`, `undelivered`; `taken` for what is not yours to know.
    pub purpose: &'static str,
    /// Whose it is, and what to open: a lease, quote, block or pool. Only for what is yours.
    pub subject: Option<String>,
    /// The tenant, for the provider.
    pub tenant: Option<String>,
}

impl RectangleView {
    /// `rectangle` as `sight` lets it be seen, with the names of `tenants`; a hold is a lease's if that is
    /// among `requested`, which wait for approval, and a quote's otherwise.
    pub fn new(
        rectangle: &Rectangle,
        sight: Sight,
        tenants: &HashMap<OrganizationId, Party>,
        requested: &HashSet<LeaseId>,
    ) -> RectangleView {
        let is_shown = sight.shows(rectangle.organization);
        let subject = match rectangle.purpose {
            Purpose::Lease => LeaseId(rectangle.subject).to_string(),
            Purpose::Hold if requested.contains(&LeaseId(rectangle.subject)) => {
                LeaseId(rectangle.subject).to_string()
            }
            Purpose::Hold => QuoteId(rectangle.subject).to_string(),
            Purpose::Undelivered => PoolId(rectangle.subject).to_string(),
            Purpose::OwnUse | Purpose::Maintenance | Purpose::Fault => {
                BlockId(rectangle.subject).to_string()
            }
        };
        let tenant = rectangle.organization.and_then(|id| tenants.get(&id));
        RectangleView {
            first_unit: rectangle.units.from,
            end_unit: rectangle.units.until,
            starts_at: rectangle.starts_at,
            ends_at: rectangle.ends_at,
            purpose: if is_shown { rectangle.purpose.as_str() } else { "taken" },
            subject: is_shown.then_some(subject),
            tenant: tenant.map(|party| party.name.clone()),
        }
    }
}
