//! JSON for programs: the door's own types, nothing added and nothing left out.

use serde_json::Value;

use crate::failure::Failure;

/// Pretty-printed, with a newline at the end.
pub(crate) fn text(value: serde_json::Result<Value>) -> Result<String, Failure> {
    let pretty = value.and_then(|value| outlay::json(&value));
    pretty.map_err(|error| Failure::Internal(format!("the answer is not JSON: {error}")))
}
