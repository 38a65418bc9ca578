//! `/v1/reclaim-terms`.

use std::str::FromStr;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::actions::{self, TermsBody};
use super::rules::{self, Clause, Difference, TermsHash};
use super::store::{self, TermsVersion};
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::TermsId;
use crate::kernel::ids::NotAnId;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_terms, list_terms))
        .routes(routes!(show_terms))
        .routes(routes!(compare_terms))
}

/// Makes reclaim terms, or the next version of them; a version never changes
#[utoipa::path(post, path = "/v1/reclaim-terms", tag = "reclaim terms", request_body = TermsBody,
    responses((status = 201, body = TermsVersion),
        (status = 200, body = TermsVersion, description = "the newest version says the same"),
        (status = "4XX", body = Refused)))]
async fn create_terms(
    State(app): State<App>,
    Write { call, body }: Write<TermsBody>,
) -> Result<Reply, Problem> {
    actions::create(&app, &call, body).await
}

/// Which terms.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TermsQuery {
    /// Only the versions of this name.
    name: Option<String>,
}

/// Your organization's reclaim terms, newest first; staff sees everybody's
#[utoipa::path(get, path = "/v1/reclaim-terms", tag = "reclaim terms", params(Page, TermsQuery),
    responses((status = 200, body = List<TermsVersion>), (status = "4XX", body = Refused)))]
async fn list_terms(
    State(app): State<App>,
    call: Call,
    Params(page): Params<Page>,
    Params(query): Params<TermsQuery>,
) -> Result<Reply, Problem> {
    let (limit, after) = (page.fetch()?, page.after()?);
    let mut connection = app.db.acquire().await?;
    let scope = call.caller.scope();
    let versions = store::list(&mut connection, scope, query.name.as_deref(), after, limit).await?;
    Ok(Reply::ok(&List::new(versions, &page, |version| version.id.0)))
}

/// What a hash stands for.
#[derive(Debug, Serialize, ToSchema)]
struct HashedTerms {
    hash: TermsHash,
    clauses: Vec<Clause>,
    /// What each clause means for a lease.
    in_words: Vec<String>,
}

/// What terms are asked for by.
enum Key {
    Version(TermsId),
    Hash(TermsHash),
}

impl FromStr for Key {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Key, NotAnId> {
        match text.parse() {
            Ok(hash) => Ok(Key::Hash(hash)),
            Err(_) => text.parse().map(Key::Version),
        }
    }
}

/// Reclaim terms by id or hash: by id your own and those on the market, by hash whatever it stands for
#[utoipa::path(get, path = "/v1/reclaim-terms/{id}", tag = "reclaim terms",
    security((), ("bearer" = [])),
    params(("id" = String, Path, description = "an id `terms_…`, or a hash of 64 digits")),
    responses((status = 200, body = TermsVersion), (status = "4XX", body = Refused)))]
async fn show_terms(
    State(app): State<App>,
    call: Option<Call>,
    Id(key): Id<Key>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    match key {
        Key::Hash(hash) => {
            let clauses = clauses_behind(&mut connection, hash).await?;
            let in_words = clauses.iter().map(Clause::in_words).collect();
            Ok(Reply::ok(&HashedTerms { hash, clauses, in_words }))
        }
        Key::Version(id) => Ok(Reply::ok(&version(&mut connection, id, call.as_ref()).await?)),
    }
}

async fn clauses_behind(
    connection: &mut PgConnection,
    hash: TermsHash,
) -> Result<Vec<Clause>, Problem> {
    let clauses = store::terms(connection, hash).await?;
    clauses.ok_or_else(|| Problem::not_found("terms", hash))
}

/// The version `id`, if `call` may read it.
async fn version(
    connection: &mut PgConnection,
    id: TermsId,
    call: Option<&Call>,
) -> Result<TermsVersion, Problem> {
    let scope = call.map_or(Some(Uuid::nil()), |call| call.caller.scope());
    let version = store::readable(connection, id, scope).await?;
    version.ok_or_else(|| Problem::not_found("terms", id))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OtherTerms {
    /// The second terms: an id `terms_…`, or a hash of 64 digits.
    with: String,
}

/// Two terms side by side.
#[derive(Debug, Serialize, ToSchema)]
struct TermsComparison {
    first_hash: TermsHash,
    second_hash: TermsHash,
    /// In one sentence.
    verdict: String,
    /// Ground by ground; none where both say the same.
    differences: Vec<Difference>,
}

/// Compares two reclaim terms: what differs, clause by clause, and for whom the second are better
#[utoipa::path(get, path = "/v1/reclaim-terms/{id}/compare", tag = "reclaim terms",
    security((), ("bearer" = [])),
    params(("id" = String, Path, description = "the first: an id `terms_…`, or a hash of 64 digits"),
        OtherTerms),
    responses((status = 200, body = TermsComparison), (status = "4XX", body = Refused)))]
async fn compare_terms(
    State(app): State<App>,
    call: Option<Call>,
    Id(key): Id<Key>,
    Params(other): Params<OtherTerms>,
) -> Result<Reply, Problem> {
    let with: Key = other
        .with
        .parse()
        .map_err(|error: NotAnId| Problem::malformed("invalid_query", format!("with: {error}")))?;
    let mut connection = app.db.acquire().await?;
    let mut sides = Vec::new();
    for key in [key, with] {
        sides.push(match key {
            Key::Hash(hash) => (hash, clauses_behind(&mut connection, hash).await?),
            Key::Version(id) => {
                let version = version(&mut connection, id, call.as_ref()).await?;
                (version.hash, version.clauses)
            }
        });
    }
    let differences = rules::compare(&sides[0].1, &sides[1].1);
    Ok(Reply::ok(&TermsComparison {
        first_hash: sides[0].0,
        second_hash: sides[1].0,
        verdict: rules::verdict(&differences),
        differences,
    }))
}
