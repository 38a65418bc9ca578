//! The state machine of a case: what becomes of it by which command of whom, and when.

use std::collections::BTreeMap;

use super::case::{Approval, Case, Measure, Person};
use super::refusal::CaseRefusal;
use super::state::{APPEAL_DECIDED_WITHIN, CurePlan, Filed, Notice, State, ratified_within};
use crate::kernel::{Timestamp, UserId};
use crate::supply::ApproverRole;

/// What can be done with a case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// Adds a piece of evidence: the initiating side to a draft, the other one to its answer.
    AddEvidence,
    /// Hands it in for approval.
    Submit,
    Approve,
    Refuse {
        reason: String,
    },
    /// Suspends the lease before anybody has approved, in an emergency.
    SuspendAtOnce,
    /// Tells the other side, and sets the deadline.
    Serve {
        /// When the lease ends by itself.
        lease_ends_at: Timestamp,
    },
    /// The other side has read the notice.
    Acknowledge,
    /// The server: a person of the other side has read the notice in its inbox.
    NoteReading {
        read_at: Timestamp,
    },
    /// The other side answers.
    Respond,
    /// The other side says how it will put it right.
    Cure {
        plan: String,
        /// As long as the clause gives, if left out.
        done_by: Option<Timestamp>,
    },
    /// It has been put right.
    AcceptCure {
        reason: String,
    },
    /// The plan will not do; the window goes on.
    RejectCure {
        reason: String,
    },
    Appeal {
        text: String,
    },
    /// The appeal was right.
    Uphold {
        reason: String,
    },
    /// The appeal was wrong.
    Dismiss {
        reason: String,
    },
    Withdraw {
        reason: String,
    },
    /// The server, when the window is over.
    FallDue,
    /// The server, when it is due.
    Execute,
    /// The server, when nothing is open any more.
    Settle,
    /// The server, when it is due and an approval does not count any more: the case waits for another.
    Wait,
    /// The server, when somebody has waited too long: to serve, to ratify, to decide, to approve again.
    Expire,
    /// The server, when nothing is left to take back.
    Lapse {
        reason: String,
    },
}

impl Command {
    /// Whether the server gives it by itself, and nobody else.
    fn is_of_the_server(&self) -> bool {
        matches!(
            self,
            Command::NoteReading { .. }
                | Command::FallDue
                | Command::Execute
                | Command::Settle
                | Command::Wait
                | Command::Expire
                | Command::Lapse { .. }
        )
    }
}

