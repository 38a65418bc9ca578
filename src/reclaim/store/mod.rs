//! Every statement of the slice.

mod cases;
mod files;
mod records;

pub use cases::*;
pub use files::*;
pub use records::*;
