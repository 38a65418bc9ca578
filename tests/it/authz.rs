//! Who may do what: every operation, tried by everybody on real things of others.
//!
//! The rules hold for every operation that is not excepted below, so a new operation that lets in
//! somebody it should not fails here without anybody having thought of it. The whole table, operation
//! × caller, is kept in `snapshots/`: whoever changes a right sees the change in the diff.

use std::collections::BTreeMap;
use std::fmt::Write;

use reqwest::Method;
use serde_json::Value;

use crate::support::openapi::{Document, Operation};
use crate::support::{Answer, User, World};

/// Operations that need no log-in, each with its reason.
const OPEN: &[(&str, &str)] = &[
    ("register", "whoever comes has no log-in yet"),
    ("log_in", "it is how one logs in"),
    ("refresh_tokens", "the refresh token in the body is the credential"),
    ("log_out", "the refresh token in the body is the credential"),
    ("list_signing_keys", "whoever checks a token needs the public keys"),
    ("list_accelerators", "the catalogue of chips is public knowledge"),
    ("list_offers", "the market is open; closed offers are not on this list"),
    ("show_offer", "the market is open; a closed offer is not there"),
    ("show_terms", "whoever weighs an offer reads its terms"),
    ("show_free_capacity", "the market is open; how much of an offer is free is on it"),
    ("list_public_reclaims", "what is taken back, and on which grounds, is for everybody to see"),
    ("compare_terms", "whoever weighs two offers sets their terms side by side"),
];

/// Operations in whose path an outsider may name another's thing, each with its reason.
const OPEN_TO_OUTSIDERS: &[(&str, &str)] = &[
    ("verify_organization", "staff alone does this, and whoever is not staff is told so at once"),
    ("suspend_organization", "staff alone does this, and whoever is not staff is told so at once"),
    (
        "reinstate_organization",
        "staff alone does this, and whoever is not staff is told so at once",
    ),
    ("change_staff_role", "staff alone does this, and whoever is not staff is told so at once"),
    ("remove_staff", "staff alone does this, and whoever is not staff is told so at once"),
    ("show_plane", "of a pool on the market one sees what is taken, and not by whom"),
];

/// Operations with a body that viewers may use, each with its reason.
const OPEN_TO_VIEWERS: &[(&str, &str)] = &[
    ("search_market", "it looks and changes nothing"),
    ("change_password", "it is the viewer's own"),
    ("read_inbox_message", "a message is for every person of the organization"),
];

fn is_in(list: &[(&str, &str)], operation: &Operation) -> bool {
    list.iter().any(|(id, _)| *id == operation.id)
}

