//! What is taken back and given back: cases, offers of units, plans.

use chrono::TimeDelta;
use leasehold::kernel::{LeaseId, ReclaimCaseId, TrancheId, VolunteerId};
use serde_json::{Value, json};
use sqlx::types::Uuid;

use super::acts::{WITHDRAWN, some_lease};
use super::dice::Dice;
use super::truth::{At, Case, Tranche};
use super::world::World;
use crate::support::User;

/// Opens a case or goes on with one.
pub async fn take_back(world: &mut World<'_>, dice: &mut Dice) {
    let goes_on = |case: &&Case| {
        let is_live = world.truth.lease(case.lease_id).is_some_and(|lease| lease.is_live());
        case.wakes_at.is_some() && (is_live || case.served_at.is_some())
    };
    let open: Vec<Case> = world.truth.cases.iter().filter(goes_on).cloned().collect();
    match dice.pick(&open).filter(|_| dice.chance(80)) {
        Some(case) => go_on(world, dice, case).await,
        None => open_case(world, dice).await,
    }
}

async fn open_case(world: &mut World<'_>, dice: &mut Dice) {
    let Some(lease) = some_lease(world, dice) else { return };
    let now = world.now();
    let ground = dice.weighed(&[
        (6, "recall.callable"),
        (2, "aup.violation"),
        (1, "breach.material"),
        (3, "security.immediate"),
    ]);
    let action = match ground {
        "security.immediate" => "suspend",
        _ => dice.weighed(&[(1, "warn"), (2, "suspend"), (6, "partial"), (3, "full")]),
    };
    let mut body = json!({ "ground": ground, "action": action, "reason": "it is needed" });
    let lines: Vec<_> = lease.tranches.iter().filter(|line| line.ends_at > now).collect();
    if let Some(line) = dice.pick(&lines).filter(|_| action == "partial") {
        body["tranche_id"] = TrancheId(line.id).to_string().into();
        body["units"] = dice.between(1, i64::from(line.units)).into();
        if dice.chance(40) {
            body["until"] = json!(until(line.starts_at.max(now), line.ends_at, dice));
        }
    }
    if action == "suspend" {
        let hours = dice.one(&[1, 10, 20, 60, 100, 240]);
        let notice = if ground == "security.immediate" { 0 } else { 48 };
        body["until"] = json!(now + TimeDelta::hours(notice + hours));
    }
    if matches!(action, "partial" | "full") && dice.chance(40) {
        let for_whom = dice.below(4);
        let party = world.scene.tenants.get(for_whom).unwrap_or(&world.scene.provider);
        body["reserve"] = json!({
            "organization_id": party.organization.id, "lasting": dice.one(&["PT1H", "P1D", "P5D"]),
        });
    }
    let path = format!("/v1/leases/{}/reclaim-cases", LeaseId(lease.id));
    let (tenant, schedule) = (lease.tenant_id, lease.tranches.clone());
    let provider = world.scene.provider.organization.owner.clone();
    let answer = world.send("open a case", &provider, path, body).await;
    if answer.status.is_success() && ground != "security.immediate" && dice.chance(50) {
        let id = answer.body["id"].as_str().expect("an id").to_owned();
        swiftly(world, dice, &id, ground, tenant, schedule).await;
    }
}

/// Serves a case in the instant in which it was opened; mostly the tenant reads it at once.
async fn swiftly(
    world: &mut World<'_>,
    dice: &mut Dice,
    id: &str,
    ground: &str,
    tenant: Uuid,
    schedule: Vec<Tranche>,
) {
    let scene = &world.scene;
    let provider = scene.provider.organization.owner.clone();
    let (admin, legal) = (scene.admin.clone(), scene.legal.clone());
    let tenant = scene.tenant(tenant).organization.owner.clone();
    let mut acts = vec![("submit", &provider)];
    if ground != "aup.violation" {
        acts.push(("approve", &admin));
    }
    if ground != "recall.callable" {
        acts.push(("approve", &legal));
    }
    acts.push(("serve", &provider));
    if dice.chance(70) {
        acts.push(("acknowledge", &tenant));
    }
    for (act, who) in acts {
        let path = format!("/v1/reclaim-cases/{id}/{act}");
        if !world.send(act, who, path, json!({})).await.status.is_success() {
            return;
        }
        if act == "serve" {
            world.served.insert(world.market.uuid(id), schedule.clone());
        }
    }
}

