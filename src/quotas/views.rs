//! What the wire shows of quotas and requests.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::rules::{Amount, Command, Curve, Dimension, Quota, RequestState, Rule, State, decide};
use super::store::{QuotaRecord, RaiseRequest};
use crate::accounts::Verification;
use crate::api::Can;
use crate::kernel::{OrganizationId, ProjectId, QuotaId, QuotaOverrideId, QuotaRequestId, SiteId};

/// A quota.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QuotaView {
    pub id: QuotaId,
    /// Whose it is; `null` for a default.
    pub organization_id: Option<OrganizationId>,
    /// A default, for organizations that stand so and have no own quota of the same.
    pub verification: Option<Verification>,
    /// Only of this project's bookings.
    pub project_id: Option<ProjectId>,
    pub dimension: Dimension,
    /// What amounts are counted in.
    pub unit: &'static str,
    /// Only of what is booked of this accelerator.
    pub accelerator: Option<String>,
    /// Only of what is booked at this site.
    pub site_id: Option<SiteId>,
    /// A decimal in `unit`, or a duration.
    pub limit: Option<Amount>,
    /// Instead of a limit: the project's share of what its organization holds for itself at the same time.
    #[schema(value_type = Option<String>, example = "0.25")]
    pub share: Option<Decimal>,
    pub valid_from: DateTime<Utc>,
    /// `null`: for good.
    pub valid_until: Option<DateTime<Utc>>,
    /// Limits that stand instead, past ones included.
    pub overrides: Vec<OverrideView>,
    /// Why it is what it is.
    pub reason: String,
    pub revision: i32,
    pub created_at: DateTime<Utc>,
    /// When it was lifted.
    pub ended_at: Option<DateTime<Utc>>,
    /// How it stands for the organization; `null` for a default as staff sees it.
    pub standing: Option<StandingView>,
}

/// Another limit for a while.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OverrideView {
    pub id: QuotaOverrideId,
    pub limit: Amount,
    pub starts_at: DateTime<Utc>,
    /// Then the quota restores itself.
    pub ends_at: DateTime<Utc>,
    pub reason: String,
}

/// How a quota stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StandingView {
    /// In force at this moment, or for this month; `null`: not limited now.
    pub limit_now: Option<Amount>,
    /// Booked at this moment, or for this month.
    pub booked_now: Amount,
    /// The most that is booked from now on.
    pub peak: Amount,
    pub peak_at: DateTime<Utc>,
    /// By how much the limit is exceeded from now on at the worst; `null` where it is not.
    pub over_by: Option<Amount>,
    pub over_at: Option<DateTime<Utc>>,
}

