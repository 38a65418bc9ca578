//! Reclaim terms as data: versions under a name, found by the hash of what they say.

mod hash;

pub use hash::TermsHash;
