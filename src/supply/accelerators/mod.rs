//! The catalogue of accelerators: chips that pools are made of. It ships with the server.

pub mod routes;
pub(super) mod store;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Problem;
use crate::app::App;

/// A chip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Accelerator {
    /// Its short name everywhere: `h100-sxm`.
    pub id: String,
    pub name: String,
    pub vendor: String,
    /// Nominal device memory; `null` here and below: not recorded.
    #[schema(value_type = Option<String>)]
    pub memory_gib: Option<rust_decimal::Decimal>,
    /// Thermal design power, in W.
    #[schema(value_type = Option<String>)]
    pub tdp_w: Option<rust_decimal::Decimal>,
    /// Dense bf16, in TFLOP/s.
    #[schema(value_type = Option<String>)]
    pub bf16_tflops: Option<rust_decimal::Decimal>,
    #[schema(value_type = Option<String>)]
    pub memory_bandwidth_gb_s: Option<rust_decimal::Decimal>,
    pub released_on: Option<chrono::NaiveDate>,
}

/// The catalogue that ships with this version; its sources are named in the data's README.
///
/// # Errors
/// Those of the CSV reader, which a test rules out.
pub fn catalogue() -> csv::Result<Vec<Accelerator>> {
    csv::Reader::from_reader(include_bytes!("accelerators.csv").as_slice()).deserialize().collect()
}

/// Brings the database's catalogue to that of this version; chips that are no longer in it stay.
///
/// # Errors
/// Those of the database.
pub async fn load_catalogue(app: &App) -> Result<(), Problem> {
    let chips = catalogue().map_err(Problem::internal)?;
    let mut connection = app.db.acquire().await?;
    Ok(store::upsert(&mut connection, &chips).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_reads_and_names_every_chip_once() {
        let chips = catalogue().unwrap();
        assert!(chips.len() > 80);
        let ids: std::collections::BTreeSet<&str> =
            chips.iter().map(|chip| chip.id.as_str()).collect();
        assert_eq!(ids.len(), chips.len());
        let h100 = chips.iter().find(|chip| chip.id == "h100-sxm").unwrap();
        assert_eq!(h100.tdp_w, Some(700.into()));
    }
}
