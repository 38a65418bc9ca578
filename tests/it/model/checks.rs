//! What must hold after every act, whatever it was, by the tables alone.

use std::collections::{BTreeMap, HashMap};

use leasehold::kernel::ids;
use rust_decimal::{Decimal, RoundingStrategy};
use sqlx::types::Uuid;

use super::truth::{Amendment, At, Case, Lease, Rect, Tranche, Truth};

/// Something that does not hold.
#[derive(Debug, Clone)]
pub struct Complaint {
    /// Which check found it.
    pub check: &'static str,
    /// About which thing, so that the same is said once.
    pub about: Uuid,
    pub text: String,
}

pub fn complaint(check: &'static str, about: Uuid, text: impl Into<String>) -> Complaint {
    Complaint { check, about, text: text.into() }
}

/// An id as it is written, without what it is of.
pub fn short(id: Uuid) -> String {
    let text = ids::encode(id);
    text[text.len() - 8..].to_owned()
}

// ── The plane ────────────────────────────────────────────────────────────────────────────────────

/// Units over time as steps: what is added and taken away at each instant.
#[derive(Default)]
struct Steps(BTreeMap<At, i32>);

impl Steps {
    fn add(&mut self, from: At, until: Option<At>, units: i32) {
        if until.is_some_and(|until| until <= from) {
            return;
        }
        *self.0.entry(from).or_default() += units;
        if let Some(until) = until {
            *self.0.entry(until).or_default() -= units;
        }
    }

    /// The first instant at which the sum is not zero, with the sum.
    fn uneven(&self) -> Option<(At, i32)> {
        let mut sums = self.0.iter().scan(0, |sum, (at, step)| {
            *sum += step;
            Some((*at, *sum))
        });
        sums.find(|(_, sum)| *sum != 0)
    }
}

/// One line of what is held: whose, by which owner of rectangles, where, when.
pub struct Held {
    pub subject: Uuid,
    pub owner: Uuid,
    pub pool: Uuid,
    pub units: i32,
    pub gpus: i32,
    pub rate: Decimal,
    pub from: At,
    pub until: At,
}

/// The lines of a quote as they are kept.
pub fn quoted(quote: &super::truth::Quote) -> Vec<Held> {
    let lines = quote.tranches.as_array().expect("lines").iter();
    let id = |value: &serde_json::Value| {
        let text = value.as_str().expect("an id");
        ids::decode(text.split_once('_').expect("an id").1).expect("an id")
    };
    let at = |value: &serde_json::Value| serde_json::from_value(value.clone()).expect("an instant");
    let held = lines.map(|line| Held {
        subject: quote.id,
        owner: id(&line["id"]),
        pool: id(&line["pool_id"]),
        units: i32::try_from(line["units"].as_i64().expect("units")).unwrap(),
        gpus: i32::try_from(line["gpus"].as_i64().expect("GPUs")).unwrap(),
        rate: line["rate"].as_str().expect("a rate").parse().expect("a rate"),
        from: at(&line["starts_at"]),
        until: at(&line["ends_at"]),
    });
    held.collect()
}

