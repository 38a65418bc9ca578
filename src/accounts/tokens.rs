//! Access tokens: short JWTs signed with Ed25519 keys that the servers of a deployment share through
//! the database. Verifying one asks the database only when it names a key not seen before.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rules::{ACCESS_LIFE, PUBLISHED_LIFE, SIGNING_LIFE};
use super::store;
use crate::api::Problem;
use crate::app::App;
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{OrganizationId, Role, SessionId, SigningKeyId, StaffRole, Timestamp, UserId};

const ISSUER: &str = "leasehold";

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: UserId,
    /// The session.
    pub sid: SessionId,
    /// The organization that the user acts for; none for staff.
    pub org: Option<OrganizationId>,
    /// As what it acts for the organization.
    pub role: Option<Role>,
    pub staff: Option<StaffRole>,
    /// Seconds since 1970 of its issue and its end.
    pub iat: i64,
    pub exp: i64,
    pub iss: String,
}

impl Claims {
    /// The claims of a token that is issued at `now`.
    pub fn new(
        user: UserId,
        session: SessionId,
        membership: Option<(OrganizationId, Role)>,
        staff: Option<StaffRole>,
        now: Timestamp,
    ) -> Claims {
        Claims {
            sub: user,
            sid: session,
            org: membership.map(|(organization, _)| organization),
            role: membership.map(|(_, role)| role),
            staff,
            iat: now.timestamp(),
            exp: (now + ACCESS_LIFE).timestamp(),
            iss: ISSUER.to_owned(),
        }
    }
}

/// The public half of a signing key, as a JSON Web Key.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Jwk {
    kid: SigningKeyId,
    /// Always `OKP`.
    kty: &'static str,
    /// Always `Ed25519`.
    crv: &'static str,
    /// Always `EdDSA`.
    alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
    /// The key, in base64url.
    x: String,
}

/// The signing keys, as this server last read them.
pub struct KeyRing {
    keys: RwLock<Arc<Keys>>,
    /// Held while the keys are read, so that many who miss a key read it once.
    reading: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Keys {
    signing: Option<Signing>,
    verifying: HashMap<SigningKeyId, Verifying>,
}

struct Signing {
    id: SigningKeyId,
    key: EncodingKey,
    retires_at: Timestamp,
}

struct Verifying {
    key: DecodingKey,
    public: Vec<u8>,
    expires_at: Timestamp,
}

/// What is wrong with an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// It was good once.
    Expired,
    /// It is none of ours.
    Foreign,
}

impl KeyRing {
    /// That of `app`.
    pub fn of(app: &App) -> Arc<KeyRing> {
        app.memory(|| KeyRing { keys: RwLock::default(), reading: tokio::sync::Mutex::new(None) })
    }

