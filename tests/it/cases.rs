//! Reclaim cases, what comes back: evidence, answers, plans, appeals, emergencies, money.

use chrono::TimeDelta;
use leasehold::kernel::Span;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::client::fresh_key;
use crate::support::leases::Lease;
use crate::support::people::{Organization, User};
use crate::support::supply::{id_of, recall};
use crate::support::{Answer, Market};

/// A case that somebody opened.
pub struct Case<'m> {
    pub market: &'m Market,
    pub id: String,
}

impl<'m> Case<'m> {
    pub async fn open(
        market: &'m Market,
        by: impl AsRef<User>,
        lease: &Lease,
        body: Value,
    ) -> Self {
        let opened = market.as_(by).post(lease.path("reclaim-cases"), body).await.expect(201);
        Case { market, id: id_of(&opened) }
    }

    pub fn path(&self, act: &str) -> String {
        format!("/v1/reclaim-cases/{}/{act}", self.id).trim_end_matches('/').to_owned()
    }

    pub async fn act(&self, by: impl AsRef<User>, act: &str, body: Value) -> Answer {
        self.market.as_(by).post(self.path(act), body).await
    }

    pub async fn done(&self, by: impl AsRef<User>, act: &str, body: Value) -> Value {
        self.act(by, act, body).await.expect(200)
    }

    pub async fn show(&self, to: impl AsRef<User>) -> Value {
        self.market.as_(to).get(self.path("")).await.expect(200)
    }

    pub async fn state(&self) -> Value {
        self.show(self.market.admin().await).await["state"].clone()
    }
}

pub fn breach() -> Value {
    json!({
        "ground": "breach.material", "invocable_by": ["provider"], "action_max": "full",
        "notice": "P20D", "cure": "P5D", "approvals": { "admin": 1, "legal": 1 },
        "appeal": { "window": "P10D", "stays": true },
        "compensation": { "prorata_refund": true },
    })
}

pub fn emergency() -> Value {
    json!({
        "ground": "security.immediate", "invocable_by": ["provider", "admin"],
        "action_max": "suspend", "notice": "PT0S", "approvals": { "legal": 1 },
        "evidence_required": true, "ratify_within": "PT12H",
        "appeal": { "window": "P7D", "stays": true },
        "compensation": { "prorata_refund": true },
    })
}

pub fn because(reason: &str) -> Value {
    json!({ "reason": reason })
}

pub fn says(text: &str) -> Value {
    json!({ "text": text })
}

/// Sixty days of two units of a new offer under `clauses`, running for an hour already.
pub async fn running_lease(market: &Market, clauses: Value) -> Lease {
    let offer = market.offer().clauses(clauses).await;
    let lease = market.lease(&offer).gpus(16).hours(1, 24 * 60).await;
    market.advance(Span::hours(2)).await;
    lease
}

/// A case on a breach, full, approved by two members of staff.
pub async fn approved<'m>(market: &'m Market, lease: &Lease) -> Case<'m> {
    let provider = lease.offer.provider();
    let body = json!({ "ground": "breach.material", "action": "full", "reason": "breach of 4.2" });
    let case = Case::open(market, provider, lease, body).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(market.staff("legal").await, "approve", json!({})).await;
    case
}

pub async fn served<'m>(market: &'m Market, lease: &Lease) -> Case<'m> {
    let case = approved(market, lease).await;
    case.done(lease.offer.provider(), "serve", json!({})).await;
    case
}

/// An emergency that the provider has suspended the lease for, for ten days.
pub async fn suspended<'m>(market: &'m Market, lease: &Lease) -> Case<'m> {
    suspended_for(market, lease, TimeDelta::days(10)).await
}

/// The same for so long from now on.
pub async fn suspended_for<'m>(market: &'m Market, lease: &Lease, lasting: TimeDelta) -> Case<'m> {
    let provider = lease.offer.provider();
    let body = json!({
        "ground": "security.immediate", "action": "suspend", "reason": "it attacks others",
        "until": market.now() + lasting,
    });
    let case = Case::open(market, provider, lease, body).await;
    let evidence = json!({
        "sha256": "ab".repeat(32), "source": "flow logs", "observed_at": market.now(),
    });
    case.done(provider, "evidence", evidence).await;
    case.done(provider, "suspend-at-once", json!({})).await;
    case
}

