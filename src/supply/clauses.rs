//! Reclaim clauses: on which grounds a lease may be taken back, by whom, how, and for what money.
//!
//! A provider's terms are a list of clauses. They are hashed as canonical JSON (RFC 8785), and the
//! lease keeps the hash, so that what was signed can be shown to be what is applied. Members that
//! are not set are left out, so that a member added later does not change the hash of older terms.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::kernel::money::parse_decimal;
use crate::kernel::{Money, Sha256, Span};

/// SHA-256 of terms as canonical JSON; see [`hash`].
pub type TermsHash = Sha256;

/// Most clauses that terms may have.
pub const MAX_CLAUSES: usize = 30;

/// One way in which a lease may be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// What must have happened.
    pub ground: Ground,
    /// The external definition that the ground rests on; `harm.*` cannot do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_ref: Option<StandardRef>,
    /// Who may open a case.
    pub invocable_by: BTreeSet<Party>,
    /// The hardest action allowed; those before it in the order are allowed too.
    pub action_max: Action,
    /// Shortest time between serving the notice and its execution.
    pub notice: Span,
    /// Time from the notice in which the tenant may put it right; not longer than the notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cure: Option<Span>,
    /// How many different people of which role must approve, besides the initiator, who never does:
    /// `{"admin": 2, "legal": 1}`. A provider's owner counts as manager where no owner is missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub approvals: BTreeMap<ApproverRole, u8>,
    /// Whether a case needs evidence before it can be submitted.
    #[serde(default)]
    pub evidence_required: bool,
    /// Whether and how long the tenant may appeal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appeal: Option<Appeal>,
    /// What the tenant gets for the time taken back.
    pub compensation: Compensation,
    /// Units are taken back in multiples of this.
    #[serde(default = "one_unit")]
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub partial_step: u32,
}

fn one_unit() -> u32 {
    1
}

/// What must have happened; a closed list.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Ground {
    /// Harm found under the standard referred to.
    #[serde(rename = "harm.confirmed")]
    HarmConfirmed,
    /// Harm about to happen under the standard referred to.
    #[serde(rename = "harm.imminent")]
    HarmImminent,
    /// The acceptable-use policy was broken.
    #[serde(rename = "aup.violation")]
    AupViolation,
    /// An attack runs from or on the units.
    #[serde(rename = "security.immediate")]
    SecurityImmediate,
    /// Money owed was not paid.
    #[serde(rename = "payment.default")]
    PaymentDefault,
    /// A material breach of the contract.
    #[serde(rename = "breach.material")]
    BreachMaterial,
    /// No cause is needed.
    #[serde(rename = "convenience")]
    Convenience,
    /// The capacity was leased as callable.
    #[serde(rename = "recall.callable")]
    RecallCallable,
    /// The hardware must be worked on.
    #[serde(rename = "maintenance")]
    Maintenance,
    /// The hardware is taken out of service.
    #[serde(rename = "decommission")]
    Decommission,
    /// Beyond anybody's control.
    #[serde(rename = "force_majeure")]
    ForceMajeure,
    /// A court or authority orders it.
    #[serde(rename = "legal.order")]
    LegalOrder,
    /// Less than 20 % used for seven days.
    #[serde(rename = "idle")]
    Idle,
    /// The provider did not deliver; for the tenant.
    #[serde(rename = "non_delivery")]
    NonDelivery,
}

