//! The layers around the routes: request ids, logs, metrics, panics, unknown addresses.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;
use utoipa::Modify;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::{health, routes, web};
use crate::accounts;
use crate::api::{Problem, call::REQUEST_ID};
use crate::app::App;
use crate::kernel::ids;

const MIB: usize = 1024 * 1024;
const HEARD_BYTES: usize = 64 * MIB;
const HEARD_TIME: Duration = Duration::from_secs(10);
static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Adds the bearer scheme to the description.
pub struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi.components.get_or_insert_default().add_security_scheme("bearer", scheme);
    }
}

/// The service over HTTP alone; nothing that time drives happens by itself.
pub fn service(app: App) -> Router {
    let (router, openapi) = routes(app.config.sandbox).split_for_parts();
    router
        .merge(utoipa_swagger_ui::SwaggerUi::new("/docs").url("/openapi.json", openapi))
        .merge(health::routes(&app))
        .fallback(web::page)
        .method_not_allowed_fallback(unknown_method)
        .layer(from_fn_with_state(app.clone(), accounts::authenticate))
        .layer(DefaultBodyLimit::max(MIB))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            Problem::internal("a handler panicked").into_response()
        }))
        .layer(from_fn(hear_out))
        .layer(from_fn_with_state(app.clone(), observe))
        .layer(from_fn(guard))
        .with_state(app)
}

async fn unknown_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "unknown_method",
        "this address does not take that method; /docs lists what there is",
    )
}

/// Gives the request an id, logs it, measures it.
async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let given = request.headers().get(&X_REQUEST_ID).and_then(|id| id.to_str().ok());
    let id = given
        .filter(|id| {
            (1..=100).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        })
        .map_or_else(|| format!("req_{}", ids::encode(ids::fresh_uuid(app.now()))), str::to_owned);
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", %method, route, request_id = id);
    let started = Instant::now();
    let mut response =
        REQUEST_ID.scope(id.clone(), next.run(request).instrument(span.clone())).await;
    let elapsed = started.elapsed();
    let status = response.status().as_u16();
    let labels = [("method", method.to_string()), ("route", route), ("status", status.to_string())];
    metrics::histogram!("leasehold_http_request_seconds", &labels).record(elapsed);
    span.in_scope(|| {
        tracing::debug!(status, elapsed_ms = elapsed.as_secs_f64() * 1000.0, "answered")
    });
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), value);
    }
    response
}

/// A refusal that comes before the body was read reaches only a caller who may finish sending: the
/// rest of the body is read and dropped, up to [`HEARD_BYTES`] and for [`HEARD_TIME`] at most.
async fn hear_out(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let lent = Lent(Arc::new(Mutex::new(body)));
    let mut rest = Lent(Arc::clone(&lent.0));
    let response = next.run(Request::from_parts(parts, Body::new(lent))).await;
    let hearing = async {
        let mut heard = 0;
        while let Some(Ok(frame)) = rest.frame().await {
            heard += frame.data_ref().map_or(0, Bytes::len);
            if heard > HEARD_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(HEARD_TIME, hearing).await;
    response
}

/// A body that can be read on when whoever it was given to has dropped it.
struct Lent(Arc<Mutex<Body>>);

impl Lent {
    fn body(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}

/// What the interface says is for the caller alone and for now; nothing is to be guessed at or framed.
async fn guard(request: Request, next: Next) -> Response {
    let is_interface = request.uri().path().starts_with("/v1/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if is_interface {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
