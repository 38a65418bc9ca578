//! The whole state table, who may do what, and what is at stake.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use chrono::{DateTime, TimeDelta};
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::{
    LeaseId, OfferId, OrganizationId, Period, PoolId, Rate, ReclaimCaseId, Span, Timestamp,
    TrancheId, UserId,
};
use crate::leases::Tranche;
use crate::supply::{Appeal, ApproverRole, Clause, Ground, Party};

pub fn day(day: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::days(day)
}

fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

pub fn clause() -> Clause {
    serde_json::from_value(json!({
        "ground": "harm.confirmed",
        "standard_ref": { "uri": "https://example.org/standard", "sha256": "0".repeat(64) },
        "invocable_by": ["provider", "admin"],
        "action_max": "full",
        "notice": "P30D",
        "cure": "P10D",
        "appeal": { "window": "P14D", "stays": true },
        "approvals": { "admin": 1, "legal": 1 },
        "evidence_required": true,
        "compensation": { "prorata_refund": true },
        "partial_step": 4,
    }))
    .unwrap()
}

pub fn case(state: State) -> Case {
    let approvals = match state {
        State::Draft | State::Submitted | State::Suspended { .. } => vec![],
        _ => vec![approval(2, ApproverRole::Admin), approval(3, ApproverRole::Legal)],
    };
    Case {
        id: ReclaimCaseId(Uuid::nil()),
        lease_id: LeaseId(Uuid::nil()),
        provider_id: OrganizationId(Uuid::nil()),
        tenant_id: OrganizationId(Uuid::nil()),
        clause: clause(),
        terms_hash: crate::kernel::Sha256([0; 32]),
        measure: Measure::Full,
        reserve: None,
        not_before: None,
        reason: "harm was found".into(),
        initiator: user(1),
        initiated_as: Party::Provider,
        evidence: 1,
        approvals,
        participants: vec![user(1), user(2), user(3)],
        unratified: None,
        state,
        revision: 1,
        created_at: day(0),
    }
}

pub fn approval(number: u128, role: ApproverRole) -> Approval {
    Approval { user: user(number), role, at: day(0) }
}

pub fn nobody(number: u128) -> Person {
    Person {
        user: Some(user(number)),
        is_provider: false,
        is_tenant: false,
        is_admin: false,
        is_judge: false,
        approver: None,
    }
}

pub fn initiator() -> Person {
    Person { is_provider: true, approver: Some(ApproverRole::ProviderOwner), ..nobody(1) }
}

pub fn approver(number: u128, role: ApproverRole) -> Person {
    Person { approver: Some(role), ..nobody(number) }
}

pub fn tenant() -> Person {
    Person { is_tenant: true, ..nobody(5) }
}

pub fn judge(number: u128) -> Person {
    Person { is_judge: true, approver: Some(ApproverRole::Independent), ..nobody(number) }
}

/// Served on day 0 and read at once.
pub fn notice() -> Notice {
    Notice::serve(&clause(), None, day(0)).read(day(0))
}

fn with_plan() -> Notice {
    let command = Command::Cure { plan: "we stop it".into(), done_by: None };
    let noticed = case(State::Noticed { notice: notice() });
    let state = noticed.decide(&command, &tenant(), day(5)).unwrap();
    state.notice().unwrap().clone()
}

pub fn with_appeal() -> Notice {
    let command = Command::Appeal { text: "it is not so".into() };
    let noticed = case(State::Noticed { notice: notice() });
    let state = noticed.decide(&command, &tenant(), day(6)).unwrap();
    state.notice().unwrap().clone()
}

