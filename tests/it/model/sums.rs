//! What leases cost and what notices promise, worked out anew from the tables.

use std::collections::HashMap;

use rust_decimal::{Decimal, RoundingStrategy};
use sqlx::types::Uuid;

use super::checks::{Complaint, complaint, schedule, short};
use super::truth::{Amendment, At, Case, Lease, Tranche, Truth};

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
    let since = since.filter_map(suspended_since).min();
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

/// When a suspension took effect: one at once when it was served, another when it was executed.
fn suspended_since(case: &Case) -> Option<At> {
    let effective_at = case.outcome.as_ref().map(|outcome| outcome["effective_at"].clone());
    effective_at.map_or(case.served_at, |at| serde_json::from_value(at).ok())
}

fn is_suspension(case: &Case) -> bool {
    case.measure["action"] == "suspend"
}

fn cost_between(it: &Tranche, from: At, until: At) -> Decimal {
    price(it.rate_per_gpu_hour, it.gpus, it.starts_at.max(from), it.ends_at.min(until))
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
                "a notice of {units} units from {from} until {until} is {} ({:?}); at {at} the lease had {had} and has {has}: {}, then {}",
                case.state,
                case.closed_reason,
                schedule(old),
                schedule(new)
            );
            return Some(complaint("what was noticed", case.id, text));
        }
    }
    None
}