impl Case {
    /// What becomes of the case by `command`, given by `by` at `now`.
    ///
    /// # Errors
    /// The [`CaseRefusal`] that applies.
    pub fn decide(
        &self,
        command: &Command,
        by: &Person,
        now: Timestamp,
    ) -> Result<State, CaseRefusal> {
        if !self.state.is_open() {
            return Err(self.moved_on());
        }
        // What is out of time is so whether the server has noted it yet or not.
        let out_of_time = match command {
            Command::Expire | Command::Lapse { .. } => None,
            command if command.is_of_the_server() => self.expired_at(now),
            _ => self.expires_at().filter(|at| *at <= now),
        };
        if let Some(until) = out_of_time {
            return Err(CaseRefusal::OutOfTime { until });
        }
        match command {
            Command::AddEvidence => self.add_evidence(by, now),
            Command::Submit => {
                self.check_initiating_side(by)?;
                self.check_is_draft()?;
                self.check_evidence()?;
                Ok(if self.missing().is_empty() { State::Approved } else { State::Submitted })
            }
            Command::Approve => self.approve(by, now),
            Command::Refuse { reason } => self.refuse(by, reason),
            Command::SuspendAtOnce => self.suspend_at_once(by, now),
            Command::Serve { lease_ends_at } => self.serve(by, *lease_ends_at, now),
            Command::Acknowledge | Command::Respond => {
                Ok(self.state.clone().with_notice(self.answered(by, now)?))
            }
            Command::NoteReading { read_at } => {
                let notice = self.state.notice().ok_or(CaseRefusal::NoticeNotServed)?.clone();
                Ok(self.state.clone().with_notice(notice.read(*read_at)))
            }
            Command::Cure { plan, done_by } => self.cure(by, plan, *done_by, now),
            Command::AcceptCure { reason } => {
                let notice = self.answer_plan(by)?;
                Ok(State::Cured { notice, reason: reason.clone() })
            }
            Command::RejectCure { reason } => {
                let mut notice = self.answer_plan(by)?;
                if let Some(plan) = &mut notice.plan {
                    plan.rejected = Some(reason.clone());
                }
                Ok(self.state.clone().with_notice(notice.waited_for(now)))
            }
            Command::Appeal { text } => self.appeal(by, text, now),
            Command::Uphold { reason } => {
                let notice = self.judged(by)?;
                Ok(State::Overturned { notice, reason: reason.clone() })
            }
            Command::Dismiss { reason } => self.dismiss(by, reason, now),
            Command::Withdraw { reason } => self.withdraw(by, reason, now),
            Command::FallDue => match &self.state {
                State::Noticed { notice } | State::Curing { notice } if now >= notice.due_at() => {
                    Ok(State::Due { notice: notice.clone(), waits: false })
                }
                _ => Err(self.first_blocking(now)),
            },
            Command::Execute => match &self.state {
                State::Due { notice, waits } if self.missing().is_empty() => Ok(State::Executed {
                    effective_at: match self.measure {
                        // Nobody can be kept out of the past.
                        Measure::Suspend { .. } => now,
                        // Somebody has the role again; nothing says since when.
                        _ if *waits => now,
                        _ => notice.due_at(),
                    },
                    notice: notice.clone(),
                    executed_at: now,
                }),
                _ => Err(self.first_blocking(now)),
            },
            Command::Settle => self.settle(now),
            Command::Wait => match &self.state {
                State::Due { notice, waits: false } if !self.missing().is_empty() => {
                    Ok(State::Due { notice: notice.clone(), waits: true })
                }
                _ => Err(CaseRefusal::TooEarly),
            },
            Command::Expire => self.expire(now),
            Command::Lapse { reason } => Ok(self.withdrawn(reason)),
        }
    }

    fn add_evidence(&self, by: &Person, now: Timestamp) -> Result<State, CaseRefusal> {
        if self.is_served() && by.is(self.respondent()) {
            return Ok(self.state.clone().with_notice(self.answered(by, now)?));
        }
        self.check_initiating_side(by)?;
        self.check_is_draft()?;
        Ok(State::Draft)
    }

    fn approve(&self, by: &Person, now: Timestamp) -> Result<State, CaseRefusal> {
        let user = self.check_judge(by)?;
        match self.state {
            State::Draft => return Err(CaseRefusal::NotSubmitted),
            // An approved case lacks approvals again when somebody who gave one was removed, and a served one
            // is not executed without.
            State::Submitted
            | State::Approved
            | State::Suspended { .. }
            | State::Noticed { .. }
            | State::Curing { .. }
            | State::Stayed { .. }
            | State::Due { .. } => {}
            _ => return Err(self.moved_on()),
        }
        if self.approvals.iter().any(|approval| approval.user == user) {
            return Err(CaseRefusal::ApprovedAlready);
        }
        let missing = self.missing();
        if missing.is_empty() {
            return Err(self.moved_on());
        }
        let with_this = self.missing_with(by.approver.map(|role| Approval { user, role, at: now }));
        if with_this == missing {
            return Err(CaseRefusal::RoleMayNotApprove(missing));
        }
        Ok(match &self.state {
            state if !with_this.is_empty() => state.clone(),
            State::Suspended { notice, suspended_at, .. } => State::Executed {
                notice: notice.clone(),
                effective_at: *suspended_at,
                executed_at: now,
            },
            State::Due { notice, .. } => {
                State::Due { notice: notice.clone().waited_for(now), waits: false }
            }
            state => match state.notice() {
                Some(notice) => state.clone().with_notice(notice.clone().waited_for(now)),
                None => State::Approved,
            },
        })
    }

