//! The rules against a brute-force model: every unit at every instant, looked at one by one.

use std::collections::HashSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

/// How long the model's time is.
const INSTANTS: i64 = 24;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Book { arrives: i64, lead: i64, length: i64, units: u32, pin_lead: i64, part: Option<Units> },
    Block { arrives: i64, lead: i64, length: i64, units: Units },
    Cut { nth: usize, units: u32 },
    End { nth: usize },
    Settle { nth: usize },
}

/// How much of a pool's life a test lets happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Pins at the start, blocks from now on, every booking anywhere: placement is complete.
    Plain,
    /// Pins ahead, maintenance in the future, bookings confined to parts.
    Full,
}

fn units_in(size: u32) -> impl Strategy<Value = Units> {
    (0..size, 1..=size).prop_map(move |(from, len)| Units::new(from, (from + len).min(size)))
}

fn act(size: u32, life: Life) -> impl Strategy<Value = Step> {
    let full = i64::from(life == Life::Full);
    let part = prop::option::weighted(0.3, units_in(size))
        .prop_map(move |part| part.filter(|_| life == Life::Full));
    let book = (0..3_i64, 0..10_i64, 1..9_i64, 1..=size, 0..=4 * full, part).prop_map(
        |(arrives, lead, length, units, pin_lead, part)| Step::Book {
            arrives,
            lead,
            length,
            units,
            pin_lead,
            part,
        },
    );
    let block = (0..2_i64, 0..=6 * full, 1..6_i64, units_in(size))
        .prop_map(|(arrives, lead, length, units)| Step::Block { arrives, lead, length, units });
    let cut = (0..20_usize, 1..=size).prop_map(|(nth, units)| Step::Cut { nth, units });
    let end = (0..20_usize).prop_map(|nth| Step::End { nth });
    let settle = (0..20_usize).prop_map(|nth| Step::Settle { nth });
    prop_oneof![8 => book, 1 => block, 1 => cut, 1 => end, 1 => settle]
}

pub(super) fn life(life: Life) -> impl Strategy<Value = (u32, Vec<Step>)> {
    (1..=9_u32)
        .prop_flat_map(move |size| (Just(size), prop::collection::vec(act(size, life), 1..40)))
}

/// A pool that acts are done to; after each, everything is checked.
struct Pool {
    plane: Plane,
    now: Instant,
    ids: u128,
}

impl Pool {
    fn new(size: u32) -> Self {
        Self { plane: Plane::new(size), now: 0, ids: 0 }
    }

    fn new_id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    fn insert(
        &mut self,
        units: Units,
        window: Window,
        pinned_at: Instant,
        within: Units,
        purpose: Purpose,
    ) {
        let id = self.new_id();
        self.plane.insert(Rect { id, units, window, pinned_at, within, purpose });
    }

    fn carry_out(&mut self, moves: &[Move]) {
        for step in moves {
            assert!(self.plane.rects().contains(&step.rect), "only what is there moves");
            assert!(step.rect.is_movable_at(self.now), "only what is movable moves");
            assert_eq!(total(&step.to), step.rect.units.len(), "same size");
            assert!(step.to.iter().all(|units| step.rect.within.contains(*units)), "in bounds");
            assert!(joined(step.to.clone()) == step.to && step.to != [step.rect.units]);
        }
        let mut ids = self.ids;
        self.plane.carry_out(moves, || {
            ids += 1;
            Uuid::from_u128(ids)
        });
        self.ids = ids;
    }

