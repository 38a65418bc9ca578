//! Every statement on the log and its seals, besides the one that writes records (`db/log.rs`).

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::rules::{Record, Seal};
use crate::kernel::{Sha256, Timestamp};

/// Makes this transaction the only one that seals; `false` if another is at it.
pub async fn lock_chain(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended('audit_seals', 0)) as "is_ours!""#
    )
    .fetch_one(connection)
    .await
}

/// The transaction number below which nothing can appear any more: all of those have ended.
pub async fn final_until(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select base + pg_snapshot_xmin(pg_current_snapshot())::text::int8 as "until!" from audit_base"#
    )
    .fetch_one(connection)
    .await
}

/// The newest seal.
pub async fn last_seal(connection: &mut PgConnection) -> sqlx::Result<Option<Seal>> {
    sqlx::query_as!(
        Seal,
        r#"select number, from_transaction as "from", until_transaction as "until", records,
               root as "root: Sha256", ''::bytea as "leaves!", sealed_at
           from audit_seals order by number desc limit 1"#
    )
    .fetch_optional(connection)
    .await
}

/// At most `limit` seals after the one numbered `after`, in order.
pub async fn seals(
    connection: &mut PgConnection,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<Seal>> {
    sqlx::query_as!(
        Seal,
        r#"select number, from_transaction as "from", until_transaction as "until", records,
               root as "root: Sha256", leaves, sealed_at
           from audit_seals where number > $1 order by number limit $2"#,
        after,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Adds a seal. A number or range that another server has sealed violates `audit_seals_pkey` or
/// `audit_seals_from_unique`.
pub async fn insert_seal(connection: &mut PgConnection, seal: &Seal) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into audit_seals (number, from_transaction, until_transaction, records, root, leaves,
             sealed_at) values ($1, $2, $3, $4, $5, $6, $7)",
        seal.number,
        seal.from,
        seal.until,
        seal.records,
        &seal.root.0[..],
        seal.leaves,
        seal.sealed_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// At most `limit` records after `(transaction, seq)` and before `until`, in order of sealing.
pub async fn records(
    connection: &mut PgConnection,
    after: (i64, i64),
    until: i64,
    limit: i64,
) -> sqlx::Result<Vec<Record>> {
    sqlx::query_as!(
        Record,
        r#"select transaction, seq, at, actor, on_behalf_of, action, subject, tenant_id, provider_id,
               before::text, after::text, reason, request_id
           from audit_records where (transaction, seq) > ($1, $2) and transaction < $3
           order by transaction, seq limit $4"#,
        after.0,
        after.1,
        until,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// How many records carry a transaction of `from` or later.
pub async fn count_from(connection: &mut PgConnection, from: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from audit_records where transaction >= $1"#,
        from
    )
    .fetch_one(connection)
    .await
}

/// A record as it is read by people.
#[derive(Debug, Clone)]
pub struct Entry {
    pub seq: i64,
    pub at: Timestamp,
    pub actor: String,
    pub on_behalf_of: Option<Uuid>,
    pub action: String,
    pub subject: String,
    pub tenant_id: Option<Uuid>,
    pub provider_id: Option<Uuid>,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub reason: String,
    pub request_id: String,
}

/// Which records to list; what is `None` does not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    pub subject: Option<String>,
    pub action: Option<String>,
    pub actor: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// At most `limit` entries before `seq`, newest first, as far as `scope` may read them. Only its own
/// people can be asked for by name.
pub async fn entries(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as!(
        Entry,
        "select seq, at, actor, on_behalf_of, action, subject, tenant_id, provider_id, before, after,
             reason, request_id
         from audit_records
         where ($1::uuid is null or $1 in (tenant_id, provider_id, on_behalf_of))
             and ($2::text is null or subject = $2)
             and ($3::text is null or action = $3)
             and ($4::text is null or (actor = $4 and ($1 is null or on_behalf_of = $1)))
             and ($5::timestamptz is null or at >= $5)
             and ($6::timestamptz is null or at < $6)
             and ($7::int8 is null or seq < $7)
         order by seq desc limit $8",
        scope,
        filter.subject.as_deref(),
        filter.action.as_deref(),
        filter.actor.as_deref(),
        filter.from,
        filter.to,
        before,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// The newest `limit` entries on `subject` as far as `scope` may read them, oldest first.
pub async fn history(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    subject: &str,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    let mut entries = sqlx::query_as!(
        Entry,
        "select seq, at, actor, on_behalf_of, action, subject, tenant_id, provider_id, before, after,
             reason, request_id
         from audit_records
         where subject = $1 and ($2::uuid is null or $2 in (tenant_id, provider_id, on_behalf_of))
         order by seq desc limit $3",
        subject,
        scope,
        limit,
    )
    .fetch_all(connection)
    .await?;
    entries.reverse();
    Ok(entries)
}
