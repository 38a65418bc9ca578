//! Reclaim terms as data: versions under a name, found by the hash of what they say.

pub use super::clauses::TermsHash;