    /// Sees to it that there is a key to sign with; makes the deployment's first where there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ready(&self, app: &App) -> Result<(), Problem> {
        let now = app.now();
        if self.keys().signing.as_ref().is_some_and(|signing| now < signing.retires_at) {
            return Ok(());
        }
        rotate(app).await?;
        self.read(app).await
    }

    /// Signs `claims`, after [`KeyRing::ready`].
    ///
    /// # Errors
    /// 500 if there is no key.
    pub fn sign(&self, claims: &Claims) -> Result<String, Problem> {
        let keys = self.keys();
        let signing =
            keys.signing.as_ref().ok_or_else(|| Problem::internal("there is no signing key"))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(signing.id.to_string());
        jsonwebtoken::encode(&header, claims, &signing.key).map_err(Problem::internal)
    }

    /// What `token` says, if one of the deployment's keys signed it and it is still good.
    ///
    /// # Errors
    /// [`Invalid`] inside, those of the database outside.
    pub async fn verify(&self, app: &App, token: &str) -> Result<Result<Claims, Invalid>, Problem> {
        let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
        let Some(kid) = kid.and_then(|kid| kid.parse::<SigningKeyId>().ok()) else {
            return Ok(Err(Invalid::Foreign));
        };
        if !self.keys().verifying.contains_key(&kid) {
            self.read_missed(app, kid).await?;
        }
        let now = app.now();
        let keys = self.keys();
        let Some(verifying) = keys.verifying.get(&kid).filter(|key| now < key.expires_at) else {
            return Ok(Err(Invalid::Foreign));
        };
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        // The library reads the system's clock; ours is injected and compared below.
        validation.validate_exp = false;
        match jsonwebtoken::decode::<Claims>(token, &verifying.key, &validation) {
            Ok(decoded) if decoded.claims.exp <= now.timestamp() => Ok(Err(Invalid::Expired)),
            Ok(decoded) => Ok(Ok(decoded.claims)),
            Err(_) => Ok(Err(Invalid::Foreign)),
        }
    }

    /// The public keys, for others who verify tokens.
    pub fn published(&self) -> Vec<Jwk> {
        let jwk = |(kid, key): (&SigningKeyId, &Verifying)| Jwk {
            kid: *kid,
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            usage: "sig",
            x: URL_SAFE_NO_PAD.encode(&key.public),
        };
        let mut published: Vec<Jwk> = self.keys().verifying.iter().map(jwk).collect();
        published.sort_by_key(|jwk| std::cmp::Reverse(jwk.kid));
        published
    }

    /// Reads the keys anew.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn read(&self, app: &App) -> Result<(), Problem> {
        let mut reading = self.reading.lock().await;
        self.read_locked(app, &mut reading).await
    }

    /// Reads the keys because `missed` is not among them, at most once a second: whoever sends made-up
    /// key ids must not keep the database busy.
    async fn read_missed(&self, app: &App, missed: SigningKeyId) -> Result<(), Problem> {
        let mut reading = self.reading.lock().await;
        let is_fresh = reading.is_some_and(|at| at.elapsed() < Duration::from_secs(1));
        if is_fresh || self.keys().verifying.contains_key(&missed) {
            return Ok(());
        }
        self.read_locked(app, &mut reading).await
    }

    async fn read_locked(&self, app: &App, read_at: &mut Option<Instant>) -> Result<(), Problem> {
        let mut connection = app.db.acquire().await?;
        let rows = store::signing_keys(&mut connection, app.now()).await?;
        let mut keys = Keys::default();
        for row in rows {
            if keys.signing.is_none() {
                let key = EncodingKey::from_ed_der(&row.private);
                let retires_at = row.created_at + SIGNING_LIFE;
                keys.signing = Some(Signing { id: row.id, key, retires_at });
            }
            let key = DecodingKey::from_ed_der(&row.public);
            let verifying = Verifying { key, public: row.public, expires_at: row.expires_at };
            keys.verifying.insert(row.id, verifying);
        }
        *self.keys.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Arc::new(keys);
        *read_at = Some(Instant::now());
        Ok(())
    }

    fn keys(&self) -> Arc<Keys> {
        self.keys.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}

/// Makes a new signing key if the newest is due to retire, and forgets expired ones; says how many
/// keys came and went.
///
/// # Errors
/// Those of the database.
pub async fn rotate(app: &App) -> Result<u64, Problem> {
    let mut act = app.begin_job("accounts.rotate_signing_keys").await?;
    let now = act.now;
    store::lock_signing_keys(&mut act).await?;
    let mut changed = store::forget_signing_keys(&mut act, now).await?;
    let newest = store::signing_keys(&mut act, now).await?.into_iter().next();
    if newest.is_none_or(|key| key.created_at + SIGNING_LIFE <= now) {
        let id = SigningKeyId::new(now);
        let key = SigningKey::from_bytes(&rand::random());
        let private = key.to_pkcs8_der().map_err(Problem::internal)?;
        let row = store::SigningKeyRow {
            id,
            private: private.as_bytes().to_vec(),
            public: key.verifying_key().to_bytes().to_vec(),
            created_at: now,
            expires_at: now + PUBLISHED_LIFE,
        };
        store::insert_signing_key(&mut act, &row).await?;
        act.log(Entry::new(Event::SigningKeyMade, id).reason("the newest key is due to retire"));
        changed += 1;
    }
    act.commit().await?;
    Ok(changed)
}
