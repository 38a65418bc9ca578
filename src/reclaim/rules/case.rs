//! The state machine of a case.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::{
    Actor, Caller, LeaseId, OrganizationId, ReclaimCaseId, Role, StaffRole, Timestamp, TrancheId,
    UserId,
};
use crate::supply::{Action, ApproverRole, Clause, Ground, Party, TermsHash};

/// One use of one clause against one lease.
#[derive(Debug, Clone)]
pub struct Case {
    pub id: ReclaimCaseId,
    pub lease_id: LeaseId,
    pub provider_id: OrganizationId,
    pub tenant_id: OrganizationId,
    /// As it stands in the terms that the lease was signed with.
    pub clause: Clause,
    pub terms_hash: TermsHash,
    pub measure: Measure,
    /// Statement of reasons.
    pub reason: String,
    pub initiator: UserId,
    pub initiated_as: Party,
    /// Pieces of evidence added.
    pub evidence: u32,
    /// Given by people who still hold the role.
    pub approvals: Vec<Approval>,
    pub state: State,
    pub revision: i32,
    pub created_at: Timestamp,
}

/// What is to be done to the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Measure {
    /// So many units of one line of the schedule are taken back.
    Partial { tranche_id: TrancheId, units: u32 },
    /// The whole lease is taken back.
    Full,
}

impl Measure {
    /// Its place on the ladder of actions.
    pub fn action(self) -> Action {
        match self {
            Measure::Partial { .. } => Action::Partial,
            Measure::Full => Action::Full,
        }
    }
}

/// One person's approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    pub user: UserId,
    pub role: ApproverRole,
    pub at: Timestamp,
}

/// Where a case stands; each state carries what is known only from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Being prepared.
    Draft,
    /// Waits for approvals.
    Submitted,
    /// May be served.
    Approved,
    /// The tenant knows, and the window runs.
    Noticed(Notice),
    /// Done, as of the deadline.
    Executed { notice: Notice, executed_at: Timestamp },
    /// An approver was against it.
    Refused { reason: String },
    /// Given up by its initiator, or by the server when the lease ended first.
    Withdrawn { notice: Option<Notice>, reason: String },
}

/// A served notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    pub served_at: Timestamp,
    /// Execution is due, and takes effect.
    pub deadline: Timestamp,
}

impl State {
    /// In a word, as on the wire and in the database.
    pub fn name(&self) -> &'static str {
        match self {
            State::Draft => "draft",
            State::Submitted => "submitted",
            State::Approved => "approved",
            State::Noticed(_) => "noticed",
            State::Executed { .. } => "executed",
            State::Refused { .. } => "refused",
            State::Withdrawn { .. } => "withdrawn",
        }
    }

    /// The notice, once served.
    pub fn notice(&self) -> Option<Notice> {
        match self {
            State::Noticed(notice) | State::Executed { notice, .. } => Some(*notice),
            State::Withdrawn { notice, .. } => *notice,
            _ => None,
        }
    }

    /// Whether something can still become of it.
    pub fn is_open(&self) -> bool {
        matches!(self, State::Draft | State::Submitted | State::Approved | State::Noticed(_))
    }
}

/// Who wants to act on a case, and as what.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// `None` for an API key: it stands for nobody in particular.
    pub user: Option<UserId>,
    /// Whether it acts for the provider of the lease, and may.
    pub is_provider: bool,
    /// Whether it acts for the tenant of the lease, and may.
    pub is_tenant: bool,
    /// Whether it administers the marketplace.
    pub is_admin: bool,
    /// As what it could approve.
    pub approver: Option<ApproverRole>,
}

