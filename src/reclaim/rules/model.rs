//! The state machine, explored: every order in which everybody can act, at every moment that matters,
//! with the real [`Case::decide`].
//!
//! Time only matters where a clock runs out, so a step of time goes to the instant of some clock, or to
//! the second before it. The server may be late; it is never early.

use stateright::{Checker, Model, Property};

use super::tests::{approver, case, clause, day, initiator, judge, nobody, tenant};
use super::*;
use crate::kernel::{Span, Timestamp};
use crate::supply::{Appeal, ApproverRole, Clause, Ground};

/// One kind of case, whose whole life is explored.
struct Life {
    /// What it begins as.
    case: Case,
    /// Everybody with everything that they could do.
    commands: Vec<(Person, Command)>,
}

/// Where it has got to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Moment {
    now: Timestamp,
    state: State,
    approvals: Vec<Approval>,
    /// Everybody whose approval was ever given.
    took_part: Vec<crate::kernel::UserId>,
    /// How many plans have been filed; two are enough to see what a second one does.
    plans: u8,
    /// Whether an approver has been removed; one is enough.
    has_removed: bool,
    /// When somebody last gave what execution had to wait for: an approval, a rejection, a decision.
    waited_for: Timestamp,
    /// What went wrong on the way here.
    wrong: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Step {
    Wait(Timestamp),
    /// One of the commands, by its place.
    Act(usize),
    /// The last approver leaves, or gets another role.
    Remove,
}

impl Life {
    fn of(clause: Clause, measure: Measure, from: State) -> Life {
        let case = Case { clause, measure, ..case(from) };
        Life { case, commands: Life::commands() }
    }

    fn commands() -> Vec<(Person, Command)> {
        let text = String::new;
        let lease_ends_at = day(1000);
        vec![
            (initiator(), Command::Submit),
            (initiator(), Command::SuspendAtOnce),
            (initiator(), Command::Serve { lease_ends_at }),
            (initiator(), Command::AcceptCure { reason: text() }),
            (initiator(), Command::RejectCure { reason: text() }),
            (initiator(), Command::Withdraw { reason: text() }),
            (initiator(), Command::Approve),
            (approver(2, ApproverRole::Admin), Command::Approve),
            (approver(3, ApproverRole::Legal), Command::Approve),
            (approver(4, ApproverRole::Legal), Command::Approve),
            (approver(3, ApproverRole::Legal), Command::Refuse { reason: text() }),
            (tenant(), Command::Acknowledge),
            (tenant(), Command::Cure { plan: text(), done_by: None }),
            (tenant(), Command::Appeal { text: text() }),
            (judge(7), Command::Uphold { reason: text() }),
            (judge(7), Command::Dismiss { reason: text() }),
            (judge(3), Command::Dismiss { reason: text() }),
            (nobody(9), Command::FallDue),
            (nobody(9), Command::Execute),
            (nobody(9), Command::Settle),
            (nobody(9), Command::Wait),
            (nobody(9), Command::Expire),
        ]
    }

    fn case(&self, at: &Moment) -> Case {
        Case {
            approvals: at.approvals.clone(),
            participants: at.took_part.clone(),
            state: at.state.clone(),
            ..self.case.clone()
        }
    }

    /// The instants at which some clock runs out.
    fn instants(&self, at: &Moment) -> Vec<Timestamp> {
        let mut instants: Vec<Timestamp> = self.case(at).wakes_at().into_iter().collect();
        instants.extend(self.case.not_before);
        if let State::Suspended { ratify_by, .. } = at.state {
            instants.push(ratify_by);
        }
        if let Measure::Suspend { until } = self.case.measure {
            instants.push(until);
        }
        if let Some(notice) = at.state.notice() {
            instants.extend([notice.deemed_read_at, notice.deadline]);
            instants.extend(notice.cure_until);
            instants.extend(notice.appeal_until);
            instants.extend(notice.open_plan().map(|plan| plan.until));
            instants.extend(notice.open_appeal().map(|appeal| appeal.decide_by));
        }
        instants
    }

