//! Identifiers: UUIDv7 inside, `lease_01j…` on the wire.
//!
//! The wire form is that of TypeID: a prefix that names the kind, an underscore, and the 128 bits in
//! 26 characters of Crockford's base 32, lower case. An id of another kind is refused when parsed.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::time::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The 26 characters of `uuid`.
pub fn encode(uuid: Uuid) -> String {
    let bits = uuid.as_u128();
    (0..26)
        .rev()
        .map(|place| char::from(ALPHABET[usize::try_from((bits >> (place * 5)) & 31).unwrap_or(0)]))
        .collect()
}

/// The UUID behind 26 characters made by [`encode`]; `None` for anything else.
pub fn decode(text: &str) -> Option<Uuid> {
    if text.len() != 26 || text.as_bytes()[0] > b'7' {
        return None;
    }
    let mut bits: u128 = 0;
    for byte in text.bytes() {
        let digit = ALPHABET.iter().position(|&letter| letter == byte)?;
        bits = (bits << 5) | u128::try_from(digit).ok()?;
    }
    Some(Uuid::from_u128(bits))
}

/// A fresh UUIDv7 that sorts by `now`.
pub fn fresh_uuid(now: Timestamp) -> Uuid {
    let micros = u64::try_from(now.timestamp_micros()).unwrap_or(0);
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, micros / 1_000_000, nanos))
}

/// Text that is not an id of the kind asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{text}` is not an id of this kind; one looks like {prefix}_01jqz3k8e5f8va2m0x9w7c4d6b")]
pub struct NotAnId {
    text: String,
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// What the wire form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id that sorts by `now`.
            pub fn new(now: Timestamp) -> Self {
                Self(fresh_uuid(now))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, encode(self.0))
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or_else(|| NotAnId { text: text.chars().take(60).collect(), prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$")))
                    .examples([concat!($prefix, "_01jqz3k8e5f8va2m0x9w7c4d6b")])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )*};
}

ids! {
    /// A company: provider, tenant or both.
    OrganizationId = "org";
    /// A person with a log-in.
    UserId = "user";
    /// An API key of an organization.
    ApiKeyId = "key";
    /// A log-in of a user, kept alive by refresh tokens.
    SessionId = "session";
    /// A key that signs access tokens.
    SigningKeyId = "signingkey";
    /// A part of a tenant organization.
    ProjectId = "project";
    /// A place with power.
    SiteId = "site";
    /// Identical hardware at one site.
    PoolId = "pool";
    /// A milestone of a pool.
    DeliveryId = "delivery";
    /// Capacity that the provider keeps off the market.
    BlockId = "block";
    /// One version of a provider's reclaim terms.
    TermsId = "terms";
    /// What the market sees of a pool.
    OfferId = "offer";
    /// A rectangle on the capacity plane.
    AllocationId = "alloc";
    /// A price for an exact request.
    QuoteId = "quote";
    /// The contract.
    LeaseId = "lease";
    /// One line of a lease's schedule.
    TrancheId = "tranche";
    /// A change of a lease.
    AmendmentId = "amendment";
    /// What ending a lease early would cost.
    CancellationQuoteId = "cancelquote";
    /// One use of one clause against one lease.
    ReclaimCaseId = "case";
    /// A piece of evidence of a reclaim case.
    EvidenceId = "evidence";
    /// A way to free capacity, worked out and kept.
    ReclaimPlanId = "plan";
    /// Units that a tenant would give up of its own will.
    VolunteerId = "volunteer";
    /// Time without units that are delivered late.
    DelayId = "delay";
    /// A limit of an organization or project.
    QuotaId = "quota";
    /// Another limit for a while.
    QuotaOverrideId = "override";
    /// A request to raise a quota.
    QuotaRequestId = "quotarequest";
    /// What the other side answers in a reclaim case.
    ResponseId = "response";
    /// Something that an organization is told.
    MessageId = "message";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_id_survives_the_wire(bits: u128) {
            let id = LeaseId(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse::<LeaseId>().unwrap(), id);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC*") {
            if let Ok(id) = text.parse::<LeaseId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let pool = PoolId(Uuid::from_u128(7)).to_string();
        assert!(pool.parse::<LeaseId>().is_err());
    }
}
