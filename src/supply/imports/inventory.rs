//! What the rows of an inventory mean for sites and pools. Pure.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use rust_decimal::Decimal;

use super::rules::{Outcome, Report, RowReport, instant};
use super::table::{Cells, Column, Row, Table, optional, required};
use crate::kernel::money::parse_decimal;
use crate::kernel::{Name, OrganizationId, PoolId, SiteId, Span, Timestamp};
use crate::supply::accelerators::Accelerator;
use crate::supply::pools::rules::{Delivery, Pool, PoolChanges, PoolFacts, whole};
use crate::supply::shared::Quantity;
use crate::supply::sites::rules::{Country, Site, SiteChanges, SiteFacts, SiteKind, Stage};

/// The columns of an inventory: one row per pool.
pub const COLUMNS: &[Column] = &[
    required("site"),
    optional("country"),
    optional("kind"),
    optional("latitude"),
    optional("longitude"),
    optional("orbit"),
    required("power_mw"),
    optional("pue"),
    optional("stage"),
    required("pool"),
    required("accelerator"),
    required("gpus_per_unit"),
    required("units"),
    optional("kw_per_unit"),
    optional("fabric"),
    optional("units_per_island"),
    optional("usable_from"),
];

/// What is listed already.
pub struct Listed {
    pub provider: OrganizationId,
    pub accelerators: HashMap<String, Accelerator>,
    pub sites: Vec<Site>,
    pub pools: Vec<Pool>,
    pub deliveries: Vec<Delivery>,
}

/// What is to be written.
#[derive(Debug, Default)]
pub struct InventoryChanges {
    pub report: Report,
    pub new_sites: Vec<Site>,
    pub changed_sites: Vec<Site>,
    pub new_pools: Vec<Pool>,
    pub changed_pools: Vec<Pool>,
    pub deliveries: Vec<Delivery>,
}

/// Decides what every row of `table` comes to.
pub fn plan(table: &Table, listed: Listed, now: Timestamp) -> InventoryChanges {
    let mut planner = Planner {
        provider: listed.provider,
        now,
        accelerators: listed.accelerators,
        sites: listed
            .sites
            .into_iter()
            .map(|site| (site.facts.name.clone(), Place::listed(site)))
            .collect(),
        pools: listed
            .pools
            .into_iter()
            .map(|pool| ((pool.site_id, pool.facts.name.clone()), pool))
            .collect(),
        deliveries: HashMap::new(),
        lines: HashMap::new(),
        plan: InventoryChanges::default(),
    };
    for delivery in listed.deliveries {
        planner.deliveries.entry(delivery.pool_id).or_default().push(delivery);
    }
    for row in &table.rows {
        planner.take(table, row);
    }
    planner.finish()
}

struct Planner {
    provider: OrganizationId,
    now: Timestamp,
    accelerators: HashMap<String, Accelerator>,
    sites: BTreeMap<Name, Place>,
    pools: HashMap<(SiteId, Name), Pool>,
    deliveries: HashMap<PoolId, Vec<Delivery>>,
    /// Site and pool → the line that named them first.
    lines: HashMap<(Name, Name), u64>,
    plan: InventoryChanges,
}

/// A site, and what the file has said of it so far.
#[derive(Debug, Clone)]
struct Place {
    site: Site,
    is_new: bool,
    is_changed: bool,
    said: Said,
}

impl Place {
    fn listed(site: Site) -> Place {
        Place { site, is_new: false, is_changed: false, said: Said::default() }
    }
}

/// What rows say of a site; an empty cell says nothing.
#[derive(Debug, Clone, Default)]
struct Said {
    kind: Option<SiteKind>,
    country: Option<Country>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    orbit: Option<Name>,
    power_mw: Option<Quantity>,
    pue: Option<Quantity>,
    stage: Option<Stage>,
}

