//! The planes in a server's memory.
//!
//! They are never trusted alone. Whoever changes a plane has it to itself on this server
//! ([`Planes::editing`]) and either holds its row locked, having brought memory up to the row's version,
//! or writes on condition that the row is still at the version of memory. Whoever only looks may see a
//! booking that is about to be committed or undone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use sqlx::PgConnection;
use tokio::sync::Mutex as AsyncMutex;
use uuid::Uuid;

use super::instants::instant;
use super::rules::{Plane, Rect};
use super::store::{self, Change, Version};
use crate::app::App;
use crate::kernel::{PoolId, Timestamp};

/// A plane and the version that it is at.
#[derive(Debug)]
pub(super) struct VersionedPlane {
    pub plane: Plane,
    pub version: i64,
}

/// Planes by pool.
#[derive(Debug, Default)]
pub struct Planes {
    by_pool: RwLock<HashMap<PoolId, Arc<Mutex<VersionedPlane>>>>,
    /// Held by whoever has changed a plane in memory and not yet committed or undone it.
    editing: Mutex<HashMap<PoolId, Arc<AsyncMutex<()>>>>,
}

/// The planes in this server's memory.
pub fn planes(app: &App) -> Arc<Planes> {
    app.memory(Planes::default)
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
        self.bring_up(connection, &versions, now, false).await.map(drop)
    }

    /// Brings the planes to `versions`; says whether all of them were there already. `is_locked`: the
    /// rows are locked by the caller, who has the planes for itself, so a plane in memory that is ahead
    /// of its row is the trace of something undone, and is read anew.
    pub(super) async fn bring_up(
        &self,
        connection: &mut PgConnection,
        versions: &[Version],
        now: Timestamp,
        is_locked: bool,
    ) -> sqlx::Result<bool> {
        let mut anew = Vec::new();
        let mut were_current = true;
        for version in versions {
            let seen = self.kept(version.pool).map(|kept| lock(&kept).version);
            if seen == Some(version.version) || (seen > Some(version.version) && !is_locked) {
                continue;
            }
            were_current = false;
            match seen {
                Some(seen) if seen < version.version && seen >= version.trimmed => {
                    let changes = store::changes(connection, version.pool, seen).await?;
                    if !self.catch_up(version, seen, changes, is_locked) && is_locked {
                        anew.push((*version, Some(seen)));
                    }
                }
                seen => anew.push((*version, seen)),
            }
        }
        if !anew.is_empty() {
            self.read(connection, &anew, now, is_locked).await?;
        }
        Ok(were_current)
    }

    /// Reads whole planes, which were seen at some version in memory. One that moved on meanwhile or is
    /// being edited stays as it is, unless its row `is_locked`.
    async fn read(
        &self,
        connection: &mut PgConnection,
        versions: &[(Version, Option<i64>)],
        now: Timestamp,
        is_locked: bool,
    ) -> sqlx::Result<()> {
        let pools: Vec<PoolId> = versions.iter().map(|(version, _)| version.pool).collect();
        let mut rects: HashMap<PoolId, Vec<Rect>> = HashMap::new();
        store::standing(connection, &pools, now, |pool, rect| {
            rects.entry(pool).or_default().push(rect)
        })
        .await?;
        for (version, seen) in versions {
            let mut plane = Plane::new(version.units);
            plane.insert_all(rects.remove(&version.pool).unwrap_or_default());
            let kept = VersionedPlane { plane, version: version.version };
            let editing = self.editing(version.pool);
            let looking = editing.try_lock();
            let is_still = looking.is_ok();
            let mut map = self.by_pool.write().unwrap_or_else(PoisonError::into_inner);
            match map.get(&version.pool) {
                Some(place) => {
                    let mut place = lock(place);
                    if is_locked || (is_still && Some(place.version) == *seen) {
                        *place = kept;
                    }
                }
                None => drop(map.insert(version.pool, Arc::new(Mutex::new(kept)))),
            }
        }
        Ok(())
    }

    /// Applies `changes` to a plane that was at `seen`; false if it moved on meanwhile or, unless its row
    /// `is_locked`, is being edited.
    fn catch_up(
        &self,
        version: &Version,
        seen: i64,
        changes: Vec<Change>,
        is_locked: bool,
    ) -> bool {
        let Some(kept) = self.kept(version.pool) else { return false };
        let editing = self.editing(version.pool);
        let looking = editing.try_lock();
        if !is_locked && looking.is_err() {
            return false;
        }
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

    /// Planes on which something is pinned in `(now, until]` that can still be moved, the first pinned first.
    /// A plane is looked through only if something may be.
    pub(super) fn about_to_pin(&self, now: Timestamp, until: Timestamp) -> Vec<PoolId> {
        let (now, until) = (instant(now), instant(until));
        let all: Vec<(PoolId, Arc<Mutex<VersionedPlane>>)> = {
            let by_pool = self.by_pool.read().unwrap_or_else(PoisonError::into_inner);
            by_pool.iter().map(|(pool, kept)| (*pool, kept.clone())).collect()
        };
        let mut found: Vec<_> = all
            .into_iter()
            .filter_map(|(pool, kept)| {
                let next = lock(&kept).plane.next_pin_by(until, now)?;
                Some((next, pool))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, pool)| pool).collect()
    }

    /// Drops rectangles that ended before `now` from memory.
    pub fn forget_before(&self, now: Timestamp) {
        let all: Vec<_> =
            self.by_pool.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for kept in all {
            lock(&kept).plane.forget_before(instant(now));
        }
    }

    /// What whoever changes a plane in memory holds until the change is committed or undone. It is waited
    /// for only by those who hold the plane's row.
    pub(super) fn editing(&self, pool: PoolId) -> Arc<AsyncMutex<()>> {
        let mut editing = self.editing.lock().unwrap_or_else(PoisonError::into_inner);
        editing.entry(pool).or_default().clone()
    }

    pub(super) fn kept(&self, pool: PoolId) -> Option<Arc<Mutex<VersionedPlane>>> {
        self.by_pool.read().unwrap_or_else(PoisonError::into_inner).get(&pool).cloned()
    }
}

pub(super) fn lock(kept: &Mutex<VersionedPlane>) -> MutexGuard<'_, VersionedPlane> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ids of pools in the order in which their planes are locked.
pub(super) fn in_lock_order(pools: impl IntoIterator<Item = PoolId>) -> Vec<PoolId> {
    let mut pools: Vec<PoolId> = pools.into_iter().collect();
    pools.sort_unstable();
    pools.dedup();
    pools
}
