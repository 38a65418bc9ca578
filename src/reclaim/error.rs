//! Why a case is not opened or does not go on.

use axum::http::StatusCode;

use super::rules::CaseRefusal;
use crate::api::Problem;
use crate::api::problem::constraint;
use crate::kernel::{EvidenceId, LeaseId, ReclaimCaseId, Sha256};
use crate::leases;

/// A refusal of this slice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Refused(#[from] CaseRefusal),
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
            Some("reclaim_approvals_pkey") => Error::Refused(CaseRefusal::ApprovedAlready),
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

impl CaseRefusal {
    /// Its stable name.
    pub fn code(&self) -> &'static str {
        match self {
            CaseRefusal::ClauseNotOnLease(_) => "clause_not_on_lease",
            CaseRefusal::RoleMayNotInvoke(_) => "role_may_not_invoke",
            CaseRefusal::ActionBeyondClause { .. } => "action_beyond_clause",
            CaseRefusal::PersonRequired => "person_required",
            CaseRefusal::NotInitiatingSide(_) => "not_initiating_side",
            CaseRefusal::EvidenceMissing(_) => "evidence_missing",
            CaseRefusal::NotSubmitted => "case_not_submitted",
            CaseRefusal::ApprovalsMissing(_) => "approvals_missing",
            CaseRefusal::SelfApproval => "self_approval",
            CaseRefusal::ApprovedAlready => "approved_already",
            CaseRefusal::RoleMayNotApprove(_) => "role_may_not_approve",
            CaseRefusal::NoticeNotServed => "notice_not_served",
            CaseRefusal::WindowNotElapsed { .. } => "window_not_elapsed",
            CaseRefusal::NoticeOutlastsLease { .. } => "notice_outlasts_lease",
            CaseRefusal::MovedOn(_) => "case_moved_on",
            CaseRefusal::TrancheNotThere(_) => "tranche_not_there",
            CaseRefusal::MoreUnitsThanThere { .. } => "more_units_than_there",
            CaseRefusal::NotInSteps { .. } => "not_in_steps",
            CaseRefusal::OverBeforeItBegins { .. } => "over_before_it_begins",
            CaseRefusal::NotRespondingSide(_) => "not_responding_side",
            CaseRefusal::CureOpen { .. } => "cure_open",
            CaseRefusal::AppealStays { .. } => "appeal_stays",
            CaseRefusal::SuspensionRuns { .. } => "suspension_runs",
            CaseRefusal::NoEmergency(_) => "no_emergency",
            CaseRefusal::NoCure(_) => "no_cure",
            CaseRefusal::CureWindowOver { .. } => "cure_window_over",
            CaseRefusal::PlanOpen => "plan_open",
            CaseRefusal::NoOpenPlan => "no_open_plan",
            CaseRefusal::PlanTooLong { .. } => "plan_too_long",
            CaseRefusal::NoAppeal(_) => "no_appeal",
            CaseRefusal::AppealWindowOver { .. } => "appeal_window_over",
            CaseRefusal::AppealedAlready => "appealed_already",
            CaseRefusal::NoOpenAppeal => "no_open_appeal",
            CaseRefusal::RoleMayNotDecide => "role_may_not_decide",
            CaseRefusal::TookPart => "took_part",
            CaseRefusal::TooEarly => "too_early",
            CaseRefusal::OutOfTime { .. } => "out_of_time",
            CaseRefusal::NotBefore { .. } => "not_before",
            CaseRefusal::ApprovalFirst(_) => "approval_first",
        }
    }
}

impl From<CaseRefusal> for Problem {
    fn from(refusal: CaseRefusal) -> Problem {
        let (code, detail) = (refusal.code(), refusal.to_string());
        let forbidden = || Problem::new(StatusCode::FORBIDDEN, code, detail.clone());
        let unacceptable = || Problem::unacceptable(code, detail.clone());
        let conflict = || Problem::conflict(code, detail.clone());
        match refusal {
            CaseRefusal::RoleMayNotInvoke(_)
            | CaseRefusal::PersonRequired
            | CaseRefusal::NotInitiatingSide(_)
            | CaseRefusal::NotRespondingSide(_)
            | CaseRefusal::RoleMayNotDecide
            | CaseRefusal::TookPart
            | CaseRefusal::SelfApproval => forbidden(),
            CaseRefusal::RoleMayNotApprove(missing) => forbidden().with("missing", missing),
            CaseRefusal::ClauseNotOnLease(_) => unacceptable().with_error("ground", detail.clone()),
            CaseRefusal::ActionBeyondClause { .. } => {
                unacceptable().with_error("action", detail.clone())
            }
            CaseRefusal::TrancheNotThere(_) => {
                unacceptable().with_error("tranche_id", detail.clone())
            }
            CaseRefusal::MoreUnitsThanThere { has, .. } => {
                unacceptable().with("units_there", has).with_error("units", detail.clone())
            }
            CaseRefusal::NotInSteps { step, .. } => {
                unacceptable().with("step", step).with_error("units", detail.clone())
            }
            CaseRefusal::ApprovalsMissing(missing) => conflict().with("missing", missing),
            CaseRefusal::OverBeforeItBegins { from, .. } => {
                unacceptable().with("begins_at", from).with_error("until", detail.clone())
            }
            CaseRefusal::PlanTooLong { latest } => {
                unacceptable().with("latest", latest).with_error("done_by", detail.clone())
            }
            CaseRefusal::CureOpen { until }
            | CaseRefusal::SuspensionRuns { until }
            | CaseRefusal::CureWindowOver { until }
            | CaseRefusal::AppealWindowOver { until } => conflict().with("until", until),
            CaseRefusal::OutOfTime { until } => conflict().with("until", until),
            CaseRefusal::NotBefore { at } => conflict().with("not_before", at),
            CaseRefusal::ApprovalFirst(earlier) => conflict().with("case_id", earlier),
            CaseRefusal::AppealStays { decide_by } => conflict().with("decide_by", decide_by),
            CaseRefusal::WindowNotElapsed { deadline } => conflict().with("deadline", deadline),
            CaseRefusal::NoticeOutlastsLease { deadline, .. } => {
                conflict().with("deadline", deadline)
            }
            CaseRefusal::MovedOn(state) => conflict().with("state", state),
            CaseRefusal::EvidenceMissing(_)
            | CaseRefusal::NotSubmitted
            | CaseRefusal::ApprovedAlready
            | CaseRefusal::NoticeNotServed
            | CaseRefusal::NoEmergency(_)
            | CaseRefusal::NoCure(_)
            | CaseRefusal::PlanOpen
            | CaseRefusal::NoOpenPlan
            | CaseRefusal::NoAppeal(_)
            | CaseRefusal::AppealedAlready
            | CaseRefusal::NoOpenAppeal
            | CaseRefusal::TooEarly => conflict(),
        }
    }
}
