//! Plays the story through the interface, each act by the one whose act it is, each on its day.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, anyhow};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::figures::{Cluster, Rates, Status, clusters};
use super::story::{BY_APPROVAL, Booking, Day, Fate, Limited, QUOTAS, TENANTS};
use super::terms::terms_body;
use super::{BEGINNING, LOG_INS, PASSWORD};
use crate::accounts;
use crate::app::App;
use crate::cli::Client;
use crate::kernel::Timestamp;
use crate::wiring;

/// Who registers last.
const LAST: &str = "Halcyon Drones";

/// What of the demo is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Part,
    Everything,
}

/// The one who plays all parts.
pub struct Player {
    app: App,
    server: String,
    today: Timestamp,
    nobody: Actor,
    /// Owners by the name of their organization; API keys, which outlive the leaps of the clock.
    owners: BTreeMap<String, Actor>,
    /// Offers by the name of their site.
    offers: BTreeMap<String, Offer>,
}

/// Somebody who acts through the interface.
struct Actor(Client);

impl Actor {
    fn new(server: &str, token: Option<String>) -> anyhow::Result<Self> {
        Ok(Self(Client::at(server, token)?))
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        Ok(self.0.post(path, body).await?.body)
    }

    async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        Ok(self.0.list(path, &[], 10_000).await?)
    }
}

struct Offer {
    id: String,
    provider: String,
    /// First and last offered unit's GPUs: the whole of it.
    gpus: u32,
}

/// Something that somebody does on a day, to the booking with this index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Book,
    Approve,
    Reject,
    Cancel,
    End,
    Recall,
    Notice,
    Appeal,
    Cure,
    Propose,
}

