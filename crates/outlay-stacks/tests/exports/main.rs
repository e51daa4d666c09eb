//! What each exporter writes, one representative plan each; the head's comments, which hold prices, aside.

mod launchers;
mod programs;
mod wide;

use outlay::catalog::Catalog;
use outlay::parse;
use outlay_stacks::export;

const QLORA: &str = "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"qlora\"\nrank = 32\n[data]\ntokens = \"12M\"\n\
     path = \"data/train.jsonl\"\n[train]\nlearning_rate = 1e-4\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 1\n";
const FULL: &str = "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"50M\"\npath = \"data/train.jsonl\"\n\
     [train]\nlearning_rate = 2e-5\nloss = \"chunked\"\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 8\nproviders = [\"lambda\"]\n\
     [layout]\nzero = \"fsdp\"\noffload = \"none\"\n";
const STAGED: &str = "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"50M\"\npath = \"data/train.jsonl\"\n\
     [train]\nlearning_rate = 2e-5\n[hardware]\naccelerators = [\"h200-sxm\"]\ngpus = 8\n[layout]\nzero = \"zero2\"\noffload = \"optimizer\"\n";
const WIDE: &str = "[model]\nbase = \"llama-3.1-8b\"\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\npath = \"data/tokens\"\n\
     seq_len = 8192\n[train]\nlearning_rate = 3e-4\nglobal_batch = 64\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 16\n\
     [layout]\ntp = 2\npp = 1\nzero = \"fsdp\"\n";
const PIPED: &str = "[model]\nbase = \"llama-3.1-8b\"\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\npath = \"data/tokens\"\n\
     seq_len = 8192\n[train]\nlearning_rate = 3e-4\nglobal_batch = 64\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 16\n\
     [layout]\ntp = 2\npp = 2\nzero = \"zero1\"\n";
const SCRATCH: &str = "[model]\nbase = \"llama-3.2-1b\"\nstart = \"scratch\"\n[data]\ntokens = \"5B\"\npath = \"data/texts\"\nseq_len = 4096\n\
     [train]\nlearning_rate = 3e-4\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 8\nproviders = [\"lambda\"]\n";

/// The file of this name that is written for a job.
fn written(text: &str, to: &str, file: &str) -> String {
    let catalog = Catalog::built_in();
    let wanted = export::targets(to).unwrap_or_else(|problems| panic!("{to}: {problems:?}"));
    let request = parse(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let (request, _) = export::fit_to(&request, &wanted);
    let answer = outlay::plan(&request, &catalog, "2026-11-24").unwrap_or_else(|problems| panic!("{to}: {problems:?}"));
    let plan = answer.pick.clone().unwrap_or_else(|| panic!("{to}: {}", answer.verdict));
    let exported = export::export(&request, &answer, &plan, &wanted, &catalog)
        .unwrap_or_else(|problems| panic!("{to}: {problems:?}"));
    let names: Vec<&str> = exported.files.iter().map(|file| file.name.as_str()).collect();
    let one =
        exported.files.iter().find(|one| one.name == file).unwrap_or_else(|| panic!("{file} is none of {names:?}"));
    let said = one.text.lines().filter(|line| !line.trim_start().starts_with("# "));
    said.map(|line| format!("{}\n", without_time(line))).collect()
}

/// A line without how long something takes: that follows the calibration, which moves with the evidence.
fn without_time(line: &str) -> String {
    const KEYS: [&str; 6] =
        ["--time=", "max_duration: ", "save_interval: ", "save_steps: ", "--save-interval ", "interval = "];
    match KEYS.iter().find_map(|key| line.split_once(key).map(|(before, _)| format!("{before}{key}…"))) {
        Some(line) => line,
        None => line.to_owned(),
    }
}
