//! Two sets of terms side by side: what differs, and for whom it is better.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Clause, Ground, Party};
use crate::kernel::{Money, Span};

/// For whom the second of two terms is better in one respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BetterFor {
    Tenant,
    Provider,
    /// It is other, and neither better nor worse as such.
    Neither,
}

impl BetterFor {
    /// By something of which the tenant would rather have more.
    fn more_for_tenant(order: Ordering) -> BetterFor {
        match order {
            Ordering::Greater => BetterFor::Tenant,
            Ordering::Less => BetterFor::Provider,
            Ordering::Equal => BetterFor::Neither,
        }
    }
}

/// One respect in which two terms differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Difference {
    pub ground: Ground,
    /// Place of the clause in the first terms; `null` if only the second have it.
    pub first_clause: Option<usize>,
    /// Place of the clause in the second terms; `null` if only the first have it.
    pub second_clause: Option<usize>,
    /// The field, or `clause` where one has a whole clause that the other lacks.
    pub field: &'static str,
    /// What the first terms say.
    pub first: String,
    /// What the second terms say.
    pub second: String,
    /// For whom the second terms are better here.
    pub better_for: BetterFor,
    pub in_words: String,
}

/// All in which the terms `second` differ from `first`, ground by ground. Clauses on the same ground
/// are set side by side in their order.
pub fn compare(first: &[Clause], second: &[Clause]) -> Vec<Difference> {
    let mut differences = Vec::new();
    for ground in Ground::ALL {
        let on_ground = |clauses: &[Clause]| -> Vec<usize> {
            let places = clauses.iter().enumerate().filter(|(_, clause)| clause.ground == ground);
            places.map(|(place, _)| place).collect()
        };
        let (left, right) = (on_ground(first), on_ground(second));
        for number in 0..left.len().max(right.len()) {
            let (place, other) = (left.get(number).copied(), right.get(number).copied());
            let mut found = match (place, other) {
                (Some(place), Some(other)) => fields(&first[place], &second[other]),
                (Some(place), None) => vec![only_one(&first[place], true)],
                (None, Some(other)) => vec![only_one(&second[other], false)],
                (None, None) => Vec::new(),
            };
            for difference in &mut found {
                (difference.first_clause, difference.second_clause) = (place, other);
            }
            differences.append(&mut found);
        }
    }
    differences
}

/// The whole comparison in one sentence.
pub fn verdict(differences: &[Difference]) -> String {
    let count = |side| differences.iter().filter(|found| found.better_for == side).count();
    let (tenant, provider) = (count(BetterFor::Tenant), count(BetterFor::Provider));
    let points =
        |number: usize| format!("{number} {}", if number == 1 { "point" } else { "points" });
    match (tenant, provider, differences.len()) {
        (_, _, 0) => "both say the same".to_owned(),
        (0, 0, all) => format!("they differ in {}, to nobody's advantage as such", points(all)),
        (tenant, 0, _) => format!("the second are better for the tenant, in {}", points(tenant)),
        (0, provider, _) => {
            format!("the second are better for the provider, in {}", points(provider))
        }
        (tenant, provider, _) => format!(
            "the second are better for the tenant in {}, for the provider in {}",
            points(tenant),
            points(provider)
        ),
    }
}

fn difference(
    ground: Ground,
    field: &'static str,
    (first, second): (String, String),
    better_for: BetterFor,
    in_words: String,
) -> Difference {
    let (first_clause, second_clause) = (None, None);
    Difference { ground, first_clause, second_clause, field, first, second, better_for, in_words }
}

/// A clause that only one of the terms has. What can be invoked by the tenant alone is the tenant's;
/// any other clause is a way to lose the lease.
fn only_one(clause: &Clause, is_first: bool) -> Difference {
    let is_tenants = clause.invocable_by.iter().all(|party| *party == Party::Tenant);
    let better_for = if is_tenants == is_first { BetterFor::Provider } else { BetterFor::Tenant };
    let what = clause.in_words();
    let (sides, words) = if is_first {
        ((what.clone(), "–".to_owned()), format!("only under the first: a lease {what}"))
    } else {
        (("–".to_owned(), what.clone()), format!("only under the second: a lease {what}"))
    };
    difference(clause.ground, "clause", sides, better_for, words)
}