    fn act(&mut self, act: &Step) -> Result<(), NoRoom> {
        match *act {
            Step::Book { arrives, lead, length, units, pin_lead, part } => {
                self.now += arrives;
                let from = self.now + lead;
                let window = Window::new(from, from + length);
                let within = part.unwrap_or(self.plane.whole());
                let request = Request {
                    units,
                    window,
                    within,
                    placement: Placement::Any,
                    prefer: Vec::new(),
                };
                let fits = (from..from + length).all(|at| {
                    used(&self.plane, at, self.plane.whole()) + units <= self.plane.whole().len()
                });
                let planned = place(&self.plane, &request, self.now);
                if let Err(NoRoom::Short(short)) = planned {
                    assert!(
                        window.contains(short.at) && short.free < units && short.asked == units
                    );
                    assert!(part.is_some() || !fits);
                }
                let plan = planned?;
                assert!(fits, "nothing is sold twice");
                assert_eq!(total(&plan.placed), units);
                assert!(plan.placed.iter().all(|run| within.contains(*run)));
                self.carry_out(&plan.moves);
                for run in plan.placed {
                    self.insert(run, window, from - pin_lead, within, Purpose::Lease);
                }
            }
            Step::Block { arrives, lead, length, units } => {
                self.now += arrives;
                let from = self.now + lead;
                let window = Window::new(from, from + length);
                let within = self.plane.whole();
                let id = self.new_id();
                let purpose = Purpose::Maintenance;
                let block = Rect { id, units, window, pinned_at: from, within, purpose };
                let moves = replan_around(&self.plane, &block, self.now)?;
                self.carry_out(&moves);
                self.plane.insert(block);
            }
            Step::Cut { nth, units } => {
                let Some(&rect) = self.plane.rects().get(nth) else {
                    return Ok(());
                };
                let tranche: Vec<Rect> = self
                    .plane
                    .rects()
                    .iter()
                    .filter(|other| other.window == rect.window)
                    .copied()
                    .collect();
                let held: Vec<Units> = tranche.iter().map(|rect| rect.units).collect();
                let freed = choose_units_to_free(&self.plane, &tranche, units);
                assert_eq!(total(&freed), units.min(total(&held)), "exactly as many as asked");
                let held = joined(held);
                assert!(freed.iter().all(|run| held.iter().any(|held| held.contains(*run))));
                for rect in tranche {
                    self.plane.remove(rect.id, rect.units.from);
                    for kept in plane::gaps(
                        freed.iter().copied().filter(|run| run.until > rect.units.from),
                        rect.units,
                    ) {
                        self.insert(kept, rect.window, rect.pinned_at, rect.within, rect.purpose);
                    }
                }
            }
            Step::Settle { nth } => {
                if let Some(&rect) = self.plane.rects().get(nth) {
                    let moves = settle(&self.plane, rect.id, 1, self.now);
                    assert!(moves.is_empty() || rect.is_movable_at(self.now));
                    self.carry_out(&moves);
                }
            }
            Step::End { nth } => {
                if let Some(&rect) = self.plane.rects().get(nth) {
                    assert_eq!(self.plane.remove(rect.id, rect.units.from), Some(rect));
                    if rect.window.from < self.now && self.now < rect.window.until {
                        let window = Window::new(rect.window.from, self.now);
                        self.insert(rect.units, window, rect.pinned_at, rect.within, rect.purpose);
                    }
                }
            }
        }
        Ok(())
    }

    fn check(&self) {
        let rects = self.plane.rects();
        for (i, rect) in rects.iter().enumerate() {
            assert!(!rect.units.is_empty() && self.plane.whole().contains(rect.units));
            let others = &rects[i + 1..];
            assert!(
                others.iter().all(|other| !other.overlaps(rect.units, rect.window)),
                "no overlap"
            );
        }
        let uses = rects.iter().map(|rect| (rect.window, rect.units));
        assert_eq!(*self.plane.profile(), Profile::of(self.plane.whole().len(), uses));
    }
}

/// Units of `within` in use at `at`, counted one by one.
fn used(plane: &Plane, at: Instant, within: Units) -> u32 {
    (within.from..within.until)
        .map(|unit| u32::from(!is_free(plane, unit, Window::new(at, at + 1))))
        .sum()
}

fn is_free(plane: &Plane, unit: u32, window: Window) -> bool {
    !plane.rects().iter().any(|rect| rect.overlaps(Units::new(unit, unit + 1), window))
}