impl Planner {
    fn take(&mut self, table: &Table, row: &Row) {
        let place = (row.row, row.line);
        let cells = match table.cells(row) {
            Ok(cells) => cells,
            Err(problem) => {
                return self.plan.report.add(RowReport::refused(place, String::new(), problem));
            }
        };
        let shown =
            |column| cells.text(column).unwrap_or("?").chars().take(200).collect::<String>();
        let what = format!("pool {} at site {}", shown("pool"), shown("site"));
        let report = match self.decide(cells, row.line) {
            Ok((outcome, id)) => RowReport::done(place, outcome, what, id),
            Err(problem) => RowReport::refused(place, what, problem),
        };
        self.plan.report.add(report);
    }

    /// Takes a row over into the plan; a refused one leaves no trace.
    fn decide(&mut self, cells: Cells, line: u64) -> Result<(Outcome, PoolId), String> {
        let site_name: Name = cells.require("site")?;
        let pool_name: Name = cells.require("pool")?;
        let key = (site_name.clone(), pool_name.clone());
        if let Some(first) = self.lines.get(&key) {
            return Err(format!("line {first} describes this pool already; leave one of them out"));
        }
        let place = self.place(&site_name, cells)?;
        let usable_from = cells.text("usable_from").map(instant).transpose();
        let usable_from = usable_from.map_err(|error| format!("usable_from: {error}"))?;
        let is_site_new_to_plan =
            place.is_changed && !self.sites.get(&site_name).is_some_and(|known| known.is_changed);
        let pool_key = (place.site.id, pool_name.clone());
        let (outcome, id) = match self.pools.get(&pool_key).cloned() {
            Some(pool) => {
                self.check_hardware(&pool, cells)?;
                self.check_deliveries(&pool, usable_from)?;
                let after = pool.facts.changed(pool_changes(cells)?);
                let after = after.map_err(|invalid| invalid.to_string())?;
                let id = pool.id;
                let is_changed = after != pool.facts;
                if is_changed {
                    let revision = pool.revision + 1;
                    self.plan.changed_pools.push(Pool { facts: after, revision, ..pool });
                }
                let is_news = is_changed || is_site_new_to_plan;
                (if is_news { Outcome::Updated } else { Outcome::Unchanged }, id)
            }
            None => {
                let pool = self.new_pool(&place.site, pool_name, cells)?;
                let id = pool.id;
                let usable_from = usable_from.unwrap_or(self.now);
                self.plan.deliveries.push(whole(&pool, usable_from, self.now));
                self.plan.new_pools.push(pool);
                (Outcome::Created, id)
            }
        };
        self.lines.insert(key, line);
        self.sites.insert(site_name, place);
        Ok((outcome, id))
    }

    /// The site of a row, with what the row says of it.
    fn place(&self, name: &Name, cells: Cells) -> Result<Place, String> {
        let known = self.sites.get(name);
        let said = known.map(|place| place.said.clone()).unwrap_or_default();
        let said = said.and(&Said::read(cells)?)?;
        let Some(known) = known else {
            let facts = said.facts(name)?;
            facts.check().map_err(|invalid| invalid.to_string())?;
            let id = SiteId::new(self.now);
            let provider_id = self.provider;
            let site = Site { id, provider_id, facts, revision: 1, created_at: self.now };
            return Ok(Place { site, is_new: true, is_changed: true, said });
        };
        let mut place = Place { said: said.clone(), ..known.clone() };
        if place.is_new {
            place.site.facts = said.facts(name)?;
            place.site.facts.check().map_err(|invalid| invalid.to_string())?;
            return Ok(place);
        }
        let before = &known.site.facts;
        if said.kind.is_some_and(|kind| kind != before.kind)
            || said.country.is_some() && said.country != before.country
        {
            return Err("kind and country of a listed site do not change; use another name".into());
        }
        let after = before.changed(said.changes()).map_err(|invalid| invalid.to_string())?;
        if after.stage == Stage::Retired && before.stage != Stage::Retired {
            return Err("stage: a site is retired at /v1/sites, not by an import".into());
        }
        place.is_changed |= after != *before;
        place.site.facts = after;
        Ok(place)
    }

