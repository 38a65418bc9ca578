//! Reclaim terms as data: versions under a name, found by the hash of what they say. What clauses mean
//! and must keep to is in [`super::clauses`].

mod actions;
mod known;
pub mod routes;
pub(super) mod store;

pub use super::clauses::TermsHash;
pub use known::known_terms;
pub use store::terms;
