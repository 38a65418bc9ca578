//! SQL on what is due: ids alone, so that a row that cannot be read is a fault of its own step.

use sqlx::PgConnection;

use crate::kernel::{LeaseId, QuoteId, Timestamp};
use crate::leases::rules::Status;

/// The leases in `status` that are due at `now` (by their start or, if active, by their end) and that `job` is
/// not stuck with, the longest due first, at most `limit`.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn leases(
    connection: &mut PgConnection,
    job: &str,
    status: Status,
    now: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<LeaseId>> {
    if status == Status::Active {
        let ids = sqlx::query_scalar!(
            r#"select id as "id: LeaseId" from leases l
               where status = 'active' and ends_at <= $2
                   and (taken_at is null or taken_at >= ends_at) and not exists (select from stuck_jobs s
                   where s.job = $1 and s.subject = l.id and s.cleared_at is null)
               order by ends_at, id limit $3"#,
            job,
            now,
            limit
        );
        ids.fetch_all(connection).await
    } else {
        let ids = sqlx::query_scalar!(
            r#"select id as "id: LeaseId" from leases l
               where status in ('requested', 'scheduled') and status = $4 and starts_at <= $2
                   and (taken_at is null or taken_at > starts_at)
                   and not exists (select from stuck_jobs s
                       where s.job = $1 and s.subject = l.id and s.cleared_at is null)
               order by starts_at, id limit $3"#,
            job,
            now,
            limit,
            status.as_str()
        );
        ids.fetch_all(connection).await
    }
}

/// The open quotes whose time is over at `now` and that `job` is not stuck with, the longest over first, at
/// most `limit`. Unlocked, since planes are locked before quotes.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn quotes(
    connection: &mut PgConnection,
    job: &str,
    now: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<QuoteId>> {
    sqlx::query_scalar!(
        r#"select id as "id: QuoteId" from quotes q
           where state = 'open' and expires_at <= $2 and not exists (select from stuck_jobs s
               where s.job = $1 and s.subject = q.id and s.cleared_at is null)
           order by expires_at, id limit $3"#,
        job,
        now,
        limit
    )
    .fetch_all(connection)
    .await
}
