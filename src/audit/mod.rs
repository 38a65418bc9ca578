//! The log of every act, sealed: who did what to which thing, on whose behalf, and why.
//!
//! Acts write their records in their own transactions (`db/log.rs`) and never wait for each other.
//! Within a second a sealer puts the new ones under a Merkle root that includes the root before:
//!
//! ```text
//! records   r1 r2 r3 │ r4 r5 │ r6 r7 r8 r9 │ r10 …   in order of transaction, then seq
//!            ╲ │ ╱      ╲ │      ╲ │  │ ╱      not sealed yet
//! seals   0 ── root 1 ── root 2 ── root 3
//! ```
//!
//! Invariants: a record is covered by exactly one seal, once every transaction before it has ended;
//! the server's role reads and adds here and does nothing else; a changed, missing or added record
//! breaks the root of its seal. Whoever could rewrite all seals from one on is found by a root that was
//! published elsewhere.

mod actions;
mod jobs;
mod routes;
mod rules;
mod store;
mod view;

pub use actions::{Finding, FindingKind, KnownSeal, Report, history, verify};
pub use jobs::jobs;
pub use routes::routes;
pub use view::EntryView;
