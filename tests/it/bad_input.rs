//! What bad input gets: a problem with a code and a sentence, never a failure of the server, and
//! nothing written. Tried on every operation, with what its description says that it takes.

use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::openapi::{Document, Operation, type_of};
use crate::support::world::kind_of;
use crate::support::{Answer, User, World};

/// One way to send a bad request.
struct Case {
    what: String,
    path: String,
    body: Option<Vec<u8>>,
    /// Nobody could make sense of it: it must be refused.
    is_hopeless: bool,
}

/// Stands in a JSON value for text that no JSON value can be; see [`write_body`].
const RAW: &str = "@@raw@@";

/// `body` as bytes, with every string `@@raw@@…` written as what follows the mark.
fn write_body(body: &Value) -> Vec<u8> {
    let mut text = body.to_string();
    while let Some(from) = text.find(&format!("\"{RAW}")) {
        let inner = from + 1 + RAW.len();
        let until = inner + text[inner..].find('"').expect("a string ends");
        let raw = text[inner..until].replace("\\\\", "\\").replace('\'', "\"");
        text.replace_range(from..=until, &raw);
    }
    text.into_bytes()
}

/// What no field takes, or few; by the type that the description gives.
fn bad_values(world: &World, schema: &Value) -> Vec<Value> {
    let mut values = vec![json!({}), json!([]), json!(true), json!([[[[[1]]]]]), Value::Null];
    let raw = |text: &str| json!(format!("{RAW}{text}"));
    match type_of(schema) {
        "integer" | "number" => values.extend([
            json!(0),
            json!(-1),
            json!(1.5),
            json!(i64::from(i32::MAX)),
            json!(i64::from(i32::MAX) + 1),
            json!(u32::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e300),
            json!("8"),
            raw("18446744073709551616"),
            raw("1e400"),
            raw("-0"),
            raw("NaN"),
        ]),
        "array" => values.extend([
            Value::Array(vec![json!({}); 3000]),
            Value::Array(vec![Value::Null; 200]),
            json!("one"),
        ]),
        "string" => values.extend(bad_texts(world, schema)),
        _ => values.extend([json!("text"), json!(1)]),
    }
    values
}

fn bad_texts(world: &World, schema: &Value) -> Vec<Value> {
    let raw = |text: &str| json!(format!("{RAW}{text}"));
    let mut values = vec![
        json!(""),
        json!(" "),
        json!("a\u{0}b"),
        json!("x".repeat(100_000)),
        json!("\u{202e}\u{feff}"),
        json!("'; drop table leases; --"),
        json!(7),
        raw("'\\\\ud800'"),
        raw("'\t'"),
    ];
    match schema["format"].as_str() {
        Some("date-time") => values.extend(
            [
                "9999-12-31T23:59:59Z",
                "+10000-01-01T00:00:00Z",
                "1969-12-31T23:59:59Z",
                "0000-01-01T00:00:00Z",
                "-4713-01-01T00:00:00Z",
                "2027-02-30T00:00:00Z",
                "2027-01-01",
                "2027-01-01T00:00:00",
                "2027-01-01T00:00:60Z",
                "infinity",
                "now",
            ]
            .map(Value::from),
        ),
        Some("duration") => values.extend(
            ["P1Y", "PT", "-PT1H", "PT0S", "P99999999999D", "PT99999999999999999999S", "1 hour"]
                .map(Value::from),
        ),
        _ => {}
    }
    if let Some(kind) = kind_of(schema) {
        values.extend([
            json!(format!("{kind}_00000000000000000000000000")),
            json!(format!("{kind}_7zzzzzzzzzzzzzzzzzzzzzzzzz")),
            json!(format!("{kind}_8zzzzzzzzzzzzzzzzzzzzzzzzz")),
            json!(format!("{kind}_")),
            json!("0193a3f0-0000-7000-8000-000000000000"),
        ]);
        let others = world.ids.iter().filter(|(other, _)| *other != kind);
        values.extend(others.take(3).map(|(_, id)| json!(id)));
    } else {
        values.extend(
            [
                "NaN",
                "Infinity",
                "-inf",
                "1e3",
                "0x10",
                "-1",
                "-0",
                "0.1234567890123456",
                "1,5",
                "99999999999999999999999999999",
                "79228162514264337593543950336",
                "0.00000000000000000000000000001",
                "1000000000000000",
            ]
            .map(Value::from),
        );
    }
    values
}