    fn new_pool(&self, site: &Site, name: Name, cells: Cells) -> Result<Pool, String> {
        let accelerator: Name = cells.require("accelerator")?;
        let chip = self.accelerators.get(accelerator.as_str()).ok_or_else(|| {
            format!("accelerator: the catalogue has no {accelerator}; see GET /v1/accelerators")
        })?;
        let gpus_per_unit: u32 = count(cells, "gpus_per_unit")?;
        let kw_per_unit = match cells.read::<Amount>("kw_per_unit")? {
            Some(amount) => amount.0,
            None => usual_power(chip, gpus_per_unit)?,
        };
        let facts = PoolFacts {
            name,
            accelerator,
            gpus_per_unit,
            units: count(cells, "units")?,
            kw_per_unit,
            fabric: cells.read("fabric")?,
            units_per_island: optional_count(cells, "units_per_island")?,
            pin_lead: Span::days(1),
        };
        Ok(Pool {
            id: PoolId::new(self.now),
            site_id: site.id,
            provider_id: self.provider,
            facts: facts.checked().map_err(|invalid| invalid.to_string())?,
            revision: 1,
            created_at: self.now,
        })
    }

    fn check_hardware(&self, pool: &Pool, cells: Cells) -> Result<(), String> {
        let accelerator: Name = cells.require("accelerator")?;
        let (gpus, units) = (count(cells, "gpus_per_unit")?, count(cells, "units")?);
        let facts = &pool.facts;
        if (&accelerator, gpus, units) == (&facts.accelerator, facts.gpus_per_unit, facts.units) {
            return Ok(());
        }
        Err(format!(
            "the pool is listed as {} units of {} × {}, and its hardware does not change; \
             list other hardware under another name",
            facts.units, facts.gpus_per_unit, facts.accelerator
        ))
    }

    fn check_deliveries(&self, pool: &Pool, usable_from: Option<Timestamp>) -> Result<(), String> {
        let Some(usable_from) = usable_from else { return Ok(()) };
        let deliveries = self.deliveries.get(&pool.id).map(Vec::as_slice).unwrap_or_default();
        match deliveries {
            [one] if one.units.count() == pool.facts.units && one.usable_from == usable_from => {
                Ok(())
            }
            _ => Err(format!(
                "usable_from: the deliveries of a listed pool are changed one by one, at \
                 /v1/pools/{}/deliveries",
                pool.id
            )),
        }
    }

    fn finish(self) -> InventoryChanges {
        let mut plan = self.plan;
        for place in self.sites.into_values().filter(|place| place.is_changed) {
            let mut site = place.site;
            if place.is_new {
                plan.new_sites.push(site);
            } else {
                site.revision += 1;
                plan.changed_sites.push(site);
            }
        }
        plan
    }
}

/// The power of the chips alone, where an inventory does not say.
fn usual_power(chip: &Accelerator, gpus_per_unit: u32) -> Result<Quantity, String> {
    let tdp = chip.tdp_w.ok_or_else(|| {
        format!("kw_per_unit: the cell is empty, and the power of {} is not recorded", chip.id)
    })?;
    Ok(Quantity(tdp * Decimal::from(gpus_per_unit) / Decimal::ONE_THOUSAND))
}

fn pool_changes(cells: Cells) -> Result<PoolChanges, String> {
    Ok(PoolChanges {
        name: None,
        kw_per_unit: cells.read::<Amount>("kw_per_unit")?.map(|amount| amount.0),
        fabric: cells.read("fabric")?,
        units_per_island: optional_count(cells, "units_per_island")?,
        pin_lead: None,
    })
}

