//! Who calls: from the `Authorization` header to a [`Caller`], and what a caller must be to go on.
//!
//! A credential that was found good is remembered for a while (an access token until it ends, an API
//! key for five seconds), so that most requests cost neither a signature nor a query. Sessions that
//! end and keys that are revoked are forgotten at once here, and on other servers within seconds.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, RwLock};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::limits::{Allowance, Limiter};
use super::rules::{ACCESS_LIFE, Party, Verification};
use super::store;
use super::tokens::{Invalid, KeyRing};
use crate::api::Problem;
use crate::app::App;
use crate::kernel::time::said;
use crate::kernel::{
    Actor, ApiKeyId, Caller, OrganizationId, Role, SessionId, StaffRole, Timestamp,
};

/// What an API key begins with.
pub const API_KEY_PREFIX: &str = "lhk_";
/// For how long an API key is taken for good without asking the database again.
const API_KEY_MEMORY: TimeDelta = TimeDelta::seconds(5);
/// How many credentials are remembered at most.
const REMEMBERED_MAX: usize = 100_000;

/// Establishes who calls, for every request to the interface, and how often it may.
///
/// Puts a [`Caller`] into the request's extensions when it carries a good credential, goes on without
/// one when it carries none, and answers 401 or 429 itself. Log-in routes look at no header: what they
/// check is in the body, and a client whose token has expired must be able to get a new one.
pub async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/v1/") {
        return next.run(request).await;
    }
    match admit(&app, &mut request).await {
        Ok(allowance) => with_allowance(next.run(request).await, allowance),
        Err((problem, allowance)) => with_allowance(problem.into_response(), allowance),
    }
}

type NotAdmitted = (Problem, Option<Allowance>);

async fn admit(app: &App, request: &mut Request) -> Result<Option<Allowance>, NotAdmitted> {
    let gate = Gate::of(app);
    let peer = peer(request.extensions());
    let is_log_in = request.uri().path().starts_with("/v1/auth/");
    let credential = if is_log_in { None } else { bearer(request.headers()).map_err(alone)? };
    let Some(credential) = credential else { return take(&gate.peers, &peer) };
    let hash: [u8; 32] = Sha256::digest(credential).into();
    let caller = match gate.recall(&hash, app.now()) {
        Some(caller) => caller,
        None => {
            // Whoever tries credentials is counted by address before anything is looked up.
            take(&gate.peers, &peer)?;
            let good = gate.check(app, credential, &hash).await.map_err(alone)?;
            gate.remember(hash, good, app.now());
            good.caller
        }
    };
    let allowance = take(&gate.callers, &caller.actor.uuid())?;
    request.extensions_mut().insert(caller);
    Ok(allowance)
}

fn alone(problem: Problem) -> NotAdmitted {
    (problem, None)
}

fn take<K: std::hash::Hash + Eq + Clone>(
    limiter: &Limiter<K>,
    key: &K,
) -> Result<Option<Allowance>, NotAdmitted> {
    limiter.take(key).map_err(|(allowance, wait_s)| {
        let detail = format!(
            "you have sent more than {} requests within a minute; try again in {wait_s} s",
            allowance.limit
        );
        (Problem::too_many(detail, wait_s), Some(allowance))
    })
}

fn with_allowance(mut response: Response, allowance: Option<Allowance>) -> Response {
    if let Some(allowance) = allowance {
        let headers = response.headers_mut();
        for (name, value) in [
            ("ratelimit-limit", allowance.limit),
            ("ratelimit-remaining", allowance.remaining),
            ("ratelimit-reset", allowance.reset_s),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
    response
}

/// The address that a request comes from, with an IPv6 address cut to the /64 that one host has.
pub fn peer(extensions: &Extensions) -> IpAddr {
    let address = extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(address)) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        Some(address) => address,
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let credential = value.to_str().ok().and_then(|value| {
        let (scheme, credential) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim())
    });
    credential.filter(|credential| !credential.is_empty()).map(Some).ok_or_else(|| {
        Problem::unauthorized(
            "credential_malformed",
            "the Authorization header is not `Bearer` with an access token or API key",
        )
    })
}

