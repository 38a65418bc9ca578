//! The log of every act, written in the transaction of the act: the audit trail, each thing's
//! history, and the outbox that later readers follow, in one append-only table.
//!
//! Sealing, checking and reading it are the audit slice's.

use serde::Serialize;
use serde_json::Value;

use crate::kernel::OrganizationId;
use crate::kernel::event::Event;

/// One act on one thing.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What was done.
    pub action: Event,
    /// To what: `lease_…`.
    pub subject: String,
    /// The tenant whose business it is, who may read it.
    pub tenant: Option<OrganizationId>,
    /// The provider whose business it is, who may read it.
    pub provider: Option<OrganizationId>,
    /// The thing before and after, as far as it changed.
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// Why; never empty where somebody else is affected.
    pub reason: String,
    /// Why `before` or `after` cannot be written as JSON: an act with such an entry is not committed.
    pub fault: Option<String>,
}

impl Entry {
    /// An entry for `action` on `subject`.
    pub fn new(action: Event, subject: impl std::fmt::Display) -> Entry {
        Entry {
            action,
            subject: subject.to_string(),
            tenant: None,
            provider: None,
            before: None,
            after: None,
            reason: String::new(),
            fault: None,
        }
    }

    /// Names the tenant whose business it is.
    #[must_use]
    pub fn tenant(mut self, tenant: OrganizationId) -> Entry {
        self.tenant = Some(tenant);
        self
    }

    /// Names the provider whose business it is.
    #[must_use]
    pub fn provider(mut self, provider: OrganizationId) -> Entry {
        self.provider = Some(provider);
        self
    }

    /// What it was before.
    #[must_use]
    pub fn before(mut self, before: impl Serialize) -> Entry {
        self.before = self.json(before);
        self
    }

    /// What it is after.
    #[must_use]
    pub fn after(mut self, after: impl Serialize) -> Entry {
        self.after = self.json(after);
        self
    }

    fn json(&mut self, thing: impl Serialize) -> Option<Value> {
        match serde_json::to_value(thing) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault.get_or_insert(error.to_string());
                None
            }
        }
    }

    /// Why.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Entry {
        self.reason = reason.into();
        self
    }
}

/// Who made an entry, and within which request.
#[derive(Debug, Clone)]
pub struct Author {
    pub actor: String,
    pub on_behalf_of: Option<OrganizationId>,
    pub request_id: String,
}
