//! SQL that makes and changes leases and their tranches.

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::stored::storable;
use crate::db::writes::Writes;
use crate::kernel::{LeaseId, Timestamp};
use crate::leases::rules::{Charge, End, Lease, Tranche};

/// The values of a column, one for each row.
macro_rules! values {
    ($rows:expr, $row:pat => $value:expr) => {
        $rows.iter().map(|$row| $value).collect::<Vec<_>>()
    };
}

/// Adds leases with their tranches.
///
/// # Errors
/// Those of the database.
pub async fn add(connection: &mut PgConnection, leases: &[&Lease]) -> sqlx::Result<()> {
    let mut writes = Writes::default();
    adding(&mut writes, leases)?;
    writes.execute(connection).await
}

/// Adds to `writes` leases with their tranches.
///
/// # Errors
/// [`sqlx::Error::Encode`] if a number does not fit into its column.
pub fn adding(writes: &mut Writes, leases: &[&Lease]) -> sqlx::Result<()> {
    let tranches: Vec<(LeaseId, &Tranche)> = leases
        .iter()
        .flat_map(|lease| lease.tranches.iter().map(|tranche| (lease.id, tranche)))
        .collect();
    let (units, gpus) = sizes(tranches.iter().map(|(_, tranche)| *tranche))?;
    writes
        .add(
            leases.len(),
            "insert into leases (id, tenant_id, provider_id, project_id, tenant_name, provider_name,
                 quote_id, status, starts_at, ends_at, price, placement, terms_hash, cancellation,
                 revision, created_by, created_at)
             select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
                 $7::uuid[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::numeric[],
                 $12::text[], $13::bytea[], $14::jsonb[], $15::int4[], $16::uuid[], $17::timestamptz[])",
        )
        .bind(values!(leases, lease => lease.id.0))
        .bind(values!(leases, lease => lease.tenant_id.0))
        .bind(values!(leases, lease => lease.provider_id.0))
        .bind(values!(leases, lease => lease.project_id.map(|id| id.0)))
        .bind(values!(leases, lease => lease.tenant_name.clone()))
        .bind(values!(leases, lease => lease.provider_name.clone()))
        .bind(values!(leases, lease => lease.quote_id.map(|id| id.0)))
        .bind(values!(leases, lease => lease.status.as_str().to_owned()))
        .bind(values!(leases, lease => lease.starts_at))
        .bind(values!(leases, lease => lease.ends_at))
        .bind(values!(leases, lease => lease.price().decimal()))
        .bind(values!(leases, lease => lease.placement.to_string()))
        .bind(values!(leases, lease => lease.terms_hash.0.to_vec()))
        .bind(values!(leases, lease => Json(lease.cancellation.clone())))
        .bind(values!(leases, lease => lease.revision))
        .bind(values!(leases, lease => lease.created_by))
        .bind(values!(leases, lease => lease.created_at));
    writes
        .add(
            tranches.len(),
            "insert into tranches (lease_id, id, number, offer_id, pool_id, units, gpus, mw, starts_at,
                 ends_at, rate_per_gpu_hour, price, line_id)
             select * from unnest($1::uuid[], $2::uuid[], $3::int4[], $4::uuid[], $5::uuid[], $6::int4[],
                 $7::int4[], $8::numeric[], $9::timestamptz[], $10::timestamptz[], $11::numeric[],
                 $12::numeric[], $13::uuid[])",
        )
        .bind(values!(tranches, row => row.0.0))
        .bind(values!(tranches, row => row.1.id.0))
        .bind(values!(tranches, row => row.1.number))
        .bind(values!(tranches, row => row.1.offer_id.0))
        .bind(values!(tranches, row => row.1.pool_id.0))
        .bind(units)
        .bind(gpus)
        .bind(values!(tranches, row => row.1.mw))
        .bind(values!(tranches, row => row.1.starts_at))
        .bind(values!(tranches, row => row.1.ends_at))
        .bind(values!(tranches, row => row.1.rate.decimal()))
        .bind(values!(tranches, row => row.1.price.decimal()))
        .bind(values!(tranches, row => row.1.line.0));
    Ok(())
}

/// The columns `units` and `gpus` of tranches.
fn sizes<'t>(tranches: impl Iterator<Item = &'t Tranche>) -> sqlx::Result<(Vec<i32>, Vec<i32>)> {
    let (mut units, mut gpus) = (Vec::new(), Vec::new());
    for tranche in tranches {
        units.push(storable(tranche.units, "tranches", "units", tranche.id)?);
        gpus.push(storable(tranche.gpus, "tranches", "gpus", tranche.id)?);
    }
    Ok((units, gpus))
}

