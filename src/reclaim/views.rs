//! What the wire shows of cases.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::error::Error;
use super::rules::{
    Case, CaseRefusal, Command, Line, Measure, Notice, Person, Reserve, Rule, Stake, State, stake,
};
use super::store::{self, CaseOutcome, CaseRecord, Evidence, Response, Settled};
use crate::api::Can;
use crate::app::App;
use crate::audit::EntryView;
use crate::kernel::{
    Caller, EvidenceId, LeaseId, MessageId, Money, OrganizationId, ReclaimCaseId, ResponseId,
    Sha256, Timestamp,
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
    /// `draft`, `submitted`, `approved`, `suspended`, `noticed`, `curing`, `stayed`, `due`, `executed`,
    /// `settled`, `refused`, `cured`, `withdrawn` or `overturned`.
    pub state: &'static str,
    pub ground: Ground,
    #[serde(flatten)]
    pub measure: Measure,
    /// Statement of reasons.
    pub reason: String,
    /// Which side opened it.
    pub initiated_as: Party,
    pub served_at: Option<DateTime<Utc>>,
    /// A person of the other side read the notice first then; the window runs from here.
    pub read_at: Option<DateTime<Utc>>,
    /// Execution takes effect then. As long as the notice is unread, the latest possible; before it is
    /// served, what a notice served now would set.
    pub deadline: Option<DateTime<Utc>>,
    /// It takes effect then at the earliest, whenever the notice is read; `null`: as the notice has it.
    pub not_before: Option<DateTime<Utc>>,
    pub executed_at: Option<DateTime<Utc>>,
    /// Why it was refused, cured, withdrawn or overturned.
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
            read_at: case.state.notice().and_then(|notice| notice.read_at),
            deadline: case.deadline(now),
            not_before: case.not_before,
            executed_at: case.state.executed_at(),
            closed_reason: case.state.closed_reason().map(str::to_owned),
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
    /// For whom the units are kept that are taken back.
    pub reserve: Option<Reserve>,
    /// The clocks that run since it was served.
    pub window: Option<WindowView>,
    /// How the other side means to put it right.
    pub cure: Option<CureView>,
    pub appeal: Option<AppealView>,
    /// What the other side answered, oldest first.
    pub responses: Vec<ResponseView>,
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
    pub outcome: Option<CaseOutcome>,
    /// What the tenant gets, once it is worked out.
    pub settlement: Option<SettlementView>,
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
    /// By which side.
    pub added_as: Party,
    /// Bytes of its file, at `…/evidence/{id}/file`; `null` where only the hash is kept.
    pub file_size: Option<i64>,
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
    SuspendAtOnce,
    Serve,
    Acknowledge,
    Respond,
    Cure,
    AcceptCure,
    RejectCure,
    Appeal,
    Decide,
    Withdraw,
}

impl Doing {
    const ALL: [Doing; 14] = [
        Doing::Evidence,
        Doing::Submit,
        Doing::Approve,
        Doing::Refuse,
        Doing::SuspendAtOnce,
        Doing::Serve,
        Doing::Acknowledge,
        Doing::Respond,
        Doing::Cure,
        Doing::AcceptCure,
        Doing::RejectCure,
        Doing::Appeal,
        Doing::Decide,
        Doing::Withdraw,
    ];

    fn command(self, lease_ends_at: Timestamp) -> Command {
        let text = String::new;
        match self {
            Doing::Evidence => Command::AddEvidence,
            Doing::Submit => Command::Submit,
            Doing::Approve => Command::Approve,
            Doing::Refuse => Command::Refuse { reason: text() },
            Doing::SuspendAtOnce => Command::SuspendAtOnce,
            Doing::Serve => Command::Serve { lease_ends_at },
            Doing::Acknowledge => Command::Acknowledge,
            Doing::Respond => Command::Respond,
            Doing::Cure => Command::Cure { plan: text(), done_by: None },
            Doing::AcceptCure => Command::AcceptCure { reason: text() },
            Doing::RejectCure => Command::RejectCure { reason: text() },
            Doing::Appeal => Command::Appeal { text: text() },
            Doing::Decide => Command::Dismiss { reason: text() },
            Doing::Withdraw => Command::Withdraw { reason: text() },
        }
    }
}

/// The clocks of a served notice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WindowView {
    /// The notice in the other side's inbox, for that side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// It counts as read then at the latest.
    pub deemed_read_at: DateTime<Utc>,
    /// The window begins: at the first reading, or when the notice counts as read.
    pub begins_at: DateTime<Utc>,
    /// Until when a plan to put it right can be filed.
    pub cure_until: Option<DateTime<Utc>>,
    /// Until when an appeal can be filed: in its window, while there is something left to appeal against.
    pub appeal_until: Option<DateTime<Utc>>,
    /// A suspension at once is lifted then unless it is ratified.
    pub ratify_by: Option<DateTime<Utc>>,
}

