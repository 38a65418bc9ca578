//! The figures that the demo market is made of, read from the data beside this file.

use std::collections::BTreeMap;

use anyhow::Context;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::kernel::Money;

const CLUSTERS: &str = include_str!("data/clusters.csv");
const PRICES: &str = include_str!("data/prices.csv");

/// Power usage effectiveness assumed for every cluster; the source gives the power of whole sites.
const PUE: Decimal = Decimal::from_parts(12, 0, 0, false, 1);

/// One cluster: a site with one pool.
#[derive(Debug, Clone, Deserialize)]
pub struct Cluster {
    pub site: String,
    pub provider: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    pub status: Status,
    /// Id in the catalogue.
    pub accelerator: String,
    gpus: u32,
    pub gpus_per_unit: u32,
    /// Of the whole site, at the meter.
    pub power_mw: Decimal,
}

/// Whether a cluster is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Existing,
    Planned,
}

impl Cluster {
    /// Whole units.
    pub fn units(&self) -> u32 {
        self.gpus / self.gpus_per_unit
    }

    /// Power of one unit before the PUE, in kW, rounded down so that all units stay within the site's.
    pub fn kw_per_unit(&self) -> Decimal {
        let kw = self.power_mw * Decimal::ONE_THOUSAND / PUE / Decimal::from(self.units());
        kw.trunc_with_scale(4).normalize()
    }

    /// Power usage effectiveness.
    pub fn pue(&self) -> Decimal {
        PUE
    }
}

/// All clusters, the largest by power first.
///
/// # Errors
/// With the line, if the file beside this one is damaged.
pub fn clusters() -> anyhow::Result<Vec<Cluster>> {
    let mut reader = csv::Reader::from_reader(CLUSTERS.as_bytes());
    reader.deserialize().map(|row| row.context("clusters.csv")).collect()
}

/// Rates per GPU-hour by accelerator.
#[derive(Debug)]
pub struct Rates(BTreeMap<String, Vec<(String, Decimal)>>);

#[derive(Debug, Deserialize)]
struct Price {
    provider: String,
    gpu: String,
    usd_per_gpu_hour: Decimal,
    kind: String,
}

impl Rates {
    /// Those of the price list that are for capacity that stays: on demand, in a data centre.
    ///
    /// # Errors
    /// With the line, if the file beside this one is damaged.
    pub fn read() -> anyhow::Result<Self> {
        let mut rates: BTreeMap<String, Vec<(String, Decimal)>> = BTreeMap::new();
        for row in csv::Reader::from_reader(PRICES.as_bytes()).deserialize() {
            let price: Price = row.context("prices.csv")?;
            if matches!(price.kind.as_str(), "on-demand" | "secure") {
                rates.entry(price.gpu).or_default().push((price.provider, price.usd_per_gpu_hour));
            }
        }
        rates.values_mut().for_each(|rates| rates.sort_by_key(|(_, rate)| *rate));
        Ok(Self(rates))
    }

    /// The rate that `provider` publishes for `accelerator`, else the median of all, in cents; none
    /// where nobody publishes one.
    pub fn rate(&self, provider: &str, accelerator: &str) -> Option<Decimal> {
        let rates = self.0.get(accelerator)?;
        let own = rates.iter().find(|(name, _)| is_list_of(name, provider));
        let (_, rate) = own.or_else(|| rates.get(rates.len() / 2))?;
        Some(Money::round(*rate).decimal())
    }
}

/// Whether the price list's `slug` is the cluster owner `provider`.
fn is_list_of(slug: &str, provider: &str) -> bool {
    let owner = match slug {
        "aws" => "Amazon",
        "azure" => "Microsoft",
        "gcp" => "Google",
        "hyperstack" => "NexGen Cloud",
        "together" => "Together AI",
        other => return other.eq_ignore_ascii_case(provider),
    };
    owner == provider
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn colossus_is_one_whole_site_of_220_000_gpus_and_300_mw() {
        let clusters = clusters().expect("the shipped file");
        let colossus: Vec<_> =
            clusters.iter().filter(|cluster| cluster.site.starts_with("Colossus")).collect();
        let [colossus] = colossus[..] else {
            panic!("superseded phases count twice: {colossus:?}")
        };
        assert_eq!((colossus.units(), colossus.gpus_per_unit), (27_500, 8));
        let mw = Decimal::from(colossus.units()) * colossus.kw_per_unit() * colossus.pue()
            / Decimal::ONE_THOUSAND;
        assert_eq!(mw.round_dp(1), Decimal::from(300));
        assert!(mw <= Decimal::from(300));
    }

    #[test]
    fn every_accelerator_is_in_the_catalogue() {
        let catalogue: BTreeSet<&str> = include_str!("../supply/accelerators/accelerators.csv")
            .lines()
            .filter_map(|line| line.split(',').next())
            .collect();
        let clusters = clusters().expect("the shipped file");
        assert!(clusters.len() >= 30);
        for cluster in &clusters {
            assert!(catalogue.contains(cluster.accelerator.as_str()), "{cluster:?}");
            assert!(cluster.units() > 0 && cluster.kw_per_unit() > Decimal::ZERO, "{cluster:?}");
        }
        for accelerator in Rates::read().expect("the shipped file").0.keys() {
            assert!(catalogue.contains(accelerator.as_str()), "{accelerator}");
        }
    }

    #[test]
    fn a_provider_s_own_rate_comes_before_the_median() {
        let rates = Rates::read().expect("the shipped file");
        let own = rates.rate("CoreWeave", "h200").expect("a rate");
        let median = rates.rate("Nobody", "h200").expect("a rate");
        assert_eq!(own, Decimal::new(631, 2), "6.305, to the cent");
        assert_eq!(median, Decimal::new(447, 2));
        assert_eq!(rates.rate("Google", "tpu-v4"), None);
    }
}
