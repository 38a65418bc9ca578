//! What the public sees of reclaim cases: that there was one, on which ground, how large, with how much
//! notice, and what came of it; and how much of what a provider leases it takes back.
//!
//! Cases that were never served stay between those who know of them. No tenant, lease or reason is named;
//! sizes are classes, times are months.
//!
//! The **reclaim rate** of a provider is the GPU-hours taken back by cases carried out in the last 365
//! days, over the GPU-hours of all leases that ran in that time, as they were before. It is worked out
//! every quarter of an hour and kept in memory, so that showing it beside offers costs nothing.

mod jobs;
mod routes;
mod store;

pub use jobs::jobs;
pub use routes::routes;
