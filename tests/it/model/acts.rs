//! What people and time do: bookings, amendments, supply and quotas. Each act looks for something that it
//! can be done to; that it is refused is as good.

use chrono::TimeDelta;
use leasehold::kernel::{LeaseId, QuoteId, TrancheId};
use serde_json::{Value, json};

use super::dice::Dice;
use super::truth::{At, Lease};
use super::world::World;
use super::{supply, takings};

/// The reason that tells cases which were withdrawn on purpose.
pub const WITHDRAWN: &str = "another way was found";

/// Does one act of any kind.
pub async fn act(world: &mut World<'_>, dice: &mut Dice) {
    // What keeps everybody from booking does not last.
    if !world.truth.suspended.is_empty() && dice.chance(15) {
        return supply::suspend_party(world, dice).await;
    }
    if world.truth.offers.iter().any(|offer| offer.state == "paused") && dice.chance(15) {
        return supply::pause(world, dice).await;
    }
    match dice.weighed(&[
        (22, "time"),
        (16, "book"),
        (6, "quote"),
        (4, "use a quote"),
        (2, "release a quote"),
        (3, "answer a request"),
        (8, "extend"),
        (9, "shrink"),
        (2, "quote a cancellation"),
        (4, "leave"),
        (24, "take back"),
        (5, "volunteer"),
        (4, "plan"),
        (4, "block"),
        (5, "deliver"),
        (4, "limit"),
        (2, "suspend a party"),
        (2, "pause"),
    ]) {
        "time" => time(world, dice).await,
        "book" => book(world, dice).await,
        "quote" => quote(world, dice).await,
        "use a quote" => use_quote(world, dice).await,
        "release a quote" => release_quote(world, dice).await,
        "answer a request" => answer_request(world, dice).await,
        "extend" => extend(world, dice).await,
        "shrink" => shrink(world, dice).await,
        "quote a cancellation" => quote_cancellation(world, dice).await,
        "leave" => leave(world, dice).await,
        "take back" => takings::take_back(world, dice).await,
        "volunteer" => takings::volunteer(world, dice).await,
        "plan" => takings::plan(world, dice).await,
        "block" => supply::block(world, dice).await,
        "deliver" => supply::deliver(world, dice).await,
        "limit" => supply::limit(world, dice).await,
        "suspend a party" => supply::suspend_party(world, dice).await,
        _ => supply::pause(world, dice).await,
    }
}

// ── Time ─────────────────────────────────────────────────────────────────────────────────────────

async fn time(world: &mut World<'_>, dice: &mut Dice) {
    let now = world.now();
    let mut due: Vec<At> = Vec::new();
    for lease in world.truth.live() {
        due.extend(lease.tranches.iter().flat_map(|tranche| [tranche.starts_at, tranche.ends_at]));
    }
    due.extend(world.truth.cases.iter().filter_map(|case| case.wakes_at));
    due.extend(world.truth.quotes.iter().map(|quote| quote.expires_at));
    due.extend(world.truth.deliveries.iter().map(|delivery| delivery.usable_from));
    due.retain(|at| *at > now && *at < now + TimeDelta::days(9));
    due.sort_unstable();
    let at = match dice.below(10) {
        0..=2 => now + TimeDelta::seconds(dice.between(1, 40)),
        3 | 4 => now + TimeDelta::hours(dice.between(1, 12)),
        5 => now + TimeDelta::hours(dice.between(12, 72)),
        6 => due.get(dice.below(4)).copied().unwrap_or(now),
        _ => due.first().copied().unwrap_or(now + TimeDelta::hours(3)),
    };
    // API keys are good for a year.
    let last = crate::support::START + TimeDelta::days(350);
    let server = dice.below(2);
    world.pass(at.min(last).max(now), server).await;
}

/// An instant from now on, mostly soon.
pub fn soon(now: At, dice: &mut Dice) -> At {
    let hours = dice.one(&[0, 0, 1, 1, 5, 12, 24, 30, 49, 24 * 7, 24 * 8, 24 * 20]);
    now + TimeDelta::hours(hours)
        + TimeDelta::seconds(if dice.chance(20) { dice.between(1, 59) } else { 0 })
}

pub fn span(dice: &mut Dice) -> TimeDelta {
    let hours = dice.one(&[1, 2, 5, 24, 24, 48, 48, 24 * 4, 24 * 10, 24 * 30, 24 * 45]);
    TimeDelta::hours(hours)
        + TimeDelta::seconds(if dice.chance(20) { dice.between(1, 59) } else { 0 })
}

