//! What a notice promises: when it takes effect, whose approval it needs, what it comes to, and that time
//! works in order, whether a server was up or not.

use chrono::{DateTime, TimeDelta, Utc};
use leasehold::kernel::Span;
use serde_json::{Value, json};

use crate::cases::{
    Case, amount, approved, because, breach, emergency, running_lease, says, served, suspended,
};
use crate::support::leases::Lease;
use crate::support::people::{Organization, User};
use crate::support::supply::recall;
use crate::support::{Market, id_of};

fn recalled() -> Value {
    json!({ "ground": "recall.callable", "action": "full", "reason": "we need it" })
}

/// A case on a recall that is approved and served.
async fn recall_served<'m>(market: &'m Market, lease: &Lease, body: Value) -> Case<'m> {
    let provider = lease.offer.provider();
    let case = Case::open(market, provider, lease, body).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    case
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap_or_else(|| panic!("no instant: {value}")).parse().unwrap()
}

fn codes(view: &Value) -> Vec<String> {
    let blocking = view["blocking"].as_array().unwrap().iter();
    blocking.map(|item| item["code"].as_str().unwrap().to_owned()).collect()
}

async fn staff_id(market: &Market, user: &User) -> String {
    let staff = market.as_(market.admin().await).get("/v1/staff").await.expect(200);
    let mut found = staff["items"].as_array().unwrap().iter();
    id_of(found.find(|member| member["email"] == user.email()).unwrap())
}

// ── When it takes effect ─────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn a_plan_rejected_after_the_deadline_lets_the_case_take_effect_then_and_not_before() {
    let market = Market::open().await;
    let mut clause = breach();
    clause["cure"] = json!("P20D");
    let lease = running_lease(&market, json!([clause])).await;
    let case = served(&market, &lease).await;
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    market.advance(Span::days(19)).await;
    case.done(&lease.tenant, "cure", json!({ "plan": "we stop it" })).await;
    market.advance(Span::days(6)).await;
    let rejected = case.done(lease.offer.provider(), "reject-cure", because("you did not")).await;
    let now = market.now();
    assert!((instant(&rejected["deadline"]) - now).abs() < TimeDelta::minutes(1), "{rejected}");
    market.run_due().await;
    let done = case.show(&lease.tenant).await;
    assert_eq!(done["state"], "settled", "{done}");
    assert_eq!(done["outcome"]["effective_at"], rejected["deadline"], "not five days before");
}

