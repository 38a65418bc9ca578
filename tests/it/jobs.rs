//! What time drives, when some of it cannot be carried out: everything else goes on, staff is told, and what
//! was put off is done once it can be.

use chrono::TimeDelta;
use leasehold::app::jobs;
use leasehold::kernel::Span;
use leasehold::wiring;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};

use crate::cases::{Case, breach, emergency, running_lease, says, served, suspended};
use crate::support::people::User;
use crate::support::process::Process;
use crate::support::{Market, booking, id_of, recall};

/// Executes statements as the owner of the database, behind the server's back.
async fn by_hand(market: &Market, sql: String) {
    let mut owner = market.database.owner().await;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
}

fn seconds(seconds: i64) -> Span {
    Span::from_seconds(seconds).unwrap()
}

/// How many subjects a reconciler is stuck with.
async fn stuck(market: &Market, job: &str) -> i64 {
    let mut owner = market.database.owner().await;
    let all = jobs::stuck_by_job(&mut owner).await.unwrap();
    all.iter().find(|(name, _)| name == job).map_or(0, |(_, count)| *count)
}

/// How often what a reconciler is stuck with has failed: the fewest and the most.
async fn failures(market: &Market, job: &str) -> (i32, i32) {
    let mut owner = market.database.owner().await;
    let row = sqlx::query("select min(failures), max(failures) from stuck_jobs where job = $1");
    let row = row.bind(job.to_owned()).fetch_one(&mut owner).await.unwrap();
    (row.get(0), row.get(1))
}

/// What staff was told, newest first: kind and title.
async fn told(market: &Market, staff: &User) -> Vec<(String, String)> {
    let inbox = market.as_(staff).get("/v1/inbox").await.expect(200);
    let text = |message: &Value, field: &str| message[field].as_str().unwrap().to_owned();
    let items = inbox["items"].as_array().unwrap().iter();
    items.map(|message| (text(message, "kind"), text(message, "title"))).collect()
}

#[tokio::test]
async fn a_hundred_cases_that_cannot_be_settled_hold_up_nobody_else() {
    let market = Market::open().await;
    let admin = market.admin().await;
    let job = "reclaim.step_due";

    // Another provider's market: a recall, a suspension that nobody ratifies, an appeal that nobody decides.
    let recalled = running_lease(&market, json!([recall("P1D")])).await;
    let attacked = running_lease(&market, json!([emergency()])).await;
    let accused = running_lease(&market, json!([breach()])).await;
    let appealed = served(&market, &accused).await;
    appealed.done(&accused.tenant, "appeal", says("there was no breach")).await;
    market.advance(Span::days(12)).await;

    // One provider's hundred cases, due a moment before the recall; none can be settled.
    let offer = market.offer().units(100).clauses(json!([recall("P1D")])).await;
    let tenant = market.tenant().await;
    let mut cases = Vec::new();
    for _ in 0..100 {
        let lease = market.lease(&offer).by(&tenant).hours(0, 240).await;
        cases.push(of_recall(&market, &lease).await);
    }
    by_hand(
        &market,
        format!(
            "insert into reclaim_settlements (case_id, lease_id, rule, total, currency, settled_at)
             select id, lease_id, 'returned', 0, 'USD', created_at from reclaim_cases
             where tenant_id = '{}'",
            market.uuid(&tenant.id)
        ),
    )
    .await;
    market.advance(seconds(1)).await;
    let others = of_recall(&market, &recalled).await;
    market.advance(Span::hours(12)).await;
    let suspension = suspended(&market, &attacked).await;

    // In a day from the notices: the deadlines, the suspension's twelve hours; then the appeal's days.
    market.advance(Span::hours(12)).await;
    assert_eq!(cases[0].state().await, "due", "it is due and cannot be settled");
    assert_eq!(others.state().await, "settled");
    assert_eq!(suspension.state().await, "withdrawn");
    assert_eq!(attacked.show(&market).await["suspended_until"], Value::Null);
    market.advance(Span::days(1)).await;
    assert_eq!(appealed.state().await, "overturned");

    // It is told once, to those of staff whom it concerns, and the metric shows it.
    assert_eq!(stuck(&market, job).await, 100);
    let once = [("job.stuck".to_owned(), format!("{job} fails for 100 subjects"))];
    assert_eq!(told(&market, &admin).await, once);
    let operations = market.staff("operations").await;
    assert_eq!(told(&market, &operations).await, once);
    let lawyer = market.staff("legal").await;
    market.as_(&lawyer).get("/v1/inbox").await.refused(403, "forbidden");
    let message = market.as_(&admin).get("/v1/inbox").await.expect(200)["items"][0].clone();
    let open = format!("/v1/inbox/{}/read", message["id"].as_str().unwrap());
    let read = market.as_(&operations).post(&open, json!({})).await.expect(200);
    let body = read["body"].as_str().unwrap();
    assert!(body.contains("reclaim_settlements_pkey") && body.contains("and 80 more"), "{body}");
    market.as_(&tenant).post(&open, json!({})).await.refused(404, "not_found");
    let server = Process::serve(&["--database-url", market.database.url()]).await;
    let metrics = reqwest::get(format!("http://{}/metrics", server.address)).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains(&format!("leasehold_jobs_stuck{{job=\"{job}\"}} 100")), "{metrics}");
    assert!(metrics.contains("leasehold_jobs_stuck{job=\"leases.end_due\"} 0"), "{metrics}");
    drop(server);

    // Once it can be done it is done, as of its deadline, and staff is told that too.
    by_hand(
        &market,
        "delete from reclaim_settlements where rule = 'returned' and total = 0".into(),
    )
    .await;
    market.advance(seconds(600)).await;
    for case in &cases {
        assert_eq!(case.state().await, "settled");
    }
    assert_eq!(stuck(&market, job).await, 0);
    let then = told(&market, &admin).await;
    let cleared = ("job.cleared".to_owned(), format!("{job} no longer fails for 100 subjects"));
    assert_eq!(then, [&[cleared][..], &once[..]].concat());
}

