//! What is learned, as far as it changes the work: preferences, rewards, and what is not forecast at all.
//!
//! A preference is two sequences; a frozen reference reads them once more. Programs that sample answers while they train are
//! refused, because the time of that sampling is nowhere in the config.
//!
//! Does not know: which program reads the config.

use outlay::Problem;
use outlay::problem::Code;

use crate::fields::Fields;

/// What is learned, by the names of all programs.
pub(crate) fn read(fields: &mut Fields<'_>, name: &str) {
    let lower = name.to_ascii_lowercase();
    let (ours, each) = match lower.as_str() {
        "" | "sft" | "pt" | "pretrain" | "cpt" | "causal_lm" => return,
        "dpo" | "ipo" | "dpo_norm" | "apo" | "gdpo" | "sigmoid" => ("dpo", 2),
        "orpo" | "simpo" | "cpo" => ("orpo", 2),
        "kto" | "bco" => ("kto", 1),
        "rm" | "reward" | "reward_model" | "bradley_terry" => ("reward", 2),
        "prm" | "process_reward_model" => ("reward", 1),
        _ => {
            refuse(fields, name);
            return;
        }
    };
    fields.per_sample = each;
    fields.request.train.objective = Some(ours.into());
    fields.became("objective", format!("train.objective = {ours}, {each} sequences a sample"));
}

/// Answers are sampled, judged or taught by another model while it trains.
pub(crate) fn refuse(fields: &mut Fields<'_>, name: &str) {
    let fault = Problem::new(
        Code::NotForecast,
        "the config",
        format!("{name} samples answers, or asks another model, while it trains"),
    );
    fields.refuse(
        fault.help("the time of that is nowhere in the config: forecast the part that trains with a job of its own"),
    );
}

/// The data are not text alone.
pub(crate) fn not_text(fields: &mut Fields<'_>, what: &str) {
    let fault = Problem::new(
        Code::NotForecast,
        "the config",
        format!("{what}: the work on pictures and sound is not forecast"),
    );
    fields.refuse(fault.help("for the language model alone, write a job with model, data.seq_len and data.tokens"));
}

/// The program trains nothing with it.
pub(crate) fn not_training(fields: &mut Fields<'_>, what: &str) {
    let fault = Problem::new(Code::NotTraining, "the config", format!("{what}: nothing is trained with it"));
    fields.refuse(fault.help("name a config that trains"));
}