#[tokio::test]
async fn what_is_taken_for_a_time_ends_after_its_line_begins_or_it_is_refused() {
    let market = Market::open().await;
    let offer = market.offer().clauses(json!([recall("P1D")])).await;
    let lease = market.lease(&offer).gpus(16).hours(24 * 10, 24 * 30).await;
    let before = lease.show(&market).await;
    let provider = market.as_(offer.provider());
    let partial = |until: DateTime<Utc>| {
        json!({
            "ground": "recall.callable", "action": "partial", "units": 1, "until": until,
            "reason": "for a while",
        })
    };
    let open = async |body: Value| provider.post(lease.path("reclaim-cases"), body).await;
    let (early, start) = (market.now() + TimeDelta::days(5), instant(&lease.view["starts_at"]));
    for until in [early, start] {
        let refused = open(partial(until)).await.refused(422, "over_before_it_begins");
        assert_eq!(refused["begins_at"], json!(start));
        let mut suspend = partial(until);
        suspend["action"] = json!("suspend");
        suspend.as_object_mut().unwrap().remove("units");
        open(suspend).await.refused(422, "over_before_it_begins");
    }
    assert_eq!(lease.show(&market).await, before, "nothing of it has changed");

    // Served so late that it would be over before it begins, it is refused too.
    let case =
        Case::open(&market, offer.provider(), &lease, partial(start + TimeDelta::hours(1))).await;
    case.done(offer.provider(), "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    market.advance(Span::days(9)).await;
    case.act(offer.provider(), "serve", json!({})).await.refused(422, "over_before_it_begins");
}

#[tokio::test]
async fn a_case_with_an_instant_before_which_it_does_nothing_waits_for_it_however_soon_it_is_read()
{
    let market = Market::open().await;
    let lease = running_lease(&market, json!([recall("P1D")])).await;
    let not_before = market.now() + TimeDelta::days(5);
    let mut body = recalled();
    body["not_before"] = json!("2500-01-01T00:00:00Z");
    let provider = lease.offer.provider();
    let open = async |body: &Value| {
        market.as_(provider).post(lease.path("reclaim-cases"), body.clone()).await
    };
    open(&body).await.refused(422, "invalid_field");
    body["not_before"] = lease.view["ends_at"].clone();
    open(&body).await.refused(409, "notice_outlasts_lease");
    body["not_before"] = json!(not_before);
    let case = recall_served(&market, &lease, body).await;
    let read = case.done(&lease.tenant, "acknowledge", json!({})).await;
    assert_eq!((&read["not_before"], &read["deadline"]), (&json!(not_before), &json!(not_before)));
    let promised = read["money_preview"].clone();
    market.advance(Span::days(4)).await;
    assert_eq!(lease.show(&market).await["status"], "active");
    market.advance(Span::days(1)).await;
    let done = case.show(&lease.tenant).await;
    assert_eq!(done["state"], "settled", "{done}");
    assert_eq!(done["outcome"]["effective_at"], json!(not_before));
    assert_eq!(done["settlement"]["total"], promised["compensation"], "as promised");
}

#[tokio::test]
async fn a_plan_that_is_served_early_and_read_at_once_costs_what_was_planned() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([recall("P1D")])).await;
    let provider = market.as_(lease.offer.provider());
    let by = market.now() + TimeDelta::days(5);
    let wish = json!({
        "pool_id": lease.offer.pool.id, "gpus": 64, "by": by, "duration": "P2D",
    });
    let plan = provider.post("/v1/reclaim-plans", wish).await.expect(201);
    let path = format!("/v1/reclaim-plans/{}/cases", id_of(&plan));
    let drafted = provider.post(path, because("our own run")).await.expect(200);
    let case = drafted["carried_out"]["case_ids"][0].as_str().unwrap().to_owned();
    let case = Case { market: &market, id: case };
    case.done(lease.offer.provider(), "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(lease.offer.provider(), "serve", json!({})).await;
    let read = case.done(&lease.tenant, "acknowledge", json!({})).await;
    assert_eq!(read["deadline"], json!(by), "{read}");
    market.advance(Span::days(2)).await;
    assert_eq!(case.state().await, "noticed");
    market.advance_to(by + TimeDelta::seconds(1)).await;
    let done = case.show(&lease.tenant).await;
    assert_eq!(done["outcome"]["effective_at"], json!(by), "{done}");
    assert_eq!(done["settlement"]["total"], plan["compensation"]);
}

// ── Terms ────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn terms_with_an_appeal_that_is_longer_than_the_notice_are_refused() {
    let market = Market::open().await;
    let provider = market.provider().await;
    for stays in [true, false] {
        let mut clause = breach();
        clause["appeal"] = json!({ "window": "P21D", "stays": stays });
        let body = json!({ "name": "too long", "clauses": [clause] });
        let refused = market.as_(&provider).post("/v1/reclaim-terms", body).await;
        let refused = refused.refused(422, "unacceptable_terms");
        assert_eq!(refused["errors"][0]["field"], "clauses[0].appeal.window", "{refused}");
    }
    market.terms(&provider, json!([breach(), emergency()])).await;
}

// ── Suspensions ──────────────────────────────────────────────────────────────────────────────────

/// An emergency for which `by` has opened a suspension until `until`, with its evidence.
async fn drafted<'m>(
    market: &'m Market,
    by: impl AsRef<User>,
    lease: &Lease,
    ground: &str,
    until: DateTime<Utc>,
) -> Case<'m> {
    let by = by.as_ref();
    let body = json!({
        "ground": ground, "action": "suspend", "reason": "it attacks others", "until": until,
    });
    let case = Case::open(market, by, lease, body).await;
    let evidence = json!({
        "sha256": "ab".repeat(32), "source": "flow logs", "observed_at": market.now(),
    });
    case.done(by, "evidence", evidence).await;
    case
}

