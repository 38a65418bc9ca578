//! What counting alone would allow: the fluid bound that placement is measured against.

use std::collections::BTreeMap;

/// How many units are in use over time, without regard to which.
#[derive(Debug)]
pub struct Counting {
    units: u32,
    /// Units in use from each of these moments until the next.
    used_from: BTreeMap<i64, u32>,
}

impl Counting {
    /// A pool of `units` units, all free for ever.
    pub fn new(units: u32) -> Self {
        Self { units, used_from: BTreeMap::from([(i64::MIN, 0)]) }
    }

    /// Takes `units` in `[starts, ends)` if so many are free at every instant; `false`, and nothing
    /// taken, if not.
    pub fn take(&mut self, units: u32, starts: i64, ends: i64) -> bool {
        let limit = self.units.checked_sub(units);
        let peak = self
            .used_at(starts)
            .max(self.used_from.range(starts..ends).map(|(_, used)| *used).max());
        if limit.is_none() || peak > limit {
            return false;
        }
        self.occupy(units, starts, ends);
        true
    }

    /// Takes `units` in `[starts, ends)` whether they are free or not.
    pub fn occupy(&mut self, units: u32, starts: i64, ends: i64) {
        for border in [starts, ends] {
            let used = self.used_at(border).unwrap_or(0);
            self.used_from.entry(border).or_insert(used);
        }
        for used in self.used_from.range_mut(starts..ends).map(|(_, used)| used) {
            *used = used.saturating_add(units);
        }
    }

    fn used_at(&self, moment: i64) -> Option<u32> {
        self.used_from.range(..=moment).next_back().map(|(_, used)| *used)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against counting second by second.
        #[test]
        fn exactly_what_fits_at_every_instant_is_taken(
            wishes in prop::collection::vec((1u32..6, 0i64..40, 1i64..20), 0..40),
        ) {
            let mut counting = Counting::new(5);
            let mut used = [0u32; 64];
            for (units, starts, length) in wishes {
                let ends = starts + length;
                let window = || (starts..ends).map(|second| usize::try_from(second).unwrap_or(0));
                let fits = window().all(|second| used[second] + units <= 5);
                prop_assert_eq!(counting.take(units, starts, ends), fits);
                if fits {
                    window().for_each(|second| used[second] += units);
                }
            }
        }
    }
}
