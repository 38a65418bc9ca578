//! What went wrong, as RFC 9457 `application/problem+json`.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use super::reply::Reply;

/// Why a request ends without the reply it asked for.
#[derive(Debug)]
pub enum Problem {
    /// It is refused, and this says why and what the way out is.
    Refused(Box<Refused>),
    /// It was done before under the same idempotency key; this is the reply of then.
    Replayed(Box<Reply>),
}

/// The body of a problem.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct Refused {
    /// Stable address of the kind of problem: `/problems/<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here, and the way out.
    pub detail: String,
    /// Stable name of the kind, for programs.
    pub code: &'static str,
    /// Finds this request in the server's logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What is wrong with single fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What explains a refusal: `shortfall`, `alternatives`, `blocking`, `report` …
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub members: Map<String, Value>,
    #[serde(skip)]
    pub(super) retry_after_s: Option<u32>,
    /// Why the server failed; for its log and not for the caller.
    #[serde(skip)]
    pub(super) cause: Option<String>,
}

/// What is wrong with one field of a body or query.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Path of the field: `tranches[0].gpus`.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
}

impl Problem {
    /// A problem of the kind `code` (lower case with underscores).
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::Refused(Box::new(Refused {
            kind: format!("/problems/{}", code.replace('_', "-")),
            title: status.canonical_reason().unwrap_or("Problem"),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            request_id: None,
            errors: Vec::new(),
            members: Map::new(),
            retry_after_s: None,
            cause: None,
        }))
    }

    /// 400: not what the interface understands.
    pub fn malformed(code: &'static str, detail: impl Into<String>) -> Problem {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401: nobody we know.
    pub fn unauthorized(code: &'static str, detail: impl Into<String>) -> Problem {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// 403: the caller's role lacks it.
    pub fn forbidden(detail: impl Into<String>) -> Problem {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404: unknown, or not the caller's; the two are not told apart.
    pub fn not_found(what: &str, id: impl std::fmt::Display) -> Problem {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no {what} {id} that you may see"),
        )
    }

    /// 409: in conflict with the state of things.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Problem {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 412: `If-Match` names an older revision.
    pub fn stale(detail: impl Into<String>) -> Problem {
        Self::new(StatusCode::PRECONDITION_FAILED, "stale_revision", detail)
    }

    /// 422: understood and not acceptable.
    pub fn unacceptable(code: &'static str, detail: impl Into<String>) -> Problem {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 422 for one field.
    pub fn field(field: impl Into<String>, detail: impl Into<String>) -> Problem {
        let (field, detail) = (field.into(), detail.into());
        Self::unacceptable("invalid_field", format!("{field}: {detail}")).with_error(field, detail)
    }

    /// 429 with `Retry-After`.
    pub fn too_many(detail: impl Into<String>, retry_after_s: u32) -> Problem {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(retry_after_s)
    }

    /// 503 with `Retry-After`.
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Problem {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(1)
    }

    /// 500; `error` goes to the log when it is answered, not to the caller.
    pub fn internal(error: impl std::fmt::Display) -> Problem {
        let mut problem = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server failed; the request changed nothing. Report the request_id to the operator",
        );
        if let Problem::Refused(body) = &mut problem {
            body.cause = Some(error.to_string());
        }
        problem
    }

    /// Adds an explaining member, under a name that no problem has by itself.
    pub fn with(mut self, member: &'static str, value: impl Serialize) -> Problem {
        let own = ["type", "title", "status", "detail", "code", "request_id", "errors"];
        debug_assert!(!own.contains(&member), "`{member}` would be in the problem twice");
        if let Problem::Refused(body) = &mut self {
            match serde_json::to_value(value) {
                Ok(value) => drop(body.members.insert(member.to_owned(), value)),
                // The refusal stands without it: it says in words what the member says for programs.
                Err(error) => tracing::error!(member, %error, "a member of a problem is left out"),
            }
        }
        self
    }

    /// Adds what is wrong with a field.
    pub fn with_error(mut self, field: impl Into<String>, detail: impl Into<String>) -> Problem {
        if let Problem::Refused(body) = &mut self {
            body.errors.push(FieldError { field: field.into(), detail: detail.into() });
        }
        self
    }

    /// Says after how many seconds a retry makes sense.
    pub fn retry_after(mut self, seconds: u32) -> Problem {
        if let Problem::Refused(body) = &mut self {
            body.retry_after_s = Some(seconds);
        }
        self
    }

    /// Its stable name; `replayed` for a replay.
    pub fn code(&self) -> &'static str {
        match self {
            Problem::Refused(body) => body.code,
            Problem::Replayed(_) => "replayed",
        }
    }

    /// Its sentence.
    pub fn detail(&self) -> &str {
        match self {
            Problem::Refused(body) => &body.detail,
            Problem::Replayed(_) => "done before",
        }
    }
}

/// For the server's own logs: the cause of a failure, else the sentence that a caller would read.
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Problem::Refused(body) => f.write_str(body.cause.as_deref().unwrap_or(&body.detail)),
            Problem::Replayed(_) => f.write_str(self.detail()),
        }
    }
}

impl From<sqlx::Error> for Problem {
    /// What a database error means when no slice knows better: away, contended, unstorable, or ours.
    fn from(error: sqlx::Error) -> Problem {
        let away = |detail: &str| Problem::unavailable("database_away", detail);
        match &error {
            sqlx::Error::PoolTimedOut
            | sqlx::Error::Io(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => {
                tracing::warn!(%error, "the database cannot be reached");
                away("the database cannot be reached; try again in a moment")
            }
            sqlx::Error::Database(database) => match database.code().as_deref() {
                Some(code) if code.starts_with("57P") || code.starts_with("08") => {
                    tracing::warn!(%error, "the database is going down or coming up");
                    away("the database is restarting; try again in a moment")
                }
                Some("53300") => away("the database has no connection left; try again in a moment"),
                Some("40001" | "40P01" | "55P03") => Problem::unavailable(
                    "contended",
                    "others changed the same things at the same time; try again",
                ),
                Some(code) if code.starts_with("22") => Problem::unacceptable(
                    "unstorable_value",
                    "a value is outside what can be stored; check numbers, dates and special characters",
                ),
                _ => Problem::internal(error),
            },
            _ => Problem::internal(error),
        }
    }
}

/// The name of the constraint that `error` violates, if that is what it is.
pub fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|database| database.constraint())
}
