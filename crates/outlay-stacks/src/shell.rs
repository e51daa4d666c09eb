//! A launch script or a file of arguments into a config: the arguments of the program that trains.
//!
//! Assignments (`X=8`, `ARGS=( … )`, `ARGS+=( … )`) are followed, `$X`, `${X}`, `${X:-8}` and `${ARGS[@]}` put in, and whole
//! numbers added and multiplied (`$((8*4))`). Words are split as a shell does. Nothing is run and the environment is not
//! looked at: what depends on them stays as it is written. Of branches the first is read, whatever its condition.
//!
//! The result has `--flag` keys, `key=value` words as dotted keys, `launch` with what the launcher was told, and `words`
//! with what is left, in order.
//!
//! Does not know: what any key means.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Longest text that assignments may grow into.
const LONGEST: usize = 1 << 20;

/// Whether a text is a script or arguments rather than YAML, JSON or TOML.
pub(crate) fn looks_like(name: &str, text: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default();
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    matches!(ending, "sh" | "bash" | "sbatch" | "slurm" | "args")
        || text.trim_start().starts_with("#!")
        || first.starts_with("--") && !first.starts_with("---")
        || ["torchrun ", "python ", "python3 ", "tune run", "litgpt ", "srun ", "deepspeed ", "accelerate launch"]
            .iter()
            .any(|launcher| first.starts_with(launcher))
}

/// Reads the command with the most arguments; `None` if there is none.
pub(crate) fn read(text: &str) -> Option<Map<String, Value>> {
    let mut known = BTreeMap::new();
    let mut best: Option<(usize, Vec<String>)> = None;
    let lines = || text.lines().filter(|line| !line.trim_start().starts_with('#'));
    // A file of arguments is one command.
    let bare = lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.trim_start().starts_with("--"));
    let all = if bare { vec![lines().collect::<Vec<_>>().join(" ")] } else { statements(text) };
    // For each branch that is open: whether it is passed over.
    let mut branches: Vec<bool> = Vec::new();
    for statement in all {
        match statement.split_whitespace().next() {
            Some("if") => branches.push(false),
            Some("else" | "elif") => {
                if let Some(over) = branches.last_mut() {
                    *over = true;
                }
            }
            Some("fi") => {
                branches.pop();
            }
            _ => {}
        }
        if branches.contains(&true) {
            continue;
        }
        if assignment(&statement, &mut known) {
            continue;
        }
        let words = command(&statement, &known);
        // A command in quotes, as `bash -c "…"` takes it, and arguments in quotes with their values.
        let words = words.into_iter().flat_map(inner_words).collect::<Vec<_>>();
        let told = words.iter().filter(|word| word.starts_with("--") || is_pair(word)).count();
        if told > 0 && best.as_ref().is_none_or(|(most, _)| told >= *most) {
            best = Some((told, words));
        }
    }
    let mut config = best.map(|(_, words)| arguments(&words))?;
    // What the batch system is told stands in comments.
    let mut told = Map::new();
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("#SBATCH ")) {
        flags(&split(&line.replace("-N ", "--nodes ")), &mut told, &mut Vec::new());
    }
    if let (false, Some(Value::Object(launch))) = (told.is_empty(), config.get_mut("launch")) {
        launch.insert("sbatch".into(), Value::Object(told));
    }
    Some(config)
}

/// The words of a command with what is known put in; where its output goes is no argument, nor that nobody waits for it.
pub(crate) fn command(statement: &str, known: &BTreeMap<String, String>) -> Vec<String> {
    let mut words = split(&expand(statement, known));
    words.truncate(words.iter().position(|word| is_redirection(word) || word == "&").unwrap_or(words.len()));
    words
}

/// Commands and assignments, each on one line: comments cut, continued lines joined, arrays kept whole.
pub(crate) fn statements(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut now = String::new();
    let (mut quote, mut depth) = (None, 0usize);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => match chars.next() {
                Some('\n') => now.push(' '),
                Some('\r') => {
                    chars.next_if_eq(&'\n');
                    now.push(' ');
                }
                Some(next) => now.extend(['\\', next]),
                None => {}
            },
            ('\'' | '"', None) => {
                quote = Some(c);
                now.push(c);
            }
            (c, Some(open)) => {
                if c == open {
                    quote = None;
                }
                now.push(c);
            }
            ('#', None) if now.is_empty() || now.ends_with(char::is_whitespace) || now.ends_with('(') => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
            }
            ('(', None) => {
                depth += 1;
                now.push(c);
            }
            (')', None) => {
                depth = depth.saturating_sub(1);
                now.push(c);
            }
            ('\n' | ';', None) if depth == 0 => all.push(std::mem::take(&mut now)),
            ('&', None) if depth == 0 && chars.peek() == Some(&'&') => {
                chars.next();
                all.push(std::mem::take(&mut now));
            }
            ('|', None) if depth == 0 => all.push(std::mem::take(&mut now)),
            ('\n', None) => now.push(' '),
            (c, None) => now.push(c),
        }
    }
    all.push(now);
    all.into_iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// Notes a statement that is an assignment; its value is kept as it may stand in a command.