/// What this server remembers of callers.
pub struct Gate {
    callers: Limiter<Uuid>,
    peers: Limiter<IpAddr>,
    seen: RwLock<HashMap<[u8; 32], Good>>,
    /// Sessions that ended while their last access token may still be about, and when.
    ended: RwLock<HashMap<SessionId, Timestamp>>,
}

/// A credential that was found good.
#[derive(Debug, Clone, Copy)]
struct Good {
    caller: Caller,
    bearer: Bearer,
    until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bearer {
    Session(SessionId),
    Key(ApiKeyId),
}

impl Gate {
    /// That of `app`.
    pub fn of(app: &App) -> Arc<Gate> {
        app.memory(|| Gate {
            callers: Limiter::new(app.config.rate_limit, &app.clock),
            peers: Limiter::new(app.config.rate_limit, &app.clock),
            seen: RwLock::default(),
            ended: RwLock::default(),
        })
    }

    /// Takes no access token of `sessions`, which ended at `at`, any longer.
    pub fn end_sessions(&self, sessions: &[SessionId], at: Timestamp) {
        write(&self.ended).extend(sessions.iter().map(|session| (*session, at)));
    }

    /// Takes the API key `id` no longer.
    pub fn end_key(&self, id: ApiKeyId) {
        write(&self.seen).retain(|_, good| good.bearer != Bearer::Key(id));
    }

    /// Learns which sessions ended on other servers, and forgets what no longer matters.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn follow(&self, app: &App) -> Result<(), Problem> {
        let mut connection = app.db.acquire().await?;
        let since = app.now() - ACCESS_LIFE;
        let news = store::sessions_ended_since(&mut connection, since).await?;
        let mut ended = write(&self.ended);
        ended.retain(|_, at| *at > since);
        ended.extend(news);
        Ok(())
    }

    /// Forgets credentials that have run out and limits that have filled up.
    pub fn tidy(&self, now: Timestamp) {
        write(&self.seen).retain(|_, good| now < good.until);
        self.callers.forget_rested();
        self.peers.forget_rested();
    }

    fn recall(&self, hash: &[u8; 32], now: Timestamp) -> Option<Caller> {
        let good = read(&self.seen).get(hash).copied().filter(|good| now < good.until)?;
        self.is_current(good.bearer).then_some(good.caller)
    }

    fn remember(&self, hash: [u8; 32], good: Good, now: Timestamp) {
        let mut seen = write(&self.seen);
        if seen.len() >= REMEMBERED_MAX {
            seen.retain(|_, good| now < good.until);
        }
        if seen.len() < REMEMBERED_MAX {
            seen.insert(hash, good);
        }
    }

    fn is_current(&self, bearer: Bearer) -> bool {
        match bearer {
            Bearer::Session(session) => !read(&self.ended).contains_key(&session),
            Bearer::Key(_) => true,
        }
    }

    async fn check(&self, app: &App, credential: &str, hash: &[u8; 32]) -> Result<Good, Problem> {
        if credential.starts_with(API_KEY_PREFIX) {
            check_key(app, hash).await
        } else {
            self.check_token(app, credential).await
        }
    }

    async fn check_token(&self, app: &App, token: &str) -> Result<Good, Problem> {
        let claims = match KeyRing::of(app).verify(app, token).await? {
            Ok(claims) => claims,
            Err(Invalid::Expired) => {
                return Err(Problem::unauthorized(
                    "token_expired",
                    "the access token has expired; get a new one at /v1/auth/refresh",
                ));
            }
            Err(Invalid::Foreign) => {
                return Err(Problem::unauthorized(
                    "token_invalid",
                    "the access token is not one of this marketplace; log in at /v1/auth/token",
                ));
            }
        };
        if !self.is_current(Bearer::Session(claims.sid)) {
            return Err(Problem::unauthorized(
                "session_ended",
                "this session has ended; log in again at /v1/auth/token",
            ));
        }
        let caller = Caller {
            actor: Actor::User(claims.sub),
            membership: claims.org.zip(claims.role),
            staff: claims.staff,
        };
        let until = Timestamp::from_timestamp(claims.exp, 0).unwrap_or_else(|| app.now());
        Ok(Good { caller, bearer: Bearer::Session(claims.sid), until })
    }
}

