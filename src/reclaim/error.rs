//! Why a case is not opened or does not go on.

use axum::http::StatusCode;

use super::rules::Refusal;
use crate::api::Problem;
use crate::api::problem::constraint;
use crate::kernel::{EvidenceId, LeaseId, ReclaimCaseId, Sha256};
use crate::leases;

/// A refusal of this slice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("there is no reclaim case {0} that you may see")]
    UnknownCase(ReclaimCaseId),
    #[error("there is no lease {0} that you may see")]
    UnknownLease(LeaseId),
    #[error("lease {lease} is {status}; only what is scheduled or active can be taken back")]
    LeaseNotRunning { lease: LeaseId, status: &'static str },
    #[error("another case against this lease is open; it has to end first")]
    AnotherCaseOpen,
    #[error("case {0} has been changed by somebody else in this moment; read it again")]
    Stale(ReclaimCaseId),
    #[error("there is no evidence {0} in this case")]
    UnknownEvidence(EvidenceId),
    #[error("of evidence {0} only the hash is kept; who added it can hand the file in")]
    NoFile(EvidenceId),
    #[error("the file of evidence {0} is there already; a file is not replaced")]
    FileThere(EvidenceId),
    #[error("a file of evidence has at most 10 MiB; put the rest into another piece")]
    FileTooLarge,
    #[error("the file has the SHA-256 {found}, the evidence {expected}; nothing was kept")]
    HashMismatch { expected: Sha256, found: Sha256 },
    #[error("lease {0} is being changed by others; read it, and open the case again")]
    LeaseChanging(LeaseId),
    #[error("case {0} was to be looked at, and nothing was due")]
    NothingDue(ReclaimCaseId),
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

impl From<leases::Error> for Error {
    fn from(error: leases::Error) -> Error {
        Error::Problem(error.into())
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match constraint(&error) {
            Some("reclaim_cases_one_open") => Error::AnotherCaseOpen,
            Some("reclaim_evidence_files_pkey") => Error::Problem(Problem::conflict(
                "evidence_file_there",
                "the file has been handed in in this moment; a file is not replaced",
            )),
            Some("reclaim_approvals_pkey") => Error::Refused(Refusal::ApprovedAlready),
            _ => Error::Database(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::UnknownCase(_)
            | Error::UnknownLease(_)
            | Error::UnknownEvidence(_)
            | Error::NoFile(_) => Problem::new(StatusCode::NOT_FOUND, "not_found", detail),
            Error::FileThere(_) => Problem::conflict("evidence_file_there", detail),
            Error::FileTooLarge => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
            }
            Error::HashMismatch { expected, found } => {
                Problem::unacceptable("evidence_hash_mismatch", detail)
                    .with("expected", expected)
                    .with("found", found)
            }
            Error::NothingDue(_) => Problem::internal(detail),
            Error::LeaseNotRunning { status, .. } => {
                Problem::conflict("lease_not_running", detail).with("lease_status", status)
            }
            Error::AnotherCaseOpen => Problem::conflict("another_case_open", detail),
            Error::LeaseChanging(_) => Problem::conflict("lease_changing", detail),
            Error::Stale(_) => Problem::stale(detail),
            Error::Problem(problem) => problem,
            Error::Database(error) => error.into(),
        }
    }
}

impl Refusal {
    /// Its stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::ClauseNotOnLease(_) => "clause_not_on_lease",
            Refusal::RoleMayNotInvoke(_) => "role_may_not_invoke",
            Refusal::ActionBeyondClause { .. } => "action_beyond_clause",
            Refusal::PersonRequired => "person_required",
            Refusal::NotInitiatingSide(_) => "not_initiating_side",
            Refusal::EvidenceMissing(_) => "evidence_missing",
            Refusal::NotSubmitted => "case_not_submitted",
            Refusal::ApprovalsMissing(_) => "approvals_missing",
            Refusal::SelfApproval => "self_approval",
            Refusal::ApprovedAlready => "approved_already",
            Refusal::RoleMayNotApprove(_) => "role_may_not_approve",
            Refusal::NoticeNotServed => "notice_not_served",
            Refusal::WindowNotElapsed { .. } => "window_not_elapsed",
            Refusal::NoticeOutlastsLease { .. } => "notice_outlasts_lease",
            Refusal::MovedOn(_) => "case_moved_on",
            Refusal::TrancheNotThere(_) => "tranche_not_there",
            Refusal::MoreUnitsThanThere { .. } => "more_units_than_there",
            Refusal::NotInSteps { .. } => "not_in_steps",
            Refusal::OverBeforeItBegins { .. } => "over_before_it_begins",
            Refusal::NotRespondingSide(_) => "not_responding_side",
            Refusal::CureOpen { .. } => "cure_open",
            Refusal::AppealStays { .. } => "appeal_stays",
            Refusal::SuspensionRuns { .. } => "suspension_runs",
            Refusal::NoEmergency(_) => "no_emergency",
            Refusal::NoCure(_) => "no_cure",
            Refusal::CureWindowOver { .. } => "cure_window_over",
            Refusal::PlanOpen => "plan_open",
            Refusal::NoOpenPlan => "no_open_plan",
            Refusal::PlanTooLong { .. } => "plan_too_long",
            Refusal::NoAppeal(_) => "no_appeal",
            Refusal::AppealWindowOver { .. } => "appeal_window_over",
            Refusal::AppealedAlready => "appealed_already",
            Refusal::NoOpenAppeal => "no_open_appeal",
            Refusal::RoleMayNotDecide => "role_may_not_decide",
            Refusal::TookPart => "took_part",
            Refusal::TooEarly => "too_early",
            Refusal::OutOfTime { .. } => "out_of_time",
            Refusal::NotBefore { .. } => "not_before",
            Refusal::ApprovalFirst(_) => "approval_first",
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let (code, detail) = (refusal.code(), refusal.to_string());
        let forbidden = || Problem::new(StatusCode::FORBIDDEN, code, detail.clone());
        let unacceptable = || Problem::unacceptable(code, detail.clone());
        let conflict = || Problem::conflict(code, detail.clone());
        match refusal {
            Refusal::RoleMayNotInvoke(_)
            | Refusal::PersonRequired
            | Refusal::NotInitiatingSide(_)
            | Refusal::NotRespondingSide(_)
            | Refusal::RoleMayNotDecide
            | Refusal::TookPart
            | Refusal::SelfApproval => forbidden(),
            Refusal::RoleMayNotApprove(missing) => forbidden().with("missing", missing),
            Refusal::ClauseNotOnLease(_) => unacceptable().with_error("ground", detail.clone()),
            Refusal::ActionBeyondClause { .. } => {
                unacceptable().with_error("action", detail.clone())
            }
            Refusal::TrancheNotThere(_) => unacceptable().with_error("tranche_id", detail.clone()),
            Refusal::MoreUnitsThanThere { has, .. } => {
                unacceptable().with("units_there", has).with_error("units", detail.clone())
            }
            Refusal::NotInSteps { step, .. } => {
                unacceptable().with("step", step).with_error("units", detail.clone())
            }
            Refusal::ApprovalsMissing(missing) => conflict().with("missing", missing),
            Refusal::OverBeforeItBegins { from, .. } => {
                unacceptable().with("begins_at", from).with_error("until", detail.clone())
            }
            Refusal::PlanTooLong { latest } => {
                unacceptable().with("latest", latest).with_error("done_by", detail.clone())
            }
            Refusal::CureOpen { until }
            | Refusal::SuspensionRuns { until }
            | Refusal::CureWindowOver { until }
            | Refusal::AppealWindowOver { until } => conflict().with("until", until),
            Refusal::OutOfTime { until } => conflict().with("until", until),
            Refusal::NotBefore { at } => conflict().with("not_before", at),
            Refusal::ApprovalFirst(earlier) => conflict().with("case_id", earlier),
            Refusal::AppealStays { decide_by } => conflict().with("decide_by", decide_by),
            Refusal::WindowNotElapsed { deadline } => conflict().with("deadline", deadline),
            Refusal::NoticeOutlastsLease { deadline, .. } => conflict().with("deadline", deadline),
            Refusal::MovedOn(state) => conflict().with("state", state),
            Refusal::EvidenceMissing(_)
            | Refusal::NotSubmitted
            | Refusal::ApprovedAlready
            | Refusal::NoticeNotServed
            | Refusal::NoEmergency(_)
            | Refusal::NoCure(_)
            | Refusal::PlanOpen
            | Refusal::NoOpenPlan
            | Refusal::NoAppeal(_)
            | Refusal::AppealedAlready
            | Refusal::NoOpenAppeal
            | Refusal::TooEarly => conflict(),
        }
    }
}
