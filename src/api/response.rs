//! How replies and problems go over the wire. A reply that cannot be shown is a problem.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::call::current_request_id;
use super::problem::Problem;
use super::reply::Reply;

impl Reply {
    /// The reply, if it can be shown.
    ///
    /// # Errors
    /// 500 if the view cannot be written as JSON.
    pub fn checked(self) -> Result<Reply, Problem> {
        match self.fault() {
            Some(fault) => Err(Problem::internal(fault)),
            None => Ok(self),
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        if let Some(fault) = self.fault() {
            return Problem::internal(fault).into_response();
        }
        let headers = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (self.status, headers, self.body).into_response();
        if let Some(tag) = self.etag.and_then(|tag| HeaderValue::try_from(tag).ok()) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = match self {
            Problem::Replayed(reply) => return reply.into_response(),
            Problem::Refused(body) => body,
        };
        if let Some(error) = &body.cause {
            tracing::error!(error, "a request failed for a reason of ours");
        }
        body.request_id = current_request_id();
        let status = StatusCode::from_u16(body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = serde_json::to_string(&body).unwrap_or_else(|error| {
            tracing::error!(%error, "a problem cannot be written as JSON");
            format!(r#"{{"status":{},"code":"{}"}}"#, body.status, body.code)
        });
        let headers = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, headers, json).into_response();
        if let Some(seconds) = body.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
