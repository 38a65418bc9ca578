//! The whole state table, who may do what, and what is at stake.

use std::fmt::Write;

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::kernel::{
    LeaseId, Money, OfferId, OrganizationId, Period, PoolId, Rate, ReclaimCaseId, Timestamp,
    TrancheId, UserId,
};
use crate::leases::Tranche;
use crate::supply::{ApproverRole, Clause, Party};

fn day(day: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::days(day)
}

fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn clause() -> Clause {
    serde_json::from_value(json!({
        "ground": "harm.confirmed",
        "standard_ref": { "uri": "https://example.org/standard", "sha256": "0".repeat(64) },
        "invocable_by": ["provider", "admin"],
        "action_max": "full",
        "notice": "P30D",
        "approvals": { "admin": 1, "legal": 1 },
        "evidence_required": true,
        "compensation": { "prorata_refund": true },
        "partial_step": 4,
    }))
    .unwrap()
}

fn case(state: State) -> Case {
    let approvals = match state {
        State::Draft | State::Submitted => vec![],
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
        reason: "harm was found".into(),
        initiator: user(1),
        initiated_as: Party::Provider,
        evidence: 1,
        approvals,
        state,
        revision: 1,
        created_at: day(0),
    }
}

fn approval(number: u128, role: ApproverRole) -> Approval {
    Approval { user: user(number), role, at: day(0) }
}

fn nobody(number: u128) -> Person {
    Person {
        user: Some(user(number)),
        is_provider: false,
        is_tenant: false,
        is_admin: false,
        approver: None,
    }
}

fn initiator() -> Person {
    Person { is_provider: true, approver: Some(ApproverRole::ProviderOwner), ..nobody(1) }
}

fn approver(number: u128, role: ApproverRole) -> Person {
    Person { approver: Some(role), ..nobody(number) }
}

fn states() -> Vec<State> {
    let notice = Notice { served_at: day(0), deadline: day(30) };
    vec![
        State::Draft,
        State::Submitted,
        State::Approved,
        State::Noticed(notice),
        State::Executed { notice, executed_at: day(30) },
        State::Refused { reason: "no".into() },
        State::Withdrawn { notice: Some(notice), reason: "settled".into() },
    ]
}

fn commands() -> Vec<(&'static str, Command, Person)> {
    let reason = || "because".to_owned();
    vec![
        ("evidence", Command::AddEvidence, initiator()),
        ("submit", Command::Submit, initiator()),
        ("approve", Command::Approve, approver(4, ApproverRole::Legal)),
        ("refuse", Command::Refuse { reason: reason() }, approver(4, ApproverRole::Legal)),
        ("serve", Command::Serve { lease_ends_at: day(300) }, initiator()),
        ("withdraw", Command::Withdraw { reason: reason() }, initiator()),
        ("execute", Command::Execute, nobody(9)),
        ("lapse", Command::Lapse { reason: reason() }, nobody(9)),
    ]
}

#[test]
fn every_state_and_command() {
    let mut table = String::new();
    for (when, now) in [("in the notice", day(10)), ("at the deadline", day(30))] {
        writeln!(table, "{when}").unwrap();
        for state in states() {
            for (name, command, by) in commands() {
                let outcome = match case(state.clone()).decide(&command, &by, now) {
                    Ok(next) => next.name().to_owned(),
                    Err(refusal) => format!("— {}: {refusal}", refusal.code()),
                };
                writeln!(table, "  {:<10} {name:<9} {outcome}", state.name()).unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn evidence_comes_before_submission() {
    let bare = Case { evidence: 0, ..case(State::Draft) };
    let refused = bare.decide(&Command::Submit, &initiator(), day(1)).unwrap_err();
    assert_eq!(refused.code(), "evidence_missing");
    let codes: Vec<_> = bare.blocking(day(1)).iter().map(Refusal::code).collect();
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
    let tenant = Person { is_tenant: true, ..nobody(5) };
    let admin = Person { is_admin: true, approver: Some(ApproverRole::Admin), ..nobody(6) };
    let key = Person { user: None, ..initiator() };
    for by in [tenant, admin] {
        let refused = case(State::Draft).decide(&Command::Submit, &by, day(1)).unwrap_err();
        assert_eq!(refused.code(), "not_initiating_side");
    }
    let refused = case(State::Draft).decide(&Command::Submit, &key, day(1)).unwrap_err();
    assert_eq!(refused.code(), "person_required");
}

#[test]
fn a_notice_that_outlasts_the_lease_is_not_served() {
    let serve = |ends_at| {
        let serve = Command::Serve { lease_ends_at: ends_at };
        case(State::Approved).decide(&serve, &initiator(), day(1))
    };
    assert_eq!(serve(day(31)).unwrap_err().code(), "notice_outlasts_lease");
    let notice = Notice { served_at: day(1), deadline: day(31) };
    assert_eq!(serve(day(32)), Ok(State::Noticed(notice)));
}

fn tranche(number: u128, units: u32, from: i64, until: i64) -> Tranche {
    let rate = Rate::new(Decimal::new(123_456, 5)).unwrap();
    let period = Period { starts_at: day(from), ends_at: day(until) };
    Tranche {
        id: TrancheId(Uuid::from_u128(number)),
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
        let measure = Measure::Partial { tranche_id: TrancheId(Uuid::from_u128(tranche)), units };
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

proptest! {
    #[test]
    fn what_stays_and_what_is_taken_back_add_up(
        units in 1u32..200, taken in 0u32..200, from in 0i64..50, length in 1i64..50, at in 0i64..110,
    ) {
        let taken = taken.min(units);
        let tranche = tranche(1, units, from, from + length);
        let rule = clause().compensation;
        let partial = Measure::Partial { tranche_id: tranche.id, units: taken };
        let part = stake(partial, &rule, std::slice::from_ref(&tranche), day(at));
        let whole = stake(Measure::Full, &rule, std::slice::from_ref(&tranche), day(at));
        prop_assert_eq!(part.compensation, part.unused, "pro-rata");
        prop_assert!(part.unused >= Money::ZERO && part.unused <= whole.unused);
        prop_assert!(whole.unused <= tranche.price);
        if taken == units {
            prop_assert_eq!(part, whole);
        }
        if at <= from {
            prop_assert_eq!(whole.unused, tranche.price);
        }
        if at >= from + length || taken == 0 {
            prop_assert_eq!(part.unused, Money::ZERO);
        }
    }
}
