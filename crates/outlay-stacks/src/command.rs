//! The command line of a training, in a shell script: `accelerate launch … sft.py --model_name_or_path …`, `torchrun`,
//! `swift sft`, `trl sft`, `llamafactory-cli train FILE`, `axolotl train FILE`.
//!
//! A script is not run, only read, as `shell` reads it: what its own plain assignments do not say stays as it is written, and
//! then is no number. The launcher's arguments become the section `accelerate`.
//!
//! Does not know: what any argument means; scripts of other families.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{Around, shell};

/// A command line of a training.
pub(crate) struct Spoken {
    /// Its arguments as keys.
    pub(crate) config: Map<String, Value>,
    /// The stack that it calls by name, by its name in the table of readers; else the keys tell.
    pub(crate) stack: Option<&'static str>,
    /// What is worth saying.
    pub(crate) warnings: Vec<String>,
}

/// The first training of a script; `None`: no command of this family stands in it.
pub(crate) fn read(text: &str, around: &Around<'_>) -> Option<Spoken> {
    let mut set = BTreeMap::new();
    let mut found = None;
    let mut more = 0;
    for statement in shell::statements(text) {
        if shell::assignment(&statement, &mut set) {
            continue;
        }
        let words = shell::command(&statement, &set);
        let words = &words[assigned(&words, &mut set)..];
        match one(words, around) {
            Some(_) if found.is_some() => more += 1,
            Some(spoken) => found = Some((spoken, set.clone())),
            None => {}
        }
    }
    let (mut spoken, set) = found?;
    if more > 0 {
        spoken.warnings.push(format!("the script trains {} times: the first is read", more + 1));
    }
    let devices =
        set.get("CUDA_VISIBLE_DEVICES").map(|list| list.split(',').filter(|one| !one.trim().is_empty()).count());
    let nproc = set.get("NPROC_PER_NODE").and_then(|text| text.parse::<u64>().ok());
    let nodes = set.get("NNODES").and_then(|text| text.parse::<u64>().ok()).unwrap_or(1);
    let launched = spoken.config.contains_key("accelerate");
    // Several visible devices without a launcher hold one replica between them, which is no number of processes.
    let visible = devices.map(|devices| devices as u64).filter(|devices| launched || *devices == 1);
    let by_environment = nproc.map(|each| each * nodes.max(1)).or(visible);
    if let Some(devices) = by_environment.filter(|devices| *devices > 0) {
        launcher(&mut spoken.config).entry("num_processes").or_insert(Value::from(devices));
    }
    Some(spoken)
}

/// Takes leading assignments in; the number of words that are.
fn assigned(words: &[String], set: &mut BTreeMap<String, String>) -> usize {
    let mut count = 0;
    for word in words {
        if word == "export" && count == 0 {
            count += 1;
            continue;
        }
        let Some((name, value)) = word.split_once('=') else { break };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            break;
        }
        set.insert(name.into(), value.into());
        count += 1;
    }
    count
}

