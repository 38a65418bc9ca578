//! The command line's side of the interface: requests with the right headers, refusals decoded.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, ETAG, IF_MATCH, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::Remote;
use super::credentials::{Credentials, Session};
use super::failure::{Failure, Problem};

/// How often an act is sent again, under the same key, while the server says that it is away.
const ATTEMPTS: u32 = 4;

/// A server to talk to, and as whom. Clones share the session.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    server: String,
    identity: Identity,
    dry_run: bool,
}

#[derive(Clone)]
enum Identity {
    Nobody,
    ApiKey(String),
    User(Arc<Mutex<Credentials>>),
}

/// A reply of the server and the revision that it carried.
#[derive(Debug)]
pub struct Reply {
    /// Its JSON.
    pub body: Value,
    /// Its `ETag`, to be sent back as `If-Match`.
    pub etag: Option<String>,
}

impl Client {
    /// A client that acts with the API key in `LEASEHOLD_TOKEN`, or else with the session of the
    /// last `leasehold login` at this server, or else as nobody.
    ///
    /// # Errors
    /// When the credentials cannot be read or the address is none.
    pub fn new(remote: &Remote) -> Result<Self, Failure> {
        let identity = match std::env::var("LEASEHOLD_TOKEN") {
            Ok(key) if !key.is_empty() => Identity::ApiKey(key),
            _ => {
                let credentials = Credentials::open()?;
                match credentials.session(server_of(remote)) {
                    Some(_) => Identity::User(Arc::new(Mutex::new(credentials))),
                    None => Identity::Nobody,
                }
            }
        };
        Self::with(remote, identity)
    }

    /// A client that acts as nobody: to log in.
    ///
    /// # Errors
    /// When the address is none.
    pub fn anonymous(remote: &Remote) -> Result<Self, Failure> {
        Self::with(remote, Identity::Nobody)
    }

    /// A client for the server at `server` that acts with `token`, or as nobody.
    ///
    /// # Errors
    /// When the address is none.
    pub fn at(server: &str, token: Option<String>) -> Result<Self, Failure> {
        Self::open(server, token.map_or(Identity::Nobody, Identity::ApiKey), false)
    }

