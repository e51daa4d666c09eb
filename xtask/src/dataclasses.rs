//! The dataclasses of the Python package, made from the published schemas: a field that the door gains is one that Python
//! gains, under the same name and with the same words.
//!
//! Only what schemas of answers hold is understood; anything else is an error rather than a guess.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The file that is generated.
pub(crate) const PATH: &str = "crates/outlay-python/python/outlay/answers.py";
/// The schemas it is made from, with the type at their root where there is one.
const SCHEMAS: &[(&str, &str)] = &[("response", "Response"), ("levers", "Levers"), ("diff", "Diff"), ("lists", "")];

const HEAD: &str = r#""""The types of answers: what is in them, in which unit.

Generated from docs/reference/*.schema.json by `cargo xtask codegen`; not to be edited.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._base import Answer
"#;

/// The file and its text.
pub(crate) fn file(root: &Path) -> Result<(PathBuf, String), String> {
    let mut types = BTreeMap::new();
    for (name, whole) in SCHEMAS {
        let path = root.join(format!("docs/reference/{name}.schema.json"));
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let schema: Map<String, Value> = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        if let Some(Value::Object(inner)) = schema.get("$defs") {
            types.extend(inner.iter().map(|(name, schema)| (name.clone(), schema.clone())));
        }
        if !whole.is_empty() {
            types.insert((*whole).to_owned(), Value::Object(schema));
        }
    }
    Ok((root.join(PATH), text(&types)?))
}

/// Fails if the committed file is another one.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let (path, text) = file(root)?;
    let same = fs::read_to_string(path).unwrap_or_default() == text;
    if same { Ok(()) } else { Err(format!("stale: {PATH}; run `cargo xtask codegen`")) }
}

fn text(types: &BTreeMap<String, Value>) -> Result<String, String> {
    let names: Vec<String> = types.keys().map(|name| format!("    \"{name}\",\n")).collect();
    let mut out = format!("{HEAD}\n__all__ = [\n{}]\n", names.concat());
    for (name, schema) in types {
        let fault = |what: &str| format!("{name}: {what}");
        let fields = schema.get("properties").and_then(Value::as_object).ok_or_else(|| fault("no properties"))?;
        let _ = write!(out, "\n\n@dataclass(frozen=True, repr=False)\nclass {name}(Answer):\n    {}\n", doc(schema));
        for field in ordered(schema, fields) {
            let about = &fields[field];
            let hint = hint(about).ok_or_else(|| fault(&format!("{field}: {about} has no type in Python")))?;
            let _ = write!(out, "\n    {field}: {hint}\n    {}\n", doc(about));
        }
    }
    Ok(out)
}

/// Fields as they were declared, as far as the schema tells: those that are always there first.
fn ordered<'a>(schema: &'a Value, fields: &'a Map<String, Value>) -> Vec<&'a str> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut all: Vec<&str> = required.collect();
    let others: Vec<&str> = fields.keys().map(String::as_str).filter(|name| !all.contains(name)).collect();
    all.extend(others);
    all
}

/// What the schema says, as a docstring.
fn doc(schema: &Value) -> String {
    let words = schema.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
    let words = words.replace("`null`", "`None`").replace('\\', "");
    format!("\"\"\"{}\"\"\"", words.trim_end_matches('"'))
}

/// The type of a value.
fn hint(schema: &Value) -> Option<String> {
    if let Some(of) = schema.get("$ref").and_then(Value::as_str) {
        return of.strip_prefix("#/$defs/").map(str::to_owned);
    }
    if let Some(Value::Array(either)) = schema.get("anyOf") {
        let [one, Value::Object(null)] = either.as_slice() else { return None };
        return (null.get("type")? == "null").then(|| hint(one).map(|hint| format!("{hint} | None")))?;
    }
    match schema.get("type")? {
        Value::String(kind) if kind == "object" && schema.get("properties").is_none() => {
            Some("dict[str, object]".to_owned())
        }
        Value::String(kind) if kind == "array" => Some(format!("tuple[{}, ...]", hint(schema.get("items")?)?)),
        Value::String(kind) => scalar(kind).map(str::to_owned),
        Value::Array(kinds) => match kinds.as_slice() {
            [Value::String(kind), Value::String(null)] if null == "null" => {
                scalar(kind).map(|kind| format!("{kind} | None"))
            }
            _ => None,
        },
        _ => None,
    }
}

fn scalar(kind: &str) -> Option<&'static str> {
    match kind {
        "string" => Some("str"),
        "integer" => Some("int"),
        "number" => Some("float"),
        "boolean" => Some("bool"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{check, text};
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn the_committed_file_is_what_the_schemas_say() {
        check(&crate::workspace_root()).expect("the committed dataclasses");
    }

    #[test]
    fn fields_have_their_types_and_words() {
        let schema = json!({
            "description": "A thing.",
            "properties": {
                "b": { "type": "array", "items": { "$ref": "#/$defs/Part" } },
                "a": { "type": ["number", "null"], "description": "Hours; `null`: unknown." },
                "c": { "anyOf": [{ "$ref": "#/$defs/Part" }, { "type": "null" }] },
            },
            "required": ["b"],
        });
        let text = text(&BTreeMap::from([("Thing".to_owned(), schema)])).expect("a class");
        assert!(text.contains("class Thing(Answer):\n    \"\"\"A thing.\"\"\"\n\n    b: tuple[Part, ...]\n"), "{text}");
        assert!(text.contains("    a: float | None\n    \"\"\"Hours; `None`: unknown.\"\"\"\n"), "{text}");
        assert!(text.contains("    c: Part | None\n"), "{text}");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let schema = json!({ "properties": { "a": { "oneOf": [] } } });
        assert!(text(&BTreeMap::from([("Thing".to_owned(), schema)])).is_err());
    }
}
