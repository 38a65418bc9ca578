//! A case: what is asked for, by whom, and who may act on it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::state::State;
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
    /// For whom the units are kept that are taken back.
    pub reserve: Option<Reserve>,
    /// It takes effect then at the earliest, whenever the notice is read; `None`: as the notice has it.
    pub not_before: Option<Timestamp>,
    /// Statement of reasons.
    pub reason: String,
    pub initiator: UserId,
    pub initiated_as: Party,
    /// Pieces of evidence that the initiating side has added.
    pub evidence: u32,
    /// Given by people who still hold the role.
    pub approvals: Vec<Approval>,
    /// Everybody who has acted on it so far, whatever has become of them.
    pub participants: Vec<UserId>,
    /// An earlier case by which this lease was suspended at once, and which nobody ratified.
    pub unratified: Option<ReclaimCaseId>,
    pub state: State,
    pub revision: i32,
    pub created_at: Timestamp,
}

/// What is to be done to the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Measure {
    /// The tenant is told, and it is on record.
    Warn,
    /// The units cannot be used for a while; they stay the tenant's.
    Suspend {
        /// Usable again from then on.
        until: DateTime<Utc>,
    },
    /// So many units of one line of the schedule are taken back.
    Partial {
        tranche_id: TrancheId,
        units: u32,
        /// They return to the lease then; `null`: not at all.
        #[serde(default)]
        until: Option<DateTime<Utc>>,
    },
    /// The whole lease is taken back.
    Full,
}

impl Measure {
    /// Its place on the ladder of actions.
    pub fn action(self) -> Action {
        match self {
            Measure::Warn => Action::Warn,
            Measure::Suspend { .. } => Action::Suspend,
            Measure::Partial { .. } => Action::Partial,
            Measure::Full => Action::Full,
        }
    }

    /// When what it takes is the tenant's again; `None`: never, or nothing is taken.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Measure::Suspend { until } => Some(until),
            Measure::Partial { until, .. } => until,
            Measure::Warn | Measure::Full => None,
        }
    }

    /// Whether units are taken back.
    pub fn takes_units(self) -> bool {
        matches!(self, Measure::Partial { .. } | Measure::Full)
    }
}

/// For whom, and until when, units that are taken back are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Reserve {
    /// It alone can have the units: a tenant by a quote that is made for it, the provider as its own use.
    pub organization_id: OrganizationId,
    /// Of a tenant: the quote stands for so long from the execution; of the provider: so long its own.
    pub lasting: crate::kernel::Span,
}

/// What a case against a lease shows on the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The lease is not under notice because of it.
    Unmarked,
    /// The lease is under notice, and loses nothing by it but time in which it cannot be used.
    Noticed,
    /// The lease is under notice, and units of it are taken back then, as far as can be said now.
    Taken(Timestamp),
}

/// One person's approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Approval {
    pub user: UserId,
    pub role: ApproverRole,
    pub at: Timestamp,
}

impl Case {
    /// The side that the case is against: the tenant, or the provider where the tenant opened it.
    pub fn respondent(&self) -> Party {
        match self.initiated_as {
            Party::Tenant => Party::Provider,
            Party::Provider | Party::Admin => Party::Tenant,
        }
    }

    /// The organization that the case is against.
    pub fn respondent_id(&self) -> OrganizationId {
        match self.respondent() {
            Party::Provider => self.provider_id,
            Party::Tenant | Party::Admin => self.tenant_id,
        }
    }

    /// Whether its ground is one under which a lease is suspended at once.
    pub fn is_emergency(&self) -> bool {
        matches!(self.clause.ground, Ground::HarmImminent | Ground::SecurityImmediate)
    }

    /// Whether the side that did not open the case knows of it: from the notice on.
    pub fn is_served(&self) -> bool {
        self.state.notice().is_some()
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
    /// Whether it is of the staff that decides appeals: admin, legal, independent.
    pub is_judge: bool,
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
            is_judge: matches!(
                caller.staff,
                Some(StaffRole::Admin | StaffRole::Legal | StaffRole::Independent)
            ),
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
