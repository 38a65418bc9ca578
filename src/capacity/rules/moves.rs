//! Making room by moving what may still be moved.
//!
//! A job is a number of units of one movable rectangle, or of the request, that need a place. Jobs
//! wait in order of their start; the first is seated on units that are free throughout its window
//! if there are enough, else it also takes units from others, which then wait in turn. Units are
//! interchangeable, so a rectangle that loses some keeps the rest.
//!
//! **In order.** At first a job takes units only from rectangles that come later (in order of
//! start, the request first among equals), of these the ones whose next use is farthest away. This
//! never fails if the count fits at every instant, every fixed rectangle has begun, and all movable
//! ones may use the same units as the request. Proof: let a job start at `s`. What may not give way
//! to it has begun by `s`: the fixed rectangles by assumption, the earlier ones by order. So on the
//! units where one of them meets the job's window, it covers `s`. The rectangles that wait come
//! later than the job, as jobs are seated in order and turn out only later ones; hence all earlier
//! ones have their places, none overlap, and at `s` they use as many units as by count. The count
//! fits at `s` together with the job, so the job finds its units. No rectangle is seated twice, as
//! none can lose units to a later one; so it ends.
//!
//! **In any order.** With fixed rectangles in the future this can fail, and the question becomes
//! NP-hard (colouring an interval graph some of whose colours are given). From then on a job may
//! turn out anything movable, where that costs least; each time a rectangle is turned out its price
//! rises, which drives the search out of circles. The number of steps is bounded.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::openings::{idle, openings, pick, room};
use super::plane::gaps;
use super::request::{Arrangement, Move, NoRoom, Placement, Request};
use super::{END_OF_TIME, Instant, Plane, Rect, Units, Window, joined};

impl Plane {
    /// Carries out `moves`. The first part of a rectangle keeps its id, further ones get new ids.
    pub fn carry_out(&mut self, moves: &[Move], mut new_id: impl FnMut() -> Uuid) {
        for step in moves {
            self.remove(step.rect.id, step.rect.units.from);
        }
        let parts = moves.iter().flat_map(|step| {
            let ids = std::iter::once(step.rect.id).chain(std::iter::repeat_with(&mut new_id));
            let parts = step.to.iter().zip(ids);
            parts.map(|(&units, id)| Rect { id, units, ..step.rect }).collect::<Vec<_>>()
        });
        let parts = parts.collect();
        self.insert_all(parts);
    }
}

/// Places the request and moves others out of its way; `None` if no arrangement was found.
pub(super) fn make_room(plane: &Plane, request: &Request, now: Instant) -> Option<Arrangement> {
    let within = request.within.intersection(plane.whole());
    let owner = Owner { rect: None, window: request.window, within, turned_out: 0 };
    let mut shuffle = Shuffle::new(plane, Some(owner), &request.prefer, now);
    shuffle.waiting.insert((request.window.from, 0), request.units);
    shuffle.run().ok()?;
    Some(shuffle.plan())
}

/// Whether [`place`](super::place) finds room for `request` whenever its units are free by count, without
/// trying. The proof above needs no more: all jobs start with the request or later, so what stands on its
/// units and starts before it has begun by then, whether or not it may move; and what starts later gives
/// way if it may move, and uses the same units.
pub(super) fn may_always_move(plane: &Plane, request: &Request, now: Instant) -> bool {
    let (within, from) = (request.within.intersection(plane.whole()), request.window.from);
    let concerns = |rect: &&Rect| rect.units.overlaps(within) && rect.window.until > from;
    request.placement == Placement::Any
        && plane.rects().iter().filter(concerns).all(|rect| {
            if rect.is_movable_at(now) {
                rect.window.from < from || rect.within.intersection(plane.whole()) == within
            } else {
                rect.window.from <= from
            }
        })
}

/// The moves that clear the units of `block` for its window, before it is inserted.
///
/// # Errors
/// [`NoRoom::Blocked`] by the rectangles in the way that may not move at `now`, or by the one that
/// finds no other place; [`NoRoom::Short`] if the pool lacks the units at an instant.
pub fn replan_around(plane: &Plane, block: &Rect, now: Instant) -> Result<Vec<Move>, NoRoom> {
    let in_the_way = |rect: &&Rect| rect.overlaps(block.units, block.window);
    let stuck = plane.rects().iter().filter(in_the_way).filter(|rect| !rect.is_movable_at(now));
    let by: Vec<Uuid> = stuck.map(|rect| rect.id).collect();
    if !by.is_empty() {
        return Err(NoRoom::Blocked { by });
    }
    if let Some(short) = plane.profile().first_shortfall(block.window, block.units.len()) {
        return Err(NoRoom::Short(short));
    }
    let mut shuffle = Shuffle::new(plane, None, &[], now);
    shuffle.turn_out(block.window, &[block.units]);
    shuffle.sit(FIXED, block.window, &[block.units]);
    if let Err(owner) = shuffle.run() {
        let by = shuffle.owners[owner].rect.iter().map(|rect| rect.id).collect();
        return Err(NoRoom::Blocked { by });
    }
    Ok(shuffle.plan().moves)
}

