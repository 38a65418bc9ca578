//! What one can do: log in and out, and run an organization.

mod organizations;
mod people;
mod sessions;

pub use organizations::*;
pub use people::*;
pub use sessions::*;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::error::Error;
use crate::api::Problem;
use crate::kernel::{Actor, Caller, OrganizationId, Role, UserId};

/// A secret of 256 random bits, and its SHA-256.
fn fresh_secret(prefix: &str) -> (String, Vec<u8>) {
    let secret = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let hash = hash_of(&secret);
    (secret, hash)
}

fn hash_of(secret: &str) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}

/// The person behind `caller`.
fn person(caller: &Caller) -> Result<UserId, Error> {
    match caller.actor {
        Actor::User(user) => Ok(user),
        Actor::Key(_) | Actor::Server(_) => Err(Error::NotForKeys),
    }
}

/// Lets pass only who owns `organization`.
fn require_owner(caller: &Caller, organization: OrganizationId) -> Result<(), Problem> {
    if caller.staff.is_none() && caller.organization() != Some(organization) {
        return Err(Problem::not_found("organization", organization));
    }
    super::require_role(caller, Role::Owner).map(|_| ())
}
