//! The page: what `web/` was built into, served from the binary.
//!
//! Every address that is nobody else's is the page's own to route. What it loads has names with a hash
//! in them, so that browsers may keep it for ever; the page itself is asked for anew each time.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::api::Problem;

/// `web/dist`; empty where the page was not built.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Files;

/// Styles are written by the page's components while it runs; scripts are files of ours alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What has addresses of its own, so that a mistyped one is an error and not the page.
const NOT_THE_PAGE: [&str; 6] =
    ["/v1/", "/docs", "/openapi.json", "/health/", "/metrics", "/.well-known/"];

const NOT_BUILT: &str = "<!doctype html><title>Leasehold</title>\
    <p>This binary was built without the page. <code>make run</code> builds both; \
    by hand: <code>cd web &amp;&amp; npm ci &amp;&amp; npm run build</code>, then <code>cargo build</code>.";

/// The page or one of its files, or that there is nothing at this address.
pub async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let is_look = method == Method::GET || method == Method::HEAD;
    if !is_look || NOT_THE_PAGE.iter().any(|start| path.starts_with(start)) {
        return unknown_address().into_response();
    }
    let name = path.trim_start_matches('/');
    if let Some(response) = file(name, &headers) {
        return response;
    }
    if name.starts_with("assets/") {
        return unknown_address().into_response();
    }
    let mut response =
        file("index.html", &headers).unwrap_or_else(|| Html(NOT_BUILT).into_response());
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// The file `name`, compressed if there is such a one and the browser takes it.
fn file(name: &str, headers: &HeaderMap) -> Option<Response> {
    let taken = headers.get(header::ACCEPT_ENCODING).and_then(|taken| taken.to_str().ok());
    let takes = |encoding: &str| {
        let mut all = taken.unwrap_or_default().split(',');
        all.any(|one| one.split(';').next().map(str::trim) == Some(encoding))
    };
    let compressed = [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(encoding, _)| takes(encoding))
        .find_map(|(encoding, ending)| Some((encoding, Files::get(&format!("{name}.{ending}"))?)));
    let (encoding, EmbeddedFile { data, .. }) = match compressed {
        Some((encoding, file)) => (Some(encoding), file),
        None => (None, Files::get(name)?),
    };
    let age = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut response = data.into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(name)));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(age));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

fn unknown_address() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown_address",
        "there is nothing at this address; /docs lists what there is",
    )
}