/// What everybody was told: operation → caller → answer.
type Table = BTreeMap<String, (Operation, Vec<(&'static str, Answer)>)>;

/// Tries every operation as everybody, as a rehearsal, so that the world stays as it is.
async fn try_everything(world: &World, callers: &[(&'static str, Option<User>)]) -> Table {
    let document = Document::read();
    let mut table = Table::new();
    for operation in document.operations() {
        let path = world.path(&document, &operation);
        let body = world.body(&document, &operation);
        let mut answers = Vec::new();
        for (name, user) in callers {
            let caller = match user {
                Some(user) => world.market.as_(user),
                None => world.market.as_nobody(),
            };
            let mut request = caller.request(operation.method.clone(), &path);
            request = request.query(World::query(&operation));
            if operation.method != Method::GET {
                request = request.dry_run();
            }
            if let Some(body) = &body {
                request = request.json(body);
            } else if let Some((media, file)) = World::file(&operation) {
                request = request.bytes(media, file);
            }
            answers.push((*name, request.await));
        }
        table.insert(operation.id.clone(), (operation, answers));
    }
    table
}

#[tokio::test]
async fn everybody_may_do_what_is_theirs_and_nothing_else() {
    let world = World::create().await;
    let callers = world.callers().await;
    let before = world.market.database.row_counts().await;
    let table = try_everything(&world, &callers).await;
    let mut wrong = Vec::new();
    for (operation, answers) in table.values() {
        for (caller, answer) in answers {
            if let Some(flaw) = flaw(&world, operation, caller, answer) {
                wrong.push(format!("{} as {caller}: {flaw}: {}", operation.id, excerpt(answer)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    insta::assert_snapshot!("who_may_do_what", render(&table));
    let after = world.market.database.row_counts().await;
    assert_eq!(without_sessions(before), without_sessions(after), "a rehearsal has written");
}

/// What is wrong with `answer`, by the rules of the house.
fn flaw(
    world: &World,
    operation: &Operation,
    caller: &str,
    answer: &Answer,
) -> Option<&'static str> {
    let status = answer.status.as_u16();
    let names_a_thing = operation.path.contains('{');
    let is_act = operation.method != Method::GET;
    if status >= 500 {
        return Some("the server failed");
    }
    if status >= 400 && answer.body["code"].as_str().is_none() {
        return Some("a refusal that is no problem");
    }
    if matches!(caller, "nobody" | "outsider") && answer.status.is_success() && leaks(world, answer)
    {
        return Some("it says what others keep to themselves");
    }
    match caller {
        _ if is_in(OPEN, operation) => None,
        "nobody" if status != 401 => Some("nobody must log in first"),
        "outsider" if is_in(OPEN_TO_OUTSIDERS, operation) => None,
        "outsider" if names_a_thing && status != 404 => Some("what is not yours is not there"),
        "tenant viewer" | "provider viewer"
            if is_act && !is_in(OPEN_TO_VIEWERS, operation) && !matches!(status, 403 | 404) =>
        {
            Some("viewers only look")
        }
        name if name != "nobody" && status == 401 => Some("a good credential was refused"),
        _ => None,
    }
}

/// Whether `answer` holds an id of what is not on the market: the tenant's, and the provider's inside.
fn leaks(world: &World, answer: &Answer) -> bool {
    let on_the_market = ["site", "pool", "offer", "terms"];
    let kept = world.ids.iter().filter(|(kind, _)| !on_the_market.contains(&kind.as_str()));
    kept.into_iter().any(|(_, id)| answer.text.contains(id))
}

fn excerpt(answer: &Answer) -> String {
    answer.text.chars().take(200).collect::<String>() + &format!(" ({})", answer.status)
}

/// One line per operation; what each caller is told: a tick, or the status of the refusal.
fn render(table: &Table) -> String {
    let mut text = String::new();
    for (id, (operation, answers)) in table {
        let _ = writeln!(text, "{id}: {} {}", operation.method, operation.path);
        let mut by_verdict: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (caller, answer) in answers {
            let verdict = match answer.status.as_u16() {
                status @ (401 | 403 | 404) => status.to_string(),
                _ => "may".to_owned(),
            };
            by_verdict.entry(verdict).or_default().push(caller);
        }
        for (verdict, callers) in by_verdict.iter().rev() {
            let _ = writeln!(text, "    {verdict:>3}  {}", callers.join(", "));
        }
    }
    text
}

/// Row counts without those of log-ins, which happen along the way.
fn without_sessions(counts: Vec<(String, i64)>) -> Vec<(String, i64)> {
    let along_the_way = ["sessions", "refresh_tokens", "audit_records", "signing_keys"];
    counts.into_iter().filter(|(table, _)| !along_the_way.contains(&table.as_str())).collect()
}

#[test]
fn every_exception_is_needed_and_names_an_operation() {
    let operations = Document::read().operations();
    for (id, reason) in [OPEN, OPEN_TO_OUTSIDERS, OPEN_TO_VIEWERS].concat() {
        assert!(operations.iter().any(|operation| operation.id == id), "{id} is no operation");
        assert!(reason.contains(' '), "{id}: a reason is a sentence");
    }
    let open: Vec<&Value> = operations
        .iter()
        .filter(|operation| operation.description["security"] == serde_json::json!([{}]))
        .filter(|operation| !is_in(OPEN, operation))
        .map(|operation| &operation.description["operationId"])
        .collect();
    assert!(open.is_empty(), "described as open, and not among the exceptions: {open:?}");
}
