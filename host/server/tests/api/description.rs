//! The OpenAPI document, which is made from the code.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::host::get;

const OPERATIONS: [&str; 57] = [
    "delete /api/v1/contexts/{name}",
    "delete /api/v1/runs/{id}",
    "delete /api/v1/templates/{id}",
    "delete /api/v1/workflows/{id}",
    "get /api/v1/contexts",
    "get /api/v1/contexts/{name}",
    "get /api/v1/contexts/{name}/history",
    "get /api/v1/health",
    "get /api/v1/metrics",
    "get /api/v1/plugins",
    "get /api/v1/plugins/{name}",
    "get /api/v1/plugins/{name}/events",
    "get /api/v1/plugins/{name}/refusals",
    "get /api/v1/ready",
    "get /api/v1/runs",
    "get /api/v1/runs/{id}",
    "get /api/v1/runs/{id}/artefacts",
    "get /api/v1/runs/{id}/artefacts/{artefact}",
    "get /api/v1/runs/{id}/events",
    "get /api/v1/runs/{id}/logs",
    "get /api/v1/runs/{id}/tasks",
    "get /api/v1/runs/{id}/tasks/{task}",
    "get /api/v1/triggers",
    "get /api/v1/triggers/{name}",
    "get /api/v1/workflows",
    "get /api/v1/workflows/{id}",
    "post /api/v1/hooks/github",
    "post /api/v1/hooks/{path}",
    "get /api/v1/templates",
    "get /api/v1/templates/{id}",
    "get /api/v1/templates/{id}/versions",
    "get /api/v1/templates/{id}/versions/{digest}",
    "get /api/v1/workflows/{id}/diff",
    "post /api/v1/runs/rerun",
    "get /api/v1/workflows/{id}/versions",
    "get /api/v1/workflows/{id}/versions/{digest}",
    "post /api/v1/runs/{id}/cancel",
    "post /api/v1/runs/{id}/pause",
    "post /api/v1/runs/{id}/rerun",
    "post /api/v1/runs/{id}/rerun/preview",
    "post /api/v1/runs/{id}/resume",
    "post /api/v1/runs/{id}/signals",
    "post /api/v1/runs/{id}/tasks/{task}/approve",
    "post /api/v1/runs/{id}/tasks/{task}/skip",
    "post /api/v1/triggers/{name}/fire",
    "post /api/v1/plugins/{name}/release",
    "post /api/v1/plugins/{name}/rollback",
    "post /api/v1/templates/{id}/workflows",
    "post /api/v1/workflows/validate",
    "post /api/v1/workflows/{id}/disable",
    "post /api/v1/workflows/{id}/enable",
    "post /api/v1/workflows/{id}/runs",
    "post /api/v1/workflows/{id}/template",
    "put /api/v1/contexts/{name}",
    "put /api/v1/runs/{id}/priority",
    "put /api/v1/templates/{id}",
    "put /api/v1/workflows/{id}",
];

#[test]
fn every_operation_is_described_once() {
    let document = get("/openapi.json");
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let mut found = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            found.insert(format!("{method} {path}"));
            let id = operation["operationId"].as_str().expect("an id");
            assert!(ids.insert(id.to_owned()), "{id} stands for two operations");
            assert!(operation["summary"].is_string(), "{method} {path} says nothing");
        }
    }
    let expected: BTreeSet<_> = OPERATIONS.into_iter().map(str::to_owned).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_reference_leads_somewhere() {
    let document = get("/openapi.json");
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    assert!(references.len() > 10, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn the_guide_names_every_operation_and_every_code() {
    let guide = include_str!("../../../../docs/api.md");
    for operation in OPERATIONS {
        let (method, path) = operation.split_once(' ').expect("a method and a path");
        let shown = format!("`{} {}`", method.to_uppercase(), path.replace("/api/v1", ""));
        assert!(guide.contains(&shown), "docs/api.md lacks {shown}");
    }
    let codes = include_str!("../../src/api/error.rs");
    let kinds = codes.split("Kind(").skip(1).filter_map(|kind| kind.split('"').nth(1));
    let codes: BTreeSet<_> =
        kinds.filter(|code| code.contains('-') || *code == "internal").collect();
    assert!(codes.len() > 15, "{codes:?}");
    for code in codes {
        assert!(guide.contains(&format!("`{code}`")), "docs/api.md lacks the code `{code}`");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            if let Some(reference) = entries.get("$ref").and_then(Value::as_str) {
                references.insert(reference.to_owned());
            }
            entries.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
