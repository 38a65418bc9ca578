//! The rectangles of one pool.

use std::borrow::Cow;
use std::collections::HashSet;

use uuid::Uuid;

use super::{END_OF_TIME, Instant, Profile, Units, Window};
use crate::kernel::words;

words! {
    /// Why units are not free.
    pub enum Purpose {
        Lease = "lease",
        /// Kept for a quote until it expires.
        Hold = "hold",
        OwnUse = "own_use",
        Maintenance = "maintenance",
        Fault = "fault",
        /// Not there yet: from the beginning of time to the delivery date.
        Undelivered = "undelivered",
    }
}

impl Purpose {
    /// The purpose that [`Self::as_str`] writes as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// Units of the pool, taken for a window. 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    pub id: Uuid,
    pub units: Units,
    pub window: Window,
    /// From when the unit numbers are promised; only [`Self::is_movable_at`] reads it.
    pub pinned_at: Instant,
    /// The units it may be moved to: the whole pool, the offered part of it, or one fabric island.
    pub within: Units,
    pub purpose: Purpose,
}

impl Rect {
    /// Whether its unit numbers may still change: a booking, neither begun nor pinned.
    #[must_use]
    pub const fn is_movable_at(&self, now: Instant) -> bool {
        matches!(self.purpose, Purpose::Lease | Purpose::Hold)
            && now < self.pinned_at
            && now < self.window.from
    }

    #[must_use]
    pub const fn overlaps(&self, units: Units, window: Window) -> bool {
        self.units.overlaps(units) && self.window.overlaps(window)
    }
}

/// All that uses a pool, and how much of it is used when.
///
/// The rectangles stand in one vector in order of their first unit, so that the units free over a
/// window are found in one pass over contiguous memory, whatever the window. Inserting shifts half
/// of the vector on average, which costs less than that pass.
#[derive(Clone, Debug)]
pub struct Plane {
    units: u32,
    rects: Vec<Rect>,
    profile: Profile,
    /// No rectangle that can still be moved is pinned before: kept when one is added, found anew when it has
    /// come and the plane is looked through.
    next_pin: Instant,
}

impl Plane {
    /// An empty plane of `units` units.
    #[must_use]
    pub const fn new(units: u32) -> Self {
        Self { units, rects: Vec::new(), profile: Profile::new(units), next_pin: END_OF_TIME }
    }

    /// All units of the pool.
    #[must_use]
    pub const fn whole(&self) -> Units {
        Units::new(0, self.units)
    }

    /// The rectangles, in order of their first unit, then of their start.
    #[must_use]
    pub fn rects(&self) -> &[Rect] {
        &self.rects
    }

