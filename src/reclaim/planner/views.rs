//! A plan as it is shown and kept.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Can;
use crate::kernel::{
    LeaseId, Money, OrganizationId, PoolId, ReclaimCaseId, ReclaimPlanId, SiteId, Span, TrancheId,
    VolunteerId,
};
use crate::leases::BoughtBack;
use crate::supply::{Ground, Party};

/// So much, in both units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Size {
    pub gpus: u64,
    /// At the meter.
    #[schema(value_type = String)]
    pub mw: Decimal,
}

/// A plan to free capacity.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Plan)]
pub struct ReclaimPlan {
    pub provider_id: OrganizationId,
    pub site_id: Option<SiteId>,
    pub pool_id: Option<PoolId>,
    /// What is to be free, in GPUs …
    pub wanted_gpus: Option<u64>,
    /// … or in MW at the meter.
    #[schema(value_type = Option<String>)]
    pub wanted_mw: Option<Decimal>,
    /// It is to be free from then on …
    pub starts_at: DateTime<Utc>,
    /// … until then.
    pub ends_at: DateTime<Utc>,
    /// Grounds that were allowed.
    pub grounds: Vec<Ground>,
    /// As whom the cases would be opened.
    pub invoked_as: Party,
    /// Time reckoned for approvals, where a clause needs them.
    pub approval_time: Span,
    /// Free throughout the period without taking anything.
    pub free_already: Size,
    /// Free throughout the period once the plan has been carried out.
    pub free_then: Size,
    /// What the cuts cost the provider, by the arithmetic of settlement: the price of the time given
    /// back, as far as a clause returns it, and what is owed besides.
    pub compensation: Money,
    /// Price of the time given back.
    pub unused: Money,
    /// Of all amounts.
    pub currency: String,
    /// Whether it is proved that nothing costs less.
    pub is_optimal: bool,
    /// By which share of its cost the plan may cost more than the cheapest; `null` if the time was too
    /// short to say.
    pub gap: Option<f64>,
    /// In order of time by which to serve.
    pub cuts: Vec<Cut>,
    /// What it would cost otherwise.
    pub alternatives: Vec<Alternative>,
    /// Leases in the way that are not taken from, and why.
    pub left_out: Vec<LeftOut>,
}

/// What is taken from one lease.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Cut {
    pub lease_id: LeaseId,
    pub tenant_id: OrganizationId,
    /// As signed.
    pub tenant_name: String,
    /// Revision of the lease that the plan was made for.
    pub lease_revision: i32,
    /// `partial` or `full`.
    pub action: String,
    /// With `partial`: of which line of the schedule.
    pub tranche_id: Option<TrancheId>,
    /// With `partial`: of which pool.
    pub pool_id: Option<PoolId>,
    /// Units taken.
    pub units: u32,
    /// Of so many.
    pub of_units: u32,
    pub gpus: u32,
    /// The tenant has offered them; no case is needed.
    pub is_voluntary: bool,
    pub volunteer_id: Option<VolunteerId>,
    pub ground: Option<Ground>,
    /// Place of the clause in the lease's terms, from 0.
    pub clause: Option<usize>,
    /// What the clause means, after "This lease".
    pub clause_in_words: Option<String>,
    /// An appeal would hold the execution up until it is decided.
    pub appeal_stays: bool,
    /// The notice is to be served then, so that it runs out when the capacity is needed although nobody
    /// reads it before it counts as read.
    pub serve_at: Option<DateTime<Utc>>,
    /// The lease is cut then.
    pub effective_at: DateTime<Utc>,
    /// The tenant gets the units back then; without it they are gone for good.
    pub until: Option<DateTime<Utc>>,
    /// Price of the time given back.
    pub unused: Money,
    /// What the tenant gets.
    pub compensation: Money,
    /// The same cut under other clauses that would do in time.
    pub other_clauses: Vec<OtherClause>,
}

/// The same cut under another clause.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OtherClause {
    pub ground: Ground,
    pub clause: usize,
    pub serve_at: DateTime<Utc>,
    pub compensation: Money,
}

/// The best plan under another restriction.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Alternative {
    /// `without volunteers`, or `only by …` with a ground.
    pub how: String,
    /// Whether the wish can be met so.
    pub is_enough: bool,
    /// What it costs, if it is enough.
    pub compensation: Option<Money>,
    /// How many leases it takes from.
    pub leases: u32,
}

/// Why leases in the way are not taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// `another_case_open`, `no_clause_in_time` or `hold_or_request`.
    pub reason: String,
    /// How many leases, quotes or requests.
    pub count: u32,
}

/// What came of a plan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CarriedOut {
    /// Drafted, one for each cut by a clause, in the order of the cuts.
    pub case_ids: Vec<ReclaimCaseId>,
    /// Units bought back from those who offered them.
    pub bought_back: Vec<BoughtBack>,
}

/// A plan with what came of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanView {
    pub id: ReclaimPlanId,
    /// `open` or `drafted`.
    pub state: String,
    pub created_at: DateTime<Utc>,
    #[serde(flatten)]
    pub plan: ReclaimPlan,
    pub carried_out: Option<CarriedOut>,
    #[serde(flatten)]
    pub can: Can,
}

/// A plan in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanSummary {
    pub id: ReclaimPlanId,
    pub provider_id: OrganizationId,
    /// `open` or `drafted`.
    pub state: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub wanted_gpus: Option<u64>,
    #[schema(value_type = Option<String>)]
    pub wanted_mw: Option<Decimal>,
    pub compensation: Money,
    pub currency: String,
    /// How many leases it takes from.
    pub leases: usize,
    pub created_at: DateTime<Utc>,
}
