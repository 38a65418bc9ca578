//! What providers and staff do: supply, limits, and who may book.

use chrono::TimeDelta;
use leasehold::kernel::{BlockId, DeliveryId, OrganizationId, QuotaId, QuotaRequestId};
use serde_json::json;

use super::acts::{soon, span};
use super::dice::Dice;
use super::world::World;

// ── Supply ───────────────────────────────────────────────────────────────────────────────────────

pub async fn block(world: &mut World<'_>, dice: &mut Dice) {
    let provider = world.scene.provider.key.clone();
    if let Some(block) = dice.pick(&world.truth.blocks).filter(|_| dice.chance(60)) {
        let path = format!("/v1/blocks/{}/lift", BlockId(block.id));
        world.send("lift a block", &provider, path, json!({})).await;
        return;
    }
    let pool = dice.pick(&world.scene.pools).expect("there are pools").clone();
    let first = dice.between(0, i64::from(pool.units) - 1);
    let starts_at = soon(world.now(), dice);
    let mut body = json!({
        "kind": dice.one(&["maintenance", "own_use", "fault"]), "first_unit": first,
        "end_unit": (first + dice.between(1, 2)).min(i64::from(pool.units)),
        "starts_at": starts_at, "reason": "work",
    });
    if dice.chance(85) {
        body["ends_at"] = json!(starts_at + span(dice));
    }
    world.send("block", &provider, format!("/v1/pools/{}/blocks", pool.id), body).await;
}

pub async fn deliver(world: &mut World<'_>, dice: &mut Dice) {
    let provider = world.scene.provider.key.clone();
    let open: Vec<_> = world.truth.deliveries.iter().filter(|it| it.status != "accepted").collect();
    let late: Vec<_> =
        open.into_iter().filter(|it| it.pool_id == world.scene.pools[2].id.0).collect();
    let Some(delivery) = dice.pick(&late) else { return };
    let path = format!("/v1/deliveries/{}", DeliveryId(delivery.id));
    if dice.chance(3) {
        world.send("accept a delivery", &provider, format!("{path}/accept"), json!({})).await;
        return;
    }
    let now = world.now();
    let base = if dice.chance(60) { delivery.usable_from.max(now) } else { now };
    let hours = dice.one(&[-12, 1, 6, 24, 48, 96, 240]);
    let body =
        json!({ "usable_from": base + TimeDelta::hours(hours), "reason": "the ship is late" });
    world.send("reschedule a delivery", &provider, format!("{path}/reschedule"), body).await;
}

pub async fn pause(world: &mut World<'_>, dice: &mut Dice) {
    let provider = world.scene.provider.key.clone();
    let offer = dice.pick(&world.truth.offers).expect("there are offers").clone();
    let paused: Vec<_> =
        world.truth.offers.iter().filter(|offer| offer.state == "paused").collect();
    let offer = dice.pick(&paused).copied().cloned().unwrap_or(offer);
    if offer.state != "paused" && dice.chance(70) {
        return;
    }
    let (name, act) = match offer.state.as_str() {
        "paused" => ("publish an offer", "publish"),
        _ => ("pause an offer", "pause"),
    };
    let path = format!("/v1/offers/{}/{act}", leasehold::kernel::OfferId(offer.id));
    world.send(name, &provider, path, json!({})).await;
}

// ── Quotas, and who may book ─────────────────────────────────────────────────────────────────────

pub async fn limit(world: &mut World<'_>, dice: &mut Dice) {
    world.moves_limits = true;
    let admin = world.scene.admin.clone();
    if let Some(raise) = dice.pick(&world.truth.raises).filter(|_| dice.chance(50)) {
        let path = format!("/v1/quota-requests/{}/grant", QuotaRequestId(raise.id));
        world.send("grant a raise", &admin, path, json!({ "reason": "fine" })).await;
        return;
    }
    let of_organization = |it: &&super::truth::Quota| it.project_id.is_none();
    let quotas: Vec<_> = world.truth.quotas.iter().filter(of_organization).cloned().collect();
    let Some(quota) = dice.pick(&quotas).cloned() else { return };
    let id = QuotaId(quota.id);
    let (least, most) = match quota.dimension.as_str() {
        "concurrent_gpus" => (16, 64),
        "spend_per_month" => (5_000, 60_000),
        "gpu_hours_per_month" => (2_000, 20_000),
        _ => (1, 4),
    };
    let limit = dice.between(least, most).to_string();
    let key = world.scene.tenant(quota.organization_id).key.clone();
    let now = world.now();
    match dice.below(6) {
        0 | 1 => {
            let body = json!({
                "organization_id": OrganizationId(quota.organization_id).to_string(),
                "dimension": quota.dimension, "limit": limit, "reason": "changed",
            });
            world.send("set a quota", &admin, "/v1/quotas".to_owned(), body).await;
        }
        2 | 3 => {
            let starts_at = now + TimeDelta::hours(dice.between(0, 100));
            let body = json!({
                "limit": limit, "starts_at": starts_at, "ends_at": starts_at + span(dice),
                "reason": "a peak",
            });
            world.send("override a quota", &admin, format!("/v1/quotas/{id}/override"), body).await;
        }
        4 => {
            let body = json!({ "reason": "over" });
            world.send("restore a quota", &admin, format!("/v1/quotas/{id}/restore"), body).await;
        }
        _ => {
            let more = (most * 2).to_string();
            let body = json!({ "quota_id": id.to_string(), "limit": more, "reason": "we grow" });
            world.send("ask for a raise", &key, "/v1/quota-requests".to_owned(), body).await;
        }
    }
}

pub async fn suspend_party(world: &mut World<'_>, dice: &mut Dice) {
    let admin = world.scene.admin.clone();
    if let Some(party) = dice.pick(&world.truth.suspended) {
        let path = format!("/v1/organizations/{}/reinstate", OrganizationId(*party));
        world.send("reinstate a party", &admin, path, json!({ "reason": "cleared" })).await;
    } else if dice.chance(40) {
        let party = dice.below(4);
        let party = world.scene.tenants.get(party).unwrap_or(&world.scene.provider);
        let path = format!("/v1/organizations/{}/suspend", party.organization.id);
        world.send("suspend a party", &admin, path, json!({ "reason": "a complaint" })).await;
    }
}