/// One of every state, as far as the table distinguishes them.
fn states() -> Vec<State> {
    let (reason, notice) = (|| "because".to_owned(), notice());
    vec![
        State::Draft,
        State::Submitted,
        State::Approved,
        State::Suspended { notice: notice.clone(), suspended_at: day(0), ratify_by: day(1) },
        State::Noticed { notice: notice.clone() },
        State::Curing { notice: with_plan() },
        State::Stayed { notice: with_appeal() },
        State::Due { notice: notice.clone(), waits: false },
        State::Executed { notice: notice.clone(), effective_at: day(30), executed_at: day(30) },
        State::Settled { notice: notice.clone(), executed_at: day(30) },
        State::Refused { reason: reason() },
        State::Cured { notice: notice.clone(), reason: reason() },
        State::Withdrawn { notice: Some(notice.clone()), reason: reason() },
        State::Overturned { notice, reason: reason() },
    ]
}

fn commands() -> Vec<(&'static str, Command, Person)> {
    let reason = || "because".to_owned();
    let legal = || approver(4, ApproverRole::Legal);
    vec![
        ("evidence", Command::AddEvidence, initiator()),
        ("submit", Command::Submit, initiator()),
        ("approve", Command::Approve, legal()),
        ("refuse", Command::Refuse { reason: reason() }, legal()),
        ("suspend at once", Command::SuspendAtOnce, initiator()),
        ("serve", Command::Serve { lease_ends_at: day(300) }, initiator()),
        ("acknowledge", Command::Acknowledge, tenant()),
        ("respond", Command::Respond, tenant()),
        ("cure", Command::Cure { plan: reason(), done_by: None }, tenant()),
        ("accept cure", Command::AcceptCure { reason: reason() }, initiator()),
        ("reject cure", Command::RejectCure { reason: reason() }, initiator()),
        ("appeal", Command::Appeal { text: reason() }, tenant()),
        ("uphold", Command::Uphold { reason: reason() }, judge(7)),
        ("dismiss", Command::Dismiss { reason: reason() }, judge(7)),
        ("withdraw", Command::Withdraw { reason: reason() }, initiator()),
        ("fall due", Command::FallDue, nobody(9)),
        ("execute", Command::Execute, nobody(9)),
        ("settle", Command::Settle, nobody(9)),
        ("wait", Command::Wait, nobody(9)),
        ("expire", Command::Expire, nobody(9)),
        ("lapse", Command::Lapse { reason: reason() }, nobody(9)),
    ]
}

/// A case in `state` as the table looks at it: a suspension in an emergency where only that can be.
pub fn case_for(state: State, command: &Command) -> Case {
    let mut case = case(state);
    let is_suspension =
        matches!(case.state, State::Suspended { .. }) || matches!(command, Command::SuspendAtOnce);
    if case.state == State::Submitted {
        case.approvals = vec![approval(2, ApproverRole::Admin)];
    }
    if is_suspension {
        case.clause.ground = Ground::HarmImminent;
        case.clause.approvals = [(ApproverRole::Legal, 1)].into();
        case.measure = Measure::Suspend { until: day(40) };
    }
    case
}