/// When units return: soon after the earliest execution, or at any time of the line.
fn until(from: At, ends_at: At, dice: &mut Dice) -> At {
    if dice.chance(50) {
        return from + TimeDelta::hours(24) + TimeDelta::seconds(dice.between(1, 5));
    }
    let inside = (ends_at - from).num_seconds().max(2);
    from + TimeDelta::seconds(dice.between(1, inside))
}

/// Does what comes next with a case, mostly; sometimes anything.
async fn go_on(world: &mut World<'_>, dice: &mut Dice, case: &Case) {
    let is_emergency = case.ground == "security.immediate";
    let has_appeal = case.progress["notice"]["appeal"].is_object()
        && case.progress["notice"]["appeal"]["dismissed"].is_null();
    let mut act = match case.state.as_str() {
        "draft" if is_emergency => dice.one(&["suspend-at-once", "suspend-at-once", "submit"]),
        "draft" => dice.one(&["submit", "submit", "submit", "withdraw", "evidence"]),
        "submitted" => dice.weighed(&[(9, "approve"), (1, "refuse")]),
        "approved" => dice.weighed(&[(9, "serve"), (1, "withdraw")]),
        "suspended" => dice.one(&["approve", "approve", "withdraw", "appeal"]),
        "noticed" if case.clause["cure"].is_string() => {
            dice.one(&["cure", "cure", "appeal", "acknowledge", "withdraw"])
        }
        "noticed" if case.clause["appeal"].is_object() && !has_appeal => {
            dice.one(&["appeal", "appeal", "acknowledge", "respond"])
        }
        "noticed" => dice.weighed(&[(6, "acknowledge"), (2, "respond"), (1, "withdraw")]),
        "curing" => dice.one(&["accept-cure", "reject-cure", "appeal"]),
        "stayed" => "decide",
        _ if has_appeal => "decide",
        _ => dice.one(&["appeal", "withdraw"]),
    };
    if dice.chance(6) {
        act = dice.one(&[
            "submit",
            "approve",
            "serve",
            "appeal",
            "cure",
            "withdraw",
            "refuse",
            "decide",
            "acknowledge",
            "suspend-at-once",
            "accept-cure",
        ]);
    }
    let Some(lease) = world.truth.lease(case.lease_id) else { return };
    let schedule = lease.tranches.clone();
    let who = who(world, dice, act, lease.tenant_id, case);
    let path = format!("/v1/reclaim-cases/{}/{act}", ReclaimCaseId(case.id));
    let answer = world.send(act, &who, path, body(act, world.now(), dice)).await;
    let is_served = matches!(act, "serve" | "suspend-at-once") && answer.status.is_success();
    if is_served {
        world.served.insert(case.id, schedule);
    }
}

fn who(world: &World<'_>, dice: &mut Dice, act: &str, tenant: Uuid, case: &Case) -> User {
    let scene = &world.scene;
    match act {
        "approve" | "refuse" => match case.ground.as_str() {
            "recall.callable" => scene.admin.clone(),
            "breach.material" => dice.pick(&[&scene.admin, &scene.legal]).copied().unwrap().clone(),
            _ => scene.legal.clone(),
        },
        "acknowledge" | "respond" | "cure" | "appeal" => {
            scene.tenant(tenant).organization.owner.clone()
        }
        "decide" => scene.judge.clone(),
        _ => scene.provider.organization.owner.clone(),
    }
}

