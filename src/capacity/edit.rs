//! Changing planes: lock, bring memory up, plan, write; undo what was not committed.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;
use uuid::Uuid;

use super::booking::{Booked, Booking, Freed, Held, Owner};
use super::error::Error;
use super::instants::{instant, timestamp, window};
use super::memory::{Planes, VersionedPlane, in_lock_order, lock, planes};
use super::rules::{
    self, BEGINNING_OF_TIME, END_OF_TIME, Move, NoRoom, Placement, Purpose, Rect, Request, Units,
    Window,
};
use super::store;
use crate::app::App;
use crate::kernel::{Period, PoolId, Timestamp, ids};

/// How long others have a plane to themselves in memory at most, once its row is free: as long as a
/// statement takes.
const OTHERS_TAKE: Duration = Duration::from_secs(5);

/// Planes locked for a change. Memory is changed as it goes; what is dropped without
/// [`Edit::committed`] is undone there.
pub struct Edit {
    pub(super) planes: BTreeMap<PoolId, Locked>,
    pub(super) journal: Vec<(PoolId, Step)>,
    pub(super) is_written: bool,
    /// Memory was as the database is: nobody else has changed the planes since this server did.
    pub found_current: bool,
    /// Freed last, when memory is in order.
    _editing: Vec<OwnedMutexGuard<()>>,
}

pub(super) struct Locked {
    pub kept: Arc<Mutex<VersionedPlane>>,
    pub version: i64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Put(Rect, Origin),
    Taken(Rect, Origin),
}

/// Where the row of a rectangle comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It is in the table.
    Row,
    /// It is new.
    New(Owner),
    /// It is a further part of this one, which was split.
    PartOf(Uuid),
}

/// Locks the planes of `pools` in this transaction and brings them up in memory.
///
/// # Errors
/// [`Error::NoPlane`]; those of the database.
pub async fn edit(
    app: &App,
    connection: &mut PgConnection,
    pools: &[PoolId],
) -> Result<Edit, Error> {
    let pools = in_lock_order(pools.iter().copied());
    let memory: Arc<Planes> = planes(app);
    let versions = store::lock(connection, &pools).await?;
    let mut editing = Vec::with_capacity(versions.len());
    for version in &versions {
        let others = timeout(OTHERS_TAKE, memory.editing(version.pool).lock_owned()).await;
        editing.push(others.map_err(|_| Error::Busy(version.pool))?);
    }
    let found_current = memory.bring_up(connection, &versions, app.now(), true).await?;
    let mut locked = BTreeMap::new();
    for version in versions {
        let kept = memory.kept(version.pool).ok_or(Error::NoPlane(version.pool))?;
        locked.insert(version.pool, Locked { kept, version: version.version });
    }
    match pools.iter().find(|pool| !locked.contains_key(pool)) {
        Some(&missing) => Err(Error::NoPlane(missing)),
        None => Ok(Edit::of(locked, found_current, editing)),
    }
}

/// Takes the planes of `pools` as they are in memory, locking nothing in the database: what is then
/// written is refused as a whole if one of them has changed there. `None` if one is not in memory or
/// somebody is changing it.
///
/// Its statement must not wait for locks for long: who holds them may be waiting for this edit.
pub fn edit_ahead(app: &App, pools: &[PoolId]) -> Option<Edit> {
    let memory: Arc<Planes> = planes(app);
    let mut editing = Vec::new();
    let mut taken = BTreeMap::new();
    for pool in in_lock_order(pools.iter().copied()) {
        editing.push(memory.editing(pool).try_lock_owned().ok()?);
        let kept = memory.kept(pool)?;
        let version = lock(&kept).version;
        taken.insert(pool, Locked { kept, version });
    }
    Some(Edit::of(taken, true, editing))
}

impl Edit {
    fn of(
        planes: BTreeMap<PoolId, Locked>,
        found_current: bool,
        editing: Vec<OwnedMutexGuard<()>>,
    ) -> Edit {
        Edit { planes, journal: Vec::new(), is_written: false, found_current, _editing: editing }
    }

    /// The plane of `pool`, to be changed.
    ///
    /// # Errors
    /// [`Error::NoPlane`] if it is not one of those that are locked.
    pub fn on(&mut self, pool: PoolId) -> Result<OnPlane<'_>, Error> {
        let locked = self.planes.get(&pool).ok_or(Error::NoPlane(pool))?;
        Ok(OnPlane { pool, kept: &locked.kept, journal: &mut self.journal })
    }

    /// Places a booking, moving others that may be moved if nothing else helps.
    ///
    /// # Errors
    /// [`Error::Refused`] with what is lacking; then nothing changed.
    pub fn book(&mut self, booking: &Booking, now: Timestamp) -> Result<Booked, Error> {
        self.on(booking.pool)?.book(booking, now)
    }

    /// A point to come [`Edit::back_to`].
    pub fn mark(&self) -> usize {
        self.journal.len()
    }

    /// Undoes everything since `mark`.
    pub fn back_to(&mut self, mark: usize) {
        for (pool, step) in self.journal.split_off(mark).into_iter().rev() {
            if let Some(locked) = self.planes.get(&pool) {
                undo(&mut lock(&locked.kept).plane, step);
            }
        }
    }
}

