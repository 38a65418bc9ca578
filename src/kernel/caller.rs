//! Who is acting, once the edge has established it.

use std::fmt;

use uuid::Uuid;

use super::ids::{ApiKeyId, OrganizationId, UserId};
use super::words::words;

words! {
    /// What a member may do in an organization; each includes the ones before it.
    pub enum Role {
        /// Sees everything of the organization.
        Viewer = "viewer",
        /// Lists, books, amends.
        Manager = "manager",
        /// Also members, projects and API keys.
        Owner = "owner",
    }

    /// What a member of the marketplace operator's staff does.
    pub enum StaffRole {
        /// Verifies organizations, keeps quotas, opens and approves reclaim cases.
        Admin = "admin",
        /// Approves reclaim cases for operations.
        Operations = "operations",
        /// Approves reclaim cases for the legal side.
        Legal = "legal",
        /// Approves or decides as somebody outside the line.
        Independent = "independent",
    }
}

/// The one who acts, as it is written into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    User(UserId),
    Key(ApiKeyId),
    /// A reconciler, by its name.
    Server(&'static str),
}

impl Actor {
    /// The id behind it; nil for the server.
    pub fn uuid(self) -> Uuid {
        match self {
            Actor::User(id) => id.0,
            Actor::Key(id) => id.0,
            Actor::Server(_) => Uuid::nil(),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::User(id) => id.fmt(f),
            Actor::Key(id) => id.fmt(f),
            Actor::Server(job) => f.write_str(job),
        }
    }
}

/// An authenticated caller: a user or key acting for one organization, or a member of staff.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub actor: Actor,
    /// For whom it acts, and as what; `None` for staff.
    pub membership: Option<(OrganizationId, Role)>,
    /// Set for staff of the marketplace, who belong to no organization.
    pub staff: Option<StaffRole>,
}

impl Caller {
    /// A reconciler of the server; sees everything.
    pub fn server(job: &'static str) -> Caller {
        Caller { actor: Actor::Server(job), membership: None, staff: Some(StaffRole::Admin) }
    }

    /// The organization it acts for; `None` for staff.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.membership.map(|(organization, _)| organization)
    }

    /// For the `where` of a finder: `None` sees everything (staff), `Some` only what is that
    /// organization's.
    pub fn scope(&self) -> Option<Uuid> {
        match (self.staff, self.membership) {
            (Some(_), _) => None,
            (None, Some((organization, _))) => Some(organization.0),
            (None, None) => Some(Uuid::nil()),
        }
    }

    /// Whether it acts for an organization with at least `role`.
    pub fn has_role(&self, role: Role) -> bool {
        self.membership.is_some_and(|(_, held)| held >= role)
    }
}
