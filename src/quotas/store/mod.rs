//! The tables `quotas`, `quota_overrides`, `quota_requests`, and the books of what is counted.

mod books;
mod quotas;
mod requests;

pub use books::*;
pub use quotas::*;
pub use requests::*;