    fn refuse(&self, by: &Person, reason: &str) -> Result<State, CaseRefusal> {
        self.check_judge(by)?;
        match &self.state {
            State::Draft => Err(CaseRefusal::NotSubmitted),
            State::Submitted | State::Approved => Ok(State::Refused { reason: reason.to_owned() }),
            State::Suspended { .. } => Ok(self.withdrawn(reason)),
            _ => Err(self.moved_on()),
        }
    }

    fn suspend_at_once(&self, by: &Person, now: Timestamp) -> Result<State, CaseRefusal> {
        self.check_initiating_side(by)?;
        let is_approved = match self.state {
            State::Draft => false,
            State::Submitted | State::Approved => true,
            _ => return Err(self.moved_on()),
        };
        self.check_evidence()?;
        let Measure::Suspend { until } = self.measure else {
            return Err(CaseRefusal::NoEmergency(self.clause.ground));
        };
        if !self.is_emergency() {
            return Err(CaseRefusal::NoEmergency(self.clause.ground));
        }
        if is_approved {
            self.check_approvals()?;
        }
        if until <= now {
            return Err(CaseRefusal::OverBeforeItBegins { from: now, until });
        }
        if let Some(at) = self.not_before.filter(|at| now < *at) {
            return Err(CaseRefusal::NotBefore { at });
        }
        let notice = Notice::serve(&self.clause, None, now);
        match self.unratified {
            // Approved first, it is ratified.
            _ if is_approved => Ok(State::Executed { notice, effective_at: now, executed_at: now }),
            Some(earlier) => Err(CaseRefusal::ApprovalFirst(earlier)),
            None => Ok(State::Suspended {
                notice,
                suspended_at: now,
                ratify_by: now + ratified_within(&self.clause).delta(),
            }),
        }
    }

    fn serve(&self, by: &Person, ends_at: Timestamp, now: Timestamp) -> Result<State, CaseRefusal> {
        self.check_initiating_side(by)?;
        if self.is_served() {
            return Err(self.moved_on());
        }
        if let Some(refusal) =
            self.blocking(now).into_iter().find(|refusal| *refusal != CaseRefusal::NoticeNotServed)
        {
            return Err(refusal);
        }
        let notice = Notice::serve(&self.clause, self.not_before, now);
        let deadline = notice.due_at();
        if deadline >= ends_at {
            return Err(CaseRefusal::NoticeOutlastsLease { deadline, ends_at });
        }
        Ok(State::Noticed { notice })
    }

