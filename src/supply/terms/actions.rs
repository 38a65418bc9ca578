//! Making terms.

use serde::Deserialize;
use utoipa::ToSchema;

use super::error::Error;
use super::rules::{self, Clause};
use super::store::{self, TermsVersion};
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{Name, TermsId};
use crate::supply::shared::lister;

/// Terms to be offered.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TermsBody {
    /// A new name, or one whose next version this is.
    pub name: Name,
    /// At most 30; none at all means that leases cannot be taken back.
    pub clauses: Vec<Clause>,
}

/// Makes the next version under a name; saying the same as the newest one again gives that one.
pub async fn create(app: &App, call: &Call, body: TermsBody) -> Result<Reply, Problem> {
    let flaws = rules::flaws(&body.clauses);
    if !flaws.is_empty() {
        return Err(Error::Unacceptable(flaws).into());
    }
    let hash = rules::hash(&body.clauses).map_err(Problem::internal)?;
    let mut act = app.begin(call).await?;
    let provider = lister(&mut act, &call.caller).await?;
    let newest = store::newest(&mut act, provider, body.name.as_str()).await?;
    if let Some(same) = newest.as_ref().filter(|newest| newest.hash == hash) {
        return act.finish(Reply::ok(same)).await;
    }
    let version = TermsVersion {
        id: TermsId::new(act.now),
        provider_id: provider,
        name: body.name,
        version: newest.map_or(0, |newest| newest.version) + 1,
        hash,
        in_words: body.clauses.iter().map(Clause::in_words).collect(),
        clauses: body.clauses,
        created_at: act.now,
    };
    store::insert(&mut act, &version).await.map_err(Error::from)?;
    act.log(Entry::new(Event::TermsCreated, version.id).provider(provider).after(&version));
    act.finish(Reply::created(&version)).await
}