/// The plane of a pool that lived so, and the instant that it is there.
pub(super) fn lived((size, acts): (u32, Vec<Step>)) -> (Plane, Instant) {
    let mut pool = Pool::new(size);
    for act in &acts {
        let _ = pool.act(act);
    }
    (pool.plane, pool.now)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_happens_nothing_overlaps_and_every_move_is_legal((size, acts) in life(Life::Full)) {
        let mut pool = Pool::new(size);
        for act in &acts {
            let _ = pool.act(act);
            pool.check();
        }
    }

    #[test]
    fn a_request_is_refused_only_when_the_units_are_lacking((size, acts) in life(Life::Plain)) {
        let mut pool = Pool::new(size);
        for act in &acts {
            match (act, pool.act(act)) {
                (Step::Book { .. }, Err(refusal)) => {
                    prop_assert!(matches!(refusal, NoRoom::Short(_)), "{refusal:?}");
                }
                (_, Err(NoRoom::Blocked { by })) => {
                    let movable = |rect: &&Rect| by.contains(&rect.id) && rect.is_movable_at(pool.now);
                    prop_assert_eq!(pool.plane.rects().iter().find(movable), None);
                }
                _ => {}
            }
            pool.check();
        }
    }

    #[test]
    fn the_profile_agrees_with_counting(
        life in life(Life::Full),
        part in units_in(9),
        units in 0..10_u32,
        (from, length, slack) in (0..INSTANTS, 1..9_i64, 0..INSTANTS),
    ) {
        let plane = lived(life).0;
        for within in [plane.whole(), part.intersection(plane.whole())] {
            let profile = plane.profile_within(within);
            let window = Window::new(from, from + length);
            let levels: Vec<(i64, u32)> = (from..from + length).map(|at| (at, used(&plane, at, within))).collect();
            let most = levels.iter().map(|level| level.1).max().unwrap_or(0);
            let peak = levels.iter().find(|level| level.1 == most).copied();
            prop_assert_eq!(Some(profile.peak(window)), peak);
            prop_assert_eq!(profile.largest(window), within.len() - most);
            prop_assert_eq!(profile.used_at(from), levels[0].1);
            let short = levels.iter().map(|&(at, used)| (at, within.len() - used)).find(|&(_, free)| free < units);
            let short = short.map(|(at, free)| Shortfall { at, free, asked: units });
            prop_assert_eq!(profile.first_shortfall(window, units), short);
            let fits = |start: i64| (start..start + length).all(|at| used(&plane, at, within) + units <= within.len());
            let earliest = (from..=from + slack).find(|&start| fits(start));
            prop_assert_eq!(profile.earliest(units, length, from, from + slack), earliest);
        }
    }

    #[test]
    fn free_units_are_those_that_no_rectangle_covers(
        life in life(Life::Full), part in units_in(9), (from, length) in (0..INSTANTS, 1..9_i64),
    ) {
        let plane = lived(life).0;
        let within = part.intersection(plane.whole());
        let window = Window::new(from, from + length);
        let free = (within.from..within.until).filter(|&unit| is_free(&plane, unit, window));
        let free = joined(free.map(|unit| Units::new(unit, unit + 1)).collect());
        prop_assert_eq!(plane.free_over(window, within), free);
    }

    #[test]
    fn an_island_request_gets_one_island_or_hears_the_largest(
        life in life(Life::Full), size in 1..5_u32, units in 1..5_u32, length in 1..9_i64,
    ) {
        let (plane, now) = lived(life);
        let window = Window::new(now, now + length);
        let placement = Placement::Island { units_per_island: size };
        let within = plane.whole();
        let request = Request { units, window, within, placement, prefer: Vec::new() };
        let islands = (0..within.len().div_ceil(size)).map(|k| Units::new(k * size, (k + 1) * size));
        let room = |island| total(&plane.free_over(window, island));
        let largest = islands.clone().map(room).max().unwrap_or(0);
        match place(&plane, &request, now) {
            Ok(plan) => {
                prop_assert!(plan.moves.is_empty());
                prop_assert_eq!(total(&plan.placed), units);
                let island = Units::new(plan.placed[0].from / size * size, (plan.placed[0].from / size + 1) * size);
                let free = plane.free_over(window, island);
                prop_assert!(plan.placed.iter().all(|run| free.iter().any(|free| free.contains(*run))));
                let tightest = islands.map(room).filter(|&room| room >= units).min();
                prop_assert_eq!(Some(total(&free)), tightest);
            }
            Err(NoRoom::NoIsland { largest: told, asked }) => {
                prop_assert!(largest < units);
                prop_assert_eq!((told, asked), (largest, units));
            }
            Err(refusal) => prop_assert!(matches!(refusal, NoRoom::Short(_)) && largest < units),
        }
    }

    #[test]
    fn with_moves_and_pins_at_the_start_a_rehearsal_sells_what_counting_allows(
        units in 1..9_u32,
        trace in prop::collection::vec((0..30_i64, 0..20_i64, 1..20_i64, 1..5_u32), 1..60),
    ) {
        let demand: Vec<Demand> = trace
            .into_iter()
            .map(|(arrives, lead, length, units)| {
                let from = arrives + lead;
                Demand { arrives, window: Window::new(from, from + length), units }
            })
            .collect();
        let (bound, outcome) = (fluid_bound(units, &demand), rehearse(units, &demand, 0, Moving::OnDemand));
        prop_assert_eq!((outcome.accepted, outcome.sold), (bound.accepted, bound.sold));
        prop_assert_eq!(outcome.refused_fixed, 0);
    }

    #[test]
    fn bulk_changes_equal_single_ones(life in life(Life::Full), at in 0..INSTANTS) {
        let plane = lived(life).0;
        let mut bulk = Plane::new(plane.whole().len());
        bulk.insert_all(plane.rects().to_vec());
        prop_assert_eq!(bulk.rects(), plane.rects());
        prop_assert_eq!(bulk.profile(), plane.profile());
        let (gone, kept): (Vec<Rect>, Vec<Rect>) = plane.rects().iter().partition(|rect| rect.window.until <= at);
        let mut single = plane.clone();
        for rect in &gone {
            // Half of them are looked for in the wrong place.
            let first_unit = rect.units.from + u32::from(rect.window.from % 2 == 0);
            prop_assert_eq!(single.remove(rect.id, first_unit), Some(*rect));
        }
        bulk.remove_all(&gone.iter().map(|rect| rect.id).collect::<HashSet<_>>());
        let mut aged = plane;
        aged.forget_before(at);
        for other in [&single, &bulk, &aged] {
            prop_assert_eq!(other.rects(), &kept[..]);
            prop_assert_eq!(other.profile(), single.profile());
        }
    }
}

