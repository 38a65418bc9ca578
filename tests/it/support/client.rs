//! A small client: requests that are awaited, answers that are expected or refused.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::market::Market;
use super::people::User;

static KEY: AtomicU64 = AtomicU64::new(0);

/// The market, seen by one caller.
#[derive(Clone)]
pub struct As<'m> {
    pub(super) market: &'m Market,
    pub(super) user: Option<User>,
}

impl<'m> As<'m> {
    /// `GET path`
    pub fn get(&self, path: impl AsRef<str>) -> Request<'m> {
        self.request(Method::GET, path)
    }

    /// `POST path` with a JSON body and a fresh idempotency key.
    pub fn post(&self, path: impl AsRef<str>, body: Value) -> Request<'m> {
        self.request(Method::POST, path).key(fresh_key()).json(&body)
    }

    /// `PATCH path` with a JSON body.
    pub fn patch(&self, path: impl AsRef<str>, body: Value) -> Request<'m> {
        self.request(Method::PATCH, path).json(&body)
    }

    /// `PUT path` with a JSON body.
    pub fn put(&self, path: impl AsRef<str>, body: Value) -> Request<'m> {
        self.request(Method::PUT, path).json(&body)
    }

    /// `DELETE path`
    pub fn delete(&self, path: impl AsRef<str>) -> Request<'m> {
        self.request(Method::DELETE, path)
    }

    /// Any method, without key or body.
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> Request<'m> {
        let builder = self.market.http.request(method, self.market.url(path.as_ref()));
        Request { caller: self.clone(), builder, key: None }
    }
}

/// An idempotency key that no other request has.
pub fn fresh_key() -> String {
    format!("test-{}", KEY.fetch_add(1, Ordering::Relaxed))
}

/// A request that is sent when awaited.
pub struct Request<'m> {
    caller: As<'m>,
    builder: reqwest::RequestBuilder,
    key: Option<String>,
}

impl Request<'_> {
    /// Under this idempotency key.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Without an idempotency key.
    pub fn without_key(mut self) -> Self {
        self.key = None;
        self
    }

    /// Only if the thing still has this revision.
    pub fn if_match(self, revision: impl std::fmt::Display) -> Self {
        self.header("if-match", format!("\"{revision}\""))
    }

    /// As a rehearsal.
    pub fn dry_run(mut self) -> Self {
        self.builder = self.builder.query(&[("dry_run", "true")]);
        self
    }

    /// With these query parameters.
    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.builder = self.builder.query(pairs);
        self
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.builder = self.builder.header(name, value);
        self
    }

    /// With a JSON body.
    pub fn json(mut self, body: &Value) -> Self {
        self.builder = self.builder.json(body);
        self
    }

    /// With a body of any bytes.
    pub fn bytes(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.builder = self.builder.header("content-type", content_type).body(body.into());
        self
    }

    /// Sends it; an error is one of the connection.
    pub async fn try_send(mut self) -> reqwest::Result<Answer> {
        if let Some(key) = &self.key {
            self.builder = self.builder.header("idempotency-key", key);
        }
        if let Some(user) = &self.caller.user {
            self.builder = self.builder.bearer_auth(user.token(self.caller.market).await);
        }
        let (client, request) = self.builder.build_split();
        let request = request?;
        let asked = format!("{} {}", request.method(), request.url().path());
        let response = client.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { asked, status, headers, text, body })
    }
}

impl<'m> IntoFuture for Request<'m> {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send + 'm>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.try_send().await.expect("the server answers") })
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Method and path, for messages.
    pub asked: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    /// The body as JSON; null where it is none.
    pub body: Value,
}

impl Answer {
    /// The body, if the status is `status`; fails the test otherwise.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.asked, self.text);
        self.body
    }

    /// The body, if it is a well-formed problem with this status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        self.assert_problem();
        let found = (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default());
        assert_eq!(found, (status, code), "{}: {}", self.asked, self.text);
        self.body
    }

    /// Fails the test unless this is a problem as RFC 9457 and the house want it: a code, a sentence,
    /// a request id, and no failure of the server's own.
    #[track_caller]
    pub fn assert_problem(&self) {
        let about = format!("{}: {} {}", self.asked, self.status, self.text);
        assert!(self.status.is_client_error(), "not a refusal: {about}");
        let media = self.headers.get("content-type").and_then(|media| media.to_str().ok());
        assert_eq!(media, Some("application/problem+json"), "{about}");
        assert_eq!(self.body["status"], self.status.as_u16(), "{about}");
        let text = |member: &str| self.body[member].as_str().unwrap_or_default();
        let code = text("code");
        let is_code = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(!code.is_empty() && code.bytes().all(is_code), "{about}");
        assert_eq!(text("type"), format!("/problems/{}", code.replace('_', "-")), "{about}");
        assert!(text("detail").contains(' '), "no sentence: {about}");
        assert!(!text("title").is_empty() && !text("request_id").is_empty(), "{about}");
    }

    /// The revision in its ETag.
    #[track_caller]
    pub fn revision(&self) -> i64 {
        let tag = self.headers.get("etag").and_then(|tag| tag.to_str().ok());
        let revision = tag.and_then(|tag| tag.trim_matches('"').parse().ok());
        revision.unwrap_or_else(|| panic!("no ETag: {}: {}", self.asked, self.text))
    }
}