    fn cure(
        &self,
        by: &Person,
        text: &str,
        done_by: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<State, CaseRefusal> {
        let mut notice = self.answered(by, now)?;
        let (Some(until), Some(time)) = (notice.cure_until, self.clause.cure) else {
            return Err(CaseRefusal::NoCure(self.clause.ground));
        };
        match &self.state {
            State::Noticed { .. } => {}
            State::Curing { .. } => return Err(CaseRefusal::PlanOpen),
            State::Stayed { .. } => return Err(self.first_blocking(now)),
            _ => return Err(self.moved_on()),
        }
        let until = until.min(notice.due_at());
        if now >= until {
            return Err(CaseRefusal::CureWindowOver { until });
        }
        let latest = now + time.delta();
        let done_by = done_by.unwrap_or(latest);
        if done_by <= now || done_by > latest {
            return Err(CaseRefusal::PlanTooLong { latest });
        }
        let text = text.to_owned();
        notice.plan = Some(CurePlan { filed_at: now, until: done_by, text, rejected: None });
        Ok(notice.running())
    }

    /// The notice with the open plan, which `by` may answer.
    fn answer_plan(&self, by: &Person) -> Result<Notice, CaseRefusal> {
        self.check_initiating_side(by)?;
        let notice = self.state.notice().ok_or(CaseRefusal::NoOpenPlan)?;
        notice.open_plan().ok_or(CaseRefusal::NoOpenPlan)?;
        match self.state {
            State::Curing { .. } | State::Stayed { .. } | State::Due { .. } => Ok(notice.clone()),
            _ => Err(self.moved_on()),
        }
    }

    fn appeal(&self, by: &Person, text: &str, now: Timestamp) -> Result<State, CaseRefusal> {
        let mut notice = self.answered(by, now)?;
        let read = Case { state: self.state.clone().with_notice(notice.clone()), ..self.clone() };
        let (Some(until), Some(clause)) = (read.appeal_until(), self.clause.appeal) else {
            return Err(CaseRefusal::NoAppeal(self.clause.ground));
        };
        if notice.appeal.is_some() {
            return Err(CaseRefusal::AppealedAlready);
        }
        let is_pending = matches!(self.state, State::Noticed { .. } | State::Curing { .. });
        let is_suspension = match (&self.state, self.measure) {
            (State::Suspended { .. }, _) => true,
            (State::Executed { .. }, measure) => matches!(measure, Measure::Suspend { .. }),
            _ => false,
        };
        if !is_pending && !is_suspension {
            return Err(self.moved_on());
        }
        if now >= until {
            return Err(CaseRefusal::AppealWindowOver { until });
        }
        notice.appeal = Some(Filed {
            filed_at: now,
            decide_by: now + APPEAL_DECIDED_WITHIN.delta(),
            text: text.to_owned(),
            dismissed: None,
        });
        Ok(if is_pending && clause.stays {
            State::Stayed { notice }
        } else {
            self.state.clone().with_notice(notice)
        })
    }

    fn dismiss(&self, by: &Person, reason: &str, now: Timestamp) -> Result<State, CaseRefusal> {
        let mut notice = self.judged(by)?;
        if matches!(self.state, State::Stayed { .. }) {
            return Ok(notice.resume(reason, now).running());
        }
        if let Some(appeal) = &mut notice.appeal {
            appeal.dismissed = Some(reason.to_owned());
        }
        Ok(self.state.clone().with_notice(notice))
    }

    /// The notice with the open appeal, which `by` may decide.
    fn judged(&self, by: &Person) -> Result<Notice, CaseRefusal> {
        let user = by.user.ok_or(CaseRefusal::PersonRequired)?;
        if !by.is_judge || by.is_provider || by.is_tenant {
            return Err(CaseRefusal::RoleMayNotDecide);
        }
        let has_approved = self.approvals.iter().any(|approval| approval.user == user);
        if user == self.initiator || has_approved || self.participants.contains(&user) {
            return Err(CaseRefusal::TookPart);
        }
        let notice = self.state.notice().ok_or(CaseRefusal::NoOpenAppeal)?;
        notice.open_appeal().ok_or(CaseRefusal::NoOpenAppeal)?;
        Ok(notice.clone())
    }

    fn settle(&self, now: Timestamp) -> Result<State, CaseRefusal> {
        let State::Executed { notice, executed_at, .. } = &self.state else {
            return Err(self.first_blocking(now));
        };
        if let Some(appeal) = notice.open_appeal() {
            return Err(CaseRefusal::AppealStays { decide_by: appeal.decide_by });
        }
        match self.measure {
            Measure::Suspend { until } if now < until => Err(CaseRefusal::SuspensionRuns { until }),
            _ => Ok(State::Settled { notice: notice.clone(), executed_at: *executed_at }),
        }
    }

    fn expire(&self, now: Timestamp) -> Result<State, CaseRefusal> {
        let appeal = self.state.notice().and_then(Notice::open_appeal);
        let at = self.expired_at(now).ok_or(CaseRefusal::TooEarly)?;
        match (&self.state, appeal) {
            (_, Some(appeal)) if at == appeal.decide_by => Ok(State::Overturned {
                notice: self.state.notice().cloned().ok_or(CaseRefusal::NoOpenAppeal)?,
                reason: "the appeal was not decided in time".to_owned(),
            }),
            (State::Suspended { .. }, _) => {
                Ok(self.withdrawn("the suspension was not ratified in time"))
            }
            (State::Due { .. }, _) => {
                Ok(self.withdrawn("an approval counted no more, and none was given in its place"))
            }
            _ => Ok(self.withdrawn("it was not served in time")),
        }
    }

    fn withdraw(&self, by: &Person, reason: &str, now: Timestamp) -> Result<State, CaseRefusal> {
        self.check_initiating_side(by)?;
        match (&self.state, self.measure) {
            (State::Executed { notice, .. }, Measure::Suspend { until })
                if now >= until && notice.open_appeal().is_none() =>
            {
                Err(CaseRefusal::OutOfTime { until })
            }
            (State::Executed { .. }, measure) if !matches!(measure, Measure::Suspend { .. }) => {
                Err(self.moved_on())
            }
            _ => Ok(self.withdrawn(reason)),
        }
    }

    fn withdrawn(&self, reason: &str) -> State {
        State::Withdrawn { notice: self.state.notice().cloned(), reason: reason.to_owned() }
    }

    fn moved_on(&self) -> CaseRefusal {
        CaseRefusal::MovedOn(self.state.name())
    }

    fn first_blocking(&self, now: Timestamp) -> CaseRefusal {
        self.blocking(now).into_iter().next().unwrap_or_else(|| self.moved_on())
    }

    /// The approvals needed besides those given and `another`. A provider's owner who is not needed as
    /// owner counts as manager.
    pub(super) fn missing_with(&self, another: Option<Approval>) -> BTreeMap<ApproverRole, u8> {
        let mut given: BTreeMap<ApproverRole, u8> = BTreeMap::new();
        for approval in self.approvals.iter().chain(&another) {
            *given.entry(approval.role).or_default() += 1;
        }
        let needed = |role| self.clause.approvals.get(&role).copied().unwrap_or(0);
        let spare_owners = given
            .get(&ApproverRole::ProviderOwner)
            .map_or(0, |owners| owners.saturating_sub(needed(ApproverRole::ProviderOwner)));
        *given.entry(ApproverRole::ProviderManager).or_default() += spare_owners;
        let lacking = self.clause.approvals.iter().map(|(role, count)| {
            (*role, count.saturating_sub(given.get(role).copied().unwrap_or(0)))
        });
        lacking.filter(|(_, count)| *count > 0).collect()
    }

    fn check_is_draft(&self) -> Result<(), CaseRefusal> {
        if self.state == State::Draft { Ok(()) } else { Err(self.moved_on()) }
    }

    pub(super) fn check_evidence(&self) -> Result<(), CaseRefusal> {
        if self.clause.evidence_required && self.evidence == 0 {
            return Err(CaseRefusal::EvidenceMissing(self.clause.ground));
        }
        Ok(())
    }

    pub(super) fn check_approvals(&self) -> Result<(), CaseRefusal> {
        let missing = self.missing();
        if missing.is_empty() { Ok(()) } else { Err(CaseRefusal::ApprovalsMissing(missing)) }
    }

    fn check_initiating_side(&self, by: &Person) -> Result<(), CaseRefusal> {
        if by.user.is_none() {
            return Err(CaseRefusal::PersonRequired);
        }
        if !by.is(self.initiated_as) {
            return Err(CaseRefusal::NotInitiatingSide(self.initiated_as));
        }
        Ok(())
    }

    /// The notice as it is once `by`, of the other side, has answered: read at `now` at the latest.
    fn answered(&self, by: &Person, now: Timestamp) -> Result<Notice, CaseRefusal> {
        if by.user.is_none() {
            return Err(CaseRefusal::PersonRequired);
        }
        if !by.is(self.respondent()) {
            return Err(CaseRefusal::NotRespondingSide(self.respondent()));
        }
        let notice = self.state.notice().ok_or(CaseRefusal::NoticeNotServed)?;
        Ok(notice.clone().read(now))
    }

    /// Somebody who may approve or refuse: of a role that the clause asks for, and not the initiator.
    fn check_judge(&self, by: &Person) -> Result<UserId, CaseRefusal> {
        let user = by.user.ok_or(CaseRefusal::PersonRequired)?;
        if user == self.initiator {
            return Err(CaseRefusal::SelfApproval);
        }
        let is_asked_for = by.approver.is_some_and(|role| {
            self.clause.approvals.keys().any(|asked_for| role.covers(*asked_for))
        });
        if is_asked_for { Ok(user) } else { Err(CaseRefusal::RoleMayNotApprove(self.missing())) }
    }
}