fn undo(plane: &mut rules::Plane, step: Step) {
    match step {
        Step::Put(rect, _) => drop(plane.remove(rect.id, rect.units.from)),
        Step::Taken(rect, _) => plane.insert(rect),
    }
}

/// A plane that is locked and being changed; there is none of a plane that is not.
pub struct OnPlane<'e> {
    pub(super) pool: PoolId,
    kept: &'e Mutex<VersionedPlane>,
    journal: &'e mut Vec<(PoolId, Step)>,
}

impl OnPlane<'_> {
    /// Places a booking, moving others that may be moved if nothing else helps.
    fn book(&mut self, booking: &Booking, now: Timestamp) -> Result<Booked, Error> {
        let request = Request {
            units: booking.units,
            window: window(booking.period),
            within: booking.within,
            placement: booking.placement,
            prefer: Vec::new(),
        };
        let plan = self.plan(|plane| rules::place(plane, &request, instant(now)))?;
        let pinned_at =
            instant(booking.period.starts_at - booking.pin_lead.delta()).max(instant(now));
        self.carry_out(&plan.moves, now);
        for &units in &plan.placed {
            let within = match booking.placement {
                Placement::Any => booking.within,
                Placement::Island { units_per_island } => {
                    island_of(units, units_per_island, booking.within)
                }
            };
            let rect = Rect {
                id: ids::fresh_uuid(now),
                units,
                window: request.window,
                pinned_at,
                within,
                purpose: booking.purpose,
            };
            self.put(rect, Origin::New(booking.owner));
        }
        Ok(Booked { units: plan.placed, moves: plan.moves.len(), keeps_units: true })
    }

    /// Lets an owner hold as many units as at the end of its period until `ends_at`, the same ones if
    /// others can make way, else others of `within`. Returns the units that it holds then.
    ///
    /// # Errors
    /// [`Error::Refused`] with what is lacking; then nothing changed.
    pub fn extend(
        &mut self,
        owner: Owner,
        held: &Held,
        ends_at: Timestamp,
        within: Units,
        now: Timestamp,
    ) -> Result<Booked, Error> {
        let Some(end) = held.rects.iter().map(|rect| rect.window.until).max() else {
            return Ok(Booked::default());
        };
        let last: Vec<Rect> =
            held.rects.iter().filter(|rect| rect.window.until == end).copied().collect();
        let units = held.last_units();
        let mut request = Request {
            units: rules::total(&units),
            window: Window::new(end, instant(ends_at)),
            within,
            placement: Placement::Any,
            prefer: units.clone(),
        };
        let mark = self.mark();
        let begins = last[0].window.from;
        let is_movable =
            last.iter().all(|rect| rect.is_movable_at(instant(now)) && rect.window.from == begins)
                && held.rects.len() == last.len();
        if is_movable {
            // Its units are not promised yet: the longer booking is placed as a whole.
            for &rect in &last {
                self.take(rect, self.origin(rect.id));
            }
            request.window.from = begins;
        }
        let plan = match self.plan(|plane| rules::place(plane, &request, instant(now))) {
            Ok(plan) => plan,
            Err(error) => {
                self.back_to(mark);
                return Err(error);
            }
        };
        self.carry_out(&plan.moves, now);
        let is_same = rules::joined(plan.placed.clone()) == units;
        if !is_movable && is_same {
            for rect in last {
                let origin = self.origin(rect.id);
                self.take(rect, origin);
                let window = Window::new(rect.window.from, request.window.until);
                self.put(Rect { window, ..rect }, origin);
            }
        } else {
            for &units in &plan.placed {
                let id = ids::fresh_uuid(now);
                let rect = Rect { id, units, window: request.window, within, ..last[0] };
                self.put(rect, Origin::New(owner));
            }
        }
        Ok(Booked {
            units: plan.placed,
            moves: plan.moves.len(),
            keeps_units: is_movable || is_same,
        })
    }

    /// Gives `units` to a use that stands fixed, moving bookings out of its way; returns how many moved.
    /// `None` for `from` or `until` is the beginning or end of time.
    ///
    /// # Errors
    /// [`Error::Refused`] naming what stands in the way; then nothing changed.
    pub fn occupy(
        &mut self,
        owner: Uuid,
        purpose: Purpose,
        units: (u32, u32),
        from: Option<Timestamp>,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<usize, Error> {
        let units = Units::new(units.0, units.1);
        let rect = Rect {
            id: ids::fresh_uuid(now),
            units,
            window: Window::new(
                from.map_or(BEGINNING_OF_TIME, instant),
                until.map_or(END_OF_TIME, instant),
            ),
            pinned_at: instant(now),
            within: units,
            purpose,
        };
        let moves = self.plan(|plane| rules::replan_around(plane, &rect, instant(now)))?;
        self.carry_out(&moves, now);
        self.put(rect, Origin::New(Owner { id: owner, subject: owner, organization: None }));
        Ok(moves.len())
    }

    /// Puts a rectangle that is about to be pinned where its units stand idle least; returns how many
    /// rectangles moved. Nothing depends on it: it leaves more room for what is booked later.
    ///
    /// # Errors
    /// None but those of a bug in the rules.
    pub fn settle(&mut self, id: Uuid, now: Timestamp) -> Result<usize, Error> {
        let moves = self.plan(|plane| {
            let Some(rect) = plane.rects().iter().find(|rect| rect.id == id) else {
                return Ok(Vec::new());
            };
            let lead = rect.window.from.abs_diff(rect.pinned_at);
            Ok(rules::settle(plane, id, lead / 6, instant(now)))
        })?;
        self.carry_out(&moves, now);
        Ok(moves.len())
    }

    /// Keeps what may be moved where it is, if it touches `units` within `window`.
    pub(super) fn pin(
        &mut self,
        units: Units,
        window: Window,
        now: Timestamp,
    ) -> Result<(), Error> {
        let is_there =
            |rect: &&Rect| rect.overlaps(units, window) && rect.is_movable_at(instant(now));
        let there: Vec<Rect> =
            self.plan(|plane| Ok(plane.rects().iter().filter(is_there).copied().collect()))?;
        for rect in there {
            let origin = self.origin(rect.id);
            self.take(rect, origin);
            self.put(Rect { pinned_at: instant(now), ..rect }, origin);
        }
        Ok(())
    }

    /// Frees all that `owner` holds from `from` on (`None`: all of it); returns what is freed. What began
    /// before is cut there.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn vacate(
        &mut self,
        connection: &mut PgConnection,
        owner: Uuid,
        from: Option<Timestamp>,
    ) -> Result<Vec<Rect>, Error> {
        let rects = self.held(connection, owner).await?.rects;
        let from = from.map_or(BEGINNING_OF_TIME, instant);
        let mut freed = Vec::new();
        for rect in rects.into_iter().filter(|rect| rect.window.until > from) {
            self.cut(rect, from);
            let window = Window::new(rect.window.from.max(from), rect.window.until);
            freed.push(Rect { window, ..rect });
        }
        Ok(freed)
    }

    /// What `owner` holds on the plane, as this act has left it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn held(&self, connection: &mut PgConnection, owner: Uuid) -> Result<Held, Error> {
        let rows = store::owned(connection, self.pool, owner).await?;
        let mut known: HashSet<Uuid> = rows.iter().map(|rect| rect.id).collect();
        let mut rects: BTreeMap<Uuid, Rect> =
            rows.into_iter().map(|rect| (rect.id, rect)).collect();
        for (_, step) in self.journal.iter().filter(|(pool, _)| *pool == self.pool) {
            match step {
                Step::Taken(rect, _) => drop(rects.remove(&rect.id)),
                Step::Put(rect, origin) => {
                    let is_its = match origin {
                        Origin::New(new) => new.id == owner,
                        Origin::Row => known.contains(&rect.id),
                        Origin::PartOf(whole) => known.contains(whole),
                    };
                    if is_its {
                        known.insert(rect.id);
                        rects.insert(rect.id, *rect);
                    }
                }
            }
        }
        let mut rects: Vec<Rect> = rects.into_values().collect();
        rects.sort_unstable_by_key(|rect| (rect.window.from, rect.units.from));
        Ok(Held { rects })
    }

    /// Frees `units` of what `held` has for `period`, those that leave the fewest pieces, at every instant
    /// such as it really has then; fewer where it has fewer. Returns what is freed.
    ///
    /// # Errors
    /// None but those of a bug in the rules.
    pub fn release(
        &mut self,
        owner: Owner,
        held: &Held,
        units: u32,
        period: Period,
        now: Timestamp,
    ) -> Result<Vec<Freed>, Error> {
        let window = window(period);
        let freed =
            self.plan(|plane| Ok(rules::choose_to_free(plane, &held.rects, units, window)))?;
        for &rect in held.rects.iter().filter(|rect| rect.window.overlaps(window)) {
            let staying = rules::outside(rect.units, rect.window, &freed);
            if staying == [(rect.units, rect.window)] {
                continue;
            }
            let origin = self.origin(rect.id);
            self.take(rect, origin);
            for (units, window) in staying {
                let is_its_beginning = units == rect.units && window.from == rect.window.from;
                let (id, origin) = if is_its_beginning {
                    (rect.id, origin)
                } else {
                    (ids::fresh_uuid(now), Origin::New(owner))
                };
                self.put(Rect { id, units, window, ..rect }, origin);
            }
        }
        let freed = freed.into_iter().filter_map(|(units, window)| {
            let (starts_at, ends_at) = (timestamp(window.from)?, timestamp(window.until)?);
            Some(Freed { units, period: Period { starts_at, ends_at } })
        });
        Ok(freed.collect())
    }

    /// Gives `owner` units that are free throughout `period`, because this act has freed them. They stay
    /// where they are.
    pub fn give(
        &mut self,
        owner: Owner,
        purpose: Purpose,
        units: Units,
        period: Period,
        now: Timestamp,
    ) {
        let id = ids::fresh_uuid(now);
        let (window, pinned_at) = (window(period), instant(now));
        let rect = Rect { id, units, window, pinned_at, within: units, purpose };
        self.put(rect, Origin::New(owner));
    }

    /// Turns all that `owner` holds from `now` on into `heir`'s for `purpose`: a quote's hold into a lease. What
    /// was kept until now was nobody's, and goes.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn hand_over(
        &mut self,
        connection: &mut PgConnection,
        owner: Uuid,
        heir: Owner,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<(), Error> {
        for rect in self.held(connection, owner).await?.rects {
            self.take(rect, self.origin(rect.id));
            let window = Window { from: rect.window.from.max(instant(now)), ..rect.window };
            if window.from < window.until {
                let rect = Rect { id: ids::fresh_uuid(now), purpose, window, ..rect };
                self.put(rect, Origin::New(heir));
            }
        }
        Ok(())
    }

    fn mark(&self) -> usize {
        self.journal.len()
    }

    fn back_to(&mut self, mark: usize) {
        for (_, step) in self.journal.split_off(mark).into_iter().rev() {
            undo(&mut lock(self.kept).plane, step);
        }
    }

    pub(super) fn plan<T>(
        &self,
        plan: impl FnOnce(&rules::Plane) -> Result<T, NoRoom>,
    ) -> Result<T, Error> {
        plan(&lock(self.kept).plane).map_err(|refusal| Error::Refused { pool: self.pool, refusal })
    }

    fn carry_out(&mut self, moves: &[Move], now: Timestamp) {
        let origins: Vec<Origin> = moves.iter().map(|step| self.origin(step.rect.id)).collect();
        for (step, &origin) in moves.iter().zip(&origins) {
            self.take(step.rect, origin);
        }
        for (step, &origin) in moves.iter().zip(&origins) {
            for (number, &units) in step.to.iter().enumerate() {
                let (id, origin) = match (number, origin) {
                    (0, origin) => (step.rect.id, origin),
                    (_, Origin::Row) => (ids::fresh_uuid(now), Origin::PartOf(step.rect.id)),
                    (_, origin) => (ids::fresh_uuid(now), origin),
                };
                self.put(Rect { id, units, ..step.rect }, origin);
            }
        }
    }

    /// Ends `rect` at `at`, or takes it away if it begins then or later.
    fn cut(&mut self, rect: Rect, at: rules::Instant) {
        let origin = self.origin(rect.id);
        self.take(rect, origin);
        if rect.window.from < at {
            let window = Window::new(rect.window.from, at);
            self.put(Rect { window, ..rect }, origin);
        }
    }

    pub(super) fn put(&mut self, rect: Rect, origin: Origin) {
        lock(self.kept).plane.insert(rect);
        self.journal.push((self.pool, Step::Put(rect, origin)));
    }

    fn take(&mut self, rect: Rect, origin: Origin) {
        // What ended long ago is no longer in memory, but is in the table.
        if let Some(found) = lock(self.kept).plane.remove(rect.id, rect.units.from) {
            debug_assert_eq!(found, rect);
        }
        self.journal.push((self.pool, Step::Taken(rect, origin)));
    }

    /// Where the row of a rectangle that stands on the plane comes from.
    fn origin(&self, id: Uuid) -> Origin {
        let last = self.journal.iter().rev().find_map(|(place, step)| match step {
            Step::Put(rect, origin) if *place == self.pool && rect.id == id => Some(*origin),
            _ => None,
        });
        last.unwrap_or(Origin::Row)
    }
}

impl Drop for Edit {
    fn drop(&mut self) {
        self.back_to(0);
        for locked in self.planes.values() {
            lock(&locked.kept).version = locked.version;
        }
    }
}

fn island_of(units: Units, units_per_island: u32, within: Units) -> Units {
    let island = units.from / units_per_island.max(1);
    let from = island.saturating_mul(units_per_island);
    Units::new(from, from.saturating_add(units_per_island)).intersection(within)
}
