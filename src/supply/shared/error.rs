//! A field that is wrong, of whatever noun, and how that reads on the wire.

use crate::api::Problem;

/// What is wrong with one field, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct Invalid {
    pub field: String,
    pub detail: String,
}

impl Invalid {
    /// `field` is wrong in the way of `detail`.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Invalid {
        Invalid { field: field.into(), detail: detail.into() }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Problem {
        Problem::field(invalid.field, invalid.detail)
    }
}