    /// Logs in, for as long as this client is used.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub async fn log_in(remote: &Remote, email: &str, password: &str) -> Result<Self, Failure> {
        let client = Self::open(server_of(remote), Identity::Nobody, false)?;
        let body = serde_json::json!({ "email": email, "password": password });
        let session = session_in(&client.post("/v1/auth/token", &body).await?.body)?;
        let mut credentials = Credentials::default();
        credentials.keep(&client.server, Some(session))?;
        Ok(Self { identity: Identity::User(Arc::new(Mutex::new(credentials))), ..client })
    }

    fn with(remote: &Remote, identity: Identity) -> Result<Self, Failure> {
        Self::open(server_of(remote), identity, remote.dry_run)
    }

    fn open(server: &str, identity: Identity, dry_run: bool) -> Result<Self, Failure> {
        if !server.starts_with("http://") && !server.starts_with("https://") {
            return Err(Failure::Usage(format!(
                "`{server}` is no server address; write it as in http://127.0.0.1:8080"
            )));
        }
        // Fails only when it was done before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("leasehold/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(120))
            .build()
            .map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(Self { http, server: server.to_owned(), identity, dry_run })
    }

    /// The server's address, without a slash at its end.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The same client, whose acts are no rehearsals.
    pub fn in_earnest(&self) -> Self {
        Self { dry_run: false, ..self.clone() }
    }

    /// Reads `path`.
    ///
    /// # Errors
    /// What the server answers instead, or that it cannot be reached.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Reply, Failure> {
        self.send(|| self.request(Method::GET, path).query(query)).await
    }

    /// All items of the list at `path`, page after page, but at most `most`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn list(
        &self,
        path: &str,
        query: &[(&str, String)],
        most: usize,
    ) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", (most - items.len()).min(200).to_string()));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let mut page = self.get(path, &query).await?.body;
            if let Value::Array(more) = page["items"].take() {
                items.extend(more);
            }
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() || items.len() >= most {
                items.truncate(most);
                return Ok(items);
            }
        }
    }

    /// Does something: `POST` with a fresh idempotency key, as a rehearsal under `--dry-run`.
    ///
    /// # Errors
    /// As [`Client::get`]; a refusal by a rule is [`Failure::Refused`].
    pub async fn post<B: Serialize>(&self, path: &str, body: &B) -> Result<Reply, Failure> {
        self.act(Method::POST, path, body, None).await
    }

    /// Does something to what was read as `seen`: refused as stale if it has changed since.
    ///
    /// # Errors
    /// As [`Client::post`], and [`Failure::Stale`].
    pub async fn amend<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: &B,
        seen: &Reply,
    ) -> Result<Reply, Failure> {
        self.act(method, path, body, seen.etag.as_deref()).await
    }

    async fn act<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: &B,
        etag: Option<&str>,
    ) -> Result<Reply, Failure> {
        let key = fresh_key();
        self.send(|| {
            let request = self.writing(method.clone(), path, &key).json(body);
            match etag {
                Some(etag) => request.header(IF_MATCH, etag),
                None => request,
            }
        })
        .await
    }

    /// Hands in a file, as a rehearsal under `--dry-run`.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub async fn post_file(
        &self,
        path: &str,
        query: &[(&str, String)],
        content_type: &str,
        bytes: Vec<u8>,
    ) -> Result<Reply, Failure> {
        let (key, bytes) = (fresh_key(), bytes::Bytes::from(bytes));
        self.send(|| {
            let request = self.writing(Method::POST, path, &key).query(query);
            request.header(CONTENT_TYPE, content_type).body(bytes.clone())
        })
        .await
    }

    /// Whether its acts are rehearsals.
    pub fn is_rehearsal(&self) -> bool {
        self.dry_run
    }

    /// Reads a file, whatever it is.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn get_file(&self, path: &str) -> Result<Vec<u8>, Failure> {
        // Renews the session where that is needed.
        self.get("/v1/me", &[]).await?;
        let request = self.request(Method::GET, path);
        let request = match self.token().await {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(read(response).await.err().unwrap_or_else(|| {
                Failure::Failed("the server answered with something unreadable".into())
            }));
        }
        let bytes = response.bytes().await.map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(bytes.to_vec())
    }

    /// A request that changes something.
    fn writing(&self, method: Method, path: &str, key: &str) -> RequestBuilder {
        let request = self.request(method, path).header("idempotency-key", key);
        if self.dry_run { request.query(&[("dry_run", "true")]) } else { request }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.server))
    }

    /// Sends what `build` makes, again while the server is away, and once more with a new access
    /// token when the old one has run out.
    async fn send(&self, build: impl Fn() -> RequestBuilder) -> Result<Reply, Failure> {
        let mut is_fresh = false;
        let mut attempt = 1;
        loop {
            let token = self.token().await;
            let request = match &token {
                Some(token) => build().bearer_auth(token),
                None => build(),
            };
            let response = request.send().await.map_err(|error| self.unreachable(&error))?;
            match response.status() {
                StatusCode::UNAUTHORIZED if !is_fresh && self.refresh(token).await? => {
                    is_fresh = true
                }
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
                    if attempt < ATTEMPTS =>
                {
                    attempt += 1;
                    tokio::time::sleep(asked_wait(&response)).await;
                }
                _ => return read(response).await,
            }
        }
    }

    async fn token(&self) -> Option<String> {
        match &self.identity {
            Identity::Nobody => None,
            Identity::ApiKey(key) => Some(key.clone()),
            Identity::User(credentials) => {
                let credentials = credentials.lock().await;
                credentials.session(&self.server).map(|session| session.access_token.clone())
            }
        }
    }

    /// Exchanges the refresh token for new tokens, unless somebody did since `used` was read.
    /// `false` when there is nothing to exchange.
    async fn refresh(&self, used: Option<String>) -> Result<bool, Failure> {
        let Identity::User(credentials) = &self.identity else { return Ok(false) };
        let mut credentials = credentials.lock().await;
        let Some(session) = credentials.session(&self.server).cloned() else { return Ok(false) };
        if used.is_some_and(|used| used != session.access_token) {
            return Ok(true);
        }
        let body = serde_json::json!({ "refresh_token": session.refresh_token });
        let request = self.request(Method::POST, "/v1/auth/refresh").json(&body);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        match read(response).await {
            Ok(reply) => {
                credentials.keep(&self.server, Some(session_in(&reply.body)?))?;
                Ok(true)
            }
            Err(Failure::Failed(_)) => {
                credentials.keep(&self.server, None)?;
                Err(Failure::Failed("your session has ended; run `leasehold login`".into()))
            }
            Err(other) => Err(other),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Failure::Failed(format!(
            "no answer from {}: {cause}; is the server running? (--server or LEASEHOLD_SERVER)",
            self.server
        ))
    }
}

/// The tokens in the reply to a log-in.
///
/// # Errors
/// When they are not there.
pub fn session_in(body: &Value) -> Result<Session, Failure> {
    serde_json::from_value(body.clone())
        .map_err(|error| Failure::Failed(format!("the server's reply holds no tokens: {error}")))
}

fn fresh_key() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn server_of(remote: &Remote) -> &str {
    remote.server.trim_end_matches('/')
}

fn asked_wait(response: &Response) -> Duration {
    let seconds =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1)).min(Duration::from_secs(5))
}

async fn read(response: Response) -> Result<Reply, Failure> {
    let status = response.status();
    let etag = response.headers().get(ETAG).and_then(|etag| Some(etag.to_str().ok()?.to_owned()));
    let bytes = response.bytes().await.map_err(|error| Failure::Failed(error.to_string()))?;
    let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
    match body {
        Ok(body) if status.is_success() => Ok(Reply { body, etag }),
        Ok(body) => Err(Problem::from_reply(status.as_u16(), body).into()),
        Err(_) => {
            Err(Failure::Failed(format!("the server answered {status} with something unreadable")))
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Failed(error.to_string())
    }
}
