//! The OpenAPI 3.1 document, made from the table of routes and the schemas of the types.
//!
//! OpenAPI 3.1 takes JSON Schema as it is, so the door's own schemas stand in it word for word; no second description of
//! any type is kept.
//!
//! Does not know: how a route answers.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::fault::Faults;
use crate::guard::Door;
use crate::routes::{Comes, Kind, Param, ROUTES, Route};

/// The document as text, with a newline at the end.
#[must_use]
pub fn openapi() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

/// The document.
pub(crate) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = SchemaGenerator::new(settings);
    let faults = generator.subschema_for::<Faults>().to_value();
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(route, &mut generator, &faults);
    }
    let schemas: Map<String, Value> = generator.take_definitions(true).into_iter().collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "outlay",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What training a language model costs, how long it takes, on which hardware, whether it fits, \
                            and how sure that is. Answers are those that the command prints with --json.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `outlay serve token add`, where the server asks for one.",
                },
            },
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator, faults: &Value) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "summary": summary(route.about),
        "description": route.about,
        "security": security(route.door),
        "responses": responses(route, generator, faults),
    });
    if !route.params.is_empty() {
        operation["parameters"] = route.params.iter().map(parameter).collect();
    }
    if let Some(shape) = route.body {
        let schema = shape(generator).to_value();
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

/// The first words of a description, up to where it goes into detail.
fn summary(about: &str) -> &str {
    [". ", ": ", "; "].iter().fold(about, |text, end| text.split(end).next().unwrap_or(text)).trim_end_matches('.')
}

fn security(door: Door) -> Value {
    match door {
        Door::Open => json!([]),
        Door::Kept => json!([{}, { "token": ["read"] }]),
        Door::Locked(scope) => json!([{ "token": [scope.name()] }]),
    }
}

fn parameter(param: &Param) -> Value {
    let Param { name, kind, about } = param;
    let (place, schema) = match kind {
        Kind::Part => ("path", json!({ "type": "string" })),
        Kind::Texts => ("query", json!({ "type": "array", "items": { "type": "string" } })),
        Kind::Text => ("query", json!({ "type": "string" })),
        Kind::Number => ("query", json!({ "type": "number", "minimum": 0 })),
        Kind::Whole(least, most) => ("query", json!({ "type": "integer", "minimum": least, "maximum": most })),
    };
    json!({ "name": name, "in": place, "required": place == "path", "description": about, "schema": schema })
}

fn responses(route: &Route, generator: &mut SchemaGenerator, faults: &Value) -> Value {
    let mut all = Map::new();
    let json = |schema: &Value| json!({ "application/json": { "schema": schema } });
    let (status, good) = match route.comes {
        Comes::Json(status, shape) => {
            (status, json!({ "description": "the answer", "content": json(&shape(generator).to_value()) }))
        }
        Comes::Events(shape) => {
            let mut content = json(&shape(generator).to_value());
            let told = generator.subschema_for::<crate::stream::Told>().to_value();
            content["text/event-stream"] = json!({ "schema": { "type": "string" }, "x-progress": told });
            (200, json!({ "description": "the answer, or events", "content": content }))
        }
        Comes::Text(kind) => {
            (200, json!({ "description": "text", "content": { kind: { "schema": { "type": "string" } } } }))
        }
        Comes::Redirect => (
            303,
            json!({
                "description": "the page, with the plan",
                "headers": { "location": { "required": true, "schema": { "type": "string" } } },
            }),
        ),
        Comes::Nothing => (204, json!({ "description": "done" })),
    };
    all.insert(status.to_string(), good);
    let locked: &[u16] = match route.door {
        Door::Open => &[],
        Door::Kept => &[401],
        Door::Locked(_) => &[401, 403],
    };
    // A host that is not ours, a fault of ours, more than can be answered.
    for status in route.refused.iter().chain(locked).chain(&[421, 500, 503]) {
        all.insert(status.to_string(), json!({ "description": said(*status), "content": json(faults) }));
    }
    Value::Object(all)
}

fn said(status: u16) -> &'static str {
    match status {
        400 => "it cannot be read: syntax, keys, types",
        401 => "a token is needed",
        403 => "the token does not allow it",
        404 => "a name or an id that is not known",
        408 => "the body came too slowly",
        413 => "the body is too large",
        415 => "the body is not JSON",
        421 => "the server is not called that",
        422 => "it can be read, and cannot be",
        502 => "the model hub did not give the config",
        503 => "busy, too long, or the database is away: ask again after Retry-After",
        507 => "the disk is full",
        _ => "a fault of outlay",
    }
}

#[cfg(test)]
mod tests {
    /// The committed document is that of the code; `cargo xtask codegen` writes it.
    #[test]
    fn the_committed_document_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == super::openapi(), "docs/reference/openapi.json is stale: run `cargo xtask codegen`");
    }
}