pub(crate) fn assignment(statement: &str, known: &mut BTreeMap<String, String>) -> bool {
    let mut bare = statement;
    for before in ["export ", "local ", "declare -a ", "readonly ", "then ", "else ", "do "] {
        bare = bare.strip_prefix(before).map_or(bare, str::trim_start);
    }
    let Some((name, value)) = bare.split_once('=') else { return false };
    let (name, more) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_name) {
        return false;
    }
    let value = expand(value, known);
    let value = match value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(list) => list.trim().to_owned(),
        // The rest of the line is a command with this in its environment.
        None if split(&value).len() > 1 => return false,
        None => match split(&value).into_iter().next() {
            Some(one) => one,
            None => value,
        },
    };
    let slot = known.entry(name.to_owned()).or_default();
    if !more {
        slot.clear();
    } else if !slot.is_empty() {
        slot.push(' ');
    }
    if slot.len() + value.len() < LONGEST {
        slot.push_str(&value);
    }
    true
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Puts in what is known; commands become `$()`. An array in quotes is its words.
fn expand(text: &str, known: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '`']) {
        let (before, from) = rest.split_at(at);
        let (put, after) = reference(from, known);
        match (before.strip_suffix('"'), after.strip_prefix('"')) {
            (Some(before), Some(after)) if from[..from.len() - after.len()].ends_with("[@]}\"") => {
                out.extend([before, &put]);
                rest = after;
            }
            _ => {
                out.extend([before, &put]);
                rest = after;
            }
        }
        if out.len() > LONGEST {
            break;
        }
    }
    out.push_str(rest);
    out
}

/// One reference at the start of the text: what it becomes, and what follows it.
fn reference<'t>(text: &'t str, known: &BTreeMap<String, String>) -> (String, &'t str) {
    let closed = |open: &str, close: char, begin: char| -> Option<usize> {
        let mut depth = 0usize;
        for (at, c) in text.char_indices().skip(open.chars().count() - 1) {
            if c == begin {
                depth += 1;
            } else if c == close {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
        }
        None
    };
    if text.starts_with("$((") {
        let Some(end) = closed("$(", ')', '(') else { return (text.to_owned(), "") };
        let inner = expand_plain(text[3..end].trim_end_matches(')'), known);
        let put = sum(&inner).map_or_else(|| "$()".to_owned(), |n| n.to_string());
        return (put, &text[end..]);
    }
    if text.starts_with("$(") {
        let end = closed("$(", ')', '(').unwrap_or(text.len());
        return ("$()".to_owned(), &text[end..]);
    }
    if let Some(inner) = text.strip_prefix('`') {
        return ("$()".to_owned(), inner.split_once('`').map_or("", |(_, after)| after));
    }
    if text.starts_with("${") {
        let Some(end) = closed("${", '}', '{') else { return (text.to_owned(), "") };
        let inner = &text[2..end - 1];
        let name: String = inner.chars().take_while(|c| is_name(*c)).collect();
        let left = &inner[name.len()..];
        let fallback = left.strip_prefix(":-").or_else(|| left.strip_prefix('-')).or_else(|| left.strip_prefix(":="));
        let put = match (known.get(&name), fallback) {
            (Some(value), _) if left.is_empty() || left.starts_with('[') || fallback.is_some() => value.clone(),
            (None, Some(fallback)) => {
                let fallback = expand_plain(fallback, known);
                split(&fallback).join(" ")
            }
            (None, None) if left.starts_with("[@]") || left.starts_with("[*]") => String::new(),
            _ => text[..end].to_owned(),
        };
        return (put, &text[end..]);
    }
    let name: String = text[1..].chars().take_while(|c| is_name(*c)).collect();
    let after = &text[1 + name.len()..];
    match known.get(&name) {
        Some(value) if !name.is_empty() => (value.clone(), after),
        _ => (text[..1 + name.len()].to_owned(), after),
    }
}

/// As [`expand`], without arrays in quotes; for what stands inside a reference, one level deep.
fn expand_plain(text: &str, known: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '$' {
            out.push(c);
            continue;
        }
        let braced = chars.next_if_eq(&'{').is_some();
        let mut name = String::new();
        while let Some(c) = chars.next_if(|c| is_name(*c)) {
            name.push(c);
        }
        if braced {
            chars.next_if_eq(&'}');
        }
        match known.get(&name) {
            Some(value) => out.push_str(value),
            None => out.extend(["$", &name]),
        }
    }
    out
}