    /// The use of the whole pool.
    #[must_use]
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The use of some units: the kept profile when these are all, else counted from the rectangles.
    ///
    /// What fits by this count can be placed inside `within` by moving rectangles inside it alone;
    /// [`place`](super::place) may do better by moving some out of it.
    #[must_use]
    pub fn profile_within(&self, within: Units) -> Cow<'_, Profile> {
        if within.contains(self.whole()) {
            return Cow::Borrowed(&self.profile);
        }
        let uses = self.rects.iter().filter(|rect| rect.units.overlaps(within));
        Cow::Owned(Profile::of(
            within.intersection(self.whole()).len(),
            uses.map(|rect| (rect.window, rect.units.intersection(within))),
        ))
    }

    /// Adds a rectangle that overlaps none.
    pub fn insert(&mut self, rect: Rect) {
        if self.rects.len() == self.rects.capacity() {
            // Grow by an eighth: a million rectangles must not cost two million's memory.
            self.rects.reserve_exact(self.rects.len() / 8 + 4);
        }
        self.next_pin = self.next_pin.min(pin(&rect));
        let place = self.rects.partition_point(|other| order(other) < order(&rect));
        self.rects.insert(place, rect);
        self.profile.add(rect.window, rect.units.len());
    }

    /// Adds many rectangles in O(n log n).
    pub fn insert_all(&mut self, rects: Vec<Rect>) {
        if rects.len() <= 8 {
            rects.into_iter().for_each(|rect| self.insert(rect));
            return;
        }
        self.next_pin = rects.iter().map(pin).fold(self.next_pin, Instant::min);
        self.rects.reserve_exact(rects.len());
        self.rects.extend(rects);
        self.rects.sort_unstable_by_key(order);
        self.count_anew();
    }

    /// Takes out the rectangle `id`; `None` if it is not there.
    ///
    /// It is looked for at `first_unit` first: a binary search, unless it was moved since.
    pub fn remove(&mut self, id: Uuid, first_unit: u32) -> Option<Rect> {
        let start = self.rects.partition_point(|rect| rect.units.from < first_unit);
        let near = self.rects[start..]
            .iter()
            .take_while(|rect| rect.units.from == first_unit)
            .position(|rect| rect.id == id)
            .map(|offset| start + offset);
        let index = near.or_else(|| self.rects.iter().position(|rect| rect.id == id))?;
        let rect = self.rects.remove(index);
        self.profile.take(rect.window, rect.units.len());
        Some(rect)
    }

    /// Takes out many rectangles at once, in one pass; unknown ids are ignored.
    pub fn remove_all(&mut self, ids: &HashSet<Uuid>) {
        if !ids.is_empty() {
            self.rects.retain(|rect| !ids.contains(&rect.id));
            self.count_anew();
        }
    }

    /// Drops the rectangles that ended at or before `at`; before `at` the profile then counts too
    /// little.
    pub fn forget_before(&mut self, at: Instant) {
        let before = self.rects.len();
        self.rects.retain(|rect| rect.window.until > at);
        if self.rects.len() < before {
            self.rects.shrink_to(self.rects.len() + self.rects.len() / 8);
            self.count_anew();
        }
    }

    /// When the first rectangle that can still be moved at `now` is pinned, if that is by `until`. Looks
    /// through the rectangles only if something may be.
    pub fn next_pin_by(&mut self, until: Instant, now: Instant) -> Option<Instant> {
        if self.next_pin <= until {
            let movable = self.rects.iter().filter(|rect| rect.is_movable_at(now));
            self.next_pin = movable.map(pin).min().unwrap_or(END_OF_TIME);
        }
        (self.next_pin <= until).then_some(self.next_pin)
    }

    /// The rectangles that can still be moved at `now` and are pinned by `until`, the first pinned first, at
    /// most `limit`.
    #[must_use]
    pub fn pinned_by(&self, until: Instant, now: Instant, limit: usize) -> Vec<Uuid> {
        let movable = self.rects.iter().filter(|rect| rect.is_movable_at(now));
        let mut soon: Vec<(Instant, Uuid)> = movable
            .filter(|rect| rect.pinned_at <= until)
            .map(|rect| (rect.pinned_at, rect.id))
            .collect();
        soon.sort_unstable();
        soon.into_iter().take(limit).map(|(_, id)| id).collect()
    }

    /// The units of `within` that are free throughout `window`: disjoint runs, ascending.
    #[must_use]
    pub fn free_over(&self, window: Window, within: Units) -> Vec<Units> {
        let busy = self.rects.iter().filter(|rect| rect.window.overlaps(window));
        gaps(busy.map(|rect| rect.units), within.intersection(self.whole()))
    }

    fn count_anew(&mut self) {
        let uses = self.rects.iter().map(|rect| (rect.window, rect.units));
        self.profile = Profile::of(self.units, uses);
    }
}

/// What `busy`, ascending by first unit and possibly overlapping, leaves of `within`.
pub(super) fn gaps(busy: impl Iterator<Item = Units>, within: Units) -> Vec<Units> {
    let mut free = Vec::new();
    let mut next = within.from;
    for units in busy {
        if units.from >= within.until {
            break;
        }
        if units.from > next {
            free.push(Units::new(next, units.from));
        }
        next = next.max(units.until);
    }
    if next < within.until {
        free.push(Units::new(next, within.until));
    }
    free
}

/// When a rectangle is pinned; never for one that stands fixed.
fn pin(rect: &Rect) -> Instant {
    match rect.purpose {
        Purpose::Lease | Purpose::Hold => rect.pinned_at,
        _ => END_OF_TIME,
    }
}

const fn order(rect: &Rect) -> (u32, Instant) {
    (rect.units.from, rect.window.from)
}
