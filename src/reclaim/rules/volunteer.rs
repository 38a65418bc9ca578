//! The states of what a tenant offers to give back.

use crate::kernel::words;

words! {
    /// Where a tenant's offer to give units back stands.
    pub enum VolunteerState {
        /// The provider can take it.
        Open = "open",
        /// The tenant took it back, or its line of the lease is over.
        Withdrawn = "withdrawn",
        /// The provider took it.
        Taken = "taken",
    }
}
