//! What the tables say: read by their owner, past the server, as it stands after an act.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::postgres::types::PgRange;
use sqlx::types::Uuid;
use sqlx::{FromRow, PgConnection};

pub type At = DateTime<Utc>;

/// Everything that the acts are about, in order of creation.
#[derive(Debug, Default)]
pub struct Truth {
    pub leases: Vec<Lease>,
    pub quotes: Vec<Quote>,
    pub rects: Vec<Rect>,
    pub deliveries: Vec<Delivery>,
    pub blocks: Vec<Block>,
    pub cases: Vec<Case>,
    pub lines: Vec<SettlementLine>,
    pub volunteers: Vec<Volunteer>,
    pub quotas: Vec<Quota>,
    pub overrides: Vec<Override>,
    pub raises: Vec<Raise>,
    pub offers: Vec<Offer>,
    pub suspended: Vec<Uuid>,
}

#[derive(Debug, Clone, FromRow)]
pub struct Lease {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub project_id: Option<Uuid>,
    pub status: String,
    pub starts_at: At,
    pub ends_at: At,
    pub price: Decimal,
    pub revision: i32,
    pub noticed: bool,
    pub delayed_until: Option<At>,
    pub ended_at: Option<At>,
    #[sqlx(skip)]
    pub tranches: Vec<Tranche>,
    #[sqlx(skip)]
    pub amendments: Vec<Amendment>,
    #[sqlx(skip)]
    pub charges: Vec<Charge>,
}

/// What is owed besides the schedule.
#[derive(Debug, Clone, FromRow)]
pub struct Charge {
    pub lease_id: Uuid,
    pub kind: String,
    pub amount: Decimal,
    pub waived_at: Option<At>,
}

#[derive(Debug, Clone, FromRow)]
pub struct Tranche {
    pub id: Uuid,
    pub line_id: Uuid,
    pub lease_id: Uuid,
    pub pool_id: Uuid,
    pub units: i32,
    pub gpus: i32,
    pub starts_at: At,
    pub ends_at: At,
    pub rate_per_gpu_hour: Decimal,
    pub price: Decimal,
}

#[derive(Debug, Clone, FromRow)]
pub struct Amendment {
    pub lease_id: Uuid,
    pub kind: String,
    pub price: Decimal,
    pub terms: Value,
}

#[derive(Debug, Clone, FromRow)]
pub struct Quote {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub project_id: Option<Uuid>,
    pub tranches: Value,
    pub holds: bool,
    pub is_reserved: bool,
    pub expires_at: At,
}

/// A rectangle that is not over.
#[derive(Debug, Clone, FromRow)]
pub struct Rect {
    pub pool_id: Uuid,
    pub id: Uuid,
    pub first_unit: i32,
    pub end_unit: i32,
    /// `None`: since ever.
    pub from: Option<At>,
    /// `None`: for ever.
    pub until: Option<At>,
    pub purpose: String,
    pub owner_id: Uuid,
    pub subject_id: Uuid,
}

#[derive(Debug, Clone, FromRow)]
pub struct Delivery {
    pub id: Uuid,
    pub pool_id: Uuid,
    pub first_unit: i32,
    pub end_unit: i32,
    pub usable_from: At,
    pub status: String,
}

/// A block that is neither lifted nor over.
#[derive(Debug, Clone, FromRow)]
pub struct Block {
    pub id: Uuid,
    pub pool_id: Uuid,
    pub first_unit: i32,
    pub end_unit: i32,
    pub starts_at: At,
    pub ends_at: Option<At>,
}

#[derive(Debug, Clone, FromRow)]
pub struct Case {
    pub id: Uuid,
    pub lease_id: Uuid,
    pub clause: Value,
    pub ground: String,
    pub measure: Value,
    pub state: String,
    pub progress: Value,
    pub tranche_id: Option<Uuid>,
    pub units: Option<i32>,
    pub served_at: Option<At>,
    pub deadline: Option<At>,
    pub wakes_at: Option<At>,
    pub executed_at: Option<At>,
    pub outcome: Option<Value>,
    pub closed_reason: Option<String>,
}

