//! Who acts, and on what: a market that is small on purpose, so that acts meet.

use leasehold::kernel::PoolId;
use serde_json::{Value, json};
use sqlx::types::Uuid;

use crate::support::{Market, Offer, Organization, User};

/// The market of a run.
pub struct Scene {
    pub provider: Party,
    pub tenants: Vec<Party>,
    /// Staff: one administers, two approve, the last decides appeals.
    pub admin: User,
    pub legal: User,
    pub judge: User,
    pub pools: Vec<Ground>,
    pub offers: Vec<Offer>,
}

/// An organization with the key that acts for it where no person has to.
pub struct Party {
    pub organization: Organization,
    pub key: User,
    pub uuid: Uuid,
    pub projects: Vec<String>,
}

/// A pool.
#[derive(Clone)]
pub struct Ground {
    pub id: PoolId,
    pub units: i32,
    pub gpus_per_unit: i32,
}

/// Clauses of all sorts: callable at a premium, without a refund and with an appeal that does not stay,
/// with a cure and an appeal that stays, and an emergency.
fn clauses() -> Value {
    json!([
        {
            "ground": "recall.callable", "invocable_by": ["provider"], "action_max": "full",
            "notice": "P1D", "approvals": { "admin": 1 }, "partial_step": 1,
            "compensation": { "prorata_refund": true, "multiple": "0.5" },
        },
        {
            "ground": "aup.violation", "invocable_by": ["provider"], "action_max": "full",
            "notice": "PT6H", "approvals": { "legal": 1 },
            "appeal": { "window": "PT6H", "stays": false },
            "compensation": { "prorata_refund": false },
        },
        {
            "ground": "breach.material", "invocable_by": ["provider"], "action_max": "full",
            "notice": "P7D", "cure": "P3D", "approvals": { "admin": 1, "legal": 1 },
            "appeal": { "window": "P4D", "stays": true },
            "compensation": { "prorata_refund": true },
        },
        {
            "ground": "security.immediate", "invocable_by": ["provider"], "action_max": "suspend",
            "notice": "PT0S", "approvals": { "legal": 1 }, "ratify_within": "PT12H",
            "appeal": { "window": "P7D", "stays": true },
            "compensation": { "prorata_refund": true },
        },
    ])
}

fn cancellation() -> Value {
    json!([
        { "at_least_before": "P7D", "charge_share": "0" },
        { "at_least_before": "P1D", "charge_share": "0.5" },
        { "at_least_before": "PT0S", "charge_share": "1" },
    ])
}

impl Scene {
    /// Sets it up.
    pub async fn of(market: &Market) -> Scene {
        let owner = market.provider().await;
        let terms = market.terms(&owner, clauses()).await;
        let servers = market.pool().of(&owner).units(6).with("units_per_island", 3).await;
        let single = market
            .pool()
            .of(&owner)
            .with("site_id", servers.site.clone())
            .units(16)
            .gpus_per_unit(1)
            .await;
        let late = market
            .pool()
            .of(&owner)
            .with("site_id", servers.site.clone())
            .units(5)
            .undelivered()
            .await;
        for (first, end, days) in [(0, 2, 0), (2, 3, 2), (3, 5, 6)] {
            let at = market.now() + chrono::TimeDelta::days(days);
            let body = json!({ "first_unit": first, "end_unit": end, "usable_from": at });
            let path = format!("/v1/pools/{}/deliveries", late.id);
            market.as_(&owner).post(path, body).await.expect(201);
        }
        let offer = |pool| {
            let offer = market.offer().on(pool).with("terms_id", terms.clone());
            offer.with("cancellation", cancellation())
        };
        let offers = vec![
            offer(&servers).await,
            offer(&single).rate("1.399").await,
            offer(&late).await,
            offer(&late).approval().await,
            offer(&servers).approval().await,
        ];
        let pools = [&servers, &single, &late].map(|pool| Ground {
            id: PoolId(market.uuid(&pool.id)),
            units: i32::try_from(pool.units).unwrap(),
            gpus_per_unit: i32::try_from(pool.gpus_per_unit).unwrap(),
        });
        let mut tenants = Vec::new();
        for projects in 0..3 {
            let tenant = market.tenant().await;
            let mut made = Vec::new();
            for _ in 1..projects {
                made.push(market.project(&tenant).await);
            }
            tenants.push(Party::of(market, tenant, made).await);
        }
        let scene = Scene {
            provider: Party::of(market, owner, Vec::new()).await,
            tenants,
            admin: market.admin().await,
            legal: market.staff("legal").await,
            judge: market.staff("independent").await,
            pools: pools.to_vec(),
            offers,
        };
        for quota in scene.quotas() {
            market.as_(&scene.admin).post("/v1/quotas", quota).await.expect(201);
        }
        scene
    }

    /// The quotas at first: of the second tenant, and of the third with a project.
    fn quotas(&self) -> Vec<Value> {
        let of = |tenant: usize, dimension: &str, limit: &str| {
            json!({
                "organization_id": self.tenants[tenant].organization.id, "dimension": dimension,
                "limit": limit, "reason": "as agreed",
            })
        };
        let mut project = of(2, "concurrent_gpus", "16");
        project["project_id"] = self.tenants[2].projects[0].clone().into();
        vec![
            of(1, "concurrent_gpus", "40"),
            of(1, "spend_per_month", "20000"),
            of(1, "open_requests", "2"),
            of(2, "gpu_hours_per_month", "8000"),
            project,
        ]
    }

    /// The tenant `id`.
    pub fn tenant(&self, id: Uuid) -> &Party {
        self.tenants.iter().find(|tenant| tenant.uuid == id).expect("a tenant of the scene")
    }
}

impl Party {
    async fn of(market: &Market, organization: Organization, projects: Vec<String>) -> Party {
        let key = market.key(&organization, "owner").await;
        let uuid = market.uuid(&organization.id);
        Party { organization, key, uuid, projects }
    }
}
