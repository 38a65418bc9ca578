//! A level that changes at instants: how many GPUs, or watts, are booked at each.

use super::{END_OF_TIME, Instant};

/// A step function, kept as uses come and go.
///
/// Step `i` lasts from `begins[i]` to the beginning of the next one; before the first the level is
/// zero. Neighbouring steps differ. Sums that leave the range of `i64` stay at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps {
    begins: Vec<Instant>,
    levels: Vec<i64>,
}

impl Steps {
    /// The sum of `uses`, each `(from, until, by)`, in O(n log n).
    pub fn of(uses: impl Iterator<Item = (Instant, Instant, i64)>) -> Steps {
        let mut changes = Vec::with_capacity(uses.size_hint().0 * 2);
        for (from, until, by) in uses.filter(|(from, until, _)| from < until) {
            changes.push((from, by));
            if until != END_OF_TIME {
                changes.push((until, -by));
            }
        }
        changes.sort_unstable_by_key(|&(at, _)| at);
        let mut steps = Steps::default();
        let mut level = 0_i64;
        for together in changes.chunk_by(|a, b| a.0 == b.0) {
            let before = level;
            level = together.iter().fold(level, |sum, &(_, by)| sum.saturating_add(by));
            if level != before {
                steps.begins.push(together[0].0);
                steps.levels.push(level);
            }
        }
        steps
    }

    /// Adds `by`, which may be negative, to the level in `[from, until)`.
    pub fn add(&mut self, from: Instant, until: Instant, by: i64) {
        if from >= until || by == 0 {
            return;
        }
        let first = self.begin_at(from);
        let last = if until == END_OF_TIME { self.begins.len() } else { self.begin_at(until) };
        for level in &mut self.levels[first..last] {
            *level = level.saturating_add(by);
        }
        self.drop_if_level(last);
        self.drop_if_level(first);
    }

    /// The level at an instant.
    pub fn level_at(&self, at: Instant) -> i64 {
        self.level_before(self.begins.partition_point(|&begin| begin <= at))
    }

    /// The highest level in `[from, until)` and the first instant at which it is reached.
    pub fn peak(&self, from: Instant, until: Instant) -> (Instant, i64) {
        let first = self.begins.partition_point(|&begin| begin <= from);
        let last = self.begins.partition_point(|&begin| begin < until).max(first);
        let mut peak = (from, self.level_before(first));
        for (&begin, &level) in self.begins[first..last].iter().zip(&self.levels[first..last]) {
            if level > peak.1 {
                peak = (begin, level);
            }
        }
        peak
    }

    /// `[from, until)` cut where the level changes: `(from, until, level)` of each piece.
    pub fn pieces(
        &self,
        from: Instant,
        until: Instant,
    ) -> impl Iterator<Item = (Instant, Instant, i64)> {
        let first = self.begins.partition_point(|&begin| begin <= from);
        let last = self.begins.partition_point(|&begin| begin < until).max(first);
        (first..=last).filter_map(move |step| {
            let begin = if step == first { from } else { self.begins[step - 1] };
            let end = if step == last { until } else { self.begins[step] };
            (begin < end).then(|| (begin, end, self.level_before(step)))
        })
    }

    /// From its first change to its last; `None` if it is zero throughout.
    pub fn extent(&self) -> Option<(Instant, Instant)> {
        let first = *self.begins.first()?;
        let ends = self.levels.last() == Some(&0);
        let last = if ends { *self.begins.last()? } else { END_OF_TIME };
        Some((first, last))
    }

    /// Number of steps: what it costs in memory and time.
    pub fn len(&self) -> usize {
        self.begins.len()
    }

    /// Whether it is zero throughout.
    pub fn is_empty(&self) -> bool {
        self.begins.is_empty()
    }

    /// The index of the step that begins exactly at `at`; makes one where there is none.
    fn begin_at(&mut self, at: Instant) -> usize {
        let step = self.begins.partition_point(|&begin| begin < at);
        if self.begins.get(step) != Some(&at) {
            let level = self.level_before(step);
            self.begins.insert(step, at);
            self.levels.insert(step, level);
        }
        step
    }

    fn drop_if_level(&mut self, step: usize) {
        if step < self.levels.len() && self.levels[step] == self.level_before(step) {
            self.begins.remove(step);
            self.levels.remove(step);
        }
    }

    fn level_before(&self, step: usize) -> i64 {
        step.checked_sub(1).map_or(0, |previous| self.levels[previous])
    }
}
