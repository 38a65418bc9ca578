//! Pure: the state machine of a case, who may do what, and what is at stake.

mod case;
mod stake;
#[cfg(test)]
mod tests;

pub use case::{Approval, Case, Command, Measure, Notice, Person, Refusal, State, approver_role};
pub use stake::{Stake, check_measure, stake};
