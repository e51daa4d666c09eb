//! Records and the text of the sample in each.
//!
//! What holds the text is decided once a file, from its first record; each value then says by its own type what it is: a
//! string is text, a list of turns is the text of their contents, a list of whole numbers is text that is tokenised already.
//! Parts and turns are joined by a line break. A chat template would put its own marks there; it is not applied, which leaves
//! a few tokens a turn uncounted.
//!
//! Does not know: files, tokenizers.

use std::ops::Range;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// Fields that hold text, by the names people give them, in the order they are looked for.
const SHAPES: [&[&str]; 10] = [
    &["text"],
    &["content"],
    &["messages"],
    &["conversations"],
    &["prompt", "completion"],
    &["prompt", "response"],
    &["instruction", "input", "output"],
    &["instruction", "output"],
    &["instruction", "response"],
    &["question", "answer"],
];
/// The field of token ids.
const IDS: &str = "input_ids";
/// Fields of a turn that hold its text.
const TURN: [&str; 3] = ["content", "value", "text"];

/// The fields of a record that make up its sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) fields: Vec<String>,
}

impl Shape {
    /// The shape of records with these fields; the one that was asked for, or the first that is known.
    pub(crate) fn of(names: &[&str], asked: Option<&str>, tokenizer: bool) -> Result<Self, String> {
        let list = || names.iter().take(12).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
        if let Some(field) = asked {
            return if names.contains(&field) {
                Ok(Self { fields: vec![field.into()] })
            } else {
                Err(format!("no field `{field}` in its first record, which has {}", list()))
            };
        }
        let ids: &[&str] = &[IDS];
        let known = if tokenizer {
            SHAPES.into_iter().chain([ids]).collect()
        } else {
            [ids].into_iter().chain(SHAPES).collect::<Vec<_>>()
        };
        known
            .into_iter()
            .find(|fields| fields.iter().all(|field| names.contains(field)))
            .map(|fields| Self { fields: fields.iter().map(|f| f.to_string()).collect() })
            .ok_or_else(|| format!("none of the fields of its first record is known to hold text: {}", list()))
    }

    /// As it is named in a note.
    pub(crate) fn name(&self) -> String {
        self.fields.join(" + ")
    }
}

/// How a record is written.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// As a JSON object of this shape.
    Json(Arc<Shape>),
    /// As its text.
    Text,
    /// As token ids, 32 bits each.
    Ids,
    /// Not at all; the reader says why.
    Broken(String),
}

/// A record, somewhere in a batch.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) form: Form,
    pub(crate) span: Range<usize>,
    /// Place of its file in the list.
    pub(crate) file: usize,
    /// Its line or number, from 1.
    pub(crate) line: u64,
}

/// Records and the bytes they are written in.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) buffer: Vec<u8>,
    pub(crate) records: Vec<Record>,
}

/// What is in a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    Text(String),
    /// Token ids, 32 bits each.
    Ids(Vec<u8>),
}

/// Reads the sample out of a JSON object.
pub(crate) fn from_json(bytes: &[u8], shape: &Shape) -> Result<Sample, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let values = Fields(&shape.fields).deserialize(&mut reader).map_err(|error| plain(&error))?;
    reader.end().map_err(|error| plain(&error))?;
    sample(values, shape)
}

/// The sample in the values of a shape's fields.
pub(crate) fn sample(mut values: Vec<Value>, shape: &Shape) -> Result<Sample, String> {
    match values.as_mut_slice() {
        [Value::String(text)] => return Ok(Sample::Text(std::mem::take(text))),
        [Value::Array(items)] if !items.is_empty() && items.iter().all(Value::is_number) => return ids(items),
        _ => {}
    }
    let mut text = String::new();
    for (value, field) in values.iter().zip(&shape.fields) {
        append(value, &mut text).map_err(|what| format!("`{field}` {what}"))?;
    }
    Ok(Sample::Text(text))
}

