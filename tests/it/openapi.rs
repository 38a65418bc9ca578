//! The description of the interface is complete, and the one that is committed is the one in force.

use std::collections::BTreeMap;

use crate::support::openapi::{Document, Operation};

fn assert_none(what: &str, wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{what}:\n  {}", wrong.join("\n  "));
}

fn operations_where(is_wrong: impl Fn(&Operation) -> bool) -> Vec<String> {
    let operations = Document::read().operations().into_iter().filter(is_wrong);
    operations.map(|operation| format!("{} {}", operation.method, operation.path)).collect()
}

/// Responses of `operation` whose status begins with `digit`.
fn responses(operation: &Operation, digit: char) -> Vec<(&String, &serde_json::Value)> {
    let responses = operation.description["responses"].as_object().into_iter().flatten();
    responses.filter(|(status, _)| status.starts_with(digit)).collect()
}

#[test]
fn the_committed_description_is_the_one_in_force() {
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"))
        .unwrap_or_default();
    let in_force = leasehold::wiring::openapi().to_pretty_json().unwrap();
    assert!(
        committed.trim_end() == in_force.trim_end(),
        "openapi.json is not what the code says; write it anew: `leasehold openapi > openapi.json`"
    );
}

#[test]
fn every_operation_says_what_it_does() {
    let is_mute = |operation: &Operation| {
        operation.description["summary"].as_str().is_none_or(|text| text.trim().is_empty())
    };
    assert_none("operations without a summary", operations_where(is_mute));
}

#[test]
fn every_operation_has_one_noun() {
    let is_homeless = |operation: &Operation| {
        operation.description["tags"].as_array().is_none_or(|tags| tags.len() != 1)
    };
    assert_none("operations without exactly one tag", operations_where(is_homeless));
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for operation in Document::read().operations() {
        names.entry(operation.id).or_default().push(operation.path);
    }
    let shared = names.into_iter().filter(|(name, paths)| name.is_empty() || paths.len() > 1);
    assert_none("names", shared.map(|(name, paths)| format!("{name}: {paths:?}")).collect());
}

#[test]
fn every_operation_describes_its_success() {
    let is_vague = |operation: &Operation| {
        let successes = responses(operation, '2');
        let is_described = |(status, response): &(&String, &serde_json::Value)| {
            *status == "204"
                || response["content"].as_object().is_some_and(|content| {
                    content.values().all(|media| media["schema"].is_object())
                })
        };
        successes.is_empty() || !successes.iter().all(is_described)
    };
    assert_none("operations with an undescribed success", operations_where(is_vague));
}

#[test]
fn every_operation_describes_its_problems() {
    let is_carefree = |operation: &Operation| {
        let problems = responses(operation, '4');
        let is_problem = |(_, response): &(&String, &serde_json::Value)| {
            response["content"].to_string().contains("#/components/schemas/Problem")
        };
        // What takes nothing from anybody has nothing to refuse.
        let takes_nothing = operation.description["security"] == serde_json::json!([{}])
            && operation.description.get("requestBody").is_none()
            && operation.description.get("parameters").is_none();
        !takes_nothing && (problems.is_empty() || !problems.iter().all(is_problem))
    };
    assert_none("operations whose refusals are not problems", operations_where(is_carefree));
}

#[test]
fn every_reference_leads_somewhere() {
    let document = serde_json::to_value(leasehold::wiring::openapi()).unwrap();
    let text = document.to_string();
    let references = text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    let dangling = references.filter(|pointer| document.pointer(pointer).is_none());
    assert_none("references to nothing", dangling.map(str::to_owned).collect());
}

#[test]
fn every_field_can_be_given_an_example() {
    let document = Document::read();
    for operation in document.operations() {
        if let Some(schema) = document.body_schema(&operation) {
            let example = document.example(schema);
            assert!(example.is_object(), "{}: {example}", operation.id);
        }
    }
}
