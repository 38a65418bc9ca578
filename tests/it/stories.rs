//! The stories that must work, told through the interface.

use chrono::TimeDelta;
use futures::future::join_all;
use leasehold::kernel::Span;
use serde_json::json;

use crate::support::{Market, START, booking, tranche};

/// Story 1. A provider lists a site of 27,500 units of 8 GPUs, 300 MW, that is delivered in three
/// steps within a month. One tenant books all of it in one request, as a ramp.
#[tokio::test]
async fn a_whole_site_is_booked_as_a_ramp() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let (site, _) = market
        .site()
        .of(&provider)
        .with("name", "Colossus")
        .with("country", "US")
        .with("power_mw", "300")
        .with("pue", "1")
        .with("stage", "commissioning")
        .await;
    let pool = market
        .pool()
        .of(&provider)
        .with("site_id", site)
        .undelivered()
        .units(27_500)
        .with("kw_per_unit", "10.909")
        .await;

    // A third of it in a week, another in two, the rest in four.
    let day = |days| market.now() + TimeDelta::days(days);
    let steps = [(0, 9_000, day(7)), (9_000, 18_000, day(14)), (18_000, 27_500, day(28))];
    let deliveries = format!("/v1/pools/{}/deliveries", pool.id);
    for (first, end, usable_from) in steps {
        let step = json!({ "first_unit": first, "end_unit": end, "usable_from": usable_from });
        market.as_(&provider).post(&deliveries, step).await.expect(201);
    }
    let offer = market.offer().on(&pool).rate("1.85").await;

    // Before a step is delivered, its units cannot be booked.
    let tenant = market.tenant().await;
    let too_soon = booking(&offer, 220_000, (day(14), day(365)));
    let refusal =
        market.as_(&tenant).post("/v1/leases", too_soon).await.refused(409, "not_enough_units");
    assert_eq!(refusal["shortfall"]["units_free"], 18_000);
    assert_eq!(refusal["shortfall"]["units_asked"], 27_500);

    // All of it, in one request, as it comes.
    let end = day(365);
    let ramp = json!({ "tranches": [
        tranche(&offer, 72_000, (day(7), end)),
        tranche(&offer, 72_000, (day(14), end)),
        tranche(&offer, 76_000, (day(28), end)),
    ]});
    let lease = market.as_(&tenant).post("/v1/leases", ramp).await.expect(201);
    let tranches = lease["schedule"].as_array().unwrap();
    let sizes: Vec<_> =
        tranches.iter().map(|line| (line["units"].clone(), line["gpus"].clone())).collect();
    assert_eq!(
        sizes,
        [
            (json!(9_000), json!(72_000)),
            (json!(9_000), json!(72_000)),
            (json!(9_500), json!(76_000))
        ]
    );
    let mw: f64 =
        tranches.iter().map(|line| line["mw"].as_str().unwrap().parse::<f64>().unwrap()).sum();
    assert!((299.9..=300.1).contains(&mw), "{mw} MW");

    // Nobody else can book a unit, at any time of it.
    let rival = market.tenant().await;
    for (from, until) in [(day(7), day(8)), (day(13), day(15)), (day(364), end)] {
        let wish = booking(&offer, 8, (from, until));
        let refusal =
            market.as_(&rival).post("/v1/leases", wish).await.refused(409, "not_enough_units");
        assert_eq!(refusal["shortfall"]["units_free"], 0);
    }
    // From the end on they can.
    let wish = booking(&offer, 8, (end, end + TimeDelta::days(1)));
    market.as_(&rival).post("/v1/leases", wish).await.expect(201);

    // The lease begins with its first step, and ends when the year is over.
    let path = format!("/v1/leases/{}", lease["id"].as_str().unwrap());
    let status = async || market.as_(&tenant).get(&path).await.expect(200)["status"].clone();
    assert_eq!(status().await, "scheduled");
    market.advance_to(day(7)).await;
    assert_eq!(status().await, "active");
    market.advance_to(end).await;
    assert_eq!(status().await, "ended");
}

