//! The log: sealed, proved, and closed to whoever would change it.

use futures::future::join_all;
use leasehold::audit::{self, FindingKind, KnownSeal, Report};
use leasehold::db::{self, log::Entry};
use leasehold::kernel::event::Event;
use leasehold::wiring;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::Market;

/// What is wrong, under which seal, with which record.
type Named = (FindingKind, i64, Option<i64>);

async fn act(market: &Market, number: usize) {
    let mut act = market.app.begin_job("tests.act").await.unwrap();
    let after = serde_json::json!({ "number": number, "exact": 9_007_199_254_740_993_i64 });
    act.log(
        Entry::new(Event::SiteChanged, format!("thing_{number}")).after(after).reason("to see"),
    );
    act.commit().await.unwrap();
}

/// Acts one after the other, a seal after each; proves that this log is intact.
async fn sealed_market(acts: usize) -> Market {
    let market = Market::open().await;
    for number in 1..=acts {
        act(&market, number).await;
        seal_all(&market).await;
    }
    market
}

/// Lets the sealer alone do its work, so that only the acts of the test are in the log.
async fn seal(market: &Market) {
    let sealer = wiring::jobs(false).into_iter().find(|job| job.name == "audit.seal").unwrap();
    sealer.run_until_idle(&market.app).await.unwrap();
}