async fn check_key(app: &App, hash: &[u8; 32]) -> Result<Good, Problem> {
    let now = app.now();
    let mut connection = app.db.acquire().await?;
    let Some(key) = store::key_by_secret(&mut connection, hash).await? else {
        return Err(Problem::unauthorized(
            "key_unknown",
            "there is no such API key; an owner of the organization makes one",
        ));
    };
    if key.revoked_at.is_some() {
        let detail = format!("API key {} was revoked; use another", key.id);
        return Err(Problem::unauthorized("key_revoked", detail));
    }
    if key.expires_at <= now {
        let detail =
            format!("API key {} expired at {}; make a new one", key.id, said(&key.expires_at));
        return Err(Problem::unauthorized("key_expired", detail));
    }
    let caller = Caller {
        actor: Actor::Key(key.id),
        membership: Some((key.organization, key.role)),
        staff: None,
    };
    let until = key.expires_at.min(now + API_KEY_MEMORY);
    Ok(Good { caller, bearer: Bearer::Key(key.id), until })
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Lets pass only staff that administers the marketplace.
///
/// # Errors
/// 403 for everybody else.
pub fn require_staff(caller: &Caller) -> Result<(), Problem> {
    match caller.staff {
        Some(StaffRole::Admin) => Ok(()),
        Some(_) => Err(Problem::forbidden("only staff with the role admin may do this")),
        None => Err(Problem::forbidden("only staff of the marketplace may do this")),
    }
}

/// The organization that `caller` acts for, if it does so with at least `role`.
///
/// # Errors
/// 403 for a lower role, and for staff, who belong to no organization.
pub fn require_role(caller: &Caller, role: Role) -> Result<OrganizationId, Problem> {
    match caller.membership {
        Some((organization, held)) if held >= role => Ok(organization),
        Some((_, held)) => Err(Problem::forbidden(format!(
            "you act as {}; this needs the role {} of your organization, which its owner gives",
            name_of(held),
            name_of(role)
        ))),
        None => {
            Err(Problem::forbidden("staff belongs to no organization; a member of one can do this"))
        }
    }
}

fn name_of(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Manager => "manager",
        Role::Owner => "owner",
    }
}

/// The organization for which `caller` may list capacity: it manages a verified provider.
///
/// # Errors
/// 403 for a lower role than manager, for an organization that is no provider, and `not_verified`.
pub async fn require_verified_provider(
    connection: &mut PgConnection,
    caller: &Caller,
) -> Result<(OrganizationId, Party), Problem> {
    require_verified(connection, caller, "provider", |party| party.is_provider).await
}

/// The organization for which `caller` may book: it manages a verified tenant.
///
/// # Errors
/// 403 for a lower role than manager, for an organization that is no tenant, and `not_verified`.
pub async fn require_verified_tenant(
    connection: &mut PgConnection,
    caller: &Caller,
) -> Result<(OrganizationId, Party), Problem> {
    require_verified(connection, caller, "tenant", |party| party.is_tenant).await
}

async fn require_verified(
    connection: &mut PgConnection,
    caller: &Caller,
    kind: &str,
    is_kind: fn(&Party) -> bool,
) -> Result<(OrganizationId, Party), Problem> {
    let organization = require_role(caller, Role::Manager)?;
    let party = store::parties(connection, &[organization])
        .await?
        .remove(&organization)
        .ok_or_else(|| Problem::not_found("organization", organization))?;
    require_party(&party, kind, is_kind)?;
    Ok((organization, party))
}

/// Refuses a party that may not book: no tenant, or not a verified one.
///
/// # Errors
/// 403.
pub fn require_can_book(party: &Party) -> Result<(), Problem> {
    require_party(party, "tenant", |party| party.is_tenant)
}

fn require_party(party: &Party, kind: &str, is_kind: fn(&Party) -> bool) -> Result<(), Problem> {
    if !is_kind(party) {
        return Err(Problem::forbidden(format!("{} is not registered as a {kind}", party.name)));
    }
    let state = match party.verification {
        Verification::Verified => return Ok(()),
        Verification::Unverified => "is not verified yet; staff of the marketplace verifies it",
        Verification::Suspended => "is suspended; staff of the marketplace can reinstate it",
    };
    let detail = format!("{} {state}", party.name);
    Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "not_verified", detail))
}
