//! What is listed: sites, pools, terms, offers, with defaults for all that a test does not care about.
//!
//! A builder is awaited: `market.offer().units(8).rate("2.50").await`. What it stands on and was not
//! given, it makes.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use serde_json::{Value, json};

use super::market::Market;
use super::people::{Organization, fresh_number};

type Awaited<'m, T> = Pin<Box<dyn Future<Output = T> + Send + 'm>>;

/// A pool that was listed.
#[derive(Clone)]
pub struct Pool {
    pub id: String,
    pub site: String,
    pub provider: Organization,
    pub units: u32,
    pub gpus_per_unit: u32,
}

/// An offer on the market.
#[derive(Clone)]
pub struct Offer {
    pub id: String,
    pub pool: Pool,
    pub terms: String,
}

impl Offer {
    /// Who offers.
    pub fn provider(&self) -> &Organization {
        &self.pool.provider
    }
}

/// Sets fields of the body that a builder sends.
macro_rules! settable {
    ($builder:ident) => {
        impl $builder<'_> {
            /// With this field of the body set to `value`.
            pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
                self.body[field] = value.into();
                self
            }
        }
    };
}

/// A site: on the ground in Iceland, 100 MW.
pub struct SiteBuilder<'m> {
    market: &'m Market,
    provider: Option<Organization>,
    body: Value,
}
settable!(SiteBuilder);

/// A pool: 8 units of 8 H100 each, all of them usable from now on.
pub struct PoolBuilder<'m> {
    market: &'m Market,
    provider: Option<Organization>,
    is_undelivered: bool,
    body: Value,
}
settable!(PoolBuilder);

/// An offer of a whole pool, published: 2.50 per GPU-hour, any size, an hour to ten years, no lead
/// time, callable with a day's notice.
pub struct OfferBuilder<'m> {
    market: &'m Market,
    pool: Option<Pool>,
    pool_body: Value,
    clauses: Value,
    is_draft: bool,
    body: Value,
}
settable!(OfferBuilder);

impl Market {
    /// A site, by default of a new provider.
    pub fn site(&self) -> SiteBuilder<'_> {
        let body = json!({
            "name": format!("Hellisheidi {}", fresh_number()), "country": "IS",
            "latitude": 64.04, "longitude": -21.4, "power_mw": "100", "pue": "1.1",
            "stage": "operational",
        });
        SiteBuilder { market: self, provider: None, body }
    }

    /// A pool, by default at a new site of a new provider.
    pub fn pool(&self) -> PoolBuilder<'_> {
        PoolBuilder { market: self, provider: None, is_undelivered: false, body: pool_body() }
    }

    /// An offer, by default of a new pool.
    pub fn offer(&self) -> OfferBuilder<'_> {
        let body = json!({
            "name": format!("offer {}", fresh_number()),
            "rate_per_gpu_hour": "2.50",
            "min_duration": "PT1H", "max_duration": "P3650D", "lead_time": "PT0S",
            "booking_mode": "instant",
            "cancellation": [
                { "at_least_before": "P7D", "charge_share": "0" },
                { "at_least_before": "PT0S", "charge_share": "0.5" },
            ],
        });
        OfferBuilder {
            market: self,
            pool: None,
            pool_body: pool_body(),
            clauses: json!([recall("P1D")]),
            is_draft: false,
            body,
        }
    }

    /// Reclaim terms of `provider` with these clauses.
    pub async fn terms(&self, provider: &Organization, clauses: Value) -> String {
        let body = json!({ "name": format!("terms {}", fresh_number()), "clauses": clauses });
        let made = self.as_(provider).post("/v1/reclaim-terms", body).await.expect(201);
        id_of(&made)
    }
}

/// A clause under which the provider may take units back after `notice`, with one approval.
pub fn recall(notice: &str) -> Value {
    json!({
        "ground": "recall.callable", "invocable_by": ["provider"], "action_max": "full",
        "notice": notice, "approvals": { "admin": 1 },
        "compensation": { "prorata_refund": true, "multiple": "0.1" },
    })
}

fn pool_body() -> Value {
    json!({
        "name": format!("hall {}", fresh_number()), "accelerator": "h100-sxm", "gpus_per_unit": 8,
        "units": 8, "kw_per_unit": "10.2", "fabric": "InfiniBand NDR 400G", "pin_lead": "PT24H",
    })
}

/// The `id` of a thing.
#[track_caller]
pub fn id_of(thing: &Value) -> String {
    thing["id"].as_str().unwrap_or_else(|| panic!("no id: {thing}")).to_owned()
}

