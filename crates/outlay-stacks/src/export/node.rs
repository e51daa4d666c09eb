//! Settings as a tree, and their text in YAML and JSON.
//!
//! Written out here rather than by a library, because what reads these files is PyYAML: YAML 1.1, where `2e-5` is a text,
//! `on` a switch and `1:30` a number, and because comments stand beside keys. Keys keep their order: equal settings give
//! equal bytes.
//!
//! Does not know: what any key means.

use std::fmt::Write as _;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Text(String),
    /// A text of several lines, as a script.
    Block(String),
    Count(u64),
    Real(f64),
    Switch(bool),
    /// Set to nothing, against a default.
    Nothing,
    List(Vec<Node>),
    Map(Map),
}

/// Keys in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Map(Vec<Entry>);

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    key: String,
    value: Node,
    /// Said beside it in YAML.
    comment: Option<String>,
}

impl Map {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Node>) -> &mut Self {
        self.0.push(Entry { key: key.into(), value: value.into(), comment: None });
        self
    }

    /// Adds a key and says something beside it.
    pub(crate) fn note(&mut self, key: &str, value: impl Into<Node>, comment: &str) -> &mut Self {
        self.0.push(Entry { key: key.into(), value: value.into(), comment: Some(comment.into()) });
        self
    }

    /// With one more key.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Node>) -> Self {
        self.set(key, value);
        self
    }

    /// The file in YAML.
    pub(crate) fn yaml(&self) -> String {
        let mut text = String::new();
        yaml_map(&mut text, self, 0);
        text
    }

    /// A section of TOML: keys with plain values.
    pub(crate) fn toml(&self) -> String {
        let line = |entry: &Entry| {
            let value = match &entry.value {
                Node::Text(text) => quoted(text),
                Node::List(list) => {
                    let text = |one: &Node| if let Node::Text(text) = one { quoted(text) } else { scalar(one) };
                    format!("[{}]", list.iter().map(text).collect::<Vec<_>>().join(", "))
                }
                other => scalar(other),
            };
            format!("{} = {value}\n", entry.key)
        };
        self.0.iter().map(line).collect()
    }

    /// The file in JSON; comments have no place there.
    pub(crate) fn json(&self) -> String {
        let mut text = String::new();
        json(&mut text, &Node::Map(self.clone()), 0);
        text.push('\n');
        text
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Node {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Node {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Node {
    fn from(on: bool) -> Self {
        Self::Switch(on)
    }
}

impl From<Map> for Node {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl<T: Into<Node>> From<Vec<T>> for Node {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

/// A number that every reader takes for one: with a point, and an exponent only beside one.
pub(crate) fn real(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = if digits.contains('.') { digits.to_owned() } else { format!("{digits}.0") };
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let text = number.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

/// A text that means itself to YAML 1.1 and 1.2 alike.
fn is_plain(text: &str) -> bool {
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"];
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '/' || c == '_');
    first
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@+".contains(c))
        && !words.contains(&text.to_ascii_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn scalar(node: &Node) -> String {
    match node {
        Node::Text(text) if is_plain(text) => text.clone(),
        Node::Text(text) | Node::Block(text) => quoted(text),
        Node::Count(count) => count.to_string(),
        Node::Real(number) => real(*number),
        Node::Switch(on) => on.to_string(),
        Node::Nothing => "null".into(),
        Node::List(list) => format!("[{}]", list.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        Node::Map(map) => {
            let one = |entry: &Entry| format!("{}: {}", key(&entry.key), scalar(&entry.value));
            format!("{{{}}}", map.0.iter().map(one).collect::<Vec<_>>().join(", "))
        }
    }
}

fn key(key: &str) -> String {
    if is_plain(key) { key.into() } else { quoted(key) }
}

fn yaml_map(text: &mut String, map: &Map, depth: usize) {
    let indent = "  ".repeat(depth);
    for Entry { key: name, value, comment } in &map.0 {
        let _ = write!(text, "{indent}{}:", key(name));
        let beside = comment.as_ref().map_or_else(String::new, |comment| format!("  # {comment}"));
        yaml_value(text, value, depth, &beside);
    }
}

/// What stands behind `key:` or `-`.
fn yaml_value(text: &mut String, value: &Node, depth: usize, beside: &str) {
    match value {
        Node::Map(map) if !map.0.is_empty() => {
            let _ = writeln!(text, "{beside}");
            yaml_map(text, map, depth + 1);
        }
        Node::List(list) if list.iter().any(|one| matches!(one, Node::Map(_) | Node::Block(_))) => {
            let _ = writeln!(text, "{beside}");
            for one in list {
                yaml_item(text, one, depth + 1);
            }
        }
        Node::Block(lines) => {
            let _ = writeln!(text, " |{beside}");
            let indent = "  ".repeat(depth + 1);
            for line in lines.lines() {
                let _ = if line.is_empty() { writeln!(text) } else { writeln!(text, "{indent}{line}") };
            }
        }
        other => {
            let _ = writeln!(text, " {}{beside}", scalar(other));
        }
    }
}

fn yaml_item(text: &mut String, one: &Node, depth: usize) {
    let indent = "  ".repeat(depth);
    let Node::Map(map) = one else {
        let _ = write!(text, "{indent}-");
        yaml_value(text, one, depth, "");
        return;
    };
    let mut inner = String::new();
    yaml_map(&mut inner, map, depth + 1);
    // The first key stands beside the dash.
    let _ = write!(text, "{indent}- {}", inner.trim_start());
}

fn json(text: &mut String, node: &Node, depth: usize) {
    let indent = "  ".repeat(depth + 1);
    let close = "  ".repeat(depth);
    match node {
        Node::Text(line) | Node::Block(line) => text.push_str(&quoted(line)),
        Node::List(list) => {
            let mut all = Vec::new();
            for one in list {
                let mut inner = String::new();
                json(&mut inner, one, depth + 1);
                all.push(inner);
            }
            let _ = write!(text, "[{}]", all.join(", "));
        }
        Node::Map(map) if map.0.is_empty() => text.push_str("{}"),
        Node::Map(map) => {
            text.push_str("{\n");
            for (place, entry) in map.0.iter().enumerate() {
                let _ = write!(text, "{indent}{}: ", quoted(&entry.key));
                json(text, &entry.value, depth + 1);
                text.push_str(if place + 1 < map.0.len() { ",\n" } else { "\n" });
            }
            let _ = write!(text, "{close}}}");
        }
        other => text.push_str(&scalar(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Map, Node, real};

    #[test]
    fn numbers_are_numbers_to_yaml_1_1() {
        let all = [2e-5, 1e-4, 0.05, 1.0, 3.0, 1.5e-6, 1e17, 0.0].map(real);
        assert_eq!(all, ["2.0e-05", "0.0001", "0.05", "1.0", "3.0", "1.5e-06", "1.0e+17", "0.0"]);
    }

    #[test]
    fn texts_that_would_mean_something_else_are_quoted() {
        let mut map = Map::new();
        for text in ["on", "No", "1:30", "1e5", "", "a b", "a: b", "#x", "-x", "~", "null", "a\nb", "it's", "{x}"] {
            map = Map::new().with("key", text);
            let yaml = map.yaml();
            assert!(yaml.starts_with("key: \"") && yaml.lines().count() == 1, "{yaml}");
        }
        assert_eq!(
            map.with("plain", "meta-llama/Llama-3.1-8B").yaml(),
            "key: \"{x}\"\nplain: meta-llama/Llama-3.1-8B\n"
        );
    }

    #[test]
    fn trees_are_indented() {
        let inner = Map::new().with("path", "x").with("of", vec![1u64, 2]);
        let mut map = Map::new();
        map.set("list", vec![inner.clone(), inner.clone()]).note("one", inner.clone(), "said beside");
        map.set("script", Node::Block("a\n\nb\n".into())).set("none", Map::new());
        assert_eq!(
            map.yaml(),
            "list:\n  - path: x\n    of: [1, 2]\n  - path: x\n    of: [1, 2]\none:  # said beside\n  path: x\n  of: [1, 2]\n\
             script: |\n  a\n\n  b\n\"none\": {}\n"
        );
        let small = Map::new().with("a", inner).with("b", vec![1.5, 2e-5]).with("c", Map::new());
        assert_eq!(
            small.json(),
            "{\n  \"a\": {\n    \"path\": \"x\",\n    \"of\": [1, 2]\n  },\n  \"b\": [1.5, 2.0e-05],\n  \"c\": {}\n}\n"
        );
    }
}