/// Two suspensions from the same instant of a lease of 64 GPUs, of 10 and of 20 hours, both ratified.
async fn two_suspensions<'m>(market: &'m Market) -> (Lease, Case<'m>, Case<'m>) {
    let offer = market.offer().clauses(json!([emergency()])).await;
    let lease = market.lease(&offer).gpus(64).hours(1, 24 * 60).await;
    market.advance(Span::hours(2)).await;
    let now = market.now();
    let lawyer = market.staff("legal").await;
    let mut cases = Vec::new();
    for hours in [10, 20] {
        let until = now + TimeDelta::hours(hours);
        let case = drafted(market, offer.provider(), &lease, "security.immediate", until).await;
        case.done(offer.provider(), "suspend-at-once", json!({})).await;
        case.done(&lawyer, "approve", json!({})).await;
        cases.push(case);
    }
    let second = cases.pop().unwrap();
    (lease, cases.pop().unwrap(), second)
}

#[tokio::test]
async fn time_of_two_suspensions_that_overlap_counts_once() {
    let market = Market::open().await;
    let (lease, first, second) = two_suspensions(&market).await;
    market.advance(Span::hours(10)).await;
    let settled = first.show(&lease.tenant).await;
    assert_eq!(settled["state"], "settled", "{settled}");
    assert!(lease.show(&market).await["suspended_until"].is_string(), "the longer one runs");
    market.advance(Span::hours(10)).await;
    let over = second.show(&lease.tenant).await;
    let total = amount(&settled["settlement"]["total"]) + amount(&over["settlement"]["total"]);
    // 20 hours of 64 GPUs at 2.50; a second or so passes while the cases are opened.
    assert!((3_199.0..=3_200.0).contains(&total), "{total}");
    assert_eq!(lease.show(&market).await["suspended_until"], Value::Null);
}

#[tokio::test]
async fn time_that_a_lifted_suspension_returns_is_not_paid_again_by_one_that_stands() {
    let market = Market::open().await;
    let (lease, first, second) = two_suspensions(&market).await;
    market.advance(Span::hours(5)).await;
    let lifted = second.done(lease.offer.provider(), "withdraw", because("an error")).await;
    assert_eq!(lifted["settlement"]["rule"], "returned", "{lifted}");
    let returned = amount(&lifted["settlement"]["total"]);
    assert!((799.0..=800.5).contains(&returned), "five hours: {returned}");
    market.advance(Span::hours(5)).await;
    let over = first.show(&lease.tenant).await;
    assert_eq!(over["state"], "settled");
    let total = returned + amount(&over["settlement"]["total"]);
    assert!((1_599.0..=1_600.0).contains(&total), "ten hours in all: {total}");
}

#[tokio::test]
async fn after_a_suspension_that_nobody_ratified_the_next_one_needs_approval_first() {
    let market = Market::open().await;
    let mut harm = emergency();
    harm["ground"] = json!("harm.imminent");
    harm["standard_ref"] = json!({ "uri": "https://example.org/harm", "sha256": "5e".repeat(32) });
    let lease = running_lease(&market, json!([emergency(), harm])).await;
    let provider = lease.offer.provider();
    let first = suspended(&market, &lease).await;
    market.advance(Span::hours(11)).await;
    first.done(provider, "withdraw", because("it is over")).await;

    // By somebody else of the provider, and on another ground, it is the same.
    let second: User = market.member(provider, "manager").await;
    let until = market.now() + TimeDelta::days(5);
    for (by, ground) in [(&second, "security.immediate"), (&second, "harm.imminent")] {
        let case = drafted(&market, by, &lease, ground, until).await;
        let refused = case.act(by, "suspend-at-once", json!({})).await;
        let refused = refused.refused(409, "approval_first");
        assert_eq!(refused["case_id"], json!(first.id));
        let shown = case.show(by).await;
        assert!(!shown["can"].as_array().unwrap().contains(&json!("suspend_at_once")), "{shown}");
        assert_eq!(lease.show(&market).await["suspended_until"], Value::Null);
        case.done(by, "withdraw", because("in order")).await;
    }

    // The way out: approved first, it is suspended at once and needs no ratification.
    let case = drafted(&market, &second, &lease, "security.immediate", until).await;
    case.done(&second, "submit", json!({})).await;
    case.act(&second, "suspend-at-once", json!({})).await.refused(409, "approvals_missing");
    case.done(market.staff("legal").await, "approve", json!({})).await;
    let done = case.done(&second, "suspend-at-once", json!({})).await;
    assert_eq!(done["state"], "executed", "{done}");
    let view = lease.show(&market).await;
    assert_eq!((&view["suspended_until"], &view["noticed"]), (&json!(until), &json!(false)));
    market.advance(Span::days(5)).await;
    let over = case.show(&lease.tenant).await;
    assert_eq!(over["state"], "settled", "{over}");
    assert!((amount(&over["settlement"]["total"]) - 4_800.0).abs() < 1.0, "five days of 16 GPUs");
}