/// Bodies that are wrong as a whole.
fn bad_bodies(good: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str| open.repeat(5000) + &close.repeat(5000);
    let text = good.to_string();
    let mut unknown_field = good.clone();
    unknown_field["no_such_field"] = json!(1);
    let twice = text.replacen('{', &format!("{{{},", first_member(good)), 1);
    vec![
        ("no JSON", b"gpus=8".to_vec()),
        ("broken off", text.as_bytes()[..text.len() - 1].to_vec()),
        ("two values", format!("{text}{text}").into_bytes()),
        ("a list", b"[]".to_vec()),
        ("a number", b"42".to_vec()),
        ("a text", b"\"{}\"".to_vec()),
        ("null", b"null".to_vec()),
        ("nothing in it", b"{}".to_vec()),
        ("empty", Vec::new()),
        ("invalid UTF-8", b"{\"name\": \"\xff\xfe\"}".to_vec()),
        ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a byte order mark", format!("\u{feff}{text}").into_bytes()),
        ("nested deeply, lists", deep("[", "]").into_bytes()),
        ("nested deeply, objects", deep("{\"a\":", "}").into_bytes()),
        ("an unknown field", unknown_field.to_string().into_bytes()),
        ("a field twice", twice.into_bytes()),
        ("NUL in a name", text.replacen('{', "{\"\\u0000\":1,", 1).replace(",}", "}").into_bytes()),
        ("more than a MiB", format!("{}{text}", " ".repeat(1 << 20)).into_bytes()),
    ]
}

/// Of these bodies, those that must be refused whatever the operation takes.
const HOPELESS: &[&str] = &[
    "no JSON",
    "broken off",
    "two values",
    "a list",
    "a number",
    "a text",
    "null",
    "invalid UTF-8",
    "UTF-16",
    "a byte order mark",
    "nested deeply, lists",
    "nested deeply, objects",
    "an unknown field",
    "a field twice",
    "NUL in a name",
    "more than a MiB",
];

fn first_member(object: &Value) -> String {
    let first = object.as_object().and_then(|fields| fields.iter().next());
    first.map_or_else(|| "\"a\":1".to_owned(), |(name, value)| format!("{}:{value}", json!(name)))
}

/// Texts in place of the id in a path.
const BAD_IDS: &[&str] = &[
    "x",
    "1",
    "-1",
    "%00",
    "%FF%FE",
    "..%2F..",
    "%27%20or%201%3D1",
    "null",
    "18446744073709551616",
    "lease_",
    "lease_8zzzzzzzzzzzzzzzzzzzzzzzzz",
];

/// Texts in place of a query parameter.
const BAD_PARAMETERS: &[&str] = &[
    "",
    "x",
    "-1",
    "0",
    "201",
    "1.5",
    "99999999999999999999",
    "%00",
    "%FF",
    "true",
    "NaN",
    "9999-12-31T23:59:59Z",
    "+10000-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2027-13-01T00:00:00Z",
    "%27%3B--",
    "00000000000000000000000000",
    "7zzzzzzzzzzzzzzzzzzzzzzzzz",
];

/// Every bad request to `operation`.
fn cases(world: &World, document: &Document, operation: &Operation) -> Vec<Case> {
    let path = with_query(&world.path(document, operation), World::query(operation));
    let good = world.body(document, operation);
    let good_bytes = good.as_ref().map(write_body);
    let mut cases = Vec::new();
    let mut add = |what: String, path: String, body: Option<Vec<u8>>| {
        let is_hopeless = HOPELESS.contains(&what.as_str());
        cases.push(Case { what, path, body, is_hopeless });
    };
    if let (Some(good), Some(schema)) = (&good, document.body_schema(operation)) {
        for (what, body) in bad_bodies(good) {
            add(what.to_owned(), path.clone(), Some(body));
        }
        for (pointer, field) in document.fields(schema) {
            for value in bad_values(world, field) {
                let mut body = good.clone();
                let Some(slot) = body.pointer_mut(&pointer) else { continue };
                *slot = value.clone();
                let excerpt: String = value.to_string().chars().take(60).collect();
                add(format!("{pointer} = {excerpt}"), path.clone(), Some(write_body(&body)));
            }
        }
    }
    for (name, schema) in document.path_parameters(operation) {
        let kind = kind_of(schema).unwrap_or_default().to_owned();
        let unknown = format!("{kind}_01jqz3k8e5f8va2m0x9w7c4d6b");
        let foreign = world.ids.iter().find(|(other, _)| **other != kind).map(|(_, id)| id.clone());
        let bad = BAD_IDS.iter().map(ToString::to_string).chain([unknown, "y".repeat(5000)]);
        for id in bad.chain(foreign) {
            let template = operation.path.replace(&format!("{{{name}}}"), &id);
            let operation = Operation { path: template, ..operation.clone() };
            let rest = world.fill_path(document, &operation);
            add(format!("{{{name}}} = {}", &id[..id.len().min(40)]), rest, good_bytes.clone());
        }
    }
    for (name, _) in document.parameters(operation, "query") {
        let path = world.path(document, operation);
        for value in BAD_PARAMETERS {
            let path = format!("{path}?{name}={value}");
            add(format!("?{name}={value}"), path, good_bytes.clone());
        }
        let twice = format!("{path}?{name}=1&{name}=1");
        add(format!("?{name} twice"), twice, good_bytes.clone());
    }
    cases
}