    /// What must never happen on the way from `from` to `to`.
    fn wrong(
        &self,
        from: &Moment,
        by: &Person,
        command: &Command,
        to: &State,
    ) -> Option<&'static str> {
        let case = self.case(from);
        let missing = || !case.missing().is_empty();
        if self.is_out_of_time(from, command) {
            return Some("done after the time for it");
        }
        match (&from.state, to) {
            (State::Approved, State::Noticed { .. }) if missing() => {
                Some("served without the approvals")
            }
            (State::Approved | State::Due { .. }, State::Executed { .. }) if missing() => {
                Some("executed without the approvals")
            }
            (State::Due { notice, .. }, State::Executed { .. }) if from.now < notice.due_at() => {
                Some("executed before its deadline")
            }
            (State::Due { notice, .. }, State::Executed { effective_at, .. })
                if *effective_at < notice.served_at + self.case.clause.notice.delta()
                    || *effective_at < notice.deadline
                    || *effective_at < from.waited_for
                    || self.case.not_before.is_some_and(|at| *effective_at < at) =>
            {
                Some("effective before what it had to wait for")
            }
            (State::Approved, State::Executed { effective_at, .. })
                if *effective_at >= from.now =>
            {
                None
            }
            (State::Due { .. } | State::Suspended { .. }, State::Executed { .. }) => None,
            (from, State::Executed { .. }) if !matches!(from, State::Executed { .. }) => {
                Some("executed out of turn")
            }
            (State::Stayed { .. }, State::Due { .. }) => Some("due while stayed"),
            (_, State::Overturned { .. })
                if by.user.is_some_and(|user| from.took_part.contains(&user)) =>
            {
                Some("judged by somebody who took part")
            }
            _ => None,
        }
    }

    /// Whether the time that somebody had for `command` is over, by the clocks that are shown, whatever the
    /// server has noted.
    fn is_out_of_time(&self, at: &Moment, command: &Command) -> bool {
        let is_over = |until: Option<Timestamp>| until.is_some_and(|until| at.now >= until);
        let notice = at.state.notice();
        match (command, &at.state) {
            (Command::Cure { .. }, _) => is_over(notice.and_then(|notice| notice.cure_until)),
            (Command::Appeal { .. }, _) => is_over(self.case(at).appeal_until()),
            (Command::Uphold { .. } | Command::Dismiss { .. }, _) => {
                is_over(notice.and_then(Notice::open_appeal).map(|appeal| appeal.decide_by))
            }
            (Command::Approve | Command::Refuse { .. }, State::Suspended { ratify_by, .. }) => {
                at.now >= *ratify_by
            }
            (Command::Submit | Command::Approve | Command::Serve { .. }, _) => {
                !self.case(at).is_served() && at.now >= day(90)
            }
            _ => false,
        }
    }

    /// Whether execution has to wait for `command`.
    fn has_to_wait_for(at: &Moment, command: &Command) -> bool {
        at.state.notice().is_some()
            && match command {
                Command::Approve => !matches!(at.state, State::Suspended { .. }),
                Command::RejectCure { .. } => true,
                Command::Dismiss { .. } => matches!(at.state, State::Stayed { .. }),
                _ => false,
            }
    }

    /// How often the server has to act until the case is over, if everybody else leaves it alone.
    fn ends_by_itself(&self, from: &Moment) -> Option<usize> {
        let mut at = from.clone();
        for steps in 0..8 {
            let case = self.case(&at);
            let Some(wakes_at) = case.wakes_at() else { return Some(steps) };
            at.now = at.now.max(wakes_at);
            let command = case.next_step(&nobody(9), at.now)?;
            at.state = case.decide(&command, &nobody(9), at.now).ok()?;
        }
        None
    }

    fn explore(self) -> usize {
        let checker = self.checker().threads(2).spawn_dfs().join();
        checker.assert_properties();
        checker.unique_state_count()
    }
}

impl Model for Life {
    type State = Moment;
    type Action = Step;

    fn init_states(&self) -> Vec<Moment> {
        vec![Moment {
            now: day(0),
            approvals: self.case.approvals.clone(),
            took_part: self.case.participants.clone(),
            state: self.case.state.clone(),
            plans: 0,
            has_removed: false,
            waited_for: day(0),
            wrong: None,
        }]
    }

    fn actions(&self, at: &Moment, steps: &mut Vec<Step>) {
        if !at.state.is_open() {
            return;
        }
        steps.extend((0..self.commands.len()).map(Step::Act));
        let is_done = matches!(at.state, State::Executed { .. });
        if !is_done && !at.has_removed && !at.approvals.is_empty() {
            steps.push(Step::Remove);
        }
        let second = chrono::TimeDelta::seconds(1);
        let instants =
            self.instants(at).into_iter().flat_map(|instant| [instant - second, instant]);
        steps.extend(instants.filter(|instant| *instant > at.now).map(Step::Wait));
    }

