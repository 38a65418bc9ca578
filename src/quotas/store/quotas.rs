//! SQL on quotas and their overrides.

use std::fmt::Display;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sqlx::PgConnection;
use sqlx::postgres::types::PgRange;
use uuid::Uuid;

use crate::accounts::Verification;
use crate::db::stored::{storable, stored, unreadable, unwritable};
use crate::kernel::{OrganizationId, ProjectId, QuotaId, QuotaOverrideId, SiteId, Timestamp};
use crate::quotas::rules::{Dimension, END_OF_TIME, Limits, Quota, Rule};

const TABLE: &str = "quotas";

/// A quota as it is kept.
#[derive(Debug, Clone)]
pub struct QuotaRecord {
    pub id: QuotaId,
    pub organization_id: Option<OrganizationId>,
    pub verification: Option<Verification>,
    pub project_id: Option<ProjectId>,
    pub dimension: Dimension,
    pub accelerator: Option<String>,
    pub site_id: Option<SiteId>,
    pub rule: Rule,
    pub valid_from: Timestamp,
    pub valid_until: Option<Timestamp>,
    pub reason: String,
    pub revision: i32,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Those that were not taken back before they began, in order of time.
    pub overrides: Vec<Override>,
}

/// Another limit for a while.
#[derive(Debug, Clone)]
pub struct Override {
    pub id: QuotaOverrideId,
    pub amount: i128,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub reason: String,
}

impl QuotaRecord {
    /// As bookings are checked against it.
    pub fn in_force(&self) -> Quota {
        let micros = |at: Timestamp| at.timestamp_micros();
        let overrides = self.overrides.iter();
        Quota {
            id: self.id,
            organization: self.organization_id,
            project: self.project_id,
            dimension: self.dimension,
            accelerator: self.accelerator.clone(),
            site: self.site_id,
            limits: Limits {
                rule: self.rule,
                valid: (micros(self.valid_from), self.valid_until.map_or(END_OF_TIME, micros)),
                overrides: overrides
                    .map(|one| (micros(one.starts_at), micros(one.ends_at), one.amount))
                    .collect(),
            },
        }
    }
}