#[tokio::test]
async fn nobody_ratifies_after_the_time_for_it_though_no_server_has_noted_it() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([emergency()])).await;
    let case = suspended(&market, &lease).await;
    let lawyer = market.staff("legal").await;
    let ratify_by = instant(&case.show(&lease.tenant).await["window"]["ratify_by"]);
    market.pass(ratify_by - market.now());
    let late = case.act(&lawyer, "approve", json!({})).await.refused(409, "out_of_time");
    assert_eq!(instant(&late["until"]), ratify_by);
    market.run_due().await;
    assert_eq!(case.state().await, "withdrawn");
}

#[tokio::test]
async fn nobody_appeals_or_decides_after_the_time_for_it_though_no_server_has_noted_it() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([breach()])).await;
    let case = served(&market, &lease).await;
    case.done(&lease.tenant, "appeal", says("it is not so")).await;
    let decide_by = instant(&case.show(&lease.tenant).await["appeal"]["decide_by"]);
    market.pass(decide_by - market.now());
    let verdict = json!({ "verdict": "dismiss", "reason": "it is" });
    let judge = market.staff("independent").await;
    case.act(&judge, "decide", verdict).await.refused(409, "out_of_time");
    market.run_due().await;
    assert_eq!(case.state().await, "overturned");

    let case = approved(&market, &lease).await;
    let opened_at = instant(&case.show(market.admin().await).await["created_at"]);
    market.pass(opened_at + TimeDelta::days(90) - market.now());
    case.act(lease.offer.provider(), "serve", json!({})).await.expect(409);
}

// ── Approvals ────────────────────────────────────────────────────────────────────────────────────

/// A case on a breach that is served and read, of which the legal approver then gets another role.
async fn without_its_lawyer<'m>(market: &'m Market, lease: &Lease) -> (Case<'m>, String) {
    let provider: &Organization = lease.offer.provider();
    let body = json!({ "ground": "breach.material", "action": "full", "reason": "so" });
    let case = Case::open(market, provider, lease, body).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    let lawyer = market.staff("legal").await;
    case.done(&lawyer, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    let path = format!("/v1/staff/{}/change-role", staff_id(market, &lawyer).await);
    let role = json!({ "role": "operations" });
    market.as_(market.admin().await).post(&path, role).await.expect(200);
    (case, path)
}

#[tokio::test]
async fn a_served_case_is_not_executed_without_its_approvals_and_takes_effect_when_they_are_there()
{
    let market = Market::open().await;
    let lease = running_lease(&market, json!([breach()])).await;
    let (case, _) = without_its_lawyer(&market, &lease).await;
    let shown = case.show(&lease.tenant).await;
    assert_eq!(codes(&shown), ["window_not_elapsed", "approvals_missing"]);
    market.advance(Span::days(20)).await;
    let waits = case.show(&lease.tenant).await;
    assert_eq!(
        (&waits["state"], codes(&waits)),
        (&json!("due"), vec!["approvals_missing".to_owned()])
    );
    assert_eq!(lease.show(&market).await["status"], "active");
    market.advance(Span::days(2)).await;
    assert_eq!(lease.show(&market).await["status"], "active");
    let second = market.staff("legal").await;
    let approved_at = market.now();
    case.done(&second, "approve", json!({})).await;
    market.run_due().await;
    let done = case.show(&lease.tenant).await;
    assert_eq!(done["state"], "settled", "{done}");
    let effective_at = instant(&done["outcome"]["effective_at"]);
    assert!(effective_at >= approved_at, "{effective_at} is before {approved_at}");
}

#[tokio::test]
async fn a_served_case_whose_approvals_nobody_gives_again_ends_by_itself() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([breach()])).await;
    let (case, _) = without_its_lawyer(&market, &lease).await;
    market.advance(Span::days(33)).await;
    assert_eq!(case.state().await, "due");
    market.advance(Span::days(1)).await;
    let over = case.show(&lease.tenant).await;
    assert_eq!(over["state"], "withdrawn", "{over}");
    let view = lease.show(&market).await;
    assert_eq!((&view["status"], &view["noticed"]), (&json!("active"), &json!(false)));
}

