//! The states of a request to raise a quota.

use crate::kernel::words;

words! {
    /// Where a request stands.
    pub enum RequestState {
        /// Waits for a decision.
        Open = "open",
        /// The quota was raised.
        Granted = "granted",
        /// It was not.
        Denied = "denied",
        /// Whoever asked took it back.
        Withdrawn = "withdrawn",
    }

    /// What can be done with a request.
    pub enum Command {
        Grant = "grant",
        Deny = "deny",
        Withdraw = "withdraw",
    }
}

/// Why a request stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefusal {
    #[error("it was {} already; make a new request", .0.as_str())]
    Decided(RequestState),
}

/// What becomes of a request in `state` by `command`.
///
/// # Errors
/// [`RequestRefusal`] for one that is not open.
pub fn decide(state: RequestState, command: Command) -> Result<RequestState, RequestRefusal> {
    match (state, command) {
        (RequestState::Open, Command::Grant) => Ok(RequestState::Granted),
        (RequestState::Open, Command::Deny) => Ok(RequestState::Denied),
        (RequestState::Open, Command::Withdraw) => Ok(RequestState::Withdrawn),
        (state, _) => Err(RequestRefusal::Decided(state)),
    }
}
