//! A small world with one thing of every kind, and everybody who could look at it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::leases::booking;
use super::market::Market;
use super::openapi::{Document, Operation};
use super::people::{Organization, User};
use super::supply::{id_of, recall};

/// Hash of the terms of the world's offers: callable with a day's notice.
const RECALLABLE: &str = "f2400661278b933f256863419246c94c8a8c5f8cb81ad5b0f7f774f7a73523da";
/// The SHA-256 of `abc`, as it was published with the algorithm.
const EVIDENCE_SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A provider and a tenant with a lease between them, an outsider, and staff.
pub struct World {
    pub market: Market,
    pub provider: Organization,
    pub tenant: Organization,
    /// Another verified organization, provider and tenant, that has nothing to do with the two.
    pub outsider: Organization,
    /// One id of every kind, by its prefix: `lease` → `lease_…`.
    pub ids: BTreeMap<String, String>,
}

impl World {
    /// Makes one.
    pub async fn create() -> World {
        let market = Market::open_with(&["--sandbox"]).await;
        let provider = market.provider().await;
        let tenant = market.tenant().await;
        let outsider = market.verified(&["provider", "tenant"]).await;
        let ids = BTreeMap::new();
        let mut world = World { market, provider, tenant, outsider, ids };
        world.grow().await;
        world
    }

    /// Adds another thing of every kind; the ids are those of the newest.
    pub async fn grow(&mut self) {
        let World { market, provider, tenant, .. } = &*self;
        let project = market.project(tenant).await;
        let mut made = vec![tenant.id.clone(), project.clone()];
        let as_tenant = market.as_(tenant);
        let limit = json!({
            "project_id": project, "dimension": "concurrent_gpus", "limit": "64", "reason": "a team",
        });
        let quota = id_of(&as_tenant.post("/v1/quotas", limit).await.expect(201));
        let raise = json!({ "quota_id": quota, "limit": "128", "reason": "it grows" });
        made.push(id_of(&as_tenant.post("/v1/quota-requests", raise).await.expect(201)));
        made.push(quota);
        made.push(id_of(&as_tenant.get("/v1/me").await.expect(200)));
        market.key(tenant, "viewer").await;
        market.member(tenant, "viewer").await;
        let keys = format!("/v1/organizations/{}/api-keys", tenant.id);
        made.push(id_of(&as_tenant.get(keys).await.expect(200)["items"][0]));

        let as_provider = market.as_(provider);
        let offer = market.offer().on(&market.pool().of(provider).undelivered().await).await;
        let pool = format!("/v1/pools/{}", offer.pool.id);
        made.extend([&offer.pool.site, &offer.pool.id, &offer.terms, &offer.id].map(String::clone));
        let delivery = json!({ "first_unit": 0, "end_unit": 8, "usable_from": market.now() });
        let delivery = as_provider.post(format!("{pool}/deliveries"), delivery).await.expect(201);
        made.push(id_of(&delivery));
        let block = json!({
            "kind": "maintenance", "first_unit": 7, "end_unit": 8, "reason": "new fans",
            "starts_at": market.now(),
        });
        made.push(id_of(&as_provider.post(format!("{pool}/blocks"), block).await.expect(201)));

        let mut wish = booking(&offer, 8, market.window(48, 24));
        wish["hold"] = true.into();
        made.push(id_of(&as_tenant.post("/v1/quotes", wish).await.expect(201)));
        let lease = market.lease(&offer).by(tenant).hours(24, 240).await;
        made.push(lease.id.clone());
        made.push(id_of(&lease.view["schedule"][0]));
        let leaving = as_tenant.post(lease.path("cancellation-quote"), json!({})).await.expect(201);
        made.push(id_of(&leaving));
        let case =
            json!({ "ground": "recall.callable", "action": "full", "reason": "needed back" });
        // One case that is served, for what it puts into the tenant's inbox, and one that is a draft.
        let other = market.lease(&offer).by(tenant).hours(24, 240).await;
        let served = as_provider.post(other.path("reclaim-cases"), case.clone()).await.expect(201);
        let served = format!("/v1/reclaim-cases/{}", id_of(&served));
        as_provider.post(format!("{served}/submit"), json!({})).await.expect(200);
        let admin = market.as_(market.admin().await);
        admin.post(format!("{served}/approve"), json!({})).await.expect(200);
        as_provider.post(format!("{served}/serve"), json!({})).await.expect(200);
        made.push(id_of(&as_tenant.get("/v1/inbox").await.expect(200)["items"][0]));
        let case = as_provider.post(lease.path("reclaim-cases"), case).await.expect(201);
        let offered = json!({ "units": 1, "premium_per_gpu_hour": "0.50" });
        let offered = as_tenant.post(lease.path("volunteer"), offered).await.expect(201);
        made.push(id_of(&offered));
        let wish = json!({
            "pool_id": offer.pool.id, "gpus": 8, "by": market.window(48, 1).0, "duration": "P1D",
        });
        made.push(id_of(&as_provider.post("/v1/reclaim-plans", wish).await.expect(201)));
        let evidence = json!({
            "sha256": EVIDENCE_SHA256, "source": "an inspector", "observed_at": market.now(),
        });
        let path = format!("/v1/reclaim-cases/{}/evidence", id_of(&case));
        let added = as_provider.post(path, evidence).await.expect(200);
        made.extend([id_of(&case), id_of(&added["evidence"][0])]);
        self.ids.extend(made.into_iter().map(|id| {
            let kind = id.split('_').next().unwrap_or_default().to_owned();
            (kind, id)
        }));
    }

