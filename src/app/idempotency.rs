//! Requests that may be sent again: the first reply is kept in the act's own transaction, so that a
//! crash at any moment leaves either both the act and its reply, or neither.
//!
//! A refusal is not kept: it wrote nothing, and a later try may succeed.

use axum::http::StatusCode;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::api::call::Idempotency;
use crate::api::{Problem, Reply};
use crate::db::stored::{stored, unreadable};
use crate::kernel::Timestamp;

const TABLE: &str = "idempotency_keys";

/// Makes the key this transaction's, or says what became of the request that had it before.
///
/// # Errors
/// [`Problem::Replayed`], 422 `idempotency_key_reused`, 409 `idempotency_key_in_use`.
pub async fn claim(
    connection: &mut PgConnection,
    caller: Uuid,
    idempotency: &Idempotency,
) -> Result<(), Problem> {
    let is_ours = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1 || $2, 0)) as "is_ours!""#,
        caller.to_string(),
        idempotency.key,
    )
    .fetch_one(&mut *connection)
    .await?;
    if !is_ours {
        return Err(in_use());
    }
    match kept(connection, &[(caller, idempotency)]).await?.pop() {
        Some((_, outcome)) => Err(outcome),
        None => Ok(()),
    }
}

/// The problem of a key whose first request has not been answered yet.
pub fn in_use() -> Problem {
    Problem::conflict(
        "idempotency_key_in_use",
        "a request with this Idempotency-Key is still running; ask again in a moment to get its reply",
    )
    .retry_after(1)
}

/// The outcome of every one of `keys` that was used before, by its index.
///
/// # Errors
/// Those of the database.
pub async fn kept(
    connection: &mut PgConnection,
    keys: &[(Uuid, &Idempotency)],
) -> sqlx::Result<Vec<(usize, Problem)>> {
    let callers: Vec<Uuid> = keys.iter().map(|(caller, _)| *caller).collect();
    let texts: Vec<String> = keys.iter().map(|(_, idempotency)| idempotency.key.clone()).collect();
    let rows = sqlx::query!(
        r#"select asked.position as "position!", kept.fingerprint, kept.status, kept.etag, kept.body
           from unnest($1::uuid[], $2::text[]) with ordinality asked (caller, key, position)
           -- One look into the index for each, whatever the planner thinks of the table's size.
           cross join lateral (
               select fingerprint, status, etag, body from idempotency_keys
               where caller = asked.caller and key = asked.key limit 1
           ) kept"#,
        &callers,
        &texts,
    )
    .fetch_all(connection)
    .await?;
    let outcomes = rows.into_iter().map(|row| {
        let index = stored::<usize>(row.position - 1, TABLE, "key", "a key that was asked for")?;
        let (_, asked) = keys.get(index).ok_or_else(|| {
            unreadable(TABLE, "key", index, "a key that was not asked for was found")
        })?;
        let outcome = if row.fingerprint == asked.fingerprint {
            let code = stored::<u16>(row.status, TABLE, "status", &asked.key)?;
            let status = StatusCode::from_u16(code)
                .map_err(|error| unreadable(TABLE, "status", &asked.key, error))?;
            Problem::Replayed(Box::new(Reply::again(status, row.etag, row.body)))
        } else {
            reused()
        };
        Ok((index, outcome))
    });
    outcomes.collect()
}

/// The problem of a key that was used for another request.
pub fn reused() -> Problem {
    Problem::unacceptable(
        "idempotency_key_reused",
        "this Idempotency-Key was used for another request; make a fresh key for each new act",
    )
}

/// Forgets replies older than a day, at most 1,000 at a time; says how many.
///
/// # Errors
/// Those of the database.
pub async fn forget_old(connection: &mut PgConnection, now: Timestamp) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "delete from idempotency_keys where (caller, key) in (
             select caller, key from idempotency_keys where created_at < $1 limit 1000)",
        now - chrono::TimeDelta::days(1),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