/// The program, the trainer it names, and where its own arguments begin.
fn one(words: &[String], around: &Around<'_>) -> Option<Spoken> {
    let mut config = Map::new();
    let mut words = words
        .iter()
        .map(String::as_str)
        .skip_while(|word| {
            ["nohup", "time", "sudo", "exec", "env", "srun", "uv", "run"].contains(word)
                || word.contains('=') && !word.starts_with('-')
        })
        .collect::<Vec<_>>();
    if words.len() > 4000 {
        return None;
    }
    let name = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    // Launchers first: their arguments come before the program.
    let launched = match words.as_slice() {
        ["accelerate", "launch", rest @ ..] => Some(rest.to_vec()),
        [first, rest @ ..] if ["torchrun", "deepspeed"].contains(&name(first).as_str()) => Some(rest.to_vec()),
        [python, "-m", module, rest @ ..]
            if name(python).starts_with("python")
                && (module.starts_with("torch.distributed") || *module == "accelerate.commands.launch") =>
        {
            Some(rest.to_vec())
        }
        _ => None,
    };
    let deepspeed = words.first().is_some_and(|word| name(word) == "deepspeed");
    if let Some(rest) = launched {
        let used = launch(&rest, &mut config, around, deepspeed)?;
        // An argument may have lost its value.
        words = rest.get(used..)?.to_vec();
    }
    // Programs are called by their path as well.
    let first = words
        .first()
        .map(|word| name(word))
        .filter(|name| ["swift", "megatron", "trl", "axolotl", "llamafactory-cli"].contains(&name.as_str()));
    if let (Some(first), Some(word)) = (&first, words.first_mut()) {
        *word = first;
    }
    let (stack, trainer, rest): (Option<&'static str>, Option<String>, &[&str]) = match words.as_slice() {
        ["swift", verb, rest @ ..] => (Some("ms-swift"), Some((*verb).to_owned()), rest),
        ["megatron", verb, rest @ ..] => (Some("ms-swift"), Some((*verb).to_owned()), rest),
        ["trl", verb, rest @ ..] if !["env", "vllm-serve", "chat", "skills"].contains(verb) => {
            (Some("TRL"), Some((*verb).to_owned()), rest)
        }
        ["llamafactory-cli", "train", rest @ ..] => (Some("LLaMA-Factory"), None, rest),
        ["axolotl", verb @ ("train" | "preprocess"), rest @ ..] if *verb == "train" => (Some("Axolotl"), None, rest),
        ["-m", module @ ("axolotl.cli.train" | "llamafactory.cli" | "llamafactory.launcher"), rest @ ..] => (
            Some(if module.starts_with("axolotl") { "Axolotl" } else { "LLaMA-Factory" }),
            None,
            rest.strip_prefix(&["train"]).unwrap_or(rest),
        ),
        [python, "-m", module, rest @ ..]
            if name(python).starts_with("python") && module.starts_with("axolotl.cli.train") =>
        {
            (Some("Axolotl"), None, rest)
        }
        [python, script, rest @ ..] if name(python).starts_with("python") && script.ends_with(".py") => {
            (of_script(&name(script)), trainer_of(&name(script)), rest)
        }
        [script, rest @ ..]
            if script.ends_with(".py")
                && (name(script) != *script
                    || !config.is_empty()
                    || rest.iter().any(|word| word.starts_with("--"))) =>
        {
            (of_script(&name(script)), trainer_of(&name(script)), rest)
        }
        _ => return None,
    };
    let mut warnings = Vec::new();
    arguments(rest, &mut config, around, &mut warnings);
    let told = config.keys().filter(|key| !["accelerate", "(script)"].contains(&key.as_str())).count();
    // A program of nobody's that is only handed its own few arguments is no training.
    let training = [
        "model_name_or_path",
        "model",
        "base_model",
        "model_id_or_path",
        "per_device_train_batch_size",
        "load",
        "mcore_model",
        "model_type",
    ];
    if told == 0 || stack.is_none() && !training[..5].iter().any(|key| config.contains_key(*key)) {
        return None;
    }
    let mut script = Map::new();
    if let Some(trainer) = trainer {
        script.insert("trainer".into(), Value::from(trainer));
    }
    if words.iter().any(|word| word.contains("run_clm") || word.contains("run_mlm")) {
        script.insert("plain".into(), Value::Bool(true));
    }
    if !script.is_empty() {
        config.insert("(script)".into(), Value::Object(script));
    }
    Some(Spoken { config, stack, warnings })
}

fn of_script(name: &str) -> Option<&'static str> {
    match name {
        "finetune.py" | "dpo_tune_cache.py" | "dpo_tune.py" => None,
        "run_sft.py" | "run_dpo.py" | "run_orpo.py" | "sft.py" | "dpo.py" | "orpo.py" | "kto.py" | "cpo.py"
        | "reward_modeling.py" | "run_clm.py" => Some("TRL"),
        _ => None,
    }
}

/// The trainer by the script's name.
fn trainer_of(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let known = [
        "grpo",
        "ppo",
        "rloo",
        "gkd",
        "online_dpo",
        "nash",
        "xpo",
        "dpo",
        "orpo",
        "kto",
        "cpo",
        "reward",
        "prm",
        "bco",
        "sft",
        "simpo",
    ];
    known.iter().find(|known| lower.contains(*known)).map(|known| (*known).to_owned())
}

fn launcher(config: &mut Map<String, Value>) -> &mut Map<String, Value> {
    let place = config.entry("accelerate").or_insert_with(|| Value::Object(Map::new()));
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    match place {
        Value::Object(map) => map,
        _ => unreachable!("it was just made one"),
    }
}