pub fn amount(value: &Value) -> f64 {
    value.as_str().unwrap_or_else(|| panic!("no amount: {value}")).parse().unwrap()
}

pub async fn inbox(market: &Market, organization: &Organization) -> Vec<Value> {
    let listed = market.as_(organization).get("/v1/inbox").await.expect(200);
    listed["items"].as_array().unwrap().clone()
}

// ── The notice, and who has read it ──────────────────────────────────────────────────────────────

#[tokio::test]
async fn the_window_begins_when_a_person_of_the_tenant_opens_the_notice() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([breach()])).await;
    let case = served(&market, &lease).await;
    let served_at = market.now();
    let seen = case.show(&lease.tenant).await;
    assert_eq!(seen["deadline"], json!(served_at + TimeDelta::days(23)), "the latest possible");
    assert_eq!(seen["window"]["deemed_read_at"], json!(served_at + TimeDelta::hours(72)));

    market.advance(Span::hours(30)).await;
    let messages = inbox(&market, &lease.tenant).await;
    assert_eq!(messages[0]["kind"], "reclaim.served");
    assert_eq!((&messages[0]["subject"], &messages[0]["read_at"]), (&json!(case.id), &Value::Null));
    assert_eq!(messages[0].get("body"), None, "looking at the list reads nothing");
    assert_eq!(seen["window"]["message_id"], messages[0]["id"]);
    let path = format!("/v1/inbox/{}/read", messages[0]["id"].as_str().unwrap());
    let key = market.key(&lease.tenant, "owner").await;
    market.as_(&key).post(&path, json!({})).await.refused(403, "forbidden");
    market.as_(lease.offer.provider()).post(&path, json!({})).await.refused(404, "not_found");
    market.as_(market.admin().await).post(&path, json!({})).await.refused(404, "not_found");
    market.as_(&lease.tenant).post(&path, json!({})).dry_run().await.expect(200);
    assert_eq!(inbox(&market, &lease.tenant).await[0]["read_at"], Value::Null);

    let viewer = market.member(&lease.tenant, "viewer").await;
    let read = market.as_(&viewer).post(&path, json!({})).await.expect(200);
    let read_at = market.now();
    assert_eq!(read["read_at"], json!(read_at));
    assert!(read["body"].as_str().unwrap().contains("breach of 4.2"), "{read}");
    market.advance(Span::hours(1)).await;
    market.as_(&lease.tenant).post(&path, json!({})).await.expect(200);
    let seen = case.show(&lease.tenant).await;
    assert_eq!(seen["read_at"], json!(read_at), "the first reading counts");
    assert_eq!(seen["deadline"], json!(read_at + TimeDelta::days(20)));
    market.advance_to(read_at + TimeDelta::days(20)).await;
    assert_eq!(case.state().await, "settled");
}