impl Ground {
    /// All of them, in the order of the list.
    pub const ALL: [Ground; 14] = [
        Ground::HarmConfirmed,
        Ground::HarmImminent,
        Ground::AupViolation,
        Ground::SecurityImmediate,
        Ground::PaymentDefault,
        Ground::BreachMaterial,
        Ground::Convenience,
        Ground::RecallCallable,
        Ground::Maintenance,
        Ground::Decommission,
        Ground::ForceMajeure,
        Ground::LegalOrder,
        Ground::Idle,
        Ground::NonDelivery,
    ];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Ground::HarmConfirmed => "harm.confirmed",
            Ground::HarmImminent => "harm.imminent",
            Ground::AupViolation => "aup.violation",
            Ground::SecurityImmediate => "security.immediate",
            Ground::PaymentDefault => "payment.default",
            Ground::BreachMaterial => "breach.material",
            Ground::Convenience => "convenience",
            Ground::RecallCallable => "recall.callable",
            Ground::Maintenance => "maintenance",
            Ground::Decommission => "decommission",
            Ground::ForceMajeure => "force_majeure",
            Ground::LegalOrder => "legal.order",
            Ground::Idle => "idle",
            Ground::NonDelivery => "non_delivery",
        }
    }

    /// The occasion in words; empty where the verb says it.
    const fn occasion(self) -> &'static str {
        match self {
            Ground::HarmConfirmed => "for confirmed harm",
            Ground::HarmImminent => "for imminent harm",
            Ground::AupViolation => "for breaking the acceptable-use policy",
            Ground::SecurityImmediate => "for a security emergency",
            Ground::PaymentDefault => "for payments in default",
            Ground::BreachMaterial => "for a material breach",
            Ground::Convenience => "without cause",
            Ground::RecallCallable => "",
            Ground::Maintenance => "for maintenance",
            Ground::Decommission => "when the hardware is taken out of service",
            Ground::ForceMajeure => "under force majeure",
            Ground::LegalOrder => "by legal order",
            Ground::Idle => "when idle",
            Ground::NonDelivery => "when not delivered",
        }
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A document by address and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StandardRef {
    /// Where it is published: an absolute URI, at most 2,000 characters.
    pub uri: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
}

/// A side of a case.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    sqlx::Type,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Party {
    /// The organization that owns the capacity.
    Provider,
    /// Staff of the marketplace.
    Admin,
    /// The organization that leases it.
    Tenant,
}

/// What may be done to a lease, from mild to hard.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    sqlx::Type,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Action {
    /// The tenant is told.
    Warn,
    /// The tenant cannot use the units for a while; they stay its own.
    Suspend,
    /// Some units are taken back.
    Partial,
    /// All of it is taken back.
    Full,
}

/// As what somebody approves: a role on the marketplace's staff, or in the provider's organization.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    sqlx::Type,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ApproverRole {
    Admin,
    Operations,
    Legal,
    Independent,
    ProviderOwner,
    ProviderManager,
}

/// The tenant's way to have a case looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Appeal {
    /// Time from the notice in which it can be filed.
    pub window: Span,
    /// Whether a filed appeal holds the execution until it is decided.
    pub stays: bool,
}

/// What the tenant gets for the time taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Compensation {
    /// Whether the price of the time taken back is returned.
    pub prorata_refund: bool,
    /// On top, so many times that price; 0 to 10 with at most four decimals.
    #[serde(default, skip_serializing_if = "Multiple::is_zero")]
    pub multiple: Multiple,
    /// At least so much altogether.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Money>,
    /// At most so much altogether.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Money>,
}

impl Compensation {
    /// What is owed to the tenant when time that costs `unused` is taken back: the refund and the
    /// multiple, together not below the floor and not above the cap.
    pub fn amount(&self, unused: Money) -> Money {
        let refund = if self.prorata_refund { unused } else { Money::ZERO };
        let amount = refund + unused.share(self.multiple.0);
        let amount = self.floor.map_or(amount, |floor| amount.max(floor));
        self.cap.map_or(amount, |cap| amount.min(cap))
    }
}

/// A factor; a decimal in a string on the wire, without trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Multiple(pub Decimal);

impl Multiple {
    fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

impl Serialize for Multiple {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.normalize())
    }
}

impl<'de> Deserialize<'de> for Multiple {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        parse_decimal(&text).map(|factor| Multiple(factor.normalize())).ok_or_else(|| {
            serde::de::Error::custom("expected a decimal in a string, such as \"0.5\"")
        })
    }
}

