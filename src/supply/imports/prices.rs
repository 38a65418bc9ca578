//! What the rows of a price list mean for offers. Pure.

use std::collections::{BTreeSet, HashMap};

use rust_decimal::{Decimal, RoundingStrategy};

use super::rules::{Outcome, Report, RowReport};
use super::table::{Cells, Column, Row, Table, optional, required};
use crate::kernel::money::parse_decimal;
use crate::kernel::{Name, OfferId, OrganizationId, PoolId, Rate, TermsId, Timestamp};
use crate::supply::offers::rules::{Command, Conditions, OfferState, Standing, decide};
use crate::supply::offers::store::Written;
use crate::supply::pools::Pool;
use crate::supply::terms::TermsHash;

/// The columns of a price list; a row without accelerator names its pool.
pub const COLUMNS: &[Column] = &[
    optional("accelerator"),
    optional("pool"),
    required("rate_per_gpu_hour"),
    optional("min_gpus"),
    optional("kind"),
    optional("name"),
    optional(GPUS),
];

/// The column that says how many GPUs an instance has; only a parameter maps it.
pub const GPUS: &str = "gpus_of_an_instance";

/// What a price list meets.
pub struct Listed {
    pub provider: OrganizationId,
    pub accelerators: BTreeSet<String>,
    pub pools: Vec<(Pool, Standing)>,
    /// Those that are not archived, whole.
    pub offers: Vec<Written>,
    /// Of new offers.
    pub terms: Option<(TermsId, TermsHash)>,
}

/// What is to be written.
#[derive(Debug, Default)]
pub struct PriceChanges {
    pub report: Report,
    pub offers: Vec<Written>,
}

/// What a row says.
struct Price {
    accelerator: Option<Name>,
    pool: Option<Name>,
    rate: Rate,
    min_gpus: Option<u32>,
    /// What its offers are called.
    name: Name,
}

/// Decides what every row of `table` comes to; `publish` puts new offers on the market.
pub fn plan(
    table: &Table,
    listed: &Listed,
    per_instance: bool,
    publish: bool,
    now: Timestamp,
) -> PriceChanges {
    let mut plan = PriceChanges::default();
    let offers: HashMap<(PoolId, &str), &Written> = listed
        .offers
        .iter()
        .map(|offer| ((offer.pool, offer.conditions.name.as_str()), offer))
        .collect();
    let mut by_accelerator: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, (pool, _)) in listed.pools.iter().enumerate() {
        let facts = &pool.facts;
        by_accelerator.entry(facts.accelerator.as_str()).or_default().push(index);
        by_name.entry(facts.name.to_string()).or_default().push(index);
        by_name.entry(pool.id.to_string()).or_default().push(index);
    }
    let mut lines: HashMap<(PoolId, Name), u64> = HashMap::new();
    for row in &table.rows {
        let place = (row.row, row.line);
        let price = match read(table, row, per_instance) {
            Ok(price) => price,
            Err((what, problem)) => {
                plan.report.add(RowReport::refused(place, what, problem));
                continue;
            }
        };
        let matching = match (&price.pool, &price.accelerator) {
            (Some(pool), _) => by_name.get(pool.as_str()),
            (None, Some(accelerator)) => by_accelerator.get(accelerator.as_str()),
            (None, None) => None,
        };
        let mut pools: Vec<&(Pool, Standing)> = matching
            .into_iter()
            .flatten()
            .map(|index| &listed.pools[*index])
            .filter(|(pool, _)| {
                price.accelerator.as_ref().is_none_or(|chip| *chip == pool.facts.accelerator)
            })
            .collect();
        pools.sort_by_key(|(pool, _)| pool.id);
        if pools.is_empty() {
            let problem = no_pool(&price, &listed.accelerators);
            plan.report.add(RowReport::refused(place, price.name.to_string(), problem));
        }
        for (pool, standing) in pools {
            let what = format!("{} on pool {}", price.name, pool.facts.name);
            if let Some(first) = lines.get(&(pool.id, price.name.clone())) {
                let problem = format!(
                    "line {first} prices the same; tell them apart by name, kind or min_gpus, or leave \
                     one out"
                );
                plan.report.add(RowReport::refused(place, what, problem));
                continue;
            }
            lines.insert((pool.id, price.name.clone()), row.line);
            let known = offers.get(&(pool.id, price.name.as_str())).copied();
            let decided = match known {
                Some(offer) => repriced(offer, &price, pool),
                None => new_offer(&price, pool, *standing, listed, publish, now),
            };
            plan.report.add(match decided {
                Ok((outcome, id, written)) => {
                    plan.offers.extend(written);
                    RowReport::done(place, outcome, what, id)
                }
                Err(problem) => RowReport::refused(place, what, problem),
            });
        }
    }
    plan
}

type Decided = Result<(Outcome, OfferId, Option<Written>), String>;

fn repriced(offer: &Written, price: &Price, pool: &Pool) -> Decided {
    let mut after = offer.clone();
    after.conditions.rate_per_gpu_hour = price.rate;
    if let Some(min_gpus) = price.min_gpus {
        after.conditions.min_gpus = whole_units(min_gpus, pool);
    }
    if after.conditions == offer.conditions {
        return Ok((Outcome::Unchanged, offer.id, None));
    }
    after.conditions.check(pool).map_err(|invalid| invalid.to_string())?;
    after.revision += 1;
    Ok((Outcome::Updated, offer.id, Some(after)))
}