#[tokio::test]
async fn a_notice_that_nobody_reads_counts_as_read_after_three_days() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([breach()])).await;
    let case = served(&market, &lease).await;
    let deadline = market.now() + TimeDelta::days(23);
    market.advance_to(deadline - TimeDelta::seconds(1)).await;
    assert_eq!(case.state().await, "noticed");
    market.advance_to(deadline).await;
    assert_eq!(case.state().await, "settled");
    let done = case.show(&lease.tenant).await;
    assert_eq!(done["outcome"]["effective_at"], json!(deadline));
    let told = inbox(&market, &lease.tenant).await;
    let mut kinds: Vec<_> = told.iter().map(|told| told["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["reclaim.executed", "reclaim.served", "reclaim.settled"]);
}

// ── Evidence ─────────────────────────────────────────────────────────────────────────────────────

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn evidence_is_kept_if_it_has_the_hash_that_was_said_and_given_out_as_it_came() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([breach()])).await;
    let provider = lease.offer.provider();
    let body = json!({ "ground": "breach.material", "action": "full", "reason": "see the file" });
    let case = Case::open(&market, provider, &lease, body).await;
    // Bytes that a browser would run if it were let.
    let file = [b"<script>alert(1)</script>".to_vec(), vec![7; 900_000]].concat();
    let said = json!({
        "sha256": sum(&file), "source": "an inspector", "observed_at": market.now(),
    });
    let added = case.done(provider, "evidence", said).await;
    let evidence = id_of(&added["evidence"][0]);
    assert_eq!(added["evidence"][0]["file_size"], Value::Null);
    let path = case.path(&format!("evidence/{evidence}/file"));
    let send = async |by: &User, bytes: Vec<u8>| {
        let request = market.as_(by).request(reqwest::Method::POST, &path).key(fresh_key());
        request.bytes("text/html", bytes).await
    };
    market.as_(provider).get(&path).await.refused(404, "not_found");

    let before = market.database.row_counts().await;
    let mut other = file.clone();
    other[0] = b'>';
    let refused = send(&provider.owner, other).await.refused(422, "evidence_hash_mismatch");
    assert_eq!(refused["expected"], sum(&file));
    send(&provider.owner, Vec::new()).await.refused(422, "evidence_empty");
    let large = vec![0; 10 * 1024 * 1024 + 1];
    send(&provider.owner, large).await.refused(413, "body_too_large");
    send(&lease.tenant.owner, file.clone()).await.refused(404, "not_found");
    send(&market.admin().await, file.clone()).await.refused(403, "not_initiating_side");
    let key = market.key(provider, "owner").await;
    let before_key = market.database.row_counts().await;
    send(&key, file.clone()).await.refused(403, "person_required");
    assert_eq!(market.database.row_counts().await, before_key);
    let chunks = |counts: &[(String, i64)]| {
        counts.iter().find(|(name, _)| name == "reclaim_evidence_chunks").unwrap().1
    };
    assert_eq!(chunks(&market.database.row_counts().await), chunks(&before), "nothing was kept");

    let kept = send(&provider.owner, file.clone()).await.expect(200);
    assert_eq!(kept["evidence"][0]["file_size"], file.len());
    send(&provider.owner, file.clone()).await.refused(409, "evidence_file_there");

    // The other side sees it once the case is served, and only to save it.
    market.as_(&lease.tenant).get(&path).await.refused(404, "not_found");
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(market.staff("legal").await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    for side in [&lease.tenant.owner, &provider.owner, &market.admin().await] {
        let given = market.as_(side).get(&path).await;
        assert_eq!(given.status.as_u16(), 200);
        assert_eq!(given.text.as_bytes(), file);
        let header = |name: &str| given.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/octet-stream");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-disposition").starts_with("attachment"));
    }
    let outsider = market.tenant().await;
    market.as_(&outsider).get(&path).await.refused(404, "not_found");

    // The other side may bring evidence of its own.
    let own = json!({ "sha256": sum(b"log"), "source": "our logs", "observed_at": market.now() });
    let answered = case.done(&lease.tenant, "evidence", own).await;
    let pieces = answered["evidence"].as_array().unwrap();
    let piece = pieces.iter().find(|piece| piece["added_as"] == "tenant").unwrap();
    let own = case.path(&format!("evidence/{}/file", id_of(piece)));
    let request = market.as_(&lease.tenant).request(reqwest::Method::POST, &own);
    request.key(fresh_key()).bytes("text/plain", b"log".to_vec()).await.expect(200);
}

