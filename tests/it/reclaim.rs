//! Reclaim cases through the interface: the path, and what is refused on it.

use chrono::TimeDelta;
use leasehold::audit;
use leasehold::kernel::Span;
use serde_json::{Value, json};

use crate::support::leases::Lease;
use crate::support::people::{Organization, User};
use crate::support::supply::recall;
use crate::support::{Answer, Market};

/// A case that somebody opened.
struct Case<'m> {
    market: &'m Market,
    id: String,
}

impl<'m> Case<'m> {
    async fn open(market: &'m Market, by: impl AsRef<User>, lease: &Lease, body: Value) -> Self {
        let opened = market.as_(by).post(lease.path("reclaim-cases"), body).await.expect(201);
        Case { market, id: opened["id"].as_str().unwrap().to_owned() }
    }

    async fn act(&self, by: impl AsRef<User>, act: &str, body: Value) -> Answer {
        self.market.as_(by).post(format!("/v1/reclaim-cases/{}/{act}", self.id), body).await
    }

    async fn done(&self, by: impl AsRef<User>, act: &str) -> Value {
        self.act(by, act, json!({})).await.expect(200)
    }

    async fn show(&self, to: impl AsRef<User>) -> Answer {
        self.market.as_(to).get(format!("/v1/reclaim-cases/{}", self.id)).await
    }
}

fn full() -> Value {
    json!({ "ground": "recall.callable", "action": "full", "reason": "we need it back" })
}

fn partial(units: u32) -> Value {
    json!({ "ground": "recall.callable", "action": "partial", "units": units, "reason": "some" })
}

/// Ten days of `units` units of a new offer under `clauses`, running for an hour already.
async fn running_lease(market: &Market, units: u32, clauses: Value) -> Lease {
    let offer = market.offer().clauses(clauses).await;
    let lease = market.lease(&offer).gpus(units * 8).hours(1, 240).await;
    market.advance(Span::hours(2)).await;
    lease
}

/// A case under `body` that is approved by staff, served by the provider, and read by the tenant at once.
async fn served<'m>(market: &'m Market, lease: &Lease, body: Value) -> Case<'m> {
    let provider = lease.offer.provider();
    let case = Case::open(market, provider, lease, body).await;
    case.done(provider, "submit").await;
    case.done(market.admin().await, "approve").await;
    case.done(provider, "serve").await;
    case.done(&lease.tenant, "acknowledge").await;
    case
}

fn amount(value: &Value) -> f64 {
    value.as_str().unwrap_or_else(|| panic!("no amount: {value}")).parse().unwrap()
}

