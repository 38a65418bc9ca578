//! What several nouns of this slice share and no single one owns: who may list ([`lister`]), a field that is
//! wrong ([`Invalid`]), units and quantities, and the way from columns to these and back. What only one noun
//! uses is in that noun's folder.

mod columns;
mod error;
mod providers;
mod rules;

pub use columns::{Cell, cell};
pub use error::Invalid;
pub use providers::lister;
pub use rules::{LEAST, Quantity, UnitRange};
