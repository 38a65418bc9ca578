//! Clauses: what is accepted, what is refused and where, what is hashed.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn recall() -> Clause {
    serde_json::from_value(json!({
        "ground": "recall.callable",
        "invocable_by": ["provider"],
        "action_max": "full",
        "notice": "P7D",
        "approvals": { "provider_owner": 1 },
        "compensation": { "prorata_refund": true, "multiple": "0.50" },
        "partial_step": 8,
    }))
    .unwrap()
}

fn harm() -> Clause {
    serde_json::from_value(json!({
        "ground": "harm.confirmed",
        "standard_ref": { "uri": "https://example.org/standard", "sha256": "0".repeat(64) },
        "invocable_by": ["admin"],
        "action_max": "full",
        "notice": "P30D",
        "cure": "P10D",
        "approvals": { "admin": 2, "legal": 1 },
        "evidence_required": true,
        "appeal": { "window": "P14D", "stays": true },
        "compensation": { "prorata_refund": true },
    }))
    .unwrap()
}

fn fields(clause: Clause) -> Vec<String> {
    flaws(&[clause]).into_iter().map(|flaw| flaw.field).collect()
}

#[test]
fn good_clauses_have_no_flaw_and_read_as_agreed() {
    assert_eq!(flaws(&[recall(), harm()]), []);
    assert_eq!(recall().in_words(), "can be recalled with 7 days' notice");
    assert_eq!(
        harm().in_words(),
        "can be taken back for confirmed harm with 30 days' notice, unless put right within 10 days"
    );
    let at_once = Clause { ground: Ground::ForceMajeure, notice: Span::ZERO, ..recall() };
    assert_eq!(at_once.in_words(), "can be taken back under force majeure without notice");
    let an_hour = Clause { notice: Span::hours(1), ..recall() };
    assert_eq!(an_hour.in_words(), "can be recalled with 1 hour's notice");
}

#[test]
fn harm_rests_on_a_published_standard_and_on_evidence() {
    assert_eq!(
        fields(Clause { standard_ref: None, evidence_required: false, ..harm() }),
        ["clauses[0].evidence_required", "clauses[0].standard_ref"]
    );
    let standard = StandardRef { uri: "not a uri".into(), sha256: Sha256([0; 32]) };
    assert_eq!(
        fields(Clause { standard_ref: Some(standard), ..harm() }),
        ["clauses[0].standard_ref.uri"]
    );
}

#[test]
fn every_bound_names_its_field() {
    let compensation = recall().compensation;
    let cent = |cents| Some(Money::round(Decimal::new(cents, 2)));
    for (clause, field) in [
        (Clause { notice: Span::days(31), ..recall() }, "notice"),
        (Clause { notice: Span::ZERO, ..recall() }, "notice"),
        (Clause { notice: Span::days(5), cure: None, appeal: None, ..harm() }, "notice"),
        (Clause { cure: Some(Span::days(1)), ..recall() }, "cure"),
        (Clause { cure: Some(Span::days(31)), ..harm() }, "cure"),
        (Clause { cure: Some(Span::ZERO), ..harm() }, "cure"),
        (Clause { ground: Ground::PaymentDefault, ..recall() }, "cure"),
        (Clause { invocable_by: BTreeSet::new(), ..recall() }, "invocable_by"),
        (Clause { invocable_by: [Party::Tenant].into(), ..recall() }, "invocable_by"),
        (Clause { ground: Ground::NonDelivery, ..recall() }, "invocable_by"),
        (Clause { approvals: BTreeMap::new(), ..recall() }, "approvals"),
        (Clause { approvals: [(ApproverRole::Legal, 1)].into(), ..harm() }, "approvals"),
        (Clause { approvals: [(ApproverRole::Legal, 21)].into(), ..harm() }, "approvals"),
        (Clause { partial_step: 0, ..recall() }, "partial_step"),
        (
            Clause { appeal: Some(Appeal { window: Span::ZERO, stays: true }), ..recall() },
            "appeal.window",
        ),
        (
            Clause { appeal: Some(Appeal { window: Span::days(31), stays: true }), ..harm() },
            "appeal.window",
        ),
        (
            Clause { appeal: Some(Appeal { window: Span::days(31), stays: false }), ..harm() },
            "appeal.window",
        ),
        (
            Clause {
                compensation: Compensation { prorata_refund: false, ..compensation },
                ..recall()
            },
            "compensation.prorata_refund",
        ),
        (
            Clause {
                compensation: Compensation {
                    multiple: Multiple(Decimal::NEGATIVE_ONE),
                    ..compensation
                },
                ..recall()
            },
            "compensation.multiple",
        ),
        (
            Clause { compensation: Compensation { floor: cent(-1), ..compensation }, ..recall() },
            "compensation.floor",
        ),
        (
            Clause {
                compensation: Compensation { floor: cent(2), cap: cent(1), ..compensation },
                ..recall()
            },
            "compensation.cap",
        ),
    ] {
        let found = fields(clause);
        assert_eq!(found, [format!("clauses[0].{field}")], "{field}");
    }
    let twice = flaws(&[recall(), recall()]);
    assert_eq!(twice.len(), 1);
    assert_eq!(twice[0].field, "clauses[1]");
}