fn body(act: &str, now: At, dice: &mut Dice) -> Value {
    match act {
        "evidence" => json!({ "sha256": "ab".repeat(32), "source": "logs", "observed_at": now }),
        "respond" | "appeal" => json!({ "text": "that is not so" }),
        "cure" if dice.chance(50) => {
            json!({ "plan": "we stop", "done_by": now + TimeDelta::hours(20) })
        }
        "cure" => json!({ "plan": "we stop" }),
        "refuse" | "accept-cure" | "reject-cure" => json!({ "reason": "so it is" }),
        "withdraw" => json!({ "reason": WITHDRAWN }),
        "decide" => json!({ "verdict": dice.one(&["uphold", "dismiss"]), "reason": "looked at" }),
        _ => json!({}),
    }
}

// ── What tenants offer ───────────────────────────────────────────────────────────────────────────

pub async fn volunteer(world: &mut World<'_>, dice: &mut Dice) {
    if let Some(offer) = dice.pick(&world.truth.volunteers).filter(|_| dice.chance(15)) {
        let tenant = world.truth.lease(offer.lease_id).map(|lease| lease.tenant_id);
        let Some(tenant) = tenant else { return };
        let key = world.scene.tenant(tenant).key.clone();
        let path = format!("/v1/reclaim-volunteers/{}/withdraw", VolunteerId(offer.id));
        world.send("withdraw an offer", &key, path, json!({})).await;
        return;
    }
    let Some(lease) = some_lease(world, dice) else { return };
    let now = world.now();
    let lines: Vec<_> = lease.tranches.iter().filter(|line| line.ends_at > now).collect();
    let Some(line) = dice.pick(&lines) else { return };
    let key = world.scene.tenant(lease.tenant_id).key.clone();
    let body = json!({
        "tranche_id": TrancheId(line.id).to_string(), "units": dice.between(1, i64::from(line.units)),
        "premium_per_gpu_hour": dice.one(&["0", "0.10", "0.333"]),
        "notice": dice.one(&["PT0S", "PT6H"]),
    });
    let path = format!("/v1/leases/{}/volunteer", LeaseId(lease.id));
    world.send("volunteer", &key, path, body).await;
}

// ── Plans ────────────────────────────────────────────────────────────────────────────────────────

/// Makes a plan, or carries out one that was made.
pub async fn plan(world: &mut World<'_>, dice: &mut Dice) {
    let provider = world.scene.provider.organization.owner.clone();
    if let Some(plan) = world.plans.pop_if(|_| dice.chance(60)) {
        carry_out(world, &provider, plan).await;
        return;
    }
    let pool = dice.pick(&world.scene.pools).expect("there are pools").clone();
    let some = i32::try_from(dice.between(1, i64::from(pool.units))).unwrap();
    let units = dice.one(&[some, pool.units - 1, pool.units]);
    let by = world.now() + TimeDelta::hours(dice.one(&[1, 7, 30, 60, 80]));
    let body = json!({
        "pool_id": pool.id.to_string(),
        "gpus": i64::from(units * pool.gpus_per_unit),
        "by": by, "duration": dice.one(&["PT5H", "P2D", "P10D"]), "approval_time": "PT1H",
        "grounds": ["recall.callable"],
    });
    let answer = world.send("plan", &provider, "/v1/reclaim-plans".to_owned(), body).await;
    let has_cuts = answer.body["cuts"].as_array().is_some_and(|cuts| !cuts.is_empty());
    if let Some(id) = answer.body["id"].as_str().filter(|_| has_cuts) {
        let id = id.to_owned();
        if dice.chance(70) {
            carry_out(world, &provider, id).await;
        } else {
            world.plans.push(id);
        }
    }
}

async fn carry_out(world: &mut World<'_>, provider: &User, plan: String) {
    let body = json!({ "reason": "a large job" });
    world.send("carry a plan out", provider, format!("/v1/reclaim-plans/{plan}/cases"), body).await;
}