/// Seals until nothing is left. Transactions of other tests on the same server can hold it up.
async fn seal_all(market: &Market) -> Report {
    for _ in 0..1000 {
        seal(market).await;
        let report = verify(market).await;
        if report.unsealed == 0 {
            return report;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the log is not sealed")
}

async fn verify(market: &Market) -> Report {
    audit::verify(&market.app, &[]).await.unwrap()
}

async fn run(connection: &mut PgConnection, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(connection).await.unwrap();
}

#[tokio::test]
async fn every_act_is_sealed_once_and_the_chain_is_proved() {
    let market = sealed_market(3).await;
    let report = verify(&market).await;
    assert!(report.is_intact, "{:?}", report.findings);
    assert_eq!((report.seals, report.records, report.unsealed), (3, 3, 0));
    seal(&market).await;
    assert_eq!(verify(&market).await.seals, 3, "nothing new, no new seal");
}

#[tokio::test]
async fn the_servers_role_can_neither_change_nor_remove() {
    let market = sealed_market(1).await;
    let mut owner = market.database.owner().await;
    run(&mut owner, "set role leasehold_server").await;
    let mut served = market.app.db.acquire().await.unwrap();
    for statement in [
        "update audit_records set reason = 'better'",
        "delete from audit_records",
        "truncate audit_records",
        "update audit_seals set records = 0",
        "delete from audit_seals",
        "update audit_base set base = 1",
        "alter table audit_records disable trigger all",
        "drop table audit_seals",
        "insert into audit_records (seq, at, actor, action, subject, reason, request_id)
             overriding system value values (1, '2027-01-04', 'a', 'b', 'c', 'd', 'e')",
    ] {
        for connection in [&mut owner, &mut *served] {
            let refused = sqlx::raw_sql(statement).execute(connection).await.unwrap_err();
            let code = refused.as_database_error().and_then(|error| error.code());
            let code = code.as_deref().unwrap_or_default();
            // Insufficient privilege; or, for a record that is there already, its key.
            assert!(code == "42501" || code == "23505", "{statement}: {refused}");
        }
    }
    assert!(verify(&market).await.is_intact);
}

#[tokio::test]
async fn whatever_the_owner_changes_is_found_and_named() {
    use FindingKind::{RecordAdded, RecordChanged, RecordMissing, SealChanged, SealMissing};
    let market = sealed_market(5).await;
    let mut owner = market.database.owner().await;
    run(
        &mut owner,
        "create table saved_records as select * from audit_records;
         create table saved_seals as select * from audit_seals",
    )
    .await;
    let third = "(select until_transaction - 1 from audit_seals where number = 3)";
    let add = format!(
        "insert into audit_records (transaction, seq, at, actor, action, subject, reason, request_id)
             overriding system value
         values ({third}, 99, '2027-01-04', 'user_1', 'site.changed', 'thing_9', '', '')"
    );
    let before_all = add.replace(third, "-5");
    let cases: [(&str, &[Named]); 12] = [
        (
            "update audit_records set reason = 'to hide' where seq = 3",
            &[(RecordChanged, 3, Some(3))],
        ),
        (
            r#"update audit_records set after = '{"number": 3, "exact": 9007199254740992}'
               where seq = 3"#,
            &[(RecordChanged, 3, Some(3))],
        ),
        (
            "update audit_records set at = at + interval '1 microsecond' where seq = 5",
            &[(RecordChanged, 5, Some(5))],
        ),
        ("delete from audit_records where seq = 3", &[(RecordMissing, 3, Some(3))]),
        (&add, &[(RecordAdded, 3, Some(99))]),
        (&before_all, &[(RecordAdded, 1, Some(99))]),
        (
            "update audit_records set transaction =
                 (select until_transaction - 1 from audit_seals where number = 4) where seq = 3",
            &[(RecordMissing, 3, Some(3)), (RecordAdded, 4, Some(3))],
        ),
        (
            "update audit_seals set root = sha256('other') where number = 3",
            &[(SealChanged, 3, None)],
        ),
        (
            "update audit_seals set sealed_at = sealed_at - interval '1 day' where number = 3",
            &[(SealChanged, 3, None)],
        ),
        ("delete from audit_seals where number = 3", &[(SealMissing, 3, None)]),
        ("delete from audit_seals where number = 1", &[(SealMissing, 1, None)]),
        (
            "update audit_seals set leaves = decode(repeat('00', 16), 'hex') where number = 3;
             delete from audit_records where seq = 3",
            &[(RecordMissing, 3, Some(0))],
        ),
    ];
    for (tampering, expected) in cases {
        run(&mut owner, tampering).await;
        let report = verify(&market).await;
        let found: Vec<_> = report
            .findings
            .iter()
            .map(|finding| (finding.kind, finding.seal, finding.record))
            .collect();
        assert!(!report.is_intact, "{tampering}");
        assert_eq!(found, expected, "{tampering}");
        run(
            &mut owner,
            "delete from audit_records; delete from audit_seals;
             insert into audit_records overriding system value select * from saved_records;
             insert into audit_seals select * from saved_seals",
        )
        .await;
        let restored = verify(&market).await;
        assert!(restored.is_intact, "restored after {tampering}: {:?}", restored.findings);
    }
}

#[tokio::test]
async fn a_chain_that_was_made_anew_is_found_by_a_published_root() {
    let market = sealed_market(2).await;
    let published = verify(&market).await.last_seal.unwrap();
    assert_eq!(published.number, 2);
    let known = [published];
    assert!(audit::verify(&market.app, &known).await.unwrap().is_intact);
    let mut owner = market.database.owner().await;
    run(
        &mut owner,
        "update audit_records set reason = 'to hide' where seq = 1; delete from audit_seals",
    )
    .await;
    assert!(seal_all(&market).await.is_intact, "from inside it looks well");
    let report = audit::verify(&market.app, &known).await.unwrap();
    assert!(!report.is_intact);
    let kind = report.findings[0].kind;
    assert!(matches!(kind, FindingKind::SealMissing | FindingKind::SealChanged), "{kind:?}");
    let beyond = [KnownSeal { number: 7, root: known[0].root }];
    let report = audit::verify(&market.app, &beyond).await.unwrap();
    assert_eq!(report.findings[0].kind, FindingKind::SealMissing);
}

#[tokio::test]
async fn an_act_that_is_still_running_is_sealed_after_it_ended() {
    let market = Market::open().await;
    let mut slow = market.app.db.begin().await.unwrap();
    let call = leasehold::api::Call::server("tests.slow");
    let author = db::log::Author::of(&call);
    let entry = Entry::new(Event::SiteChanged, "thing_0");
    let mut writes = leasehold::db::writes::Writes::default();
    leasehold::app::traces::leave(&mut writes, market.now(), &[(&author, &entry)], &[]);
    writes.execute(&mut slow).await.unwrap();
    act(&market, 1).await;
    seal(&market).await;
    assert_eq!(verify(&market).await.records, 0, "the slow one comes first, so nothing is final");
    slow.commit().await.unwrap();
    let report = seal_all(&market).await;
    assert!(report.is_intact, "{:?}", report.findings);
    assert_eq!(report.records, 2);
}

#[tokio::test]
async fn sealers_and_acts_at_once_lose_nothing() {
    let market = Market::open().await;
    let acts = join_all((0..8).map(|worker| {
        let market = &market;
        async move {
            for number in 0..20 {
                act(market, worker * 100 + number).await;
            }
        }
    }));
    let sealers = join_all((0..3).map(|_| async {
        for _ in 0..30 {
            seal(&market).await;
        }
    }));
    futures::join!(acts, sealers);
    let report = seal_all(&market).await;
    assert!(report.is_intact, "{:?}", report.findings);
    assert_eq!(report.records, 160);
}

#[tokio::test]
async fn the_order_goes_on_after_a_restore_into_a_young_database_server() {
    let market = Market::open().await;
    let mut owner = market.database.owner().await;
    run(&mut owner, "update audit_base set base = 1000000000000").await;
    act(&market, 1).await;
    seal_all(&market).await;
    act(&market, 2).await;
    // A dump restored elsewhere meets transaction numbers that are lower than the ones in it.
    run(&mut owner, "update audit_base set base = 0").await;
    db::migrate(&market.database.options()).await.unwrap();
    act(&market, 3).await;
    let report = seal_all(&market).await;
    assert!(report.is_intact, "{:?}", report.findings);
    assert_eq!(report.records, 3);
    let in_order: bool = sqlx::query_scalar(
        "select array_agg(seq order by transaction, seq) = array_agg(seq order by seq)
         from audit_records",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert!(in_order);
}
