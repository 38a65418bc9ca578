//! The states of a request to raise a quota.

use serde::{Deserialize, Serialize};

/// Where a request stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum RequestState {
    /// Waits for a decision.
    Open,
    /// The quota was raised.
    Granted,
    /// It was not.
    Denied,
    /// Whoever asked took it back.
    Withdrawn,
}

impl RequestState {
    /// All of them.
    pub const ALL: [RequestState; 4] =
        [RequestState::Open, RequestState::Granted, RequestState::Denied, RequestState::Withdrawn];

    /// In a word, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            RequestState::Open => "open",
            RequestState::Granted => "granted",
            RequestState::Denied => "denied",
            RequestState::Withdrawn => "withdrawn",
        }
    }
}

/// What can be done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Grant,
    Deny,
    Withdraw,
}

impl Command {
    /// All of them.
    pub const ALL: [Command; 3] = [Command::Grant, Command::Deny, Command::Withdraw];
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
