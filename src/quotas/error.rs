//! Why something is not booked, or a quota not changed.

use serde::Serialize;
use utoipa::ToSchema;

use super::rules::{Amount, Dimension, Excess, NotALimit, RequestRefusal};
use crate::api::Problem;
use crate::api::problem::constraint;
use crate::kernel::time::said;
use crate::kernel::{ProjectId, QuotaId, QuotaRequestId, SiteId};

/// Quotas that leave no room.
#[derive(Debug, Clone)]
pub struct Exceeded(pub Vec<Excess>);

/// A quota that leaves no room, and where.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExceededQuota {
    pub quota_id: QuotaId,
    pub dimension: Dimension,
    /// What amounts are counted in.
    pub unit: &'static str,
    pub project_id: Option<ProjectId>,
    pub accelerator: Option<String>,
    pub site_id: Option<SiteId>,
    /// The limit at that instant, or of that month.
    pub limit: Amount,
    /// Booked already at that instant, or for that month.
    pub booked: Amount,
    /// Asked for in addition.
    pub asked: Amount,
    /// The instant of least room, or the beginning of that month.
    pub at: chrono::DateTime<chrono::Utc>,
}

impl From<&Excess> for ExceededQuota {
    fn from(excess: &Excess) -> ExceededQuota {
        let (quota, point) = (&excess.quota, &excess.point);
        ExceededQuota {
            quota_id: quota.id,
            dimension: quota.dimension,
            unit: quota.dimension.unit(),
            project_id: quota.project,
            accelerator: quota.accelerator.clone(),
            site_id: quota.site,
            limit: quota.dimension.amount(point.limit),
            booked: quota.dimension.amount(point.booked),
            asked: quota.dimension.amount(point.asked),
            at: chrono::DateTime::from_timestamp_micros(point.at).unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for Exceeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, excess) in self.0.iter().enumerate() {
            let one = ExceededQuota::from(excess);
            let separator = if number == 0 { "" } else { "; " };
            let whose = if one.project_id.is_some() { "the project" } else { "the organization" };
            write!(
                f,
                "{separator}{} of {whose} is limited to {} {}",
                one.dimension, one.limit, one.unit
            )?;
            match excess.quota.dimension {
                Dimension::LongestLease => write!(f, ", and this lease takes {}", one.asked)?,
                _ => write!(
                    f,
                    ": {} booked already at {}, {} asked for",
                    one.booked,
                    said(&one.at),
                    one.asked
                )?,
            }
        }
        write!(f, "; ask for less, another time, or a raise at /v1/quota-requests")
    }
}

/// A refusal of this slice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Exceeded(Exceeded),
    #[error("{0}")]
    NotALimit(NotALimit),
    #[error("a share is a decimal from 0 to 1 with at most 6 decimals, such as 0.25")]
    NotAShare,
    #[error("name a limit or, for a project, a share; one of them")]
    LimitOrShare,
    #[error("name whose quota it is: an organization_id, or for a default a verification")]
    Whose,
    #[error("only a project has a share of what its organization holds; name a project_id")]
    ShareOfNothing,
    #[error("{0} is not counted over time, so nobody has a share of it; name a limit")]
    ShareOfDimension(Dimension),
    #[error("valid_until is not after valid_from, or outside the years 1970 to 2199")]
    Validity,
    #[error(
        "an override begins now or later, and ends after it begins, within the calendar's years"
    )]
    OverridePeriod,
    #[error(
        "another override of quota {0} stands at that time; restore the quota first, or choose another time"
    )]
    OverrideOverlaps(QuotaId),
    #[error("a quota of the same was set in this moment; read it and decide anew")]
    SetMeanwhile,
    #[error("there is no accelerator `{0}` in the catalogue; GET /v1/accelerators lists it")]
    UnknownAccelerator(String),
    #[error("quota {0} was lifted; set a new one")]
    Ended(QuotaId),
    #[error("quota {0} has no override to end")]
    NothingToRestore(QuotaId),
    #[error("the limit of quota {quota} is {limit} already; ask for more")]
    NoRaise { quota: QuotaId, limit: Amount },
    #[error("a request to raise quota {0} is open; withdraw it first, or wait for the decision")]
    RequestOpen(QuotaId),
    #[error("request {id}: {refusal}")]
    Decided { id: QuotaRequestId, refusal: RequestRefusal },
    #[error("an end of what is granted lies in the future, within the calendar's years")]
    GrantEnd,
    #[error("{}", .0.detail())]
    Problem(Problem),
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Problem(problem)
    }
}

impl From<NotALimit> for Error {
    fn from(error: NotALimit) -> Error {
        Error::NotALimit(error)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match constraint(&error) {
            Some("quotas_one") => Error::SetMeanwhile,
            Some("quotas_organization_id_fkey") => {
                Error::Problem(Problem::field("organization_id", "there is no such organization"))
            }
            Some("quotas_site_id_fkey") => {
                Error::Problem(Problem::field("site_id", "there is no such site"))
            }
            _ => Error::Database(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        let conflict = |code| Problem::conflict(code, detail.clone());
        let unacceptable = |code| Problem::unacceptable(code, detail.clone());
        match error {
            Error::Exceeded(exceeded) => {
                let quotas: Vec<ExceededQuota> = exceeded.0.iter().map(Into::into).collect();
                conflict("quota_exceeded").with("quotas", quotas)
            }
            Error::NotALimit(_) => {
                unacceptable("limit_out_of_bounds").with_error("limit", detail.clone())
            }
            Error::NotAShare => {
                unacceptable("share_out_of_bounds").with_error("share", detail.clone())
            }
            Error::LimitOrShare => unacceptable("limit_or_share"),
            Error::Whose => unacceptable("whose_quota"),
            Error::ShareOfNothing => {
                unacceptable("share_of_nothing").with_error("share", detail.clone())
            }
            Error::ShareOfDimension(_) => {
                unacceptable("share_of_dimension").with_error("share", detail.clone())
            }
            Error::Validity => {
                unacceptable("invalid_period").with_error("valid_until", detail.clone())
            }
            Error::OverridePeriod => {
                unacceptable("invalid_period").with_error("ends_at", detail.clone())
            }
            Error::OverrideOverlaps(_) => conflict("override_overlaps"),
            Error::SetMeanwhile => conflict("quota_set_meanwhile"),
            Error::UnknownAccelerator(_) => {
                unacceptable("unknown_accelerator").with_error("accelerator", detail.clone())
            }
            Error::Ended(_) => conflict("quota_ended"),
            Error::NothingToRestore(_) => conflict("nothing_to_restore"),
            Error::NoRaise { .. } => unacceptable("no_raise").with_error("limit", detail.clone()),
            Error::RequestOpen(_) => conflict("request_open"),
            Error::Decided { refusal: RequestRefusal::Decided(state), .. } => {
                conflict("request_decided").with("state", state.as_str())
            }
            Error::GrantEnd => unacceptable("invalid_period").with_error("until", detail.clone()),
            Error::Problem(problem) => problem,
            Error::Database(error) => error.into(),
        }
    }
}