/// In which fields two clauses on the same ground differ.
fn fields(first: &Clause, second: &Clause) -> Vec<Difference> {
    let ground = first.ground;
    let mut found = Vec::new();
    let mut note = |field, sides: (String, String), better_for, words: String| {
        if sides.0 != sides.1 {
            found.push(difference(ground, field, sides, better_for, words));
        }
    };

    let order = second.notice.cmp(&first.notice);
    let comparative = if order == Ordering::Greater { "longer" } else { "shorter" };
    note(
        "notice",
        (first.notice.to_string(), second.notice.to_string()),
        // A tenant who leaves is glad of a short notice, one who is sent away of a long one.
        if ground == Ground::NonDelivery {
            BetterFor::more_for_tenant(order.reverse())
        } else {
            BetterFor::more_for_tenant(order)
        },
        format!("the notice of {} is {comparative} than {}", second.notice, first.notice),
    );
    let spans = |span: Option<Span>| span.map_or("none".to_owned(), |span| span.to_string());
    note(
        "cure",
        (spans(first.cure), spans(second.cure)),
        BetterFor::more_for_tenant(second.cure.cmp(&first.cure)),
        format!("time to put it right: {} against {}", spans(second.cure), spans(first.cure)),
    );
    note(
        "action_max",
        (first.action_max.to_string(), second.action_max.to_string()),
        BetterFor::more_for_tenant(first.action_max.cmp(&second.action_max)),
        format!("the hardest action is {} instead of {}", second.action_max, first.action_max),
    );
    note_people(first, second, &mut note);
    note_appeal(first, second, &mut note);
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    note(
        "evidence_required",
        (yes(first.evidence_required), yes(second.evidence_required)),
        BetterFor::more_for_tenant(second.evidence_required.cmp(&first.evidence_required)),
        if second.evidence_required { "evidence is needed" } else { "no evidence is needed" }
            .to_owned(),
    );
    let standard = |clause: &Clause| {
        clause
            .standard_ref
            .as_ref()
            .map_or("none".to_owned(), |standard| format!("{} ({})", standard.uri, standard.sha256))
    };
    note(
        "standard_ref",
        (standard(first), standard(second)),
        BetterFor::Neither,
        "the ground rests on another document: read both".to_owned(),
    );
    note_money(first, second, &mut note);
    note(
        "partial_step",
        (first.partial_step.to_string(), second.partial_step.to_string()),
        BetterFor::Neither,
        format!(
            "units are taken back in multiples of {} instead of {}",
            second.partial_step, first.partial_step
        ),
    );
    found
}

