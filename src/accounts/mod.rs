//! Organizations and the people and keys that act for them.
//!
//! ```text
//!              verify                 suspend
//! unverified ─────────▶ verified ◀───────────────▶ suspended
//!                                    reinstate
//! ```
//!
//! An organization is a provider, a tenant or both; only a verified one lists or books. Users belong
//! to organizations with a role; staff belongs to none. A user acts through a session: an access token
//! of fifteen minutes, kept fresh by a refresh token that is exchanged at each use. A program acts
//! through an API key. Both come out of [`authenticate`] as a [`Caller`](crate::kernel::Caller).
//!
//! Invariants: an organization always has an owner; a refresh token works once, and the second try
//! ends its session; secrets are kept as hashes only.

mod actions;
mod caller;
mod error;
mod jobs;
mod limits;
mod passwords;
mod routes;
mod rules;
mod store;
mod tokens;

pub use actions::{
    NewMember, NewOrganization, NewStaff, Registration, add_member, change_staff_here,
    create_admin, create_api_key, create_project, create_staff, decide, log_in, register,
};
pub use caller::{
    authenticate, require_can_book, require_role, require_staff, require_verified_provider,
    require_verified_tenant,
};
pub use jobs::jobs;
pub use routes::routes;
pub use rules::{
    Decision, Email, Kind, Name, Organization, Party, Password, Reason, Registered, Tokens,
    Verification,
};
pub use store::{
    Standing, expect_parties, hold_bookings, owners_of_projects, parties, parties_to_book,
    standings,
};
