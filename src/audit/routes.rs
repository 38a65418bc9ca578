//! `/v1/audit`: reading the log, and proving it.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::actions::{self, KnownSeal, Report};
use super::store::{self, Filter};
use super::view::EntryView;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_audit_entries)).routes(routes!(verify_audit))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditParams {
    /// Only of this thing: `lease_…`.
    subject: Option<String>,
    /// Only this act: `lease.booked`.
    action: Option<String>,
    /// Only by this user or key; organizations can name their own.
    actor: Option<String>,
    /// From this instant on.
    from: Option<DateTime<Utc>>,
    /// Before this instant.
    to: Option<DateTime<Utc>>,
}

/// The log, newest first: staff reads all, an organization what concerns it
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(AuditParams, Page),
    responses((status = 200, body = List<EntryView>), (status = "4XX", body = Refused)))]
async fn list_audit_entries(
    State(app): State<App>,
    call: Call,
    Params(params): Params<AuditParams>,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    let filter = Filter {
        subject: params.subject,
        action: params.action,
        actor: params.actor,
        from: params.from,
        to: params.to,
    };
    let (scope, limit) = (call.caller.scope(), page.fetch()?);
    let before = page.after()?.map(|cursor| i64::try_from(cursor.as_u128())).transpose();
    let before = before.map_err(|_| page.unknown_cursor())?;
    let mut connection = app.db.acquire().await?;
    let entries = store::entries(&mut connection, scope, &filter, before, limit).await?;
    let views = entries.into_iter().map(|entry| EntryView::new(entry, &call.caller)).collect();
    let cursor = |view: &EntryView| Uuid::from_u128(u128::from(view.seq.unsigned_abs()));
    Ok(Reply::ok(&List::new(views, &page, cursor)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VerifyBody {
    /// Seals that were published elsewhere, at most 100: they must be in the chain.
    #[serde(default)]
    #[schema(max_items = 100)]
    known: Vec<KnownSeal>,
}

/// Proves every record and the chain of seals; for staff
#[utoipa::path(post, path = "/v1/audit/verify", tag = "audit", request_body = VerifyBody,
    responses((status = 200, body = Report), (status = "4XX", body = Refused)))]
async fn verify_audit(
    State(app): State<App>,
    Write { call, body }: Write<VerifyBody>,
) -> Result<Reply, Problem> {
    if call.caller.staff.is_none() {
        return Err(Problem::forbidden("only staff of the marketplace verifies the log"));
    }
    if body.known.len() > 100 {
        return Err(Problem::field("known", "at most 100 seals can be named"));
    }
    Ok(Reply::ok(&actions::verify(&app, &body.known).await?))
}
