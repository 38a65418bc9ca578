//! Pure: the state machine of a case, who may do what, what is at stake, and the money.

mod case;
mod clocks;
mod decide;
#[cfg(test)]
mod model;
#[cfg(test)]
mod promises;
mod refusal;
mod settlement;
mod stake;
mod state;
#[cfg(test)]
mod tests;
mod volunteer;

pub use case::{Approval, Case, Mark, Measure, Person, Reserve, approver_role};
pub use decide::Command;
pub use refusal::CaseRefusal;
pub use settlement::{Late, Line, LineKind, Portion, Rule, Settlement, settle, suspended, taken};
pub use stake::{Stake, check_measure, portions, stake};
pub use state::{Notice, State, may_stay_unread};
pub use volunteer::{Offered, Volunteer, VolunteerState};
