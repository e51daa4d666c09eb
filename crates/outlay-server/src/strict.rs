//! JSON from strangers: a key that stands twice is refused, as is nesting beyond reason and what is no JSON.
//!
//! The usual readers keep the last of two equal keys without a word, which would be a silent answer to half of a
//! question. The limit of nesting (128) is the library's own.
//!
//! Does not know: which keys there may be.

use std::fmt;

use outlay::Problem;
use outlay::problem::Code;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads a body.
///
/// # Errors
/// The first fault of form.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, Vec<Problem>> {
    let text = std::str::from_utf8(bytes).map_err(|_| fault("the body", "the body is not UTF-8".into()))?;
    if text.trim().is_empty() {
        return Err(fault("the body", "the body is empty; a JSON object is expected".into()));
    }
    let read: Result<Strict, serde_json::Error> = serde_json::from_str(text);
    read.map(|strict| strict.0).map_err(|error| fault(&format!("line {}", error.line()), error.to_string()))
}

fn fault(at: &str, message: String) -> Vec<Problem> {
    vec![Problem::new(Code::BadSyntax, at, message)]
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number beyond all bounds"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} stands twice")));
            }
            let Strict(value) = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn what_is_json_is_read_as_it_stands() {
        let text = r#"{"a": [1, -2, 2.5, "x\u0041", null, true], "b": {"c": 18446744073709551615}}"#;
        let plain: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(read(text.as_bytes()).unwrap(), plain);
    }

    #[test]
    fn hostile_json_is_refused_with_its_place() {
        let said = |text: &[u8]| read(text).unwrap_err()[0].message.clone();
        assert!(said(br#"{"a": {"b": 1, "b": 2}}"#).contains(r#"the key "b" stands twice"#));
        assert!(said("[".repeat(100_000).as_bytes()).contains("recursion limit"));
        assert!(said(b"{\"a\": 1e999}").contains("out of range"));
        assert!(said(b"\xff\xfe").contains("not UTF-8"));
        assert!(said(b"  ").contains("empty"));
        assert!(said(b"{} {}").contains("trailing"));
    }
}
