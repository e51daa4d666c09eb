//! Text of a config to JSON, with what Python writes beyond the standard.

use serde_json::Value;

/// Reads a config's text. Python writes `Infinity` and `NaN`, which JSON does not know; none of them fixes memory or
/// work, so they become null.
///
/// # Errors
/// What is not JSON, with its line.
pub fn json(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|first| {
        let plain = without_infinities(text);
        if plain == text { Err(first) } else { serde_json::from_str(&plain) }
    })
}

fn without_infinities(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(string) = rest.strip_prefix('"') {
            let end = end_of_string(string);
            plain.push('"');
            plain.push_str(&string[..end]);
            rest = &string[end..];
            continue;
        }
        let token = ["-Infinity", "Infinity", "NaN"].into_iter().find(|token| rest.starts_with(token));
        match (token, rest.chars().next()) {
            (Some(token), _) => {
                plain.push_str("null");
                rest = &rest[token.len()..];
            }
            (None, Some(next)) => {
                plain.push(next);
                rest = &rest[next.len_utf8()..];
            }
            (None, None) => break,
        }
    }
    plain
}

/// Length of a string's rest, its closing quote included.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    #[test]
    fn python_s_numbers_are_read() {
        let value = super::json(r#"{"a": [0.0, Infinity], "b": "Infinity \" NaN", "c": NaN, "d": -Infinity}"#);
        let value = value.expect("readable");
        assert!(value["a"][1].is_null() && value["c"].is_null() && value["d"].is_null());
        assert_eq!(value["b"], "Infinity \" NaN");
        assert!(super::json("{").is_err());
    }
}
