//! What quotas count, counted anew from the tables.

use chrono::{Datelike, TimeDelta, TimeZone, Utc};
use rust_decimal::Decimal;
use serde_json::Value;

use super::checks::{Complaint, complaint, quoted, short};
use super::truth::{At, Lease, Quota, Truth};

/// How a quota stands, in its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub booked: Decimal,
    pub peak: Decimal,
    /// By how much it is exceeded at the worst, from now on.
    pub over: Decimal,
}

/// GPUs for a time at a rate.
struct Use {
    from: At,
    until: At,
    gpus: i32,
    rate: Decimal,
}

/// What counts against `quota`: leases as they stand, those of `past` included, and quotes that hold.
/// What a reclaim case keeps for somebody does not count before it is accepted.
fn uses(quota: &Quota, truth: &Truth, past: &[Lease]) -> Vec<Use> {
    let is_its = |tenant, project: Option<_>| {
        tenant == quota.organization_id
            && (quota.project_id.is_none() || quota.project_id == project)
    };
    let mut uses = Vec::new();
    let leases = past.iter().chain(&truth.leases);
    for lease in leases.filter(|it| is_its(it.tenant_id, it.project_id) && !it.never_began()) {
        uses.extend(lease.tranches.iter().map(|it| Use {
            from: it.starts_at,
            until: lease.ended_at.map_or(it.ends_at, |ended| it.ends_at.min(ended)),
            gpus: it.gpus,
            rate: it.rate_per_gpu_hour,
        }));
    }
    let held = truth.quotes.iter().filter(|quote| quote.holds && !quote.is_reserved);
    for quote in held.filter(|quote| is_its(quote.tenant_id, quote.project_id)) {
        uses.extend(quoted(quote).into_iter().map(|line| Use {
            from: line.from,
            until: line.until,
            gpus: line.gpus,
            rate: line.rate,
        }));
    }
    uses.retain(|one| one.from < one.until);
    uses
}

/// The limit that stands at `at`, in the smallest unit.
fn limit_at(quota: &Quota, truth: &Truth, at: At) -> Option<Decimal> {
    let instead = truth.overrides.iter().filter(|it| it.quota_id == quota.id);
    for one in instead {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let begun = match one.during.start {
            Included(from) => from <= at,
            Excluded(from) => from < at,
            Unbounded => true,
        };
        let open = match one.during.end {
            Included(until) => at <= until,
            Excluded(until) => at < until,
            Unbounded => true,
        };
        if begun && open {
            return Some(one.amount);
        }
    }
    let is_valid = quota.valid_from <= at && quota.valid_until.is_none_or(|until| at < until);
    quota.amount.filter(|_| is_valid)
}

/// Instants from which on another limit may stand.
fn turns(quota: &Quota, truth: &Truth) -> Vec<At> {
    let overrides = truth.overrides.iter().filter(|it| it.quota_id == quota.id);
    let mut turns: Vec<At> = vec![quota.valid_from];
    turns.extend(quota.valid_until);
    for one in overrides {
        for bound in [one.during.start, one.during.end] {
            if let std::ops::Bound::Included(at) | std::ops::Bound::Excluded(at) = bound {
                turns.push(at);
            }
        }
    }
    turns
}

/// How `quota` stands at `now`; `None` for what is not counted here.
pub fn standing(quota: &Quota, truth: &Truth, past: &[Lease], now: At) -> Option<Standing> {
    let uses = uses(quota, truth, past);
    match quota.dimension.as_str() {
        "concurrent_gpus" => Some(at_instants(quota, truth, &uses, now)),
        "spend_per_month" => {
            let per_second =
                |one: &Use| one.rate * Decimal::from(one.gpus) * Decimal::from(1_000_000);
            let grains = Decimal::from(3_600_000_000_i64);
            Some(in_months(quota, truth, &uses, now, per_second, grains))
        }
        "gpu_hours_per_month" => {
            let per_second = |one: &Use| Decimal::from(one.gpus);
            Some(in_months(quota, truth, &uses, now, per_second, Decimal::from(3600)))
        }
        "open_requests" => Some(open_requests(quota, truth, now)),
        _ => None,
    }
}

