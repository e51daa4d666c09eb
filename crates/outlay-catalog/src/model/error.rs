//! What can be wrong with a model's description.

use std::fmt;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// A field is not there.
    Missing(String),
    /// A field has a value that cannot be: the field, what was found, the rule.
    Invalid(String, String, String),
    /// An architecture nobody described here: its `model_type`, and the nearest known ones.
    UnknownType(String, Vec<String>),
    /// Not a language model.
    OutOfScope(String),
}

impl ReadError {
    /// The way out.
    #[must_use]
    pub fn help(&self) -> Vec<String> {
        let by_hand = "describe the model by hand in [model.custom]: layers, hidden, ffn, heads, kv_heads, vocab, …";
        match self {
            Self::Missing(field) => vec![format!("add `{field}` to the config"), by_hand.into()],
            Self::Invalid(..) => Vec::new(),
            Self::UnknownType(_, near) if near.is_empty() => vec![by_hand.into()],
            Self::UnknownType(_, near) => vec![format!("nearest known: {}", near.join(", ")), by_hand.into()],
            Self::OutOfScope(_) => vec!["language models only: give the config of the text model".into()],
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(field) => write!(f, "field `{field}` is missing"),
            Self::Invalid(field, found, rule) => write!(f, "field `{field}` is {found}: {rule}"),
            Self::UnknownType(found, _) => write!(f, "model_type `{found}` is not known"),
            Self::OutOfScope(found) => write!(f, "model_type `{found}` is not a language model"),
        }
    }
}
