//! SQL on `stuck_jobs`.

use std::collections::HashSet;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::kernel::Timestamp;

/// A subject whose back-off is over.
#[derive(Debug, Clone)]
pub struct Retry {
    pub subject: Uuid,
    /// Why it failed last.
    pub error: String,
}

/// Those of `subjects` that `job` is stuck with, whether their back-off is over or not.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn stuck_among(
    connection: &mut PgConnection,
    job: &str,
    subjects: &[Uuid],
) -> sqlx::Result<HashSet<Uuid>> {
    let found = sqlx::query_scalar!(
        "select subject from stuck_jobs where job = $1 and subject = any($2) and cleared_at is null",
        job,
        subjects
    );
    Ok(found.fetch_all(connection).await?.into_iter().collect())
}

/// What `job` is stuck with and is to be tried again at `now`, the longest wait first.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn retries(
    connection: &mut PgConnection,
    job: &str,
    now: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<Retry>> {
    sqlx::query_as!(
        Retry,
        "select subject, error from stuck_jobs
         where job = $1 and cleared_at is null and try_again_at <= $2 order by try_again_at limit $3",
        job,
        now,
        limit
    )
    .fetch_all(connection)
    .await
}

/// Puts a subject off: for one second after its first failure, for twice as long after each further one, for
/// at most ten minutes. Returns how often it has failed in a row; `None` if another server has put it off in
/// this moment.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn put_off(
    connection: &mut PgConnection,
    job: &str,
    (subject, named): (Uuid, &str),
    error: &str,
    now: Timestamp,
) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar!(
        "insert into stuck_jobs as s (job, subject, named, failures, first_failed_at, try_again_at, error)
         values ($1, $2, $3, 1, $5, $5::timestamptz + interval '1 second', $4)
         on conflict (job, subject) do update set
             failures = case when s.cleared_at is null then s.failures + 1 else 1 end,
             first_failed_at = case when s.cleared_at is null then s.first_failed_at else $5 end,
             told_at = case when s.cleared_at is null then s.told_at end,
             try_again_at = $5::timestamptz + interval '1 second' * case when s.cleared_at is null
                 then least(600, power(2, least(s.failures, 10))) else 1 end,
             error = $4, cleared_at = null
         where s.try_again_at <= $5
         returning failures",
        job,
        subject,
        named,
        error,
        now
    )
    .fetch_optional(connection)
    .await
}

/// Notes that `job` is no longer stuck with a subject; false if it was not.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn clear(
    connection: &mut PgConnection,
    job: &str,
    subject: Uuid,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "update stuck_jobs set try_again_at = $3, cleared_at = $3
         where job = $1 and subject = $2 and cleared_at is null",
        job,
        subject,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many subjects each reconciler is stuck with; those that are stuck with none are left out.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn stuck_by_job(connection: &mut PgConnection) -> sqlx::Result<Vec<(String, i64)>> {
    let rows = sqlx::query!(
        r#"select job, count(*) as "count!" from stuck_jobs where cleared_at is null group by job"#
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.job, row.count)).collect())
}

/// Something that staff is to be told.
#[derive(Debug, Clone)]
pub struct Stuck {
    pub job: String,
    /// The id of what it is about.
    pub named: String,
    /// Why it failed last.
    pub error: String,
    pub first_failed_at: Timestamp,
    /// It has been done meanwhile, or is no longer due.
    pub is_cleared: bool,
}

/// Takes what staff has not been told yet, at most `limit`, and counts it as told in this transaction. What
/// was cleared before anybody was told is forgotten.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn take_untold(
    connection: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<Stuck>> {
    let rows = sqlx::query!(
        r#"with untold as (
               select job, subject from stuck_jobs where told_at is null or cleared_at is not null
               order by first_failed_at limit $2 for update skip locked
           ), told as (
               update stuck_jobs s set told_at = $1 from untold u
               where s.job = u.job and s.subject = u.subject and s.cleared_at is null
           ), forgotten as (
               delete from stuck_jobs s using untold u
               where s.job = u.job and s.subject = u.subject and s.cleared_at is not null
           )
           select s.job, s.named, s.error, s.first_failed_at, s.told_at is not null as "was_told!",
               s.cleared_at is not null as "is_cleared!"
           from untold join stuck_jobs s using (job, subject) order by s.job, s.first_failed_at"#,
        now,
        limit
    )
    .fetch_all(connection)
    .await?;
    let told = rows.into_iter().filter(|row| row.was_told || !row.is_cleared);
    Ok(told
        .map(|row| Stuck {
            job: row.job,
            named: row.named,
            error: row.error,
            first_failed_at: row.first_failed_at,
            is_cleared: row.is_cleared,
        })
        .collect())
}

/// Whether the database answers.
pub async fn answers(connection: &mut PgConnection) -> bool {
    sqlx::query_scalar!(r#"select 1 as "one!""#).fetch_one(connection).await.is_ok()
}