// ── Plans to put it right ────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn a_plan_that_is_accepted_ends_the_case_and_one_that_is_rejected_does_not() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([breach()])).await;
    let provider = lease.offer.provider();
    let case = served(&market, &lease).await;
    let plan = json!({ "plan": "we stop it by Friday" });
    case.act(provider, "cure", plan.clone()).await.refused(403, "not_responding_side");
    case.act(provider, "accept-cure", because("fine")).await.refused(409, "no_open_plan");
    let late = json!({ "plan": "in a while", "done_by": market.now() + TimeDelta::days(6) });
    case.act(&lease.tenant, "cure", late).await.refused(422, "plan_too_long");

    let curing = case.done(&lease.tenant, "cure", plan.clone()).await;
    assert_eq!(curing["state"], "curing");
    assert_eq!(curing["read_at"], json!(market.now()), "whoever answers has read it");
    assert_eq!(curing["cure"]["until"], json!(market.now() + TimeDelta::days(5)));
    assert_eq!(curing["blocking"][0]["code"], "cure_open");
    case.act(&lease.tenant, "cure", plan.clone()).await.refused(409, "plan_open");
    case.act(&lease.tenant, "accept-cure", because("we did"))
        .await
        .refused(403, "not_initiating_side");
    assert_eq!(inbox(&market, provider).await[0]["kind"], "reclaim.cure_filed");
    let rejected = case.done(provider, "reject-cure", because("too little")).await;
    assert_eq!(
        (&rejected["state"], &rejected["cure"]["rejected"]),
        (&json!("noticed"), &json!("too little"))
    );

    case.done(&lease.tenant, "cure", plan.clone()).await;
    let cured = case.done(provider, "accept-cure", because("seen")).await;
    assert_eq!((&cured["state"], &cured["closed_reason"]), (&json!("cured"), &json!("seen")));
    assert_eq!(lease.show(&market).await["noticed"], false);
    case.act(&lease.tenant, "cure", plan.clone()).await.refused(409, "case_moved_on");
    market.advance(Span::days(30)).await;
    assert_eq!(lease.show(&market).await["status"], "active");

    // After its window a plan comes too late.
    let case = served(&market, &lease).await;
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    market.advance(Span::days(5)).await;
    case.act(&lease.tenant, "cure", plan).await.refused(409, "cure_window_over");
}

// ── Appeals ──────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn an_appeal_stays_the_execution_and_is_decided_by_somebody_who_took_no_part() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([breach(), recall("P1D")])).await;
    let provider = lease.offer.provider();
    let case = served(&market, &lease).await;
    case.act(provider, "appeal", says("no")).await.refused(403, "not_responding_side");
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    let deadline = market.now() + TimeDelta::days(20);
    market.advance(Span::days(9)).await;
    let stayed = case.done(&lease.tenant, "appeal", says("there was no breach")).await;
    assert_eq!(stayed["state"], "stayed");
    assert_eq!(stayed["blocking"][0]["code"], "appeal_stays");
    assert_eq!(stayed["appeal"]["decide_by"], json!(market.now() + TimeDelta::days(14)));
    case.act(&lease.tenant, "appeal", says("again")).await.refused(409, "appealed_already");
    case.act(&lease.tenant, "cure", json!({ "plan": "so" })).await.refused(409, "appeal_stays");

    market.advance(Span::days(13)).await;
    assert_eq!(case.state().await, "stayed", "the deadline has passed, and nothing happens");
    let verdict = |verdict: &str| json!({ "verdict": verdict, "reason": "looked at" });
    case.act(market.admin().await, "decide", verdict("dismiss")).await.refused(403, "took_part");
    let operations = market.staff("operations").await;
    case.act(&operations, "decide", verdict("dismiss")).await.refused(403, "role_may_not_decide");
    case.act(provider, "decide", verdict("dismiss")).await.refused(403, "role_may_not_decide");
    case.act(&lease.tenant, "decide", verdict("uphold")).await.refused(403, "role_may_not_decide");
    let judge = market.staff("independent").await;
    let goes_on = case.done(&judge, "decide", verdict("dismiss")).await;
    let moved = deadline + TimeDelta::days(13);
    assert_eq!((&goes_on["state"], &goes_on["deadline"]), (&json!("noticed"), &json!(moved)));
    case.act(&judge, "decide", verdict("uphold")).await.refused(403, "took_part");
    market.advance_to(moved - TimeDelta::seconds(1)).await;
    assert_eq!(case.state().await, "noticed");
    market.advance_to(moved).await;
    assert_eq!(case.state().await, "settled");
}

