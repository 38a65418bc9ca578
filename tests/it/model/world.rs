//! A run: the market, what its tables said last, and what has happened so far.

use std::collections::BTreeMap;

use leasehold::app::App;
use leasehold::capacity::{self, rules};
use leasehold::kernel::{LeaseId, PoolId, QuotaId};
use leasehold::wiring;
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::Tally;
use super::acts;
use super::checks::{self, Complaint, complaint, short};
use super::counts::{self, Standing};
use super::dice::Dice;
use super::scene::Scene;
use super::sums::{self, Served};
use super::truth::{At, Lease, Truth};
use crate::support::{Answer, Market, User};

pub struct World<'m> {
    pub market: &'m Market,
    pub scene: Scene,
    /// Kept open, for reading the tables.
    owner: PgConnection,
    /// What the tables said after the last act that changed something.
    pub truth: Truth,
    /// Leases that nothing can happen to any more, for what is counted by month.
    past: Vec<Lease>,
    settled: Vec<Uuid>,
    /// Notices that run, with the schedules against which they were served.
    pub served: Served,
    /// Plans that were made and not carried out, by their wire ids.
    pub plans: Vec<String>,
    /// Cancellation quotes by the lease they are of.
    pub cancellation_quotes: Vec<(Uuid, String)>,
    pub story: Vec<String>,
    pub tally: Tally,
    /// What the present act is called, and what came of it.
    act: &'static str,
    has_changed: bool,
    found: Vec<Complaint>,
    /// It changes limits, so more may be exceeded after it.
    pub moves_limits: bool,
    standings: BTreeMap<Uuid, Standing>,
}

