//! OmegaConf's references in a config: `${a.b}` from the top, `${.x}` and `${..x}` from where it stands.
//!
//! Only references are followed. Functions, the environment and whatever cannot be found stay as they are written, and a
//! reader that needs such a value tells that it is left open. Circles stay as they are written too, and a budget ends what
//! unfolds without end.
//!
//! Does not know: what any key means; commands, the environment.

use serde_json::{Map, Value};

/// References that one config may follow.
const BUDGET: usize = 10_000;
/// References that may lead to one another.
const DEPTH: usize = 16;
/// Longest text that a reference may grow into.
const LONGEST: usize = 4096;

/// Follows every reference that can be.
pub(crate) fn resolve(config: Map<String, Value>) -> Map<String, Value> {
    let root = Value::Object(config);
    let mut budget = BUDGET;
    let resolved = walk(&root, &root, &mut Vec::new(), &mut budget);
    match resolved {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn walk(root: &Value, value: &Value, path: &mut Vec<String>, budget: &mut usize) -> Value {
    let mut inside = |key: String, value: &Value| {
        path.push(key);
        let resolved = walk(root, value, path, budget);
        path.pop();
        resolved
    };
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), inside(key.clone(), value))).collect())
        }
        Value::Array(list) => {
            Value::Array(list.iter().enumerate().map(|(n, value)| inside(n.to_string(), value)).collect())
        }
        Value::String(text) if text.contains("${") => follow(root, text, path, DEPTH, budget),
        other => other.clone(),
    }
}

/// A text with references: their values inside the text, or the value itself where the text is nothing but one.
fn follow(root: &Value, text: &str, path: &[String], depth: usize, budget: &mut usize) -> Value {
    let unchanged = || Value::String(text.to_owned());
    if depth == 0 || *budget == 0 {
        return unchanged();
    }
    *budget -= 1;
    if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
        && !name.contains(['{', '}', ':'])
    {
        let Some((found, at)) = find(root, name, path) else { return unchanged() };
        return match found {
            Value::String(next) if next.contains("${") => match follow(root, next, &at, depth - 1, budget) {
                // It led nowhere, perhaps in a circle.
                Value::String(end) if end.contains("${") => unchanged(),
                end => end,
            },
            // Sections are resolved where they stand.
            Value::Object(_) | Value::Array(_) => unchanged(),
            found => found.clone(),
        };
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find("${") {
        let (before, from) = rest.split_at(begin);
        out.push_str(before);
        let Some(end) = from.find('}') else {
            out.push_str(from);
            return Value::String(out);
        };
        let (reference, after) = from.split_at(end + 1);
        match follow(root, reference, path, depth - 1, budget) {
            Value::String(text) => out.push_str(&text),
            Value::Null => {}
            other => out.push_str(&other.to_string()),
        }
        if out.len() > LONGEST {
            return unchanged();
        }
        rest = after;
    }
    out.push_str(rest);
    Value::String(out)
}

/// What a name refers to, and the path of it.
fn find<'v>(root: &'v Value, name: &str, from: &[String]) -> Option<(&'v Value, Vec<String>)> {
    let dots = name.len() - name.trim_start_matches('.').len();
    // One dot is the section the reference stands in, each further dot the section around it.
    let mut path: Vec<String> = match dots {
        0 => Vec::new(),
        dots => from.get(..from.len().checked_sub(dots)?)?.to_vec(),
    };
    let name = name[dots..].replace('[', ".").replace(']', "");
    path.extend(name.split('.').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()));
    let mut value = root;
    for part in &path {
        value = match value {
            Value::Object(map) => map.get(part)?,
            Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some((value, path))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> Value {
        let Value::Object(map) = value else { unreachable!() };
        Value::Object(resolve(map))
    }

    #[test]
    fn plain_and_relative_references_are_followed() {
        let config = json!({
            "seq": 4096, "model": { "len": "${seq}", "positions": "${.len}", "up": "${..seq}", "deep": { "n": "${..len}" } },
            "out": "a/${seq}/b", "list": [7], "first": "${list[0]}"
        });
        let expected = json!({
            "seq": 4096, "model": { "len": 4096, "positions": 4096, "up": 4096, "deep": { "n": 4096 } },
            "out": "a/4096/b", "list": [7], "first": 7
        });
        assert_eq!(of(config), expected);
    }

    #[test]
    fn what_cannot_be_followed_stays_as_it_is_written() {
        let config = json!({
            "env": "${oc.env:HOME}", "sum": "${multiply:${a}, 2}", "a": "${b}", "b": "${a}", "none": "${nowhere.x}",
            "up": "${.....x}", "open": "${a", "self": "x${self}", "section": "${part}", "part": { "k": 1 }
        });
        assert_eq!(of(config.clone())["env"], config["env"]);
        for key in ["a", "b", "none", "up", "open", "section"] {
            assert_eq!(of(config.clone())[key], config[key], "{key}");
        }
        let grown = of(json!({ "a": "${b}${b}${b}${b}", "b": "${c}${c}${c}${c}", "c": "${a}${a}${a}${a}" }));
        assert!(grown["a"].as_str().is_some_and(|text| text.len() <= 4 * LONGEST));
    }
}