fn instant(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

impl StandingView {
    /// The view of the `state` of a quota of `dimension`.
    pub fn new(dimension: Dimension, state: &State) -> StandingView {
        StandingView {
            limit_now: state.limit.map(|grains| dimension.amount(grains)),
            booked_now: dimension.amount(state.booked),
            peak: dimension.amount(state.peak.1),
            peak_at: instant(state.peak.0),
            over_by: state.over.map(|(_, by)| dimension.amount(by)),
            over_at: state.over.map(|(at, _)| instant(at)),
        }
    }
}

impl QuotaView {
    /// The view of `quota`, which stands so.
    pub fn new(quota: &QuotaRecord, state: Option<&State>) -> QuotaView {
        let dimension = quota.dimension;
        let (limit, share) = match quota.rule {
            Rule::Amount(grains) => (Some(dimension.amount(grains)), None),
            Rule::Share(millionths) => {
                (None, Some(Decimal::new(i64::from(millionths), 6).normalize()))
            }
        };
        QuotaView {
            id: quota.id,
            organization_id: quota.organization_id,
            verification: quota.verification,
            project_id: quota.project_id,
            dimension,
            unit: dimension.unit(),
            accelerator: quota.accelerator.clone(),
            site_id: quota.site_id,
            limit,
            share,
            valid_from: quota.valid_from,
            valid_until: quota.valid_until,
            overrides: quota
                .overrides
                .iter()
                .map(|one| OverrideView {
                    id: one.id,
                    limit: dimension.amount(one.amount),
                    starts_at: one.starts_at,
                    ends_at: one.ends_at,
                    reason: one.reason.clone(),
                })
                .collect(),
            reason: quota.reason.clone(),
            revision: quota.revision,
            created_at: quota.created_at,
            ended_at: quota.ended_at,
            standing: state.map(|state| StandingView::new(dimension, state)),
        }
    }

    /// What the log keeps of it.
    pub fn record(quota: &QuotaRecord) -> QuotaView {
        QuotaView::new(quota, None)
    }
}

/// A request to raise a quota.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QuotaRequestView {
    pub id: QuotaRequestId,
    pub quota_id: QuotaId,
    pub organization_id: OrganizationId,
    pub project_id: Option<ProjectId>,
    pub dimension: Dimension,
    pub unit: &'static str,
    /// Asked for.
    pub limit: Amount,
    pub reason: String,
    pub state: RequestState,
    pub created_at: DateTime<Utc>,
    pub decided_at: Option<DateTime<Utc>>,
    pub decision_reason: Option<String>,
    /// May be less than was asked for.
    pub granted_limit: Option<Amount>,
    /// Granted until then; `null`: for good.
    pub granted_until: Option<DateTime<Utc>>,
    pub revision: i32,
    #[serde(flatten)]
    pub can: Can,
}

impl From<&RaiseRequest> for QuotaRequestView {
    fn from(request: &RaiseRequest) -> QuotaRequestView {
        let dimension = request.dimension;
        QuotaRequestView {
            id: request.id,
            quota_id: request.quota_id,
            organization_id: request.organization_id,
            project_id: request.project_id,
            dimension,
            unit: dimension.unit(),
            limit: dimension.amount(request.amount),
            reason: request.reason.clone(),
            state: request.state,
            created_at: request.created_at,
            decided_at: request.decided_at,
            decision_reason: request.decision_reason.clone(),
            granted_limit: request.granted_amount.map(|grains| dimension.amount(grains)),
            granted_until: request.granted_until,
            revision: request.revision,
            can: Can::by_trying(Command::ALL, |command| decide(request.state, command)),
        }
    }
}

/// What is booked, against the limits, for drawing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PeaksView {
    pub organization_id: OrganizationId,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub curves: Vec<CurveView>,
}

/// A curve of what is booked, against one quota.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CurveView {
    /// `null` where nothing is limited.
    pub quota_id: Option<QuotaId>,
    pub dimension: Dimension,
    pub unit: &'static str,
    pub project_id: Option<ProjectId>,
    pub accelerator: Option<String>,
    pub site_id: Option<SiteId>,
    /// In order of time; each lasts until the next one.
    pub points: Vec<PeakPoint>,
    /// There are more changes than points: each is the peak of a stretch of time, and its lowest limit.
    pub is_coarse: bool,
}

/// A step of a curve.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PeakPoint {
    pub at: DateTime<Utc>,
    pub booked: Amount,
    /// `null`: not limited.
    pub limit: Option<Amount>,
}

impl CurveView {
    /// The view of `curve`, which belongs to `quota`; `quota_id` is `None` for one that is made up.
    pub fn new(quota: &Quota, quota_id: Option<QuotaId>, curve: &Curve) -> CurveView {
        let amount = |grains| quota.dimension.amount(grains);
        let points = curve.points.iter().map(|point| PeakPoint {
            at: instant(point.at),
            booked: amount(point.booked),
            limit: point.limit.map(amount),
        });
        CurveView {
            quota_id,
            dimension: quota.dimension,
            unit: quota.dimension.unit(),
            project_id: quota.project,
            accelerator: quota.accelerator.clone(),
            site_id: quota.site,
            points: points.collect(),
            is_coarse: curve.is_coarse,
        }
    }
}
