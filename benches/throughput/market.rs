//! The market that is loaded: a provider and a tenant made through the interface, and masses of leases
//! copied by SQL from one that was booked.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use leasehold::cli::Client;
use leasehold::db::embedded::PrivatePostgres;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::runtime::Runtime;

use super::server::{LEASEHOLD, Server};
use super::wire;

const PASSWORD: &str = "correct horse battery";

/// A provider that lists, and a tenant that books.
pub struct Market {
    runtime: Runtime,
    database: PgConnection,
    provider: Client,
    tenant: Client,
    tenant_key: String,
    site: String,
    terms: String,
    /// The next full hour; everything begins after it.
    start: DateTime<Utc>,
    pools: usize,
    requests: std::cell::Cell<usize>,
}

/// Another tenant.
pub struct Tenant {
    pub id: String,
    client: Client,
    key: String,
}

/// A pool with its offer.
pub struct Pool {
    pub id: String,
    offer: String,
    gpus_per_unit: usize,
}

/// Makes a database beside the market's.
pub fn create_database(
    runtime: &Runtime,
    postgres: &PrivatePostgres,
    name: &str,
) -> anyhow::Result<()> {
    runtime.block_on(async {
        let mut connection = PgConnection::connect_with(&postgres.connect_options()).await?;
        connection.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await?;
        Ok(connection.close().await?)
    })
}

impl Market {
    /// Registers and verifies the two, and gives them API keys. Servers come and go, on one address.
    pub fn open(postgres: &PrivatePostgres, server: &Server) -> anyhow::Result<Self> {
        make_admin(postgres, &server.program)?;
        let runtime = Runtime::new()?;
        let server = format!("http://{}", server.address);
        let database = runtime.block_on(PgConnection::connect_with(&postgres.connect_options()))?;
        let (provider, tenant, tenant_key) = runtime.block_on(async {
            let nobody = Client::at(&server, None)?;
            let admin = admin(&nobody).await?;
            let (_, provider) = register(&nobody, &admin, "provider").await?;
            let (_, tenant) = register(&nobody, &admin, "tenant").await?;
            anyhow::Ok((
                Client::at(&server, Some(provider))?,
                Client::at(&server, Some(tenant.clone()))?,
                tenant,
            ))
        })?;
        let (site, terms) = runtime.block_on(async {
            let site = json!({
                "name": "Bench", "country": "DE", "power_mw": "100000", "pue": "1.2",
            });
            let site = id(&provider.post("/v1/sites", &site).await?.body);
            let recall = json!({
                "ground": "recall.callable", "invocable_by": ["provider"], "action_max": "full",
                "notice": "P7D", "approvals": { "admin": 1 },
                "compensation": { "prorata_refund": true, "multiple": "0.1" },
            });
            let terms = json!({ "name": "callable", "clauses": [recall] });
            anyhow::Ok((site, id(&provider.post("/v1/reclaim-terms", &terms).await?.body)))
        })?;
        #[expect(clippy::disallowed_methods, reason = "a real server runs by the real clock")]
        let hour = Utc::now() + TimeDelta::hours(1);
        let start = hour.with_minute(0).and_then(|hour| hour.with_second(0)).unwrap_or(hour);
        let start = start.with_nanosecond(0).unwrap_or(start);
        let requests = std::cell::Cell::new(0);
        Ok(Self {
            runtime,
            database,
            provider,
            tenant,
            tenant_key,
            site,
            terms,
            start,
            pools: 0,
            requests,
        })
    }

    /// Registers another tenant, to book as it for a while.
    pub fn other_tenant(&self, name: &str) -> anyhow::Result<Tenant> {
        let server = self.tenant.server().to_owned();
        let (id, key) = self.runtime.block_on(async {
            let nobody = Client::at(&server, None)?;
            register(&nobody, &admin(&nobody).await?, name).await
        })?;
        Ok(Tenant { id, client: Client::at(&server, Some(key.clone()))?, key })
    }

    /// Books as `tenant` from now on, and keeps the one before in its place.
    pub fn change_places(&mut self, tenant: &mut Tenant) {
        std::mem::swap(&mut self.tenant, &mut tenant.client);
        std::mem::swap(&mut self.tenant_key, &mut tenant.key);
    }

    /// Sets five quotas of an organization, far above all that is booked.
    pub fn set_quotas(&self, organization: &str) -> anyhow::Result<()> {
        let quotas = [
            ("concurrent_gpus", "100000000"),
            ("concurrent_mw", "1000000"),
            ("gpu_hours_per_month", "1000000000000"),
            ("spend_per_month", "1000000000000"),
            ("longest_lease", "P3650D"),
        ];
        self.runtime.block_on(async {
            let admin = admin(&Client::at(self.tenant.server(), None)?).await?;
            for (dimension, limit) in quotas {
                let quota = json!({
                    "organization_id": organization, "dimension": dimension, "limit": limit,
                    "reason": "bench",
                });
                admin.post("/v1/quotas", &quota).await?;
            }
            Ok(())
        })
    }