#[tokio::test]
async fn an_appeal_that_nobody_decides_is_upheld() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([breach()])).await;
    let case = served(&market, &lease).await;
    case.done(&lease.tenant, "appeal", says("there was no breach")).await;
    market.advance(Span::days(14)).await;
    let over = case.show(&lease.tenant).await;
    assert_eq!(over["state"], "overturned");
    assert_eq!(over["settlement"]["total"], "0.00", "it cost the tenant nothing");
    let lease = lease.show(&market).await;
    assert_eq!((&lease["status"], &lease["noticed"]), (&json!("active"), &json!(false)));
}

#[tokio::test]
async fn an_appeal_upheld_after_the_execution_gives_all_of_it_back() {
    let market = Market::open().await;
    let mut clause = recall("P1D");
    clause["appeal"] = json!({ "window": "P1D", "stays": false });
    clause["compensation"] = json!({ "prorata_refund": true, "multiple": "0.1", "cap": "5.00" });
    let lease = running_lease(&market, json!([clause])).await;
    let provider = lease.offer.provider();
    let body = json!({ "ground": "recall.callable", "action": "full", "reason": "needed" });
    let case = Case::open(&market, provider, &lease, body).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    case.done(&lease.tenant, "appeal", says("it is not callable")).await;
    market.advance(Span::days(1)).await;
    let done = case.show(&lease.tenant).await;
    assert_eq!((&done["state"], &done["settlement"]), (&json!("executed"), &Value::Null));
    assert_eq!(lease.show(&market).await["status"], "reclaimed");
    let judge = market.staff("legal").await;
    let verdict = json!({ "verdict": "uphold", "reason": "it was not" });
    let over = case.done(&judge, "decide", verdict).await;
    assert_eq!(
        (&over["state"], &over["settlement"]["rule"]),
        (&json!("overturned"), &json!("returned"))
    );
    let unused = amount(&over["outcome"]["unused"]);
    assert!(unused > 1000.0, "{over}");
    assert!((amount(&over["settlement"]["total"]) - 1.1 * unused).abs() < 0.01, "no cap: {over}");
}

// ── Emergencies and the ladder of actions ────────────────────────────────────────────────────────

#[tokio::test]
async fn an_emergency_suspension_lifts_by_itself_unless_it_is_ratified() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([emergency()])).await;
    let case = suspended(&market, &lease).await;
    let seen = case.show(&lease.tenant).await;
    assert_eq!(seen["state"], "suspended");
    assert_eq!(seen["window"]["ratify_by"], json!(market.now() + TimeDelta::hours(12)));
    let view = lease.show(&market).await;
    assert_eq!(view["suspended_until"], json!(market.now() + TimeDelta::days(10)));
    assert_eq!(view["status"], "active", "it frees nothing");
    let rival = market.tenant().await;
    market
        .as_(&rival)
        .book(&lease.offer, 64, market.window(1, 2))
        .await
        .refused(409, "not_enough_units");

    market.advance(Span::hours(11)).await;
    assert_eq!(case.state().await, "suspended");
    market.advance(Span::hours(1)).await;
    let lifted = case.show(&lease.tenant).await;
    assert_eq!(lifted["state"], "withdrawn");
    assert!(lifted["closed_reason"].as_str().unwrap().contains("not ratified"), "{lifted}");
    let view = lease.show(&market).await;
    assert_eq!((&view["suspended_until"], &view["noticed"]), (&Value::Null, &json!(false)));
    // All the time that it was suspended comes back: 12 hours of 16 GPUs.
    assert_eq!(lifted["settlement"]["rule"], "returned");
    assert_eq!(lifted["settlement"]["lines"][0]["kind"], "suspended_time");
    assert_eq!(lifted["settlement"]["total"], "480.00");
    market.run_due().await;
}