pub(super) fn rect(id: u128, units: Units, window: Window) -> Rect {
    let (pinned_at, within) = (window.from, Units::new(0, u32::MAX));
    Rect { id: Uuid::from_u128(id), units, window, pinned_at, within, purpose: Purpose::Lease }
}

pub(super) fn any(units: u32, window: Window, plane: &Plane) -> Request {
    Request { units, window, within: plane.whole(), placement: Placement::Any, prefer: Vec::new() }
}

#[test]
fn a_whole_pool_is_one_rectangle() {
    let plane = Plane::new(220_000);
    let plan = place(&plane, &any(220_000, Window::new(10, 20), &plane), 0);
    assert_eq!(plan, Ok(Arrangement { placed: vec![Units::new(0, 220_000)], moves: vec![] }));
}

#[test]
fn the_largest_pool_is_one_rectangle_however_far_ahead() {
    let plane = Plane::new(10_000_000);
    let year = 365 * 86_400 * 1_000_000;
    let whole = place(&plane, &any(10_000_000, Window::new(year, 2 * year), &plane), 0);
    let placed = vec![Units::new(0, 10_000_000)];
    assert_eq!(whole, Ok(Arrangement { placed, moves: vec![] }));
}

#[test]
fn capacity_that_is_not_delivered_is_not_sold() {
    let mut plane = Plane::new(10);
    let undelivered = Window::new(BEGINNING_OF_TIME, 100);
    plane.insert(Rect { purpose: Purpose::Undelivered, ..rect(1, Units::new(4, 10), undelivered) });
    let refusal = place(&plane, &any(5, Window::new(50, 150), &plane), 0);
    assert_eq!(refusal, Err(NoRoom::Short(Shortfall { at: 50, free: 4, asked: 5 })));
    assert_eq!(plane.profile().earliest(5, 50, 0, END_OF_TIME), Some(100));
    assert_eq!(plane.profile().earliest(5, 50, 0, 99), None);
}

