//! What is booked.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::client::{Answer, As};
use super::market::Market;
use super::people::{Organization, User};
use super::supply::{Offer, id_of};

/// A stretch of time.
pub type Window = (DateTime<Utc>, DateTime<Utc>);

/// `gpus` GPUs of `offer` during `window`.
pub fn tranche(offer: &Offer, gpus: u32, window: Window) -> Value {
    json!({ "offer_id": offer.id, "gpus": gpus, "starts_at": window.0, "ends_at": window.1 })
}

/// A booking of `gpus` GPUs of `offer` during `window`.
pub fn booking(offer: &Offer, gpus: u32, window: Window) -> Value {
    json!({ "tranches": [tranche(offer, gpus, window)] })
}

impl Market {
    /// The stretch that begins `from` hours from now and lasts `hours`.
    pub fn window(&self, from: i64, hours: i64) -> Window {
        let start = self.now() + TimeDelta::hours(from);
        (start, start + TimeDelta::hours(hours))
    }

    /// A lease: a day of one unit, from an hour from now.
    pub fn lease<'m>(&'m self, offer: &Offer) -> LeaseBuilder<'m> {
        LeaseBuilder {
            market: self,
            offer: offer.clone(),
            tenant: None,
            gpus: offer.pool.gpus_per_unit,
            window: self.window(1, 24),
            body: json!({}),
        }
    }
}

/// A lease to be made; of a new tenant if none is named.
pub struct LeaseBuilder<'m> {
    market: &'m Market,
    offer: Offer,
    tenant: Option<Organization>,
    gpus: u32,
    window: Window,
    body: Value,
}

/// A lease that was made.
#[derive(Clone)]
pub struct Lease {
    pub id: String,
    pub tenant: Organization,
    pub offer: Offer,
    /// The view of it that the booking gave.
    pub view: Value,
}

impl Lease {
    /// The address of an act on it, or of itself for `""`.
    pub fn path(&self, act: &str) -> String {
        match act {
            "" => format!("/v1/leases/{}", self.id),
            act => format!("/v1/leases/{}/{act}", self.id),
        }
    }

    /// As its tenant sees it now.
    pub async fn show(&self, market: &Market) -> Value {
        market.as_(&self.tenant).get(self.path("")).await.expect(200)
    }
}

impl LeaseBuilder<'_> {
    /// Of this tenant.
    pub fn by(mut self, tenant: &Organization) -> Self {
        self.tenant = Some(tenant.clone());
        self
    }

    /// Of so many GPUs.
    pub fn gpus(mut self, gpus: u32) -> Self {
        self.gpus = gpus;
        self
    }

    /// From `from` hours from now, for `hours`.
    pub fn hours(mut self, from: i64, hours: i64) -> Self {
        self.window = self.market.window(from, hours);
        self
    }

    /// During `window`.
    pub fn during(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// With this field of the body set to `value`.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }
}

impl<'m> IntoFuture for LeaseBuilder<'m> {
    type Output = Lease;
    type IntoFuture = Pin<Box<dyn Future<Output = Lease> + Send + 'm>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let tenant = match self.tenant {
                Some(tenant) => tenant,
                None => self.market.tenant().await,
            };
            let mut body = self.body;
            body["tranches"] = json!([tranche(&self.offer, self.gpus, self.window)]);
            let view = self.market.as_(&tenant).post("/v1/leases", body).await.expect(201);
            Lease { id: id_of(&view), tenant, offer: self.offer, view }
        })
    }
}

impl As<'_> {
    /// Books `gpus` GPUs of `offer` during `window`, and hands back whatever the answer is.
    pub async fn book(&self, offer: &Offer, gpus: u32, window: Window) -> Answer {
        self.post("/v1/leases", booking(offer, gpus, window)).await
    }
}

impl AsRef<User> for Lease {
    /// Its tenant.
    fn as_ref(&self) -> &User {
        self.tenant.as_ref()
    }
}