    /// Everybody, by name; nobody is `None`.
    pub async fn callers(&self) -> Vec<(&'static str, Option<User>)> {
        let market = &self.market;
        vec![
            ("nobody", None),
            ("outsider", Some(self.outsider.owner.clone())),
            ("tenant viewer", Some(market.member(&self.tenant, "viewer").await)),
            ("tenant manager", Some(market.member(&self.tenant, "manager").await)),
            ("tenant owner", Some(self.tenant.owner.clone())),
            ("provider viewer", Some(market.member(&self.provider, "viewer").await)),
            ("provider manager", Some(market.member(&self.provider, "manager").await)),
            ("provider owner", Some(self.provider.owner.clone())),
            ("admin", Some(market.admin().await)),
            ("operations", Some(market.staff("operations").await)),
            ("legal", Some(market.staff("legal").await)),
            ("independent", Some(market.staff("independent").await)),
        ]
    }

    /// The address of `operation` with this world's ids in it.
    pub fn path(&self, document: &Document, operation: &Operation) -> String {
        let path = self.fill_path(document, operation);
        assert!(!path.contains('{'), "{}: no id for {path}", operation.id);
        path
    }

    /// A plausible file for `operation`, where it takes one, with its media type.
    pub fn file(operation: &Operation) -> Option<(&'static str, &'static str)> {
        let inventory = "site,country,power_mw,pool,accelerator,gpus_per_unit,units\n\
                         Krafla,IS,20,hall 1,h100-sxm,8,100\n";
        match operation.id.as_str() {
            "import_supply" => Some(("text/csv", inventory)),
            "upload_reclaim_evidence" => Some(("application/octet-stream", "abc")),
            _ => None,
        }
    }