fn at_instants(quota: &Quota, truth: &Truth, uses: &[Use], now: At) -> Standing {
    let level = |at: At| -> Decimal {
        let there = uses.iter().filter(|one| one.from <= at && at < one.until);
        Decimal::from(there.map(|one| one.gpus).sum::<i32>())
    };
    let mut instants: Vec<At> = uses.iter().flat_map(|one| [one.from, one.until]).collect();
    instants.extend(turns(quota, truth));
    instants.retain(|at| *at > now);
    instants.push(now);
    let over = instants.iter().filter_map(|&at| Some(level(at) - limit_at(quota, truth, at)?));
    Standing {
        booked: level(now),
        peak: instants.iter().map(|&at| level(at)).max().unwrap_or_default(),
        over: over.max().unwrap_or_default().max(Decimal::ZERO),
    }
}

fn month_of(at: At) -> (At, At) {
    let first = |year, month| Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0).unwrap();
    let next = if at.month() == 12 { (at.year() + 1, 1) } else { (at.year(), at.month() + 1) };
    (first(at.year(), at.month()), first(next.0, next.1))
}

fn in_months(
    quota: &Quota,
    truth: &Truth,
    uses: &[Use],
    now: At,
    per_second: impl Fn(&Use) -> Decimal,
    grains: Decimal,
) -> Standing {
    let sum = |(from, until): (At, At)| -> Decimal {
        let of = |one: &Use| {
            let seconds = (one.until.min(until) - one.from.max(from)).num_seconds().max(0);
            per_second(one) * Decimal::from(seconds)
        };
        uses.iter().map(of).sum()
    };
    let last = uses.iter().map(|one| one.until).max().unwrap_or(now);
    let mut months = vec![month_of(now)];
    while months.last().is_some_and(|month| month.1 < last) {
        months.push(month_of(months.last().unwrap().1 + TimeDelta::seconds(1)));
    }
    let turns = turns(quota, truth);
    let over = months.iter().filter(|month| sum(**month) > Decimal::ZERO).filter_map(|&month| {
        let instants = turns.iter().copied().filter(|at| month.0 <= *at && *at < month.1);
        let limits = instants.chain([month.0]).filter_map(|at| limit_at(quota, truth, at));
        Some(sum(month) - limits.max()?)
    });
    let over = over.max().unwrap_or_default().max(Decimal::ZERO);
    let peak = months.iter().map(|&month| sum(month)).max().unwrap_or_default();
    Standing { booked: sum(months[0]) / grains, peak: peak / grains, over: over / grains }
}

fn open_requests(quota: &Quota, truth: &Truth, now: At) -> Standing {
    let is_its = |tenant, project: Option<_>| {
        tenant == quota.organization_id
            && (quota.project_id.is_none() || quota.project_id == project)
    };
    let requests = truth.leases.iter().filter(|it| {
        it.status == "requested" && it.starts_at > now && is_its(it.tenant_id, it.project_id)
    });
    let holds = truth.quotes.iter().filter(|it| {
        it.holds && !it.is_reserved && it.expires_at > now && is_its(it.tenant_id, it.project_id)
    });
    let booked = Decimal::from(requests.count() + holds.count());
    let over = limit_at(quota, truth, now).map_or(Decimal::ZERO, |limit| booked - limit);
    Standing { booked, peak: booked, over: over.max(Decimal::ZERO) }
}

/// Whether the server shows `quota` as it was counted here; half a cent is rounding.
pub fn compare(quota: &Quota, counted: &Standing, shown: &Value) -> Option<Complaint> {
    let amount = |name: &str| -> Decimal {
        let text = shown["standing"][name].as_str();
        text.map_or(Decimal::ZERO, |text| text.parse().expect("an amount"))
    };
    let told =
        Standing { booked: amount("booked_now"), peak: amount("peak"), over: amount("over_by") };
    let is_near = |one: Decimal, other: Decimal| (one - other).abs() <= Decimal::new(1, 2);
    let is_same = is_near(told.booked, counted.booked)
        && is_near(told.peak, counted.peak)
        && is_near(told.over, counted.over);
    (!is_same).then(|| {
        let text = format!(
            "{} {}: the server says {told:?}, and it is {counted:?}",
            quota.dimension,
            short(quota.id)
        );
        complaint("quota book", quota.id, text)
    })
}
