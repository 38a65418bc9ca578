//! Why an act on accounts is refused.

use crate::api::{Problem, problem};
use crate::kernel::OrganizationId;

use super::rules::{Decision, Verification};

/// A refusal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the e-mail address or the password is wrong")]
    WrongLogIn,
    #[error("the present password is wrong")]
    WrongPassword,
    #[error("there is a user with this e-mail address already; log in, or use another address")]
    EmailTaken,
    #[error("an organization of this name is registered already; choose another name")]
    OrganizationNameTaken,
    #[error("your organization has a project of this name already; choose another name")]
    ProjectNameTaken,
    #[error("an organization is a provider, a tenant or both; name at least one kind")]
    NoKind,
    #[error("you are no member of organization {0}; GET /v1/me lists those you belong to")]
    NoMember(OrganizationId),
    #[error("staff belongs to no organization; leave organization_id out")]
    StaffHasNone,
    #[error("the refresh token is unknown; log in at /v1/auth/token")]
    RefreshUnknown,
    #[error("the refresh token has expired; log in at /v1/auth/token")]
    RefreshExpired,
    #[error(
        "the refresh token was used before, so somebody may have copied it; the session has ended, log \
         in again at /v1/auth/token"
    )]
    RefreshReused,
    #[error("the session has ended; log in again at /v1/auth/token")]
    SessionEnded,
    #[error("this user is a member of the organization already; change the role instead")]
    AlreadyMember,
    #[error("no user with this e-mail address can be added; give name and password to create one")]
    UserUnknown,
    #[error("to create a user give both name and password; to add an existing one give neither")]
    HalfAUser,
    #[error("an organization needs an owner and this is its last; make somebody else owner first")]
    LastOwner,
    #[error("the marketplace needs an admin and this is its last; make somebody else admin first")]
    LastAdmin,
    #[error("this is for people, not for API keys; log in at /v1/auth/token")]
    NotForKeys,
    #[error("{decision:?} does not apply: the organization is {verification:?}")]
    NotDecidable { decision: Decision, verification: Verification },
    #[error("an API key lives from one second to 366 days; name an expires_in within that")]
    KeyLife,
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        match problem::constraint(&error) {
            Some("users_email_unique") => Error::EmailTaken,
            Some("organizations_name") => Error::OrganizationNameTaken,
            Some("projects_name_unique") => Error::ProjectNameTaken,
            Some("memberships_pkey") => Error::AlreadyMember,
            _ => Error::Database(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let text = error.to_string();
        match error {
            Error::WrongLogIn => Problem::unauthorized("log_in_wrong", text),
            Error::WrongPassword => Problem::unacceptable("password_wrong", text),
            Error::EmailTaken => Problem::conflict("email_taken", text),
            Error::OrganizationNameTaken => Problem::conflict("organization_name_taken", text),
            Error::ProjectNameTaken => Problem::conflict("project_name_taken", text),
            Error::NoKind => Problem::field("kinds", text),
            Error::NoMember(_) => Problem::unacceptable("no_member", text),
            Error::StaffHasNone => Problem::field("organization_id", text),
            Error::RefreshUnknown => Problem::unauthorized("refresh_token_unknown", text),
            Error::RefreshExpired => Problem::unauthorized("refresh_token_expired", text),
            Error::RefreshReused => Problem::unauthorized("refresh_token_reused", text),
            Error::SessionEnded => Problem::unauthorized("session_ended", text),
            Error::AlreadyMember => Problem::conflict("already_member", text),
            Error::UserUnknown => Problem::unacceptable("user_unknown", text),
            Error::HalfAUser => Problem::unacceptable("half_a_user", text),
            Error::LastOwner => Problem::conflict("last_owner", text),
            Error::LastAdmin => Problem::conflict("last_admin", text),
            Error::NotForKeys => Problem::forbidden(text),
            Error::NotDecidable { .. } => Problem::conflict("verification_state", text),
            Error::KeyLife => Problem::field("expires_in", text),
            Error::Database(error) => error.into(),
        }
    }
}
