//! Why a verb did not do what it was asked to, and with which exit code it says so.

use std::fmt;

use serde_json::{Map, Value};

/// The ways to fail; each has its exit code.
#[derive(Debug)]
pub enum Failure {
    /// 1: it did not work: no answer, not logged in, no such thing.
    Failed(String),
    /// 1: the same, in the server's words.
    Answered(Problem),
    /// 2: the flags make no sense.
    Usage(String),
    /// 3: understood, and refused by a rule.
    Refused(Problem),
    /// 4: what was to be changed has changed meanwhile.
    Stale(Problem),
}

impl Failure {
    /// What the process exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Failed(_) | Failure::Answered(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Refused(_) => 3,
            Failure::Stale(_) => 4,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(text) | Failure::Usage(text) => f.write_str(text),
            Failure::Answered(problem) | Failure::Refused(problem) | Failure::Stale(problem) => {
                write!(f, "{} [{}]", problem.detail, problem.code)?;
                let fields = problem.fields();
                fields.iter().try_for_each(|(field, detail)| write!(f, "; {field}: {detail}"))
            }
        }
    }
}

impl std::error::Error for Failure {}

/// The server's refusal (RFC 9457) as far as the command line looks at it.
#[derive(Debug, Clone)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable name of the refusal.
    pub code: String,
    /// The sentence that names the way out.
    pub detail: String,
    /// The whole body, with members such as `shortfall` and `alternatives`.
    pub body: Value,
}

impl Problem {
    /// Reads the body of a reply with an error status.
    pub fn from_reply(status: u16, body: Value) -> Self {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Self {
            status,
            code: text("code").unwrap_or_else(|| format!("http-{status}")),
            detail: text("detail").or_else(|| text("title")).unwrap_or_else(|| body.to_string()),
            body,
        }
    }

    /// Messages about single fields, as `(field, message)`.
    pub fn fields(&self) -> Vec<(String, String)> {
        let Value::Array(errors) = &self.body["errors"] else { return Vec::new() };
        let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
        errors.iter().map(|error| (text(error, "field"), text(error, "detail"))).collect()
    }

    /// Members beyond those that every problem has.
    pub fn members(&self) -> Map<String, Value> {
        let known = [
            "type",
            "title",
            "status",
            "detail",
            "code",
            "request_id",
            "instance",
            "errors",
            "alternatives",
            "report",
        ];
        let Value::Object(members) = &self.body else { return Map::new() };
        let is_extra = |name: &str, value: &Value| !known.contains(&name) && !value.is_null();
        members
            .iter()
            .filter(|(name, value)| is_extra(name, value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        match problem.status {
            412 => Failure::Stale(problem),
            403 | 409 | 422 => Failure::Refused(problem),
            _ => Failure::Answered(problem),
        }
    }
}
