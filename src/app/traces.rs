//! What acts leave behind besides what they change: their entries in the log and, under their
//! idempotency keys, their replies.

use uuid::Uuid;

use super::idempotency::in_use;
use crate::api::call::Idempotency;
use crate::api::problem::constraint;
use crate::api::{Problem, Reply};
use crate::db::log::{Author, Entry};
use crate::db::stored::unwritable;
use crate::db::writes::Writes;
use crate::kernel::{OrganizationId, Timestamp};

/// A reply to be kept for the caller's key.
pub type ReplyToKeep<'a> = (Uuid, &'a Idempotency, &'a Reply);

/// The values of a column, one for each row.
macro_rules! column {
    ($rows:expr, $row:pat => $value:expr) => {
        $rows.iter().map(|$row| $value).collect::<Vec<_>>()
    };
}

/// Adds to `writes` the entries of acts done at `now`, and the replies to keep. Nothing is written if one of
/// them cannot be shown.
pub fn leave(
    writes: &mut Writes,
    now: Timestamp,
    entries: &[(&Author, &Entry)],
    replies: &[ReplyToKeep<'_>],
) {
    for (_, entry) in entries {
        if let Some(fault) = &entry.fault {
            writes.refuse(unwritable(
                "audit_records",
                entry.action.as_str(),
                &entry.subject,
                fault,
            ));
        }
    }
    for (_, key, reply) in replies {
        if let Some(fault) = reply.fault() {
            writes.refuse(unwritable("idempotency_keys", "body", &key.key, fault));
        }
    }
    let id = |organization: Option<OrganizationId>| organization.map(|id| id.0);
    if !replies.is_empty() {
        writes
            .add(
                replies.len(),
                "insert into idempotency_keys (caller, key, fingerprint, status, etag, body, created_at)
                 select t.*, $7 from unnest($1::uuid[], $2::text[], $3::bytea[], $4::int2[], $5::text[],
                     $6::text[]) t",
            )
            .bind(column!(replies, (caller, ..) => *caller))
            .bind(column!(replies, (_, key, _) => key.key.clone()))
            .bind(column!(replies, (_, key, _) => key.fingerprint.to_vec()))
            .bind(column!(replies, (.., it) => it.status.as_u16().cast_signed()))
            .bind(column!(replies, (.., reply) => reply.etag.clone()))
            .bind(column!(replies, (.., reply) => reply.body.clone()))
            .bind(now);
    }
    if !entries.is_empty() {
        writes
            .add(
                entries.len(),
                "insert into audit_records (transaction, at, actor, on_behalf_of, action, subject,
                     tenant_id, provider_id, before, after, reason, request_id)
                 select (select base + pg_current_xact_id()::text::int8 from audit_base), $11, t.*
                 from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::uuid[],
                     $6::uuid[], $7::jsonb[], $8::jsonb[], $9::text[], $10::text[]) t",
            )
            .bind(column!(entries, (author, _) => author.actor.clone()))
            .bind(column!(entries, (author, _) => id(author.on_behalf_of)))
            .bind(column!(entries, (_, entry) => entry.action.as_str().to_owned()))
            .bind(column!(entries, (_, entry) => entry.subject.clone()))
            .bind(column!(entries, (_, entry) => id(entry.tenant)))
            .bind(column!(entries, (_, entry) => id(entry.provider)))
            .bind(column!(entries, (_, entry) => entry.before.clone()))
            .bind(column!(entries, (_, entry) => entry.after.clone()))
            .bind(column!(entries, (_, entry) => entry.reason.clone()))
            .bind(column!(entries, (author, _) => author.request_id.clone()))
            .bind(now);
    }
}

/// What an error of writing replies means.
///
/// 409 `idempotency_key_in_use` if another transaction has kept one of the keys in the meantime.
pub fn problem(error: sqlx::Error) -> Problem {
    match constraint(&error) {
        Some("idempotency_keys_pkey") => in_use(),
        _ => error.into(),
    }
}