/// Whole numbers added, subtracted, multiplied and divided; `None` for all else.
fn sum(text: &str) -> Option<i64> {
    let text = text.trim().trim_start_matches('(').trim_end_matches(')');
    let (mut total, mut sign) = (0i64, 1i64);
    let mut term: Option<i64> = None;
    let mut operator = ' ';
    let mut rest = text.trim_start();
    loop {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let name = rest.len() - rest.trim_start_matches(is_name).len();
        if digits == 0 || name > digits {
            return None;
        }
        let number: i64 = rest[..digits].parse().ok()?;
        term = match (term, operator) {
            (None, _) => Some(number),
            (Some(so_far), '*') => so_far.checked_mul(number),
            (Some(so_far), '/') => so_far.checked_div(number),
            _ => None,
        };
        let value = term?;
        rest = rest[digits..].trim_start();
        let Some(next) = rest.chars().next() else { return total.checked_add(sign.checked_mul(value)?) };
        if next == '+' || next == '-' {
            total = total.checked_add(sign.checked_mul(value)?)?;
            sign = if next == '+' { 1 } else { -1 };
            term = None;
        }
        operator = next;
        rest = rest[1..].trim_start();
        if !matches!(next, '+' | '-' | '*' | '/') {
            return None;
        }
    }
}

/// Words as a shell splits them; by blanks where quotes do not close.
fn split(text: &str) -> Vec<String> {
    shlex::split(text).unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect())
}

fn inner_words(word: String) -> Vec<String> {
    let many = word.contains(char::is_whitespace) && (word.starts_with("--") || word.contains(" --"));
    if many { split(&word) } else { vec![word] }
}

fn is_redirection(word: &str) -> bool {
    word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&').starts_with(['>', '<'])
}

/// `key=value`, as Hydra and its like take them.
fn is_pair(word: &str) -> bool {
    pair(word).is_some()
}

fn pair(word: &str) -> Option<(&str, &str)> {
    let (key, value) = word.split_once('=')?;
    let key = key.trim_start_matches('+').trim_start_matches('~');
    let named = !key.is_empty() && key.chars().all(|c| is_name(c) || matches!(c, '.' | '-' | '@' | '/'));
    (named && !key.starts_with('-')).then_some((key, value))
}

/// Words of the command into a config.
fn arguments(words: &[String]) -> Map<String, Value> {
    // What stands before the program is the launcher's. Variables of the environment come first of all.
    let script = words.iter().position(|word| word.ends_with(".py"));
    let module = words.iter().position(|word| word == "-m" || word == "--module").filter(|at| {
        words[..*at].last().is_some_and(|before| before.contains("python") || !words[0].starts_with("--"))
    });
    let begin = match (script, module) {
        (Some(script), _) => Some(script),
        (None, Some(module)) if words[module] == "-m" => Some(module + 1),
        _ => None,
    };
    let mut config = Map::new();
    let mut launch = Map::new();
    let mut rest = words;
    if let Some(at) = begin.filter(|at| *at < words.len()) {
        flags(&words[..at], &mut launch, &mut Vec::new());
        launch.insert("program".into(), Value::String(words[at].clone()));
        rest = &words[at + 1..];
    }
    let mut left = Vec::new();
    flags(rest, &mut config, &mut left);
    if !left.is_empty() {
        config.insert("words".into(), Value::Array(left.into_iter().map(Value::String).collect()));
    }
    config.insert("launch".into(), Value::Object(launch));
    config
}