impl Said {
    fn read(cells: Cells) -> Result<Said, String> {
        Ok(Said {
            kind: one_of(cells, "kind", &SiteKind::ALL, SiteKind::as_str)?,
            country: cells.read("country")?,
            latitude: cells.read::<Degrees>("latitude")?.map(|degrees| degrees.0),
            longitude: cells.read::<Degrees>("longitude")?.map(|degrees| degrees.0),
            orbit: cells.read("orbit")?,
            power_mw: Some(cells.require::<Amount>("power_mw")?.0),
            pue: cells.read::<Amount>("pue")?.map(|amount| amount.0),
            stage: one_of(cells, "stage", &Stage::ALL, Stage::as_str)?,
        })
    }

    /// Both together, unless they contradict each other.
    fn and(self, other: &Said) -> Result<Said, String> {
        fn both<T: PartialEq + Clone>(
            column: &str,
            first: Option<T>,
            second: &Option<T>,
        ) -> Result<Option<T>, String> {
            match (first, second) {
                (Some(first), Some(second)) if first != *second => {
                    Err(format!("{column}: an earlier row says something else of this site"))
                }
                (first, second) => Ok(first.or_else(|| second.clone())),
            }
        }
        Ok(Said {
            kind: both("kind", self.kind, &other.kind)?,
            country: both("country", self.country, &other.country)?,
            latitude: both("latitude", self.latitude, &other.latitude)?,
            longitude: both("longitude", self.longitude, &other.longitude)?,
            orbit: both("orbit", self.orbit, &other.orbit)?,
            power_mw: both("power_mw", self.power_mw, &other.power_mw)?,
            pue: both("pue", self.pue, &other.pue)?,
            stage: both("stage", self.stage, &other.stage)?,
        })
    }

    fn facts(&self, name: &Name) -> Result<SiteFacts, String> {
        Ok(SiteFacts {
            name: name.clone(),
            kind: self.kind.unwrap_or_default(),
            country: self.country.clone(),
            latitude: self.latitude,
            longitude: self.longitude,
            orbit: self.orbit.clone(),
            power_mw: self.power_mw.ok_or("power_mw: the cell is empty")?,
            pue: self.pue.unwrap_or(Quantity::ONE),
            stage: self.stage.unwrap_or_default(),
        })
    }

    fn changes(self) -> SiteChanges {
        SiteChanges {
            name: None,
            latitude: self.latitude,
            longitude: self.longitude,
            orbit: self.orbit,
            power_mw: self.power_mw,
            pue: self.pue,
            stage: self.stage,
        }
    }
}

fn count(cells: Cells, column: &str) -> Result<u32, String> {
    optional_count(cells, column)?.ok_or_else(|| format!("{column}: the cell is empty"))
}

fn optional_count(cells: Cells, column: &str) -> Result<Option<u32>, String> {
    Ok(cells.read::<Count>(column)?.map(|count| count.0))
}

fn one_of<T: Copy>(
    cells: Cells,
    column: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<Option<T>, String> {
    let Some(text) = cells.text(column) else { return Ok(None) };
    let found = all.iter().copied().find(|one| name(*one).eq_ignore_ascii_case(text));
    found.map(Some).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
        let shown: String = text.chars().take(60).collect();
        format!("{column}: `{shown}` is none of {}", names.join(", "))
    })
}

/// A whole number of things.
struct Count(u32);

impl FromStr for Count {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Count, &'static str> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten().map(Count).ok_or("expected a whole number")
    }
}

/// A plain decimal.
struct Amount(Quantity);

impl FromStr for Amount {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Amount, &'static str> {
        let number = parse_decimal(text).map(|number| Amount(Quantity(number)));
        number.ok_or("expected a decimal such as 10.2")
    }
}

/// Degrees of latitude or longitude.
struct Degrees(f64);

impl FromStr for Degrees {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Degrees, &'static str> {
        let degrees: Option<f64> = text.parse().ok();
        degrees.filter(|degrees| degrees.is_finite()).map(Degrees).ok_or("expected degrees")
    }
}
