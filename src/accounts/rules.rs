//! The words of the slice: what may be said of organizations and people, and what staff decides
//! about an organization. Pure.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};

use crate::kernel::{
    ApiKeyId, Caller, OrganizationId, ProjectId, Role, Span, StaffRole, UserId, words,
};

/// How long an access token is good for.
pub const ACCESS_LIFE: TimeDelta = TimeDelta::minutes(15);
/// How long a refresh token is good for.
pub const REFRESH_LIFE: TimeDelta = TimeDelta::days(30);
/// How long a key signs before a new one takes over.
pub const SIGNING_LIFE: TimeDelta = TimeDelta::days(30);
/// How long a signing key is published: well past the last token that it signed.
pub const PUBLISHED_LIFE: TimeDelta = TimeDelta::days(60);
/// The longest life of an API key.
pub const API_KEY_LIFE_MAX: Span = Span::days(366);
/// The life of an API key whose maker names none.
pub const API_KEY_LIFE_DEFAULT: Span = Span::days(90);

words! {
    /// What staff says about an organization.
    pub enum Verification {
        /// Registered; may look, and prepare offers.
        Unverified = "unverified",
        /// May publish offers and book.
        Verified = "verified",
        /// May do neither for the time being; what is signed goes on.
        Suspended = "suspended",
    }

    /// What staff can do about an organization's verification.
    pub enum Decision {
        Verify = "verify",
        Suspend = "suspend",
        Reinstate = "reinstate",
    }
}

impl Decision {
    /// The decisions that apply to an organization that is `verification`.
    pub fn applicable(verification: Verification) -> Vec<Decision> {
        Self::ALL.into_iter().filter(|decision| decision.apply(verification).is_some()).collect()
    }

    /// What an organization is after this decision; `None` where it does not apply.
    pub fn apply(self, to: Verification) -> Option<Verification> {
        match (to, self) {
            (Verification::Unverified, Decision::Verify)
            | (Verification::Suspended, Decision::Reinstate) => Some(Verification::Verified),
            (Verification::Verified, Decision::Suspend) => Some(Verification::Suspended),
            _ => None,
        }
    }
}

words! {
    /// Why a session ended.
    pub enum EndReason {
        /// The user said so.
        LoggedOut = "logged_out",
        /// A refresh token came back that had been exchanged: somebody has a copy.
        RefreshTokenReused = "refresh_token_reused",
        /// The user left the organization or the staff, or has another role there.
        MembershipChanged = "membership_changed",
        /// The user has a new password.
        PasswordChanged = "password_changed",
    }

    /// What an organization does on the market.
    pub enum Kind {
        /// Lists capacity.
        Provider = "provider",
        /// Books capacity.
        Tenant = "tenant",
    }
}

/// What other nouns need to know of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    pub name: String,
    pub is_provider: bool,
    pub is_tenant: bool,
    pub verification: Verification,
    /// Which version of its row this is.
    pub stamp: String,
}

/// An organization.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Organization {
    pub id: OrganizationId,
    pub name: String,
    pub kinds: BTreeSet<Kind>,
    pub verification: Verification,
    /// Why the verification is what it is.
    pub verification_reason: String,
    pub revision: i32,
    pub created_at: DateTime<Utc>,
    /// What can be decided about it now by staff; empty for everybody else.
    pub can: Vec<Decision>,
}

impl Organization {
    /// As `caller` may see it.
    #[must_use]
    pub fn seen_by(mut self, caller: &Caller) -> Organization {
        if caller.staff != Some(StaffRole::Admin) {
            self.can.clear();
        }
        self
    }
}

/// Somebody with a log-in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    /// Set for staff of the marketplace.
    pub staff_role: Option<StaffRole>,
    pub created_at: DateTime<Utc>,
}

/// An organization that a user belongs to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Membership {
    pub organization_id: OrganizationId,
    pub organization_name: String,
    pub role: Role,
}

/// Somebody who belongs to an organization.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Member {
    pub user_id: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub joined_at: DateTime<Utc>,
}

/// A part of an organization: a product line, a team.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Project {
    pub id: ProjectId,
    pub name: String,
    pub created_at: DateTime<Utc>,
}

/// An API key, without its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    /// How the key begins, to tell keys apart.
    pub prefix: String,
    /// What the key may do.
    pub role: Role,
    pub created_by: UserId,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Who calls, and for whom.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Me {
    /// The user or API key.
    pub id: String,
    /// None for an API key.
    pub email: Option<String>,
    /// The name of the user or key.
    pub name: String,
    pub staff_role: Option<StaffRole>,
    /// The organization that is acted for; none for staff.
    pub organization: Option<Organization>,
    /// As what.
    pub role: Option<Role>,
    /// Every organization that the user belongs to, the first joined first.
    pub memberships: Vec<Membership>,
    /// The server's present instant: what deadlines are counted down from.
    pub now: DateTime<Utc>,
    /// Whether that clock can be moved, in a sandbox.
    pub is_sandbox: bool,
}

