//! Who acts: organizations with their people and keys, staff, and how they log in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::market::Market;

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery staple";

static NUMBER: AtomicU32 = AtomicU32::new(1);

/// A number that no other name in this process has.
pub fn fresh_number() -> u32 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// Somebody with a log-in or an API key. Clones share it.
#[derive(Clone)]
pub struct User(Arc<Credentials>);

struct Credentials {
    /// E-mail address; `None` for an API key.
    email: Option<String>,
    /// The credential that was got last, and until when it is good.
    token: Mutex<Option<(String, DateTime<Utc>)>>,
}

impl User {
    /// Somebody who logs in with this address and [`PASSWORD`] when it is needed.
    pub fn with_email(email: impl Into<String>) -> User {
        User(Arc::new(Credentials { email: Some(email.into()), token: Mutex::default() }))
    }

    /// Somebody who shows `token`, whatever it is.
    pub fn with_token(token: impl Into<String>) -> User {
        let token = Mutex::new(Some((token.into(), DateTime::<Utc>::MAX_UTC)));
        User(Arc::new(Credentials { email: None, token }))
    }

    /// The e-mail address; empty for an API key.
    pub fn email(&self) -> &str {
        self.0.email.as_deref().unwrap_or_default()
    }

    /// A credential that is good now. Logs in anew once the market's clock has run past it.
    pub async fn token(&self, market: &Market) -> String {
        let mut kept = self.0.token.lock().await;
        if let Some((token, _)) = kept.as_ref().filter(|(_, until)| market.now() < *until) {
            return token.clone();
        }
        let body = json!({ "email": self.email(), "password": PASSWORD });
        let tokens =
            market.as_nobody().post("/v1/auth/token", body).without_key().await.expect(200);
        let token = tokens["access_token"].as_str().expect("a token").to_owned();
        let life = TimeDelta::seconds(tokens["expires_in"].as_i64().expect("a life") / 2);
        *kept = Some((token.clone(), market.now() + life));
        token
    }
}

impl AsRef<User> for User {
    fn as_ref(&self) -> &User {
        self
    }
}

/// An organization with its first owner.
#[derive(Clone)]
pub struct Organization {
    pub id: String,
    pub name: String,
    pub owner: User,
}

impl AsRef<User> for Organization {
    fn as_ref(&self) -> &User {
        &self.owner
    }
}

impl AsRef<Organization> for Organization {
    fn as_ref(&self) -> &Organization {
        self
    }
}

impl Market {
    /// A verified provider.
    pub async fn provider(&self) -> Organization {
        self.verified(&["provider"]).await
    }

    /// A verified tenant.
    pub async fn tenant(&self) -> Organization {
        self.verified(&["tenant"]).await
    }

    /// A verified organization of these kinds.
    pub async fn verified(&self, kinds: &[&str]) -> Organization {
        let organization = self.registered(kinds).await;
        let path = format!("/v1/organizations/{}/verify", organization.id);
        let body = json!({ "reason": "papers seen" });
        self.as_(self.admin().await).post(path, body).await.expect(200);
        organization
    }

    /// An organization of these kinds that has registered and is not verified yet.
    pub async fn registered(&self, kinds: &[&str]) -> Organization {
        let number = fresh_number();
        let name = format!("{} {number}", if kinds == ["provider"] { "Cloud" } else { "Lab" });
        let email = format!("owner{number}@example.org");
        let body = json!({
            "email": email, "password": PASSWORD, "name": format!("Owner {number}"),
            "organization": { "name": name, "kinds": kinds },
        });
        let registered = self.as_nobody().post("/v1/auth/register", body).without_key().await;
        let id = registered.expect(201)["organization"]["id"].as_str().unwrap().to_owned();
        Organization { id, name, owner: User::with_email(email) }
    }

    /// An API key of `organization` with `role`: the cheapest member.
    pub async fn key(&self, organization: &Organization, role: &str) -> User {
        let path = format!("/v1/organizations/{}/api-keys", organization.id);
        let body = json!({ "name": format!("key {}", fresh_number()), "role": role, "expires_in": "P365D" });
        let made = self.as_(organization).post(path, body).await.expect(201);
        User::with_token(made["secret"].as_str().expect("a secret"))
    }

    /// A person of `organization` with `role`.
    pub async fn member(&self, organization: &Organization, role: &str) -> User {
        let number = fresh_number();
        let email = format!("{role}{number}@example.org");
        let path = format!("/v1/organizations/{}/members", organization.id);
        let body = json!({
            "email": email, "name": format!("{role} {number}"), "password": PASSWORD, "role": role,
        });
        self.as_(organization).post(path, body).await.expect(201);
        User::with_email(email)
    }

    /// Staff that administers the marketplace; always the same person.
    pub async fn admin(&self) -> User {
        self.admin.get_or_init(|| self.staff("admin")).await.clone()
    }

    /// Another member of staff with `role`.
    pub async fn staff(&self, role: &str) -> User {
        let email = format!("{role}{}@market.example", fresh_number());
        let new: Value = json!({
            "email": email, "name": format!("Staff, {role}"), "password": PASSWORD, "role": role,
        });
        let new = serde_json::from_value(new).expect("a new member of staff");
        leasehold::accounts::create_admin(&self.app, new).await.expect("staff is made");
        User::with_email(email)
    }

    /// A project of `organization`.
    pub async fn project(&self, organization: &Organization) -> String {
        let path = format!("/v1/organizations/{}/projects", organization.id);
        let body = json!({ "name": format!("project {}", fresh_number()) });
        let made = self.as_(organization).post(path, body).await.expect(201);
        made["id"].as_str().expect("an id").to_owned()
    }
}