/// Every rectangle is somebody's, and everybody has, from now on, exactly what its schedule says.
pub fn plane(truth: &Truth, now: At) -> Vec<Complaint> {
    let mut found = Vec::new();
    let mut held = Vec::new();
    for lease in &truth.leases {
        held.extend(lease.tranches.iter().map(|tranche| Held {
            subject: lease.id,
            owner: tranche.line_id,
            pool: tranche.pool_id,
            units: if lease.is_live() { tranche.units } else { 0 },
            gpus: tranche.gpus,
            rate: tranche.rate_per_gpu_hour,
            from: tranche.starts_at,
            until: tranche.ends_at,
        }));
    }
    held.extend(truth.quotes.iter().filter(|quote| quote.holds).flat_map(quoted));
    let owners: HashMap<Uuid, Uuid> = held.iter().map(|one| (one.owner, one.subject)).collect();
    let mut sums: BTreeMap<(Uuid, Uuid), Steps> = BTreeMap::new();
    for one in &held {
        let steps = sums.entry((one.owner, one.pool)).or_default();
        steps.add(one.from.max(now), Some(one.until), -one.units);
    }
    for block in &truth.blocks {
        let steps = sums.entry((block.id, block.pool_id)).or_default();
        steps.add(block.starts_at.max(now), block.ends_at, block.first_unit - block.end_unit);
    }
    for rect in truth.rects.iter().filter(|rect| rect.purpose != "undelivered") {
        let is_booking = matches!(rect.purpose.as_str(), "lease" | "hold");
        let subject = if is_booking { owners.get(&rect.owner_id) } else { Some(&rect.owner_id) };
        let Some(subject) = subject else {
            let text = format!("nobody's {} rectangle: {}", rect.purpose, said(rect));
            found.push(complaint("plane", rect.id, text));
            continue;
        };
        if *subject != rect.subject_id {
            let text = format!("a rectangle is kept under {}: {}", rect.subject_id, said(rect));
            found.push(complaint("plane", rect.id, text));
        }
        let from = rect.from.unwrap_or(now).max(now);
        let steps = sums.entry((rect.owner_id, rect.pool_id)).or_default();
        steps.add(from, rect.until, rect.end_unit - rect.first_unit);
    }
    for ((owner, pool), steps) in sums {
        let subject = owners.get(&owner).copied().unwrap_or(owner);
        if let Some((at, units)) = steps.uneven() {
            let rects: Vec<String> =
                truth.rects.iter().filter(|it| it.subject_id == subject).map(said).collect();
            let text = format!(
                "{} has {units:+} units of pool {} at {at} against its schedule: {}; rectangles: {}",
                short(subject),
                short(pool),
                truth.lease(subject).map_or_else(|| "a quote or block".to_owned(), schedule),
                rects.join(", "),
            );
            found.push(complaint("plane", subject, text));
        }
    }
    found.extend(purposes(truth));
    found
}

/// A request is held for, a lease that is signed is leased.
fn purposes(truth: &Truth) -> Vec<Complaint> {
    let mut found = Vec::new();
    for rect in truth.rects.iter().filter(|it| matches!(it.purpose.as_str(), "lease" | "hold")) {
        let is_leased = rect.purpose == "lease";
        let should = truth.lease(rect.subject_id).is_some_and(|lease| lease.status != "requested");
        if is_leased != should {
            let text = format!("purpose {} for {}", rect.purpose, said(rect));
            found.push(complaint("plane", rect.subject_id, text));
        }
    }
    for (place, one) in truth.rects.iter().enumerate() {
        let twice = truth.rects[place + 1..].iter().find(|other| {
            one.pool_id == other.pool_id
                && one.first_unit < other.end_unit
                && other.first_unit < one.end_unit
                && other.until.is_none_or(|until| one.from.is_none_or(|from| from < until))
                && one.until.is_none_or(|until| other.from.is_none_or(|from| from < until))
        });
        if let Some(other) = twice {
            let text = format!("given twice: {} and {}", said(one), said(other));
            found.push(complaint("plane", one.id, text));
        }
    }
    found
}

fn said(rect: &Rect) -> String {
    let at = |at: Option<At>| at.map_or_else(|| "…".to_owned(), |at| at.to_string());
    format!(
        "{} [{}, {}) {} to {} of {}",
        rect.purpose,
        rect.first_unit,
        rect.end_unit,
        at(rect.from),
        at(rect.until),
        short(rect.owner_id)
    )
}

/// The schedule of a lease in a line.
pub fn schedule(lease: &Lease) -> String {
    let lines = lease.tranches.iter().map(|it| {
        let (id, pool) = (short(it.id), short(it.pool_id));
        format!(
            "{id} {} units of {pool} {} to {} for {}",
            it.units, it.starts_at, it.ends_at, it.price
        )
    });
    format!("{} [{}]", lease.status, lines.collect::<Vec<_>>().join("; "))
}

/// What is not there yet is free for nobody: at every instant before a unit's delivery it is drawn as
/// undelivered, or booked.
pub fn undelivered(truth: &Truth, now: At, pools: &[(Uuid, i32)]) -> Vec<Complaint> {
    let mut found = Vec::new();
    for &(pool, units) in pools {
        for unit in 0..units {
            let delivery = truth
                .deliveries
                .iter()
                .find(|it| it.pool_id == pool && (it.first_unit..it.end_unit).contains(&unit));
            let usable_from = delivery.map(|delivery| delivery.usable_from);
            if usable_from.is_some_and(|at| at <= now) {
                continue;
            }
            let mut there: Vec<&Rect> = truth
                .rects
                .iter()
                .filter(|rect| {
                    rect.pool_id == pool && (rect.first_unit..rect.end_unit).contains(&unit)
                })
                .collect();
            there.sort_by_key(|rect| rect.from);
            // Walk from rectangle to rectangle; where one ends before the next begins there is a gap.
            let mut covered = Some(now);
            for rect in there {
                match covered {
                    Some(at) if rect.from.is_none_or(|from| from <= at) => {
                        covered = rect.until.map(|until| until.max(at));
                    }
                    _ => break,
                }
            }
            if let Some(at) = covered
                && usable_from.is_none_or(|usable_from| at < usable_from)
            {
                let text = format!(
                    "unit {unit} of pool {} is free at {at}, and comes at {usable_from:?}",
                    short(pool)
                );
                found.push(complaint("undelivered", pool, text));
                break;
            }
        }
    }
    found
}