#[test]
fn an_extension_keeps_its_units_and_others_make_way() {
    let mut plane = Plane::new(2);
    plane.insert(rect(1, Units::new(0, 1), Window::new(0, 10)));
    plane.insert(rect(2, Units::new(0, 1), Window::new(10, 20)));
    let prefer = vec![Units::new(0, 1)];
    let request = Request { prefer, ..any(1, Window::new(10, 30), &plane) };
    let plan = place(&plane, &request, 5).unwrap();
    assert_eq!(plan.placed, [Units::new(0, 1)]);
    assert_eq!(plan.moves.len(), 1);
    assert_eq!(plan.moves[0].to, [Units::new(1, 2)]);
}

#[test]
fn a_block_names_the_running_lease_in_its_way() {
    let mut plane = Plane::new(4);
    plane.insert(rect(7, Units::new(0, 2), Window::new(0, 10)));
    let block =
        Rect { purpose: Purpose::Maintenance, ..rect(8, Units::new(1, 3), Window::new(5, 6)) };
    let by = vec![Uuid::from_u128(7)];
    assert_eq!(replan_around(&plane, &block, 3), Err(NoRoom::Blocked { by }));
}

#[test]
fn units_are_given_up_next_to_free_ones() {
    let mut plane = Plane::new(10);
    let lease = rect(1, Units::new(2, 8), Window::new(0, 10));
    plane.insert(lease);
    plane.insert(rect(2, Units::new(8, 10), Window::new(0, 10)));
    assert_eq!(choose_units_to_free(&plane, &[lease], 2), [Units::new(2, 4)]);
    assert_eq!(choose_units_to_free(&plane, &[lease], 6), [Units::new(2, 8)]);
    assert_eq!(choose_units_to_free(&plane, &[lease], 0), []);
}

#[test]
fn a_purpose_is_read_as_it_is_written() {
    for purpose in Purpose::ALL {
        assert_eq!(Purpose::parse(purpose.as_str()), Some(purpose));
    }
    assert_eq!(Purpose::parse("Lease"), None);
}

/// Units that are given up, where the same ones are held all the time.
fn choose_units_to_free(plane: &Plane, rects: &[Rect], n: u32) -> Vec<Units> {
    let from = rects.iter().map(|rect| rect.window.from).min().unwrap_or(0);
    let until = rects.iter().map(|rect| rect.window.until).max().unwrap_or(END_OF_TIME);
    let freed = choose_to_free(plane, rects, n, Window::new(from, until));
    joined(freed.into_iter().map(|(units, _)| units).collect())
}

#[test]
fn a_plane_knows_when_its_next_pin_is_without_being_looked_through() {
    let mut plane = Plane::new(10);
    assert_eq!(plane.next_pin_by(1_000, 0), None);
    let rect = |number: u32, purpose, pinned_at| Rect {
        id: Uuid::from_u128(u128::from(number)),
        units: Units::new(number, number + 1),
        window: Window::new(pinned_at + 50, pinned_at + 90),
        pinned_at,
        within: Units::new(0, 10),
        purpose,
    };
    plane.insert(rect(0, Purpose::Lease, 300));
    plane.insert(rect(1, Purpose::Hold, 200));
    plane.insert(rect(2, Purpose::Maintenance, 10));
    assert_eq!(plane.next_pin_by(199, 0), None);
    assert_eq!(plane.next_pin_by(200, 0), Some(200));
    assert_eq!(plane.pinned_by(300, 0, 9), [Uuid::from_u128(1), Uuid::from_u128(0)]);
    // What was pinned meanwhile no longer counts, nor what is gone; what is added in bulk does.
    assert_eq!(plane.next_pin_by(300, 200), Some(300));
    plane.remove(Uuid::from_u128(0), 0);
    assert_eq!(plane.next_pin_by(300, 200), None);
    plane.insert_all((0..9).map(|number| rect(number, Purpose::Lease, 400)).collect());
    assert_eq!(plane.next_pin_by(400, 200), Some(400));
}