    /// What follows the path of `operation` where it cannot do without a query.
    pub fn query(operation: &Operation) -> &'static [(&'static str, &'static str)] {
        match operation.id.as_str() {
            "import_supply" => &[("kind", "inventory")],
            "compare_terms" => &[("with", RECALLABLE)],
            _ => &[],
        }
    }

    /// The same, with placeholders left in where this world has no such thing.
    pub fn fill_path(&self, document: &Document, operation: &Operation) -> String {
        let mut path = operation.path.clone();
        for (name, schema) in document.path_parameters(operation) {
            // Terms are asked for by id or hash, which has no one pattern.
            let kind = kind_of(schema)
                .or_else(|| path.contains("/reclaim-terms/").then_some("terms"))
                .unwrap_or_default();
            if let Some(id) = self.ids.get(kind) {
                path = path.replace(&format!("{{{name}}}"), id);
            }
        }
        path
    }

    /// A plausible body for `operation`, with this world's ids in it.
    pub fn body(&self, document: &Document, operation: &Operation) -> Option<Value> {
        let schema = document.body_schema(operation)?;
        let mut body = self.apt_body(&operation.id).unwrap_or_else(|| document.example(schema));
        self.fill_in_ids(&mut body);
        Some(body)
    }

    /// Bodies whose fields depend on each other, so that one of every field makes no sense.
    fn apt_body(&self, operation: &str) -> Option<Value> {
        let (starts_at, ends_at) = self.market.window(24 * 20, 48);
        let line = json!({ "offer_id": self.ids["offer"], "gpus": 8, "starts_at": starts_at, "ends_at": ends_at });
        Some(match operation {
            "book_lease" => json!({ "tranches": [line], "placement": "any" }),
            "make_quote" => json!({ "tranches": [line], "placement": "any", "hold": true }),
            "search_market" => json!({
                "gpus": 8, "duration": "PT48H", "earliest": starts_at,
                "latest": ends_at, "accelerators": ["h100-sxm"], "countries": ["IS"],
                "max_rate": "3", "placement": "any", "limit": 10,
            }),
            "extend_lease" => json!({ "ends_at": ends_at, "accept_other_units": true }),
            "shrink_lease" => json!({ "tranche_id": self.ids["tranche"], "gpus": 8, "from": null }),
            "open_reclaim_case" => {
                json!({ "ground": "recall.callable", "action": "full", "reason": "needed back" })
            }
            "make_reclaim_plan" => json!({
                "pool_id": self.ids["pool"], "gpus": 8, "by": starts_at, "until": ends_at,
            }),
            "volunteer_units" => json!({
                "tranche_id": self.ids["tranche"], "units": 1, "premium_per_gpu_hour": "0.75",
            }),
            "create_site" => json!({
                "name": "Reykjanes", "kind": "terrestrial", "country": "IS", "latitude": 63.9,
                "longitude": -22.4, "power_mw": "40", "pue": "1.1", "stage": "operational",
            }),
            "change_site" => json!({
                "name": "Reykjanes", "latitude": 63.9, "longitude": -22.4, "power_mw": "90",
                "pue": "1.2", "stage": "operational",
            }),
            "create_pool" => json!({
                "site_id": self.ids["site"], "name": "annex", "accelerator": "h100-sxm",
                "gpus_per_unit": 8, "units": 8, "kw_per_unit": "10.2", "fabric": "InfiniBand",
                "units_per_island": 4, "pin_lead": "PT24H",
            }),
            "change_pool" => json!({
                "name": "annex", "kw_per_unit": "10.3", "fabric": "Ethernet",
                "units_per_island": 8, "pin_lead": "PT12H",
            }),
            "add_delivery" => {
                json!({ "first_unit": 0, "end_unit": 4, "usable_from": starts_at })
            }
            "block_units" => json!({
                "kind": "maintenance", "first_unit": 5, "end_unit": 6, "reason": "new fans",
                "starts_at": starts_at, "ends_at": ends_at,
            }),
            "set_quota" => json!({
                "project_id": self.ids["project"], "dimension": "concurrent_gpus",
                "limit": "64", "reason": "as agreed",
            }),
            "request_raise" => json!({
                "quota_id": self.ids["quota"], "limit": "640", "reason": "it grows",
            }),
            "override_quota" => json!({
                "limit": "96", "starts_at": starts_at, "ends_at": ends_at, "reason": "a launch",
            }),
            "create_terms" => json!({ "name": "other terms", "clauses": [recall("P2D")] }),
            "create_offer" => json!({
                "pool_id": self.ids["pool"], "name": "another", "rate_per_gpu_hour": "2.25",
                "terms_id": self.ids["terms"], "first_unit": 0, "end_unit": 8,
                "available_from": starts_at, "available_until": "2030-01-01T00:00:00Z",
                "min_gpus": 8, "max_gpus": 64, "min_duration": "PT1H", "max_duration": "P30D",
                "lead_time": "PT1H", "audience": [self.outsider.id], "booking_mode": "approval",
                "cancellation": [{ "at_least_before": "P7D", "charge_share": "0.5" }],
            }),
            _ => return None,
        })
    }

    fn fill_in_ids(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                let kind = text.split_once('_').filter(|(_, rest)| rest.len() == 26);
                if let Some(id) = kind.and_then(|(kind, _)| self.ids.get(kind)) {
                    text.clone_from(id);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill_in_ids(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.fill_in_ids(field)),
            _ => {}
        }
    }
}

/// The kind of id that `schema` asks for: `lease`.
pub fn kind_of(schema: &Value) -> Option<&str> {
    schema["pattern"].as_str()?.strip_prefix('^')?.split_once('_').map(|(kind, _)| kind)
}