struct QuotaRow {
    id: QuotaId,
    organization_id: Option<OrganizationId>,
    verification: Option<Verification>,
    project_id: Option<ProjectId>,
    dimension: Dimension,
    accelerator_id: Option<String>,
    site_id: Option<SiteId>,
    amount: Option<Decimal>,
    share_millionths: Option<i32>,
    valid_from: Timestamp,
    valid_until: Option<Timestamp>,
    reason: String,
    revision: i32,
    created_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl QuotaRow {
    fn kept(self) -> sqlx::Result<QuotaRecord> {
        let rule = match (self.share_millionths, self.amount) {
            (Some(share), None) => Rule::Share(stored(share, TABLE, "share_millionths", self.id)?),
            (None, Some(amount)) => Rule::Amount(grains(amount, TABLE, self.id)?),
            _ => {
                return Err(unreadable(
                    TABLE,
                    "amount",
                    self.id,
                    "it is not one of amount and share",
                ));
            }
        };
        Ok(QuotaRecord {
            id: self.id,
            organization_id: self.organization_id,
            verification: self.verification,
            project_id: self.project_id,
            dimension: self.dimension,
            accelerator: self.accelerator_id,
            site_id: self.site_id,
            rule,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            reason: self.reason,
            revision: self.revision,
            created_at: self.created_at,
            ended_at: self.ended_at,
            overrides: Vec::new(),
        })
    }
}

/// An amount as it is counted: in whole grains.
pub(super) fn grains(
    amount: Decimal,
    table: &'static str,
    row: impl Display,
) -> sqlx::Result<i128> {
    let whole = Some(amount).filter(Decimal::is_integer).and_then(|amount| amount.to_i128());
    whole.ok_or_else(|| unreadable(table, "amount", row, format!("{amount} is no whole number")))
}

/// Grains as a column holds them.
pub(super) fn decimal(
    grains: i128,
    table: &'static str,
    row: impl Display,
) -> sqlx::Result<Decimal> {
    Decimal::try_from_i128_with_scale(grains, 0)
        .map_err(|error| unwritable(table, "amount", row, format!("{grains}: {error}")))
}

fn columns(quota: &QuotaRecord) -> sqlx::Result<(Option<Decimal>, Option<i32>)> {
    Ok(match quota.rule {
        Rule::Amount(grains) => (Some(decimal(grains, TABLE, quota.id)?), None),
        Rule::Share(millionths) => {
            (None, Some(storable(millionths, TABLE, "share_millionths", quota.id)?))
        }
    })
}

macro_rules! select_quotas {
    ($connection:expr, $rest:tt $(, $argument:expr)*) => {{
        let rows = sqlx::query_as!(
            QuotaRow,
            r#"select id as "id: QuotaId", organization_id as "organization_id: OrganizationId",
                   verification as "verification: Verification", project_id as "project_id: ProjectId",
                   dimension as "dimension: Dimension", accelerator_id, site_id as "site_id: SiteId",
                   amount, share_millionths, valid_from, valid_until, reason, revision, created_at, ended_at
               from quotas "# + $rest
            $(, $argument)*
        )
        .fetch_all(&mut *$connection)
        .await?;
        let quotas = rows.into_iter().map(QuotaRow::kept).collect::<sqlx::Result<Vec<QuotaRecord>>>()?;
        with_overrides($connection, quotas).await
    }};
}

async fn with_overrides(
    connection: &mut PgConnection,
    mut quotas: Vec<QuotaRecord>,
) -> sqlx::Result<Vec<QuotaRecord>> {
    if quotas.is_empty() {
        return Ok(quotas);
    }
    let ids: Vec<Uuid> = quotas.iter().map(|quota| quota.id.0).collect();
    let rows = sqlx::query!(
        r#"select id as "id: QuotaOverrideId", quota_id as "quota_id: QuotaId", amount,
               lower(during) as "starts_at!", upper(during) as "ends_at!", reason
           from quota_overrides where quota_id = any($1) and not isempty(during) order by lower(during)"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        if let Some(quota) = quotas.iter_mut().find(|quota| quota.id == row.quota_id) {
            quota.overrides.push(Override {
                id: row.id,
                amount: grains(row.amount, "quota_overrides", row.id)?,
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                reason: row.reason,
            });
        }
    }
    Ok(quotas)
}

/// Which quotas.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only what this organization may see: its own, and defaults for its verification.
    pub scope: Option<(Uuid, Verification)>,
    pub organization: Option<Uuid>,
    pub project: Option<Uuid>,
    /// Also those that were lifted.
    pub with_ended: bool,
    pub after: Option<Uuid>,
    pub limit: i64,
}

/// Quotas, newest first.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &mut PgConnection,
    filter: &Filter,
) -> sqlx::Result<Vec<QuotaRecord>> {
    let scope = filter.scope;
    select_quotas!(
        connection,
        "where ($1::uuid is null or organization_id = $1 or verification = $2)
           and ($3::uuid is null or organization_id = $3) and ($4::uuid is null or project_id = $4)
           and ($5 or ended_at is null) and ($6::uuid is null or id < $6)
         order by id desc limit $7",
        scope.map(|(organization, _)| organization),
        scope.map(|(_, verification)| verification) as Option<Verification>,
        filter.organization,
        filter.project,
        filter.with_ended,
        filter.after,
        filter.limit
    )
}

/// The quota `id`, if `scope` (`None`: staff) may see it.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &mut PgConnection,
    id: QuotaId,
    scope: Option<(Uuid, Verification)>,
) -> sqlx::Result<Option<QuotaRecord>> {
    let found = select_quotas!(
        connection,
        "where id = $1 and ($2::uuid is null or organization_id = $2 or verification = $3)",
        id.0,
        scope.map(|(organization, _)| organization),
        scope.map(|(_, verification)| verification) as Option<Verification>
    )?;
    Ok(found.into_iter().next())
}