impl<'m> World<'m> {
    pub async fn of(market: &'m Market) -> World<'m> {
        let scene = Scene::of(market).await;
        let mut owner = market.database.owner().await;
        let truth = Truth::read(&mut owner, market.now(), &[]).await;
        World {
            market,
            scene,
            owner,
            truth,
            past: Vec::new(),
            settled: Vec::new(),
            served: Served::new(),
            plans: Vec::new(),
            cancellation_quotes: Vec::new(),
            story: Vec::new(),
            tally: Tally::new(),
            act: "",
            has_changed: false,
            found: Vec::new(),
            moves_limits: false,
            standings: BTreeMap::new(),
        }
    }

    pub fn now(&self) -> At {
        self.market.now()
    }

    fn servers(&self) -> Vec<App> {
        std::iter::once(&self.market.app).chain(&self.market.others).cloned().collect()
    }

    /// Does one act, and says what does not hold after it.
    pub async fn step(&mut self, dice: &mut Dice) -> Vec<Complaint> {
        self.has_changed = false;
        self.moves_limits = false;
        let server = dice.below(1 + self.market.others.len());
        self.market.next_server(server);
        Box::pin(acts::act(self, dice)).await;
        if self.has_changed || dice.chance(10) {
            let now = self.now();
            let after = Truth::read(&mut self.owner, now, &self.settled).await;
            let before = std::mem::replace(&mut self.truth, after);
            self.check(&before, dice).await;
        }
        std::mem::take(&mut self.found)
    }

    /// Sends `body` as `user`; a server error is a fault whatever the act was.
    pub async fn send(
        &mut self,
        name: &'static str,
        user: &User,
        path: String,
        body: Value,
    ) -> Answer {
        self.act = name;
        let answer = self.market.as_(user).post(&path, body.clone()).await;
        let status = answer.status.as_u16();
        let told = answer.body["code"].as_str().unwrap_or_default().to_owned();
        *self.tally.entry((name, status, told.clone())).or_default() += 1;
        let id = answer.body["id"].as_str().unwrap_or_default();
        self.story.push(format!("{} {name} {path} {body} → {status} {told}{id}", self.now()));
        self.has_changed |= answer.status.is_success();
        if status >= 500 {
            self.found.push(complaint(
                "server error",
                Uuid::nil(),
                format!("{name}: {}", answer.text),
            ));
        }
        answer
    }

    /// Lets time pass until `at`, on the server `place`.
    pub async fn pass(&mut self, at: At, place: usize) {
        self.act = "time";
        let delta = (at - self.now()).num_microseconds().expect("it is not long");
        let app = self.servers().swap_remove(place);
        app.clock.set_offset_us(app.clock.offset_us() + delta);
        *self.tally.entry(("time", 200, String::new())).or_default() += 1;
        self.story.push(format!("{at} time passes; server {place} looks what is due"));
        for job in wiring::jobs(false) {
            if let Err(problem) = job.run_until_idle(&app).await {
                let text = format!("{}: {} {}", job.name, problem.code(), problem.detail());
                self.found.push(complaint("job", Uuid::nil(), text));
            }
        }
        self.has_changed = true;
    }

    async fn check(&mut self, before: &Truth, dice: &mut Dice) {
        let now = self.now();
        let pools: Vec<(Uuid, i32)> =
            self.scene.pools.iter().map(|pool| (pool.id.0, pool.units)).collect();
        self.found.extend(checks::plane(&self.truth, now));
        self.found.extend(checks::undelivered(&self.truth, now, &pools));
        self.found.extend(sums::money(&self.truth));
        self.found.extend(sums::promises(before, &self.truth, &self.served));
        if self.act == "time" {
            self.found.extend(checks::due(&self.truth, now));
            self.found.extend(checks::volunteers(&self.truth, now));
        }
        self.check_memory().await;
        self.check_quotas().await;
        self.check_shown(dice).await;
        let open = |id: &Uuid| self.truth.case(*id).is_some_and(|case| case.wakes_at.is_some());
        self.served.retain(|id, _| open(id));
        let settled = self.truth.settled_leases();
        let past = self.truth.leases.iter().filter(|lease| settled.contains(&lease.id));
        self.past.extend(past.cloned());
        // What quotas count by month is over two months later.
        self.past.retain(|lease| lease.ends_at + chrono::TimeDelta::days(62) > now);
        self.truth.leases.retain(|lease| !settled.contains(&lease.id));
        self.settled.extend(settled);
    }

    /// Each server's planes are what the rows say.
    async fn check_memory(&mut self) {
        let now = self.now();
        for (server, app) in self.servers().into_iter().enumerate() {
            let ids: Vec<PoolId> = self.scene.pools.iter().map(|pool| pool.id).collect();
            let planes = capacity::planes(&app);
            let mut connection = app.db.acquire().await.expect("a connection");
            planes.refresh(&mut connection, &ids, now).await.expect("the planes are read");
            for pool in ids {
                let remembered = planes.look(pool, |plane| {
                    let standing =
                        plane.rects().iter().filter(|it| it.window.until > capacity::instant(now));
                    let mut all: Vec<_> = standing.map(rectangle).collect();
                    all.sort_unstable();
                    all
                });
                let rows = self.truth.rects.iter().filter(|row| row.pool_id == pool.0);
                let micros = |at: Option<At>, none| at.map_or(none, capacity::instant);
                let mut written: Vec<_> = rows
                    .map(|row| {
                        let from = micros(row.from, rules::BEGINNING_OF_TIME);
                        let until = micros(row.until, rules::END_OF_TIME);
                        (row.id, row.first_unit, row.end_unit, from, until, row.purpose.clone())
                    })
                    .collect();
                written.sort_unstable();
                let remembered = remembered.unwrap_or_default();
                if remembered != written {
                    let text =
                        format!("server {server} has {remembered:?}, written is {written:?}");
                    self.found.push(complaint("memory", pool.0, text));
                }
            }
        }
    }

    /// Each server's quota books are what the leases and quotes say, and no act but a new limit makes more
    /// of a quota exceeded.
    async fn check_quotas(&mut self) {
        let now = self.now();
        let mut standings = BTreeMap::new();
        for quota in &self.truth.quotas {
            let Some(standing) = counts::standing(quota, &self.truth, &self.past, now) else {
                continue;
            };
            let before = self.standings.get(&quota.id);
            if !self.moves_limits && before.is_some_and(|before| standing.over > before.over) {
                let text = format!(
                    "{} {} is exceeded: {before:?}, now {standing:?}",
                    quota.dimension,
                    short(quota.id)
                );
                self.found.push(complaint("exceeded", quota.id, text));
            }
            standings.insert(quota.id, standing);
        }
        self.standings = standings;
        for tenant in &self.scene.tenants {
            if !self.truth.quotas.iter().any(|quota| quota.organization_id == tenant.uuid) {
                continue;
            }
            let shown = self.market.as_(&tenant.key).get("/v1/quotas").await;
            if !shown.status.is_success() {
                self.found.push(complaint("shown", tenant.uuid, shown.text));
                continue;
            }
            for shown in shown.body["items"].as_array().expect("a list") {
                let quota =
                    self.truth.quotas.iter().find(|it| QuotaId(it.id).to_string() == shown["id"]);
                let counted = quota.and_then(|quota| Some((quota, self.standings.get(&quota.id)?)));
                let wrong =
                    counted.and_then(|(quota, standing)| counts::compare(quota, standing, shown));
                self.found.extend(wrong);
            }
        }
    }

    /// A lease is shown to its tenant as it is written.
    async fn check_shown(&mut self, dice: &mut Dice) {
        let Some(lease) = dice.pick(&self.truth.leases) else { return };
        let tenant = self.scene.tenant(lease.tenant_id);
        let path = format!("/v1/leases/{}", LeaseId(lease.id));
        let answer = self.market.as_(&tenant.key).get(path).await;
        let view = &answer.body;
        let lines = view["schedule"].as_array().cloned().unwrap_or_default();
        let is_line = |(line, tranche): (&Value, &super::truth::Tranche)| {
            line["units"] == json!(tranche.units)
                && line["gpus"] == json!(tranche.gpus)
                && line["starts_at"] == json!(tranche.starts_at)
                && line["ends_at"] == json!(tranche.ends_at)
                && line["price"] == json!(format!("{:.2}", tranche.price))
        };
        let is_same = answer.status.is_success()
            && lines.len() == lease.tranches.len()
            && lines.iter().zip(&lease.tranches).all(is_line)
            && view["status"] == json!(lease.status)
            && view["price"] == json!(format!("{:.2}", lease.price))
            && view["revision"] == json!(lease.revision)
            && answer.revision() == i64::from(lease.revision)
            && view["noticed"] == json!(lease.noticed);
        if !is_same {
            let text = format!("{} is written so: {lease:?}", answer.text);
            self.found.push(complaint("shown", lease.id, text));
        }
    }
}

fn rectangle(rect: &rules::Rect) -> (Uuid, i32, i32, i64, i64, String) {
    let unit = |unit: u32| i32::try_from(unit).expect("few units");
    let (from, until) = (rect.window.from, rect.window.until);
    let purpose = rect.purpose.as_str().to_owned();
    (rect.id, unit(rect.units.from), unit(rect.units.until), from, until, purpose)
}