/// Somebody who may do `operation`, so that not the right but the input is refused.
async fn somebody_who_may(
    world: &World,
    document: &Document,
    operation: &Operation,
    callers: &[User],
) -> User {
    for user in callers {
        let answer =
            send(world, user, operation, true, &good_case(world, document, operation)).await;
        if !matches!(answer.status.as_u16(), 401 | 403 | 404) {
            return user.clone();
        }
    }
    callers[0].clone()
}

fn good_case(world: &World, document: &Document, operation: &Operation) -> Case {
    let body = world.body(document, operation).map(|body| write_body(&body));
    Case {
        what: "good".to_owned(),
        path: world.path(document, operation),
        body,
        is_hopeless: false,
    }
}

fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

async fn send(
    world: &World,
    user: &User,
    operation: &Operation,
    as_rehearsal: bool,
    case: &Case,
) -> Answer {
    let mut path = case.path.clone();
    if as_rehearsal && operation.method != Method::GET {
        path.push_str(if path.contains('?') { "&dry_run=true" } else { "?dry_run=true" });
    }
    let mut request = world.market.as_(user).request(operation.method.clone(), path);
    if operation.method != Method::GET {
        request = request.key(crate::support::client::fresh_key());
    }
    if let Some(body) = &case.body {
        request = request.bytes("application/json", body.clone());
    }
    request.await
}

fn is_sound(answer: &Answer) -> bool {
    answer.status.is_success() || std::panic::catch_unwind(|| answer.assert_problem()).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_a_sentence_and_writes_nothing() {
    let world = World::create().await;
    let document = Document::read();
    let callers =
        [world.tenant.owner.clone(), world.provider.owner.clone(), world.market.admin().await];
    let mut wrong = Vec::new();
    let mut tried = 0;
    for operation in document.operations() {
        let user = somebody_who_may(&world, &document, &operation, &callers).await;
        let cases = cases(&world, &document, &operation);
        tried += cases.len();
        let before = world.market.database.row_counts().await;
        let (world, user, operation) = (&world, &user, &operation);
        // A rehearsal first. Of what it refuses a third is sent in earnest too, for a refusal writes
        // nothing.
        let answers =
            futures::stream::iter(cases.iter().enumerate()).map(|(number, case)| async move {
                let rehearsed = send(world, user, operation, true, case).await;
                if number % 3 != 0 || !rehearsed.status.is_client_error() {
                    return (case, rehearsed);
                }
                (case, send(world, user, operation, false, case).await)
            });
        let answers: Vec<_> = answers.buffer_unordered(8).collect().await;
        let is_all_refused = answers.iter().all(|(_, answer)| !answer.status.is_success());
        let is_wrong = |case: &Case, answer: &Answer| {
            !is_sound(answer) || (case.is_hopeless && answer.status.is_success())
        };
        for (case, answer) in answers.into_iter().filter(|(case, answer)| is_wrong(case, answer)) {
            let said: String = answer.text.chars().take(200).collect();
            wrong.push(format!("{} {}: {} {said}", operation.id, case.what, answer.status));
        }
        let can_rehearse = operation.description["security"] != json!([{}]);
        if is_all_refused || can_rehearse {
            let after = world.market.database.row_counts().await;
            assert_eq!(before, after, "{} has written", operation.id);
        }
    }
    assert!(wrong.is_empty(), "{} of {tried} wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("{tried} bad requests");
}
