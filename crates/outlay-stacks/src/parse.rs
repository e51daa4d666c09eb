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
        Err(_) if text.contains("{{") && text.contains("}}") => {
            let fault = Problem::new(Code::BadSyntax, "the config", "this is a template, not yet a config");
            Err(vec![fault.help("fill it in first, as with helm template, and read what comes out")])
        }
        Err(_) if text.lines().skip(1).any(|line| line.trim_end() == "---") => {
            let fault = Problem::new(
                Code::BadSyntax,
                "the config",
                "several documents stand in one file, or what follows --- is broken",
            );
            Err(vec![fault.help("give each a file of its own")])
        }
        Err(error) => Err(broken(plainly(&error.to_string()))),
    }
}

/// What is wrong and where, without what stands there: the file may hold what nobody should see.
fn plainly(error: &str) -> String {
    let first = error.lines().next().unwrap_or("not well-formed").trim();
    let quoted = first.contains(['"', '`', '\'']);
    let place = first
        .find("line ")
        .map(|at| &first[at..])
        .filter(|place| place.len() < 40 && !place.contains(['"', '`', '\'']));
    match (quoted, place) {
        (false, _) => first.trim_start_matches("error: ").to_owned(),
        (true, Some(place)) => format!("not well-formed YAML: {place}"),
        (true, None) => "not well-formed YAML".to_owned(),
    }
}

/// The text may be a shell script: by its name, its first line, or because a program is called in it.
pub(crate) fn may_be_a_script(name: &str, text: &str) -> bool {
    let ends = [".sh", ".bash", ".sbatch", ".slurm"].iter().any(|end| name.ends_with(end));
    ends || text.starts_with("#!")
        || [
            "python ",
            "python3 ",
            "accelerate launch",
            "torchrun ",
            "swift ",
            "trl ",
            "llamafactory-cli ",
            "axolotl ",
            "deepspeed ",
        ]
        .iter()
        .any(|program| text.trim_start().starts_with(program))
}

/// A key that stands twice, as a warning: Python's readers take the last.
pub(crate) fn repeated(text: &str) -> Option<String> {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::Error };
    let error = serde_saphyr::from_str_with_options::<Value>(text, options).err()?.to_string();
    let first = error.lines().next().unwrap_or_default();
    first
        .to_ascii_lowercase()
        .contains("duplicate")
        .then(|| "a key stands twice in the config: the last one counts".to_owned())
}
