//! The text of a config into JSON values.
//!
//! YAML as Python's tools read it: the last of two equal keys wins, merge keys are applied, numbers may come as text, and
//! OmegaConf's references are followed. The parser's own budget stops files that unfold without end. JSON is YAML as well.
//! Several documents, one after the other, are one config: the later say more, or otherwise, than those before. A file
//! named `.toml` is TOML; scripts and files of arguments become their arguments.
//!
//! Does not know: what any key means.

use outlay::Problem;
use outlay::problem::Code;
use serde_json::{Map, Value};
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::{interpolate, shell};

/// Reads a mapping; the file's name and how it begins tell the form.
pub(crate) fn read(name: &str, text: &str) -> Result<Map<String, Value>, Vec<Problem>> {
    let broken = |message: String| vec![Problem::new(Code::BadSyntax, "the config", message)];
    if name.ends_with(".toml") {
        // The message without the line it shows, which may hold what nobody should see.
        return toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or_else(String::new, |before| format!("line {}: ", before.matches('\n').count() + 1));
            broken(format!("{line}{}", error.message()))
        });
    }
    if shell::looks_like(name, text) {
        return shell::read(text).ok_or_else(|| broken("a script without a command that has arguments".into()));
    }
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
    let documents = match serde_saphyr::from_multiple_with_options::<Value>(text, options) {
        Ok(documents) => documents,
        Err(_) if text.contains("{{") && text.contains("}}") => {
            let fault = Problem::new(Code::BadSyntax, "the config", "this is a template, not yet a config");
            return Err(vec![fault.help("fill it in first, as with helm template, and read what comes out")]);
        }
        Err(error) if error.to_string().contains("budget") => {
            let fault = Problem::new(Code::BadSyntax, "the config", "it unfolds to more than is read of any config");
            return Err(vec![fault.help("write out what its anchors and aliases repeat inside one another")]);
        }
        Err(error) => {
            let place = error.location().map(|place| format!("line {} column {}", place.line(), place.column()));
            return Err(broken(plainly(&error.to_string(), place)));
        }
    };
    let mut config = Map::new();
    for document in documents {
        match document {
            Value::Object(map) => merge(&mut config, map),
            Value::Null => {}
            _ => return Err(broken("a config is a mapping of keys to values".into())),
        }
    }
    if config.is_empty() {
        return Err(vec![Problem::new(Code::Missing, "the config", "a part of a config: nothing stands in it")]);
    }
    Ok(interpolate::resolve(config))
}

/// Puts one config over another; sections are merged, all else is replaced.
fn merge(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Object(section)), Value::Object(more)) => merge(section, more),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// What is wrong and where, without what stands there: the file may hold what nobody should see.
fn plainly(error: &str, known: Option<String>) -> String {
    let first = error.lines().next().unwrap_or("not well-formed").trim();
    let quoted = first.contains(['"', '`', '\'']);
    let place = first
        .find("line ")
        .map(|at| first[at..].to_owned())
        .filter(|place| place.len() < 40 && !place.contains(['"', '`', '\'']))
        .or(known);
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_broken_is_told_by_its_line_and_never_shown() {
        let told = |name: &str, text: &str| read(name, text).unwrap_err().remove(0);
        let yaml = told("x.yml", "base_model: [unclosed\n  hf_token: {hf_secret");
        assert!(yaml.message.contains("line 2") && !yaml.message.contains("hf_"), "{}", yaml.message);
        let toml = told("x.toml", "[a]\nkey = \"hf_secret\nb = 1\n");
        assert!(toml.message.starts_with("line 2: ") && !toml.message.contains("hf_"), "{}", toml.message);
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for depth in 1..9 {
            let inner = vec![format!("*a{}", depth - 1); 9].join(", ");
            bomb.push_str(&format!("a{depth}: &a{depth} [{inner}]\n"));
        }
        assert_eq!(told("x.yml", &bomb).message, "it unfolds to more than is read of any config");
    }

    #[test]
    fn documents_are_one_config() {
        let read = |name: &str, text: &str| Value::Object(read(name, text).unwrap());
        assert_eq!(
            read("x.yml", "a: 1\nb: {c: 1}\n---\na: 2\nb: {d: 2}\n"),
            json!({ "a": 2, "b": { "c": 1, "d": 2 } })
        );
        assert_eq!(read("x.toml", "[a]\nb = 1_000\n"), json!({ "a": { "b": 1000 } }));
        assert_eq!(read("x.txt", "# args\n--a 1\n--b\n"), json!({ "--a": "1", "--b": true, "launch": {} }));
    }
}
