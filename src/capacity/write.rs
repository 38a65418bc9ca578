//! Writing what was changed on planes.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::edit::{Edit, Origin, Step};
use super::error::Error;
use super::memory::{in_lock_order, lock};
use super::rules::Rect;
use super::store::{self, Added, Placed};
use crate::app::Act;
use crate::db::writes::Writes;
use crate::kernel::PoolId;

impl Edit {
    /// Whether it only adds rectangles: then [`Edit::write_rows`] needs no transaction.
    pub fn only_adds(&self) -> bool {
        self.journal.iter().all(|(_, step)| matches!(step, Step::Put(_, Origin::New(_))))
    }

    /// Writes the changes in the act in which the planes were locked; memory stands once it commits.
    ///
    /// # Errors
    /// Those of the database, `allocations_no_overlap` above all.
    pub async fn write(mut self, act: &mut Act) -> Result<(), Error> {
        let mut writes = Writes::default();
        self.write_rows(act, &mut writes).await?;
        writes.execute(act).await?;
        act.when_committed(move || self.committed());
        Ok(())
    }

    /// Writes the changes in the transaction in which the planes were locked, but for what it adds to
    /// `writes`, which are to be executed in it; [`Edit::committed`] is to follow when that is so.
    ///
    /// # Errors
    /// Those of the database, `allocations_no_overlap` above all.
    pub async fn write_rows(
        &mut self,
        connection: &mut PgConnection,
        writes: &mut Writes,
    ) -> Result<(), Error> {
        let rows = self.rows();
        let raised: Vec<(PoolId, i64)> = rows
            .pools
            .iter()
            .filter_map(|pool| Some((*pool, self.planes.get(pool)?.version + 1)))
            .collect();
        if raised.is_empty() {
            self.is_written = true;
            return Ok(());
        }
        if !rows.gone.is_empty() {
            store::empty(connection, &rows.gone).await?;
        }
        if !rows.changed.is_empty() {
            store::change(connection, &rows.changed).await?;
        }
        if !rows.parts.is_empty() {
            store::add_parts(connection, &rows.parts).await?;
        }
        store::adding(writes, &raised, &rows.added);
        for (pool, version) in raised {
            if let Some(locked) = self.planes.get(&pool) {
                lock(&locked.kept).version = version;
            }
        }
        self.is_written = true;
        Ok(())
    }

    /// The transaction is committed: memory stands as it is.
    pub fn committed(mut self) {
        debug_assert!(self.is_written, "committed without having been written");
        self.journal.clear();
        self.planes.clear();
    }

    /// What the journal comes to, for the table.
    fn rows(&self) -> Rows {
        let mut last: HashMap<(PoolId, Uuid), (Option<Rect>, Origin)> = HashMap::new();
        let mut order = Vec::new();
        for &(pool, step) in &self.journal {
            let (rect, stands, origin) = match step {
                Step::Put(rect, origin) => (rect, Some(rect), origin),
                Step::Taken(rect, origin) => (rect, None, origin),
            };
            if last.insert((pool, rect.id), (stands, origin)).is_none() {
                order.push((pool, rect.id));
            }
        }
        let mut rows =
            Rows { pools: in_lock_order(order.iter().map(|(pool, _)| *pool)), ..Rows::default() };
        for (pool, id) in order {
            let (Some(&(stands, origin)), Some(locked)) =
                (last.get(&(pool, id)), self.planes.get(&pool))
            else {
                continue;
            };
            let version = locked.version + 1;
            let placed = |rect| Placed { pool, rect };
            match (stands, origin) {
                (Some(rect), Origin::New(owner)) => {
                    rows.added.push((Added { placed: placed(rect), owner }, version))
                }
                (Some(rect), Origin::PartOf(whole)) => {
                    rows.parts.push((placed(rect), whole, version))
                }
                (Some(rect), Origin::Row) => {
                    rows.gone.push((pool, id, version));
                    rows.changed.push((placed(rect), version));
                }
                (None, Origin::Row) => rows.gone.push((pool, id, version)),
                (None, _) => {}
            }
        }
        rows
    }
}

#[derive(Default)]
struct Rows {
    pools: Vec<PoolId>,
    gone: Vec<(PoolId, Uuid, i64)>,
    changed: Vec<(Placed, i64)>,
    parts: Vec<(Placed, Uuid, i64)>,
    added: Vec<(Added, i64)>,
}
