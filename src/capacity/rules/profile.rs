//! How many units are in use at each instant: a step function, kept as rectangles come and go.

use super::{END_OF_TIME, Instant, Units, Window};

/// The first instant at which a request does not fit by count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    pub at: Instant,
    /// Units free at `at`.
    pub free: u32,
    pub asked: u32,
}

/// The units in use over time, out of a fixed capacity.
///
/// Step `i` lasts from `begins[i]` to the beginning of the next one; before the first step nothing
/// is in use. Neighbouring steps differ, so a pool leased whole for a year is two steps. Two
/// vectors, 12 bytes a step, because searches read all the levels and few of the instants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    capacity: u32,
    begins: Vec<Instant>,
    used: Vec<u32>,
}

impl Profile {
    #[must_use]
    pub const fn new(capacity: u32) -> Self {
        Self { capacity, begins: Vec::new(), used: Vec::new() }
    }

    /// The profile of all `uses` at once, in O(n log n).
    #[must_use]
    pub fn of(capacity: u32, uses: impl Iterator<Item = (Window, Units)>) -> Self {
        let mut changes = Vec::with_capacity(uses.size_hint().0 * 2);
        for (window, units) in uses.filter(|(window, _)| !window.is_empty()) {
            changes.push((window.from, i64::from(units.len())));
            if window.until != END_OF_TIME {
                changes.push((window.until, -i64::from(units.len())));
            }
        }
        changes.sort_unstable_by_key(|&(at, _)| at);
        let mut profile = Self::new(capacity);
        let mut level = 0_i64;
        for change in changes.chunk_by(|a, b| a.0 == b.0) {
            let before = level;
            level += change.iter().map(|&(_, by)| by).sum::<i64>();
            if level != before {
                profile.begins.push(change[0].0);
                profile.used.push(u32::try_from(level).unwrap_or(u32::MAX));
            }
        }
        profile.begins.shrink_to_fit();
        profile.used.shrink_to_fit();
        profile
    }

    /// Adds `units` to the use over `window`.
    pub fn add(&mut self, window: Window, units: u32) {
        self.shift(window, |used| used.saturating_add(units));
    }

    /// Takes `units` away from the use over `window`, where they were added before.
    pub fn take(&mut self, window: Window, units: u32) {
        self.shift(window, |used| used.saturating_sub(units));
    }

    #[must_use]
    pub fn used_at(&self, at: Instant) -> u32 {
        self.level_before(self.begins.partition_point(|&begin| begin <= at))
    }

    /// The largest use within `window`, and the first instant at which it is reached.
    #[must_use]
    pub fn peak(&self, window: Window) -> (Instant, u32) {
        let mut peak = (window.from, self.used_at(window.from));
        for step in self.inside(window) {
            if self.used[step] > peak.1 {
                peak = (self.begins[step], self.used[step]);
            }
        }
        peak
    }

    /// The most units that are free at every instant of `window`, by count.
    #[must_use]
    pub fn largest(&self, window: Window) -> u32 {
        self.capacity.saturating_sub(self.peak(window).1)
    }

    /// The first instant of `window` at which fewer than `units` are free.
    #[must_use]
    pub fn first_shortfall(&self, window: Window, units: u32) -> Option<Shortfall> {
        let short = |at, used| {
            let free = self.capacity.saturating_sub(used);
            (free < units).then_some(Shortfall { at, free, asked: units })
        };
        short(window.from, self.used_at(window.from)).or_else(|| {
            self.inside(window).find_map(|step| short(self.begins[step], self.used[step]))
        })
    }

    /// The first start in `[earliest, latest_start]` from which `units` are free for `duration`
    /// microseconds, by count.
    #[must_use]
    pub fn earliest(
        &self,
        units: u32,
        duration: i64,
        earliest: Instant,
        latest_start: Instant,
    ) -> Option<Instant> {
        let room = self.capacity.checked_sub(units)?;
        let mut start = earliest;
        let mut next = self.begins.partition_point(|&begin| begin <= earliest);
        let mut fits = self.level_before(next) <= room;
        loop {
            // Steps below `next` are behind us; `start` has been free since, if `fits`.
            let ends = self.begins.get(next).copied().unwrap_or(END_OF_TIME);
            if fits && (ends == END_OF_TIME || ends >= start.saturating_add(duration)) {
                return (start <= latest_start).then_some(start);
            }
            if ends == END_OF_TIME || (!fits && ends > latest_start) {
                return None;
            }
            let fitted = std::mem::replace(&mut fits, self.used[next] <= room);
            if fits && !fitted {
                start = ends;
            }
            next += 1;
        }
    }

    /// Number of steps: what the profile costs in memory and time.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.begins.len()
    }

    fn shift(&mut self, window: Window, change: impl Fn(u32) -> u32) {
        if window.is_empty() {
            return;
        }
        let first = self.begin_step_at(window.from);
        let last = if window.until == END_OF_TIME {
            self.begins.len()
        } else {
            self.begin_step_at(window.until)
        };
        for used in &mut self.used[first..last] {
            *used = change(*used);
        }
        self.drop_if_level(last);
        self.drop_if_level(first);
    }

    /// The index of the step that begins exactly at `at`; makes one when there is none.
    fn begin_step_at(&mut self, at: Instant) -> usize {
        let step = self.begins.partition_point(|&begin| begin < at);
        if self.begins.get(step) != Some(&at) {
            let level = self.level_before(step);
            self.begins.insert(step, at);
            self.used.insert(step, level);
        }
        step
    }

    fn drop_if_level(&mut self, step: usize) {
        if step < self.used.len() && self.used[step] == self.level_before(step) {
            self.begins.remove(step);
            self.used.remove(step);
        }
    }

    fn level_before(&self, step: usize) -> u32 {
        step.checked_sub(1).map_or(0, |previous| self.used[previous])
    }

    /// The steps that begin inside `window`, after its first instant.
    fn inside(&self, window: Window) -> std::ops::Range<usize> {
        let first = self.begins.partition_point(|&begin| begin <= window.from);
        let last = self.begins.partition_point(|&begin| begin < window.until);
        first..last.max(first)
    }
}
