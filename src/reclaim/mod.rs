//! Reclaim cases: one use of one clause against one lease, by the book.
//!
//! ```text
//! draft ──▶ submitted ──▶ approved ──▶ noticed ──▶ executed
//!   │           │  │          │  │        │           by the server, at the deadline
//!   │           │  └──────────┴──│────────│──▶ refused
//!   └───────────┴────────────────┴────────┴──▶ withdrawn
//! ```
//!
//! Whoever the clause lets invoke drafts a case, adds evidence and submits it; people of the roles
//! that the clause names approve it; the initiator serves the notice. From then on the tenant knows, and
//! the deadline stands. At the deadline the server takes the units back, at that instant even when it
//! was down, and frees them, in one transaction.
//!
//! Invariants: a lease has one open case at most; the initiator never approves; an approval counts
//! while its giver holds the role; nothing is executed before its deadline or without a served notice;
//! the clause is the one that the lease was signed with. A case is locked before planes and leases.

mod actions;
mod error;
mod jobs;
pub mod planner;
mod routes;
pub mod rules;
mod store;
mod transparency;
mod views;
mod volunteers;

pub use error::Error;
pub use jobs::jobs;
pub use routes::routes;
