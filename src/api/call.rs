//! Reading a request: who calls, under which key, as a rehearsal or not, with which body.

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::kernel::Caller;

tokio::task_local! {
    /// The id of the request being served, for problems and the log.
    pub static REQUEST_ID: String;
}

/// The id of the request being served on this task.
pub fn current_request_id() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// Everything about a request that is not its subject: who calls, under which key, how.
#[derive(Debug, Clone)]
pub struct Call {
    pub caller: Caller,
    pub request_id: String,
    /// Rehearse only: the same checks and reply, nothing written.
    pub dry_run: bool,
    /// Revision that the caller has seen.
    pub if_match: Option<i32>,
    pub idempotency: Option<Idempotency>,
}

/// The key under which a request may be sent again, and what it must be equal to.
#[derive(Debug, Clone)]
pub struct Idempotency {
    pub key: String,
    /// SHA-256 of method, path with query, and body.
    pub fingerprint: [u8; 32],
}

impl Call {
    /// A call of the server's own, for jobs and the command line.
    pub fn server(job: &'static str) -> Call {
        Call {
            caller: Caller::server(job),
            request_id: job.to_owned(),
            dry_run: false,
            if_match: None,
            idempotency: None,
        }
    }

    /// Refuses a call that moves capacity or money without an idempotency key; rehearsals need none.
    ///
    /// # Errors
    /// 400 `idempotency_key_missing`.
    pub fn require_key(&self) -> Result<(), Problem> {
        if self.dry_run || self.idempotency.is_some() {
            return Ok(());
        }
        Err(Problem::malformed(
            "idempotency_key_missing",
            "this act moves capacity or money: send an Idempotency-Key header, a fresh one for each new act",
        ))
    }

    /// Refuses a call whose `If-Match` names another revision than the present one.
    ///
    /// # Errors
    /// 412 `stale_revision`.
    pub fn check_revision(&self, present: i32) -> Result<(), Problem> {
        match self.if_match {
            Some(seen) if seen != present => Err(Problem::stale(format!(
                "you have seen revision {seen}, it is at {present} now; read it again and decide anew"
            ))),
            _ => Ok(()),
        }
    }

    fn from_parts(parts: &Parts) -> Result<Call, Problem> {
        let caller = parts.extensions.get::<Caller>().copied().ok_or_else(|| {
            Problem::unauthorized(
                "not_logged_in",
                "send Authorization: Bearer with an access token or API key",
            )
        })?;
        Ok(Call {
            caller,
            request_id: current_request_id().unwrap_or_default(),
            dry_run: dry_run(&parts.uri)?,
            if_match: if_match(&parts.headers)?,
            idempotency: None,
        })
    }

    fn with_key(mut self, parts: &Parts, body: &[u8]) -> Result<Call, Problem> {
        let Some(key) = parts.headers.get("idempotency-key") else { return Ok(self) };
        let key =
            key.to_str().ok().filter(|key| (1..=200).contains(&key.len())).ok_or_else(|| {
                Problem::malformed(
                    "idempotency_key_invalid",
                    "an Idempotency-Key is 1 to 200 ASCII characters",
                )
            })?;
        let mut hash = Sha256::new();
        hash.update(parts.method.as_str());
        hash.update([0]);
        hash.update(parts.uri.path_and_query().map_or("", |path| path.as_str()));
        hash.update([0]);
        hash.update(body);
        self.idempotency =
            Some(Idempotency { key: key.to_owned(), fingerprint: hash.finalize().into() });
        Ok(self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Call, Problem> {
        Call::from_parts(parts)
    }
}

/// A call that anybody may make; `None` without a log-in.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Call {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Call>, Problem> {
        match parts.extensions.get::<Caller>() {
            Some(_) => Call::from_parts(parts).map(Some),
            None => Ok(None),
        }
    }
}

/// A request that changes something, with a JSON body. An empty body reads as `{}`.
#[derive(Debug)]
pub struct Write<T> {
    pub call: Call,
    pub body: T,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Write<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let WriteBytes { call, bytes } = WriteBytes::from_request(request, state).await?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        Ok(Write { call, body: parse_json(bytes)? })
    }
}

/// A request that changes something, with a body that is not JSON.
#[derive(Debug)]
pub struct WriteBytes {
    pub call: Call,
    pub bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for WriteBytes {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.with_limited_body().into_parts();
        let call = Call::from_parts(&parts)?;
        let bytes = read_body(body).await?;
        let call = call.with_key(&parts, &bytes)?;
        Ok(WriteBytes { call, bytes })
    }
}

/// A request that hands in a file, which comes in chunks. Its idempotency key does not look at the
/// bytes: whoever takes them in checks them against a hash that it knows.
#[derive(Debug)]
pub struct WriteChunks {
    pub call: Call,
    pub chunks: Chunks,
}

/// A body as it comes in.
#[derive(Debug)]
pub struct Chunks(axum::body::Body);

