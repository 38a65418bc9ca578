//! Listing a site and changing it.

use super::error::Error;
use super::rules::{Site, SiteChanges, SiteFacts, Stage};
use super::store;
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::db::log::Entry;
use crate::kernel::SiteId;
use crate::kernel::event::Event;
use crate::supply::shared::lister;

/// Lists a site of the caller's organization.
pub async fn create(app: &App, call: &Call, facts: SiteFacts) -> Result<Reply, Problem> {
    facts.check()?;
    let mut act = app.begin(call).await?;
    let provider = lister(&mut act, &call.caller).await?;
    let created_at = act.now;
    let site =
        Site { id: SiteId::new(created_at), provider_id: provider, facts, revision: 1, created_at };
    store::insert(&mut act, std::slice::from_ref(&site)).await.map_err(Error::from)?;
    act.log(Entry::new(Event::SiteCreated, site.id).provider(provider).after(&site.facts));
    act.finish(Reply::created(&site).revision(site.revision)).await
}

/// Changes a site.
pub async fn change(
    app: &App,
    call: &Call,
    id: SiteId,
    changes: SiteChanges,
) -> Result<Reply, Problem> {
    let mut act = app.begin(call).await?;
    let provider = lister(&mut act, &call.caller).await?;
    let Some(mut site) = store::lock(&mut act, id, Some(provider.0)).await? else {
        return Err(Problem::not_found("site", id));
    };
    call.check_revision(site.revision)?;
    let after = site.facts.changed(changes)?;
    if after.stage == Stage::Retired && site.facts.stage != Stage::Retired {
        let offers = store::published_offers(&mut act, id).await?;
        if offers > 0 {
            return Err(Error::HasOffers { site: id, offers }.into());
        }
    }
    let before = std::mem::replace(&mut site.facts, after);
    site.revision += 1;
    store::update(&mut act, std::slice::from_ref(&site)).await.map_err(Error::from)?;
    act.log(
        Entry::new(Event::SiteChanged, id).provider(provider).before(&before).after(&site.facts),
    );
    act.finish(Reply::ok(&site).revision(site.revision)).await
}