/// Story 2. A lease carries `harm.confirmed`: two admins and a legal approver, evidence, a notice of
/// thirty days. The tenant answers and appeals, and the appeal fails. At the deadline the lease is taken
/// back, the refund is settled, and the log proves it.
#[tokio::test]
async fn the_harm_clause_is_used_by_the_book() {
    let market = Market::open().await;
    let harm = json!({
        "ground": "harm.confirmed",
        "standard_ref": {
            "uri": "https://example.org/harm-standard/2.1", "sha256": "5e".repeat(32),
        },
        "invocable_by": ["provider", "admin"],
        "action_max": "full",
        "notice": "P30D",
        "cure": "P10D",
        "approvals": { "admin": 2, "legal": 1 },
        "evidence_required": true,
        "appeal": { "window": "P14D", "stays": true },
        "compensation": { "prorata_refund": true },
    });
    let offer = market.offer().units(512).rate("2.00").clauses(json!([harm])).await;
    let provider = offer.provider();
    let lease = market.lease(&offer).gpus(4096).hours(24, 24 * 365).await;
    market.advance(Span::days(10)).await;

    // The lease carries the terms by their hash, and both sides can read them.
    let hash = lease.view["terms_hash"].as_str().unwrap();
    for side in [provider, &lease.tenant] {
        let read = market.as_(side).get(format!("/v1/reclaim-terms/{}", offer.terms)).await;
        assert_eq!(read.expect(200)["hash"], hash);
    }

    // The provider opens a case and brings evidence.
    let body = json!({
        "ground": "harm.confirmed", "action": "full",
        "reason": "the cluster trains a system that the standard forbids; see the report",
    });
    let case = market.as_(provider).post(lease.path("reclaim-cases"), body).await.expect(201);
    let path = |act: &str| format!("/v1/reclaim-cases/{}/{act}", case["id"].as_str().unwrap());
    let report = json!({
        "sha256": "c0".repeat(32), "source": "independent evaluator",
        "observed_at": market.now() - TimeDelta::days(2), "note": "evaluation report",
    });
    market.as_(provider).post(path("evidence"), report).await.expect(200);
    market.as_(provider).post(path("submit"), json!({})).await.expect(200);

    // Two admins and a lawyer, three people; nothing less will do.
    let (first, second) = (market.admin().await, market.staff("admin").await);
    let lawyer = market.staff("legal").await;
    market.as_(&first).post(path("approve"), json!({})).await.expect(200);
    market.as_(&first).post(path("approve"), json!({})).await.refused(409, "approved_already");
    market.as_(&second).post(path("approve"), json!({})).await.expect(200);
    market.as_(provider).post(path("serve"), json!({})).await.refused(409, "approvals_missing");
    let approved = market.as_(&lawyer).post(path("approve"), json!({})).await.expect(200);
    assert_eq!(approved["state"], "approved");

    // The notice is served: the tenant reads why, until when, and what it will get back.
    market.as_(provider).post(path("serve"), json!({})).await.expect(200);
    let served_at = market.now();
    let tenant = market.as_(&lease.tenant);
    let told = tenant.get("/v1/inbox").await.expect(200)["items"][0].clone();
    assert_eq!(told["kind"], "reclaim.served");
    let open = format!("/v1/inbox/{}/read", told["id"].as_str().unwrap());
    tenant.post(open, json!({})).await.expect(200);
    market.run_due().await;
    let seen = tenant.get(path("").trim_end_matches('/')).await.expect(200);
    assert_eq!(seen["deadline"], json!(served_at + TimeDelta::days(30)));
    assert_eq!(seen["evidence"][0]["sha256"], "c0".repeat(32));

    // It answers, and it appeals: nothing goes on until somebody who took no part has decided.
    let answer = json!({ "text": "the evaluation mixed us up with somebody else" });
    tenant.post(path("respond"), answer.clone()).await.expect(200);
    market.advance(Span::days(10)).await;
    let stayed = tenant.post(path("appeal"), answer).await.expect(200);
    assert_eq!(stayed["state"], "stayed");
    market.advance(Span::days(4)).await;
    let verdict = json!({ "verdict": "dismiss", "reason": "the evaluator has confirmed it" });
    market.as_(&second).post(path("decide"), verdict.clone()).await.refused(403, "took_part");
    let independent = market.staff("independent").await;
    market.as_(&independent).post(path("decide"), verdict).await.expect(200);
    // The four days that the appeal took are added.
    let deadline = served_at + TimeDelta::days(34);
    let seen = tenant.get(path("").trim_end_matches('/')).await.expect(200);
    assert_eq!((&seen["state"], &seen["deadline"]), (&json!("noticed"), &json!(deadline)));
    let refund = seen["money_preview"]["compensation"].clone();

    // During the notice the tenant keeps the use.
    market.advance(Span::days(19)).await;
    let during = lease.show(&market).await;
    assert_eq!((&during["status"], &during["gpus_now"]), (&json!("active"), &json!(4096)));
    assert_eq!(during["noticed"], true);

    // At the deadline the lease is taken back, and the rest of the price returned:
    // 4096 GPUs at 2.00 from the deadline to the end.
    market.advance(Span::days(1)).await;
    assert_eq!(lease.show(&market).await["status"], "reclaimed");
    let done = tenant.get(path("").trim_end_matches('/')).await.expect(200);
    assert_eq!(done["state"], "settled");
    assert_eq!(done["outcome"]["effective_at"], json!(deadline));
    let hours = 24 * (1 + 365) - 24 * (10 + 34);
    assert_eq!(refund, format!("{}.00", 4096 * 2 * hours));
    assert_eq!(done["settlement"]["total"], refund);
    assert_eq!(done["settlement"]["lines"][0]["gpu_hours"], (4096 * hours).to_string());
    let told: Vec<_> = done["timeline"].as_array().unwrap().iter().map(|e| &e["action"]).collect();
    assert_eq!(
        told,
        [
            "reclaim.served",
            "reclaim.read",
            "reclaim.responded",
            "reclaim.appealed",
            "reclaim.appeal_dismissed",
            "reclaim.due",
            "reclaim.executed",
            "reclaim.settled"
        ]
    );

    // The chain of events verifies.
    let report = market.as_(&first).post("/v1/audit/verify", json!({})).await.expect(200);
    assert_eq!(report["is_intact"], true, "{report}");
    assert!(report["records"].as_i64().unwrap() > 10, "{report}");
}