impl Chunks {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// 400 if the body breaks off, 413 if it is too long.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        use http_body_util::BodyExt;
        loop {
            match self.0.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(body_problem(&error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for WriteChunks {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.with_limited_body().into_parts();
        let call = Call::from_parts(&parts)?.with_key(&parts, &[])?;
        Ok(WriteChunks { call, chunks: Chunks(body) })
    }
}

/// A JSON body from somebody who need not be logged in. It cannot be rehearsed: a rehearsal that was
/// taken for the real thing would log in or register.
#[derive(Debug)]
pub struct Open<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Open<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if dry_run(request.uri())? {
            return Err(Problem::malformed(
                "no_rehearsal",
                "there is no rehearsal of this act; leave dry_run out",
            ));
        }
        let bytes = read_body(request.with_limited_body().into_body()).await?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        Ok(Open(parse_json(bytes)?))
    }
}

async fn read_body(body: axum::body::Body) -> Result<Bytes, Problem> {
    use http_body_util::BodyExt;
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(body_problem(&error)),
    }
}

fn body_problem(error: &axum::Error) -> Problem {
    if is_too_long(error) {
        return Problem::new(
            axum::http::StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "the body is larger than this address takes: 1 MiB, for evidence 10 MiB, for imports 32 MiB; \
             send it in parts",
        );
    }
    Problem::malformed("body_unreadable", "the body broke off before its end; send it again")
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// Reads JSON into `T`, naming the field that is wrong.
///
/// # Errors
/// 400 if it is not JSON, 422 if it is not a `T`.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| {
        Problem::malformed("body_not_utf8", "the body is not UTF-8; JSON is written in UTF-8")
    })?;
    // `\u0000` is the only way in which JSON can carry the one character that PostgreSQL cannot keep.
    if text.contains("\\u0000") {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| not_json(&error))?;
        if contains_nul(&value) {
            return Err(Problem::unacceptable(
                "nul_in_text",
                "text cannot contain the character NUL; leave it out",
            ));
        }
    }
    // A list would be read as the fields in their order, which no client means.
    if text.trim_start().starts_with('[') {
        return Err(Problem::field("body", "a JSON object is expected, not a list"));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let detail = inner.to_string();
            let detail = detail
                .rsplit_once(" at line")
                .map_or(detail.as_str(), |(detail, _)| detail)
                .to_owned();
            let field = if field == "." { "body".to_owned() } else { field };
            Problem::field(field, detail)
        } else {
            not_json(&inner)
        }
    })?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::malformed("body_not_json", format!("the body is not JSON: {error}"))
}

fn contains_nul(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(items) => items.iter().any(contains_nul),
        serde_json::Value::Object(members) => {
            members.iter().any(|(name, value)| name.contains('\0') || contains_nul(value))
        }
        _ => false,
    }
}

/// The query of a request.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Problem::malformed(
                "nul_in_query",
                "a query cannot contain the character NUL",
            ));
        }
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map_err(|error| Problem::malformed("invalid_query", error.body_text()))?;
        Ok(Params(query.0))
    }
}

/// The id in a path. Text that is no id of that kind is an unknown thing: 404.
#[derive(Debug)]
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: std::str::FromStr<Err = crate::kernel::ids::NotAnId> + Send>
    FromRequestParts<S> for Id<T>
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        type Segment = axum::extract::Path<String>;
        let text = <Segment as FromRequestParts<S>>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::malformed("invalid_path", error.body_text()))?;
        Ok(Id(text.parse().map_err(unknown)?))
    }
}

/// The two ids in a path, the outer thing's first.
#[derive(Debug)]
pub struct Ids<A, B>(pub A, pub B);

impl<S, A, B> FromRequestParts<S> for Ids<A, B>
where
    S: Send + Sync,
    A: std::str::FromStr<Err = crate::kernel::ids::NotAnId> + Send,
    B: std::str::FromStr<Err = crate::kernel::ids::NotAnId> + Send,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        type Segments = axum::extract::Path<(String, String)>;
        let axum::extract::Path((outer, inner)) =
            <Segments as FromRequestParts<S>>::from_request_parts(parts, state)
                .await
                .map_err(|error| Problem::malformed("invalid_path", error.body_text()))?;
        Ok(Ids(outer.parse().map_err(unknown)?, inner.parse().map_err(unknown)?))
    }
}

fn unknown(error: crate::kernel::ids::NotAnId) -> Problem {
    Problem::new(axum::http::StatusCode::NOT_FOUND, "not_found", error.to_string())
}

#[derive(serde::Deserialize)]
struct Rehearsal {
    #[serde(default)]
    dry_run: bool,
}

fn dry_run(uri: &Uri) -> Result<bool, Problem> {
    axum::extract::Query::<Rehearsal>::try_from_uri(uri)
        .map(|query| query.dry_run)
        .map_err(|_| Problem::malformed("invalid_query", "dry_run is true or false"))
}

fn if_match(headers: &HeaderMap) -> Result<Option<i32>, Problem> {
    let Some(value) = headers.get("if-match") else { return Ok(None) };
    value.to_str().ok().and_then(|tag| tag.trim_matches('"').parse().ok()).map(Some).ok_or_else(
        || {
            Problem::malformed(
                "if_match_invalid",
                "If-Match is the ETag of an earlier reply, such as \"3\"",
            )
        },
    )
}