/// The quotas that stand for `organization`: its own, and defaults for `verification` where it has no
/// own one of the same; in order of their dimensions.
///
/// # Errors
/// Those of the database.
pub async fn standing(
    connection: &mut PgConnection,
    organization: OrganizationId,
    verification: Verification,
) -> sqlx::Result<Vec<QuotaRecord>> {
    let mut all = select_quotas!(
        connection,
        "where ended_at is null and (organization_id = $1 or verification = $2)",
        organization.0,
        verification as Verification
    )?;
    all.sort_by_key(|quota| (quota.dimension, quota.id));
    let own: Vec<Quota> =
        all.iter().filter(|one| one.organization_id.is_some()).map(QuotaRecord::in_force).collect();
    let is_displaced = |one: &QuotaRecord| {
        one.organization_id.is_none()
            && own.iter().any(|other| other.is_of_the_same(&one.in_force()))
    };
    Ok(all.into_iter().filter(|one| !is_displaced(one)).collect())
}

/// The live quota of the same as `wanted`, locked.
///
/// # Errors
/// Those of the database.
pub async fn find_same(
    connection: &mut PgConnection,
    wanted: &QuotaRecord,
) -> sqlx::Result<Option<QuotaRecord>> {
    let found = select_quotas!(
        connection,
        "where ended_at is null and organization_id is not distinct from $1
           and verification is not distinct from $2 and project_id is not distinct from $3
           and dimension = $4 and accelerator_id is not distinct from $5
           and site_id is not distinct from $6 for update",
        wanted.organization_id.map(|id| id.0),
        wanted.verification as Option<Verification>,
        wanted.project_id.map(|id| id.0),
        wanted.dimension as Dimension,
        wanted.accelerator,
        wanted.site_id.map(|id| id.0)
    )?;
    Ok(found.into_iter().next())
}

/// Adds a quota, without its overrides.
///
/// # Errors
/// Those of the database.
pub async fn add(connection: &mut PgConnection, quota: &QuotaRecord) -> sqlx::Result<()> {
    let (amount, share) = columns(quota)?;
    sqlx::query!(
        "insert into quotas (id, organization_id, verification, project_id, dimension, accelerator_id,
             site_id, amount, share_millionths, valid_from, valid_until, reason, revision, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        quota.id.0,
        quota.organization_id.map(|id| id.0),
        quota.verification as Option<Verification>,
        quota.project_id.map(|id| id.0),
        quota.dimension as Dimension,
        quota.accelerator,
        quota.site_id.map(|id| id.0),
        amount,
        share,
        quota.valid_from,
        quota.valid_until,
        quota.reason,
        quota.revision,
        quota.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what may change of a quota.
///
/// # Errors
/// Those of the database.
pub async fn update(connection: &mut PgConnection, quota: &QuotaRecord) -> sqlx::Result<()> {
    let (amount, share) = columns(quota)?;
    sqlx::query!(
        "update quotas set amount = $2, share_millionths = $3, valid_from = $4, valid_until = $5,
             reason = $6, revision = $7, ended_at = $8 where id = $1",
        quota.id.0,
        amount,
        share,
        quota.valid_from,
        quota.valid_until,
        quota.reason,
        quota.revision,
        quota.ended_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds an override.
///
/// # Errors
/// `quota_overrides_no_overlap`; those of the database.
pub async fn add_override(
    connection: &mut PgConnection,
    quota: QuotaId,
    instead: &Override,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into quota_overrides (id, quota_id, amount, during, reason, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        instead.id.0,
        quota.0,
        decimal(instead.amount, "quota_overrides", instead.id)?,
        PgRange::from(instead.starts_at..instead.ends_at),
        instead.reason,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends every override of `quota` at `now`; those that have not begun are taken back.
///
/// # Errors
/// Those of the database.
pub async fn end_overrides(
    connection: &mut PgConnection,
    quota: QuotaId,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "update quota_overrides
         set during = during * tstzrange(null, $2) where quota_id = $1 and upper(during) > $2",
        quota.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