#[tokio::test]
async fn a_served_case_goes_on_when_its_approver_has_the_role_again() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([breach()])).await;
    let (case, path) = without_its_lawyer(&market, &lease).await;
    market.advance(Span::days(21)).await;
    assert_eq!(case.state().await, "due");
    let role = json!({ "role": "legal" });
    market.as_(market.admin().await).post(path, role).await.expect(200);
    let since = market.now();
    market.advance(Span::hours(1)).await;
    let done = case.show(&lease.tenant).await;
    assert_eq!(done["state"], "settled", "{done}");
    assert!(instant(&done["outcome"]["effective_at"]) >= since, "{done}");
}

// ── One lease, many who change it; and no server for a while ─────────────────────────────────────

#[tokio::test(flavor = "multi_thread")]
async fn opening_a_case_while_the_lease_changes_never_fails_for_a_reason_of_ours() {
    let market = Market::open().await;
    let offer = market.offer().clauses(json!([recall("P1D")])).await;
    let wide = market.lease(&offer).gpus(64).hours(1, 24 * 60).await;
    market.advance(Span::hours(2)).await;
    let provider = market.as_(offer.provider());
    let tenant = market.as_(&wide);
    let last = async || {
        let view = wide.show(&market).await;
        view["schedule"].as_array().unwrap().last().unwrap()["id"].clone()
    };
    let opening = async || {
        let mut opened = 0;
        for units in [7, 1, 6, 2, 5, 3, 4, 1, 2, 1, 3, 1] {
            let body = json!({
                "ground": "recall.callable", "action": "partial", "units": units, "reason": "so",
                "tranche_id": last().await,
            });
            let answer = provider.post(wide.path("reclaim-cases"), body).dry_run().await;
            let status = answer.status.as_u16();
            assert!(matches!(status, 201 | 409 | 412 | 422), "{status}: {}", answer.text);
            opened += u32::from(status == 201);
        }
        assert!(opened > 0, "some of them fit");
    };
    let changing = async {
        for _ in 0..6 {
            let less = json!({ "tranche_id": last().await, "gpus": 8 });
            let answer = tenant.post(wide.path("shrink"), less).await;
            assert!(answer.status.as_u16() < 500, "{}", answer.text);
        }
    };
    futures::join!(opening(), opening(), changing);
}

#[tokio::test]
async fn a_case_that_was_due_before_the_lease_ended_is_carried_out_first_however_late_a_server_is()
{
    let market = Market::open().await;
    let offer = market.offer().clauses(json!([recall("P1D")])).await;
    let lease = market.lease(&offer).gpus(64).hours(1, 72).await;
    market.advance(Span::hours(2)).await;
    let case = recall_served(&market, &lease, recalled()).await;
    let read = case.done(&lease.tenant, "acknowledge", json!({})).await;
    let promised = read["money_preview"].clone();
    market.pass(TimeDelta::days(30));
    market.run_due().await;
    market.run_due().await;
    let (over, done) = (lease.show(&market).await, case.show(&lease.tenant).await);
    assert_eq!((&over["status"], &done["state"]), (&json!("reclaimed"), &json!("settled")));
    assert_eq!(done["outcome"]["effective_at"], read["deadline"]);
    assert_eq!(done["settlement"]["total"], promised["compensation"]);
    // 25 hours of 64 GPUs at 2.50, and not 72.
    assert_eq!(over["price"], "4000.00");
}

