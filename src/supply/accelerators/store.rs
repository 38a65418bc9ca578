//! SQL on `accelerators`.

use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::Accelerator;

/// The catalogue, in order of id.
pub async fn list(
    connection: &mut PgConnection,
    vendor: Option<&str>,
) -> sqlx::Result<Vec<Accelerator>> {
    sqlx::query_as!(
        Accelerator,
        "select id, name, vendor, memory_gib, tdp_w, bf16_tflops, memory_bandwidth_gb_s, released_on
         from accelerators where ($1::text is null or lower(vendor) = lower($1)) order by id",
        vendor
    )
    .fetch_all(connection)
    .await
}

/// Adds chips and changes those that differ, in order of id, so that servers that start together do
/// not wait for each other in a circle.
pub async fn upsert(connection: &mut PgConnection, chips: &[Accelerator]) -> sqlx::Result<()> {
    let text = |pick: fn(&Accelerator) -> &String| -> Vec<String> {
        chips.iter().map(|chip| pick(chip).clone()).collect()
    };
    let number = |pick: fn(&Accelerator) -> Option<Decimal>| -> Vec<Option<Decimal>> {
        chips.iter().map(pick).collect()
    };
    let dates: Vec<Option<chrono::NaiveDate>> = chips.iter().map(|chip| chip.released_on).collect();
    sqlx::query!(
        "insert into accelerators as a (id, name, vendor, memory_gib, tdp_w, bf16_tflops,
             memory_bandwidth_gb_s, released_on)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::numeric[], $5::numeric[],
             $6::numeric[], $7::numeric[], $8::date[]) t (id) order by t.id
         on conflict (id) do update set name = excluded.name, vendor = excluded.vendor,
             memory_gib = excluded.memory_gib, tdp_w = excluded.tdp_w,
             bf16_tflops = excluded.bf16_tflops,
             memory_bandwidth_gb_s = excluded.memory_bandwidth_gb_s, released_on = excluded.released_on
         where (a.name, a.vendor, a.memory_gib, a.tdp_w, a.bf16_tflops, a.memory_bandwidth_gb_s,
             a.released_on) is distinct from (excluded.name, excluded.vendor, excluded.memory_gib,
             excluded.tdp_w, excluded.bf16_tflops, excluded.memory_bandwidth_gb_s, excluded.released_on)",
        &text(|chip| &chip.id),
        &text(|chip| &chip.name),
        &text(|chip| &chip.vendor),
        &number(|chip| chip.memory_gib) as &[Option<Decimal>],
        &number(|chip| chip.tdp_w) as &[Option<Decimal>],
        &number(|chip| chip.bf16_tflops) as &[Option<Decimal>],
        &number(|chip| chip.memory_bandwidth_gb_s) as &[Option<Decimal>],
        &dates as &[Option<chrono::NaiveDate>],
    )
    .execute(connection)
    .await?;
    Ok(())
}