/// A recall of the whole lease with a day's notice that the tenant has read.
async fn of_recall<'m>(market: &'m Market, lease: &crate::support::Lease) -> Case<'m> {
    let provider = lease.offer.provider();
    let body = json!({ "ground": "recall.callable", "action": "full", "reason": "needed" });
    let case = Case::open(market, provider, lease, body).await;
    case.done(provider, "submit", json!({})).await;
    case.done(market.admin().await, "approve", json!({})).await;
    case.done(provider, "serve", json!({})).await;
    case.done(&lease.tenant, "acknowledge", json!({})).await;
    case
}

#[tokio::test]
async fn one_lease_or_quote_that_cannot_be_changed_holds_up_no_other() {
    let market = Market::open().await;
    let (offer, tenant) = (market.offer().units(20).await, market.tenant().await);
    let asked = market.offer().units(20).approval().await;
    let mut leases = Vec::new();
    let mut requests = Vec::new();
    let mut quotes = Vec::new();
    for _ in 0..3 {
        leases.push(market.lease(&offer).by(&tenant).hours(1, 2).await);
        requests.push(market.lease(&asked).by(&tenant).hours(1, 2).await);
        let mut body = booking(&offer, 8, market.window(1, 2));
        body["hold"] = json!(true);
        quotes.push(id_of(&market.as_(&tenant).post("/v1/quotes", body).await.expect(201)));
    }
    let broken = |table: &str, id: &str, state: &str| {
        let uuid = market.uuid(id);
        let what = if table == "quotes" { "state" } else { "status" };
        format!(
            "alter table {table} add constraint broken_{state}
                 check (id <> '{uuid}' or {what} <> '{state}') not valid"
        )
    };
    by_hand(&market, broken("leases", &leases[0].id, "active")).await;
    by_hand(&market, broken("leases", &leases[1].id, "ended")).await;
    by_hand(&market, broken("leases", &requests[0].id, "rejected")).await;
    by_hand(&market, broken("quotes", &quotes[0], "expired")).await;

    let statuses = async |of: &[crate::support::Lease]| {
        let mut found = Vec::new();
        for lease in of {
            found.push(lease.show(&market).await["status"].as_str().unwrap().to_owned());
        }
        found
    };
    market.advance(Span::hours(1)).await;
    assert_eq!(statuses(&leases).await, ["scheduled", "active", "active"]);
    assert_eq!(statuses(&requests).await, ["requested", "rejected", "rejected"]);
    let mut states = Vec::new();
    for id in &quotes {
        let quote = market.as_(&tenant).get(format!("/v1/quotes/{id}")).await.expect(200);
        states.push(quote["state"].as_str().unwrap().to_owned());
    }
    assert_eq!(states[1..], ["expired", "expired"]);
    for job in ["leases.start_due", "leases.lapse_due", "leases.expire_quotes"] {
        assert_eq!(stuck(&market, job).await, 1, "{job}");
    }
    assert_eq!(told(&market, &market.admin().await).await.len(), 3);

    market.advance(Span::hours(2)).await;
    assert_eq!(statuses(&leases).await, ["scheduled", "active", "ended"]);
    by_hand(&market, "alter table leases drop constraint broken_active".into()).await;
    by_hand(&market, "alter table leases drop constraint broken_ended".into()).await;
    market.advance(seconds(600)).await;
    assert_eq!(statuses(&leases).await, ["ended", "ended", "ended"]);
}

