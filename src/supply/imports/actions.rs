//! Importing a file: one act.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde_json::json;

use super::error::Error;
use super::rules::{Kind, Options, Report};
use super::table::{Column, Table};
use super::{inventory, prices};
use crate::api::{Call, Problem, Reply};
use crate::app::{Act, App};
use crate::capacity;
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{OrganizationId, PoolId, TermsId, Timestamp};
use crate::supply::offers::rules::Standing;
use crate::supply::offers::store::Written;
use crate::supply::pools::{Delivery, Pool};
use crate::supply::shared::lister;
use crate::supply::sites::Site;
use crate::supply::terms::TermsHash;
use crate::supply::{accelerators, offers, pools, sites, terms};

/// Imports `bytes`, all rows or none unless the good ones are to be kept.
pub async fn import(
    app: &App,
    call: &Call,
    options: Options,
    bytes: Bytes,
) -> Result<Reply, Problem> {
    call.require_key()?;
    let columns = match options.kind {
        Kind::Inventory => inventory::COLUMNS,
        Kind::Prices => prices::COLUMNS,
    };
    let table = read(columns, &options, bytes).await?;
    let mut act = app.begin(call).await?;
    let provider = lister(&mut act, &call.caller).await?;
    let mut report = match options.kind {
        Kind::Inventory => import_inventory(app, &mut act, provider, &table, &options).await?,
        Kind::Prices => import_prices(&mut act, provider, &table, &options).await?,
    };
    report.written = !call.dry_run;
    let counts = json!({
        "created": report.created, "updated": report.updated, "unchanged": report.unchanged,
        "refused": report.refused,
    });
    act.log(Entry::new(Event::SupplyImported, provider).provider(provider).after(counts));
    act.finish(Reply::ok(&report)).await
}

/// Reading 32 MiB takes a while, so it is done off the threads that serve.
async fn read(
    columns: &'static [Column],
    options: &Options,
    bytes: Bytes,
) -> Result<Table, Problem> {
    let mut mapping: BTreeMap<String, String> = options.mapping.clone();
    if let Some(heading) = &options.gpus_heading {
        mapping.insert(prices::GPUS.to_owned(), heading.clone());
    }
    let reading = tokio::task::spawn_blocking(move || Table::read(&bytes, columns, &mapping));
    let table = reading.await.map_err(Problem::internal)?;
    Ok(table.map_err(Error::from)?)
}

/// Refuses a file with refused rows, unless the good ones are to be kept.
fn check(report: &Report, options: &Options) -> Result<(), Error> {
    if report.refused > 0 && !options.keep_good {
        return Err(Error::Refused(Box::new(report.clone())));
    }
    Ok(())
}

async fn import_inventory(
    app: &App,
    act: &mut Act,
    provider: OrganizationId,
    table: &Table,
    options: &Options,
) -> Result<Report, Problem> {
    let mut names: Vec<String> = table
        .rows
        .iter()
        .filter_map(|row| Some(table.cells(row).ok()?.text("site")?.to_owned()))
        .collect();
    names.sort_unstable();
    names.dedup();
    let listed_sites = sites::store::lock_named(act, provider, &names).await?;
    let ids: Vec<_> = listed_sites.iter().map(|site| site.id).collect();
    let listed_pools = pools::store::lock_at_sites(act, &ids).await?;
    let ids: Vec<_> = listed_pools.iter().map(|pool| pool.id).collect();
    let chips = accelerators::store::list(act, None).await?;
    let listed = inventory::Listed {
        provider,
        accelerators: chips.into_iter().map(|chip| (chip.id.clone(), chip)).collect(),
        sites: listed_sites,
        deliveries: pools::store::deliveries(act, &ids).await?,
        pools: listed_pools,
    };
    let plan = inventory::plan(table, listed, act.now);
    check(&plan.report, options)?;
    sites::store::insert(act, &plan.new_sites).await.map_err(sites::Error::from)?;
    sites::store::update(act, &plan.changed_sites).await.map_err(sites::Error::from)?;
    pools::store::insert(act, &plan.new_pools).await.map_err(pools::Error::from)?;
    pools::store::update(act, &plan.changed_pools).await.map_err(pools::Error::from)?;
    pools::store::insert_deliveries(act, &plan.deliveries).await.map_err(pools::Error::from)?;
    open_planes(app, act, &plan.new_pools, &plan.deliveries).await?;
    // Nothing is said of the deliveries: a pool's own entry has the date, and half a million entries of
    // one import help nobody.
    let dates: HashMap<PoolId, Timestamp> =
        plan.deliveries.iter().map(|one| (one.pool_id, one.usable_from)).collect();
    let new_pool = |pool: &Pool| {
        let usable_from = dates.get(&pool.id);
        Entry::new(Event::PoolCreated, pool.id)
            .after(json!({ "pool": pool, "usable_from": usable_from }))
    };
    let site = |action, site: &Site| Entry::new(action, site.id).after(&site.facts);
    let pool = |action, pool: &Pool| Entry::new(action, pool.id).after(pool);
    let entries = (plan.new_sites.iter().map(|one| site(Event::SiteCreated, one)))
        .chain(plan.changed_sites.iter().map(|one| site(Event::SiteChanged, one)))
        .chain(plan.new_pools.iter().map(new_pool))
        .chain(plan.changed_pools.iter().map(|one| pool(Event::PoolChanged, one)));
    entries.for_each(|entry| act.log(entry.provider(provider)));
    Ok(plan.report)
}