/// What a log-in gives.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Tokens {
    /// Send as `Authorization: Bearer`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Seconds until the access token ends.
    pub expires_in: i64,
    /// Exchange at `/v1/auth/refresh`, once. Left out where it is in the browser's cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    pub refresh_expires_at: DateTime<Utc>,
    /// The organization that is acted for; none for staff.
    pub organization_id: Option<OrganizationId>,
}

/// What registering makes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Registered {
    pub user: User,
    pub organization: Organization,
}

/// An API key with its secret, which is shown this once.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NewApiKey {
    #[serde(flatten)]
    pub key: ApiKey,
    /// The whole key; send as `Authorization: Bearer`.
    pub secret: String,
}

/// Text that does not keep to the bounds of its kind; says what they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutOfBounds(&'static str);

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident($check:path, $min:literal..=$max:literal, $format:expr);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = OutOfBounds;
            fn from_str(text: &str) -> Result<Self, OutOfBounds> {
                $check(text).map(Self)
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
                let format: Option<&str> = $format;
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length(Some($min))
                    .max_length(Some($max))
                    .format(format.map(|format| SchemaFormat::Custom(format.to_owned())))
                    .into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

texts! {
    /// The name of a person, organization, project or key: 1 to 200 characters, trimmed.
    Name(check_name, 1..=200, None);
    /// Why something is done: 1 to 2,000 characters, trimmed.
    Reason(check_reason, 1..=2000, None);
    /// An e-mail address, lower case.
    Email(check_email, 3..=254, Some("email"));
    /// A password as somebody chose it: 12 to 200 characters.
    Password(check_password, 12..=200, Some("password"));
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

fn check_name(text: &str) -> Result<String, OutOfBounds> {
    let text = text.trim();
    if (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(OutOfBounds("a name has 1 to 200 characters on one line"))
    }
}

fn check_reason(text: &str) -> Result<String, OutOfBounds> {
    let text = text.trim();
    if (1..=2000).contains(&text.chars().count()) && !text.contains('\0') {
        Ok(text.to_owned())
    } else {
        Err(OutOfBounds("a reason has 1 to 2000 characters"))
    }
}

fn check_email(text: &str) -> Result<String, OutOfBounds> {
    let text = text.trim().to_ascii_lowercase();
    let is_address = text.len() <= 254
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.split_once('@').is_some_and(|(local, domain)| {
            (1..=64).contains(&local.len()) && !domain.is_empty() && !domain.contains('@')
        });
    if is_address {
        Ok(text)
    } else {
        Err(OutOfBounds("an e-mail address looks like name@example.com"))
    }
}

fn check_password(text: &str) -> Result<String, OutOfBounds> {
    if (12..=200).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err(OutOfBounds("a password has 12 to 200 characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_decision_in_every_state() {
        let states = [Verification::Unverified, Verification::Verified, Verification::Suspended];
        let mut table = String::new();
        for state in states {
            for decision in Decision::ALL {
                let after = decision
                    .apply(state)
                    .map_or_else(|| "refused".to_owned(), |after| format!("{after:?}"));
                table += &format!("{state:?} + {decision:?} = {after}\n");
            }
        }
        insta::assert_snapshot!(table, @r"
        Unverified + Verify = Verified
        Unverified + Suspend = refused
        Unverified + Reinstate = refused
        Verified + Verify = refused
        Verified + Suspend = Suspended
        Verified + Reinstate = refused
        Suspended + Verify = refused
        Suspended + Suspend = refused
        Suspended + Reinstate = Verified
        ");
    }

    #[test]
    fn addresses_are_compared_in_lower_case() {
        let [one, other] = [" Ada@Example.COM ", "ada@example.com"];
        assert_eq!(one.parse::<Email>(), other.parse::<Email>());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "@", "ada", "ada@", "@example.com", "a@b@c", "a b@c", "ä@example.com"] {
            assert!(text.parse::<Email>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let password: Password = "correct horse battery".parse().unwrap();
        assert!(!format!("{password:?}").contains("horse"));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_within_bounds_or_refused(text in "\\PC{0,300}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert!((1..=200).contains(&name.as_str().chars().count()));
            }
            if let Ok(email) = text.parse::<Email>() {
                prop_assert_eq!(email.as_str().parse::<Email>(), Ok(email.clone()));
            }
        }
    }
}
