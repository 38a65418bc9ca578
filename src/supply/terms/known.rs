//! Terms in this server's memory. They never change once made, so what is known stays right.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sqlx::PgConnection;

use super::rules::{Clause, TermsHash};
use super::store;
use crate::app::App;

#[derive(Default)]
struct KnownTerms(RwLock<HashMap<TermsHash, Arc<[Clause]>>>);

/// The clauses behind `hashes`, read from the database only where they are not known yet. A hash that
/// stands for nothing is missing from the answer.
///
/// # Errors
/// Those of the database.
pub async fn known_terms(
    app: &App,
    connection: &mut PgConnection,
    hashes: impl IntoIterator<Item = TermsHash>,
) -> sqlx::Result<HashMap<TermsHash, Arc<[Clause]>>> {
    let known = app.memory(KnownTerms::default);
    let (mut found, mut unknown) = (HashMap::new(), Vec::new());
    {
        let known = known.0.read().unwrap_or_else(PoisonError::into_inner);
        for hash in hashes {
            match known.get(&hash) {
                Some(clauses) => drop(found.insert(hash, Arc::clone(clauses))),
                None => unknown.push(hash),
            }
        }
    }
    if !unknown.is_empty() {
        unknown.sort_unstable_by_key(|hash| hash.0);
        unknown.dedup();
        let read = store::several(connection, &unknown).await?;
        let mut known = known.0.write().unwrap_or_else(PoisonError::into_inner);
        for (hash, clauses) in read {
            let clauses: Arc<[Clause]> = clauses.into();
            known.insert(hash, Arc::clone(&clauses));
            found.insert(hash, clauses);
        }
    }
    Ok(found)
}
