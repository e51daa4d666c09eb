//! Files that go with a training config: a launcher's (Accelerate), DeepSpeed's, PEFT's adapters.
//!
//! Each is put into the config as a section, so that one list says of all keys what became of them.
//!
//! Does not know: the training config's own keys.

use outlay::Problem;
use outlay::problem::Code;
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::{Around, command, parse};

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Accelerate,
    DeepSpeed,
    Adapter,
}

impl Kind {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Accelerate => "a launcher's config (Accelerate)",
            Self::DeepSpeed => "a DeepSpeed config",
            Self::Adapter => "an adapter's config (PEFT)",
        }
    }
}

/// By its keys.
pub(crate) fn kind(config: &Map<String, Value>) -> Option<Kind> {
    let any = |keys: &[&str]| keys.iter().any(|key| config.contains_key(*key));
    if any(&["peft_type"]) {
        Some(Kind::Adapter)
    } else if any(&["distributed_type", "num_processes", "num_machines", "parallelism_config", "compute_environment"]) {
        Some(Kind::Accelerate)
    } else if any(&["zero_optimization", "train_micro_batch_size_per_gpu", "zero_allow_untested_optimizer"]) {
        Some(Kind::DeepSpeed)
    } else {
        None
    }
}

/// Puts a second file into the config.
pub(crate) fn put(fields: &mut Fields<'_>, name: &str, text: &str, around: &Around<'_>) -> Result<(), Vec<Problem>> {
    if parse::may_be_a_script(name, text)
        && let Some(spoken) = command::read(text, around)
        && let Some(launcher) = spoken.config.get("accelerate")
    {
        fields.put("accelerate", launcher.clone());
        return Ok(());
    }
    let config = parse::read(name, text)?;
    match kind(&config) {
        Some(Kind::Accelerate) => fields.put("accelerate", Value::Object(config)),
        Some(Kind::DeepSpeed) => fields.put("deepspeed", Value::Object(config)),
        Some(Kind::Adapter) => fields.put("adapter_config", Value::Object(config)),
        None => {
            let fault = Problem::new(Code::UnknownName, name, "this file is none that goes with a training config");
            return Err(vec![
                fault.help("a launcher's config or script (Accelerate), a DeepSpeed config, or an adapter_config.json"),
            ]);
        }
    }
    Ok(())
}