#[tokio::test]
async fn a_recall_takes_the_lease_back_at_its_deadline_and_not_before() {
    let market = Market::open().await;
    let lease = running_lease(&market, 2, json!([recall("P1D")])).await;
    let (provider, tenant) = (lease.offer.provider(), &lease.tenant);

    let opened = market.as_(provider).post(lease.path("reclaim-cases"), full()).await.expect(201);
    assert_eq!(opened["state"], "draft");
    assert_eq!(opened["units_to_go"][0]["end_unit"], 2, "{opened}");
    assert_eq!(opened["clause_in_words"], "can be recalled with 1 day's notice");
    let case = Case { market: &market, id: opened["id"].as_str().unwrap().to_owned() };

    // The tenant learns of it when it is served.
    case.show(tenant).await.refused(404, "not_found");
    let codes = |view: &Value| -> Vec<String> {
        let blocking = view["blocking"].as_array().unwrap().iter();
        blocking.map(|item| item["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(&opened), ["case_not_submitted", "approvals_missing", "notice_not_served"]);
    case.done(provider, "submit").await;
    let approved = case.done(market.admin().await, "approve").await;
    assert_eq!(approved["state"], "approved");
    assert_eq!(codes(&approved), ["notice_not_served"]);
    market.advance(Span::days(1)).await;
    assert_eq!(lease.show(&market).await["status"], "active", "nothing happens without notice");
    case.show(tenant).await.refused(404, "not_found");

    // Unread, the deadline is the latest possible; the window begins with the first reading.
    let noticed = case.done(provider, "serve").await;
    assert_eq!(noticed["deadline"], json!(market.now() + TimeDelta::days(2)));
    let read = case.done(tenant, "acknowledge").await;
    let deadline = market.now() + TimeDelta::days(1);
    assert_eq!((&read["deadline"], &read["read_at"]), (&json!(deadline), &json!(market.now())));
    assert_eq!(codes(&noticed), ["window_not_elapsed"]);
    let seen = case.show(tenant).await.expect(200);
    assert_eq!(seen["reason"], "we need it back");
    assert_eq!(seen["can"], json!(["evidence", "acknowledge", "respond"]));
    assert_eq!(lease.show(&market).await["noticed"], true);

    market.advance(Span::hours(23)).await;
    assert_eq!(lease.show(&market).await["status"], "active");
    let preview = case.show(tenant).await.expect(200)["money_preview"].clone();
    market.advance(Span::hours(1)).await;
    let ended = lease.show(&market).await;
    assert_eq!((&ended["status"], &ended["noticed"]), (&json!("reclaimed"), &json!(false)));
    let executed = case.show(tenant).await.expect(200);
    assert_eq!(executed["state"], "settled");
    let outcome = &executed["outcome"];
    for member in ["effective_at", "unused", "compensation"] {
        assert_eq!(outcome[member], preview[member], "as previewed: {executed}");
    }
    // 240 hours were booked; the deadline came 49 hours after the start, less the hour of lead.
    let hours = 240.0 - (TimeDelta::hours(2 + 24 + 24 - 1).num_hours() as f64);
    assert_eq!(amount(&outcome["unused"]), 2.5 * 16.0 * hours);
    assert!((amount(&outcome["compensation"]) - 1.1 * amount(&outcome["unused"])).abs() < 0.01);
    assert_eq!(outcome["gpus"], 16);

    // The money is worked out line by line, and the premium has its own.
    let settlement = &executed["settlement"];
    assert_eq!(settlement["total"], outcome["compensation"]);
    let kinds: Vec<_> =
        settlement["lines"].as_array().unwrap().iter().map(|line| &line["kind"]).collect();
    assert_eq!(kinds, ["refund", "premium"]);
    let listed = market.as_(tenant).get("/v1/reclaim-settlements").await.expect(200);
    assert_eq!(listed["items"], json!([settlement]));
    let outsider = market.tenant().await;
    let others = market.as_(&outsider).get("/v1/reclaim-settlements").await.expect(200);
    assert_eq!(others["items"], json!([]));

    // The units are free from the deadline on, and the story is told to both sides.
    let rival = market.tenant().await;
    let window = (deadline, deadline + TimeDelta::days(1));
    market.as_(&rival).book(&lease.offer, 64, window).await.expect(201);
    let told = |view: &Value| -> Vec<String> {
        let timeline = view["timeline"].as_array().unwrap().iter();
        timeline.map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        told(&executed),
        [
            "reclaim.served",
            "reclaim.acknowledged",
            "reclaim.due",
            "reclaim.executed",
            "reclaim.settled"
        ]
    );
    let whole = case.show(provider).await.expect(200);
    assert_eq!(
        told(&whole),
        [
            "reclaim.opened",
            "reclaim.submitted",
            "reclaim.approval_given",
            "reclaim.served",
            "reclaim.acknowledged",
            "reclaim.due",
            "reclaim.executed",
            "reclaim.settled"
        ]
    );
    let approval = &whole["timeline"][2];
    assert_eq!(approval["actor"], "marketplace", "who of the staff it was is not told");
    let report = audit::verify(&market.app, &[]).await.unwrap();
    assert!(report.is_intact, "{:?}", report.findings);
}

#[tokio::test]
async fn a_partial_recall_leaves_the_rest_running() {
    let market = Market::open().await;
    let mut clause = recall("P1D");
    clause["partial_step"] = 2.into();
    let lease = running_lease(&market, 7, json!([clause])).await;
    let provider = lease.offer.provider();
    let open =
        async |body: Value| market.as_(provider).post(lease.path("reclaim-cases"), body).await;
    let refused = open(partial(8)).await.refused(422, "more_units_than_there");
    assert_eq!(refused["units_there"], 6, "one is left, or it is not a part");
    open(partial(7)).await.refused(422, "more_units_than_there");
    open(partial(3)).await.refused(422, "not_in_steps");
    let by_gpus =
        json!({ "ground": "recall.callable", "action": "partial", "gpus": 12, "reason": "some" });
    open(by_gpus).await.refused(422, "invalid_field");

    let case = served(&market, &lease, partial(4)).await;
    let before = lease.show(&market).await;
    market.advance(Span::days(1)).await;
    let after = lease.show(&market).await;
    assert_eq!((&after["status"], &after["noticed"]), (&json!("active"), &json!(false)));
    assert_eq!(after["gpus_now"], 24);
    let executed = case.show(&lease.tenant).await.expect(200);
    let outcome = &executed["outcome"];
    assert_eq!(outcome["gpus"], 32);
    let freed: i64 = outcome["units"]
        .as_array()
        .unwrap()
        .iter()
        .map(|range| range["end_unit"].as_i64().unwrap() - range["first_unit"].as_i64().unwrap())
        .sum();
    assert_eq!(freed, 4);
    let difference = amount(&before["price"]) - amount(&after["price"]);
    assert!((difference - amount(&outcome["unused"])).abs() < 0.005, "{before} {after}");
    market.advance(Span::days(10)).await;
    assert_eq!(lease.show(&market).await["status"], "ended");
}

#[tokio::test]
async fn every_guard_has_its_code() {
    let market = Market::open().await;
    let harm = json!({
        "ground": "harm.confirmed",
        "standard_ref": { "uri": "https://example.org/standard", "sha256": "0".repeat(64) },
        "invocable_by": ["provider"], "action_max": "partial", "notice": "P7D",
        "approvals": { "provider_manager": 2 }, "evidence_required": true,
        "compensation": { "prorata_refund": true },
    });
    let mut clause = recall("PT1H");
    clause["approvals"] = json!({ "legal": 1 });
    let offer = market.offer().clauses(json!([clause, harm])).await;
    let lease = market.lease(&offer).gpus(16).hours(1, 24 * 20).await;
    market.advance(Span::hours(2)).await;
    let provider = lease.offer.provider();
    let open =
        async |by: &User, body: Value| market.as_(by).post(lease.path("reclaim-cases"), body).await;
    let owner = &provider.owner;

    let on =
        |ground: &str, action: &str| json!({ "ground": ground, "action": action, "reason": "so" });
    open(owner, on("idle", "full")).await.refused(422, "clause_not_on_lease");
    let nth = json!({ "clause": 2, "action": "full", "reason": "so" });
    open(owner, nth).await.refused(422, "clause_not_on_lease");
    open(owner, on("harm.confirmed", "full")).await.refused(422, "action_beyond_clause");
    open(owner, on("bad.mood", "full")).await.refused(422, "invalid_field");
    open(&lease.tenant.owner, full()).await.refused(403, "role_may_not_invoke");
    open(&market.admin().await, full()).await.refused(403, "role_may_not_invoke");
    let viewer = market.member(provider, "viewer").await;
    open(&viewer, full()).await.refused(403, "role_may_not_invoke");
    open(&market.key(provider, "manager").await, full()).await.refused(403, "person_required");
    let outsider = market.provider().await;
    open(&outsider.owner, full()).await.refused(404, "not_found");

    let mut body = on("harm.confirmed", "partial");
    body["units"] = 1.into();
    let case = Case::open(&market, provider, &lease, body).await;
    open(owner, full()).await.refused(409, "another_case_open");
    case.act(owner, "submit", json!({})).await.refused(409, "evidence_missing");
    case.act(owner, "serve", json!({})).await.refused(409, "evidence_missing");
    let manager = market.member(provider, "manager").await;
    case.act(&manager, "approve", json!({})).await.refused(409, "case_not_submitted");
    case.act(owner, "suspend-at-once", json!({})).await.refused(409, "evidence_missing");
    let evidence = |sha256: &str, at| json!({ "sha256": sha256, "source": "an inspector", "observed_at": at, "note": "seen" });
    let good = evidence(&"ab".repeat(32), json!(market.now()));
    for bad in [
        evidence("ab", json!(market.now())),
        evidence(&"ab".repeat(32), json!(market.now() + TimeDelta::hours(1))),
        evidence(&"ab".repeat(32), json!("yesterday")),
    ] {
        case.act(owner, "evidence", bad).await.refused(422, "invalid_field");
    }
    case.act(&lease.tenant.owner, "evidence", good.clone()).await.refused(404, "not_found");
    case.act(&market.admin().await, "evidence", good.clone())
        .await
        .refused(403, "not_initiating_side");
    case.act(owner, "evidence", good.clone()).await.expect(200);
    case.act(owner, "suspend-at-once", json!({})).await.refused(409, "no_emergency");
    case.act(owner, "acknowledge", json!({})).await.refused(403, "not_responding_side");
    case.done(owner, "submit").await;
    case.act(owner, "evidence", good).await.refused(409, "case_moved_on");
    case.act(owner, "submit", json!({})).await.refused(409, "case_moved_on");
    case.act(owner, "serve", json!({})).await.refused(409, "approvals_missing");
    case.act(owner, "approve", json!({})).await.refused(403, "self_approval");
    case.act(&market.admin().await, "approve", json!({}))
        .await
        .refused(403, "role_may_not_approve");
    let key = market.key(provider, "manager").await;
    case.act(&key, "approve", json!({})).await.refused(403, "person_required");
    case.done(&manager, "approve").await;
    case.act(&manager, "approve", json!({})).await.refused(409, "approved_already");
    let stale = market
        .as_(owner)
        .post(format!("/v1/reclaim-cases/{}/withdraw", case.id), json!({ "reason": "so" }))
        .if_match(1)
        .await;
    stale.refused(412, "stale_revision");
    case.act(owner, "refuse", json!({ "reason": "so" })).await.refused(403, "self_approval");
    let refused =
        case.act(&manager, "refuse", json!({ "reason": "no harm done" })).await.expect(200);
    assert_eq!(
        (&refused["state"], &refused["closed_reason"]),
        (&json!("refused"), &json!("no harm done"))
    );
    case.act(owner, "withdraw", json!({ "reason": "so" })).await.refused(409, "case_moved_on");

    market.advance(Span::days(21)).await;
    open(owner, full()).await.refused(409, "lease_not_running");
}

#[tokio::test]
async fn an_approval_counts_while_its_giver_holds_the_role() {
    let market = Market::open().await;
    let mut clause = recall("PT1H");
    clause["approvals"] = json!({ "provider_manager": 1 });
    let lease = running_lease(&market, 1, json!([clause])).await;
    let provider = lease.offer.provider();
    let case = Case::open(&market, provider, &lease, full()).await;
    case.done(provider, "submit").await;
    let manager = market.member(provider, "manager").await;
    assert_eq!(case.done(&manager, "approve").await["state"], "approved");

    remove(&market, provider, &manager).await;
    let refused = case.act(provider, "serve", json!({})).await.refused(409, "approvals_missing");
    assert_eq!(refused["missing"], json!({ "provider_manager": 1 }));
    let another = market.member(provider, "owner").await;
    case.done(&another, "approve").await;
    assert_eq!(case.done(provider, "serve").await["state"], "noticed");
}

async fn remove(market: &Market, organization: &Organization, member: &User) {
    let id = market.as_(member).get("/v1/me").await.expect(200)["id"].clone();
    let id = id.as_str().unwrap();
    let path = format!("/v1/organizations/{}/members/{id}/remove", organization.id);
    market.as_(organization).post(path, json!({})).await.expect(200);
}

#[tokio::test]
async fn a_withdrawn_case_leaves_the_lease_as_it_was() {
    let market = Market::open().await;
    let lease = running_lease(&market, 2, json!([recall("P1D")])).await;
    let provider = lease.offer.provider();
    let case = served(&market, &lease, full()).await;
    let reason = json!({ "reason": "found other units" });
    case.act(&lease.tenant, "withdraw", reason.clone()).await.refused(403, "not_initiating_side");
    case.act(provider, "withdraw", reason).await.expect(200);
    assert_eq!(lease.show(&market).await["noticed"], false);
    market.advance(Span::days(2)).await;
    assert_eq!(lease.show(&market).await["status"], "active");
    let seen = case.show(&lease.tenant).await.expect(200);
    assert_eq!(seen["closed_reason"], "found other units");
    served(&market, &lease, full()).await;
}

#[tokio::test]
async fn a_rehearsal_says_units_deadlines_and_money_and_writes_nothing() {
    let market = Market::open().await;
    let lease = running_lease(&market, 3, json!([recall("P1D")])).await;
    let path = lease.path("reclaim-cases");
    let provider = market.as_(lease.offer.provider());
    provider.get("/v1/me").await.expect(200); // logs in
    let before = market.database.row_counts().await;
    let told = provider.post(&path, partial(2)).dry_run().await.expect(201);
    assert_eq!(told["units_to_go"].as_array().unwrap().len(), 1);
    assert_eq!(told["deadline"], json!(market.now() + TimeDelta::days(2)));
    assert_eq!(amount(&told["money_preview"]["unused"]), 2.5 * 16.0 * (240.0 - 49.0));
    assert_eq!(market.database.row_counts().await, before);
}

#[tokio::test]
async fn a_deadline_holds_although_no_server_was_up_at_it() {
    let market = Market::open().await;
    let lease = running_lease(&market, 2, json!([recall("P1D")])).await;
    let case = served(&market, &lease, full()).await;
    let deadline = market.now() + TimeDelta::days(1);
    // The next look at the clock is after the lease would have ended by itself.
    market.advance(Span::days(30)).await;
    let ended = lease.show(&market).await;
    assert_eq!(ended["status"], "reclaimed");
    let executed = case.show(&lease.tenant).await.expect(200);
    assert_eq!(executed["outcome"]["effective_at"], json!(deadline));
    assert_eq!(executed["executed_at"], json!(market.now()));
    assert_eq!(executed["state"], "settled");
}

#[tokio::test]
async fn a_notice_is_not_served_when_the_lease_ends_before_it() {
    let market = Market::open().await;
    let lease = running_lease(&market, 1, json!([recall("P7D")])).await;
    let provider = lease.offer.provider();
    let case = Case::open(&market, provider, &lease, full()).await;
    case.done(provider, "submit").await;
    case.done(market.admin().await, "approve").await;
    case.act(provider, "serve", json!({})).await.refused(409, "notice_outlasts_lease");
}

#[tokio::test]
async fn a_case_lapses_when_the_tenant_leaves_first() {
    let market = Market::open().await;
    let lease = running_lease(&market, 2, json!([recall("P2D")])).await;
    let case = served(&market, &lease, full()).await;
    let tenant = market.as_(&lease.tenant);
    let quote = tenant.post(lease.path("cancellation-quote"), json!({})).await.expect(201);
    let body = json!({ "cancellation_quote_id": quote["id"], "reason": "moved out" });
    tenant.post(lease.path("end"), body).await.expect(200);
    market.advance(Span::days(2)).await;
    let seen = case.show(&lease.tenant).await.expect(200);
    assert_eq!(seen["state"], "withdrawn");
    assert!(seen["closed_reason"].as_str().unwrap().contains("terminated"), "{seen}");
}

#[tokio::test]
async fn an_execution_that_fails_is_tried_again_and_holds_up_no_other() {
    let market = Market::open().await;
    let stuck = running_lease(&market, 1, json!([recall("P1D")])).await;
    let other = market.lease(&stuck.offer).hours(1, 240).await;
    market.advance(Span::hours(2)).await;
    let stuck_case = served(&market, &stuck, full()).await;
    let deadline = market.now() + TimeDelta::days(1);
    let other_case = served(&market, &other, full()).await;
    let mut owner = market.database.owner().await;
    let id = market.uuid(&stuck.id);
    let break_it = format!(
        "create function fail() returns trigger language plpgsql as
             $$ begin raise exception 'not now'; end $$;
         create trigger fail before update on leases for each row when (old.id = '{id}')
             execute function fail()"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(break_it)).execute(&mut owner).await.unwrap();
    market.advance(Span::days(1)).await;
    assert_eq!(other_case.show(&other.tenant).await.expect(200)["state"], "settled");
    assert_eq!(stuck_case.show(&stuck.tenant).await.expect(200)["state"], "due");
    sqlx::raw_sql("drop trigger fail on leases").execute(&mut owner).await.unwrap();
    market.advance(Span::hours(1)).await;
    let executed = stuck_case.show(&stuck.tenant).await.expect(200);
    assert_eq!(executed["state"], "settled");
    assert_eq!(executed["outcome"]["effective_at"], json!(deadline));
}

#[tokio::test]
async fn the_log_tells_each_side_what_was_done_and_not_who_of_the_other_did_it() {
    let market = Market::open().await;
    let lease = running_lease(&market, 1, json!([recall("P1D")])).await;
    let provider = lease.offer.provider();
    let tenant_user = market.as_(&lease.tenant).get("/v1/me").await.expect(200);
    let tenant_user = tenant_user["id"].as_str().unwrap();
    let log = async |by: &User, query: &[(&str, &str)]| {
        market.as_(by).get("/v1/audit").query(query).await
    };
    let about = [("subject", lease.id.as_str()), ("action", "lease.booked")];
    let own = log(&lease.tenant.owner, &about).await.expect(200);
    assert_eq!(own["items"][0]["actor"], tenant_user);
    assert!(own["items"][0]["request_id"].is_string());
    let others = log(&provider.owner, &about).await;
    assert!(!others.text.contains(tenant_user), "{}", others.text);
    let others = others.expect(200);
    assert_eq!(others["items"][0]["actor"], "tenant");
    assert_eq!(others["items"][0].get("request_id"), None);
    let staff = log(&market.admin().await, &about).await.expect(200);
    assert_eq!(staff["items"][0]["actor"], tenant_user);

    // One cannot find out by asking either, and an outsider reads nothing of it.
    let guess = [("actor", tenant_user)];
    assert_eq!(log(&provider.owner, &guess).await.expect(200)["items"], json!([]));
    let outsider = market.tenant().await;
    assert_eq!(log(&outsider.owner, &about).await.expect(200)["items"], json!([]));

    // Pages follow each other, newest first.
    let page = log(&market.admin().await, &[("limit", "2")]).await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = log(&market.admin().await, &[("limit", "2"), ("cursor", cursor)]).await.expect(200);
    assert_eq!(
        page["items"][1]["seq"].as_i64().unwrap() - 1,
        next["items"][0]["seq"].as_i64().unwrap()
    );

    market.as_(provider).post("/v1/audit/verify", json!({})).await.refused(403, "forbidden");
    let report =
        market.as_(market.admin().await).post("/v1/audit/verify", json!({})).await.expect(200);
    assert_eq!(report["is_intact"], true);
}
