//! SQL on the files of evidence: chunks as they come, and the file that stands for them once they are
//! all there and are what was said.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::kernel::{EvidenceId, ReclaimCaseId, Sha256, Timestamp};

/// What a piece of evidence must be, and what is kept of it.
#[derive(Debug, Clone)]
pub struct FileOf {
    pub sha256: Sha256,
    /// Chunks and bytes of its file; `None` where there is none.
    pub upload: Option<(Uuid, i64)>,
}

/// The piece of evidence `id` of a case.
pub async fn file_of(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
    id: EvidenceId,
) -> sqlx::Result<Option<FileOf>> {
    let row = sqlx::query!(
        r#"select e.sha256 as "sha256: Sha256", f.upload_id as "upload?", f.size as "size?"
           from reclaim_evidence e left join reclaim_evidence_files f on f.evidence_id = e.id
           where e.case_id = $1 and e.id = $2"#,
        case.0,
        id.0,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| FileOf { sha256: row.sha256, upload: row.upload.zip(row.size) }))
}

/// Keeps one chunk of an upload.
pub async fn insert_chunk(
    connection: &mut PgConnection,
    upload: Uuid,
    number: i32,
    bytes: &[u8],
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into reclaim_evidence_chunks (upload_id, number, bytes, created_at)
         values ($1, $2, $3, $4)",
        upload,
        number,
        bytes,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One chunk of a file; `None` after the last.
pub async fn chunk(
    connection: &mut PgConnection,
    upload: Uuid,
    number: i32,
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!(
        "select bytes from reclaim_evidence_chunks where upload_id = $1 and number = $2",
        upload,
        number,
    )
    .fetch_optional(connection)
    .await
}

/// Makes the chunks of an upload the file of a piece of evidence. A second file violates
/// `reclaim_evidence_files_pkey`. Says whether they were all there still.
pub async fn insert_file(
    connection: &mut PgConnection,
    evidence: EvidenceId,
    upload: Uuid,
    size: i64,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "insert into reclaim_evidence_files (evidence_id, upload_id, size, created_at)
         select $1, $2, $3, $4 where $3 = (
             select sum(length(bytes)) from reclaim_evidence_chunks where upload_id = $2)",
        evidence.0,
        upload,
        size,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Throws an upload away.
pub async fn delete_chunks(connection: &mut PgConnection, upload: Uuid) -> sqlx::Result<()> {
    sqlx::query!("delete from reclaim_evidence_chunks where upload_id = $1", upload)
        .execute(connection)
        .await?;
    Ok(())
}

/// Throws away at most `limit` chunks of uploads that began before `before` and came to nothing; returns how
/// many.
pub async fn sweep(
    connection: &mut PgConnection,
    before: Timestamp,
    limit: i64,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "delete from reclaim_evidence_chunks where (upload_id, number) in (
             select upload_id, number from reclaim_evidence_chunks c where c.created_at < $1
                 and not exists (select from reclaim_evidence_files f where f.upload_id = c.upload_id)
             order by c.created_at limit $2)",
        before,
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
