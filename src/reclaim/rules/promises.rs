//! What a notice promises: nothing takes effect before what it had to wait for, and nothing is done after the
//! time for it.

use chrono::TimeDelta;
use uuid::Uuid;

use super::tests::*;
use super::*;
use crate::kernel::{ReclaimCaseId, Span, Timestamp};
use crate::supply::{Appeal, ApproverRole};

// ── Nothing takes effect before what it had to wait for ──────────────────────────────────────────

/// The case, fallen due and executed at `now`: when it takes effect.
fn effective_at(case: &Case, now: Timestamp) -> Timestamp {
    let due = case.decide(&Command::FallDue, &nobody(9), now).unwrap();
    let due = Case { state: due, ..case.clone() };
    match due.decide(&Command::Execute, &nobody(9), now).unwrap() {
        State::Executed { effective_at, .. } => effective_at,
        other => panic!("it is {}", other.name()),
    }
}

#[test]
fn a_plan_that_is_rejected_after_the_deadline_puts_execution_off_to_the_rejection() {
    let mut case =
        case(State::Noticed { notice: Notice { cure_until: Some(day(30)), ..notice() } });
    let cure = Command::Cure { plan: "so".into(), done_by: None };
    case.state = case.decide(&cure, &tenant(), day(29)).unwrap();
    let reject = Command::RejectCure { reason: "too little".into() };
    case.state = case.decide(&reject, &initiator(), day(35)).unwrap();
    assert_eq!(effective_at(&case, day(36)), day(35), "not on day 30");
}

#[test]
fn an_appeal_that_is_dismissed_after_the_deadline_puts_execution_off_to_the_decision() {
    // Something else has put it off, so that the appeal was filed after the deadline.
    let late = Notice { appeal_until: Some(day(50)), ..notice().waited_for(day(40)) };
    let mut case = case(State::Noticed { notice: late });
    case.state = case.decide(&Command::Appeal { text: "so".into() }, &tenant(), day(39)).unwrap();
    let dismiss = Command::Dismiss { reason: "it is".into() };
    case.state = case.decide(&dismiss, &judge(7), day(49)).unwrap();
    assert_eq!(effective_at(&case, day(49)), day(49), "not on day 40");
}

#[test]
fn a_case_that_is_not_to_take_effect_before_an_instant_does_not_however_soon_it_is_read() {
    let serve = Command::Serve { lease_ends_at: day(300) };
    let asked = Case { not_before: Some(day(40)), ..case(State::Approved) };
    assert_eq!(asked.deadline(day(0)), Some(day(40)));
    let read = Case { state: asked.decide(&serve, &initiator(), day(0)).unwrap(), ..asked.clone() };
    let read =
        Case { state: read.decide(&Command::Acknowledge, &tenant(), day(0)).unwrap(), ..read };
    assert_eq!(read.deadline(day(0)), Some(day(40)));
    assert_eq!(read.blocking(day(35)), [CaseRefusal::WindowNotElapsed { deadline: day(40) }]);
    assert!(read.decide(&Command::FallDue, &nobody(9), day(39)).is_err());
    assert_eq!(effective_at(&read, day(41)), day(40));
    // Served too late for it, the notice runs as ever.
    let state = asked.decide(&serve, &initiator(), day(20)).unwrap();
    assert_eq!(state.notice().unwrap().due_at(), day(53));
    // A lease that ends before is left to end.
    let short = Command::Serve { lease_ends_at: day(39) };
    let refused = asked.decide(&short, &initiator(), day(0)).unwrap_err();
    assert_eq!(refused.code(), "notice_outlasts_lease");
}