impl Person {
    /// Who `caller` is in the affairs of a lease between these two. Managers and owners act for their
    /// organization; of the staff, admins act for the marketplace.
    pub fn of(caller: &Caller, provider: OrganizationId, tenant: OrganizationId) -> Person {
        let acts_for = |organization| {
            caller.organization() == Some(organization) && caller.has_role(Role::Manager)
        };
        let in_provider = caller.membership.filter(|(organization, _)| *organization == provider);
        Person {
            user: match caller.actor {
                Actor::User(id) => Some(id),
                Actor::Key(_) | Actor::Server(_) => None,
            },
            is_provider: acts_for(provider),
            is_tenant: acts_for(tenant),
            is_admin: caller.staff == Some(StaffRole::Admin),
            approver: approver_role(caller.staff, in_provider.map(|(_, role)| role)),
        }
    }

    /// Whether it acts as `party`.
    pub fn is(&self, party: Party) -> bool {
        match party {
            Party::Provider => self.is_provider,
            Party::Admin => self.is_admin,
            Party::Tenant => self.is_tenant,
        }
    }
}

/// As what somebody could approve a case of a provider: by a role on the staff, or by one in the
/// provider's organization.
pub fn approver_role(staff: Option<StaffRole>, in_provider: Option<Role>) -> Option<ApproverRole> {
    match (staff, in_provider) {
        (Some(StaffRole::Admin), _) => Some(ApproverRole::Admin),
        (Some(StaffRole::Operations), _) => Some(ApproverRole::Operations),
        (Some(StaffRole::Legal), _) => Some(ApproverRole::Legal),
        (Some(StaffRole::Independent), _) => Some(ApproverRole::Independent),
        (None, Some(Role::Owner)) => Some(ApproverRole::ProviderOwner),
        (None, Some(Role::Manager)) => Some(ApproverRole::ProviderManager),
        (None, Some(Role::Viewer) | None) => None,
    }
}

/// What can be done with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Adds a piece of evidence.
    AddEvidence,
    /// Hands it in for approval.
    Submit,
    Approve,
    Refuse {
        reason: String,
    },
    /// Tells the tenant, and sets the deadline.
    Serve {
        /// When the lease ends by itself.
        lease_ends_at: Timestamp,
    },
    Withdraw {
        reason: String,
    },
    /// The server, at the deadline.
    Execute,
    /// The server, when nothing is left to take back.
    Lapse {
        reason: String,
    },
}

/// Why something cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the lease was signed without a clause {0}; its terms list what there is")]
    ClauseNotOnLease(String),
    #[error("the clause on {0} is not for you to invoke; it names who may")]
    RoleMayNotInvoke(Ground),
    #[error("the clause on {ground} does not go as far as {asked}; it allows {allowed} at most")]
    ActionBeyondClause { ground: Ground, asked: Action, allowed: Action },
    #[error("cases are for people to act on, an API key stands for nobody; log in")]
    PersonRequired,
    #[error("only the side that opened the case does this: the {0}'s managers and owners")]
    NotInitiatingSide(Party),
    #[error("{0} needs evidence before a case can be submitted; add some")]
    EvidenceMissing(Ground),
    #[error("it has not been submitted; submit it first")]
    NotSubmitted,
    #[error("approvals are missing: {}", list(.0))]
    ApprovalsMissing(BTreeMap<ApproverRole, u8>),
    #[error("whoever opened a case does not approve or refuse it; ask somebody else")]
    SelfApproval,
    #[error("you have approved it already; somebody else must")]
    ApprovedAlready,
    #[error("it is not for you to approve; it waits for: {}", list(.0))]
    RoleMayNotApprove(BTreeMap<ApproverRole, u8>),
    #[error("the notice has not been served; serve it, and the window begins")]
    NoticeNotServed,
    #[error("the notice runs until {deadline:?}; the server executes then")]
    WindowNotElapsed { deadline: Timestamp },
    #[error(
        "the notice would run until {deadline:?}, and the lease ends at {ends_at:?}; let it end"
    )]
    NoticeOutlastsLease { deadline: Timestamp, ends_at: Timestamp },
    #[error("it is {0} and this is not possible any more")]
    MovedOn(&'static str),
    #[error("the lease has no tranche {0} that still runs at the deadline")]
    TrancheNotThere(TrancheId),
    #[error(
        "{asked} units are more than the {has} that can be taken in part; to take all, ask for full"
    )]
    MoreUnitsThanThere { asked: u32, has: u32 },
    #[error("units are taken back in multiples of {step}, and {asked} is none")]
    NotInSteps { asked: u32, step: u32 },
}

