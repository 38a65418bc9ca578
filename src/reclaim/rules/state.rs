//! Where a case stands, and the clocks that run while it is there.

use serde::{Deserialize, Serialize};

use crate::kernel::{Span, Timestamp};
use crate::supply::{Clause, Ground};

/// A notice that nobody reads counts as read after this time, or after the notice's own length where
/// that is shorter.
pub const DEEMED_READ_AFTER: Span = Span::hours(72);
/// An appeal that nobody has decided after this time is upheld.
pub const APPEAL_DECIDED_WITHIN: Span = Span::days(14);
/// A case that has not been served after this time lapses.
pub const SERVED_WITHIN: Span = Span::days(90);
/// A suspension at once that nobody has ratified after this time is lifted.
pub const RATIFIED_WITHIN: Span = Span::hours(24);
/// A case that is due without the approvals, because somebody who gave one has left or has another role,
/// ends after this time unless the approval is given again.
pub const APPROVED_AGAIN_WITHIN: Span = Span::days(14);

/// Where a case stands; each state carries what is known only from then on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Being prepared.
    Draft,
    /// Waits for approvals.
    Submitted,
    /// May be served.
    Approved,
    /// Suspended at once and served; waits to be ratified.
    Suspended { notice: Notice, suspended_at: Timestamp, ratify_by: Timestamp },
    /// The other side has been told, and the window runs.
    Noticed { notice: Notice },
    /// The same, with a plan to put it right on the table.
    Curing { notice: Notice },
    /// An appeal holds everything up.
    Stayed { notice: Notice },
    /// The window is over; the server executes, unless it waits for approvals that count no more.
    Due { notice: Notice, waits: bool },
    /// Done. A suspension runs until its end; an open appeal is still to be decided.
    Executed { notice: Notice, effective_at: Timestamp, executed_at: Timestamp },
    /// The money is worked out. Over.
    Settled { notice: Notice, executed_at: Timestamp },
    /// An approver was against it. Over.
    Refused { reason: String },
    /// It was put right. Over.
    Cured { notice: Notice, reason: String },
    /// Given up by its initiator, or by the server. Over.
    Withdrawn { notice: Option<Notice>, reason: String },
    /// An appeal was upheld, or not decided in time. Over.
    Overturned { notice: Notice, reason: String },
}

/// A served notice, and what has come back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Notice {
    pub served_at: Timestamp,
    /// It counts as read at this time at the latest.
    pub deemed_read_at: Timestamp,
    /// A person of the other side read it first then.
    pub read_at: Option<Timestamp>,
    /// The window is over then; while unread, the latest that it can be.
    pub deadline: Timestamp,
    /// Nothing takes effect before: the instant that the case was opened with, or the last act that it had to
    /// wait for. Never before the serving.
    pub not_before: Timestamp,
    /// Until when a plan to put it right can be filed.
    pub cure_until: Option<Timestamp>,
    /// Until when an appeal can be filed.
    pub appeal_until: Option<Timestamp>,
    pub plan: Option<CurePlan>,
    pub appeal: Option<Filed>,
}

/// How the other side means to put it right.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CurePlan {
    pub filed_at: Timestamp,
    /// Nothing is executed before, unless it is rejected.
    pub until: Timestamp,
    pub text: String,
    /// Why it will not do.
    pub rejected: Option<String>,
}

/// An appeal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Filed {
    pub filed_at: Timestamp,
    /// Upheld if nobody has decided by then.
    pub decide_by: Timestamp,
    pub text: String,
    /// Why it did not succeed.
    pub dismissed: Option<String>,
}

/// How long a notice under `clause` may stay unread before it counts as read.
pub fn may_stay_unread(clause: &Clause) -> Span {
    DEEMED_READ_AFTER.min(clause.notice)
}

impl Notice {
    /// A notice under `clause` that is served at `now`, of a case that takes effect at `not_before` at the
    /// earliest.
    pub fn serve(clause: &Clause, not_before: Option<Timestamp>, now: Timestamp) -> Notice {
        let unread = may_stay_unread(clause).delta();
        Notice {
            served_at: now,
            deemed_read_at: now + unread,
            read_at: None,
            deadline: now + unread + clause.notice.delta(),
            not_before: not_before.map_or(now, |at| at.max(now)),
            cure_until: clause.cure.map(|cure| now + unread + cure.delta()),
            appeal_until: clause.appeal.map(|appeal| now + unread + appeal.window.delta()),
            plan: None,
            appeal: None,
        }
    }

    /// The window begins: at the first reading, or when the notice counts as read.
    pub fn begins_at(&self) -> Timestamp {
        self.read_at.map_or(self.deemed_read_at, |read_at| read_at.min(self.deemed_read_at))
    }

    /// The same, read at `at`; the first reading counts.
    #[must_use]
    pub fn read(mut self, at: Timestamp) -> Notice {
        if self.read_at.is_none() {
            let before = self.begins_at();
            self.read_at = Some(at.max(self.served_at));
            let earlier = before - self.begins_at();
            self.deadline -= earlier;
            self.cure_until = self.cure_until.map(|until| until - earlier);
            self.appeal_until = self.appeal_until.map(|until| until - earlier);
        }
        self
    }

