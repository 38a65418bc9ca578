//! SQL on `blocks`.

use sqlx::PgConnection;
use sqlx::postgres::types::PgRange;
use uuid::Uuid;

use super::super::rules::{Block, BlockKind};
use crate::kernel::{BlockId, PoolId, Reason, Timestamp};
use crate::supply::shared::cell;

struct BlockRow {
    id: BlockId,
    pool_id: PoolId,
    kind: BlockKind,
    units: PgRange<i32>,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    reason: Reason,
    lifted_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl TryFrom<BlockRow> for Block {
    type Error = sqlx::Error;
    fn try_from(row: BlockRow) -> sqlx::Result<Block> {
        Ok(Block {
            id: row.id,
            pool_id: row.pool_id,
            kind: row.kind,
            units: cell("blocks", "units", row.id).unit_range(&row.units)?.into(),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            reason: row.reason,
            lifted_at: row.lifted_at,
            created_at: row.created_at,
        })
    }
}

macro_rules! select_blocks {
    ($rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            BlockRow,
            r#"select b.id as "id: BlockId", b.pool_id as "pool_id: PoolId", b.kind as "kind: BlockKind",
                   b.units, lower(b.during) as "starts_at!", upper(b.during) as ends_at,
                   b.reason as "reason: Reason", b.lifted_at, b.created_at
               from blocks b join pools p on p.id = b.pool_id "# + $rest
            $(, $argument)*
        )
    };
}

/// A block in `scope`.
pub async fn find_block(
    connection: &mut PgConnection,
    id: BlockId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Block>> {
    select_blocks!("where b.id = $1 and ($2::uuid is null or p.provider_id = $2)", id.0, scope)
        .fetch_optional(connection)
        .await?
        .map(Block::try_from)
        .transpose()
}

/// A page of the blocks of a pool, newest first; with `open_at` those that are not over by then.
pub async fn list_blocks(
    connection: &mut PgConnection,
    pool: PoolId,
    open_at: Option<Timestamp>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Block>> {
    select_blocks!(
        "where b.pool_id = $1
           and ($2::timestamptz is null or b.lifted_at is null
                and (upper_inf(b.during) or upper(b.during) > $2))
           and ($3::uuid is null or b.id < $3)
         order by b.id desc limit $4",
        pool.0,
        open_at,
        after,
        limit
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(Block::try_from)
    .collect()
}

/// Adds a block.
pub async fn insert_block(connection: &mut PgConnection, block: &Block) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into blocks (id, pool_id, units, during, kind, reason, created_at)
         values ($1, $2, $3, tstzrange($4, $5), $6, $7, $8)",
        block.id.0,
        block.pool_id.0,
        cell("blocks", "units", block.id).half_open(block.units)?,
        block.starts_at,
        block.ends_at,
        block.kind.as_str(),
        block.reason.as_str(),
        block.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a block was lifted.
pub async fn lift_block(
    connection: &mut PgConnection,
    id: BlockId,
    lifted_at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!("update blocks set lifted_at = $2 where id = $1", id.0, lifted_at)
        .execute(connection)
        .await?;
    Ok(())
}
