//! Reclaim terms: on which grounds a lease may be taken back, as versions under a name, found by the hash of
//! what they say. What clauses mean and must keep to is in [`rules`].

mod actions;
mod error;
mod known;
pub mod routes;
mod rules;
pub(super) mod store;

pub(super) use error::Error;
pub use known::known_terms;
pub use rules::{
    Action, Appeal, ApproverRole, Clause, ClauseWish, Compensation, Ground, Party, TermsHash,
};
pub use store::terms;