    /// A pool of `units` units with a published offer of all of it.
    pub fn pool(&mut self, units: usize, gpus_per_unit: usize) -> anyhow::Result<Pool> {
        self.pools += 1;
        let pool = json!({
            "site_id": self.site,
            "name": format!("pool {}", self.pools),
            "accelerator": "h100-sxm",
            "gpus_per_unit": gpus_per_unit,
            "units": units,
            "kw_per_unit": "10",
            "pin_lead": "PT0S",
            "usable_from": self.start - TimeDelta::days(400),
        });
        self.runtime.block_on(async {
            let pool = id(&self.provider.post("/v1/pools", &pool).await?.body);
            let offer = json!({
                "name": format!("offer {}", self.pools),
                "pool_id": pool,
                "rate_per_gpu_hour": "2.50",
                "min_gpus": gpus_per_unit,
                "max_gpus": units * gpus_per_unit,
                "min_duration": "PT1S",
                "max_duration": "P1095D",
                "lead_time": "PT0S",
                "booking_mode": "instant",
                "cancellation": [],
                "terms_id": self.terms,
            });
            let offer = id(&self.provider.post("/v1/offers", &offer).await?.body);
            self.provider.post(&format!("/v1/offers/{offer}/publish"), &json!({})).await?;
            Ok(Pool { id: pool, offer, gpus_per_unit })
        })
    }

    /// The request that books `units` units, from `start` hours after the market's beginning on.
    pub fn booking(&self, pool: &Pool, units: usize, start: usize, hours: usize) -> Vec<u8> {
        let body = self.lease_body(pool, units, start + 24, hours).to_string();
        wire::post("/v1/leases", &self.tenant_key, self.next_request(), &body)
    }

    fn lease_body(&self, pool: &Pool, units: usize, start: usize, hours: usize) -> Value {
        let at = |hours: usize| self.start + TimeDelta::hours(i64::try_from(hours).unwrap_or(0));
        json!({ "tranches": [{
            "offer_id": pool.offer,
            "gpus": units * pool.gpus_per_unit,
            "starts_at": at(start),
            "ends_at": at(start + hours),
        }]})
    }

    /// A search; the index chooses what for.
    pub fn search(&self, index: usize) -> Vec<u8> {
        let gpus = [8, 16, 64, 8, 256][index % 5];
        let duration = ["P1D", "P7D", "PT6H", "P30D"][index % 4];
        let mut body = json!({ "gpus": gpus, "duration": duration });
        if !index.is_multiple_of(3) {
            let accelerator = ["h100-sxm", "h200", "b200", "a100"][index % 4];
            body["accelerators"] = json!([accelerator]);
        }
        if index.is_multiple_of(2) {
            let rate = ["2.20", "2.60", "3.10"][index % 3];
            body["max_rate"] = json!(rate);
        }
        if index.is_multiple_of(5) {
            let earliest = self.start + TimeDelta::days(i64::try_from(index % 90).unwrap_or(0));
            body["earliest"] = json!(earliest);
            body["latest"] = json!(earliest + TimeDelta::days(60));
        }
        wire::post("/v1/search", &self.tenant_key, self.next_request(), &body.to_string())
    }

    /// Plans to free `gpus` GPUs of `pool` for half a year, `times` times; says how long each took.
    pub fn plan(&self, pool: &Pool, gpus: usize, times: usize) -> anyhow::Result<Vec<Duration>> {
        let mut took = Vec::new();
        for number in 0..times {
            // A day for approvals, three in which nobody may read the notice, seven of notice, one to spare.
            let by = self.start + TimeDelta::days(12 + i64::try_from(number)?);
            let wish = json!({ "pool_id": pool.id, "gpus": gpus, "by": by, "duration": "P182D" });
            let started = Instant::now();
            let plan = self.runtime.block_on(self.provider.post("/v1/reclaim-plans", &wish))?.body;
            took.push(started.elapsed());
            anyhow::ensure!(
                plan["is_optimal"] == true,
                "a plan that may not be the cheapest: {plan}"
            );
        }
        took.sort_unstable();
        Ok(took)
    }

    fn next_request(&self) -> usize {
        self.requests.replace(self.requests.get() + 1)
    }