// ── Bookings ─────────────────────────────────────────────────────────────────────────────────────

/// One line, or a few: a ramp of one offer, or several offers.
fn wish(world: &World<'_>, dice: &mut Dice, tenant: usize) -> Value {
    let mut starts_at = soon(world.now(), dice);
    let lines = dice.one(&[1, 1, 1, 2, 3]);
    let is_ramp = dice.chance(50);
    let first = dice.one(&[0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4]);
    let mut tranches = Vec::new();
    for _ in 0..lines {
        // A lease over several offers is of those that need no approval, or of those that do.
        let others: &[usize] = if first < 3 { &[0, 1, 2] } else { &[3, 4] };
        let offer = if is_ramp { first } else { dice.one(others) };
        let offer = &world.scene.offers[offer];
        let units = match offer.pool.gpus_per_unit {
            1 => dice.one(&[1, 2, 4, 7, 8, 12]),
            _ => dice.one(&[1, 1, 2, 2, 3, 4]),
        };
        let ends_at = starts_at + span(dice);
        tranches.push(json!({
            "offer_id": offer.id, "gpus": units * offer.pool.gpus_per_unit,
            "starts_at": starts_at, "ends_at": ends_at,
        }));
        if is_ramp || dice.chance(50) {
            starts_at = ends_at;
        }
    }
    let mut body = json!({ "tranches": tranches });
    if dice.chance(10) {
        body["placement"] = "island".into();
    }
    if let Some(project) = world.scene.tenants[tenant].projects.first().filter(|_| dice.chance(60))
    {
        body["project_id"] = project.clone().into();
    }
    body
}

async fn book(world: &mut World<'_>, dice: &mut Dice) {
    let tenant = dice.below(3);
    let body = wish(world, dice, tenant);
    let key = world.scene.tenants[tenant].key.clone();
    world.send("book", &key, "/v1/leases".to_owned(), body).await;
}

async fn quote(world: &mut World<'_>, dice: &mut Dice) {
    let tenant = dice.below(3);
    let mut body = wish(world, dice, tenant);
    let holds = dice.chance(75);
    body["hold"] = holds.into();
    let key = world.scene.tenants[tenant].key.clone();
    let name = if holds { "hold" } else { "quote" };
    world.send(name, &key, "/v1/quotes".to_owned(), body).await;
}

async fn use_quote(world: &mut World<'_>, dice: &mut Dice) {
    let Some(quote) = dice.pick(&world.truth.quotes) else {
        return Box::pin(quote(world, dice)).await;
    };
    let key = world.scene.tenant(quote.tenant_id).key.clone();
    let name = if quote.is_reserved { "accept what is reserved" } else { "use a quote" };
    let body = json!({ "quote_id": QuoteId(quote.id).to_string() });
    world.send(name, &key, "/v1/leases".to_owned(), body).await;
}

async fn release_quote(world: &mut World<'_>, dice: &mut Dice) {
    let Some(quote) = dice.pick(&world.truth.quotes) else {
        return Box::pin(quote(world, dice)).await;
    };
    let key = world.scene.tenant(quote.tenant_id).key.clone();
    let path = format!("/v1/quotes/{}/release", QuoteId(quote.id));
    world.send("release a quote", &key, path, json!({})).await;
}

async fn answer_request(world: &mut World<'_>, dice: &mut Dice) {
    let requests: Vec<_> =
        world.truth.leases.iter().filter(|it| it.status == "requested").collect();
    let Some(lease) = dice.pick(&requests) else { return book(world, dice).await };
    let id = LeaseId(lease.id);
    let provider = world.scene.provider.key.clone();
    if dice.chance(65) {
        world
            .send("approve a request", &provider, format!("/v1/leases/{id}/approve"), json!({}))
            .await;
    } else {
        let body = json!({ "reason": "no" });
        world.send("reject a request", &provider, format!("/v1/leases/{id}/reject"), body).await;
    }
}

// ── Amendments ───────────────────────────────────────────────────────────────────────────────────

/// A lease that is not over, sometimes any; the newest as often as not.
pub fn some_lease<'w>(world: &'w World<'_>, dice: &mut Dice) -> Option<&'w Lease> {
    let live: Vec<&Lease> = world.truth.live().collect();
    let noticed: Vec<&Lease> = live.iter().copied().filter(|lease| lease.noticed).collect();
    let moved: Vec<&Lease> = live.iter().copied().filter(|it| has_moved(world, it)).collect();
    match dice.below(10) {
        0 | 1 => live.last().copied(),
        2..=4 if !noticed.is_empty() => dice.pick(&noticed).copied(),
        6 | 7 if !moved.is_empty() => dice.pick(&moved).copied(),
        5 if dice.chance(20) => dice.pick(&world.truth.leases),
        _ => dice.pick(&live).copied(),
    }
}

