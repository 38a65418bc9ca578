//! The states of a plan that is kept.

use crate::kernel::words;

words! {
    /// Where a reclaim plan stands.
    pub enum PlanState {
        /// It can be carried out.
        Open = "open",
        /// It was carried out: its cases are drafted, and what tenants had offered is bought back.
        Drafted = "drafted",
    }
}