type Note<'a> = &'a mut dyn FnMut(&'static str, (String, String), BetterFor, String);

fn note_people(first: &Clause, second: &Clause, note: Note<'_>) {
    let sides = |parties: &BTreeSet<Party>| {
        parties.iter().map(Party::to_string).collect::<Vec<_>>().join(", ")
    };
    let against = |clause: &Clause| {
        clause.invocable_by.iter().filter(|party| **party != Party::Tenant).count()
    };
    let own = |clause: &Clause| clause.is_invocable_by(Party::Tenant);
    let order = against(first).cmp(&against(second)).then(own(second).cmp(&own(first)));
    let (before, after) = (sides(&first.invocable_by), sides(&second.invocable_by));
    let words = format!("a case can be opened by {after} instead of {before}");
    note("invocable_by", (before, after), BetterFor::more_for_tenant(order), words);

    let people = |clause: &Clause| {
        let roles = clause.approvals.iter().map(|(role, count)| format!("{count} {role}"));
        let roles: Vec<_> = roles.collect();
        if roles.is_empty() { "none".to_owned() } else { roles.join(", ") }
    };
    let count = |clause: &Clause| -> u32 { clause.approvals.values().map(|&n| u32::from(n)).sum() };
    let (before, after) = (people(first), people(second));
    let words = format!("approvals needed: {after} instead of {before}");
    let better_for = BetterFor::more_for_tenant(count(second).cmp(&count(first)));
    note("approvals", (before, after), better_for, words);
}

fn note_appeal(first: &Clause, second: &Clause, note: Note<'_>) {
    let rank = |clause: &Clause| clause.appeal.map(|appeal| (appeal.stays, appeal.window));
    let words = |clause: &Clause| match clause.appeal {
        None => "none".to_owned(),
        Some(appeal) if appeal.stays => format!("within {}, stays execution", appeal.window),
        Some(appeal) => format!("within {}, does not stay execution", appeal.window),
    };
    let (before, after) = (words(first), words(second));
    let sentence = format!("appeal: {after}; with the first: {before}");
    note(
        "appeal",
        (before, after),
        BetterFor::more_for_tenant(rank(second).cmp(&rank(first))),
        sentence,
    );
}

fn note_money(first: &Clause, second: &Clause, note: Note<'_>) {
    let (left, right) = (&first.compensation, &second.compensation);
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let refund = if right.prorata_refund {
        "the price of the time taken back is returned"
    } else {
        "the price of the time taken back is not returned"
    };
    note(
        "compensation.prorata_refund",
        (yes(left.prorata_refund), yes(right.prorata_refund)),
        BetterFor::more_for_tenant(right.prorata_refund.cmp(&left.prorata_refund)),
        refund.to_owned(),
    );
    let times = |multiple: super::Multiple| multiple.0.normalize().to_string();
    note(
        "compensation.multiple",
        (times(left.multiple), times(right.multiple)),
        BetterFor::more_for_tenant(right.multiple.cmp(&left.multiple)),
        format!(
            "on top, {} times that price instead of {} times",
            times(right.multiple),
            times(left.multiple)
        ),
    );
    let amount = |bound: Option<Money>| bound.map_or("none".to_owned(), |bound| bound.to_string());
    note(
        "compensation.floor",
        (amount(left.floor), amount(right.floor)),
        BetterFor::more_for_tenant(right.floor.cmp(&left.floor)),
        format!("at least {} instead of {}", amount(right.floor), amount(left.floor)),
    );
    // No cap at all is the highest one.
    let height = |cap: Option<Money>| (cap.is_none(), cap);
    note(
        "compensation.cap",
        (amount(left.cap), amount(right.cap)),
        BetterFor::more_for_tenant(height(right.cap).cmp(&height(left.cap))),
        format!("at most {} instead of {}", amount(right.cap), amount(left.cap)),
    );
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn clause(changes: Value) -> Clause {
        let mut clause = json!({
            "ground": "recall.callable", "invocable_by": ["provider"], "action_max": "full",
            "notice": "P7D", "approvals": { "admin": 1 },
            "compensation": { "prorata_refund": true, "multiple": "0.1" },
        });
        for (name, value) in changes.as_object().unwrap() {
            clause[name] = value.clone();
        }
        serde_json::from_value(clause).unwrap()
    }

    #[test]
    fn each_field_says_for_whom_the_second_is_better() {
        let usual = clause(json!({}));
        let money = |rest: Value| {
            let mut rule = json!({ "prorata_refund": true, "multiple": "0.1" });
            for (name, value) in rest.as_object().unwrap() {
                rule[name] = value.clone();
            }
            json!({ "compensation": rule })
        };
        for (changes, field, tenant_gains) in [
            (json!({ "notice": "P1D" }), "notice", false),
            (json!({ "notice": "P9D" }), "notice", true),
            (json!({ "cure": "P1D" }), "cure", true),
            (json!({ "action_max": "partial" }), "action_max", true),
            (json!({ "invocable_by": ["provider", "admin"] }), "invocable_by", false),
            (json!({ "approvals": { "admin": 2 } }), "approvals", true),
            (json!({ "evidence_required": true }), "evidence_required", true),
            (json!({ "appeal": { "window": "P1D", "stays": false } }), "appeal", true),
            (money(json!({ "prorata_refund": false })), "compensation.prorata_refund", false),
            (money(json!({ "multiple": "0.2" })), "compensation.multiple", true),
            (money(json!({ "floor": "10.00" })), "compensation.floor", true),
            (money(json!({ "cap": "10.00" })), "compensation.cap", false),
        ] {
            let other = clause(changes);
            let there = compare(std::slice::from_ref(&usual), std::slice::from_ref(&other));
            assert_eq!(there.len(), 1, "{there:?}");
            assert_eq!(there[0].field, field);
            let (gains, loses) = if tenant_gains {
                (BetterFor::Tenant, BetterFor::Provider)
            } else {
                (BetterFor::Provider, BetterFor::Tenant)
            };
            assert_eq!(there[0].better_for, gains, "{there:?}");
            let back = compare(std::slice::from_ref(&other), std::slice::from_ref(&usual));
            assert_eq!(back[0].better_for, loses, "{back:?}");
        }
    }

    #[test]
    fn a_clause_more_is_worse_for_the_tenant_unless_it_is_its_own() {
        let recall = clause(json!({}));
        let leave = clause(json!({
            "ground": "non_delivery", "invocable_by": ["tenant"], "approvals": {},
        }));
        let found = compare(&[], &[recall.clone(), leave.clone()]);
        let sides: Vec<_> = found.iter().map(|found| found.better_for).collect();
        assert_eq!(sides, [BetterFor::Provider, BetterFor::Tenant]);
        assert_eq!(
            found[0].in_words,
            "only under the second: a lease can be recalled with 7 days' notice"
        );
        assert_eq!(
            verdict(&found),
            "the second are better for the tenant in 1 point, for the provider in 1 point"
        );
        assert_eq!(
            verdict(&compare(&[recall.clone(), leave.clone()], &[leave, recall])),
            "both say the same"
        );
    }
}