/// Whether a line of it has other units later than now.
fn has_moved(world: &World<'_>, lease: &Lease) -> bool {
    let of_line = |id| world.truth.rects.iter().filter(move |rect| rect.owner_id == id);
    let mut lines = lease.tranches.iter();
    lines.any(|line| {
        let mut first = of_line(line.id).map(|rect| (rect.from, rect.until));
        let one = first.next();
        first.any(|other| Some(other) != one)
    })
}

async fn extend(world: &mut World<'_>, dice: &mut Dice) {
    let Some(lease) = some_lease(world, dice) else { return book(world, dice).await };
    let key = world.scene.tenant(lease.tenant_id).key.clone();
    let body = json!({
        "ends_at": lease.ends_at + span(dice), "accept_other_units": dice.chance(60),
    });
    let path = format!("/v1/leases/{}/extend", LeaseId(lease.id));
    world.send("extend", &key, path, body).await;
}

async fn shrink(world: &mut World<'_>, dice: &mut Dice) {
    let Some(lease) = some_lease(world, dice) else { return book(world, dice).await };
    let now = world.now();
    let key = world.scene.tenant(lease.tenant_id).key.clone();
    let lines: Vec<_> = lease.tranches.iter().filter(|line| line.ends_at > now).collect();
    let Some(line) = dice.pick(&lines) else { return };
    let is_single = line.gpus == line.units;
    let units = if is_single && dice.chance(60) {
        1
    } else if dice.chance(20) {
        line.units
    } else {
        i32::try_from(dice.between(1, i64::from(line.units))).unwrap()
    };
    let mut body = json!({
        "tranche_id": TrancheId(line.id).to_string(), "gpus": units * (line.gpus / line.units),
    });
    let inside = (line.ends_at - line.starts_at.max(now)).num_seconds();
    match dice.below(10) {
        0..=3 => {}
        4 | 5 => {
            body["from"] = json!(line.ends_at - TimeDelta::seconds(dice.between(1, 3).min(inside)))
        }
        6 => body["from"] = json!(now + TimeDelta::seconds(dice.between(1, 3))),
        _ => {
            body["from"] =
                json!(line.starts_at.max(now) + TimeDelta::seconds(dice.between(0, inside.max(1))))
        }
    }
    let path = format!("/v1/leases/{}/shrink", LeaseId(lease.id));
    world.send("shrink", &key, path, body).await;
}

async fn quote_cancellation(world: &mut World<'_>, dice: &mut Dice) {
    let Some(lease) = some_lease(world, dice) else { return };
    let id = lease.id;
    let key = world.scene.tenant(lease.tenant_id).key.clone();
    let path = format!("/v1/leases/{}/cancellation-quote", LeaseId(id));
    let answer = world.send("quote a cancellation", &key, path, json!({})).await;
    if let Some(quote) = answer.body["id"].as_str().filter(|_| answer.status.is_success()) {
        world.cancellation_quotes.push((id, quote.to_owned()));
    }
}

/// Cancels or ends a lease, by a quote made before or just now, or without one.
async fn leave(world: &mut World<'_>, dice: &mut Dice) {
    let Some(lease) = some_lease(world, dice) else { return };
    let (id, tenant, has_begun) = (lease.id, lease.tenant_id, lease.status == "active");
    let key = world.scene.tenant(tenant).key.clone();
    let mut body = json!({ "reason": "done" });
    let old = world.cancellation_quotes.iter().find(|(lease, _)| *lease == id).cloned();
    match old {
        Some((_, quote)) => body["cancellation_quote_id"] = quote.into(),
        None if dice.chance(70) => {
            let path = format!("/v1/leases/{}/cancellation-quote", LeaseId(id));
            let answer = world.send("quote a cancellation", &key, path, json!({})).await;
            if answer.status.is_success() {
                body["cancellation_quote_id"] = answer.body["id"].clone();
            }
        }
        None => {}
    }
    world.cancellation_quotes.retain(|(lease, _)| *lease != id);
    let (name, act) =
        if has_begun == dice.chance(95) { ("end", "end") } else { ("cancel", "cancel") };
    world.send(name, &key, format!("/v1/leases/{}/{act}", LeaseId(id)), body).await;
}