    fn next_state(&self, at: &Moment, step: Step) -> Option<Moment> {
        let mut next = at.clone();
        match step {
            Step::Wait(until) => next.now = until,
            Step::Remove => {
                next.approvals.pop();
                next.has_removed = true;
            }
            Step::Act(number) => {
                let (by, command) = &self.commands[number];
                let state = self.case(at).decide(command, by, at.now).ok()?;
                if matches!(command, Command::Cure { .. }) {
                    next.plans += 1;
                    // With an appeal beside it the first plan is enough.
                    let most = if self.case.clause.appeal.is_some() { 1 } else { 2 };
                    if next.plans > most {
                        return None;
                    }
                }
                if *command == Command::Approve {
                    let (user, role) = (by.user?, by.approver?);
                    next.approvals.push(Approval { user, role, at: day(0) });
                    next.approvals.sort_unstable_by_key(|approval| approval.user);
                    if !next.took_part.contains(&user) {
                        next.took_part.push(user);
                        next.took_part.sort_unstable();
                    }
                }
                if Life::has_to_wait_for(at, command) {
                    next.waited_for = at.now;
                }
                next.wrong = self.wrong(at, by, command, &state);
                next.state = state;
            }
        }
        (next != *at).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing goes wrong", |_, at: &Moment| at.wrong.is_none()),
            Property::always("what is over stays so", |life: &Life, at: &Moment| {
                let case = life.case(at);
                at.state.is_open()
                    || life.commands.iter().all(|(by, command)| {
                        case.decide(command, by, at.now).is_err() && case.wakes_at().is_none()
                    })
            }),
            Property::always("an appeal that stays holds it up", |life: &Life, at: &Moment| {
                let stays = life.case.clause.appeal.is_some_and(|appeal| appeal.stays)
                    && life.case.measure.takes_units();
                let is_open = at.state.notice().is_some_and(|n| n.open_appeal().is_some());
                !(stays && is_open)
                    || matches!(at.state, State::Stayed { .. } | State::Withdrawn { .. })
                    || matches!(at.state, State::Overturned { .. } | State::Cured { .. })
            }),
            Property::always("left alone it ends", |life: &Life, at: &Moment| {
                life.ends_by_itself(at).is_some()
            }),
            Property::eventually("it ends", |_, at: &Moment| !at.state.is_open()),
            Property::sometimes("it is settled", |_, at: &Moment| at.state.name() == "settled"),
        ]
    }
}

fn full(from: State, cure: Option<u16>, appeal: Option<(u16, bool)>) -> Life {
    let clause = Clause {
        notice: Span::days(30),
        cure: cure.map(Span::days),
        appeal: appeal.map(|(days, stays)| Appeal { window: Span::days(days), stays }),
        ..clause()
    };
    Life::of(clause, Measure::Full, from)
}

/// The same, of a case that is not to take effect before `at`.
fn not_before(mut life: Life, at: Timestamp) -> Life {
    life.case.not_before = Some(at);
    life
}

#[test]
fn no_order_of_events_breaks_a_case() {
    // From the draft on, and from the notice on with all that can come back.
    let explored = [
        full(State::Draft, None, None).explore(),
        full(State::Approved, Some(30), None).explore(),
        full(State::Approved, None, Some((14, true))).explore(),
        full(State::Approved, None, Some((90, false))).explore(),
        full(State::Approved, Some(10), Some((14, true))).explore(),
        not_before(full(State::Approved, Some(30), None), day(40)).explore(),
    ];
    println!("states explored: {explored:?}");
    assert!(explored.iter().sum::<usize>() > 1_000, "{explored:?}");
}

#[test]
fn no_order_of_events_breaks_an_emergency() {
    let clause = Clause {
        ground: Ground::HarmImminent,
        notice: Span::hours(12),
        cure: None,
        approvals: [(ApproverRole::Legal, 1)].into(),
        appeal: Some(Appeal { window: Span::days(7), stays: true }),
        ..clause()
    };
    let measure = Measure::Suspend { until: day(20) };
    let explored = Life::of(clause, measure, State::Draft).explore();
    println!("states explored: {explored}");
    assert!(explored > 100, "{explored}");
}
