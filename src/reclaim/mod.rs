//! Reclaim cases: one use of one clause against one lease, by the book.
//!
//! ```text
//! draft ──▶ submitted ──▶ approved ──▶ noticed ⇄ curing ──▶ due ──▶ executed ──▶ settled
//!   │            │            │          │ ▲        │                   ▲
//!   │            └─▶ refused ◀┘   appeal ▼ │ dismissed  ▶ cured         │ ratified
//!   │                                  stayed ──▶ overturned            │
//!   └──▶ suspended (at once, in an emergency) ──────────────────────────┘
//! ```
//!
//! Whoever the clause lets invoke drafts a case, adds evidence and submits it; people of the roles
//! that the clause names approve it; the initiating side serves the notice. The window begins when a
//! person of the other side reads it, or when it counts as read. In it the other side answers, files a
//! plan to put it right, appeals. At the deadline the server takes the units back, at that instant even
//! when it was down, frees them or keeps them for whom they are meant, and writes down the money, in one
//! transaction. Everything open can be withdrawn until then; nothing waits for ever. `docs/reclaim.md` has
//! the whole diagram, generated from the rules.
//!
//! Invariants: a lease has one open case at most, besides suspensions that run; the initiator never
//! approves; an approval counts while its giver holds the role; who took part decides no appeal; nothing
//! is executed before its deadline, without a served notice, or while an appeal stays it; the clause is
//! the one that the lease was signed with; the lines of a settlement add up. A case is locked before
//! planes and leases.

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
