//! The text of a config into JSON values.
//!
//! YAML as Python's tools read it: the last of two equal keys wins, merge keys are applied, numbers may come as text. The
//! parser's own budget stops files that unfold without end. JSON is YAML as well.
//!
//! Does not know: what any key means.

use outlay::Problem;
use outlay::problem::Code;
use serde_json::{Map, Value};
use serde_saphyr::options::DuplicateKeyPolicy;

/// Reads a mapping; the file's name tells the form.
pub(crate) fn read(_name: &str, text: &str) -> Result<Map<String, Value>, Vec<Problem>> {
    let broken = |message: String| vec![Problem::new(Code::BadSyntax, "the config", message)];
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
    match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(broken("a config is a mapping of keys to values".into())),
        // The first line says what and where; the rest repeats the file, which may hold what nobody should see.
        Err(error) => Err(broken(error.to_string().lines().next().unwrap_or("not well-formed").to_owned())),
    }
}
