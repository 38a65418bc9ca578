//! Reclaim terms as data: versions under a name, found by the hash of what they say. What clauses mean
//! and must keep to is in [`super::clauses`].

mod actions;
pub mod routes;
pub(super) mod store;

pub use super::clauses::TermsHash;
pub use store::terms;