/// `2 admin, 1 legal`
fn list(approvals: &BTreeMap<ApproverRole, u8>) -> String {
    let parts: Vec<_> = approvals.iter().map(|(role, count)| format!("{count} {role}")).collect();
    if parts.is_empty() { "nobody".to_owned() } else { parts.join(", ") }
}

impl Case {
    /// What becomes of the case by `command`, given by `by` at `now`.
    ///
    /// # Errors
    /// The [`Refusal`] that applies.
    pub fn decide(&self, command: &Command, by: &Person, now: Timestamp) -> Result<State, Refusal> {
        if !self.state.is_open() {
            return Err(Refusal::MovedOn(self.state.name()));
        }
        match command {
            Command::AddEvidence => {
                self.check_initiating_side(by)?;
                self.check_is(&[State::Draft])?;
                Ok(State::Draft)
            }
            Command::Submit => {
                self.check_initiating_side(by)?;
                self.check_is(&[State::Draft])?;
                self.check_evidence()?;
                Ok(if self.missing().is_empty() { State::Approved } else { State::Submitted })
            }
            Command::Approve => self.approve(by, now),
            Command::Refuse { reason } => {
                self.check_judge(by)?;
                self.check_is(&[State::Submitted, State::Approved])?;
                Ok(State::Refused { reason: reason.clone() })
            }
            Command::Serve { lease_ends_at } => self.serve(by, *lease_ends_at, now),
            Command::Withdraw { reason } => {
                self.check_initiating_side(by)?;
                Ok(State::Withdrawn { notice: self.state.notice(), reason: reason.clone() })
            }
            Command::Execute => match (&self.state, self.blocking(now).into_iter().next()) {
                (_, Some(refusal)) => Err(refusal),
                (State::Noticed(notice), None) => {
                    Ok(State::Executed { notice: *notice, executed_at: now })
                }
                (state, None) => Err(Refusal::MovedOn(state.name())),
            },
            Command::Lapse { reason } => {
                Ok(State::Withdrawn { notice: self.state.notice(), reason: reason.clone() })
            }
        }
    }

    /// All that stands between the case and its execution at `now`, in the order in which it has to go
    /// away; nothing for a case that is over.
    pub fn blocking(&self, now: Timestamp) -> Vec<Refusal> {
        let mut blocking = Vec::new();
        if !self.state.is_open() {
            return blocking;
        }
        if let State::Noticed(Notice { deadline, .. }) = self.state {
            if now < deadline {
                blocking.push(Refusal::WindowNotElapsed { deadline });
            }
            return blocking;
        }
        if self.state == State::Draft {
            blocking.extend(self.check_evidence().err());
            blocking.push(Refusal::NotSubmitted);
        }
        let missing = self.missing();
        if !missing.is_empty() {
            blocking.push(Refusal::ApprovalsMissing(missing));
        }
        blocking.push(Refusal::NoticeNotServed);
        blocking
    }

    /// The approvals that are still needed, by role.
    pub fn missing(&self) -> BTreeMap<ApproverRole, u8> {
        self.missing_with(None)
    }