#[test]
fn without_its_approvals_a_served_case_waits_and_ends_by_itself() {
    let mut case = case(State::Noticed { notice: notice() });
    case.approvals.pop();
    let codes =
        |case: &Case, now| -> Vec<_> { case.blocking(now).iter().map(CaseRefusal::code).collect() };
    assert_eq!(codes(&case, day(8)), ["window_not_elapsed", "approvals_missing"]);
    case.state = case.decide(&Command::FallDue, &nobody(9), day(30)).unwrap();
    let refused = case.decide(&Command::Execute, &nobody(9), day(30)).unwrap_err();
    assert_eq!(refused.code(), "approvals_missing");
    case.state = case.decide(&Command::Wait, &nobody(9), day(30)).unwrap();
    assert_eq!(codes(&case, day(31)), ["approvals_missing"]);
    assert_eq!(case.wakes_at(), Some(day(44)));
    assert_eq!(case.next_step(&nobody(9), day(43)), None);

    // Approved again, it takes effect then, and not at the deadline.
    let legal = approver(8, ApproverRole::Legal);
    let mut again =
        Case { state: case.decide(&Command::Approve, &legal, day(40)).unwrap(), ..case.clone() };
    again.approvals.push(Approval { at: day(40), ..approval(8, ApproverRole::Legal) });
    let done = again.decide(&Command::Execute, &nobody(9), day(41)).unwrap();
    assert!(matches!(done, State::Executed { effective_at, .. } if effective_at == day(40)));

    // The same approver has the role again: nothing says since when.
    let mut back = case.clone();
    back.approvals.push(approval(3, ApproverRole::Legal));
    let done = back.decide(&Command::Execute, &nobody(9), day(41)).unwrap();
    assert!(matches!(done, State::Executed { effective_at, .. } if effective_at == day(41)));

    let late = case.decide(&Command::Approve, &legal, day(44)).unwrap_err();
    assert_eq!(late, CaseRefusal::OutOfTime { until: day(44) });
    assert_eq!(case.decide(&Command::Expire, &nobody(9), day(44)).unwrap().name(), "withdrawn");
}

// ── What is out of time is so whether the server has noted it or not ─────────────────────────────

#[test]
fn nobody_ratifies_decides_or_serves_in_the_instant_in_which_the_time_for_it_is_over() {
    let second = TimeDelta::seconds(1);
    let reason = || "so".to_owned();
    let serve = Command::Serve { lease_ends_at: day(300) };
    let table = [
        (
            State::Suspended { notice: notice(), suspended_at: day(0), ratify_by: day(1) },
            Command::Approve,
            approver(4, ApproverRole::Legal),
            day(1),
        ),
        (
            State::Suspended { notice: notice(), suspended_at: day(0), ratify_by: day(1) },
            Command::Refuse { reason: reason() },
            approver(4, ApproverRole::Legal),
            day(1),
        ),
        (
            State::Stayed { notice: with_appeal() },
            Command::Dismiss { reason: reason() },
            judge(7),
            day(20),
        ),
        (
            State::Stayed { notice: with_appeal() },
            Command::Uphold { reason: reason() },
            judge(7),
            day(20),
        ),
        (State::Approved, serve, initiator(), day(90)),
        (State::Draft, Command::Submit, initiator(), day(90)),
    ];
    for (state, command, by, until) in table {
        let case = case_for(
            state,
            if command == Command::Approve { &Command::SuspendAtOnce } else { &command },
        );
        assert!(case.decide(&command, &by, until - second).is_ok(), "{command:?}");
        let late = case.decide(&command, &by, until).unwrap_err();
        assert_eq!(late, CaseRefusal::OutOfTime { until }, "{command:?}");
        assert!(case.decide(&Command::Expire, &nobody(9), until).is_ok(), "{command:?}");
    }
}

#[test]
fn what_is_due_is_neither_appealed_against_nor_put_right_though_the_server_is_late() {
    let mut case = case(State::Noticed {
        notice: Notice { cure_until: Some(day(50)), appeal_until: Some(day(50)), ..notice() },
    });
    case.clause.cure = Some(Span::days(30));
    let appeal = Command::Appeal { text: "so".into() };
    let cure = Command::Cure { plan: "so".into(), done_by: None };
    assert_eq!(case.appeal_until(), Some(day(30)), "as it is shown");
    let late = |command: &Command| case.decide(command, &tenant(), day(30)).unwrap_err();
    assert_eq!(late(&appeal), CaseRefusal::AppealWindowOver { until: day(30) });
    assert_eq!(late(&cure), CaseRefusal::CureWindowOver { until: day(30) });
}