/// Reads the launcher's arguments; how many words they are. A config of its own is read beside.
fn launch(words: &[&str], config: &mut Map<String, Value>, around: &Around<'_>, deepspeed: bool) -> Option<usize> {
    let switches = [
        "multi_gpu",
        "use_deepspeed",
        "use_fsdp",
        "debug",
        "standalone",
        "no_python",
        "m",
        "module",
        "cpu",
        "mixed_precision_off",
        "no_ssh",
        "no_local_rank",
        "tpu",
        "quiet",
        "use_megatron_lm",
        "use_parallelism_config",
    ];
    let (mut processes, mut each, mut nodes) = (None, None, None);
    let mut at = 0;
    while at < words.len() {
        let Some(key) = words[at].strip_prefix("--").or(words[at].strip_prefix('-').filter(|key| key.len() == 1))
        else {
            break;
        };
        let (key, inline) = key.split_once('=').map_or((key, None), |(key, value)| (key, Some(value)));
        let key = key.replace('-', "_");
        if key == "m" || key == "module" {
            // The module follows like a script.
            break;
        }
        at += 1;
        if switches.contains(&key.as_str()) && inline.is_none() {
            launcher(config).insert(key, Value::Bool(true));
            continue;
        }
        let value = match inline {
            Some(value) => value,
            None => {
                let value = words.get(at).copied().unwrap_or_default();
                at += 1;
                value
            }
        };
        let number = value.parse::<u64>().ok();
        match key.as_str() {
            "num_processes" | "num_gpus" => processes = number,
            "nproc_per_node" => each = number,
            "nnodes" | "num_machines" | "num_nodes" => nodes = number,
            "include" => {
                // deepspeed --include localhost:0,1
                let listed = value.split_once(':').map(|(_, list)| list.split(',').count() as u64);
                processes = processes.or(listed);
            }
            "config_file" => match (around.file)(value).and_then(|text| crate::parse::read(value, &text).ok()) {
                Some(file) => launcher(config).extend(file),
                None => {
                    launcher(config).insert("config_file".into(), Value::from(value));
                }
            },
            _ => {
                launcher(config).insert(key, scalar(value));
            }
        }
    }
    let section = launcher(config);
    let all = match (each, processes) {
        (Some(each), _) => Some(each * nodes.unwrap_or(1)),
        (None, Some(processes)) if deepspeed => Some(processes * nodes.unwrap_or(1)),
        (None, processes) => processes,
    };
    if let Some(all) = all {
        section.insert("num_processes".into(), Value::from(all));
    }
    if let Some(nodes) = nodes {
        section.insert("num_machines".into(), Value::from(nodes));
    }
    Some(at)
}

/// Arguments of the program: `--key value…`, `--key=value`, `--switch`, `key=value`, and a config file that goes first.
fn arguments(words: &[&str], config: &mut Map<String, Value>, around: &Around<'_>, warnings: &mut Vec<String>) {
    let mut at = 0;
    let file = |name: &str, config: &mut Map<String, Value>, warnings: &mut Vec<String>| match (around.file)(name)
        .and_then(|text| crate::parse::read(name, &text).ok())
    {
        Some(file) => {
            for (key, value) in file {
                config.entry(key).or_insert(value);
            }
        }
        None => warnings.push(format!("the config {name} that the command names is not at hand")),
    };
    while at < words.len() {
        let word = words[at];
        at += 1;
        let dashed = word
            .strip_prefix("--")
            .or_else(|| word.strip_prefix('-').filter(|key| key.chars().next().is_some_and(char::is_alphabetic)));
        let Some(key) = dashed else {
            if [".yaml", ".yml", ".json"].iter().any(|end| word.ends_with(end)) {
                file(word, config, warnings);
            } else if let Some((key, value)) = word.split_once('=') {
                config.insert(key.trim_start_matches('+').to_owned(), scalar(value));
            }
            continue;
        };
        if let Some((key, value)) = key.split_once('=') {
            config.insert(key.replace('-', "_"), scalar(value));
            continue;
        }
        let key = key.replace('-', "_");
        let negative = |word: &str| word.starts_with('-') && word[1..].parse::<f64>().is_ok();
        let values: Vec<&str> =
            words[at..].iter().copied().take_while(|word| !word.starts_with('-') || negative(word)).collect();
        at += values.len();
        match values.as_slice() {
            [] => match key.strip_prefix("no_") {
                Some(off) if !key.starts_with("no_save") && !key.starts_with("no_cuda") => {
                    config.insert(off.to_owned(), Value::Bool(false))
                }
                _ => config.insert(key, Value::Bool(true)),
            },
            [one] if key == "config" || key == "config_file" => {
                file(one, config, warnings);
                None
            }
            [one] => config.insert(key, scalar(one)),
            many => config.insert(key, Value::Array(many.iter().map(|one| scalar(one)).collect())),
        };
    }
}

/// A word as the value it is.
fn scalar(word: &str) -> Value {
    match word {
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        "None" | "null" => Value::Null,
        _ => {
            if let Ok(number) = word.parse::<u64>() {
                return Value::from(number);
            }
            if word.starts_with(['{', '['])
                && let Ok(value) = serde_json::from_str(word)
            {
                return value;
            }
            match word.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::from(number),
                _ => Value::from(word),
            }
        }
    }
}
