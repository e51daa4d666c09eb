//! The catalogs: lists, filters, JSON, schemas.

use crate::harness::{Place, root, run};

#[test]
fn lists_answer_in_three_forms() {
    for command in ["hardware", "models", "offers"] {
        let shown = run(&[command]);
        assert!(shown.starts_with("status 0\n") && shown.lines().count() > 30, "{command}: {shown}");
        let output = Place::new().output(&[command, "--json"]);
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(value.as_array().is_some_and(|rows| rows.len() >= 40), "{command}");
        assert!(run(&[command, "--markdown"]).contains("| --- |"), "{command}");
    }
    assert!(run(&["hardware", "h100"]).contains("h100-sxm"));
}

#[test]
fn schemas_are_the_committed_ones() {
    for (what, file) in [
        ("request", "docs/reference/request.schema.json"),
        ("response", "docs/reference/response.schema.json"),
        ("why", "docs/reference/why.schema.json"),
        ("diff", "docs/reference/diff.schema.json"),
        ("levers", "docs/reference/levers.schema.json"),
        ("lists", "docs/reference/lists.schema.json"),
        ("scaling", "docs/reference/scaling.schema.json"),
        ("errors", "docs/reference/errors.md"),
    ] {
        let output = Place::new().output(&["schema", what]);
        let committed = std::fs::read(root().join(file)).unwrap_or_default();
        assert!(output.stdout == committed, "{file} is stale: run `cargo xtask codegen`");
    }
}