fn new_offer(
    price: &Price,
    pool: &Pool,
    standing: Standing,
    listed: &Listed,
    publish: bool,
    now: Timestamp,
) -> Decided {
    let terms = listed.terms.ok_or(
        "a new offer needs reclaim terms: terms=<id or name>; POST /v1/reclaim-terms makes some",
    )?;
    let mut conditions = Conditions::usual(price.name.clone(), pool, price.rate, terms, now);
    if let Some(min_gpus) = price.min_gpus {
        conditions.min_gpus = whole_units(min_gpus, pool);
    }
    conditions.check(pool).map_err(|invalid| invalid.to_string())?;
    let state = if publish {
        decide(OfferState::Draft, Command::Publish, standing).map_err(|why| why.to_string())?
    } else {
        OfferState::Draft
    };
    let id = OfferId::new(now);
    let provider = listed.provider;
    let offer = Written { id, pool: pool.id, provider, state, revision: 1, conditions };
    Ok((Outcome::Created, id, Some(offer)))
}

/// The smallest number of whole units that holds `gpus` GPUs, in GPUs.
fn whole_units(gpus: u32, pool: &Pool) -> u32 {
    gpus.checked_next_multiple_of(pool.facts.gpus_per_unit).unwrap_or(u32::MAX)
}

fn no_pool(price: &Price, accelerators: &BTreeSet<String>) -> String {
    match (&price.pool, &price.accelerator) {
        (_, Some(chip)) if !accelerators.contains(chip.as_str()) => {
            format!("accelerator: the catalogue has no {chip}; see GET /v1/accelerators")
        }
        (Some(pool), Some(chip)) => format!("you have no pool {pool} with {chip}"),
        (Some(pool), None) => format!("you have no pool {pool}"),
        (None, Some(chip)) => {
            format!("you have no pool with {chip}; list one first, or import an inventory")
        }
        (None, None) => "the row names neither accelerator nor pool".to_owned(),
    }
}

fn read(table: &Table, row: &Row, per_instance: bool) -> Result<Price, (String, String)> {
    let cells = table.cells(row).map_err(|problem| (String::new(), problem))?;
    let what = ["name", "accelerator", "pool", "kind"].map(|column| cells.text(column));
    let what: Vec<&str> = what.into_iter().flatten().collect();
    let what: String = what.join(" ").chars().take(200).collect();
    price(cells, per_instance).map_err(|problem| (what, problem))
}

fn price(cells: Cells, per_instance: bool) -> Result<Price, String> {
    let accelerator: Option<Name> = cells.read("accelerator")?;
    let pool: Option<Name> = cells.read("pool")?;
    let min_gpus = whole_number(cells, "min_gpus")?;
    let rate = if per_instance {
        let gpus = whole_number(cells, GPUS)?.filter(|gpus| *gpus > 0);
        let gpus = gpus.ok_or("the number of GPUs of an instance is missing or 0")?;
        let price =
            cells.text("rate_per_gpu_hour").ok_or("rate_per_gpu_hour: the cell is empty")?;
        let price = parse_decimal(price).ok_or_else(|| not_a_rate(price))?;
        let share = price / Decimal::from(gpus);
        let share = share.round_dp_with_strategy(6, RoundingStrategy::MidpointAwayFromZero);
        Rate::new(share).map_err(|error| format!("rate_per_gpu_hour: {error}"))?
    } else {
        rate(cells)?
    };
    Ok(Price { rate, min_gpus, name: offer_name(cells, min_gpus)?, accelerator, pool })
}

/// The rate of a row as it stands there. One with more decimals than a rate has is not rounded in
/// silence: what is charged is what the list says, or nothing.
fn rate(cells: Cells) -> Result<Rate, String> {
    let text = cells.text("rate_per_gpu_hour").unwrap_or_default();
    let exact = parse_decimal(text);
    let rounded =
        exact.map(|exact| exact.round_dp_with_strategy(6, RoundingStrategy::MidpointAwayFromZero));
    match rounded.map(Rate::new) {
        Some(Ok(rounded)) if exact != Some(rounded.decimal()) => Err(format!(
            "rate_per_gpu_hour: `{text}` has more than 6 decimals; write {rounded} if that is meant"
        )),
        _ => cells.require("rate_per_gpu_hour"),
    }
}

fn not_a_rate(text: &str) -> String {
    let shown: String = text.chars().take(60).collect();
    format!("rate_per_gpu_hour: `{shown}` is no decimal such as 2.50")
}

/// What offers made of a row are called: what tells it apart from the other rows of a list.
fn offer_name(cells: Cells, min_gpus: Option<u32>) -> Result<Name, String> {
    let what = cells.text("name").or(cells.text("accelerator")).or(cells.text("pool"));
    let mut name = what.ok_or("the row names neither accelerator nor pool")?.to_owned();
    if let Some(kind) = cells.text("kind") {
        name += " ";
        name += kind;
    }
    if let Some(gpus) = min_gpus {
        name += &format!(" from {gpus} GPUs");
    }
    name.parse().map_err(|error| format!("name: {error}"))
}

fn whole_number(cells: Cells, column: &str) -> Result<Option<u32>, String> {
    let Some(text) = cells.text(column) else { return Ok(None) };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| text.parse().ok()).flatten();
    let shown: String = text.chars().take(60).collect();
    number.map(Some).ok_or_else(|| format!("{column}: `{shown}` is no whole number"))
}
