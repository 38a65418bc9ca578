//! The state machine of a lease.

use crate::kernel::{Timestamp, words};

words! {
    /// Where a lease stands.
    pub enum Status {
        /// Waits for the provider's approval; its capacity is held.
        Requested = "requested",
        /// Signed, and not begun.
        Scheduled = "scheduled",
        /// Running.
        Active = "active",
        /// Ran to its end.
        Ended = "ended",
        /// Taken back by a reclaim case.
        Reclaimed = "reclaimed",
        /// Ended early.
        Terminated = "terminated",
        /// Not approved.
        Rejected = "rejected",
        /// Given up before it began.
        Cancelled = "cancelled",
    }

    /// What can be done with a lease.
    pub enum Command {
        /// The provider lets the tenant in.
        Approve = "approve",
        /// The provider does not.
        Reject = "reject",
        /// The tenant gives it up before it begins.
        Cancel = "cancel",
        /// The tenant ends it early.
        End = "end",
        /// The tenant keeps it longer.
        Extend = "extend",
        /// The tenant gives part of it back.
        Shrink = "shrink",
        /// The server, at its start.
        Start = "start",
        /// The server, at its end.
        Finish = "finish",
        /// The server, executing a reclaim case in full.
        Reclaim = "reclaim",
    }
}

impl Status {
    /// Whether nothing can become of it any more.
    pub fn is_over(self) -> bool {
        !matches!(self, Status::Requested | Status::Scheduled | Status::Active)
    }
}

/// What the decision depends on besides the status.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    /// A reclaim case has been served against it.
    pub is_noticed: bool,
}

/// Why an act is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeaseRefusal {
    #[error("it is {}; nothing can be changed any more, book a new one", .0.as_str())]
    Over(Status),
    #[error("it waits for the provider's approval; cancel it, or wait")]
    NotApproved,
    #[error("it needs no approval, it is {} already", .0.as_str())]
    NothingToApprove(Status),
    #[error("it has begun; end it instead")]
    Begun,
    #[error("it has not begun; cancel it instead")]
    NotBegun,
    #[error("its time has not come")]
    TooEarly,
    #[error("its start has passed without approval; book again")]
    TooLate,
    #[error(
        "a reclaim case has been served against it; what is to be taken back is not made longer"
    )]
    Noticed,
}

/// What becomes of a lease in `status` by `act` at `now`.
///
/// # Errors
/// The [`LeaseRefusal`] that applies.
pub fn decide(
    status: Status,
    act: Command,
    facts: Facts,
    now: Timestamp,
) -> Result<Status, LeaseRefusal> {
    use Status::{Active, Cancelled, Ended, Reclaimed, Rejected, Requested, Scheduled, Terminated};
    let (has_begun, has_ended) = (facts.starts_at <= now, facts.ends_at <= now);
    match (status, act) {
        (status, _) if status.is_over() => Err(LeaseRefusal::Over(status)),
        (Requested, Command::Approve) if has_begun => Err(LeaseRefusal::TooLate),
        (Requested, Command::Approve) => Ok(Scheduled),
        (Requested, Command::Reject) => Ok(Rejected),
        (status, Command::Approve | Command::Reject) => Err(LeaseRefusal::NothingToApprove(status)),
        (Requested, Command::Cancel) => Ok(Cancelled),
        (Scheduled, Command::Cancel) if !has_begun => Ok(Cancelled),
        (_, Command::Cancel) => Err(LeaseRefusal::Begun),
        (Requested, _) => Err(LeaseRefusal::NotApproved),
        // Its time has run out, and the server has only not noted it yet.
        (_, Command::End | Command::Extend | Command::Shrink) if has_ended => {
            Err(LeaseRefusal::Over(Ended))
        }
        // What a notice promises was fixed when it was served.
        (_, Command::Extend) if facts.is_noticed => Err(LeaseRefusal::Noticed),
        (Scheduled, Command::End) if !has_begun => Err(LeaseRefusal::NotBegun),
        (_, Command::End) => Ok(Terminated),
        (Scheduled, Command::Start) if !has_begun => Err(LeaseRefusal::TooEarly),
        (_, Command::Start) => Ok(Active),
        (_, Command::Finish) if !has_ended => Err(LeaseRefusal::TooEarly),
        (_, Command::Finish) => Ok(Ended),
        (_, Command::Reclaim) => Ok(Reclaimed),
        (status, Command::Extend | Command::Shrink) => Ok(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta};

    #[test]
    fn every_state_and_act() {
        let at =
            |day: i64| DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::days(day);
        let mut table = String::new();
        for (when, now, is_noticed) in [
            ("before it begins", at(5), false),
            ("while it runs", at(15), false),
            ("while it runs, under notice", at(15), true),
            ("after its end", at(25), false),
        ] {
            let facts = Facts { starts_at: at(10), ends_at: at(20), is_noticed };
            table.push_str(&format!("{when}\n"));
            for status in Status::ALL {
                for act in Command::ALL {
                    let outcome = match decide(status, act, facts, now) {
                        Ok(next) => next.as_str().to_owned(),
                        Err(refusal) => format!("— {refusal}"),
                    };
                    table.push_str(&format!(
                        "  {:<10} {:<8} {outcome}\n",
                        status.as_str(),
                        format!("{act:?}")
                    ));
                }
            }
        }
        insta::assert_snapshot!(table);
    }
}