#[tokio::test]
async fn a_ratified_suspension_runs_to_its_end_and_a_full_case_can_go_on_beside_it() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([emergency(), breach()])).await;
    let provider = lease.offer.provider();
    let case = suspended(&market, &lease).await;
    case.act(provider, "approve", json!({})).await.refused(403, "self_approval");
    let full = json!({ "ground": "breach.material", "action": "full", "reason": "the same" });
    market
        .as_(provider)
        .post(lease.path("reclaim-cases"), full)
        .await
        .refused(409, "another_case_open");
    let lawyer = market.staff("legal").await;
    let ratified = case.done(&lawyer, "approve", json!({})).await;
    assert_eq!(ratified["state"], "executed");
    served(&market, &lease).await;

    market.advance(Span::days(9)).await;
    assert!(lease.show(&market).await["suspended_until"].is_string());
    market.advance(Span::days(1)).await;
    assert_eq!(lease.show(&market).await["suspended_until"], Value::Null);
    let over = case.show(&lease.tenant).await;
    assert_eq!(
        (&over["state"], &over["settlement"]["total"]),
        (&json!("settled"), &json!("9600.00"))
    );
}

#[tokio::test]
async fn a_suspension_is_overturned_with_all_its_time() {
    let market = Market::open().await;
    let mut clause = emergency();
    clause["compensation"] = json!({ "prorata_refund": true, "cap": "100.00" });
    let lease = running_lease(&market, json!([clause])).await;
    let case = suspended(&market, &lease).await;
    case.done(market.staff("legal").await, "approve", json!({})).await;
    let open = case.done(&lease.tenant, "appeal", says("it was a test")).await;
    assert_eq!(open["state"], "executed", "what is suspended stays so until it is decided");
    market.advance(Span::hours(24)).await;
    let verdict = json!({ "verdict": "uphold", "reason": "it was a test" });
    let over = case.done(market.staff("independent").await, "decide", verdict).await;
    assert_eq!(
        (&over["state"], &over["settlement"]["total"]),
        (&json!("overturned"), &json!("960.00"))
    );
    assert_eq!(lease.show(&market).await["suspended_until"], Value::Null);
}

#[tokio::test]
async fn a_warning_is_on_record_and_changes_nothing() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([recall("P1D")])).await;
    let provider = lease.offer.provider();
    let sized =
        json!({ "ground": "recall.callable", "action": "warn", "units": 1, "reason": "so" });
    let open = market.as_(provider).post(lease.path("reclaim-cases"), sized).await;
    open.refused(422, "invalid_field");
    let body = json!({ "ground": "recall.callable", "action": "warn", "reason": "be warned" });
    let case = Case::open(&market, provider, &lease, body).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    let before = lease.show(&market).await;
    assert_eq!(before["noticed"], false, "it takes nothing, so leaving is not free");
    market.advance(Span::days(2)).await;
    let done = case.show(&lease.tenant).await;
    assert_eq!((&done["state"], &done["settlement"]["total"]), (&json!("settled"), &json!("0.00")));
    assert_eq!(lease.show(&market).await["price"], before["price"]);
}

#[tokio::test]
async fn a_suspension_by_the_book_begins_at_the_deadline_and_ends_by_itself() {
    let market = Market::open().await;
    let lease = running_lease(&market, json!([recall("P1D")])).await;
    let provider = lease.offer.provider();
    let until = market.now() + TimeDelta::days(5);
    let suspend = |until: Value| json!({ "ground": "recall.callable", "action": "suspend", "until": until, "reason": "so" });
    let open = async |until: Value| {
        market.as_(provider).post(lease.path("reclaim-cases"), suspend(until)).await
    };
    open(Value::Null).await.refused(422, "invalid_field");
    open(json!(market.now() + TimeDelta::days(1))).await.refused(422, "over_before_it_begins");
    let case = Case::open(&market, provider, &lease, suspend(json!(until))).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    assert_eq!(lease.show(&market).await["suspended_until"], Value::Null);
    market.advance(Span::days(1)).await;
    assert_eq!(lease.show(&market).await["suspended_until"], json!(until));
    assert_eq!(case.state().await, "executed");
    market.advance(Span::days(4)).await;
    let over = case.show(&lease.tenant).await;
    // Four days of 16 GPUs at 2.50, and a tenth on top.
    assert_eq!(
        (&over["state"], &over["settlement"]["total"]),
        (&json!("settled"), &json!("4224.00"))
    );
}
