//! The clocks of a case: when the server has to look, what is out of time, what stands in the way, and what
//! of it shows on the lease.

use std::collections::BTreeMap;

use super::case::{Case, Mark, Measure, Person};
use super::decide::Command;
use super::refusal::CaseRefusal;
use super::state::{APPROVED_AGAIN_WITHIN, Notice, SERVED_WITHIN, State};
use crate::kernel::Timestamp;
use crate::supply::ApproverRole;

impl Case {
    /// What the server has to do at `now`, if anything.
    pub fn next_step(&self, by: &Person, now: Timestamp) -> Option<Command> {
        [Command::Expire, Command::FallDue, Command::Execute, Command::Settle, Command::Wait]
            .into_iter()
            .find(|command| self.decide(command, by, now).is_ok())
    }

    /// When the server has to look next. `None` for a case that is over: every other one ends.
    pub fn wakes_at(&self) -> Option<Timestamp> {
        let step = match &self.state {
            State::Noticed { notice } | State::Curing { notice } => Some(notice.due_at()),
            State::Due { notice, waits } if !waits || self.missing().is_empty() => {
                Some(notice.due_at())
            }
            State::Executed { notice, executed_at, .. } if notice.open_appeal().is_none() => {
                Some(match self.measure {
                    Measure::Suspend { until } => until.max(*executed_at),
                    _ => *executed_at,
                })
            }
            _ => None,
        };
        step.into_iter().chain(self.expires_at()).min()
    }

    /// When the server ends what somebody has waited too long with: to serve, to ratify, to decide, to approve
    /// again; `None` where nothing waits for anybody.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        let waits = match &self.state {
            State::Draft | State::Submitted | State::Approved => {
                Some(self.created_at + SERVED_WITHIN.delta())
            }
            State::Suspended { ratify_by, .. } => Some(*ratify_by),
            State::Due { notice, .. } if !self.missing().is_empty() => {
                Some(notice.due_at() + APPROVED_AGAIN_WITHIN.delta())
            }
            _ => None,
        };
        let appeal = self.state.notice().filter(|_| self.state.is_open());
        let appeal = appeal.and_then(Notice::open_appeal).map(|open| open.decide_by);
        waits.into_iter().chain(appeal).min()
    }

    /// Since when its time is over at `now`, if it is. What was due before that comes first, however late the
    /// server is.
    pub(super) fn expired_at(&self, now: Timestamp) -> Option<Timestamp> {
        let expires_at = self.expires_at().filter(|at| *at <= now)?;
        let due_at = match &self.state {
            State::Noticed { notice } | State::Curing { notice } => Some(notice.due_at()),
            State::Due { notice, .. } if self.missing().is_empty() => Some(notice.due_at()),
            _ => None,
        };
        Some(expires_at).filter(|expires_at| due_at.is_none_or(|due_at| *expires_at < due_at))
    }

    /// Whether it is due and waits for approvals that count no more.
    pub fn waits(&self) -> bool {
        matches!(self.state, State::Due { waits: true, .. }) && !self.missing().is_empty()
    }

    /// What it shows on the lease: from the serving to the execution that it is under notice, and when
    /// something is taken, if that is so. A warning shows nothing: it takes nothing away.
    pub fn mark(&self) -> Mark {
        let taken_at = match &self.state {
            _ if self.measure == Measure::Warn => return Mark::Unmarked,
            State::Suspended { .. } => return Mark::Noticed,
            State::Noticed { notice } | State::Curing { notice } => notice.due_at(),
            State::Due { notice, .. } if self.missing().is_empty() => notice.due_at(),
            // It is not carried out without the approvals; as late as it can be.
            State::Due { notice, .. } => notice.due_at() + APPROVED_AGAIN_WITHIN.delta(),
            // As late as it can be: nothing is taken while it is stayed.
            State::Stayed { notice } => match notice.open_appeal().map(|appeal| appeal.decide_by) {
                Some(decide_by) => notice.clone().resume("", decide_by).due_at(),
                None => notice.due_at(),
            },
            _ => return Mark::Unmarked,
        };
        if self.measure.takes_units() { Mark::Taken(taken_at) } else { Mark::Noticed }
    }

    /// Until when an appeal can be filed: within its window, and while there is something to hold up or to end.
    pub fn appeal_until(&self) -> Option<Timestamp> {
        let notice = self.state.notice()?;
        let over_at = match self.measure {
            Measure::Suspend { until } => until,
            _ => notice.due_at(),
        };
        notice.appeal_until.map(|until| until.min(over_at))
    }

    /// All that stands between the case and its execution at `now`, in the order in which it has to go
    /// away; nothing for a case that is over or done.
    pub fn blocking(&self, now: Timestamp) -> Vec<CaseRefusal> {
        let mut blocking = Vec::new();
        match &self.state {
            State::Draft | State::Submitted | State::Approved => {
                if self.state == State::Draft {
                    blocking.extend(self.check_evidence().err());
                    blocking.push(CaseRefusal::NotSubmitted);
                }
                blocking.extend(self.check_approvals().err());
                blocking.push(CaseRefusal::NoticeNotServed);
            }
            State::Suspended { .. } => blocking.push(CaseRefusal::ApprovalsMissing(self.missing())),
            State::Noticed { notice } | State::Curing { notice } | State::Stayed { notice } => {
                if let (State::Stayed { .. }, Some(appeal)) = (&self.state, notice.open_appeal()) {
                    blocking.push(CaseRefusal::AppealStays { decide_by: appeal.decide_by });
                }
                if let Some(plan) = notice.open_plan().filter(|plan| now < plan.until) {
                    blocking.push(CaseRefusal::CureOpen { until: plan.until });
                }
                if now < notice.over_at() {
                    blocking.push(CaseRefusal::WindowNotElapsed { deadline: notice.over_at() });
                }
                blocking.extend(self.check_approvals().err());
            }
            State::Due { .. } => blocking.extend(self.check_approvals().err()),
            _ => {}
        }
        blocking
    }

    /// The approvals that are still needed, by role.
    pub fn missing(&self) -> BTreeMap<ApproverRole, u8> {
        self.missing_with(None)
    }

    /// When it takes effect: once served the deadline; before that the one that a notice served at
    /// `now` would set. The latest possible, as long as the notice is unread. `None` for a case that
    /// ended without notice.
    pub fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.state {
            State::Executed { effective_at, .. } => Some(*effective_at),
            State::Draft | State::Submitted | State::Approved => {
                Some(Notice::serve(&self.clause, self.not_before, now).due_at())
            }
            state => state.notice().map(Notice::due_at),
        }
    }
}
