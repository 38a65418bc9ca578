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

#[allow(dead_code)]
mod caller;
mod jobs;
mod limits;
pub mod rules;
mod store;
#[allow(dead_code)]
mod tokens;

use utoipa_axum::router::OpenApiRouter;

pub use caller::{
    authenticate, require_can_book, require_role, require_staff, require_verified_provider,
    require_verified_tenant,
};
pub use jobs::jobs;
pub use rules::{Party, Verification};
pub use store::parties;

use crate::app::App;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
}
