//! What a clause must keep to, by its ground.

use rust_decimal::Decimal;

use super::{Action, Clause, Compensation, Ground, Party};
use crate::kernel::{Money, Span};

/// Most clauses that terms may have.
pub const MAX_CLAUSES: usize = 30;

/// What a clause on one ground must keep to.
struct Bounds {
    invocable_by: &'static [Party],
    action_max: Action,
    notice: (Span, Span),
    cure: Cure,
    /// Fewest people who must approve.
    approvals: u16,
    needs_evidence: bool,
    needs_refund: bool,
}

#[derive(PartialEq, Eq)]
enum Cure {
    Never,
    Possible,
    AtLeast(Span),
}

const EITHER_OWNER: &[Party] = &[Party::Provider, Party::Admin];
const ANYBODY: &[Party] = &[Party::Provider, Party::Admin, Party::Tenant];
const YEAR: Span = Span::days(365);

/// Most people who may be asked to approve.
const MAX_APPROVALS: u16 = 20;

impl Ground {
    /// What a clause on this ground must keep to: a tenant who is not at fault is refunded, one who
    /// is gets the chance to put it right, and the harder the ground the more people look at it.
    const fn bounds(self) -> Bounds {
        const USUAL: Bounds = Bounds {
            invocable_by: EITHER_OWNER,
            action_max: Action::Full,
            notice: (Span::ZERO, YEAR),
            cure: Cure::Never,
            approvals: 1,
            needs_evidence: false,
            needs_refund: true,
        };
        match self {
            Ground::HarmConfirmed => Bounds {
                notice: (Span::days(7), YEAR),
                cure: Cure::Possible,
                approvals: 2,
                needs_evidence: true,
                ..USUAL
            },
            Ground::HarmImminent | Ground::SecurityImmediate => Bounds {
                action_max: Action::Suspend,
                notice: (Span::ZERO, Span::hours(24)),
                ..USUAL
            },
            Ground::AupViolation => Bounds {
                notice: (Span::hours(1), YEAR),
                cure: Cure::Possible,
                needs_refund: false,
                ..USUAL
            },
            Ground::PaymentDefault => Bounds {
                notice: (Span::days(1), YEAR),
                cure: Cure::AtLeast(Span::days(1)),
                needs_refund: false,
                ..USUAL
            },
            Ground::BreachMaterial => Bounds {
                invocable_by: ANYBODY,
                notice: (Span::days(7), YEAR),
                cure: Cure::Possible,
                approvals: 2,
                ..USUAL
            },
            Ground::Convenience => Bounds { notice: (Span::days(30), YEAR), approvals: 2, ..USUAL },
            Ground::RecallCallable => Bounds { notice: (Span::hours(1), Span::days(30)), ..USUAL },
            Ground::Maintenance | Ground::Decommission => {
                Bounds { notice: (Span::hours(24), YEAR), ..USUAL }
            }
            Ground::ForceMajeure => {
                Bounds { invocable_by: ANYBODY, approvals: 2, needs_evidence: true, ..USUAL }
            }
            Ground::LegalOrder => {
                Bounds { approvals: 2, needs_evidence: true, needs_refund: false, ..USUAL }
            }
            Ground::Idle => Bounds {
                notice: (Span::days(7), YEAR),
                cure: Cure::AtLeast(Span::days(7)),
                needs_refund: false,
                ..USUAL
            },
            Ground::NonDelivery => Bounds {
                invocable_by: &[Party::Tenant],
                notice: (Span::ZERO, Span::days(30)),
                approvals: 0,
                ..USUAL
            },
        }
    }

    const fn needs_standard(self) -> bool {
        matches!(self, Ground::HarmConfirmed | Ground::HarmImminent)
    }
}

/// What is wrong with one field of terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Path of the field: `clauses[0].notice`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// All that is wrong with terms; nothing when they may be offered. Terms without a clause are fine:
/// leases under them cannot be taken back.
pub fn flaws(clauses: &[Clause]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if clauses.len() > MAX_CLAUSES {
        flaws.push(Flaw {
            field: "clauses".to_owned(),
            detail: format!("{} clauses are too many; the most is {MAX_CLAUSES}", clauses.len()),
        });
        return flaws;
    }
    for (index, clause) in clauses.iter().enumerate() {
        if let Some(twin) = clauses[..index].iter().position(|earlier| earlier == clause) {
            flaws.push(Flaw {
                field: format!("clauses[{index}]"),
                detail: format!("it says the same as clauses[{twin}]; leave one out"),
            });
        }
        clause.note_flaws(|field, detail| {
            flaws.push(Flaw { field: format!("clauses[{index}].{field}"), detail });
        });
    }
    flaws
}