#[test]
fn every_state_and_command() {
    assert_eq!(states().iter().map(State::name).collect::<Vec<_>>(), State::NAMES);
    let mut table = String::new();
    let within_a_day = day(0) + TimeDelta::hours(12);
    for (when, now) in [
        ("within a day", within_a_day),
        ("in the notice", day(8)),
        ("at the deadline", day(30)),
        ("long after", day(100)),
    ] {
        writeln!(table, "{when}").unwrap();
        for state in states() {
            for (name, command, by) in commands() {
                let outcome = match case_for(state.clone(), &command).decide(&command, &by, now) {
                    Ok(next) => next.name().to_owned(),
                    Err(refusal) => format!("— {}: {refusal}", refusal.code()),
                };
                writeln!(table, "  {:<10} {name:<15} {outcome}", state.name()).unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}

/// The same as a suspension that runs, with an appeal that holds up nothing.
fn under_appeal(case: &Case) -> Case {
    let mut case = case.clone();
    if matches!(case.state, State::Executed { .. }) {
        case.measure = Measure::Suspend { until: day(40) };
        case.state = case.state.with_notice(with_appeal());
    }
    case
}

/// The same without its approvals, where that matters once it is served.
fn without_approvals(case: &Case) -> Case {
    let mut case = case.clone();
    if matches!(case.state, State::Due { .. }) {
        case.approvals.clear();
    }
    case
}

/// Every change of state that some command makes at some time, with the commands that make it.
fn arrows() -> BTreeMap<(&'static str, &'static str), BTreeSet<&'static str>> {
    let mut arrows: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for now in [day(0) + TimeDelta::hours(12), day(8), day(30), day(100)] {
        for state in states() {
            for (name, command, by) in commands() {
                let case = case_for(state.clone(), &command);
                for case in [under_appeal(&case), without_approvals(&case), case] {
                    if let Ok(next) = case.decide(&command, &by, now)
                        && next.name() != state.name()
                    {
                        arrows.entry((state.name(), next.name())).or_default().insert(name);
                    }
                }
            }
        }
    }
    arrows
}

#[test]
fn the_diagram_in_the_documentation_is_what_the_rules_do() {
    let mut diagram = String::from("```mermaid\nstateDiagram-v2\n    [*] --> draft\n");
    for ((from, to), commands) in arrows() {
        let commands: Vec<&str> = commands.into_iter().collect();
        writeln!(diagram, "    {from} --> {to}: {}", commands.join(", ")).unwrap();
    }
    for state in states().iter().filter(|state| !state.is_open()) {
        writeln!(diagram, "    {} --> [*]", state.name()).unwrap();
    }
    diagram.push_str("```\n");
    let page = include_str!("../../../docs/reclaim.md");
    let (_, rest) = page.split_once("<!-- diagram -->\n").unwrap();
    let (written, _) = rest.split_once("<!-- /diagram -->").unwrap();
    assert_eq!(written, diagram, "put this diagram into docs/reclaim.md:\n\n{diagram}");
}

#[test]
fn evidence_comes_before_submission() {
    let bare = Case { evidence: 0, ..case(State::Draft) };
    let refused = bare.decide(&Command::Submit, &initiator(), day(1)).unwrap_err();
    assert_eq!(refused.code(), "evidence_missing");
    let codes: Vec<_> = bare.blocking(day(1)).iter().map(CaseRefusal::code).collect();
    assert_eq!(
        codes,
        ["evidence_missing", "case_not_submitted", "approvals_missing", "notice_not_served"]
    );
}

#[test]
fn a_case_that_needs_no_approval_is_approved_by_submitting_it() {
    let mut open = case(State::Draft);
    open.clause.approvals.clear();
    assert_eq!(open.decide(&Command::Submit, &initiator(), day(1)), Ok(State::Approved));
}

#[test]
fn approvals_come_from_different_people_of_the_roles_asked_for() {
    let mut open = case(State::Submitted);
    let decide = |case: &Case, by: Person| {
        case.decide(&Command::Approve, &by, day(1)).map_err(|refusal| refusal.code())
    };
    let itself = Person { approver: Some(ApproverRole::Admin), ..initiator() };
    assert_eq!(decide(&open, itself), Err("self_approval"));
    assert_eq!(decide(&open, approver(2, ApproverRole::Operations)), Err("role_may_not_approve"));
    assert_eq!(decide(&open, nobody(2)), Err("role_may_not_approve"));
    let key = Person { user: None, ..approver(2, ApproverRole::Admin) };
    assert_eq!(decide(&open, key), Err("person_required"));
    assert_eq!(decide(&open, approver(2, ApproverRole::Admin)), Ok(State::Submitted));

    open.approvals.push(approval(2, ApproverRole::Admin));
    assert_eq!(decide(&open, approver(2, ApproverRole::Admin)), Err("approved_already"));
    let second_admin = approver(3, ApproverRole::Admin);
    assert_eq!(decide(&open, second_admin), Err("role_may_not_approve"), "only legal is missing");
    assert_eq!(decide(&open, approver(3, ApproverRole::Legal)), Ok(State::Approved));
}

#[test]
fn an_approver_who_is_removed_is_missed_until_somebody_takes_the_place() {
    let mut approved = case(State::Approved);
    approved.approvals.pop();
    let serve = Command::Serve { lease_ends_at: day(300) };
    let refused = approved.decide(&serve, &initiator(), day(1)).unwrap_err();
    assert_eq!(refused.code(), "approvals_missing");
    let legal = approver(8, ApproverRole::Legal);
    assert_eq!(approved.decide(&Command::Approve, &legal, day(1)), Ok(State::Approved));
}

#[test]
fn a_providers_owner_counts_as_manager_where_no_owner_is_missing() {
    let mut open = case(State::Submitted);
    open.clause.approvals =
        [(ApproverRole::ProviderOwner, 1), (ApproverRole::ProviderManager, 1)].into();
    open.approvals = vec![approval(2, ApproverRole::ProviderOwner)];
    assert_eq!(open.missing(), [(ApproverRole::ProviderManager, 1)].into());
    open.approvals.push(approval(3, ApproverRole::ProviderOwner));
    assert_eq!(open.missing(), [].into());
    open.approvals = vec![approval(2, ApproverRole::ProviderManager); 2];
    assert_eq!(open.missing(), [(ApproverRole::ProviderOwner, 1)].into());
}

#[test]
fn only_the_side_that_opened_it_moves_it_on() {
    let admin = Person { is_admin: true, approver: Some(ApproverRole::Admin), ..nobody(6) };
    let key = Person { user: None, ..initiator() };
    for by in [tenant(), admin] {
        let refused = case(State::Draft).decide(&Command::Submit, &by, day(1)).unwrap_err();
        assert_eq!(refused.code(), "not_initiating_side");
    }
    let refused = case(State::Draft).decide(&Command::Submit, &key, day(1)).unwrap_err();
    assert_eq!(refused.code(), "person_required");
}

#[test]
fn a_notice_that_could_outlast_the_lease_is_not_served() {
    let serve = |ends_at| {
        let serve = Command::Serve { lease_ends_at: ends_at };
        case(State::Approved).decide(&serve, &initiator(), day(1))
    };
    assert_eq!(serve(day(34)).unwrap_err().code(), "notice_outlasts_lease");
    let served = serve(day(35)).unwrap();
    assert_eq!(served.notice().unwrap().deadline, day(34), "30 days, and 3 to read it");
}

#[test]
fn the_window_begins_with_the_first_reading_or_after_three_days() {
    let unread = Notice::serve(&clause(), None, day(0));
    assert_eq!((unread.begins_at(), unread.deadline), (day(3), day(33)));
    let read = unread.clone().read(day(1));
    assert_eq!((read.begins_at(), read.deadline), (day(1), day(31)));
    assert_eq!((read.cure_until, read.appeal_until), (Some(day(11)), Some(day(15))));
    assert_eq!(read.clone().read(day(2)), read, "the first reading counts");
    let late = unread.read(day(5));
    assert_eq!((late.read_at, late.deadline), (Some(day(5)), day(33)));

    // A short notice counts as read after its own length.
    let short = Clause { notice: Span::hours(1), cure: None, appeal: None, ..clause() };
    assert_eq!(Notice::serve(&short, None, day(0)).deadline, day(0) + TimeDelta::hours(2));
}

#[test]
fn whoever_answers_has_read_the_notice() {
    let noticed = case(State::Noticed { notice: Notice::serve(&clause(), None, day(0)) });
    for command in [
        Command::Acknowledge,
        Command::Respond,
        Command::AddEvidence,
        Command::Cure { plan: "so".into(), done_by: None },
        Command::Appeal { text: "so".into() },
    ] {
        let state = noticed.decide(&command, &tenant(), day(2)).unwrap();
        assert_eq!(state.notice().unwrap().read_at, Some(day(2)), "{command:?}");
    }
}

#[test]
fn an_open_plan_holds_up_execution_until_its_own_time_is_over() {
    let noticed = case(State::Noticed { notice: notice() });
    let cure = |done_by, now| {
        noticed.decide(&Command::Cure { plan: "so".into(), done_by }, &tenant(), now)
    };
    assert_eq!(cure(None, day(10)).unwrap_err().code(), "cure_window_over");
    assert_eq!(cure(Some(day(20)), day(9)).unwrap_err().code(), "plan_too_long");
    assert_eq!(cure(Some(day(9)), day(9)).unwrap_err().code(), "plan_too_long");

    // With a cure as long as the notice a plan of the last day outlasts the deadline.
    let mut long =
        case(State::Noticed { notice: Notice { cure_until: Some(day(30)), ..notice() } });
    long.clause.cure = Some(Span::days(10));
    let command = Command::Cure { plan: "so".into(), done_by: None };
    let curing = Case { state: long.decide(&command, &tenant(), day(29)).unwrap(), ..long };
    let refused = curing.decide(&Command::FallDue, &nobody(9), day(35)).unwrap_err();
    assert_eq!(refused, CaseRefusal::CureOpen { until: day(39) });
    assert!(curing.decide(&Command::FallDue, &nobody(9), day(39)).is_ok());

    // Rejected, it holds up nothing.
    let reject = Command::RejectCure { reason: "too little".into() };
    let state = curing.decide(&reject, &initiator(), day(30)).unwrap();
    assert_eq!(state.name(), "noticed");
    let rejected = Case { state, ..curing };
    assert!(rejected.decide(&Command::FallDue, &nobody(9), day(30)).is_ok());
}

#[test]
fn a_dismissed_appeal_moves_the_clocks_by_the_time_that_it_took() {
    let noticed = case(State::Noticed { notice: notice() });
    let appeal = Command::Appeal { text: "so".into() };
    let stayed = noticed.decide(&appeal, &tenant(), day(13)).unwrap();
    let stayed = Case { state: stayed, ..noticed };
    let held = stayed.decide(&Command::FallDue, &nobody(9), day(26)).unwrap_err();
    assert_eq!(held, CaseRefusal::AppealStays { decide_by: day(27) });
    let late = stayed.decide(&Command::FallDue, &nobody(9), day(40)).unwrap_err();
    assert_eq!(late, CaseRefusal::OutOfTime { until: day(27) });
    let dismiss = Command::Dismiss { reason: "it is".into() };
    let goes_on = stayed.decide(&dismiss, &judge(7), day(20)).unwrap();
    assert_eq!(goes_on.notice().unwrap().deadline, day(37));
    let again = Case { state: goes_on, ..stayed.clone() };
    assert_eq!(again.decide(&appeal, &tenant(), day(21)).unwrap_err().code(), "appealed_already");
    let expired = stayed.decide(&Command::Expire, &nobody(9), day(27)).unwrap();
    assert_eq!(expired.name(), "overturned", "for the one who waits");
}

#[test]
fn an_appeal_is_decided_by_staff_who_had_no_part_in_it() {
    let stayed = case(State::Stayed { notice: with_appeal() });
    let uphold = |by: Person| {
        let command = Command::Uphold { reason: "so".into() };
        stayed.decide(&command, &by, day(8)).map_err(|refusal| refusal.code())
    };
    for (number, what) in [(1, "opened it"), (2, "approved it"), (3, "approved it")] {
        assert_eq!(uphold(judge(number)), Err("took_part"), "{what}");
    }
    assert_eq!(uphold(initiator()), Err("role_may_not_decide"));
    assert_eq!(uphold(tenant()), Err("role_may_not_decide"));
    assert_eq!(uphold(approver(8, ApproverRole::Operations)), Err("role_may_not_decide"));
    assert_eq!(uphold(Person { user: None, ..judge(8) }), Err("person_required"));
    assert_eq!(uphold(judge(8)).unwrap().name(), "overturned");
}

#[test]
fn an_appeal_that_does_not_stay_is_decided_after_the_execution() {
    let mut noticed = case(State::Noticed { notice: notice() });
    noticed.clause.appeal = Some(Appeal { window: Span::days(30), stays: false });
    noticed.state = State::Noticed { notice: Notice { appeal_until: Some(day(30)), ..notice() } };
    let appeal = Command::Appeal { text: "so".into() };
    noticed.state = noticed.decide(&appeal, &tenant(), day(29)).unwrap();
    assert_eq!(noticed.state.name(), "noticed");
    noticed.state = noticed.decide(&Command::FallDue, &nobody(9), day(30)).unwrap();
    noticed.state = noticed.decide(&Command::Execute, &nobody(9), day(30)).unwrap();
    let refused = noticed.decide(&Command::Settle, &nobody(9), day(30)).unwrap_err();
    assert_eq!(refused.code(), "appeal_stays");
    assert_eq!(noticed.wakes_at(), Some(day(43)));
    let dismissed = Command::Dismiss { reason: "so".into() };
    noticed.state = noticed.decide(&dismissed, &judge(7), day(31)).unwrap();
    assert_eq!(noticed.state.name(), "executed");
    assert!(noticed.decide(&Command::Settle, &nobody(9), day(31)).is_ok());
}

fn tranche(number: u128, units: u32, from: i64, until: i64) -> Tranche {
    let rate = Rate::new(Decimal::new(123_456, 5)).unwrap();
    let period = Period { starts_at: day(from), ends_at: day(until) };
    Tranche {
        id: TrancheId(Uuid::from_u128(number)),
        line: TrancheId(Uuid::from_u128(number)),
        number: 0,
        offer_id: OfferId(Uuid::nil()),
        pool_id: PoolId(Uuid::nil()),
        units,
        gpus: units * 8,
        mw: Decimal::ZERO,
        starts_at: day(from),
        ends_at: day(until),
        rate,
        price: rate.price(units * 8, period),
    }
}

#[test]
fn a_partial_takes_whole_steps_of_what_is_there_and_leaves_something() {
    let both = [tranche(1, 8, 0, 50), tranche(2, 12, 0, 100)];
    let check = |tranche: u128, units, tranches: &[Tranche], at| {
        let tranche_id = TrancheId(Uuid::from_u128(tranche));
        let measure = Measure::Partial { tranche_id, units, until: None };
        check_measure(measure, &clause(), tranches, day(at)).map_err(|refusal| refusal.code())
    };
    assert_eq!(check(1, 8, &both, 30), Ok(()), "the other one is left");
    assert_eq!(check(1, 12, &both, 30), Err("more_units_than_there"));
    assert_eq!(check(1, 6, &both, 30), Err("not_in_steps"));
    assert_eq!(check(1, 0, &both, 30), Err("not_in_steps"));
    assert_eq!(check(1, 4, &both, 60), Err("tranche_not_there"), "it is over by then");
    assert_eq!(check(2, 8, &both, 60), Ok(()));
    assert_eq!(check(2, 12, &both, 60), Err("more_units_than_there"), "that would be all of it");
    assert_eq!(check(3, 4, &both, 30), Err("tranche_not_there"));
}

#[test]
fn what_is_taken_for_a_time_is_taken_after_its_line_begins() {
    let later = [tranche(1, 8, 0, 100), tranche(2, 8, 40, 80)];
    let partial = |until| Measure::Partial {
        tranche_id: TrancheId(Uuid::from_u128(2)),
        units: 4,
        until: Some(day(until)),
    };
    let suspend = |until| Measure::Suspend { until: day(until) };
    let check = |measure, tranches: &[Tranche]| {
        check_measure(measure, &clause(), tranches, day(30)).map_err(|refusal| refusal.code())
    };
    assert_eq!(check(partial(30), &later), Err("over_before_it_begins"));
    assert_eq!(check(partial(39), &later), Err("over_before_it_begins"));
    assert_eq!(check(partial(40), &later), Err("over_before_it_begins"));
    assert_eq!(check(partial(41), &later), Ok(()));
    assert_eq!(check(suspend(39), &later), Ok(()), "the other line runs");
    assert_eq!(check(suspend(39), &later[1..]), Err("over_before_it_begins"));
    assert_eq!(check(suspend(41), &later[1..]), Ok(()));
}
