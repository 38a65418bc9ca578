//! Reclaim clauses: on which grounds a lease may be taken back, by whom, how, and for what money.
//!
//! A provider's terms are a list of clauses. They are hashed as canonical JSON (RFC 8785), and the
//! lease keeps the hash, so that what was signed can be shown to be what is applied. Members that
//! are not set are left out, so that a member added later does not change the hash of older terms.

mod bounds;
mod compare;
#[cfg(test)]
mod tests;
mod wish;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

pub use bounds::{Flaw, flaws};
pub use compare::{Difference, compare, verdict};
pub use wish::ClauseWish;

use crate::kernel::money::parse_decimal;
use crate::kernel::{Money, Sha256, Span, words};

/// SHA-256 of terms as canonical JSON; see [`hash`].
pub type TermsHash = Sha256;

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
    /// Of an emergency: in what time a suspension at once must be ratified; 24 hours if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratify_within: Option<Span>,
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

words! {
    /// What must have happened; a closed list.
    pub enum Ground {
        /// Harm found under the standard referred to.
        HarmConfirmed = "harm.confirmed",
        /// Harm about to happen under the standard referred to.
        HarmImminent = "harm.imminent",
        /// The acceptable-use policy was broken.
        AupViolation = "aup.violation",
        /// An attack runs from or on the units.
        SecurityImmediate = "security.immediate",
        /// Money owed was not paid.
        PaymentDefault = "payment.default",
        /// A material breach of the contract.
        BreachMaterial = "breach.material",
        /// No cause is needed.
        Convenience = "convenience",
        /// The capacity was leased as callable.
        RecallCallable = "recall.callable",
        /// The hardware must be worked on.
        Maintenance = "maintenance",
        /// The hardware is taken out of service.
        Decommission = "decommission",
        /// Beyond anybody's control.
        ForceMajeure = "force_majeure",
        /// A court or authority orders it.
        LegalOrder = "legal.order",
        /// Less than 20 % used for seven days.
        Idle = "idle",
        /// The provider did not deliver; for the tenant.
        NonDelivery = "non_delivery",
    }
}

impl Ground {
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

/// A document by address and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StandardRef {
    /// Where it is published: an absolute URI, at most 2,000 characters.
    pub uri: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
}

words! {
    /// A side of a case.
    pub enum Party {
        /// The organization that owns the capacity.
        Provider = "provider",
        /// Staff of the marketplace.
        Admin = "admin",
        /// The organization that leases it.
        Tenant = "tenant",
    }

    /// What may be done to a lease, from mild to hard.
    pub enum Action {
        /// The tenant is told.
        Warn = "warn",
        /// The tenant cannot use the units for a while; they stay its own.
        Suspend = "suspend",
        /// Some units are taken back.
        Partial = "partial",
        /// All of it is taken back.
        Full = "full",
    }

    /// As what somebody approves: a role on the marketplace's staff, or in the provider's organization.
    pub enum ApproverRole {
        Admin = "admin",
        Operations = "operations",
        Legal = "legal",
        Independent = "independent",
        ProviderOwner = "provider_owner",
        ProviderManager = "provider_manager",
    }
}

impl ApproverRole {
    /// Whether who holds this role may do what `other` does: an owner is a manager too.
    pub fn covers(self, other: ApproverRole) -> bool {
        self == other
            || (self, other) == (ApproverRole::ProviderOwner, ApproverRole::ProviderManager)
    }
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