    /// Puts `count` live leases of one unit each on the pool, units 0 to `count`, ending within a year.
    pub fn fill(&mut self, pool: &Pool, count: i32) -> anyhow::Result<()> {
        let lease = self.book_template(pool)?;
        self.copy(
            &lease,
            &["create temp table wanted as
             select md5('unit ' || t.pool_id || i)::uuid as id, t.pool_id, int4range(i - 1, i) as units,
                 l.now - make_interval(days => 10 + i % 20) as starts_at,
                 l.now + make_interval(hours => 48 + i * 7919 % 8760) as ends_at
             from generate_series(1, $count) i, template_lease l, template_tranche t"],
            count,
        )
    }

    /// Makes `pools` pools of 64 units at many rates, with 1,000 leases each, running and to come.
    /// Stops `server` before, which would otherwise follow every one of them.
    pub fn fill_many(&mut self, server: Server, pools: i32) -> anyhow::Result<()> {
        let first = self.pool(64, 8)?;
        let lease = self.book_template(&first)?;
        drop(server);
        self.copy(&lease, &[
            "create temp table copied_pool as
             select md5('pool ' || i)::uuid as id, i from generate_series(1, $count) i",
            "insert into pools select r.* from template_pool p, copied_pool c,
                 jsonb_populate_record(p.row, jsonb_build_object('id', c.id, 'name', 'copy ' || c.i,
                     'accelerator_id', (array['h100-sxm', 'h200', 'b200', 'a100', 'mi300x'])[1 + c.i % 5])) r",
            "insert into planes select r.* from template_plane p, copied_pool c,
                 jsonb_populate_record(p.row, jsonb_build_object('pool_id', c.id)) r",
            "insert into deliveries select r.* from template_delivery d, copied_pool c,
                 jsonb_populate_record(d.row, jsonb_build_object('id', md5('delivery ' || c.i)::uuid,
                     'pool_id', c.id)) r",
            "insert into offers select r.* from template_offer o, copied_pool c,
                 jsonb_populate_record(o.row, jsonb_build_object('id', md5('offer ' || c.i)::uuid,
                     'pool_id', c.id, 'name', 'copy ' || c.i, 'rate_per_gpu_hour', 1.5 + c.i % 200 * 0.01)) r",
            // 50 of the 64 units have twenty leases each, one after the other, with gaps of hours.
            "create temp table wanted as
             select md5('lease ' || c.i || ' ' || u || ' ' || k)::uuid as id, c.id as pool_id,
                 int4range(u, u + 1) as units, s.starts_at,
                 s.starts_at + make_interval(hours => 120 + (u * 31 + k * 17 + c.i) % 300) as ends_at
             from template_lease l, copied_pool c, generate_series(0, 49) u, generate_series(0, 19) k,
                 lateral (select l.now + make_interval(hours => k * 432 - 100 + u) as starts_at) s",
        ], pools)
    }

    /// Books the lease that is copied, far beyond all copies and loads.
    fn book_template(&self, pool: &Pool) -> anyhow::Result<String> {
        let body = self.lease_body(pool, 1, 24 * 700, 1);
        let lease = self.runtime.block_on(self.tenant.post("/v1/leases", &body))?;
        Ok(id(&lease.body))
    }

    /// Runs `steps`, which make the table `wanted` out of the templates, and makes leases of it.
    fn copy(&mut self, lease: &str, steps: &[&str], count: i32) -> anyhow::Result<()> {
        let lease: leasehold::kernel::LeaseId = lease.parse()?;
        let templates = format!(
            "create temp table template_lease as select l as row,
                 date_trunc('hour', l.created_at) as now from leases l where l.id = '{}';
             create temp table template_tranche as select t as row, t.pool_id from tranches t
                 where t.lease_id = '{0}';
             create temp table template_allocation as select a as row from allocations a, template_tranche t
                 where a.owner_id = (t.row).id;
             create temp table template_pool as select p as row from pools p, template_tranche t where p.id = t.pool_id;
             create temp table template_plane as select p as row from planes p, template_tranche t where p.pool_id = t.pool_id;
             create temp table template_delivery as select d as row from deliveries d, template_tranche t where d.pool_id = t.pool_id;
             create temp table template_offer as select o as row from offers o, template_tranche t where o.pool_id = t.pool_id;",
            lease.0
        );
        const COPY: [&str; 5] = [
            "insert into leases select r.* from template_lease l, wanted w,
                 jsonb_populate_record(l.row, jsonb_build_object('id', w.id, 'starts_at', w.starts_at,
                     'ends_at', w.ends_at, 'status', case when w.starts_at < l.now
                         then 'active' else 'scheduled' end)) r",
            "insert into tranches select r.* from template_tranche t, wanted w,
                 jsonb_populate_record(t.row, jsonb_build_object('id', md5('tranche' || w.id)::uuid,
                     'line_id', md5('tranche' || w.id)::uuid, 'lease_id', w.id, 'pool_id', w.pool_id,
                     'starts_at', w.starts_at, 'ends_at', w.ends_at)) r",
            "update planes set version = version + 1 where pool_id in (select pool_id from wanted)",
            "insert into allocations select r.* from template_allocation a, wanted w, planes p,
                 jsonb_populate_record(a.row, jsonb_build_object('id', w.id,
                     'owner_id', md5('tranche' || w.id)::uuid, 'subject_id', w.id, 'pool_id', w.pool_id,
                     'units', w.units,
                     'during', tstzrange(w.starts_at, w.ends_at), 'pinned_at', w.starts_at,
                     'version', p.version)) r
             where p.pool_id = w.pool_id",
            "drop table template_lease, template_tranche, template_allocation, template_pool, template_plane,
                 template_delivery, template_offer, wanted",
        ];
        self.runtime.block_on(async {
            let mut transaction = self.database.begin().await?;
            transaction.execute(sqlx::AssertSqlSafe(templates)).await?;
            for step in steps.iter().chain(&COPY) {
                let step = step.replace("$count", &count.to_string());
                transaction.execute(sqlx::AssertSqlSafe(step)).await?;
            }
            transaction.commit().await?;
            self.database.execute("vacuum analyze").await?;
            Ok(())
        })
    }

    /// Replays a demand trace on `pool` with the command line; says the report, and which trace it was.
    pub fn replay(&self, pool: &Pool) -> anyhow::Result<(Value, String)> {
        let mut command = Command::new(LEASEHOLD);
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/data/trace-sample.csv");
        let trace = std::env::var("LEASEHOLD_TRACE").ok().filter(|path| Path::new(path).is_file());
        let label = match &trace {
            Some(path) => {
                command.args(["replay", path, "--days", "140-150"]);
                format!(
                    "{}, days 140-150",
                    Path::new(path).file_name().unwrap_or_default().display()
                )
            }
            None => {
                command.args(["replay", sample]);
                "the made-up sample".to_owned()
            }
        };
        // One client at a time: the bounds are counted in the order of arrival.
        let output = command
            .args(["--pool", &pool.id, "--lead", "7d", "--clients", "1", "--json"])
            .args(["--server", self.tenant.server()])
            .env("LEASEHOLD_TOKEN", &self.tenant_key)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            bail!("the replay failed: {}", String::from_utf8_lossy(&output.stdout));
        }
        Ok((serde_json::from_slice(&output.stdout)?, label))
    }
}

