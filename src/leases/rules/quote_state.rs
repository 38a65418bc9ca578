//! The states of a quote.

use crate::kernel::words;

words! {
    /// Where a quote stands.
    pub enum QuoteState {
        /// A lease can be signed by it until it expires.
        Open = "open",
        /// A lease was signed by it.
        Used = "used",
        /// Its time is over, or its tenant gave it back.
        Expired = "expired",
    }
}
