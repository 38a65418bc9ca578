//! The reply of an act or a look: status, revision, JSON.

use axum::http::StatusCode;
use serde::Serialize;

/// A JSON reply, serialized once, so that it can be stored under an idempotency key as it was sent.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    /// Entity tag: the revision in quotes.
    pub etag: Option<String>,
    pub body: String,
    /// Why there is no body: the view cannot be written as JSON.
    fault: Option<String>,
}

impl Reply {
    /// A reply as it was sent before.
    pub fn again(status: StatusCode, etag: Option<String>, body: String) -> Reply {
        Reply { status, etag, body, fault: None }
    }

    /// 200 with `view`.
    pub fn ok(view: &impl Serialize) -> Reply {
        Self::with_status(StatusCode::OK, view)
    }

    /// 201 with `view`.
    pub fn created(view: &impl Serialize) -> Reply {
        Self::with_status(StatusCode::CREATED, view)
    }

    fn with_status(status: StatusCode, view: &impl Serialize) -> Reply {
        let (body, fault) = match serde_json::to_string(view) {
            Ok(body) => (body, None),
            Err(error) => (String::new(), Some(format!("a view cannot be written: {error}"))),
        };
        Reply { status, etag: None, body, fault }
    }

    /// Why it cannot be shown; then nothing is committed for it either.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// With the entity tag of `revision`.
    #[must_use]
    pub fn revision(mut self, revision: i32) -> Reply {
        self.etag = Some(format!("\"{revision}\""));
        self
    }
}
