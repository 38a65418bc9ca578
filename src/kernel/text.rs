//! Text that people write: names and reasons, trimmed and bounded.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Text that is no name.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a name has 1 to 200 characters on one line")]
pub struct NotAName;

/// Text that is no reason.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a reason has 1 to 2000 characters")]
pub struct NotAReason;

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident, $error:ident, $max:literal, $is_allowed:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, $error> {
                let text = text.trim();
                let is_allowed: fn(char) -> bool = $is_allowed;
                if (1..=$max).contains(&text.chars().count()) && text.chars().all(is_allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($error)
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .min_length(Some(1))
                    .max_length(Some($max))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )*};
}

texts! {
    /// What somebody calls a thing: 1 to 200 characters on one line, trimmed.
    Name, NotAName, 200, |letter| !letter.is_control();
    /// Why something is done: 1 to 2,000 characters, trimmed.
    Reason, NotAReason, 2000, |letter| letter != '\0';
}