/// The moves that put the rectangle `id`, just before it is pinned, where its units stand idle least among
/// those that are fixed; none if that saves less than `gain_min` microseconds a unit, or would split
/// a rectangle.
///
/// Nothing depends on this. But what is pinned snugly leaves other units free for long, so that
/// fewer requests within the pin lead are refused for [`NoRoom::Fixed`]. A sixth of the pin lead is
/// a good `gain_min`: less moves more and sells no more.
#[must_use]
pub fn settle(plane: &Plane, id: Uuid, gain_min: u64, now: Instant) -> Vec<Move> {
    let mut shuffle = Shuffle::new(plane, None, &[], now);
    let is_it = |rect: &Rect| rect.id == id;
    let mut rects = shuffle.owners.iter().map(|owner| owner.rect).enumerate();
    let found = rects.find_map(|(owner, rect)| Some((owner, rect.filter(is_it)?)));
    let Some((owner, rect)) = found else {
        return Vec::new();
    };
    let units = rect.units.len();
    let fixed = shuffle.pieces.iter().filter(|piece| piece.owner == FIXED);
    let taken = fixed.map(|piece| (piece.units, piece.window));
    let open = openings(taken, rect.window, shuffle.owners[owner].within, now);
    let seat = pick(&open, units);
    let gain =
        idle(&open, rect.units).saturating_sub(seat.iter().map(|&run| idle(&open, run)).sum());
    if gain == 0 || gain < u128::from(gain_min) * u128::from(units) {
        return Vec::new();
    }
    shuffle.pieces.retain(|piece| piece.owner != owner);
    shuffle.turn_out(rect.window, &seat);
    shuffle.sit(owner, rect.window, &seat);
    if shuffle.run().is_err() {
        return Vec::new();
    }
    let moves = shuffle.plan().moves;
    if moves.iter().all(|step| step.to.len() == 1) { moves } else { Vec::new() }
}

/// The plane in the middle of being rearranged.
struct Shuffle<'a> {
    /// What has a place, ascending by first unit; never overlapping.
    pieces: Vec<Piece>,
    /// Whose the pieces are: the request, if there is one, then the movable rectangles.
    owners: Vec<Owner>,
    /// How many units of whom wait for a place, by start and owner.
    waiting: BTreeMap<(Instant, usize), u32>,
    /// Units that the request takes before others.
    prefer: &'a [Units],
    phase: Phase,
    now: Instant,
}

#[derive(Clone, Copy)]
struct Piece {
    units: Units,
    window: Window,
    /// An index of `owners`, or [`FIXED`].
    owner: usize,
}

/// The owner of all that may not move.
const FIXED: usize = usize::MAX;

#[derive(Clone, Copy)]
struct Owner {
    /// `None` for the request.
    rect: Option<Rect>,
    window: Window,
    within: Units,
    /// How often others took its units.
    turned_out: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    InOrder,
    /// With the number of jobs that may still be seated.
    AnyOrder(usize),
}

/// Units that a job may take, with those who would be turned out.
struct Seat {
    units: Units,
    is_preferred: bool,
    /// Zero when they are free.
    price: u32,
    /// When the first of those begins.
    next_use: Instant,
}

impl<'a> Shuffle<'a> {
    fn new(plane: &Plane, request: Option<Owner>, prefer: &'a [Units], now: Instant) -> Self {
        let mut owners = Vec::from_iter(request);
        let live = plane.rects().iter().filter(|rect| rect.window.until > now);
        let pieces = live.map(|rect| {
            let mut owner = FIXED;
            if rect.is_movable_at(now) {
                owner = owners.len();
                let within = rect.within.intersection(plane.whole());
                let window = rect.window;
                owners.push(Owner { rect: Some(*rect), window, within, turned_out: 0 });
            }
            Piece { units: rect.units, window: rect.window, owner }
        });
        let pieces = pieces.collect();
        Self { pieces, owners, waiting: BTreeMap::new(), prefer, phase: Phase::InOrder, now }
    }

    /// Seats all who wait.
    ///
    /// # Errors
    /// The owner for whom no place was found.
    fn run(&mut self) -> Result<(), usize> {
        while let Some(((_, owner), units)) = self.waiting.pop_first() {
            if let Phase::AnyOrder(left) = &mut self.phase {
                *left = left.checked_sub(1).ok_or(owner)?;
                self.seat(owner, units).ok_or(owner)?;
            } else if self.seat(owner, units).is_none() {
                // About 20 ms of passes over the pieces.
                self.phase =
                    Phase::AnyOrder((8_000_000 / (self.pieces.len() + 1)).clamp(64, 4_000));
                self.seat(owner, units).ok_or(owner)?;
            }
        }
        Ok(())
    }

