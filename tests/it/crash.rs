//! `kill -9` of the server and of PostgreSQL in the middle of a load of bookings: what was
//! acknowledged is there afterwards, nothing overlaps, and the log proves itself.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leasehold::db::embedded::PrivatePostgres;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{Answer, Database, Market, Offer, User, id_of};

/// How long bookings go on before something is killed, and after.
const STRETCH: Duration = Duration::from_millis(1500);

/// What the clients were told.
#[derive(Default)]
struct Told {
    /// Leases that were acknowledged.
    acknowledged: BTreeSet<String>,
    refused: usize,
    /// Requests whose fate is unknown, because the connection broke, or 503.
    unknown: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_server_and_database_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    // PostgreSQL runs as another user when the tests run as root; it must be able to walk in.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let data = folder.path().join("data");
    let postgres = PrivatePostgres::start(&data, None).await.expect("a private PostgreSQL");
    leasehold::db::migrate(&postgres.connect_options()).await.unwrap();
    let database = Database::elsewhere(postgres.connect_options(), postgres.url());
    let mut market = Market::open_processes(database, 1).await;
    let offer = market.offer().units(400).gpus_per_unit(1).await;
    let tenant = market.tenant().await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(market.key(&tenant, "manager").await);
    }
    let told = Arc::new(Mutex::new(Told::default()));

    load(&market, &offer, &clients, &told, 0, async {
        tokio::time::sleep(STRETCH).await;
    })
    .await;
    let before = told.lock().unwrap().acknowledged.len();
    assert!(before > 20, "only {before} bookings; the load is no load");

    // The server dies in the middle of bookings and is started again.
    let server = market.process_id();
    load(&market, &offer, &clients, &told, 1, async {
        tokio::time::sleep(STRETCH / 3).await;
        kill(Pid::from_raw(server), Signal::SIGKILL).unwrap();
        tokio::time::sleep(STRETCH / 3).await;
    })
    .await;
    market.kill_process().await;
    market.start_process().await;

    // PostgreSQL dies in the middle of bookings and comes back by itself; the server lives on.
    let postmaster = std::fs::read_to_string(data.join("postgres/postmaster.pid")).unwrap();
    let postmaster: i32 = postmaster.lines().next().unwrap().trim().parse().unwrap();
    load(&market, &offer, &clients, &told, 2, async {
        tokio::time::sleep(STRETCH / 3).await;
        kill(Pid::from_raw(postmaster), Signal::SIGKILL).unwrap();
        wait_until_ready(&market).await;
        tokio::time::sleep(STRETCH).await;
    })
    .await;

    let told = Arc::into_inner(told).unwrap().into_inner().unwrap();
    assert!(told.acknowledged.len() > before, "bookings go on after the restarts");
    assert!(told.unknown > 0, "something was in flight when it was killed");
    assert_nothing_lost(&market, &tenant.owner, &told).await;
    assert_nothing_overlaps(&market).await;
    assert_log_proves_itself(&market).await;
    drop(market);
    postgres.stop().await.unwrap();
}

impl Told {
    fn note(&mut self, sent: reqwest::Result<Answer>) {
        match sent {
            Ok(answer) if answer.status.as_u16() == 201 => {
                self.acknowledged.insert(id_of(&answer.body));
            }
            Ok(answer) if answer.status.as_u16() == 503 => self.unknown += 1,
            Ok(answer) => {
                answer.assert_problem();
                self.refused += 1;
            }
            Err(_) => self.unknown += 1,
        }
    }
}

/// Books single GPUs from all `clients` at once until `meanwhile` is over.
async fn load(
    market: &Market,
    offer: &Offer,
    clients: &[User],
    told: &Mutex<Told>,
    round: i64,
    meanwhile: impl Future<Output = ()>,
) {
    let is_over = AtomicBool::new(false);
    let book = |number: usize, client: User| {
        let is_over = &is_over;
        async move {
            let mut hour = 2 + round * 1000;
            while !is_over.load(Ordering::Relaxed) {
                hour += 1;
                let window = market.window(hour + i64::try_from(number).unwrap(), 6);
                let body = crate::support::booking(offer, 1, window);
                let sent = market.as_(&client).post("/v1/leases", body).try_send().await;
                let is_down = sent.is_err();
                told.lock().unwrap().note(sent);
                if is_down {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    };
    let all = futures::future::join_all(
        clients.iter().cloned().enumerate().map(|(number, client)| book(number, client)),
    );
    let end = async {
        meanwhile.await;
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(all, end);
}

/// Waits until the database is back.
async fn wait_until_ready(market: &Market) {
    for _ in 0..600 {
        let answer = market.as_nobody().get("/health/ready").try_send().await;
        if answer.is_ok_and(|answer| answer.status.is_success()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the database does not come back within half a minute");
}

/// Every acknowledged lease is in the tenant's list, and has its units on the plane.
async fn assert_nothing_lost(market: &Market, tenant: &User, told: &Told) {
    let mut listed = BTreeSet::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut request = market.as_(tenant).get("/v1/leases").query(&[("limit", "200")]);
        if let Some(cursor) = &cursor {
            request = request.query(&[("cursor", cursor)]);
        }
        let page = request.await.expect(200);
        listed.extend(page["items"].as_array().unwrap().iter().map(id_of));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    let lost: Vec<&String> = told.acknowledged.difference(&listed).collect();
    assert!(lost.is_empty(), "{} acknowledged leases are gone: {lost:?}", lost.len());
    let unknown = listed.difference(&told.acknowledged).count();
    assert!(unknown <= told.unknown, "{unknown} leases that nobody asked for");

    let mut owner = market.database.owner().await;
    let unplaced: i64 = sqlx::query_scalar(
        "select count(*) from tranches t where not exists (
             select from allocations a where a.owner_id = t.id and not isempty(a.during))",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(unplaced, 0, "leases without units");
}

/// Two rectangles never share a unit at an instant. The constraint says so; this asks the rows.
async fn assert_nothing_overlaps(market: &Market) {
    let mut owner = market.database.owner().await;
    let overlapping: i64 = sqlx::query_scalar(
        "select count(*) from allocations a join allocations b
             on a.pool_id = b.pool_id and a.id < b.id and a.units && b.units and a.during && b.during",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(overlapping, 0);
}

/// The log verifies, and holds an entry for every lease.
async fn assert_log_proves_itself(market: &Market) {
    let admin = market.admin().await;
    let report: Value =
        market.as_(admin).post("/v1/audit/verify", serde_json::json!({})).await.expect(200);
    assert_eq!(report["is_intact"], true, "{report}");
    let mut owner = market.database.owner().await;
    let unlogged: i64 = sqlx::query_scalar(
        "select (select count(*) from leases)
              - (select count(*) from audit_records where action = 'lease.booked')",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(unlogged, 0, "leases and their log entries come and go together");
}