#[derive(Debug, Clone, FromRow)]
pub struct SettlementLine {
    pub case_id: Uuid,
    pub lease_id: Uuid,
    pub kind: String,
    pub amount: Decimal,
    pub settled_at: At,
}

#[derive(Debug, Clone, FromRow)]
pub struct Volunteer {
    pub id: Uuid,
    pub lease_id: Uuid,
    pub tranche_id: Uuid,
    pub units: i32,
}

#[derive(Debug, Clone, FromRow)]
pub struct Quota {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub project_id: Option<Uuid>,
    pub dimension: String,
    pub amount: Option<Decimal>,
    pub valid_from: At,
    pub valid_until: Option<At>,
}

#[derive(Debug, Clone, FromRow)]
pub struct Override {
    pub quota_id: Uuid,
    pub amount: Decimal,
    pub during: PgRange<At>,
}

#[derive(Debug, Clone, FromRow)]
pub struct Raise {
    pub id: Uuid,
}

#[derive(Debug, Clone, FromRow)]
pub struct Offer {
    pub id: Uuid,
    pub state: String,
}

impl Lease {
    /// Whether it is neither over nor refused.
    pub fn is_live(&self) -> bool {
        matches!(self.status.as_str(), "requested" | "scheduled" | "active")
    }

    /// Whether it was over before it began, so that nothing of its schedule is owed: it stands there for
    /// the record.
    pub fn never_began(&self) -> bool {
        matches!(self.status.as_str(), "rejected" | "cancelled")
            || self.ended_at.is_some_and(|ended_at| ended_at <= self.starts_at)
    }

    /// Units of `pool` that its schedule says at `at`.
    pub fn units_at(&self, pool: Uuid, at: At) -> i32 {
        if !self.is_live() {
            return 0;
        }
        let there = self.tranches.iter().filter(|tranche| tranche.pool_id == pool);
        there.filter(|it| it.starts_at <= at && at < it.ends_at).map(|it| it.units).sum()
    }

    /// The sum of the prices of its schedule.
    pub fn schedule_price(&self) -> Decimal {
        self.tranches.iter().map(|tranche| tranche.price).sum()
    }

    /// The sum of its charges that are not waived.
    pub fn charges(&self) -> Decimal {
        let owed = self.charges.iter().filter(|charge| charge.waived_at.is_none());
        owed.map(|charge| charge.amount).sum()
    }
}

impl Truth {
    pub fn lease(&self, id: Uuid) -> Option<&Lease> {
        self.leases.iter().find(|lease| lease.id == id)
    }

    pub fn live(&self) -> impl Iterator<Item = &Lease> {
        self.leases.iter().filter(|lease| lease.is_live())
    }

    pub fn case(&self, id: Uuid) -> Option<&Case> {
        self.cases.iter().find(|case| case.id == id)
    }