    /// Gives `units` units to `owner`; `None` if too few can be had.
    fn seat(&mut self, owner: usize, units: u32) -> Option<()> {
        let Owner { window, within, rect, .. } = self.owners[owner];
        if rect.is_some() || self.prefer.is_empty() {
            // What may still move says nothing about how long units will stand idle.
            let counts = |piece: &&Piece| piece.owner == FIXED || piece.window.overlaps(window);
            let taken = self.pieces.iter().filter(counts).map(|piece| (piece.units, piece.window));
            let free = openings(taken, window, within, self.now);
            if room(&free) >= units {
                self.sit(owner, window, &pick(&free, units));
                return Some(());
            }
        }
        let mut seats = self.seats(owner);
        let size = |seat: &Seat| seat.units.len().min(units);
        match self.phase {
            Phase::InOrder => seats.sort_by_key(|seat| {
                (!seat.is_preferred, Reverse(seat.next_use), Reverse(size(seat)))
            }),
            Phase::AnyOrder(_) => seats.sort_by_key(|seat| {
                (!seat.is_preferred, seat.price, Reverse(seat.next_use), Reverse(size(seat)))
            }),
        }
        let mut missing = units;
        let mut taken = Vec::new();
        for Units { from, until } in seats.into_iter().map(|seat| seat.units) {
            let until = until.min(from + missing);
            missing -= until - from;
            taken.push(Units { from, until });
        }
        let taken = joined(taken);
        if missing == 0 {
            self.turn_out(window, &taken);
            self.sit(owner, window, &taken);
        }
        (missing == 0).then_some(())
    }

    /// All units that `owner` may take, cut where those on them change.
    fn seats(&self, owner: usize) -> Vec<Seat> {
        let Owner { window, within, rect, .. } = self.owners[owner];
        let prefer = if rect.is_none() { self.prefer } else { &[] };
        let meets = |piece: &&Piece| piece.window.overlaps(window) && piece.units.overlaps(within);
        let met: Vec<&Piece> = self.pieces.iter().filter(meets).collect();
        let edges = met.iter().map(|piece| &piece.units).chain(prefer).chain([&within]);
        let mut cuts: Vec<u32> = edges
            .flat_map(|units| [units.from, units.until])
            .filter(|&unit| within.from <= unit && unit <= within.until)
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut seats = Vec::with_capacity(cuts.len());
        let mut on_it: Vec<&Piece> = Vec::new();
        let mut coming = met.into_iter().peekable();
        for (&from, &until) in cuts.iter().zip(&cuts[1..]) {
            on_it.retain(|piece| piece.units.until > from);
            while let Some(piece) = coming.next_if(|piece| piece.units.from <= from) {
                on_it.push(piece);
            }
            if on_it.iter().all(|piece| self.gives_way(piece.owner, owner)) {
                let units = Units { from, until };
                let price = |piece: &&Piece| 1 + self.owners[piece.owner].turned_out;
                let begin = on_it.iter().map(|piece| piece.window.from).min();
                seats.push(Seat {
                    units,
                    is_preferred: prefer.iter().any(|run| run.contains(units)),
                    price: on_it.iter().map(price).sum(),
                    next_use: begin.unwrap_or(END_OF_TIME),
                });
            }
        }
        seats
    }

    fn gives_way(&self, piece: usize, to: usize) -> bool {
        let order = |owner: usize| (self.owners[owner].window.from, owner);
        match self.phase {
            _ if piece == FIXED || piece == to => false,
            Phase::InOrder => order(piece) > order(to),
            Phase::AnyOrder(_) => true,
        }
    }

    /// Takes `units` over `window` from whoever has them; those wait for others.
    fn turn_out(&mut self, window: Window, units: &[Units]) {
        let mut out = BTreeSet::new();
        let mut pieces = Vec::with_capacity(self.pieces.len() + units.len() * 2);
        for piece in self.pieces.drain(..) {
            let first = units.partition_point(|run| run.until <= piece.units.from);
            let met = units[first..].iter().copied().take_while(|run| run.from < piece.units.until);
            let lost: u32 = met.clone().map(|run| run.intersection(piece.units).len()).sum();
            if lost == 0 || !piece.window.overlaps(window) {
                pieces.push(piece);
                continue;
            }
            *self.waiting.entry((piece.window.from, piece.owner)).or_default() += lost;
            out.insert(piece.owner);
            pieces.extend(gaps(met, piece.units).into_iter().map(|units| Piece { units, ..piece }));
        }
        pieces.sort_by_key(|piece| piece.units.from);
        self.pieces = pieces;
        for owner in out {
            self.owners[owner].turned_out += 1;
        }
    }

    fn sit(&mut self, owner: usize, window: Window, units: &[Units]) {
        for &units in units {
            let at = self.pieces.partition_point(|piece| piece.units.from < units.from);
            self.pieces.insert(at, Piece { units, window, owner });
        }
    }

    fn plan(&self) -> Arrangement {
        let mut units_of = vec![Vec::new(); self.owners.len()];
        for piece in self.pieces.iter().filter(|piece| piece.owner != FIXED) {
            units_of[piece.owner].push(piece.units);
        }
        let mut plan = Arrangement::default();
        for (owner, units) in self.owners.iter().zip(units_of) {
            let to = joined(units);
            match owner.rect {
                None => plan.placed = to,
                Some(rect) if to != [rect.units] => plan.moves.push(Move { rect, to }),
                Some(_) => {}
            }
        }
        plan
    }
}