/// Story 2, the other end. The appeal is upheld, and nothing has changed.
#[tokio::test]
async fn the_harm_clause_is_used_wrongly_and_nothing_changes() {
    let market = Market::open().await;
    let harm = json!({
        "ground": "harm.confirmed",
        "standard_ref": {
            "uri": "https://example.org/harm-standard/2.1", "sha256": "5e".repeat(32),
        },
        "invocable_by": ["admin"], "action_max": "full", "notice": "P30D",
        "approvals": { "admin": 1, "legal": 1 }, "evidence_required": true,
        "appeal": { "window": "P14D", "stays": true },
        "compensation": { "prorata_refund": true },
    });
    let offer = market.offer().units(512).rate("2.00").clauses(json!([harm])).await;
    let lease = market.lease(&offer).gpus(4096).hours(24, 24 * 365).await;
    market.advance(Span::days(10)).await;
    let before = lease.show(&market).await;

    let (admin, second) = (market.admin().await, market.staff("admin").await);
    let lawyer = market.staff("legal").await;
    let body = json!({ "ground": "harm.confirmed", "action": "full", "reason": "see the report" });
    let case = market.as_(&admin).post(lease.path("reclaim-cases"), body).await.expect(201);
    let path = |act: &str| format!("/v1/reclaim-cases/{}/{act}", case["id"].as_str().unwrap());
    let report = json!({
        "sha256": "c0".repeat(32), "source": "evaluator", "observed_at": market.now(),
    });
    market.as_(&admin).post(path("evidence"), report).await.expect(200);
    market.as_(&admin).post(path("submit"), json!({})).await.expect(200);
    market.as_(&second).post(path("approve"), json!({})).await.expect(200);
    market.as_(&lawyer).post(path("approve"), json!({})).await.expect(200);
    market.as_(&admin).post(path("serve"), json!({})).await.expect(200);
    let tenant = market.as_(&lease.tenant);
    let appeal = json!({ "text": "it was another cluster" });
    tenant.post(path("appeal"), appeal).await.expect(200);
    let judge = market.staff("independent").await;
    let verdict = json!({ "verdict": "uphold", "reason": "it was another cluster" });
    let over = market.as_(&judge).post(path("decide"), verdict).await.expect(200);
    assert_eq!(over["state"], "overturned");
    assert_eq!(over["settlement"]["total"], "0.00");

    market.advance(Span::days(60)).await;
    let mut after = lease.show(&market).await;
    after["revision"] = before["revision"].clone(); // it was noticed, and is not any more
    assert_eq!(after, before);
    let report = market.as_(&admin).post("/v1/audit/verify", json!({})).await.expect(200);
    assert_eq!(report["is_intact"], true, "{report}");
}