impl utoipa::PartialSchema for Multiple {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(r"^\d+(\.\d{1,4})?$"))
            .examples(["0.5"])
            .into()
    }
}
impl ToSchema for Multiple {}

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

/// The hash by which terms are found and signed: SHA-256 over [`canonical_json`].
///
/// # Errors
/// None for clauses without [`flaws`]; those of the JSON writer otherwise.
pub fn hash(clauses: &[Clause]) -> serde_json::Result<TermsHash> {
    canonical_json(clauses).map(|json| Sha256::of(&json))
}

/// Terms as canonical JSON, RFC 8785.
///
/// # Errors
/// Those of the JSON writer.
pub fn canonical_json(clauses: &[Clause]) -> serde_json::Result<Vec<u8>> {
    serde_json_canonicalizer::to_vec(&clauses)
}

impl Clause {
    /// Whether `party` may open a case under this clause.
    pub fn is_invocable_by(&self, party: Party) -> bool {
        self.invocable_by.contains(&party)
    }

    /// Whether `action` is one that this clause allows.
    pub fn allows(&self, action: Action) -> bool {
        action <= self.action_max
    }

    /// What it means for the lease, in words that go on after "This lease":
    /// `can be recalled with 7 days' notice`.
    pub fn in_words(&self) -> String {
        let verb = match (self.ground, self.action_max) {
            (_, Action::Warn) => "can be warned",
            (_, Action::Suspend) => "can be suspended",
            (Ground::RecallCallable, Action::Partial) => "can be recalled in part",
            (Ground::RecallCallable, Action::Full) => "can be recalled",
            (Ground::NonDelivery, _) => "can be left by the tenant",
            (_, Action::Partial) => "can be taken back in part",
            (_, Action::Full) => "can be taken back",
        };
        let mut words = verb.to_owned();
        if !self.ground.occasion().is_empty() {
            words.push(' ');
            words.push_str(self.ground.occasion());
        }
        match in_words(self.notice) {
            Some(notice) => {
                words.push_str(" with ");
                words.push_str(&notice);
                words.push_str(if notice.ends_with('s') { "' notice" } else { "'s notice" });
            }
            None => words.push_str(" without notice"),
        }
        if let Some(cure) = self.cure.and_then(in_words) {
            words.push_str(", unless put right within ");
            words.push_str(&cure);
        }
        words
    }

    fn note_flaws(&self, mut note: impl FnMut(&str, String)) {
        let bounds = self.ground.bounds();
        self.note_people_flaws(&bounds, &mut note);
        self.note_time_flaws(&bounds, &mut note);
        self.compensation.note_flaws(self.ground, &bounds, &mut note);
        if self.action_max > bounds.action_max {
            let max = format!("{:?}", bounds.action_max).to_lowercase();
            note("action_max", format!("{} allows {max} at most", self.ground));
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
            let party = format!("{party:?}").to_lowercase();
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
        if let Some(appeal) = self.appeal
            && !(Span::hours(1)..=Span::days(90)).contains(&appeal.window)
        {
            note("appeal.window", format!("it is PT1H to P90D, not {}", appeal.window));
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

/// A span in its largest whole unit; `None` for no time at all.
fn in_words(span: Span) -> Option<String> {
    let seconds = span.seconds();
    let (length, unit) = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")]
        .into_iter()
        .find(|(length, _)| seconds > 0 && seconds % length == 0)?;
    let number = seconds / length;
    Some(format!("{number} {unit}{}", if number == 1 { "" } else { "s" }))
}

#[cfg(test)]
mod tests {
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
            (Clause { notice: Span::days(5), cure: None, ..harm() }, "notice"),
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
                Clause {
                    compensation: Compensation { floor: cent(-1), ..compensation },
                    ..recall()
                },
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
            assert_eq!(serde_json::to_value(ground).unwrap(), ground.name());
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
}
