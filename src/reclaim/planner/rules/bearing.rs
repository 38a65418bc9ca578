//! What candidates free, at the instants that count, and what is had with those that are picked.
//!
//! Only instants just before something ends after something else began need to be looked at: when a use
//! ends, as much becomes free as it could have given, so the instant before was the harder one. In a pool
//! whose leases all run at the beginning that is one instant.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Candidate, Menu, Pool, Use};
use crate::kernel::{LeaseId, Timestamp, TrancheId};

/// A candidate that is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picked {
    /// By its place in the menu.
    pub candidate: usize,
    pub steps: u32,
}

/// An instant of a pool that may be the hardest.
pub(super) struct Instant {
    pub pool: usize,
    /// Units free anyway.
    pub free: u32,
    /// Who occupies units then.
    tranches: HashSet<TrancheId>,
}

/// Which candidates bear on which instants, and how much.
pub(super) struct Bearing {
    pub instants: Vec<Instant>,
    /// By candidate: the instants, and the units that a step frees there.
    pub of: Vec<Vec<(usize, u32)>>,
}

/// The places of the candidates in the menu, by lease.
pub(super) fn by_lease(candidates: &[Candidate]) -> BTreeMap<LeaseId, Vec<usize>> {
    let mut by_lease: BTreeMap<LeaseId, Vec<usize>> = BTreeMap::new();
    for (place, candidate) in candidates.iter().enumerate() {
        by_lease.entry(candidate.lease).or_default().push(place);
    }
    by_lease
}

/// The instants that count, and how the candidates of `menu` bear on them.
pub(super) fn bearing(menu: &Menu) -> Bearing {
    let mut instants = Vec::new();
    for (pool, plane) in menu.pools.iter().enumerate() {
        for at in hard_instants(plane, menu.starts_at, menu.ends_at) {
            let standing = || plane.uses.iter().filter(|it| it.starts_at <= at && it.ends_at > at);
            let used: u32 = standing().map(|it| it.units).fold(0, u32::saturating_add);
            let free = plane.units.saturating_sub(used);
            let tranches = standing().filter_map(|it| it.tranche).collect();
            instants.push(Instant { pool, free, tranches });
        }
    }
    let mut on: HashMap<TrancheId, Vec<usize>> = HashMap::new();
    for (place, instant) in instants.iter().enumerate() {
        for tranche in &instant.tranches {
            on.entry(*tranche).or_default().push(place);
        }
    }
    let of = menu.candidates.iter().map(|candidate| {
        let mut bears: BTreeMap<usize, u32> = BTreeMap::new();
        for (tranche, units) in &candidate.frees {
            for instant in on.get(tranche).into_iter().flatten() {
                *bears.entry(*instant).or_default() += units;
            }
        }
        bears.into_iter().collect()
    });
    let of = of.collect();
    Bearing { instants, of }
}

/// The instants in `[from, until)` after which something ends and before which something began.
pub(super) fn hard_instants(pool: &Pool, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let inside = |it: &&Use| it.starts_at < until && it.ends_at > from;
    // Ends come before starts at the same instant: periods are half-open.
    let mut events: Vec<(Timestamp, bool)> = Vec::new();
    for used in pool.uses.iter().filter(inside) {
        events.push((used.starts_at.max(from), true));
        if used.ends_at < until {
            events.push((used.ends_at, false));
        }
    }
    events.sort_unstable();
    let mut instants = Vec::new();
    let mut begun = Some(from);
    for (at, is_start) in events {
        if is_start {
            begun = Some(at);
        } else {
            instants.extend(begun.take());
        }
    }
    instants.extend(begun);
    instants
}

/// What each pool can contribute when at each instant so much is to be had.
pub(super) fn contributions(menu: &Menu, bearing: &Bearing, had: &[u64]) -> Vec<u64> {
    let mut units: Vec<u64> = menu.pools.iter().map(|pool| u64::from(pool.units)).collect();
    for (instant, had) in bearing.instants.iter().zip(had) {
        units[instant.pool] = units[instant.pool].min(*had);
    }
    units
}

/// What is had at each instant without taking anything.
pub(super) fn had_anyway(bearing: &Bearing) -> Vec<u64> {
    bearing.instants.iter().map(|instant| u64::from(instant.free)).collect()
}

/// What is had at each instant with what is picked.
pub(super) fn had_with(bearing: &Bearing, picked: &[Picked]) -> Vec<u64> {
    let mut had = had_anyway(bearing);
    for it in picked {
        for (instant, units) in &bearing.of[it.candidate] {
            had[*instant] += u64::from(*units) * u64::from(it.steps);
        }
    }
    had
}