async fn open_planes(
    app: &App,
    act: &mut Act,
    new_pools: &[Pool],
    deliveries: &[Delivery],
) -> Result<(), Problem> {
    let planes: Vec<(PoolId, u32)> =
        new_pools.iter().map(|pool| (pool.id, pool.facts.units)).collect();
    capacity::open_planes(act, &planes).await?;
    // Every new pool has the one delivery that was planned with it.
    let awaited: Vec<(&Pool, &Delivery)> = new_pools
        .iter()
        .zip(deliveries)
        .filter(|(_, delivery)| delivery.usable_from > act.now)
        .collect();
    if awaited.is_empty() {
        return Ok(());
    }
    let ids: Vec<PoolId> = awaited.iter().map(|(pool, _)| pool.id).collect();
    let mut edit = capacity::edit(app, act, &ids).await?;
    for (pool, delivery) in awaited {
        pools::draw_undelivered(&mut edit, pool, std::slice::from_ref(delivery), None, act.now)?;
    }
    Ok(edit.write(act).await?)
}

async fn import_prices(
    act: &mut Act,
    provider: OrganizationId,
    table: &Table,
    options: &Options,
) -> Result<Report, Problem> {
    let chips = accelerators::store::list(act, None).await?;
    let standings = offers::store::standings(act, provider).await?;
    let listed_pools = pools::store::of_provider(act, provider).await?;
    let ids: Vec<PoolId> = listed_pools.iter().map(|pool| pool.id).collect();
    let with_standing = |pool: Pool| {
        let standing: Standing = *standings.get(&pool.id)?;
        Some((pool, standing))
    };
    let mut listed_offers: Vec<Written> = Vec::new();
    for listing in offers::store::lock_of_pools(act, &ids).await? {
        listed_offers.push(Written::of(&listing)?);
    }
    let listed = prices::Listed {
        provider,
        accelerators: chips.into_iter().map(|chip| chip.id).collect(),
        pools: listed_pools.into_iter().filter_map(with_standing).collect(),
        offers: listed_offers,
        terms: terms_of(act, provider, options.terms.as_deref()).await?,
    };
    let per_instance = options.gpus_heading.is_some();
    let plan = prices::plan(table, &listed, per_instance, options.publish, act.now);
    check(&plan.report, options)?;
    let now = act.now;
    offers::store::write(act, &plan.offers, now).await?;
    for offer in &plan.offers {
        let action = if offer.revision == 1 { Event::OfferCreated } else { Event::OfferChanged };
        let after = json!({ "state": offer.state, "conditions": &offer.conditions });
        act.log(Entry::new(action, offer.id).provider(provider).after(after));
    }
    Ok(plan.report)
}

/// The terms that `text` names by id or name, in the newest version.
async fn terms_of(
    act: &mut Act,
    provider: OrganizationId,
    text: Option<&str>,
) -> Result<Option<(TermsId, TermsHash)>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let found = match text.parse::<TermsId>() {
        Ok(id) => terms::store::own(act, id, provider).await?,
        Err(_) => terms::store::newest(act, provider, text).await?,
    };
    let shown: String = text.chars().take(200).collect();
    let found = found.ok_or(terms::Error::Unknown(shown))?;
    Ok(Some((found.id, found.hash)))
}
