//! What placing without moves would allow: each booking gets its units once and keeps them.

use super::Occupied;

/// Rectangles that never move.
#[derive(Debug)]
pub struct Placing {
    units: u32,
    rectangles: Vec<Occupied>,
}

impl Placing {
    /// A pool of `units` units, all free for ever.
    pub fn new(units: u32) -> Self {
        Self { units, rectangles: Vec::new() }
    }

    /// Puts a rectangle of the pool where it is; `first_unit` is the pool's unit that counts as 0 here.
    pub fn occupy(&mut self, rectangle: &Occupied, first_unit: u32) {
        let units = rectangle.units.start - first_unit..rectangle.units.end - first_unit;
        self.rectangles.push(Occupied { units, during: rectangle.during.clone() });
    }

    /// Takes the smallest run of free units that is large enough (best fit), if there is one.
    pub fn take(&mut self, units: u32, starts: i64, ends: i64) -> bool {
        let mut used: Vec<_> = self
            .rectangles
            .iter()
            .filter(|other| other.during.start < ends && starts < other.during.end)
            .map(|other| other.units.clone())
            .collect();
        used.sort_unstable_by_key(|used| used.start);
        used.push(self.units..self.units);
        let mut free_from = 0;
        let mut best: Option<(u32, u32)> = None;
        for used in used {
            let length = used.start.saturating_sub(free_from);
            if length >= units && best.is_none_or(|(shortest, _)| length < shortest) {
                best = Some((length, free_from));
            }
            free_from = free_from.max(used.end);
        }
        let Some((_, first)) = best else { return false };
        self.rectangles.push(Occupied { units: first..first + units, during: starts..ends });
        true
    }
}
