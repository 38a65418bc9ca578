//! The reply of an act or a look: status, revision, JSON.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A JSON reply, serialized once, so that it can be stored under an idempotency key as it was sent.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    /// Entity tag: the revision in quotes.
    pub etag: Option<String>,
    pub body: String,
}

impl Reply {
    /// 200 with `view`.
    pub fn ok(view: &impl Serialize) -> Reply {
        Self::with_status(StatusCode::OK, view)
    }

    /// 201 with `view`.
    pub fn created(view: &impl Serialize) -> Reply {
        Self::with_status(StatusCode::CREATED, view)
    }

    fn with_status(status: StatusCode, view: &impl Serialize) -> Reply {
        match serde_json::to_string(view) {
            Ok(body) => Reply { status, etag: None, body },
            Err(error) => {
                tracing::error!(%error, "a view cannot be written as JSON");
                Reply {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    etag: None,
                    body: "null".to_owned(),
                }
            }
        }
    }

    /// With the entity tag of `revision`.
    #[must_use]
    pub fn revision(mut self, revision: i32) -> Reply {
        self.etag = Some(format!("\"{revision}\""));
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let headers = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (self.status, headers, self.body).into_response();
        if let Some(tag) = self.etag.and_then(|tag| HeaderValue::try_from(tag).ok()) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}