/// Story 3. The provider needs 10,000 of 220,000 GPUs for six months under `recall.callable`: they are
/// kept for its own use as they are freed, the lease goes on with the rest, and has them again after.
#[tokio::test]
async fn a_part_of_a_huge_lease_is_recalled() {
    let market = Market::open().await;
    let callable = json!({
        "ground": "recall.callable", "invocable_by": ["provider"], "action_max": "partial",
        "notice": "P14D", "approvals": { "operations": 1 }, "partial_step": 50,
        "compensation": { "prorata_refund": true, "multiple": "0.25" },
    });
    let offer = market.offer().units(27_500).rate("1.85").clauses(json!([callable])).await;
    let provider = market.as_(offer.provider());
    let lease = market.lease(&offer).gpus(220_000).hours(24, 24 * 730).await;
    market.advance(Span::days(30)).await;

    let body = json!({
        "ground": "recall.callable", "action": "partial", "gpus": 10_000,
        "reason": "a training run of our own, for six months",
        "until": market.now() + TimeDelta::days(14 + 182),
        "reserve": { "organization_id": offer.provider().id, "lasting": "P182D" },
    });
    // Everything may not be taken under this clause, and a step of it is 50 units.
    let mut all = body.clone();
    all["action"] = "full".into();
    all.as_object_mut().unwrap().remove("gpus");
    all.as_object_mut().unwrap().remove("until");
    let reclaim = lease.path("reclaim-cases");
    provider.post(&reclaim, all).await.refused(422, "action_beyond_clause");
    let mut odd = body.clone();
    odd["gpus"] = 10_008.into();
    provider.post(&reclaim, odd).await.refused(422, "not_in_steps");

    // The plan: which units, when, and for how much.
    let plan = provider.post(&reclaim, body.clone()).dry_run().await.expect(201);
    let width = |units: &serde_json::Value| -> i64 {
        let ranges = units.as_array().unwrap().iter();
        ranges
            .map(|range| {
                range["end_unit"].as_i64().unwrap() - range["first_unit"].as_i64().unwrap()
            })
            .sum()
    };
    assert_eq!(width(&plan["units_to_go"]), 1_250);
    assert_eq!(plan["units_to_go"].as_array().unwrap().len(), 1, "neighbours: {plan}");

    let case = provider.post(&reclaim, body).await.expect(201);
    let path = |act: &str| format!("/v1/reclaim-cases/{}/{act}", case["id"].as_str().unwrap());
    provider.post(path("submit"), json!({})).await.expect(200);
    let operations = market.staff("operations").await;
    market.as_(operations).post(path("approve"), json!({})).await.expect(200);
    provider.post(path("serve"), json!({})).await.expect(200);
    let tenant = market.as_(&lease.tenant);
    let noticed = tenant.post(path("acknowledge"), json!({})).await.expect(200);
    market.advance(Span::days(14)).await;

    let goes_on = lease.show(&market).await;
    assert_eq!((&goes_on["status"], &goes_on["gpus_now"]), (&json!("active"), &json!(210_000)));
    let done = provider.get(path("").trim_end_matches('/')).await.expect(200);
    assert_eq!(done["outcome"]["units"], plan["units_to_go"], "as rehearsed");
    assert_eq!(done["outcome"]["compensation"], noticed["money_preview"]["compensation"]);

    assert_eq!(done["settlement"]["lines"][1]["kind"], "premium");

    // The units are the provider's own for half a year, and nobody could come in between.
    assert_eq!(done["outcome"]["reserved"]["by"], "blocks");
    let rival = market.tenant().await;
    let now = (market.now() + TimeDelta::hours(1), market.now() + TimeDelta::days(30));
    let refusal = market.as_(&rival).book(&offer, 8, now).await.refused(409, "not_enough_units");
    assert_eq!(refusal["shortfall"]["units_free"], 0);

    // When the time is over the lease has all of it again.
    market.advance(Span::days(182)).await;
    assert_eq!(lease.show(&market).await["gpus_now"], 220_000);
}

