//! The OpenAPI document as one page for people: routes, what they take and give, and every type.
//!
//! Made here, as plain HTML: it needs no script, so nothing is fetched from elsewhere and nothing must be allowed to run.
//! The price is that a request cannot be tried out in it; each route shows the `curl` that does.
//!
//! Does not know: routes and types beyond what the document says.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// How the page looks.
pub(crate) const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;\
background:#fff}code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{background:#f3f3f3;padding:.6rem;\
overflow-x:auto}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;\
padding:.25rem .6rem .25rem 0;border-bottom:1px solid #ddd}section{margin:2rem 0}summary{cursor:pointer}\
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}pre{background:#242424}td,th{border-color:#444}\
a{color:#8ab4f8}}";

/// The page.
pub(crate) fn page(document: &Value) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>outlay: the API</title>\n\
         <link rel=\"stylesheet\" href=\"docs.css\">\n<main>\n<h1>outlay: the API</h1>\n<p>{}</p>\n\
         <p>The same for programs: <a href=\"openapi.json\">openapi.json</a> (OpenAPI 3.1). What is refused comes as \
         <a href=\"#type-Faults\">problems</a>: what, where, and the way out.</p>\n",
        escaped(document["info"]["description"].as_str().unwrap_or_default())
    );
    contents(&mut out, document);
    for (path, method, operation) in operations(document) {
        route(&mut out, path, method, operation);
    }
    out.push_str("<h2>Types</h2>\n");
    for (name, schema) in object(&document["components"]["schemas"]) {
        kind(&mut out, name, schema);
    }
    out.push_str("</main>\n</html>\n");
    out
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    object(&document["paths"])
        .flat_map(|(path, methods)| object(methods).map(move |(method, operation)| (path, method, operation)))
}

fn contents(out: &mut String, document: &Value) {
    out.push_str("<table>\n<tr><th>route<th>what it does</tr>\n");
    for (path, method, operation) in operations(document) {
        let (id, about) = (text(operation, "operationId"), text(operation, "summary"));
        let _ = writeln!(
            out,
            "<tr><td><a href=\"#{id}\"><code>{} {}</code></a><td>{}</tr>",
            method.to_uppercase(),
            escaped(path),
            escaped(about)
        );
    }
    out.push_str("</table>\n");
}

fn route(out: &mut String, path: &str, method: &str, operation: &Value) {
    let (id, about) = (text(operation, "operationId"), text(operation, "description"));
    let verb = method.to_uppercase();
    let _ = write!(
        out,
        "<section id=\"{id}\">\n<h2><code>{verb} {}</code></h2>\n<p>{}</p>\n<p>{}</p>\n",
        escaped(path),
        escaped(about),
        needs(&operation["security"])
    );
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    for (number, parameter) in parameters.enumerate() {
        if number == 0 {
            out.push_str("<table>\n<tr><th>parameter<th>type<th>meaning</tr>\n");
        }
        let _ = writeln!(
            out,
            "<tr><td><code>{}</code> ({})<td>{}<td>{}</tr>",
            escaped(text(parameter, "name")),
            escaped(text(parameter, "in")),
            typed(&parameter["schema"]),
            escaped(text(parameter, "description"))
        );
    }
    if operation["parameters"].is_array() {
        out.push_str("</table>\n");
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        let _ = writeln!(out, "<p>Body: {}</p>", typed(body));
    }
    out.push_str("<table>\n<tr><th>status<th>meaning<th>body</tr>\n");
    for (status, response) in object(&operation["responses"]) {
        let bodies: Vec<String> = object(&response["content"])
            .map(|(kind, content)| format!("{} ({})", typed(&content["schema"]), escaped(kind)))
            .collect();
        let _ = writeln!(
            out,
            "<tr><td>{}<td>{}<td>{}</tr>",
            escaped(status),
            escaped(text(response, "description")),
            bodies.join("<br>")
        );
    }
    out.push_str("</table>\n");
    let sent = if body.is_null() { "" } else { " -H 'content-type: application/json' -d @body.json" };
    let asked = if method == "get" { String::new() } else { format!(" -X {verb}") };
    let _ = write!(out, "<pre>curl -s{asked} 'http://localhost:8383{}'{sent}</pre>\n</section>\n", escaped(path));
}

/// Who may ask.
fn needs(security: &Value) -> String {
    let all = security.as_array().map(Vec::as_slice).unwrap_or_default();
    let scope = all.iter().find_map(|one| one["token"][0].as_str());
    match scope {
        None => "For everybody.".into(),
        Some(_) if all.iter().any(|one| one.as_object().is_some_and(Map::is_empty)) => {
            "Where the server asks for tokens: a token for what is not shared.".into()
        }
        Some(scope) => format!("Where the server asks for tokens: one that may {}.", escaped(scope)),
    }
}

fn kind(out: &mut String, name: &str, schema: &Value) {
    let name = escaped(name);
    let _ = write!(out, "<section id=\"type-{name}\">\n<h3><code>{name}</code></h3>\n");
    let _ = writeln!(out, "<p>{}</p>", escaped(text(schema, "description")));
    let properties = &schema["properties"];
    if properties.is_object() {
        out.push_str("<table>\n<tr><th>key<th>type<th>meaning</tr>\n");
        let required = |key: &str| schema["required"].as_array().is_some_and(|keys| keys.iter().any(|one| one == key));
        for (key, schema) in object(properties) {
            let mark = if required(key) { "" } else { " (may be left out)" };
            let _ = writeln!(
                out,
                "<tr><td><code>{}</code>{mark}<td>{}<td>{}</tr>",
                escaped(key),
                typed(schema),
                escaped(text(schema, "description"))
            );
        }
        out.push_str("</table>\n");
    } else {
        let _ = writeln!(out, "<p>{}</p>", typed(schema));
    }
    out.push_str("</section>\n");
}

/// A schema in a few words, with links to the types it names.
fn typed(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = escaped(name);
        return format!("<a href=\"#type-{name}\">{name}</a>");
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[key].as_array() {
            return choices.iter().map(typed).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(choices) = schema["enum"].as_array() {
        return choices
            .iter()
            .map(|choice| format!("<code>{}</code>", escaped(&choice.to_string())))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    match &schema["type"] {
        Value::String(kind) if kind == "array" => format!("list of {}", typed(&schema["items"])),
        Value::String(kind) => escaped(kind),
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .map(|kind| if kind == "array" { format!("list of {}", typed(&schema["items"])) } else { escaped(kind) })
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any".into(),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{object, operations, page};

    #[test]
    fn every_route_and_type_is_shown_and_every_link_leads_somewhere() {
        let document = crate::openapi::document();
        let page = page(&document);
        for (_, _, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
        }
        for (name, _) in object(&document["components"]["schemas"]) {
            assert!(page.contains(&format!("<section id=\"type-{name}\">")), "{name}");
        }
        for link in page.split("href=\"#").skip(1) {
            let target = link.split('"').next().unwrap();
            assert!(page.contains(&format!(" id=\"{target}\"")), "#{target} leads nowhere");
        }
        assert!(!page.contains("<script") && !page.contains("http://cdn") && !page.contains("https://"));
    }

    #[test]
    fn names_cannot_become_markup() {
        let document = serde_json::json!({ "info": { "description": "<script>alert('x')</script>" } });
        assert!(page(&document).contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    }
}
