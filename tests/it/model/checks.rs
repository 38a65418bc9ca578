//! What must hold after every act, whatever it was, by the tables alone.

use std::collections::{BTreeMap, HashMap};

use leasehold::kernel::ids;
use rust_decimal::Decimal;
use sqlx::types::Uuid;

use super::truth::{At, Lease, Rect, Truth};

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