/// Flags with their values, pairs, and what is left.
fn flags(words: &[String], config: &mut Map<String, Value>, left: &mut Vec<String>) {
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if word.starts_with("--") && word.len() > 2 {
            if let Some((key, value)) = word.split_once('=') {
                config.insert(key.to_owned(), scalar(value));
                continue;
            }
            let mut values = Vec::new();
            while let Some(value) = words.next_if(|next| !is_flag(next)) {
                values.push(scalar(value));
            }
            let value = match values.len() {
                0 => Value::Bool(true),
                1 => values.remove(0),
                _ => Value::Array(values),
            };
            config.insert(word.clone(), value);
        } else if let Some((key, value)) = pair(word) {
            nest(config, key, scalar(value));
        } else {
            left.push(word.clone());
        }
    }
}

/// A flag rather than a negative number.
fn is_flag(word: &str) -> bool {
    word.starts_with("--") || word.starts_with('-') && !word[1..].starts_with(|c: char| c.is_ascii_digit() || c == '.')
}

/// Switches by name, everything else as text: readers take numbers as text.
fn scalar(text: &str) -> Value {
    match text {
        "true" | "True" => Value::Bool(true),
        "false" | "False" => Value::Bool(false),
        "null" | "None" | "none" => Value::Null,
        text => Value::String(text.to_owned()),
    }
}

/// Puts a value at a dotted path; what is in the way is replaced.
pub(crate) fn nest(config: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            config.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let slot = config.entry(head).or_insert_with(|| Value::Object(Map::new()));
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            if let Value::Object(section) = slot {
                nest(section, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_script_becomes_the_arguments_of_its_program() {
        let script = r#"#!/bin/bash
#SBATCH --nodes=2
GPUS=8 # of a machine
NODES=${SLURM_NNODES:-"2"}
WORLD=$(($GPUS*$NODES))
DATA=$1
RUN_ARGS=( --nproc_per_node $GPUS
  --nnodes $NODES )
ARGS=(
    --num-layers 12   # a comment's quote
    # --hidden-size 1
    --lr -1.0e-5 --split 9,1
    --rampup-batch-size 16 16 500
    --data-path "$DATA"
)
if [ -n "$X" ]; then
  ARGS+=(--bf16 "--fp8-format hybrid")
else
  ARGS+=(--fp16)
fi
NAME="run $(date)"
OPTS=" \
  --world $WORLD \
  --name '$NAME' "
CUDA=1 torchrun ${RUN_ARGS[@]} pretrain_gpt.py "${ARGS[@]}" $OPTS 2>&1 | tee log
"#;
        let expected = json!({
            "launch": { "--nproc_per_node": "8", "--nnodes": "2", "program": "pretrain_gpt.py", "CUDA": "1", "sbatch": { "--nodes": "2" } },
            "--num-layers": "12", "--lr": "-1.0e-5", "--split": "9,1", "--rampup-batch-size": ["16", "16", "500"],
            "--data-path": "$1", "--bf16": true, "--fp8-format": "hybrid", "--world": "16", "--name": "run $()"
        });
        assert_eq!(Value::Object(read(script).unwrap()), expected);
    }

    #[test]
    fn pairs_and_words_are_kept_apart() {
        let config =
            read("tune run --nproc_per_node 2 full --config llama3/8B batch_size=4 model.lora_rank=8").unwrap();
        let expected = json!({
            "launch": {}, "words": ["tune", "run"], "--nproc_per_node": ["2", "full"],
            "--config": ["llama3/8B", "batch_size=4", "model.lora_rank=8"]
        });
        assert_eq!(Value::Object(config), expected);
    }

    #[test]
    fn a_command_in_quotes_is_read() {
        let config =
            read("ARGS=\"--lr 1 --bf16\"\nCMD=\"cd x; python train.py $ARGS\"\nsrun bash -c \"${CMD}\"\n").unwrap();
        assert_eq!((&config["--lr"], &config["--bf16"]), (&json!("1"), &json!(true)));
    }

    #[test]
    fn sums_of_whole_numbers_and_nothing_else() {
        assert_eq!((sum("8*4"), sum(" 2 + 3*4 - 1 "), sum("7/2")), (Some(14 + 18), Some(13), Some(3)));
        assert_eq!(
            (sum("1/0"), sum("x*2"), sum(""), sum("1**2"), sum("9223372036854775807*2")),
            (None, None, None, None, None)
        );
    }

    #[test]
    fn broken_scripts_do_not_panic() {
        for text in ["", "$", "${", "$((", "`", "\"", "'", "X=(", "--", "a=$((1+", "\\", "X=${X}${X} --a $X", "é${é}"]
        {
            let _ = read(text);
        }
    }
}