    /// When it takes effect: the deadline once served, before that the one that a notice served at
    /// `now` would set. `None` for a case that ended without notice.
    pub fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state.notice() {
            Some(notice) => Some(notice.deadline),
            None if self.state.is_open() => Some(now + self.clause.notice.delta()),
            None => None,
        }
    }

    /// Whether the side that did not open the case knows of it: from the notice on.
    pub fn is_served(&self) -> bool {
        self.state.notice().is_some()
    }

    fn approve(&self, by: &Person, now: Timestamp) -> Result<State, Refusal> {
        let user = self.check_judge(by)?;
        // An approved case lacks approvals again when somebody who gave one was removed.
        self.check_is(&[State::Submitted, State::Approved])?;
        if self.approvals.iter().any(|approval| approval.user == user) {
            return Err(Refusal::ApprovedAlready);
        }
        let missing = self.missing();
        if missing.is_empty() {
            return Err(Refusal::MovedOn(self.state.name()));
        }
        let with_this = self.missing_with(by.approver.map(|role| Approval { user, role, at: now }));
        if with_this == missing {
            return Err(Refusal::RoleMayNotApprove(missing));
        }
        Ok(if with_this.is_empty() { State::Approved } else { self.state.clone() })
    }

    fn serve(&self, by: &Person, ends_at: Timestamp, now: Timestamp) -> Result<State, Refusal> {
        self.check_initiating_side(by)?;
        if matches!(self.state, State::Noticed(_)) {
            return Err(Refusal::MovedOn(self.state.name()));
        }
        if let Some(refusal) =
            self.blocking(now).into_iter().find(|refusal| *refusal != Refusal::NoticeNotServed)
        {
            return Err(refusal);
        }
        let deadline = now + self.clause.notice.delta();
        if deadline >= ends_at {
            return Err(Refusal::NoticeOutlastsLease { deadline, ends_at });
        }
        Ok(State::Noticed(Notice { served_at: now, deadline }))
    }

    /// The approvals needed besides those given and `another`. A provider's owner who is not needed as
    /// owner counts as manager.
    fn missing_with(&self, another: Option<Approval>) -> BTreeMap<ApproverRole, u8> {
        let mut given: BTreeMap<ApproverRole, u8> = BTreeMap::new();
        for approval in self.approvals.iter().chain(&another) {
            *given.entry(approval.role).or_default() += 1;
        }
        let needed = |role| self.clause.approvals.get(&role).copied().unwrap_or(0);
        let spare_owners = given
            .get(&ApproverRole::ProviderOwner)
            .map_or(0, |owners| owners.saturating_sub(needed(ApproverRole::ProviderOwner)));
        *given.entry(ApproverRole::ProviderManager).or_default() += spare_owners;
        let lacking = self.clause.approvals.iter().map(|(role, count)| {
            (*role, count.saturating_sub(given.get(role).copied().unwrap_or(0)))
        });
        lacking.filter(|(_, count)| *count > 0).collect()
    }

    fn check_is(&self, states: &[State]) -> Result<(), Refusal> {
        if states.contains(&self.state) {
            return Ok(());
        }
        match self.state {
            State::Draft => Err(Refusal::NotSubmitted),
            _ => Err(Refusal::MovedOn(self.state.name())),
        }
    }

    fn check_evidence(&self) -> Result<(), Refusal> {
        if self.clause.evidence_required && self.evidence == 0 {
            return Err(Refusal::EvidenceMissing(self.clause.ground));
        }
        Ok(())
    }

    fn check_initiating_side(&self, by: &Person) -> Result<(), Refusal> {
        if by.user.is_none() {
            return Err(Refusal::PersonRequired);
        }
        if !by.is(self.initiated_as) {
            return Err(Refusal::NotInitiatingSide(self.initiated_as));
        }
        Ok(())
    }

    /// Somebody who may approve or refuse: of a role that the clause asks for, and not the initiator.
    fn check_judge(&self, by: &Person) -> Result<UserId, Refusal> {
        let user = by.user.ok_or(Refusal::PersonRequired)?;
        if user == self.initiator {
            return Err(Refusal::SelfApproval);
        }
        let is_asked_for = by.approver.is_some_and(|role| {
            self.clause.approvals.keys().any(|asked_for| role.covers(*asked_for))
        });
        if is_asked_for { Ok(user) } else { Err(Refusal::RoleMayNotApprove(self.missing())) }
    }
}