#[test]
fn an_appeal_against_a_suspension_may_be_longer_than_the_notice() {
    let appeal = Some(Appeal { window: Span::days(7), stays: true });
    let emergency = Clause {
        ground: Ground::SecurityImmediate,
        action_max: Action::Suspend,
        notice: Span::ZERO,
        appeal,
        ..recall()
    };
    assert_eq!(flaws(&[emergency, Clause { appeal, ..recall() }]), []);
}

#[test]
fn emergencies_suspend_and_do_no_more() {
    let clause = Clause { ground: Ground::SecurityImmediate, notice: Span::ZERO, ..recall() };
    assert_eq!(fields(clause), ["clauses[0].action_max"]);
}

#[test]
fn what_is_not_in_the_list_is_not_read() {
    let json = serde_json::to_value(recall()).unwrap();
    for (member, value) in [
        ("ground", json!("bad.mood")),
        ("action_max", json!("erase")),
        ("invocable_by", json!(["everybody"])),
        ("notice", json!("P-1D")),
        ("notice", json!("P1M")),
        ("approvals", json!({ "admin": 300 })),
        ("approvals", json!({ "janitor": 1 })),
        ("partial_step", json!(-1)),
        ("standard_ref", json!({ "uri": "https://example.org", "sha256": "12" })),
        ("notce", json!("P7D")),
    ] {
        let mut changed = json.clone();
        changed[member] = value;
        assert!(serde_json::from_value::<Clause>(changed).is_err(), "{member}");
    }
}

#[test]
fn the_hash_is_over_canonical_json_and_depends_on_meaning_alone() {
    let json = String::from_utf8(canonical_json(&[recall()]).unwrap()).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"[{"action_max":"full","approvals":{"provider_owner":1},"#,
            r#""compensation":{"multiple":"0.5","prorata_refund":true},"#,
            r#""evidence_required":false,"ground":"recall.callable","#,
            r#""invocable_by":["provider"],"notice":"P7D","partial_step":8}]"#
        )
    );
    let same: Clause = serde_json::from_value(json!({
        "partial_step": 8,
        "compensation": { "multiple": "0.5", "prorata_refund": true, "cap": null },
        "approvals": { "provider_owner": 1 },
        "notice": "PT168H",
        "action_max": "full",
        "invocable_by": ["provider", "provider"],
        "ground": "recall.callable",
    }))
    .unwrap();
    assert_eq!(hash(&[same]).unwrap(), hash(&[recall()]).unwrap());
    let other = Clause { notice: Span::days(8), ..recall() };
    assert_ne!(hash(&[other]).unwrap(), hash(&[recall()]).unwrap());
}

#[test]
fn every_ground_is_named_as_it_is_written() {
    for ground in Ground::ALL {
        assert_eq!(serde_json::to_value(ground).unwrap(), ground.as_str());
    }
}

proptest! {
    #[test]
    fn compensation_keeps_to_floor_and_cap(
        unused in 0i64..1_000_000_000_000, multiple in 0i64..100_000, refund: bool,
        floor in proptest::option::of(0i64..1_000_000), above in proptest::option::of(0i64..1_000_000),
    ) {
        let cents = |cents: i64| Money::round(Decimal::new(cents, 2));
        let cap = above.map(|above| cents(floor.unwrap_or(0) + above));
        let rule = Compensation {
            prorata_refund: refund,
            multiple: Multiple(Decimal::new(multiple, 4)),
            floor: floor.map(cents),
            cap,
        };
        let amount = rule.amount(cents(unused));
        prop_assert!(rule.floor.is_none_or(|floor| amount >= floor));
        prop_assert!(rule.cap.is_none_or(|cap| amount <= cap));
        if refund && cap.is_none() {
            prop_assert!(amount >= cents(unused));
        }
    }
}