impl Clause {
    fn note_flaws(&self, mut note: impl FnMut(&str, String)) {
        let bounds = self.ground.bounds();
        self.note_people_flaws(&bounds, &mut note);
        self.note_time_flaws(&bounds, &mut note);
        self.compensation.note_flaws(self.ground, &bounds, &mut note);
        if self.action_max > bounds.action_max {
            note("action_max", format!("{} allows {} at most", self.ground, bounds.action_max));
        }
        if bounds.needs_evidence && !self.evidence_required {
            note("evidence_required", format!("{} cannot do without evidence", self.ground));
        }
        if !(1..=10_000_000).contains(&self.partial_step) {
            note("partial_step", "it is a number of units from 1 to 10000000".to_owned());
        }
        match &self.standard_ref {
            None if self.ground.needs_standard() => note(
                "standard_ref",
                format!("{} rests on a published standard: give its uri and sha256", self.ground),
            ),
            Some(standard) if !is_absolute_uri(&standard.uri) => note(
                "standard_ref.uri",
                "it is an absolute URI of at most 2000 characters, such as https://…".to_owned(),
            ),
            _ => {}
        }
    }

    fn note_people_flaws(&self, bounds: &Bounds, note: &mut impl FnMut(&str, String)) {
        if self.invocable_by.is_empty() {
            note("invocable_by", "name at least one side that may open a case".to_owned());
        }
        for party in self.invocable_by.iter().filter(|party| !bounds.invocable_by.contains(party)) {
            note("invocable_by", format!("{} is not for the {party} to invoke", self.ground));
        }
        if self.approvals.values().any(|&count| count == 0) {
            note("approvals", "leave a role out rather than asking for 0 of it".to_owned());
        }
        let count: u16 = self.approvals.values().map(|&count| u16::from(count)).sum();
        if !(bounds.approvals..=MAX_APPROVALS).contains(&count) {
            let least = bounds.approvals;
            note(
                "approvals",
                format!(
                    "{} takes the approval of {least} to {MAX_APPROVALS} people, not {count}",
                    self.ground
                ),
            );
        }
    }

    fn note_time_flaws(&self, bounds: &Bounds, note: &mut impl FnMut(&str, String)) {
        let (shortest, longest) = bounds.notice;
        if !(shortest..=longest).contains(&self.notice) {
            note(
                "notice",
                format!(
                    "{} takes a notice of {shortest} to {longest}, not {}",
                    self.ground, self.notice
                ),
            );
        }
        match (self.cure, &bounds.cure) {
            (Some(_), Cure::Never) => {
                note("cure", format!("{} is nothing that a tenant can put right", self.ground));
            }
            (None, Cure::AtLeast(least)) => {
                note("cure", format!("{} leaves the tenant at least {least}", self.ground));
            }
            (Some(cure), Cure::AtLeast(least)) if cure < *least => {
                note(
                    "cure",
                    format!("{} leaves the tenant at least {least}, not {cure}", self.ground),
                );
            }
            (Some(cure), _) if cure == Span::ZERO || cure > self.notice => {
                note("cure", format!("it lies within the notice of {}, not {cure}", self.notice));
            }
            _ => {}
        }
        if let Some(ratify_within) = self.ratify_within {
            let is_emergency =
                matches!(self.ground, Ground::HarmImminent | Ground::SecurityImmediate);
            if !is_emergency {
                note("ratify_within", format!("{} suspends nothing at once", self.ground));
            } else if !(Span::hours(1)..=Span::hours(72)).contains(&ratify_within) {
                note("ratify_within", format!("it is PT1H to PT72H, not {ratify_within}"));
            }
        }
        let Some(appeal) = self.appeal else { return };
        if !(Span::hours(1)..=Span::days(90)).contains(&appeal.window) {
            note("appeal.window", format!("it is PT1H to P90D, not {}", appeal.window));
        } else if self.allows(Action::Partial) && appeal.window > self.notice {
            // A suspension is appealed against while it runs; units that are taken are gone.
            note(
                "appeal.window",
                format!(
                    "units are taken when the notice of {} has run out, and nobody can appeal after that, so \
                     {} is too long; make the notice as long, or the window shorter",
                    self.notice, appeal.window
                ),
            );
        }
    }
}

impl Compensation {
    fn note_flaws(&self, ground: Ground, bounds: &Bounds, note: &mut impl FnMut(&str, String)) {
        if bounds.needs_refund && !self.prorata_refund {
            note(
                "compensation.prorata_refund",
                format!("{ground} returns the price of unused time"),
            );
        }
        let multiple = self.multiple.0;
        if multiple < Decimal::ZERO || multiple > Decimal::TEN || multiple.normalize().scale() > 4 {
            note("compensation.multiple", "it is 0 to 10 with at most 4 decimals".to_owned());
        }
        let highest = Money::round(Decimal::from(1_000_000_000_000_i64));
        for (field, bound) in [("compensation.floor", self.floor), ("compensation.cap", self.cap)] {
            if bound.is_some_and(|amount| !(Money::ZERO..=highest).contains(&amount)) {
                note(field, format!("it is an amount from 0 to {highest}"));
            }
        }
        if let (Some(floor), Some(cap)) = (self.floor, self.cap)
            && floor > cap
        {
            note("compensation.cap", format!("it is below the floor of {floor}"));
        }
    }
}

/// A scheme, a colon, and something after it, without spaces or control characters.
fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    text.chars().count() <= 2000
        && scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
        && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control())
}
