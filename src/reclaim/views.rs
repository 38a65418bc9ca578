//! What the wire shows of cases.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::error::Error;
use super::rules::{Case, Command, Measure, Person, Refusal, Stake, State, stake};
use super::store::{self, Evidence, Kept, Outcome};
use crate::api::Can;
use crate::app::App;
use crate::audit::EntryView;
use crate::kernel::{
    Caller, EvidenceId, LeaseId, OrganizationId, ReclaimCaseId, Sha256, Timestamp,
};
use crate::leases::{self, FreedUnits};
use crate::supply::{ApproverRole, Clause, Ground, Party, TermsHash};

/// A case in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CaseSummary {
    pub id: ReclaimCaseId,
    pub lease_id: LeaseId,
    pub provider_id: OrganizationId,
    pub tenant_id: OrganizationId,
    /// `draft`, `submitted`, `approved`, `noticed`, `executed`, `refused` or `withdrawn`.
    pub state: &'static str,
    pub ground: Ground,
    #[serde(flatten)]
    pub measure: Measure,
    /// Statement of reasons.
    pub reason: String,
    /// Which side opened it.
    pub initiated_as: Party,
    pub served_at: Option<DateTime<Utc>>,
    /// Execution takes effect then; before the notice is served, what a notice served now would set.
    pub deadline: Option<DateTime<Utc>>,
    pub executed_at: Option<DateTime<Utc>>,
    /// Why it was refused or withdrawn.
    pub closed_reason: Option<String>,
    pub revision: i32,
    pub created_at: DateTime<Utc>,
}

impl CaseSummary {
    /// `case` at `now`.
    pub fn new(case: &Case, now: Timestamp) -> CaseSummary {
        CaseSummary {
            id: case.id,
            lease_id: case.lease_id,
            provider_id: case.provider_id,
            tenant_id: case.tenant_id,
            state: case.state.name(),
            ground: case.clause.ground,
            measure: case.measure,
            reason: case.reason.clone(),
            initiated_as: case.initiated_as,
            served_at: case.state.notice().map(|notice| notice.served_at),
            deadline: case.deadline(now),
            executed_at: match case.state {
                State::Executed { executed_at, .. } => Some(executed_at),
                _ => None,
            },
            closed_reason: match &case.state {
                State::Refused { reason } | State::Withdrawn { reason, .. } => Some(reason.clone()),
                _ => None,
            },
            revision: case.revision,
            created_at: case.created_at,
        }
    }
}

/// A case with all that hangs on it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CaseView {
    #[serde(flatten)]
    pub summary: CaseSummary,
    /// As it stands in the terms that the lease was signed with.
    pub clause: Clause,
    /// What the clause means for the lease, after "This lease".
    pub clause_in_words: String,
    /// Of the terms that the lease was signed with.
    pub terms_hash: TermsHash,
    pub evidence: Vec<EvidenceView>,
    /// Given by people who still hold the role.
    pub approvals: Vec<ApprovalView>,
    /// How many more of which role are needed.
    pub approvals_missing: BTreeMap<ApproverRole, u8>,
    /// All that stands between the case and its execution, in order.
    pub blocking: Vec<Blocking>,
    /// What execution at the deadline would cost, as the lease stands now.
    pub money_preview: Option<Stake>,
    /// Of all amounts.
    pub currency: String,
    /// What the execution did.
    pub outcome: Option<Outcome>,
    #[serde(flatten)]
    pub can: Can,
    #[serde(skip)]
    pub revision: i32,
    /// When a case is opened: the units that would go, as the pool stands now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units_to_go: Option<Vec<FreedUnits>>,
    /// When one case is asked for: all that happened, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Vec<EntryView>>,
}

/// A piece of evidence.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EvidenceView {
    pub id: EvidenceId,
    pub sha256: Sha256,
    pub source: String,
    pub observed_at: DateTime<Utc>,
    pub note: String,
    pub added_at: DateTime<Utc>,
}

/// One person's approval.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApprovalView {
    pub role: ApproverRole,
    pub approved_at: DateTime<Utc>,
}

/// Something that has to happen first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Blocking {
    /// The code with which the act would be refused.
    pub code: &'static str,
    pub detail: String,
}

/// What somebody can do with a case.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Doing {
    Evidence,
    Submit,
    Approve,
    Refuse,
    Serve,
    Withdraw,
}

impl CaseView {
    /// `kept`, its approvals filled in, at `now`, as `caller` may see it.
    pub async fn of(
        app: &App,
        connection: &mut PgConnection,
        kept: Kept,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<CaseView, Error> {
        let Kept { case, outcome } = kept;
        let lease = leases::signed(connection, case.lease_id, None).await?;
        let lease = lease.ok_or(Error::UnknownLease(case.lease_id))?;
        let evidence = store::evidence(connection, case.id).await?;
        let by = Person::of(caller, case.provider_id, case.tenant_id);
        let doings = [
            Doing::Evidence,
            Doing::Submit,
            Doing::Approve,
            Doing::Refuse,
            Doing::Serve,
            Doing::Withdraw,
        ];
        let can = Can::by_trying(doings, |doing| -> Result<State, Refusal> {
            let command = match doing {
                Doing::Evidence => Command::AddEvidence,
                Doing::Submit => Command::Submit,
                Doing::Approve => Command::Approve,
                Doing::Refuse => Command::Refuse { reason: String::new() },
                Doing::Serve => Command::Serve { lease_ends_at: lease.ends_at },
                Doing::Withdraw => Command::Withdraw { reason: String::new() },
            };
            case.decide(&command, &by, now)
        });
        let blocking = case.blocking(now).into_iter();
        let blocking =
            blocking.map(|refusal| Blocking { code: refusal.code(), detail: refusal.to_string() });
        let money_preview = case
            .deadline(now)
            .filter(|_| case.state.is_open())
            .map(|at| stake(case.measure, &case.clause.compensation, &lease.tranches, at));
        Ok(CaseView {
            summary: CaseSummary::new(&case, now),
            clause_in_words: case.clause.in_words(),
            terms_hash: case.terms_hash,
            evidence: evidence.into_iter().map(EvidenceView::from).collect(),
            approvals: case
                .approvals
                .iter()
                .map(|given| ApprovalView { role: given.role, approved_at: given.at })
                .collect(),
            approvals_missing: if case.state.is_open() { case.missing() } else { BTreeMap::new() },
            blocking: blocking.collect(),
            money_preview,
            currency: app.config.currency.clone(),
            outcome,
            can,
            revision: case.revision,
            units_to_go: None,
            timeline: None,
            clause: case.clause,
        })
    }
}

impl From<Evidence> for EvidenceView {
    fn from(evidence: Evidence) -> EvidenceView {
        EvidenceView {
            id: evidence.id,
            sha256: evidence.sha256,
            source: evidence.source,
            observed_at: evidence.observed_at,
            note: evidence.note,
            added_at: evidence.created_at,
        }
    }
}