/// Story 4. A tenant's projects hold shares of what it leases; when the second tranche goes live their
/// limits rise without anybody acting.
#[tokio::test]
async fn limits_rise_when_capacity_goes_live() {
    let market = Market::open().await;
    let hall = market.offer().units(18_000).rate("1.85").await;
    let tenant = market.tenant().await;
    let (owner, day) = (market.as_(&tenant), |days| START + TimeDelta::days(days));
    let ramp = json!({ "tranches": [
        tranche(&hall, 72_000, (day(7), day(365))),
        tranche(&hall, 72_000, (day(14), day(365))),
    ]});
    owner.post("/v1/leases", ramp).await.expect(201);

    // The owner gives one team half of it, and another a quarter.
    let mut quotas = Vec::new();
    for share in ["0.5", "0.25"] {
        let project = market.project(&tenant).await;
        let body = json!({
            "project_id": project, "dimension": "concurrent_gpus", "share": share, "reason": "a team",
        });
        let quota = owner.post("/v1/quotas", body).await.expect(201);
        quotas.push((project, format!("/v1/quotas/{}", quota["id"].as_str().unwrap())));
    }
    let limits = async || {
        let mut limits = Vec::new();
        for (_, path) in &quotas {
            let quota = market.as_(&tenant).get(path).await.expect(200);
            limits.push(quota["standing"]["limit_now"].as_str().unwrap().to_owned());
        }
        limits
    };
    let cloud = market.offer().units(10_000).rate("2.10").await;
    let wish = |gpus: u32| {
        let mut wish = booking(&cloud, gpus, market.window(24, 24));
        wish["project_id"] = quotas[0].0.clone().into();
        wish
    };
    assert_eq!(limits().await, ["0", "0"]);
    market.advance_to(day(8)).await;
    assert_eq!(limits().await, ["36000", "18000"]);
    let refusal = market.as_(&tenant).post("/v1/leases", wish(40_000)).await;
    let refusal = refusal.refused(409, "quota_exceeded");
    assert_eq!(refusal["quotas"][0]["limit"], "36000");

    // The second tranche goes live. Nobody does anything.
    market.advance_to(day(15)).await;
    assert_eq!(limits().await, ["72000", "36000"]);
    market.as_(&tenant).post("/v1/leases", wish(40_000)).await.expect(201);
    market.as_(&tenant).post("/v1/leases", wish(40_000)).await.refused(409, "quota_exceeded");
}

