//! The planes in a server's memory.
//!
//! They are never trusted alone: whoever changes a plane holds its row locked and first brings memory
//! up to the row's version; whoever only looks may see a booking that is about to be committed or
//! undone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use sqlx::PgConnection;
use uuid::Uuid;

use super::instant;
use super::rules::{Plane, Rect};
use super::store::{self, Change, Version};
use crate::kernel::{PoolId, Timestamp};

/// A plane and the version that it is at.
#[derive(Debug)]
pub(super) struct Kept {
    pub plane: Plane,
    pub version: i64,
}

/// Planes by pool.
#[derive(Debug, Default)]
pub struct Planes {
    by_pool: RwLock<HashMap<PoolId, Arc<Mutex<Kept>>>>,
}

impl Planes {
    /// Looks at a plane; `None` if it is not in memory (see [`Planes::refresh`]).
    pub fn look<T>(&self, pool: PoolId, look: impl FnOnce(&Plane) -> T) -> Option<T> {
        let kept = self.kept(pool)?;
        let kept = lock(&kept);
        Some(look(&kept.plane))
    }

    /// Reads what is missing or has changed since, without locking anything in the database.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn refresh(
        &self,
        connection: &mut PgConnection,
        pools: &[PoolId],
        now: Timestamp,
    ) -> sqlx::Result<()> {
        let versions = store::versions(connection, pools).await?;
        self.bring_up(connection, &versions, now, false).await
    }

    /// Brings the planes to `versions`. `is_locked`: the rows are locked by the caller, so a plane in
    /// memory that is ahead of its row is the trace of something undone, and is read anew.
    pub(super) async fn bring_up(
        &self,
        connection: &mut PgConnection,
        versions: &[Version],
        now: Timestamp,
        is_locked: bool,
    ) -> sqlx::Result<()> {
        let mut anew = Vec::new();
        for version in versions {
            let seen = self.kept(version.pool).map(|kept| lock(&kept).version);
            match seen {
                Some(seen) if seen == version.version => {}
                Some(seen) if seen > version.version && !is_locked => {}
                Some(seen) if seen < version.version && seen >= version.trimmed => {
                    let changes = store::changes(connection, version.pool, seen).await?;
                    if !self.catch_up(version, seen, changes) && is_locked {
                        anew.push(*version);
                    }
                }
                _ => anew.push(*version),
            }
        }
        if anew.is_empty() { Ok(()) } else { self.read(connection, &anew, now).await }
    }

    /// Reads whole planes.
    async fn read(
        &self,
        connection: &mut PgConnection,
        versions: &[Version],
        now: Timestamp,
    ) -> sqlx::Result<()> {
        let pools: Vec<PoolId> = versions.iter().map(|version| version.pool).collect();
        let mut rects: HashMap<PoolId, Vec<Rect>> = HashMap::new();
        store::standing(connection, &pools, now, |pool, rect| {
            rects.entry(pool).or_default().push(rect)
        })
        .await?;
        for version in versions {
            let mut plane = Plane::new(version.units);
            plane.insert_all(rects.remove(&version.pool).unwrap_or_default());
            let kept = Kept { plane, version: version.version };
            let mut map = self.by_pool.write().unwrap_or_else(PoisonError::into_inner);
            match map.get(&version.pool) {
                Some(place) => *lock(place) = kept,
                None => drop(map.insert(version.pool, Arc::new(Mutex::new(kept)))),
            }
        }
        Ok(())
    }

    /// Applies `changes` to a plane that was at `seen`; false if it moved on meanwhile.
    fn catch_up(&self, version: &Version, seen: i64, changes: Vec<Change>) -> bool {
        let Some(kept) = self.kept(version.pool) else { return false };
        let mut kept = lock(&kept);
        if kept.version != seen {
            return false;
        }
        let ids: HashSet<Uuid> = changes
            .iter()
            .map(|change| match change {
                Change::Stands(rect) => rect.id,
                Change::Gone(id) => *id,
            })
            .collect();
        let old: Vec<(Uuid, u32)> = kept
            .plane
            .rects()
            .iter()
            .filter(|rect| ids.contains(&rect.id))
            .map(|rect| (rect.id, rect.units.from))
            .collect();
        for (id, first_unit) in old {
            kept.plane.remove(id, first_unit);
        }
        let standing = changes.into_iter().filter_map(|change| match change {
            Change::Stands(rect) => Some(rect),
            Change::Gone(_) => None,
        });
        kept.plane.insert_all(standing.collect());
        kept.version = version.version;
        true
    }

    /// Rectangles that are pinned in `(now, until]` and can still be moved, at most `limit`.
    pub fn about_to_be_pinned(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Vec<(PoolId, Uuid)> {
        let (now, until) = (instant(now), instant(until));
        let pools: Vec<PoolId> =
            self.by_pool.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        let mut found = Vec::new();
        for pool in pools {
            self.look(pool, |plane| {
                let soon = plane
                    .rects()
                    .iter()
                    .filter(|rect| rect.is_movable_at(now) && rect.pinned_at <= until);
                found.extend(soon.map(|rect| (rect.pinned_at, pool, rect.id)));
            });
        }
        found.sort_unstable();
        found.into_iter().take(limit).map(|(_, pool, id)| (pool, id)).collect()
    }

    /// Drops rectangles that ended before `now` from memory.
    pub fn forget_before(&self, now: Timestamp) {
        let all: Vec<_> =
            self.by_pool.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for kept in all {
            lock(&kept).plane.forget_before(instant(now));
        }
    }

    pub(super) fn kept(&self, pool: PoolId) -> Option<Arc<Mutex<Kept>>> {
        self.by_pool.read().unwrap_or_else(PoisonError::into_inner).get(&pool).cloned()
    }
}

pub(super) fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