    /// The same after an appeal that held everything up was dismissed at `at`: every clock that ran goes
    /// on where it stopped.
    #[must_use]
    pub fn resume(mut self, reason: &str, at: Timestamp) -> Notice {
        if let Some(appeal) = &mut self.appeal {
            let stayed = at - appeal.filed_at;
            self.deadline += stayed;
            self.cure_until = self.cure_until.map(|until| until + stayed);
            if let Some(plan) = self.plan.as_mut().filter(|plan| plan.until > appeal.filed_at) {
                plan.until += stayed;
            }
            appeal.dismissed = Some(reason.to_owned());
        }
        self.waited_for(at)
    }

    /// The same after an act at `at` that it had to wait for: nothing takes effect before that act.
    #[must_use]
    pub fn waited_for(mut self, at: Timestamp) -> Notice {
        self.not_before = self.not_before.max(at);
        self
    }

    /// The plan that nobody has answered.
    pub fn open_plan(&self) -> Option<&CurePlan> {
        self.plan.as_ref().filter(|plan| plan.rejected.is_none())
    }

    /// The appeal that nobody has decided.
    pub fn open_appeal(&self) -> Option<&Filed> {
        self.appeal.as_ref().filter(|appeal| appeal.dismissed.is_none())
    }

    /// When the notice has run out, and nothing that it had to wait for is open: execution takes effect then,
    /// unless a plan has time left.
    pub fn over_at(&self) -> Timestamp {
        self.deadline.max(self.not_before)
    }

    /// When it falls due: when the notice has run out, and not while a plan has time left.
    pub fn due_at(&self) -> Timestamp {
        self.open_plan().map_or(self.over_at(), |plan| plan.until.max(self.over_at()))
    }

    /// As the state that it makes: noticed, or curing.
    pub fn running(self) -> State {
        if self.open_plan().is_some() {
            State::Curing { notice: self }
        } else {
            State::Noticed { notice: self }
        }
    }
}

impl State {
    /// Every name, in order of a case's life.
    pub const NAMES: [&'static str; 14] = [
        "draft",
        "submitted",
        "approved",
        "suspended",
        "noticed",
        "curing",
        "stayed",
        "due",
        "executed",
        "settled",
        "refused",
        "cured",
        "withdrawn",
        "overturned",
    ];

    /// In a word, as on the wire and in the database.
    pub fn name(&self) -> &'static str {
        match self {
            State::Draft => "draft",
            State::Submitted => "submitted",
            State::Approved => "approved",
            State::Suspended { .. } => "suspended",
            State::Noticed { .. } => "noticed",
            State::Curing { .. } => "curing",
            State::Stayed { .. } => "stayed",
            State::Due { .. } => "due",
            State::Executed { .. } => "executed",
            State::Settled { .. } => "settled",
            State::Refused { .. } => "refused",
            State::Cured { .. } => "cured",
            State::Withdrawn { .. } => "withdrawn",
            State::Overturned { .. } => "overturned",
        }
    }

    /// The notice, once served.
    pub fn notice(&self) -> Option<&Notice> {
        match self {
            State::Draft | State::Submitted | State::Approved | State::Refused { .. } => None,
            State::Suspended { notice, .. }
            | State::Noticed { notice }
            | State::Curing { notice }
            | State::Stayed { notice }
            | State::Due { notice, .. }
            | State::Executed { notice, .. }
            | State::Settled { notice, .. }
            | State::Cured { notice, .. }
            | State::Overturned { notice, .. } => Some(notice),
            State::Withdrawn { notice, .. } => notice.as_ref(),
        }
    }

    /// The same with another notice; a state without one stays as it is.
    #[must_use]
    pub fn with_notice(self, now: Notice) -> State {
        match self {
            State::Suspended { suspended_at, ratify_by, .. } => {
                State::Suspended { notice: now, suspended_at, ratify_by }
            }
            State::Executed { effective_at, executed_at, .. } => {
                State::Executed { notice: now, effective_at, executed_at }
            }
            State::Noticed { .. } | State::Curing { .. } => now.running(),
            State::Stayed { .. } => State::Stayed { notice: now },
            State::Due { waits, .. } => State::Due { notice: now, waits },
            other => other,
        }
    }

    /// Why it is over, where somebody or the server said so.
    pub fn closed_reason(&self) -> Option<&str> {
        match self {
            State::Refused { reason }
            | State::Cured { reason, .. }
            | State::Withdrawn { reason, .. }
            | State::Overturned { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Since when the lease is suspended without anybody having approved it.
    pub fn suspended_at(&self) -> Option<Timestamp> {
        match self {
            State::Suspended { suspended_at, .. } => Some(*suspended_at),
            _ => None,
        }
    }

    /// When it was carried out.
    pub fn executed_at(&self) -> Option<Timestamp> {
        match self {
            State::Executed { executed_at, .. } | State::Settled { executed_at, .. } => {
                Some(*executed_at)
            }
            _ => None,
        }
    }

    /// Whether something can still become of it.
    pub fn is_open(&self) -> bool {
        !matches!(
            self,
            State::Settled { .. }
                | State::Refused { .. }
                | State::Cured { .. }
                | State::Withdrawn { .. }
                | State::Overturned { .. }
        )
    }
}

/// In what time a suspension at once under `clause` must be ratified.
pub fn ratified_within(clause: &Clause) -> Span {
    match clause.ground {
        Ground::HarmImminent | Ground::SecurityImmediate => {
            clause.ratify_within.unwrap_or(RATIFIED_WITHIN)
        }
        _ => RATIFIED_WITHIN,
    }
}