/// Story 10. The second delivery slips: the leases that rely on it turn `delayed`, credit accrues, and
/// the tenant may cancel free of charge.
#[tokio::test]
async fn a_late_delivery_earns_credit_and_sets_the_tenant_free() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let day = |days| START + TimeDelta::days(days);
    let pool = market.pool().of(&provider).undelivered().units(24).await;
    let deliveries = format!("/v1/pools/{}/deliveries", pool.id);
    let mut second = String::new();
    for (first, end, usable_from) in [(0, 8, day(1)), (8, 24, day(14))] {
        let step = json!({ "first_unit": first, "end_unit": end, "usable_from": usable_from });
        let made = market.as_(&provider).post(&deliveries, step).await.expect(201);
        second = made["id"].as_str().unwrap().to_owned();
    }
    let clause = json!({
        "ground": "non_delivery", "invocable_by": ["tenant"], "action_max": "full",
        "notice": "PT0S", "approvals": {},
        "compensation": { "prorata_refund": true, "multiple": "0.5" },
    });
    let offer = market.offer().on(&pool).rate("2.00").clauses(json!([clause])).await;
    let lab = market.tenant().await;
    let ramp = json!({ "tranches": [
        tranche(&offer, 64, (day(1), day(60))),
        tranche(&offer, 64, (day(14), day(60))),
    ]});
    let ramp = market.as_(&lab).post("/v1/leases", ramp).await.expect(201);
    let studio = market.lease(&offer).gpus(64).during((day(14), day(30))).await;
    market.advance_to(day(10)).await;

    // The provider puts the second delivery off, though it is leased.
    let slip = json!({ "usable_from": day(20), "reason": "the transformers are late" });
    let path = format!("/v1/deliveries/{second}/reschedule");
    let slipped = market.as_(&provider).post(path, slip).await.expect(200);
    assert_eq!(slipped["status"], "late");
    market.run_due().await;
    let path = format!("/v1/leases/{}", ramp["id"].as_str().unwrap());
    let shown = market.as_(&lab).get(&path).await.expect(200);
    assert_eq!((&shown["status"], &shown["delayed_until"]), (&json!("active"), &json!(day(20))));
    assert_eq!(studio.show(&market).await["delayed_until"], json!(day(20)));

    // Nobody books what is not there.
    let rival = market.tenant().await;
    let wish = (day(15), day(18));
    market.as_(&rival).book(&offer, 8, wish).await.refused(409, "not_enough_units");

    // The studio does not wait: it leaves, and owes nothing. What it leaves is not there either.
    let left =
        market.as_(&studio.tenant).post(studio.path("cancel"), json!({ "reason": "too late" }));
    let left = left.await.expect(200);
    assert_eq!((&left["status"], &left["price"]), (&json!("cancelled"), &json!("0.00")));
    market.as_(&rival).book(&offer, 8, wish).await.refused(409, "not_enough_units");
    market.as_(&rival).book(&offer, 64, (day(20), day(30))).await.expect(201);

    // The lab waits. Six days of 64 GPUs at 2.00 are not owed, and the clause puts half of that on top.
    market.advance_to(day(16)).await;
    let delays = format!("{path}/delays");
    let so_far = market.as_(&lab).get(&delays).await.expect(200);
    let price = |days: u32| format!("{}.00", days * 24 * 64 * 2);
    let delay = &so_far["items"][0];
    assert_eq!((&delay["gpus"], &delay["price"]), (&json!(64), &json!(price(2))));
    assert_eq!((&delay["credit"], &delay["ended_at"]), (&json!(null), &json!(null)));
    market.advance_to(day(21)).await;
    let done = market.as_(&lab).get(&delays).await.expect(200);
    let delay = &done["items"][0];
    assert_eq!(delay["ended_at"], json!(day(20)));
    assert_eq!((&delay["price"], &delay["credit"]), (&json!(price(6)), &json!(price(9))));
    let shown = market.as_(&lab).get(&path).await.expect(200);
    assert_eq!((&shown["status"], &shown["delayed_until"]), (&json!("active"), &json!(null)));
    let events = market.as_(&lab).get(format!("{path}/events")).await.expect(200);
    let acts: Vec<&str> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .filter(|action| action.starts_with("lease.delay"))
        .collect();
    assert_eq!(acts, ["lease.delayed", "lease.delay_ended"]);
}