#[tokio::test]
async fn a_lease_that_loses_a_part_while_no_server_was_up_ends_after_that_and_not_before() {
    let market = Market::open().await;
    let offer = market.offer().clauses(json!([recall("P1D")])).await;
    let lease = market.lease(&offer).gpus(64).hours(1, 72).await;
    market.advance(Span::hours(2)).await;
    let mut body = recalled();
    (body["action"], body["units"]) = (json!("partial"), json!(3));
    let case = recall_served(&market, &lease, body).await;
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    market.pass(TimeDelta::days(30));
    market.run_due().await;
    market.run_due().await;
    let (over, done) = (lease.show(&market).await, case.show(&lease.tenant).await);
    assert_eq!((&over["status"], &done["state"]), (&json!("ended"), &json!("settled")));
    // 72 hours of 64 GPUs at 2.50, less 47 hours of 24.
    assert_eq!(over["price"], "8700.00");
}

#[tokio::test]
async fn a_lease_whose_case_is_stayed_ends_by_itself() {
    let market = Market::open().await;
    let mut clause = recall("P1D");
    clause["appeal"] = json!({ "window": "P1D", "stays": true });
    let offer = market.offer().clauses(json!([clause])).await;
    let lease = market.lease(&offer).gpus(64).hours(1, 72).await;
    market.advance(Span::hours(2)).await;
    let case = recall_served(&market, &lease, recalled()).await;
    case.done(&lease.tenant, "appeal", says("it is not callable")).await;
    market.advance(Span::days(4)).await;
    let over = lease.show(&market).await;
    assert_eq!((&over["status"], &over["price"]), (&json!("ended"), &json!("11520.00")));
    market.advance(Span::days(14)).await;
    assert_eq!(case.state().await, "overturned");
}

#[tokio::test]
async fn what_is_taken_before_it_begins_never_begins_however_late_a_server_is() {
    let market = Market::open().await;
    let offer = market.offer().clauses(json!([recall("P1D")])).await;
    let lease = market.lease(&offer).gpus(64).hours(72, 200).await;
    let case = recall_served(&market, &lease, recalled()).await;
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    market.pass(TimeDelta::days(4));
    market.run_due().await;
    market.run_due().await;
    let (over, done) = (lease.show(&market).await, case.show(&lease.tenant).await);
    assert_eq!((&over["status"], &done["state"]), (&json!("reclaimed"), &json!("settled")));
    assert_eq!(over["price"], "0.00");
    let events = market.as_(&lease.tenant).get(lease.path("events")).await.expect(200);
    let started = |event: &Value| event["action"] == "lease.started";
    assert!(!events["items"].as_array().unwrap().iter().any(started), "{events}");
}

#[tokio::test]
async fn a_suspension_that_no_server_carried_out_before_the_lease_was_over_lapses() {
    let market = Market::open().await;
    let offer = market.offer().clauses(json!([recall("P1D")])).await;
    let lease = market.lease(&offer).gpus(64).hours(1, 24 * 30).await;
    market.advance(Span::hours(2)).await;
    let mut body = recalled();
    body["action"] = "suspend".into();
    body["until"] = json!(market.now() + TimeDelta::days(60));
    let case = recall_served(&market, &lease, body).await;
    market.pass(TimeDelta::days(31));
    market.run_due().await;
    market.run_due().await;
    let (over, done) = (lease.show(&market).await, case.show(&lease.tenant).await);
    assert_eq!(over["status"], "ended");
    assert_eq!(done["state"], "withdrawn", "{done}");
    assert!(done["settlement"].is_null(), "{done}");
}