impl SiteBuilder<'_> {
    /// Of this provider.
    pub fn of(mut self, provider: &Organization) -> Self {
        self.provider = Some(provider.clone());
        self
    }
}

impl<'m> IntoFuture for SiteBuilder<'m> {
    type Output = (String, Organization);
    type IntoFuture = Awaited<'m, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let provider = match self.provider {
                Some(provider) => provider,
                None => self.market.provider().await,
            };
            let made = self.market.as_(&provider).post("/v1/sites", self.body).await.expect(201);
            (id_of(&made), provider)
        })
    }
}

impl PoolBuilder<'_> {
    /// Of this provider, at a new site.
    pub fn of(mut self, provider: &Organization) -> Self {
        self.provider = Some(provider.clone());
        self
    }

    /// With no unit delivered yet.
    pub fn undelivered(mut self) -> Self {
        self.is_undelivered = true;
        self
    }

    /// With so many units.
    pub fn units(self, units: u32) -> Self {
        self.with("units", units)
    }

    /// With so many GPUs in a unit.
    pub fn gpus_per_unit(self, gpus: u32) -> Self {
        self.with("gpus_per_unit", gpus)
    }
}

impl<'m> IntoFuture for PoolBuilder<'m> {
    type Output = Pool;
    type IntoFuture = Awaited<'m, Pool>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut site = self.market.site();
            site.provider = self.provider;
            let (site, provider) = site.await;
            let mut body = self.body;
            if body.get("site_id").is_none() {
                body["site_id"] = site.into();
            }
            let number = |field: &str| {
                body[field]
                    .as_u64()
                    .and_then(|number| u32::try_from(number).ok())
                    .expect("a number")
            };
            let (units, gpus_per_unit) = (number("units"), number("gpus_per_unit"));
            let site = body["site_id"].as_str().expect("an id").to_owned();
            let client = self.market.as_(&provider);
            let id = id_of(&client.post("/v1/pools", body).await.expect(201));
            if !self.is_undelivered {
                let all = json!({ "usable_from": self.market.now() });
                client.post(format!("/v1/pools/{id}/deliveries"), all).await.expect(201);
            }
            Pool { id, site, provider, units, gpus_per_unit }
        })
    }
}

impl OfferBuilder<'_> {
    /// Of this pool.
    pub fn on(mut self, pool: &Pool) -> Self {
        self.pool = Some(pool.clone());
        self
    }

    /// Of a new pool with so many units.
    pub fn units(mut self, units: u32) -> Self {
        self.pool_body["units"] = units.into();
        self
    }

    /// Of a new pool with so many GPUs in a unit.
    pub fn gpus_per_unit(mut self, gpus: u32) -> Self {
        self.pool_body["gpus_per_unit"] = gpus.into();
        self
    }

    /// Of a new pool with this field set.
    pub fn pool_with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.pool_body[field] = value.into();
        self
    }

    /// At this rate per GPU-hour.
    pub fn rate(self, rate: &str) -> Self {
        self.with("rate_per_gpu_hour", rate)
    }

    /// Leases need the provider's approval.
    pub fn approval(self) -> Self {
        self.with("booking_mode", "approval")
    }

    /// Seen by these organizations only.
    pub fn audience(self, organizations: &[&Organization]) -> Self {
        let ids: Vec<&str> = organizations.iter().map(|one| one.id.as_str()).collect();
        self.with("audience", ids)
    }

    /// Under terms with these clauses.
    pub fn clauses(mut self, clauses: Value) -> Self {
        self.clauses = clauses;
        self
    }

    /// Not published.
    pub fn draft(mut self) -> Self {
        self.is_draft = true;
        self
    }
}

impl<'m> IntoFuture for OfferBuilder<'m> {
    type Output = Offer;
    type IntoFuture = Awaited<'m, Offer>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let pool = match self.pool {
                Some(pool) => pool,
                None => {
                    let mut pool = self.market.pool();
                    pool.body = self.pool_body;
                    pool.await
                }
            };
            let mut body = self.body;
            if body.get("terms_id").is_none() {
                body["terms_id"] = self.market.terms(&pool.provider, self.clauses).await.into();
            }
            let terms = body["terms_id"].as_str().expect("an id").to_owned();
            body["pool_id"] = pool.id.clone().into();
            let provider = self.market.as_(&pool.provider);
            let id = id_of(&provider.post("/v1/offers", body).await.expect(201));
            if !self.is_draft {
                provider.post(format!("/v1/offers/{id}/publish"), json!({})).await.expect(200);
            }
            Offer { id, pool, terms }
        })
    }
}
