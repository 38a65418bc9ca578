//! Finding units for a request.

use super::moves;
use super::openings::{Opening, openings, pick, room};
use super::request::{Arrangement, NoRoom, Placement, Request};
use super::{Instant, Plane, Profile, Rect, Shortfall, Units, joined, total};

/// Finds units for `request`, moving what may be moved at `now` if nothing else helps.
///
/// Complete for [`Placement::Any`]: when every fixed rectangle has begun and every movable one may
/// use the same units as the request, a request is refused only if the units are lacking at some
/// instant (proof at [`moves`]). A request for an island uses units that are free as things stand.
///
/// # Errors
/// Every [`NoRoom`] but `Blocked`.
pub fn place(plane: &Plane, request: &Request, now: Instant) -> Result<Arrangement, NoRoom> {
    let unmoved = place_without_moves(plane, request, now);
    let preferred = |plan: &Arrangement| common(&request.prefer, &plan.placed);
    match &unmoved {
        Err(NoRoom::Fixed { .. }) => moves::make_room(plane, request, now).map_or(unmoved, Ok),
        Ok(plan) if preferred(plan) < total(&request.prefer).min(request.units) => {
            // An extension stays where it is if others can make way.
            let moved = moves::make_room(plane, request, now);
            let better = moved.filter(|moved| preferred(moved) > preferred(plan));
            better.map_or(unmoved, Ok)
        }
        _ => unmoved,
    }
}

/// Finds units for `request` among those that are free throughout its window.
///
/// # Errors
/// [`NoRoom::Short`], [`NoRoom::NoIsland`], or [`NoRoom::Fixed`] where only moves could help.
pub fn place_without_moves(
    plane: &Plane,
    request: &Request,
    now: Instant,
) -> Result<Arrangement, NoRoom> {
    let asked = request.units;
    let within = request.within.intersection(plane.whole());
    if let Some(short) = shortfall(plane, request, within, now) {
        return Err(NoRoom::Short(short));
    }
    let taken = plane.rects().iter().map(|rect| (rect.units, rect.window));
    let open = openings(taken, request.window, within, now);
    let placed = match request.placement {
        Placement::Island { units_per_island } => pick_on_island(&open, units_per_island, asked)?,
        Placement::Any if room(&open) < asked => {
            return Err(NoRoom::Fixed { available: room(&open), asked });
        }
        Placement::Any if request.prefer.is_empty() => pick(&open, asked),
        Placement::Any => pick_preferred(&open, &request.prefer, asked),
    };
    Ok(Arrangement { placed: joined(placed), moves: Vec::new() })
}

/// The first instant at which the units are lacking however rectangles are moved: by the count of
/// the whole pool, and by the count of `within` and what cannot leave it.
fn shortfall(plane: &Plane, request: &Request, within: Units, now: Instant) -> Option<Shortfall> {
    let whole = plane.profile().first_shortfall(request.window, request.units);
    if whole.is_some() || within == plane.whole() {
        return whole;
    }
    let stays = |rect: &&Rect| {
        rect.overlaps(within, request.window)
            && (!rect.is_movable_at(now) || within.contains(rect.within))
    };
    let uses = plane.rects().iter().filter(stays);
    Profile::of(within.len(), uses.map(|rect| (rect.window, rect.units.intersection(within))))
        .first_shortfall(request.window, request.units)
}

/// Picks `asked` units, those in `prefer` first.
fn pick_preferred(open: &[Opening], prefer: &[Units], asked: u32) -> Vec<Units> {
    let mut missing = asked;
    let (mut picked, mut others) = (Vec::new(), Vec::new());
    for part in cut_at(open, prefer.iter().flat_map(|run| [run.from, run.until]).collect()) {
        let is_preferred = prefer.iter().any(|run| run.contains(part.units));
        let taken = if is_preferred { part.units.len().min(missing) } else { 0 };
        let cut = part.units.from + taken;
        picked.push(Units::new(part.units.from, cut));
        if cut < part.units.until {
            others.push(Opening { units: Units::new(cut, part.units.until), ..part });
        }
        missing -= taken;
    }
    if missing > 0 {
        picked.extend(pick(&others, missing));
    }
    picked
}

/// Picks `asked` units of the island that has the least room to spare.
fn pick_on_island(open: &[Opening], size: u32, asked: u32) -> Result<Vec<Units>, NoRoom> {
    let size = size.max(1);
    let borders = open.iter().flat_map(|opening| {
        let Units { from, until } = opening.units;
        (from / size + 1..=until / size).map(move |island| island * size)
    });
    let parts = cut_at(open, borders.collect());
    let islands = || parts.chunk_by(|a, b| a.units.from / size == b.units.from / size);
    let largest = islands().map(room).max().unwrap_or(0);
    islands()
        .filter(|island| room(island) >= asked)
        .min_by_key(|island| room(island))
        .map(|island| pick(island, asked))
        .ok_or(NoRoom::NoIsland { largest, asked })
}

/// The same openings, none of which reaches across one of the `borders`.
fn cut_at(open: &[Opening], mut borders: Vec<u32>) -> Vec<Opening> {
    borders.sort_unstable();
    let mut parts = Vec::with_capacity(open.len() + borders.len());
    for &opening in open {
        let Units { mut from, until } = opening.units;
        let first = borders.partition_point(|&border| border <= from);
        let inside = borders[first..].iter().copied().take_while(|&border| border < until);
        for end in inside.chain([until]) {
            if from < end {
                parts.push(Opening { units: Units::new(from, end), ..opening });
            }
            from = end;
        }
    }
    parts
}

/// How many units are in both sets of disjoint runs.
fn common(some: &[Units], others: &[Units]) -> u32 {
    let both = |run: &Units| others.iter().map(|other| run.intersection(*other).len()).sum::<u32>();
    some.iter().map(both).sum()
}