/// Story 8. A provider leases to a competitor: it sees the lease, and nothing of the tenant's projects
/// or people. It can also close an offer to named organizations.
#[tokio::test]
async fn a_provider_sees_a_rivals_lease_and_nothing_behind_it() {
    let market = Market::open().await;
    let rival = market.verified(&["provider", "tenant"]).await;
    let project = market.project(&rival).await;
    let person = market.member(&rival, "manager").await;
    let offer = market.offer().await;
    let body = {
        let mut body = booking(&offer, 8, market.window(24, 240));
        body["project_id"] = project.clone().into();
        body
    };
    let booked = market.as_(&person).post("/v1/leases", body).await.expect(201);
    assert_eq!(booked["project_id"], project);

    // The lease is there for both; the project and the person only for the tenant.
    let path = format!("/v1/leases/{}", booked["id"].as_str().unwrap());
    let me = market.as_(&person).get("/v1/me").await.expect(200);
    let as_provider = market.as_(offer.provider());
    for look in [path.clone(), format!("{path}/events"), "/v1/leases".to_owned()] {
        let seen = as_provider.get(&look).await;
        assert!(seen.status.is_success(), "{}", seen.text);
        assert!(seen.text.contains(booked["id"].as_str().unwrap()), "{look}: {}", seen.text);
        for secret in [project.as_str(), me["id"].as_str().unwrap(), person.email()] {
            assert!(!seen.text.contains(secret), "{look} gives {secret} away: {}", seen.text);
        }
    }
    for hidden in ["projects", "members", "api-keys"] {
        let path = format!("/v1/organizations/{}/{hidden}", rival.id);
        as_provider.get(path).await.refused(404, "not_found");
    }

    // An offer for named organizations is not there for anybody else.
    let friend = market.tenant().await;
    let closed = market.offer().on(&offer.pool).audience(&[&friend]).await;
    let wish = booking(&closed, 8, market.window(24, 24));
    market.as_(&rival).post("/v1/leases", wish.clone()).await.refused(404, "not_found");
    let look = format!("/v1/offers/{}", closed.id);
    market.as_(&rival).get(&look).await.refused(404, "not_found");
    market.as_(&friend).get(&look).await.expect(200);
    let search = json!({
        "gpus": 8, "duration": "PT24H", "earliest": market.now() + TimeDelta::hours(1),
        "latest": market.now() + TimeDelta::days(30),
    });
    let found = market.as_(&rival).post("/v1/search", search.clone()).await;
    assert!(!found.text.contains(&closed.id), "{}", found.text);
    let found = market.as_(&friend).post("/v1/search", search).await;
    assert!(found.text.contains(&closed.id), "{}", found.text);
    market.as_(&friend).post("/v1/leases", wish).await.expect(201);
}

/// Story 9. 64 tenants book the last unit at once: one lease, 63 refusals with alternatives.
#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_tenants_race_for_the_last_unit() {
    let market = Market::open().await;
    let offer = market.offer().units(2).await;
    let elsewhere = market.offer().units(64).rate("3.00").await;
    market.lease(&offer).hours(24, 48).await;
    let tenants = join_all((0..64).map(|_| market.tenant())).await;
    let window = market.window(24, 48);
    for tenant in &tenants {
        market.as_(tenant).get("/v1/me").await.expect(200);
    }
    let (market_, offer_) = (&market, &offer);
    let answers = join_all(
        tenants
            .iter()
            .map(|tenant| async move { market_.as_(tenant).book(offer_, 8, window).await }),
    )
    .await;
    let (won, lost): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status.as_u16() == 201);
    assert_eq!((won.len(), lost.len()), (1, 63));
    for answer in lost {
        let refusal = answer.refused(409, "not_enough_units");
        let kinds: Vec<&str> = refusal["alternatives"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alternative| alternative["kind"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["earliest_start", "other_pool"], "{refusal}");
        let alternatives = &refusal["alternatives"];
        assert_eq!(alternatives[0]["starts_at"], json!(window.1), "{refusal}");
        assert_eq!(alternatives[1]["offer_id"], elsewhere.id.as_str(), "{refusal}");
    }
    market.advance(Span::hours(24)).await;
}