impl Player {
    /// A player at the beginning of the story; `app` serves at `server`.
    pub fn new(app: App, server: String, today: Timestamp) -> anyhow::Result<Self> {
        let nobody = Actor::new(&server, None)?;
        let (owners, offers) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { app, server, today, nobody, owners, offers })
    }

    /// What is there: the staff comes first, the last organization last.
    pub async fn found(&self) -> anyhow::Result<Found> {
        let Ok(admin) = self.log_in("admin@demo.example").await else { return Ok(Found::Nothing) };
        let organizations = admin.list("/v1/organizations").await?;
        let is_last = |organization: &Value| organization["name"] == LAST;
        Ok(if organizations.iter().any(is_last) { Found::Everything } else { Found::Part })
    }

    /// The staff of the marketplace.
    pub async fn appoint_staff(&self) -> anyhow::Result<()> {
        for (email, name, role) in [
            ("admin@demo.example", "Ada Admin", "admin"),
            ("legal@demo.example", "Lee Legal", "legal"),
            ("operations@demo.example", "Olu Operations", "operations"),
            ("admin2@demo.example", "Ben Admin", "admin"),
        ] {
            let person =
                json!({ "email": email, "name": name, "password": PASSWORD, "role": role });
            let person = serde_json::from_value(person)?;
            let appointed = accounts::create_admin(&self.app, person).await;
            appointed.map_err(|problem| anyhow!("{email}: {problem}"))?;
        }
        Ok(())
    }

    /// Providers with their sites, pools, terms and offers.
    pub async fn list_clusters(&mut self) -> anyhow::Result<()> {
        let clusters = clusters()?;
        let providers: BTreeSet<&str> =
            clusters.iter().map(|cluster| cluster.provider.as_str()).collect();
        let names: Vec<(String, String)> = providers
            .into_iter()
            .map(|name| (name.to_owned(), email_of(name, "provider")))
            .collect();
        self.register_all(&names, "provider").await?;

        let rates = Rates::read()?;
        let mut terms: BTreeMap<String, String> = BTreeMap::new();
        for cluster in &clusters {
            let owner = self.owner(&cluster.provider)?;
            let pool = self.list_pool(owner, cluster).await?;
            let rate = rates.rate(&cluster.provider, &cluster.accelerator);
            let (Some(rate), Status::Existing) = (rate, cluster.status) else { continue };
            let terms_id = match terms.get(&cluster.provider) {
                Some(id) => id.clone(),
                None => {
                    let version = owner.post("/v1/reclaim-terms", &terms_body()).await?;
                    let id = text(&version, "id");
                    terms.insert(cluster.provider.clone(), id.clone());
                    id
                }
            };
            let is_by_approval = BY_APPROVAL.contains(&cluster.site.as_str());
            let offer = json!({
                "name": format!("{} {}", cluster.site, cluster.accelerator),
                "pool_id": pool,
                "rate_per_gpu_hour": rate.to_string(),
                "min_gpus": cluster.gpus_per_unit,
                "max_gpus": cluster.units() * cluster.gpus_per_unit,
                "min_duration": "PT1H",
                "max_duration": "P1095D",
                "lead_time": "PT0S",
                "booking_mode": if is_by_approval { "approval" } else { "instant" },
                "cancellation": [
                    { "at_least_before": "P30D", "charge_share": "0" },
                    { "at_least_before": "P7D", "charge_share": "0.25" },
                    { "at_least_before": "PT0S", "charge_share": "0.5" },
                ],
                "terms_id": terms_id,
            });
            let offer = self.publish(owner, &offer).await?;
            let gpus = cluster.units() * cluster.gpus_per_unit;
            let provider = cluster.provider.clone();
            self.offers.insert(cluster.site.clone(), Offer { id: offer, provider, gpus });
        }
        Ok(())
    }

    /// A site with its pool; says the pool's id.
    async fn list_pool(&self, owner: &Actor, cluster: &Cluster) -> anyhow::Result<String> {
        let is_colossus = cluster.site == "Colossus 1";
        let stage = match cluster.status {
            Status::Planned => "planned",
            Status::Existing if is_colossus => "commissioning",
            Status::Existing => "operational",
        };
        let site = json!({
            "name": cluster.site,
            "country": cluster.country,
            "power_mw": cluster.power_mw.to_string(),
            "pue": cluster.pue().to_string(),
            "stage": stage,
        });
        let site = owner.post("/v1/sites", &site).await?;
        let mut pool = json!({
            "site_id": site["id"],
            "name": format!("{} × {}", cluster.gpus_per_unit, cluster.accelerator),
            "accelerator": cluster.accelerator,
            "gpus_per_unit": cluster.gpus_per_unit,
            "units": cluster.units(),
            "kw_per_unit": cluster.kw_per_unit().to_string(),
            "units_per_island": cluster.units().min(128),
        });
        if cluster.status == Status::Existing && !is_colossus {
            pool["usable_from"] = json!(self.app.now());
        }
        let pool = text(&owner.post("/v1/pools", &pool).await?, "id");
        if is_colossus {
            // Three steps within a month, the first in two weeks.
            for (first_unit, end_unit, day) in
                [(0, 9_000, 14), (9_000, 18_000, 28), (18_000, 27_500, 42)]
            {
                let delivery = json!({
                    "first_unit": first_unit,
                    "end_unit": end_unit,
                    "usable_from": self.midnight(day),
                });
                let path = format!("/v1/pools/{pool}/deliveries");
                owner.post(&path, &delivery).await?;
            }
        }
        Ok(pool)
    }

    /// 24 single GPUs, twice, to replay traces on: unit numbers handed out at the start, and 6 h ahead.
    pub async fn list_replay_yard(&mut self) -> anyhow::Result<()> {
        let name = "Replay Yard Compute";
        self.register_all(&[(name.into(), "yard@demo.example".into())], "provider").await?;
        let owner = self.owner(name)?;
        let site = json!({
            "name": "Replay yard", "country": "IS", "power_mw": "0.01", "pue": "1.1",
        });
        let site = owner.post("/v1/sites", &site).await?;
        let terms = json!({ "name": "Cannot be taken back", "clauses": [] });
        let terms = owner.post("/v1/reclaim-terms", &terms).await?;
        let rate = Rates::read()?.rate(name, "l4").context("the price list has no L4")?;
        for (name, pin_lead) in [("pins at the start", "PT0S"), ("pins 6 h ahead", "PT6H")] {
            let pool = json!({
                "site_id": site["id"],
                "name": format!("24 × L4, {name}"),
                "accelerator": "l4",
                "gpus_per_unit": 1,
                "units": 24,
                "kw_per_unit": "0.15",
                "pin_lead": pin_lead,
                "usable_from": self.app.now(),
            });
            let pool = owner.post("/v1/pools", &pool).await?;
            let offer = json!({
                "name": format!("Single L4, {name}"),
                "pool_id": pool["id"],
                "rate_per_gpu_hour": rate.to_string(),
                "min_gpus": 1,
                "max_gpus": 24,
                "min_duration": "PT1S",
                "max_duration": "P1095D",
                "lead_time": "PT0S",
                "booking_mode": "instant",
                "cancellation": [],
                "terms_id": terms["id"],
            });
            self.publish(owner, &offer).await?;
        }
        Ok(())
    }

    async fn publish(&self, owner: &Actor, offer: &Value) -> anyhow::Result<String> {
        let offer = text(&owner.post("/v1/offers", offer).await?, "id");
        owner.post(&format!("/v1/offers/{offer}/publish"), &json!({})).await?;
        Ok(offer)
    }

    /// The tenants of the story.
    pub async fn register_tenants(&mut self) -> anyhow::Result<()> {
        let names: Vec<(String, String)> =
            TENANTS.iter().map(|name| ((*name).to_owned(), email_of(name, "tenant"))).collect();
        self.register_all(&names, "tenant").await
    }

    /// Registers organizations by name and e-mail address of their owner, and has them verified.
    async fn register_all(&mut self, names: &[(String, String)], kind: &str) -> anyhow::Result<()> {
        let admin = self.log_in("admin@demo.example").await?;
        let registering = names.iter().map(async |(name, email)| {
            let registered = self.register(name, email, kind).await?;
            let organization = text(&registered["organization"], "id");
            let reason = json!({ "reason": "demo" });
            let path = format!("/v1/organizations/{organization}");
            admin.post(&format!("{path}/verify"), &reason).await?;
            let user = self.log_in(email).await?;
            // It lives until today, when the story is told.
            let life = BEGINNING + TimeDelta::hours(1);
            let key = json!({
                "name": "demo", "role": "owner", "expires_in": format!("PT{}S", life.num_seconds()),
            });
            let key = user.post(&format!("{path}/api-keys"), &key).await?;
            anyhow::Ok((name.clone(), Actor::new(&self.server, Some(text(&key, "secret")))?))
        });
        let registered = futures::future::try_join_all(registering).await?;
        self.owners.extend(registered);
        Ok(())
    }

    async fn register(&self, name: &str, email: &str, kind: &str) -> anyhow::Result<Value> {
        let body = json!({
            "email": email,
            "password": PASSWORD,
            "name": format!("Owner of {name}"),
            "organization": { "name": name, "kinds": [kind] },
        });
        self.nobody.post("/v1/auth/register", &body).await
    }

    /// Everything that happens, in order.
    pub async fn play(&self, bookings: &[Booking]) -> anyhow::Result<()> {
        let mut acts: Vec<(Day, usize, Step)> = Vec::new();
        for (index, booking) in bookings.iter().enumerate() {
            acts.push((booking.booked, index, Step::Book));
            acts.extend(match booking.fate {
                Fate::Runs => None,
                Fate::Approved(day) => Some((day, index, Step::Approve)),
                Fate::Rejected(day) => Some((day, index, Step::Reject)),
                Fate::Cancelled(day) => Some((day, index, Step::Cancel)),
                Fate::EndedEarly(day) => Some((day, index, Step::End)),
                Fate::Recalled(day) => Some((day, index, Step::Recall)),
                Fate::Noticed(day) => Some((day, index, Step::Notice)),
                Fate::Appealed(day) => Some((day, index, Step::Appeal)),
                Fate::Curing(day) => Some((day, index, Step::Cure)),
                Fate::Proposed(day) => Some((day, index, Step::Propose)),
            });
        }
        acts.sort_unstable();
        let mut leases: BTreeMap<usize, String> = BTreeMap::new();
        for (day, index, act) in acts {
            self.go_to(self.today + TimeDelta::days(day.into())).await?;
            let booking = &bookings[index];
            let played = match act {
                Step::Book => {
                    self.book(booking).await.map(|lease| drop(leases.insert(index, lease)))
                }
                _ => self.change(act, booking, leases.get(&index).map_or("", String::as_str)).await,
            };
            played.with_context(|| format!("{act:?} of {booking:?}"))?;
        }
        self.go_to(self.today).await
    }

    /// Moves the clock on and lets happen what falls due.
    async fn go_to(&self, moment: Timestamp) -> anyhow::Result<()> {
        let ahead = (moment - self.app.now()).num_microseconds().unwrap_or(0).max(0);
        if ahead > 0 {
            self.app.clock.set_offset_us((self.app.clock.offset_us() + ahead).min(0));
            let due = wiring::run_due(&self.app).await;
            due.map_err(|problem| anyhow!("what falls due: {problem}"))?;
        }
        Ok(())
    }

    async fn book(&self, booking: &Booking) -> anyhow::Result<String> {
        let tenant = self.owner(TENANTS[booking.tenant])?;
        let body = json!({ "tranches": [self.line(booking)?] });
        Ok(text(&tenant.post("/v1/leases", &body).await?, "id"))
    }

    fn line(&self, booking: &Booking) -> anyhow::Result<Value> {
        // A booking that starts on its own day starts an hour later.
        let starts_at = self.midnight(booking.starts).max(self.app.now() + TimeDelta::hours(1));
        Ok(json!({
            "offer_id": self.offer(booking.site)?.id,
            "gpus": booking.gpus,
            "starts_at": starts_at,
            "ends_at": self.midnight(booking.ends),
        }))
    }

    async fn change(&self, act: Step, booking: &Booking, lease: &str) -> anyhow::Result<()> {
        let tenant = self.owner(TENANTS[booking.tenant])?;
        let provider = self.owner(&self.offer(booking.site)?.provider)?;
        let path = format!("/v1/leases/{lease}");
        let done = match act {
            Step::Approve => provider.post(&format!("{path}/approve"), &json!({})).await,
            Step::Reject => {
                let reason = json!({ "reason": "the hall is rebuilt in those weeks" });
                provider.post(&format!("{path}/reject"), &reason).await
            }
            Step::Cancel | Step::End => {
                let quote = tenant.post(&format!("{path}/cancellation-quote"), &json!({})).await;
                let body = json!({
                    "cancellation_quote_id": quote?["id"],
                    "reason": "the training run was finished early",
                });
                let verb = if act == Step::Cancel { "cancel" } else { "end" };
                tenant.post(&format!("{path}/{verb}"), &body).await
            }
            Step::Recall => {
                let case = json!({
                    "ground": "recall.callable",
                    "action": "full",
                    "reason": "the capacity is needed for the provider's own training run",
                });
                // Cases are for people: an API key cannot stand in for the owner.
                let owner = email_of(&self.offer(booking.site)?.provider, "provider");
                let owner = self.log_in(&owner).await?;
                let approvers = ["admin@demo.example"];
                return self.reclaim(&owner, lease, &case, &approvers, None).await.map(drop);
            }
            Step::Propose => {
                let owner = email_of(&self.offer(booking.site)?.provider, "provider");
                let owner = self.log_in(&owner).await?;
                let case = json!({
                    "ground": "recall.callable", "action": "partial", "gpus": booking.gpus / 4,
                    "until": self.midnight(booking.ends - 10),
                    "reason": "a quarter of it is needed for another customer for some weeks",
                });
                let path = format!("{path}/reclaim-cases");
                let opened = owner.post(&path, &case).await?;
                let path = format!("/v1/reclaim-cases/{}/submit", text(&opened, "id"));
                return owner.post(&path, &json!({})).await.map(drop);
            }
            Step::Cure => {
                let owner = email_of(&self.offer(booking.site)?.provider, "provider");
                let owner = self.log_in(&owner).await?;
                let case = json!({
                    "ground": "payment.default", "action": "full",
                    "reason": "the statement of last month has not been paid",
                });
                let approvers = ["admin@demo.example"];
                let path = self.reclaim(&owner, lease, &case, &approvers, None).await?;
                let tenant = self.log_in(&email_of(TENANTS[booking.tenant], "tenant")).await?;
                let plan = json!({ "plan": "the transfer is on its way and arrives this week" });
                return tenant.post(&format!("{path}/cure"), &plan).await.map(drop);
            }
            Step::Notice | Step::Appeal => {
                let admin = self.log_in("admin@demo.example").await?;
                let case = json!({
                    "ground": "harm.confirmed",
                    "action": "full",
                    "reason": "models trained on this lease were found to break the harm standard",
                });
                let evidence = json!({
                    "sha256": "5e1f6b0a2c9d48e7b3a15c60d7f2894e1ab36cd05f7e8921a4b3c6d7e8f90123",
                    "source": "report of an independent assessor",
                    "observed_at": self.app.now() - TimeDelta::days(2),
                    "note": "chapter 4",
                });
                let approvers =
                    ["admin2@demo.example", "operations@demo.example", "legal@demo.example"];
                let path = self.reclaim(&admin, lease, &case, &approvers, Some(&evidence)).await?;
                if act == Step::Appeal {
                    let tenant = self.log_in(&email_of(TENANTS[booking.tenant], "tenant")).await?;
                    let text = json!({ "text": "the models in question were not trained here" });
                    tenant.post(&format!("{path}/appeal"), &text).await?;
                }
                return Ok(());
            }
            Step::Book => return Ok(()),
        };
        done.map(drop)
    }

    /// A case from draft to notice, opened and served by `initiator`; says its address.
    async fn reclaim(
        &self,
        initiator: &Actor,
        lease: &str,
        case: &Value,
        approvers: &[&str],
        evidence: Option<&Value>,
    ) -> anyhow::Result<String> {
        let opened = initiator.post(&format!("/v1/leases/{lease}/reclaim-cases"), case).await?;
        let path = format!("/v1/reclaim-cases/{}", text(&opened, "id"));
        if let Some(evidence) = evidence {
            initiator.post(&format!("{path}/evidence"), evidence).await?;
        }
        initiator.post(&format!("{path}/submit"), &json!({})).await?;
        for email in approvers {
            let approver = self.log_in(email).await?;
            approver.post(&format!("{path}/approve"), &json!({})).await?;
        }
        initiator.post(&format!("{path}/serve"), &json!({})).await?;
        Ok(path)
    }

    /// A price for the whole of Colossus for a year, which nobody has taken up yet.
    pub async fn quote_colossus(&self) -> anyhow::Result<()> {
        let gpus = self.offer("Colossus 1")?.gpus;
        self.quote(TENANTS[0], ("Colossus 1", gpus), (60, 425), false).await
    }

    /// A price whose capacity is held as long as the quote lives.
    pub async fn quote_kansas(&self, starts: Day) -> anyhow::Result<()> {
        self.quote(TENANTS[4], ("Nebius Kansas City", 512), (starts, starts + 30), true).await
    }

    async fn quote(
        &self,
        tenant: &str,
        (site, gpus): (&str, u32),
        (starts, ends): (Day, Day),
        hold: bool,
    ) -> anyhow::Result<()> {
        let line = json!({
            "offer_id": self.offer(site)?.id,
            "gpus": gpus,
            "starts_at": self.midnight(starts),
            "ends_at": self.midnight(ends),
        });
        let body = json!({ "tranches": [line], "hold": hold });
        self.owner(tenant)?.post("/v1/quotes", &body).await.map(drop)
    }

    /// Limits for two tenants, of which one has more than its limit, and a raise that is asked for.
    pub async fn keep_quotas(&self) -> anyhow::Result<()> {
        let admin = self.log_in("admin@demo.example").await?;
        for &Limited { tenant, dimension, limit, reason, raise } in QUOTAS {
            let tenant = TENANTS[tenant];
            let mine = self.owner(tenant)?.list("/v1/organizations").await?;
            let organization = text(mine.first().context("an organization")?, "id");
            let quota = json!({
                "organization_id": organization, "dimension": dimension, "limit": limit,
                "reason": reason,
            });
            let quota = admin.post("/v1/quotas", &quota).await?;
            if let Some((limit, reason)) = raise {
                let raise =
                    json!({ "quota_id": text(&quota, "id"), "limit": limit, "reason": reason });
                self.owner(tenant)?.post("/v1/quota-requests", &raise).await?;
            }
        }
        Ok(())
    }

    /// An organization that waits for its verification; it marks the end.
    pub async fn register_last(&self) -> anyhow::Result<()> {
        self.register(LAST, "halcyon@demo.example", "tenant").await.map(drop)
    }

    /// The beginning of a day.
    fn midnight(&self, day: Day) -> Timestamp {
        let moment = self.today + TimeDelta::days(day.into());
        moment.date_naive().and_time(chrono::NaiveTime::MIN).and_utc()
    }

    fn owner(&self, organization: &str) -> anyhow::Result<&Actor> {
        self.owners.get(organization).with_context(|| format!("no organization {organization}"))
    }

    fn offer(&self, site: &str) -> anyhow::Result<&Offer> {
        self.offers.get(site).with_context(|| format!("nothing is offered at {site}"))
    }

    /// Somebody, logged in now.
    async fn log_in(&self, email: &str) -> anyhow::Result<Actor> {
        let body = json!({ "email": email, "password": PASSWORD });
        let tokens = self.nobody.post("/v1/auth/token", &body).await?;
        Actor::new(&self.server, Some(text(&tokens, "access_token")))
    }
}

/// The address of the owner of an organization; the first of each kind has a short one.
fn email_of(organization: &str, kind: &str) -> String {
    let is_first = organization == TENANTS[0] || organization == "xAI";
    if is_first && LOG_INS.iter().any(|(email, _)| email.starts_with(kind)) {
        return format!("{kind}@demo.example");
    }
    let letters = organization.chars().filter(char::is_ascii_alphanumeric);
    format!("{}@demo.example", letters.collect::<String>().to_ascii_lowercase())
}

fn text(view: &Value, name: &str) -> String {
    view[name].as_str().unwrap_or_default().to_owned()
}