/// Writes a lease that was `before` and is `after`, with its schedule and charges, if it still is as it was.
///
/// # Errors
/// [`sqlx::Error::RowNotFound`] if its revision moved on; those of the database.
pub async fn change(
    connection: &mut PgConnection,
    before: &Lease,
    after: &Lease,
) -> sqlx::Result<()> {
    let end = after.end.as_ref();
    let done = sqlx::query!(
        "update leases set status = $3, starts_at = $4, ends_at = $5, price = $6, revision = $7, noticed = $8,
             ended_at = $9, ended_by = $10, end_code = $11, end_reason = $12, delayed_until = $13,
             suspended_until = $14, taken_at = case when $8 then taken_at end
         where id = $1 and revision = $2",
        before.id.0,
        before.revision,
        after.status.as_str(),
        after.starts_at,
        after.ends_at,
        after.price().decimal(),
        after.revision,
        after.noticed,
        end.map(|end| end.at),
        end.map(|end| end.by.as_str()),
        end.map(|end| end.code.as_str()),
        end.map(|end| end.reason.as_str()),
        after.delayed_until,
        after.suspended_until,
    )
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() != 1 {
        return Err(sqlx::Error::RowNotFound);
    }
    if before.tranches != after.tranches {
        set_schedule(connection, after).await?;
    }
    if before.charges != after.charges {
        set_charges(connection, after.id, &after.charges).await?;
    }
    Ok(())
}

async fn set_schedule(connection: &mut PgConnection, lease: &Lease) -> sqlx::Result<()> {
    sqlx::query!("delete from tranches where lease_id = $1", lease.id.0)
        .execute(&mut *connection)
        .await?;
    let tranches = &lease.tranches;
    let (units, gpus) = sizes(tranches.iter())?;
    sqlx::query!(
        "insert into tranches (lease_id, id, number, offer_id, pool_id, units, gpus, mw, starts_at, ends_at,
             rate_per_gpu_hour, price, line_id)
         select $1, * from unnest($2::uuid[], $3::int4[], $4::uuid[], $5::uuid[], $6::int4[], $7::int4[],
             $8::numeric[], $9::timestamptz[], $10::timestamptz[], $11::numeric[], $12::numeric[],
             $13::uuid[])",
        lease.id.0,
        &values!(tranches, tranche => tranche.id.0),
        &values!(tranches, tranche => tranche.number),
        &values!(tranches, tranche => tranche.offer_id.0),
        &values!(tranches, tranche => tranche.pool_id.0),
        &units,
        &gpus,
        &values!(tranches, tranche => tranche.mw),
        &values!(tranches, tranche => tranche.starts_at),
        &values!(tranches, tranche => tranche.ends_at),
        &values!(tranches, tranche => tranche.rate.decimal()),
        &values!(tranches, tranche => tranche.price.decimal()),
        &values!(tranches, tranche => tranche.line.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds the charges that are new, and waives those that are waived.
async fn set_charges(
    connection: &mut PgConnection,
    lease: LeaseId,
    charges: &[Charge],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into lease_charges (lease_id, number, kind, amount, charged_at, waived_at)
         select $1, * from unnest($2::int4[], $3::text[], $4::numeric[], $5::timestamptz[], $6::timestamptz[])
         on conflict (lease_id, number) do update set waived_at = excluded.waived_at",
        lease.0,
        &values!(charges, charge => charge.number),
        &values!(charges, charge => charge.kind.as_str().to_owned()),
        &values!(charges, charge => charge.amount.decimal()),
        &values!(charges, charge => charge.charged_at),
        &values!(charges, charge => charge.waived_at) as &[Option<Timestamp>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says when the served reclaim case takes units of a lease; `None`: it takes none. The lease is as it was,
/// and keeps its revision, but it does not end by itself before that case has been carried out.
///
/// # Errors
/// A lease that is not under notice violates `leases_taken`; otherwise those of the database.
pub async fn set_taken_at(
    connection: &mut PgConnection,
    id: LeaseId,
    at: Option<Timestamp>,
) -> sqlx::Result<()> {
    sqlx::query!("update leases set taken_at = $2 where id = $1", id.0, at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives leases another status; each gets a new revision, and those that are over their end.
///
/// # Errors
/// Those of the database.
pub async fn set_status(connection: &mut PgConnection, leases: &[Lease]) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = leases.iter().map(|lease| lease.id.0).collect();
    let statuses: Vec<String> =
        leases.iter().map(|lease| lease.status.as_str().to_owned()).collect();
    let revisions: Vec<i32> = leases.iter().map(|lease| lease.revision).collect();
    let ends: Vec<Option<&End>> = leases.iter().map(|lease| lease.end.as_ref()).collect();
    let at: Vec<Option<Timestamp>> = ends.iter().map(|end| end.map(|end| end.at)).collect();
    let by: Vec<Option<String>> = ends.iter().map(|end| end.map(|end| end.by.clone())).collect();
    let code: Vec<Option<String>> =
        ends.iter().map(|end| end.map(|end| end.code.to_string())).collect();
    let reason: Vec<Option<String>> =
        ends.iter().map(|end| end.map(|end| end.reason.clone())).collect();
    sqlx::query!(
        "update leases set status = new.status, revision = new.revision, ended_at = new.ended_at,
             ended_by = new.ended_by, end_code = new.end_code, end_reason = new.end_reason
         from unnest($1::uuid[], $2::text[], $3::int4[], $4::timestamptz[], $5::text[], $6::text[], $7::text[])
             new (id, status, revision, ended_at, ended_by, end_code, end_reason)
         where leases.id = new.id",
        &ids,
        &statuses,
        &revisions,
        &at as &[Option<Timestamp>],
        &by as &[Option<String>],
        &code as &[Option<String>],
        &reason as &[Option<String>],
    )
    .execute(connection)
    .await?;
    Ok(())
}
