//! What acts leave behind besides what they change: their entries in the log and, under their
//! idempotency keys, their replies.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::idempotency::in_use;
use crate::api::call::Idempotency;
use crate::api::problem::constraint;
use crate::api::{Problem, Reply};
use crate::db::log::{Author, Entry};
use crate::kernel::{OrganizationId, Timestamp};

/// A reply to be kept for the caller's key.
pub type Kept<'a> = (Uuid, &'a Idempotency, &'a Reply);

/// Writes the entries of acts done at `now`, and keeps their replies, in one statement.
///
/// # Errors
/// 409 `idempotency_key_in_use` if another transaction has kept one of the keys in the meantime; those
/// of the database.
pub async fn leave(
    connection: &mut PgConnection,
    now: Timestamp,
    entries: &[(&Author, &Entry)],
    replies: &[Kept<'_>],
) -> Result<(), Problem> {
    if entries.is_empty() && replies.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        ($rows:expr, $row:pat => $value:expr) => {
            &$rows.iter().map(|$row| $value).collect::<Vec<_>>()
        };
    }
    let id = |organization: Option<OrganizationId>| organization.map(|id| id.0);
    sqlx::query!(
        "with kept as (
             insert into idempotency_keys (caller, key, fingerprint, status, etag, body, created_at)
             select t.*, $1 from unnest($2::uuid[], $3::text[], $4::bytea[], $5::int2[], $6::text[],
                 $7::text[]) t
         )
         insert into audit_records (at, actor, on_behalf_of, action, subject, tenant_id, provider_id,
             before, after, reason, request_id)
         select $1, t.* from unnest($8::text[], $9::uuid[], $10::text[], $11::text[], $12::uuid[],
             $13::uuid[], $14::jsonb[], $15::jsonb[], $16::text[], $17::text[]) t",
        now,
        column!(replies, (caller, ..) => *caller),
        column!(replies, (_, key, _) => key.key.clone()),
        column!(replies, (_, key, _) => key.fingerprint.to_vec()),
        column!(replies, (.., reply) => i16::try_from(reply.status.as_u16()).unwrap_or(200)),
        column!(replies, (.., reply) => reply.etag.clone()) as &[Option<String>],
        column!(replies, (.., reply) => reply.body.clone()),
        column!(entries, (author, _) => author.actor.clone()),
        column!(entries, (author, _) => id(author.on_behalf_of)) as &[Option<Uuid>],
        column!(entries, (_, entry) => entry.action.to_owned()),
        column!(entries, (_, entry) => entry.subject.clone()),
        column!(entries, (_, entry) => id(entry.tenant)) as &[Option<Uuid>],
        column!(entries, (_, entry) => id(entry.provider)) as &[Option<Uuid>],
        column!(entries, (_, entry) => entry.before.clone()) as &[Option<Value>],
        column!(entries, (_, entry) => entry.after.clone()) as &[Option<Value>],
        column!(entries, (_, entry) => entry.reason.clone()),
        column!(entries, (author, _) => author.request_id.clone()),
    )
    .execute(connection)
    .await
    .map_err(|error| match constraint(&error) {
        Some("idempotency_keys_pkey") => in_use(),
        _ => error.into(),
    })?;
    Ok(())
}
