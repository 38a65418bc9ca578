//! Words: enums whose variants say once what they are called on the wire, in columns and in messages.

use std::fmt;

use serde::de::{Error, Visitor};

/// Text that is none of an enum's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAWord {
    /// The first 60 characters of it.
    text: String,
    words: &'static [&'static str],
}

impl NotAWord {
    /// The error of `text`, which is none of `words`.
    pub fn new(text: &str, words: &'static [&'static str]) -> NotAWord {
        NotAWord { text: text.chars().take(60).collect(), words }
    }
}

impl fmt::Display for NotAWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not one of {}", self.text, self.words.join(", "))
    }
}

impl std::error::Error for NotAWord {}

/// Reads a word, and says which of `words` it is.
pub struct WhichWord {
    /// Every word there is.
    pub words: &'static [&'static str],
}

impl Visitor<'_> for WhichWord {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", self.words.join(", "))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<usize, E> {
        let place = self.words.iter().position(|word| *word == text);
        place.ok_or_else(|| E::unknown_variant(text, self.words))
    }
}

/// Enums whose variants have a word each. Everything that depends on the words is made from them: [`Display`]
/// and [`FromStr`], serde, the text column (an unknown word in it is an error that names the word), and the
/// schema with its words. Variants are ordered as they are written.
///
/// ```ignore
/// words! {
///     /// Where a quote stands.
///     pub enum QuoteState {
///         /// It can be used until it expires.
///         Open = "open",
///         /// A lease was signed by it.
///         Used = "used",
///     }
/// }
/// ```
///
/// [`Display`]: std::fmt::Display
/// [`FromStr`]: std::str::FromStr
macro_rules! words {
    ($(
        $(#[doc = $doc:literal])*
        $(#[derive($($derived:ident),*)])?
        pub enum $name:ident {
            $($(#[$meta:meta])* $variant:ident = $word:literal),* $(,)?
        }
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $(#[derive($($derived),*)])?
        pub enum $name {
            $($(#[$meta])* $variant),*
        }

        impl $name {
            /// All of them, as they are written.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant),*];

            /// The words of all of them.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// Its word, as on the wire and in columns.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::kernel::words::NotAWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::kernel::words::NotAWord::new(text, Self::WORDS)),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let which = $crate::kernel::words::WhichWord { words: Self::WORDS };
                Ok(Self::ALL[deserializer.deserialize_str(which)?])
            }
        }

        impl sqlx::Type<sqlx::Postgres> for $name {
            fn type_info() -> sqlx::postgres::PgTypeInfo {
                <&str as sqlx::Type<sqlx::Postgres>>::type_info()
            }

            fn compatible(of: &sqlx::postgres::PgTypeInfo) -> bool {
                <&str as sqlx::Type<sqlx::Postgres>>::compatible(of)
            }
        }

        impl sqlx::postgres::PgHasArrayType for $name {
            fn array_type_info() -> sqlx::postgres::PgTypeInfo {
                <&str as sqlx::postgres::PgHasArrayType>::array_type_info()
            }
        }

        impl sqlx::Encode<'_, sqlx::Postgres> for $name {
            fn encode_by_ref(
                &self,
                buffer: &mut sqlx::postgres::PgArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                <&str as sqlx::Encode<'_, sqlx::Postgres>>::encode_by_ref(&self.as_str(), buffer)
            }
        }

        impl sqlx::Decode<'_, sqlx::Postgres> for $name {
            fn decode(
                value: sqlx::postgres::PgValueRef<'_>,
            ) -> Result<Self, sqlx::error::BoxDynError> {
                Ok(<&str as sqlx::Decode<'_, sqlx::Postgres>>::decode(value)?.parse()?)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let lines: &[&str] = &[$($doc.trim()),*];
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(lines.join("\n")))
                    .enum_values(Some(Self::WORDS.iter().copied()))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )*};
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    use serde_json::json;
    use utoipa::PartialSchema;

    words! {
        /// A light at a crossing,
        /// as drivers see it.
        pub enum Light {
            /// Stop.
            Red = "red",
            /// Get ready.
            RedAndAmber = "red_and_amber",
        }
    }

    #[test]
    fn a_word_is_said_once_and_read_everywhere() {
        assert_eq!(Light::ALL, [Light::Red, Light::RedAndAmber]);
        for light in Light::ALL {
            assert_eq!(light.to_string().parse(), Ok(light));
            let written = json!(light);
            assert_eq!(written, json!(light.as_str()));
            assert_eq!(serde_json::from_value::<Light>(written).unwrap(), light);
        }
        assert_eq!(format!("{:<5}|", Light::Red), "red  |");
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_words_that_there_are() {
        let unknown = "green".parse::<Light>().unwrap_err();
        assert_eq!(unknown.to_string(), "`green` is not one of red, red_and_amber");
        let unknown = serde_json::from_value::<Light>(json!("green")).unwrap_err();
        let said = "unknown variant `green`, expected `red` or `red_and_amber`";
        assert_eq!(unknown.to_string(), said);
        let wrong = serde_json::from_value::<Light>(json!(7)).unwrap_err();
        let said = "invalid type: integer `7`, expected one of red, red_and_amber";
        assert_eq!(wrong.to_string(), said);
    }

    #[test]
    fn the_schema_names_the_words() {
        assert_eq!(
            serde_json::to_value(Light::schema()).unwrap(),
            json!({
                "type": "string",
                "description": "A light at a crossing,\nas drivers see it.",
                "enum": ["red", "red_and_amber"],
            })
        );
    }
}