#[test]
fn what_was_due_before_an_appeal_ran_out_is_executed_first_however_late_the_server_is() {
    let mut case = case(State::Noticed { notice: notice() });
    case.clause.appeal = Some(Appeal { window: Span::days(30), stays: false });
    case.state = State::Noticed { notice: Notice { appeal_until: Some(day(30)), ..notice() } };
    case.state = case.decide(&Command::Appeal { text: "so".into() }, &tenant(), day(29)).unwrap();
    // It fell due on day 30, and the appeal had to be decided by day 43.
    let steps = std::iter::from_fn(|| {
        let step = case.next_step(&nobody(9), day(60))?;
        case.state = case.decide(&step, &nobody(9), day(60)).ok()?;
        Some(case.state.name())
    });
    assert_eq!(steps.collect::<Vec<_>>(), ["due", "executed", "overturned"]);
}

#[test]
fn a_suspension_that_is_over_is_not_withdrawn() {
    let mut case =
        case(State::Executed { notice: notice(), effective_at: day(5), executed_at: day(5) });
    case.measure = Measure::Suspend { until: day(10) };
    let withdraw = Command::Withdraw { reason: "so".into() };
    assert!(case.decide(&withdraw, &initiator(), day(9)).is_ok());
    let late = case.decide(&withdraw, &initiator(), day(10)).unwrap_err();
    assert_eq!(late, CaseRefusal::OutOfTime { until: day(10) });
}

// ── Suspensions at once, one after the other ─────────────────────────────────────────────────────

#[test]
fn after_one_that_was_not_ratified_a_suspension_at_once_needs_approval_first() {
    let earlier = ReclaimCaseId(Uuid::from_u128(9));
    let mut case = case_for(State::Draft, &Command::SuspendAtOnce);
    case.approvals.clear();
    let at_once = |case: &Case| case.decide(&Command::SuspendAtOnce, &initiator(), day(1));
    assert_eq!(at_once(&case).unwrap().name(), "suspended");
    case.unratified = Some(earlier);
    assert_eq!(at_once(&case), Err(CaseRefusal::ApprovalFirst(earlier)));
    case.state = case.decide(&Command::Submit, &initiator(), day(1)).unwrap();
    assert_eq!(at_once(&case).unwrap_err().code(), "approvals_missing");
    case.state = case.decide(&Command::Approve, &approver(4, ApproverRole::Legal), day(1)).unwrap();
    case.approvals.push(approval(4, ApproverRole::Legal));
    let done = at_once(&case).unwrap();
    assert!(matches!(done, State::Executed { effective_at, .. } if effective_at == day(1)));
}

#[test]
fn the_lease_shows_when_something_is_taken_and_that_nothing_is_while_it_is_stayed() {
    let mark = |state: State| case(state).mark();
    assert_eq!(mark(State::Approved), Mark::Unmarked);
    assert_eq!(mark(State::Noticed { notice: notice() }), Mark::Taken(day(30)));
    assert_eq!(mark(State::Due { notice: notice(), waits: false }), Mark::Taken(day(30)));
    // The appeal was filed on day 6 and has to be decided by day 20.
    assert_eq!(mark(State::Stayed { notice: with_appeal() }), Mark::Taken(day(44)));
    let without = Case { approvals: vec![], ..case(State::Due { notice: notice(), waits: true }) };
    assert_eq!(without.mark(), Mark::Taken(day(44)), "at the latest");
    let done = State::Executed { notice: notice(), effective_at: day(30), executed_at: day(30) };
    assert_eq!(mark(done), Mark::Unmarked);
    let of = |measure| Case { measure, ..case(State::Noticed { notice: notice() }) }.mark();
    assert_eq!(of(Measure::Suspend { until: day(60) }), Mark::Noticed);
    assert_eq!(of(Measure::Warn), Mark::Unmarked);
}
