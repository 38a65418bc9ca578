//! The hash by which terms are found.

use std::fmt;
use std::str::FromStr;

/// SHA-256 of a set of clauses as canonical JSON; 64 hexadecimal digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TermsHash(pub [u8; 32]);

/// Text that is no hash.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a hash of terms is 64 hexadecimal digits in lower case")]
pub struct NotAHash;

impl TermsHash {
    /// # Errors
    /// [`NotAHash`] if `bytes` are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<TermsHash, NotAHash> {
        bytes.try_into().map(TermsHash).map_err(|_| NotAHash)
    }
}

impl fmt::Display for TermsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TermsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TermsHash {
    type Err = NotAHash;
    fn from_str(text: &str) -> Result<TermsHash, NotAHash> {
        let digits: Vec<u8> = text
            .bytes()
            .map(|byte| match byte {
                b'0'..=b'9' => Ok(byte - b'0'),
                b'a'..=b'f' => Ok(byte - b'a' + 10),
                _ => Err(NotAHash),
            })
            .collect::<Result<_, _>>()?;
        if digits.len() != 64 {
            return Err(NotAHash);
        }
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        TermsHash::from_bytes(&bytes)
    }
}

impl serde::Serialize for TermsHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for TermsHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for TermsHash {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[0-9a-f]{64}$"))
            .into()
    }
}
impl utoipa::ToSchema for TermsHash {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_hash_survives_the_wire(bytes: [u8; 32]) {
            let hash = TermsHash(bytes);
            prop_assert_eq!(hash.to_string().parse::<TermsHash>().unwrap(), hash);
        }

        #[test]
        fn any_text_is_a_hash_or_refused(text in "\\PC{0,70}") {
            prop_assert!(text.parse::<TermsHash>().is_err());
        }
    }
}
