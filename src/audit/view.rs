//! A record as somebody may read it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::store::Entry;
use crate::kernel::{ApiKeyId, Caller, OrganizationId, ProjectId, SessionId, UserId};

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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::kernel::{Actor, Role, StaffRole};

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
