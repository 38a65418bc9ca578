//! A browser's refresh token: in a cookie that scripts cannot read and other sites cannot use.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::accounts::error::Error;
use crate::accounts::rules::Tokens;
use crate::api::{Problem, Reply};
use crate::kernel::Timestamp;

const NAME: &str = "leasehold_refresh";
const ATTRIBUTES: &str = "Path=/v1/auth; HttpOnly; SameSite=Strict";

/// What a request says about its cookie and about the page that sent it.
pub struct Cookie {
    token: Option<String>,
    /// The page is of this very origin, says the browser.
    is_same_origin: bool,
    /// The page came over TLS, so its cookie must never travel without.
    is_secure: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Cookie {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = |name| text(&parts.headers, name);
        let origin = header("origin").unwrap_or_default();
        let is_same_origin = match header("sec-fetch-site") {
            Some(site) => site == "same-origin",
            None => origin.split_once("://").map(|(_, host)| host) == header("host"),
        };
        let cookies = header("cookie").unwrap_or_default().split(';');
        let token = cookies
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find_map(|(name, value)| (name == NAME).then(|| value.to_owned()));
        Ok(Cookie { token, is_same_origin, is_secure: origin.starts_with("https://") })
    }
}

impl Cookie {
    /// Refuses what a page of another origin sends.
    ///
    /// # Errors
    /// 403.
    pub fn check_origin(&self) -> Result<(), Problem> {
        if self.is_same_origin {
            return Ok(());
        }
        Err(Problem::forbidden("the cookie is for pages of this origin; programs send the token"))
    }

    /// The token in the cookie.
    ///
    /// # Errors
    /// 401 without one, 403 from a page of another origin.
    pub fn token(&self) -> Result<&str, Problem> {
        let token = self.token.as_deref().ok_or(Error::RefreshUnknown)?;
        self.check_origin()?;
        Ok(token)
    }

    /// `tokens` as a reply, the refresh token in the cookie alone.
    pub fn keep(&self, mut tokens: Tokens, now: Timestamp) -> Response {
        let token = tokens.refresh_token.take().unwrap_or_default();
        let seconds = (tokens.refresh_expires_at - now).num_seconds();
        let secure = if self.is_secure { "; Secure" } else { "" };
        with_cookie(Reply::ok(&tokens), &token, seconds, secure)
    }
}

/// `reply`, after which the browser has no token.
pub fn forget(reply: Reply) -> Response {
    with_cookie(reply, "", 0, "")
}

fn with_cookie(reply: Reply, token: &str, seconds: i64, secure: &str) -> Response {
    let mut response = reply.into_response();
    let cookie = format!("{NAME}={token}; {ATTRIBUTES}; Max-Age={seconds}{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