fn ids(items: &[Value]) -> Result<Sample, String> {
    let mut bytes = Vec::with_capacity(items.len() * 4);
    for item in items {
        let id = item.as_u64().and_then(|id| u32::try_from(id).ok());
        bytes.extend(id.ok_or_else(|| format!("{item} is not a token id"))?.to_le_bytes());
    }
    Ok(Sample::Ids(bytes))
}

fn append(value: &Value, text: &mut String) -> Result<(), String> {
    match value {
        Value::Null => {}
        Value::String(part) => join(part, text),
        Value::Array(turns) => {
            for turn in turns {
                match turn {
                    Value::Object(turn) => {
                        let found = TURN.iter().find_map(|name| turn.get(*name));
                        let keys = || turn.keys().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
                        let content = found.ok_or_else(|| format!("has a turn without `content`, only {}", keys()))?;
                        append(content, text)?;
                    }
                    Value::String(part) => join(part, text),
                    Value::Null => {}
                    _ => return Err("holds a list of neither turns nor strings".into()),
                }
            }
        }
        _ => return Err("is neither text, nor a list of turns, nor a list of token ids".into()),
    }
    Ok(())
}

fn join(part: &str, text: &mut String) {
    if !text.is_empty() && !part.is_empty() {
        text.push('\n');
    }
    text.push_str(part);
}

/// Names of the fields of a JSON object.
pub(crate) fn names(bytes: &[u8]) -> Result<Vec<String>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(fields.into_iter().map(|(name, _)| name).collect()),
        Ok(_) => Err("not a JSON object".into()),
        Err(error) => Err(plain(&error)),
    }
}

/// What serde says, without the line, which is always the first.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(" at line ") {
        Some((what, _)) => format!("{what} at column {}", error.column()),
        None => text,
    }
}

/// Takes some fields of an object and skips the others without building them.
struct Fields<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = Vec<Value>;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found: Vec<Option<Value>> = vec![None; self.0.len()];
        while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match self.0.iter().position(|field| *field == name) {
                Some(place) => found[place] = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // A part may be missing, as `input` often is; a record without any of them is broken.
        if found.iter().all(Option::is_none) {
            return Err(M::Error::custom(format!("no field `{}`", self.0.join("`, `"))));
        }
        Ok(found.into_iter().map(Option::unwrap_or_default).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Sample, Shape, from_json};

    fn text(json: &str) -> Result<Sample, String> {
        let names = super::names(json.as_bytes())?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        from_json(json.as_bytes(), &Shape::of(&names, None, true)?)
    }

    #[test]
    fn every_known_shape() {
        for (json, want) in [
            (r#"{"id": 1, "text": "a\nb"}"#, "a\nb"),
            (r#"{"content": "a"}"#, "a"),
            (r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#, "a\nb"),
            (r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}"#, "a"),
            (r#"{"conversations": [{"from": "human", "value": "a"}]}"#, "a"),
            (r#"{"prompt": "a", "completion": "b"}"#, "a\nb"),
            (r#"{"instruction": "a", "input": "", "output": "b"}"#, "a\nb"),
        ] {
            assert_eq!(text(json), Ok(Sample::Text(want.into())), "{json}");
        }
        assert_eq!(text(r#"{"input_ids": [1, 258]}"#), Ok(Sample::Ids(vec![1, 0, 0, 0, 2, 1, 0, 0])));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (json, word) in [
            ("{\"text\": ", "EOF"),
            ("[1]", "not a JSON object"),
            (r#"{"x": "a", "y": 1}"#, "`x`, `y`"),
            (r#"{"text": 3}"#, "`text` is neither"),
            (r#"{"input_ids": [-1]}"#, "-1 is not a token id"),
            (r#"{"text": "a"} x"#, "trailing"),
        ] {
            let got = text(json).expect_err(json);
            assert!(got.contains(word), "{json}: {got}");
        }
    }
}