// ── Money ────────────────────────────────────────────────────────────────────────────────────────

/// `rate × gpus × seconds / 3600` in cents, half a cent away from zero.
pub fn price(rate: Decimal, gpus: i32, from: At, until: At) -> Decimal {
    if until <= from {
        return Decimal::ZERO;
    }
    let seconds = Decimal::from((until - from).num_seconds());
    let exact = rate * Decimal::from(gpus) * seconds / Decimal::from(3600);
    exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// What every lease costs follows from its schedule and its charges, and nobody pays or is paid less
/// than nothing.
pub fn money(truth: &Truth) -> Vec<Complaint> {
    let mut found = Vec::new();
    for lease in &truth.leases {
        let mut complain = |check, text| found.push(complaint(check, lease.id, text));
        for (line, right) in line_prices(lease) {
            let pieces = lease.tranches.iter().filter(|it| it.line_id == line);
            let price: Decimal = pieces.clone().map(|it| it.price).sum();
            if price != right || pieces.clone().any(|it| it.price < Decimal::ZERO) {
                let text =
                    format!("{price} for {} of {}, not {right}", short(line), schedule(lease));
                complain("price of a line", text);
            }
        }
        let charges = lease.charges();
        let right = lease.schedule_price() + charges;
        if lease.price != right {
            let text = format!(
                "{} costs {}, and its schedule {} with charges of {charges} makes {right}: {}; {:?}",
                short(lease.id),
                lease.price,
                lease.schedule_price(),
                schedule(lease),
                lease.amendments.iter().map(amended).collect::<Vec<_>>(),
            );
            complain("price", text);
        }
        for amendment in &lease.amendments {
            let refund = amendment.terms["refund"].as_str().unwrap_or("0");
            let refund: Decimal = refund.parse().expect("an amount");
            let charge = amendment.terms["charge"].as_str().unwrap_or("0");
            let charge: Decimal = charge.parse().expect("an amount");
            if charge < Decimal::ZERO || refund < Decimal::ZERO {
                complain("sign", format!("{}: {}", short(lease.id), amended(amendment)));
            }
        }
        found.extend(settled(truth, lease));
    }
    found
}

/// What each line of a lease costs, rounded once however it was cut; nothing if the lease never began.
fn line_prices(lease: &Lease) -> HashMap<Uuid, Decimal> {
    let mut origins: HashMap<Uuid, At> = HashMap::new();
    for it in &lease.tranches {
        let origin = origins.entry(it.line_id).or_insert(it.starts_at);
        *origin = (*origin).min(it.starts_at);
    }
    let mut exact: HashMap<Uuid, Decimal> = HashMap::new();
    for it in &lease.tranches {
        // Whole seconds are counted from the start of the line.
        let since = |at: At| (at - origins[&it.line_id]).num_seconds();
        let seconds = Decimal::from(since(it.ends_at) - since(it.starts_at));
        let hours =
            if lease.never_began() { Decimal::ZERO } else { seconds * Decimal::from(it.gpus) };
        *exact.entry(it.line_id).or_default() += it.rate_per_gpu_hour * hours;
    }
    let rounded = exact.into_iter().map(|(line, exact)| {
        let strategy = RoundingStrategy::MidpointAwayFromZero;
        (line, (exact / Decimal::from(3600)).round_dp_with_strategy(2, strategy))
    });
    rounded.collect()
}

fn amended(amendment: &Amendment) -> String {
    format!("{} {} {}", amendment.kind, amendment.price, amendment.terms)
}

/// `refund` lines are what the price of the lease went down by through its cases, and suspended time is
/// paid once.
fn settled(truth: &Truth, lease: &Lease) -> Vec<Complaint> {
    let mut found = Vec::new();
    let lines = || truth.lines.iter().filter(|line| line.lease_id == lease.id);
    let cases = || truth.cases.iter().filter(|case| case.lease_id == lease.id);
    let refunds: Decimal = lines().filter(|it| it.kind == "refund").map(|it| it.amount).sum();
    let by_tenant = ["extend", "shrink", "cancel", "end", "buy_back"];
    let through = lease.amendments.iter().filter(|it| !by_tenant.contains(&it.kind.as_str()));
    let waived = lease.charges.iter().filter(|it| it.kind == "reclaim" && it.waived_at.is_some());
    let waived: Decimal = waived.map(|charge| charge.amount).sum();
    let lowered = through.map(|amendment| -amendment.price).sum::<Decimal>() + waived;
    let is_open = cases().any(|case| case.state == "executed" && !is_suspension(case));
    if !is_open && refunds != lowered {
        let text = format!(
            "settlements refund {refunds}, and the price went down by {lowered} through cases: {:?}",
            lease.amendments.iter().map(amended).collect::<Vec<_>>()
        );
        found.push(complaint("refund lines", lease.id, text));
    }
    let paid: Vec<_> = lines().filter(|line| line.kind == "suspended_time").collect();
    let total: Decimal = paid.iter().map(|line| line.amount).sum();
    let since = cases().filter(|case| paid.iter().any(|line| line.case_id == case.id));
    let since = since.filter_map(|case| case.executed_at.or(case.served_at)).min();
    let until = paid.iter().map(|line| line.settled_at).max();
    if let Some((since, until)) = since.zip(until) {
        // Between the first suspension's beginning and the last one's end the lease cost so much; a
        // cent for each line, because lines are rounded one by one.
        let cost: Decimal = lease.tranches.iter().map(|it| cost_between(it, since, until)).sum();
        let tolerance = Decimal::new(i64::try_from(paid.len()).unwrap() * 2, 2);
        if total > cost + tolerance {
            let text =
                format!("{total} for suspended time from {since} to {until}, which cost {cost}");
            found.push(complaint("suspended time", lease.id, text));
        }
    }
    found
}

fn is_suspension(case: &Case) -> bool {
    case.measure["action"] == "suspend"
}

fn cost_between(it: &Tranche, from: At, until: At) -> Decimal {
    price(it.rate_per_gpu_hour, it.gpus, it.starts_at.max(from), it.ends_at.min(until))
}

// ── Time ─────────────────────────────────────────────────────────────────────────────────────────

/// What is due is done once the reconcilers have run, and nothing points at what is gone.
pub fn due(truth: &Truth, now: At) -> Vec<Complaint> {
    let mut found = Vec::new();
    for lease in &truth.leases {
        let is_late = match lease.status.as_str() {
            "requested" | "scheduled" => lease.starts_at <= now,
            "active" => lease.ends_at <= now,
            _ => false,
        };
        if is_late {
            let text = format!("{} should be over or begun: {}", short(lease.id), schedule(lease));
            found.push(complaint("due", lease.id, text));
        }
    }
    for case in truth
        .cases
        .iter()
        .filter(|case| case.state == "due" || case.wakes_at.is_some_and(|at| at <= now))
    {
        let text = format!("a case is {} since {:?}: {}", case.state, case.wakes_at, case.measure);
        found.push(complaint("due", case.id, text));
    }
    for quote in truth.quotes.iter().filter(|quote| quote.expires_at <= now) {
        found.push(complaint(
            "due",
            quote.id,
            format!("a quote is open since {}", quote.expires_at),
        ));
    }
    for case in truth.cases.iter().filter(|case| case.measure["action"] != "suspend") {
        if let Some((executed, deadline)) = case.executed_at.zip(case.deadline)
            && executed < deadline
        {
            found.push(complaint("too early", case.id, format!("{executed} before {deadline}")));
        }
    }
    found
}

/// An open offer to give units back is of a line that the lease still has.
pub fn volunteers(truth: &Truth, now: At) -> Vec<Complaint> {
    let mut found = Vec::new();
    for volunteer in &truth.volunteers {
        let line = truth.lease(volunteer.lease_id).filter(|lease| lease.is_live());
        let line = line.and_then(|lease| {
            let mut pieces = lease.tranches.iter().filter(|it| it.line_id == volunteer.tranche_id);
            pieces.find(|piece| piece.ends_at > now)
        });
        if line.is_none() {
            let lease = truth.lease(volunteer.lease_id).map(schedule);
            let text = format!(
                "{} units of line {} are offered: {lease:?}",
                volunteer.units,
                short(volunteer.tranche_id)
            );
            found.push(complaint("volunteer", volunteer.id, text));
        }
    }
    found
}

// ── What a notice takes ──────────────────────────────────────────────────────────────────────────

/// What was served, with the schedule at that time.
pub type Served = HashMap<Uuid, Vec<Tranche>>;

/// A notice that was served is carried out as it said: so many units, for good or until it said, and
/// a premium on what they cost then.
pub fn promises(before: &Truth, after: &Truth, served: &Served) -> Vec<Complaint> {
    let mut found = Vec::new();
    for case in &after.cases {
        let Some(schedule_then) = served.get(&case.id) else { continue };
        let was = before.case(case.id).map(|case| case.state.as_str());
        let is_open = matches!(was, Some("noticed" | "curing" | "stayed" | "due"));
        if !is_open || was == Some(&case.state) {
            continue;
        }
        let (Some(old), Some(new)) = (before.lease(case.lease_id), after.lease(case.lease_id))
        else {
            continue;
        };
        let is_done = matches!(case.state.as_str(), "executed" | "settled");
        if is_done && case.ground == "recall.callable" {
            found.extend(premium(after, case, schedule_then));
        }
        found.extend(units_taken(case, schedule_then, old, new, is_done));
    }
    found
}

fn premium(after: &Truth, case: &Case, schedule: &[Tranche]) -> Option<Complaint> {
    let lines = after.lines.iter().filter(|it| it.case_id == case.id && it.kind == "premium");
    let paid: Decimal = lines.map(|line| line.amount).sum();
    let multiple: Decimal = case.clause["compensation"]["multiple"].as_str()?.parse().ok()?;
    let at: At = serde_json::from_value(case.outcome.as_ref()?["effective_at"].clone()).ok()?;
    let cost = |it: &Tranche| {
        let gpus = match case.units {
            Some(_) if case.tranche_id != Some(it.line_id) => 0,
            Some(units) => it.gpus / it.units * units.min(it.units),
            None => it.gpus,
        };
        price(it.rate_per_gpu_hour, gpus, it.starts_at.max(at), it.ends_at)
    };
    let promised = schedule.iter().map(cost).sum::<Decimal>() * multiple;
    (paid > promised + Decimal::new(5, 2)).then(|| {
        let text = format!("a premium of {paid}, and {promised} on what the notice said");
        complaint("premium", case.id, text)
    })
}

/// Units that a partial case took, where the lease has a single line in the pool.
fn units_taken(
    case: &Case,
    schedule_then: &[Tranche],
    old: &Lease,
    new: &Lease,
    is_done: bool,
) -> Option<Complaint> {
    let (units, line) = case.units.zip(case.tranche_id)?;
    let line = schedule_then.iter().find(|it| it.line_id == line)?;
    let others = schedule_then.iter().filter(|it| it.pool_id == line.pool_id);
    let overlaps = |it: &&Tranche| it.starts_at < line.ends_at && line.starts_at < it.ends_at;
    if others.filter(overlaps).count() != 1 {
        return None;
    }
    let from = case.deadline?.max(line.starts_at);
    let until: Option<At> = serde_json::from_value(case.measure["until"].clone()).ok()?;
    let until = until.unwrap_or(line.ends_at).min(line.ends_at);
    let instants =
        old.tranches.iter().chain(&new.tranches).flat_map(|it| [it.starts_at, it.ends_at]);
    for at in instants.chain([from]).filter(|at| from <= *at && *at < until) {
        let (had, has) = (old.units_at(line.pool_id, at), new.units_at(line.pool_id, at));
        let right = if is_done { had - units.min(had) } else { had };
        let is_nothing_done = !is_done
            && case.state == "withdrawn"
            && had > 0
            && old.is_live()
            && case.closed_reason.as_deref() != Some(super::acts::WITHDRAWN);
        if new.is_live() && has != right || is_nothing_done {
            let text = format!(
                "a notice of {units} units from {from} until {until} is {}; at {at} the lease had {had} and has {has}: {}, then {}",
                case.state,
                schedule(old),
                schedule(new)
            );
            return Some(complaint("what was noticed", case.id, text));
        }
    }
    None
}
