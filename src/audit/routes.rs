//! `/v1/audit`: reading the log, and proving it.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::actions::{self, KnownSeal, Report};
use super::store::{self, Entry, Filter};
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{ApiKeyId, Caller, OrganizationId, ProjectId, SessionId, UserId};

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_audit_entries)).routes(routes!(verify_audit))
}

/// One act on one thing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EntryView {
    /// Its place in the log.
    pub seq: i64,
    pub at: DateTime<Utc>,
    /// A user, an API key or a job of the server; of the other side only which side it is:
    /// `tenant`, `provider`, `marketplace`.
    pub actor: String,
    /// The organization that it acted for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<OrganizationId>,
    /// What was done: `lease.booked`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// The subject before, as far as it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// And after.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
    /// Why.
    pub reason: String,
    /// The request in which it was done, where it was the caller's own side's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl EntryView {
    /// `entry` as far as `caller` may know it: staff and the side that acted see all of it; the other
    /// side learns neither people, keys nor projects.
    pub fn new(entry: Entry, caller: &Caller) -> EntryView {
        let is_open = match caller.scope() {
            None => true,
            scope => entry.on_behalf_of == scope,
        };
        let mut view = EntryView {
            seq: entry.seq,
            at: entry.at,
            actor: entry.actor,
            on_behalf_of: entry.on_behalf_of.map(OrganizationId),
            action: entry.action,
            subject: entry.subject,
            before: entry.before,
            after: entry.after,
            reason: entry.reason,
            request_id: Some(entry.request_id),
        };
        if !is_open {
            view.request_id = None;
            if is_private(&view.actor) {
                let side = match entry.on_behalf_of {
                    None => "marketplace",
                    side if side == entry.tenant_id => "tenant",
                    side if side == entry.provider_id => "provider",
                    Some(_) => "other",
                };
                side.clone_into(&mut view.actor);
            }
            [&mut view.before, &mut view.after].into_iter().flatten().for_each(redact);
        }
        view
    }
}

/// Takes ids of people, keys, sessions and projects, and e-mail addresses, out of `value`.
fn redact(value: &mut Value) {
    match value {
        Value::String(text) if is_private(text) => *value = Value::Null,
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(members) => {
            members.remove("email");
            members.retain(|name, _| !is_private(name));
            members.values_mut().for_each(redact);
        }
        _ => {}
    }
}

fn is_private(text: &str) -> bool {
    let kinds = [UserId::PREFIX, ApiKeyId::PREFIX, SessionId::PREFIX, ProjectId::PREFIX];
    text.split_once('_').is_some_and(|(prefix, rest)| kinds.contains(&prefix) && rest.len() == 26)
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
    let before = page.after()?.and_then(|cursor| i64::try_from(cursor.as_u128()).ok());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Actor, Role, StaffRole};
    use serde_json::json;

    const TENANT: Uuid = Uuid::from_u128(1);
    const PROVIDER: Uuid = Uuid::from_u128(2);

    fn entry() -> Entry {
        let user = UserId(Uuid::from_u128(7)).to_string();
        let project = ProjectId(Uuid::from_u128(8)).to_string();
        Entry {
            seq: 1,
            at: DateTime::from_timestamp(0, 0).unwrap(),
            actor: user.clone(),
            on_behalf_of: Some(TENANT),
            action: "lease.booked".into(),
            subject: "lease_1".into(),
            tenant_id: Some(TENANT),
            provider_id: Some(PROVIDER),
            before: None,
            after: Some(json!({
                "gpus": 8, "project_id": project, "created_by": user, "email": "a@b.example",
                "nested": [{ "who": user, "note": "user_ is a prefix" }],
            })),
            reason: "they asked".into(),
            request_id: "req_1".into(),
        }
    }

    fn member(organization: Uuid) -> Caller {
        Caller {
            actor: Actor::User(UserId(Uuid::from_u128(9))),
            membership: Some((OrganizationId(organization), Role::Owner)),
            staff: None,
        }
    }

    #[test]
    fn the_other_side_learns_what_was_done_and_not_by_whom() {
        let view = EntryView::new(entry(), &member(PROVIDER));
        assert_eq!(view.actor, "tenant");
        assert_eq!(view.request_id, None);
        assert_eq!(
            view.after,
            Some(json!({
                "gpus": 8, "project_id": null, "created_by": null,
                "nested": [{ "who": null, "note": "user_ is a prefix" }],
            }))
        );
        assert_eq!(view.reason, "they asked");
    }

    #[test]
    fn ones_own_side_and_staff_see_all_of_it() {
        let staff = Caller { staff: Some(StaffRole::Legal), membership: None, ..member(TENANT) };
        for caller in [member(TENANT), staff] {
            let view = EntryView::new(entry(), &caller);
            assert!(view.actor.starts_with("user_"));
            assert_eq!(view.request_id.as_deref(), Some("req_1"));
            assert_eq!(view.after, entry().after);
        }
    }

    #[test]
    fn the_server_is_named_by_its_job_and_staff_as_the_marketplace() {
        let by = |actor: &str| {
            let entry = Entry { actor: actor.to_owned(), on_behalf_of: None, ..entry() };
            EntryView::new(entry, &member(TENANT)).actor
        };
        assert_eq!(by("leases.start_due"), "leases.start_due");
        assert_eq!(by(&entry().actor), "marketplace");
    }
}