#[tokio::test]
async fn what_fails_is_tried_again_after_twice_as_long_each_time() {
    let market = Market::open().await;
    let lease = market.lease(&market.offer().await).await;
    let job = "leases.start_due";
    let sql = format!(
        "alter table leases add constraint broken check (id <> '{}' or status <> 'active') not valid",
        market.uuid(&lease.id)
    );
    by_hand(&market, sql).await;
    let failed_at = market.now() + TimeDelta::hours(1);
    market.advance_to(failed_at).await;
    assert_eq!(failures(&market, job).await, (1, 1));
    // Seconds after the first failure, and how often it has been tried by then.
    for (after, tries) in [(0, 1), (1, 2), (2, 2), (3, 3), (6, 3), (7, 4), (15, 5)] {
        market.advance_to(failed_at + TimeDelta::seconds(after)).await;
        assert_eq!(failures(&market, job).await, (tries, tries), "{after} s after");
        market.run_due().await;
        assert_eq!(failures(&market, job).await, (tries, tries), "{after} s after, once more");
    }
    for hour in 1..12 {
        market.advance_to(failed_at + TimeDelta::hours(hour)).await;
    }
    let mut owner = market.database.owner().await;
    let wait = "select extract(epoch from try_again_at)::int8 from stuck_jobs";
    let again: i64 = sqlx::query_scalar(wait).fetch_one(&mut owner).await.unwrap();
    assert_eq!(again - market.now().timestamp(), 600, "never longer than ten minutes");
    assert_eq!(told(&market, &market.admin().await).await.len(), 1, "it is told once");
}

#[tokio::test]
async fn what_is_no_longer_due_is_no_longer_stuck() {
    let market = Market::open().await;
    let lease = market.lease(&market.offer().approval().await).await;
    let sql = format!(
        "alter table leases add constraint broken check (id <> '{}' or end_code <> 'not_approved_in_time')
             not valid",
        market.uuid(&lease.id)
    );
    by_hand(&market, sql).await;
    market.advance(Span::hours(1)).await;
    assert_eq!(stuck(&market, "leases.lapse_due").await, 1);
    let sql = format!(
        "update leases set status = 'rejected', revision = revision + 1, price = 0, ended_at = starts_at,
             ended_by = 'the operator', end_code = 'rejected', end_reason = 'by hand'
         where id = '{0}';
         update tranches set price = 0 where lease_id = '{0}'",
        market.uuid(&lease.id)
    );
    by_hand(&market, sql).await;
    market.advance(seconds(60)).await;
    assert_eq!(stuck(&market, "leases.lapse_due").await, 0);
    assert_eq!(told(&market, &market.admin().await).await[0].0, "job.cleared");
}

#[tokio::test]
async fn a_job_that_fails_as_a_whole_keeps_no_other_from_running() {
    let market = Market::open().await;
    let lease = market.lease(&market.offer().await).await;
    by_hand(&market, "alter table refresh_tokens rename to refresh_tokens_elsewhere".into()).await;
    market.app.clock.set_offset_us(TimeDelta::hours(2).num_microseconds().unwrap());
    let failed = wiring::run_due(&market.app).await.unwrap_err();
    assert!(failed.to_string().contains("refresh_tokens"), "{failed}");
    by_hand(&market, "alter table refresh_tokens_elsewhere rename to refresh_tokens".into()).await;
    assert_eq!(lease.show(&market).await["status"], "active");
}
