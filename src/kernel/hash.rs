//! SHA-256 sums: 64 hexadecimal digits on the wire, 32 bytes in the database.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest;

/// A SHA-256 sum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct Sha256(pub [u8; 32]);

/// Text that is no SHA-256 sum.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a SHA-256 sum is 64 hexadecimal digits")]
pub struct NotASum;

impl Sha256 {
    /// The sum of `bytes`.
    pub fn of(bytes: &[u8]) -> Sha256 {
        Sha256(sha2::Sha256::digest(bytes).into())
    }

    /// A sum as the database keeps it.
    ///
    /// # Errors
    /// [`NotASum`] if `bytes` are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Sha256, NotASum> {
        bytes.try_into().map(Sha256).map_err(|_| NotASum)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = NotASum;
    fn from_str(text: &str) -> Result<Sha256, NotASum> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotASum);
        }
        let mut sum = [0; 32];
        for (byte, at) in sum.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| NotASum)?;
        }
        Ok(Sha256(sum))
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Sha256 {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[0-9a-fA-F]{64}$"))
            .examples(["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"])
            .into()
    }
}

impl utoipa::ToSchema for Sha256 {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_sum_survives_the_wire(bytes: [u8; 32]) {
            let sum = Sha256(bytes);
            prop_assert_eq!(sum.to_string().parse::<Sha256>().unwrap(), sum);
            prop_assert_eq!(sum.to_string().to_uppercase().parse::<Sha256>().unwrap(), sum);
        }

        #[test]
        fn any_text_is_a_sum_or_refused(text in "[0-9a-fé +-]{60,66}") {
            if let Ok(sum) = text.parse::<Sha256>() {
                prop_assert_eq!(sum.to_string(), text);
            }
        }
    }

    #[test]
    fn the_sum_of_nothing_is_the_well_known_one() {
        let known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Sha256::of(b"").to_string(), known);
    }
}
