//! The log of every act, written in the transaction of the act: the audit trail, each thing's
//! history, and the outbox that later readers follow, in one append-only table.
//!
//! Sealing, checking and reading it are the audit slice's.

use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::kernel::{OrganizationId, Timestamp};

/// One act on one thing.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// What was done: `lease.booked`.
    pub action: &'static str,
    /// To what: `lease_…`.
    pub subject: String,
    /// The tenant whose business it is, who may read it.
    pub tenant: Option<OrganizationId>,
    /// The provider whose business it is, who may read it.
    pub provider: Option<OrganizationId>,
    /// The thing before and after, as far as it changed.
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// Why; never empty where somebody else is affected.
    pub reason: String,
}

impl Entry {
    /// An entry for `action` on `subject`.
    pub fn new(action: &'static str, subject: impl std::fmt::Display) -> Entry {
        Entry { action, subject: subject.to_string(), ..Entry::default() }
    }

    /// Names the tenant whose business it is.
    #[must_use]
    pub fn tenant(mut self, tenant: OrganizationId) -> Entry {
        self.tenant = Some(tenant);
        self
    }

    /// Names the provider whose business it is.
    #[must_use]
    pub fn provider(mut self, provider: OrganizationId) -> Entry {
        self.provider = Some(provider);
        self
    }

    /// What it was before.
    #[must_use]
    pub fn before(mut self, before: impl Serialize) -> Entry {
        self.before = serde_json::to_value(before).ok();
        self
    }

    /// What it is after.
    #[must_use]
    pub fn after(mut self, after: impl Serialize) -> Entry {
        self.after = serde_json::to_value(after).ok();
        self
    }

    /// Why.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Entry {
        self.reason = reason.into();
        self
    }
}

/// Who made an entry, and within which request.
#[derive(Debug, Clone)]
pub struct Author {
    pub actor: String,
    pub on_behalf_of: Option<OrganizationId>,
    pub request_id: String,
}

/// Writes `entries` at `at`, each with its author, in one statement.
///
/// # Errors
/// Those of the database.
pub async fn write(
    connection: &mut PgConnection,
    at: Timestamp,
    entries: &[(&Author, &Entry)],
) -> sqlx::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let column = |pick: fn(&Author, &Entry) -> String| -> Vec<String> {
        entries.iter().map(|(author, entry)| pick(author, entry)).collect()
    };
    let ids = |pick: fn(&Author, &Entry) -> Option<OrganizationId>| -> Vec<Option<Uuid>> {
        entries.iter().map(|(author, entry)| pick(author, entry).map(|id| id.0)).collect()
    };
    let before: Vec<Option<Value>> =
        entries.iter().map(|(_, entry)| entry.before.clone()).collect();
    let after: Vec<Option<Value>> = entries.iter().map(|(_, entry)| entry.after.clone()).collect();
    sqlx::query!(
        "insert into audit_records (at, actor, on_behalf_of, action, subject, tenant_id, provider_id,
             before, after, reason, request_id)
         select $1, t.* from unnest($2::text[], $3::uuid[], $4::text[], $5::text[], $6::uuid[],
             $7::uuid[], $8::jsonb[], $9::jsonb[], $10::text[], $11::text[]) t",
        at,
        &column(|author, _| author.actor.clone()),
        &ids(|author, _| author.on_behalf_of) as &[Option<Uuid>],
        &column(|_, entry| entry.action.to_owned()),
        &column(|_, entry| entry.subject.clone()),
        &ids(|_, entry| entry.tenant) as &[Option<Uuid>],
        &ids(|_, entry| entry.provider) as &[Option<Uuid>],
        &before as &[Option<Value>],
        &after as &[Option<Value>],
        &column(|_, entry| entry.reason.clone()),
        &column(|author, _| author.request_id.clone()),
    )
    .execute(connection)
    .await?;
    Ok(())
}