    /// Reads the tables anew. What has been over for long and has no open case is in `settled`, and is
    /// kept as it was.
    pub async fn read(connection: &mut PgConnection, now: At, settled: &[Uuid]) -> Truth {
        macro_rules! all {
            ($sql:literal $(, $argument:expr)*) => {
                sqlx::query_as($sql)$(.bind($argument))*.fetch_all(&mut *connection).await
                    .unwrap_or_else(|error| panic!("{}: {error}", $sql))
            };
        }
        let mut leases: Vec<Lease> = all!(
            "select id, tenant_id, project_id, status, starts_at, ends_at, price, revision, noticed,
                 delayed_until, ended_at
             from leases where id <> all($1) order by created_at, id",
            settled
        );
        let ids: Vec<Uuid> = leases.iter().map(|lease| lease.id).collect();
        let tranches: Vec<Tranche> = all!(
            "select id, line_id, lease_id, pool_id, units, gpus, starts_at, ends_at,
                 rate_per_gpu_hour, price
             from tranches where lease_id = any($1) order by lease_id, number",
            &ids
        );
        let amendments: Vec<Amendment> = all!(
            "select lease_id, kind, price, terms from amendments where lease_id = any($1)
             order by lease_id, revision",
            &ids
        );
        let charges: Vec<Charge> = all!(
            "select lease_id, kind, amount, waived_at from lease_charges where lease_id = any($1)
             order by lease_id, number",
            &ids
        );
        let places: HashMap<Uuid, usize> = ids.iter().copied().zip(0..).collect();
        for tranche in tranches {
            leases[places[&tranche.lease_id]].tranches.push(tranche);
        }
        for amendment in amendments {
            leases[places[&amendment.lease_id]].amendments.push(amendment);
        }
        for charge in charges {
            leases[places[&charge.lease_id]].charges.push(charge);
        }
        Truth {
            leases,
            quotes: all!(
                "select id, tenant_id, project_id, tranches, holds, is_reserved, expires_at
                 from quotes where state = 'open' order by created_at, id"
            ),
            rects: all!(
                r#"select pool_id, id, lower(units) as first_unit, upper(units) as end_unit,
                       lower(during) as "from", upper(during) as "until", purpose, owner_id,
                       subject_id
                   from allocations where during && tstzrange($1, null) order by id"#,
                now
            ),
            deliveries: all!(
                "select id, pool_id, lower(units) as first_unit, upper(units) as end_unit, usable_from,
                     status
                 from deliveries order by created_at, lower(units)"
            ),
            blocks: all!(
                "select id, pool_id, lower(units) as first_unit, upper(units) as end_unit,
                     lower(during) as starts_at, upper(during) as ends_at
                 from blocks where lifted_at is null and (upper(during) is null or upper(during) > $1)
                 order by created_at, id",
                now
            ),
            cases: all!(
                "select id, lease_id, clause, ground, measure, state, progress, tranche_id, units,
                     served_at, deadline, wakes_at, executed_at, outcome, closed_reason
                 from reclaim_cases where lease_id = any($1) order by created_at, id",
                &ids
            ),
            lines: all!(
                "select l.case_id, s.lease_id, l.kind, l.amount, s.settled_at
                 from reclaim_settlement_lines l join reclaim_settlements s on s.case_id = l.case_id
                 where s.lease_id = any($1) order by s.settled_at, l.case_id, l.number",
                &ids
            ),
            volunteers: all!(
                "select id, lease_id, tranche_id, units from reclaim_volunteers
                 where state = 'open' order by created_at, id"
            ),
            quotas: all!(
                "select id, organization_id, project_id, dimension, amount, valid_from, valid_until
                 from quotas where ended_at is null and organization_id is not null
                 order by created_at, id"
            ),
            overrides: all!(
                "select quota_id, amount, during from quota_overrides where not isempty(during)
                 order by created_at, id"
            ),
            raises: all!(
                "select id from quota_requests where state = 'open'
                 order by created_at, id"
            ),
            offers: all!(
                "select id, state from offers order by created_at, id"
            ),
            suspended: sqlx::query_scalar(
                "select id from organizations where verification = 'suspended' order by name",
            )
            .fetch_all(&mut *connection)
            .await
            .unwrap(),
        }
    }

    /// Leases that nothing can happen to any more: they are over, and none of their cases is open.
    pub fn settled_leases(&self) -> Vec<Uuid> {
        let busy = self.cases.iter().filter(|case| case.wakes_at.is_some());
        let busy: HashSet<Uuid> = busy.map(|case| case.lease_id).collect();
        let over = self.leases.iter().filter(|it| !it.is_live() && !busy.contains(&it.id));
        over.filter(|it| it.delayed_until.is_none()).map(|lease| lease.id).collect()
    }
}