/// A plan to put it right.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CureView {
    pub plan: String,
    pub filed_at: DateTime<Utc>,
    /// Nothing is executed before, unless it is rejected.
    pub until: DateTime<Utc>,
    /// Why it will not do.
    pub rejected: Option<String>,
}

/// An appeal.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AppealView {
    pub text: String,
    pub filed_at: DateTime<Utc>,
    /// Upheld if nobody has decided by then.
    pub decide_by: DateTime<Utc>,
    /// Why it did not succeed.
    pub dismissed: Option<String>,
}

/// An answer of the other side.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ResponseView {
    pub id: ResponseId,
    pub text: String,
    pub created_at: DateTime<Utc>,
}

/// What the tenant gets by a case, complete: lines and their sum.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SettlementView {
    pub case_id: ReclaimCaseId,
    pub lease_id: LeaseId,
    /// `clause`: as it says. `returned`: the case did not stand.
    pub rule: Rule,
    pub lines: Vec<Line>,
    /// For the tenant, owed by the provider.
    pub total: Money,
    pub currency: String,
    pub settled_at: DateTime<Utc>,
}

impl From<Settled> for SettlementView {
    fn from(settled: Settled) -> SettlementView {
        SettlementView {
            case_id: settled.case,
            lease_id: settled.lease,
            rule: settled.rule,
            lines: settled.settlement.lines,
            total: settled.settlement.total,
            currency: settled.currency,
            settled_at: settled.settled_at,
        }
    }
}

impl WindowView {
    fn new(case: &Case, notice: &Notice, message_id: Option<MessageId>) -> WindowView {
        WindowView {
            message_id,
            deemed_read_at: notice.deemed_read_at,
            begins_at: notice.begins_at(),
            cure_until: notice.cure_until,
            appeal_until: case.appeal_until(),
            ratify_by: match case.state {
                State::Suspended { ratify_by, .. } => Some(ratify_by),
                _ => None,
            },
        }
    }
}

impl From<Response> for ResponseView {
    fn from(response: Response) -> ResponseView {
        ResponseView { id: response.id, text: response.text, created_at: response.created_at }
    }
}

impl CaseView {
    /// `kept`, its approvals filled in, at `now`, as `caller` may see it.
    pub async fn of(
        app: &App,
        connection: &mut PgConnection,
        kept: CaseRecord,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<CaseView, Error> {
        let CaseRecord { case, message, outcome } = kept;
        let lease = leases::find(connection, case.lease_id, None).await?;
        let lease = lease.ok_or(Error::UnknownLease(case.lease_id))?;
        let evidence = store::evidence(connection, case.id).await?;
        let by = Person::of(caller, case.provider_id, case.tenant_id);
        let can = Can::by_trying(Doing::ALL, |doing| -> Result<State, CaseRefusal> {
            case.decide(&doing.command(lease.ends_at), &by, now)
        });
        let responses = store::responses(connection, case.id).await?;
        let settlement = store::settlements(connection, &[case.id]).await?.pop();
        let notice = case.state.notice();
        // Whose inbox it is in may open it there.
        let message = message.filter(|_| caller.organization() == Some(case.respondent_id()));
        let blocking = case.blocking(now).into_iter();
        let blocking =
            blocking.map(|refusal| Blocking { code: refusal.code(), detail: refusal.to_string() });
        let money_preview = case
            .deadline(now)
            .filter(|_| case.state.is_open())
            .filter(|_| case.state.executed_at().is_none())
            .map(|at| stake(case.measure, &case.clause.compensation, &lease.tranches, at));
        Ok(CaseView {
            summary: CaseSummary::new(&case, now),
            clause_in_words: case.clause.in_words(),
            terms_hash: case.terms_hash,
            reserve: case.reserve,
            window: notice.map(|notice| WindowView::new(&case, notice, message)),
            cure: notice.and_then(|notice| notice.plan.as_ref()).map(|plan| CureView {
                plan: plan.text.clone(),
                filed_at: plan.filed_at,
                until: plan.until,
                rejected: plan.rejected.clone(),
            }),
            appeal: notice.and_then(|notice| notice.appeal.as_ref()).map(|filed| AppealView {
                text: filed.text.clone(),
                filed_at: filed.filed_at,
                decide_by: filed.decide_by,
                dismissed: filed.dismissed.clone(),
            }),
            responses: responses.into_iter().map(ResponseView::from).collect(),
            settlement: settlement.map(SettlementView::from),
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
            added_as: evidence.added_as,
            file_size: evidence.size,
            added_at: evidence.created_at,
        }
    }
}