/// Staff, logged in anew: a session does not outlast the longer steps.
async fn admin(nobody: &Client) -> anyhow::Result<Client> {
    let token = log_in(nobody, "admin@bench.example").await?;
    Ok(Client::at(nobody.server(), Some(token))?)
}

fn make_admin(postgres: &PrivatePostgres, program: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(program)
        .args(["admin", "create", "--email", "admin@bench.example", "--password-stdin"])
        .envs(postgres.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut stdin = command.stdin.take().context("a pipe")?;
    std::io::Write::write_all(&mut stdin, format!("{PASSWORD}\n").as_bytes())?;
    drop(stdin);
    if !command.wait()?.success() {
        bail!("no admin could be made");
    }
    Ok(())
}

/// Registers an organization, has it verified, and says its id and an API key of its owner.
async fn register(nobody: &Client, admin: &Client, name: &str) -> anyhow::Result<(String, String)> {
    let kind = name.split(' ').next().unwrap_or_default();
    let name = name.replace(' ', "-");
    let email = format!("{name}@bench.example");
    let body = json!({
        "email": email, "password": PASSWORD, "name": "Owner",
        "organization": { "name": format!("Bench {name}"), "kinds": [kind] },
    });
    let registered = nobody.post("/v1/auth/register", &body).await?.body;
    let organization = id(&registered["organization"]);
    let path = format!("/v1/organizations/{organization}");
    admin.post(&format!("{path}/verify"), &json!({ "reason": "bench" })).await?;
    let user = Client::at(nobody.server(), Some(log_in(nobody, &email).await?))?;
    let key = json!({ "name": "bench", "role": "owner" });
    let key = user.post(&format!("{path}/api-keys"), &key).await?.body;
    Ok((organization, key["secret"].as_str().context("no secret")?.to_owned()))
}

async fn log_in(nobody: &Client, email: &str) -> anyhow::Result<String> {
    let body = json!({ "email": email, "password": PASSWORD });
    let tokens = nobody.post("/v1/auth/token", &body).await?.body;
    Ok(tokens["access_token"].as_str().context("no token")?.to_owned())
}

fn id(view: &Value) -> String {
    view["id"].as_str().unwrap_or_default().to_owned()
}
