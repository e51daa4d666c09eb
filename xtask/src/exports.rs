//! Exported files before the programs they are written for: each program's own parser reads what outlay wrote, and one
//! tiny run trains to its end on the processor.
//!
//! The programs come from PyPI at pinned versions into virtual environments under `target/exports`, made by `uv`, which is
//! itself installed there. One environment serves all training programs, because torch alone is several gigabytes: those
//! that would want another torch come without their dependencies, and what their parsers import is named here.
//!
//! Does not know: what any file means; `scripts/verify_exports.py` asks the programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An environment: with dependencies, then without.
struct Environment {
    name: &'static str,
    packages: &'static [&'static str],
    bare: &'static [&'static str],
}

/// What is laid over the environment of training programs for torchtune alone: it wants an older torchao than PEFT bears.
const OLDER: (&str, &[&str]) = ("torchtune", &["torchao==0.14.1"]);

const ENVIRONMENTS: &[Environment] = &[
    Environment {
        name: "train",
        packages: &[
            "torch==2.15.0",
            "transformers==5.23.0",
            "trl==1.16.0",
            "peft==0.21.2",
            "accelerate==1.15.0",
            "deepspeed==0.19.8",
            "datasets",
            "pyyaml",
            "pillow",
            "addict",
            "omegaconf",
            "requests",
            "sentencepiece",
            "tyro",
            "tomli",
        ],
        bare: &[
            "axolotl==0.19.0",
            "llamafactory==0.9.5",
            "torchtitan==0.2.2",
            "torchtune==0.6.1",
            "torchao==0.17.0",
            "torchvision",
            "bitsandbytes",
            "tiktoken",
            "blobfile",
            "pycryptodomex",
            "lxml",
            "kagglehub",
            "litgpt==0.5.13",
            "lightning",
            "lightning-utilities",
            "pytorch-lightning",
            "torchmetrics",
            "jsonargparse",
            "typeshed-client",
            "importlib-resources",
        ],
    },
    Environment { name: "launch", packages: &["skypilot==0.14.1", "kubeflow-trainer-api==2.3.0", "pyyaml"], bare: &[] },
    Environment { name: "ray", packages: &["ray==2.60.0"], bare: &[] },
    Environment { name: "dstack", packages: &["dstack==0.22.5"], bare: &[] },
];

/// A plan that is written, and who reads which file of it: environment, check, file.
struct Case {
    job: &'static str,
    to: &'static str,
    flags: &'static [&'static str],
    read: &'static [(&'static str, &'static str, &'static str)],
}

const QLORA: &str = "examples/llama-3.1-8b-qlora.toml";
const FULL: &str = "examples/llama-3.1-8b-full.toml";
const LORA: &str = "examples/mistral-7b-lora.toml";
const WIDE: &str = "examples/llama-3.1-70b-pretrain.toml";

const FSDP: &[&str] = &["--gpu=h100-sxm", "--gpus=8", "--zero=fsdp", "--offload=none", "--budget=$2000"];
const ZERO2: &[&str] = &["--gpu=h200-sxm", "--gpus=8", "--zero=zero2", "--offload=optimizer", "--budget=$2000"];

const LITGPT: &[(&str, &str, &str)] = &[("train", "litgpt", "litgpt.yaml")];

const CASES: &[Case] = &[
    Case {
        job: QLORA,
        to: "axolotl,skypilot",
        flags: &[],
        read: &[("train", "axolotl", "axolotl.yaml"), ("launch", "skypilot", "skypilot.yaml")],
    },
    Case {
        job: FULL,
        to: "axolotl,jobset",
        flags: FSDP,
        read: &[("train", "axolotl", "axolotl.yaml"), ("launch", "kubernetes", "jobset.yaml")],
    },
    Case {
        job: LORA,
        to: "llama-factory,dstack",
        flags: &[],
        read: &[("train", "llama_factory", "llama-factory.yaml"), ("dstack", "dstack", "train.dstack.yml")],
    },
    Case {
        job: FULL,
        to: "llama-factory,trainjob",
        flags: FSDP,
        read: &[("train", "llama_factory", "llama-factory.yaml"), ("launch", "kubernetes", "trainjob.yaml")],
    },
    Case {
        job: QLORA,
        to: "trl,trainjob",
        flags: &["--purchase=spot"],
        read: &[
            ("train", "trl", "sft.yaml"),
            ("train", "accelerate", "accelerate.yaml"),
            ("launch", "kubernetes", "trainjob.yaml"),
        ],
    },
    Case {
        job: FULL,
        to: "trl,dstack",
        flags: ZERO2,
        read: &[
            ("train", "trl", "sft.yaml"),
            ("train", "deepspeed", "deepspeed-zero2-offload.json"),
            ("dstack", "dstack", "train.dstack.yml"),
        ],
    },
    Case { job: FULL, to: "transformers", flags: FSDP, read: &[("train", "transformers", "training_args.json")] },
    Case { job: FULL, to: "deepspeed", flags: ZERO2, read: &[("train", "deepspeed", "deepspeed-zero2-offload.json")] },
    Case {
        job: FULL,
        to: "torchtitan,jobset",
        flags: FSDP,
        read: &[("train", "torchtitan", "torchtitan.toml"), ("launch", "kubernetes", "jobset.yaml")],
    },
    Case { job: QLORA, to: "torchtune", flags: &[], read: &[("train", "torchtune", "torchtune.yaml")] },
    Case { job: FULL, to: "torchtune", flags: FSDP, read: &[("train", "torchtune", "torchtune.yaml")] },
    Case {
        job: WIDE,
        to: "torchtitan,slurm",
        flags: &["--tp=8", "--pp=1", "--zero=fsdp"],
        read: &[("train", "torchtitan", "torchtitan.toml"), ("train", "slurm", "train.sbatch")],
    },
    Case { job: FULL, to: "trl,ray", flags: FSDP, read: &[("train", "trl", "sft.yaml"), ("ray", "ray", "ray_job.py")] },
    Case { job: "scripts/exports/litgpt-adapters.toml", to: "litgpt", flags: &[], read: LITGPT },
    Case { job: "scripts/exports/litgpt-full.toml", to: "litgpt", flags: &[], read: LITGPT },
    Case { job: "scripts/exports/litgpt-pretrain.toml", to: "litgpt", flags: &[], read: LITGPT },
];

/// Makes the environments, exports, asks the programs, trains.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let place = root.join("target/exports");
    fs::create_dir_all(&place).map_err(|e| format!("{}: {e}", place.display()))?;
    let outlay = crate::product::built(root)?;
    let uv = uv(&place)?;
    for environment in ENVIRONMENTS {
        make(&uv, &place, environment)?;
    }
    beside(&uv, &place)?;
    // All files of one check go to one process: programs take longer to start than to read.
    let mut asked: Vec<((&str, &str), Vec<PathBuf>)> = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        let out = place.join(format!("case-{number}"));
        export(root, &outlay, case, &out)?;
        for (environment, check, file) in case.read {
            let path = out.join(file);
            match asked.iter_mut().find(|(key, _)| *key == (*environment, *check)) {
                Some((_, paths)) => paths.push(path),
                None => asked.push(((environment, check), vec![path])),
            }
        }
    }
    for ((environment, check), paths) in &asked {
        let mut command = Command::new(python(&place, environment));
        if *check == OLDER.0 {
            command.env("PYTHONPATH", place.join(OLDER.0));
        }
        command.arg(root.join("scripts/verify_exports.py")).arg(check).args(paths).current_dir(&place);
        done(&mut command, check)?;
    }
    let mut command = Command::new(python(&place, "train"));
    command.arg(root.join("scripts/train_export.py")).arg(outlay).arg(place.join("tiny"));
    done(&mut command, "a tiny run")
}

fn python(place: &Path, environment: &str) -> PathBuf {
    place.join(environment).join("bin/python")
}

/// `uv` in an environment of its own.
fn uv(place: &Path) -> Result<PathBuf, String> {
    let home = place.join("uv");
    let uv = home.join("bin/uv");
    if !uv.exists() {
        done(Command::new("python3").args(["-m", "venv"]).arg(&home), "python3 -m venv")?;
        done(Command::new(home.join("bin/pip")).args(["install", "-q", "uv"]), "pip install uv")?;
    }
    Ok(uv)
}

fn make(uv: &Path, place: &Path, environment: &Environment) -> Result<(), String> {
    let home = place.join(environment.name);
    let wanted = [environment.packages, &["--no-deps"], environment.bare].concat().join("\n");
    let mark = home.join("installed.txt");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    done(Command::new(uv).args(["venv", "-q", "--clear"]).arg(&home), "uv venv")?;
    let install = |options: &[&str], packages: &[&str]| {
        let mut command = Command::new(uv);
        command.args(["pip", "install", "-q", "-p"]).arg(python(place, environment.name)).args(options).args(packages);
        // DeepSpeed's kernels are not needed to read its JSON.
        done(command.env("DS_BUILD_OPS", "0"), environment.name)
    };
    install(&[], environment.packages)?;
    if !environment.bare.is_empty() {
        install(&["--no-deps"], environment.bare)?;
    }
    fs::write(&mark, wanted).map_err(|e| format!("{}: {e}", mark.display()))
}

/// The older packages, in a folder of their own.
fn beside(uv: &Path, place: &Path) -> Result<(), String> {
    let (name, packages) = OLDER;
    let folder = place.join(name);
    if folder.exists() {
        return Ok(());
    }
    let mut command = Command::new(uv);
    command.args(["pip", "install", "-q", "--no-deps", "-p"]).arg(python(place, "train"));
    done(command.arg("--target").arg(&folder).args(packages), name)
}

fn export(root: &Path, outlay: &Path, case: &Case, out: &Path) -> Result<(), String> {
    let mut command = Command::new(outlay);
    command.args(["export", case.job, "--to", case.to, "--force"]);
    command.args(case.flags).arg("--out").arg(out).args(["--today", "2026-11-24"]).current_dir(root);
    done(&mut command, &format!("export --to {}", case.to))
}

fn done(command: &mut Command, what: &str) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("{what}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{what} failed: {command:?}")) }
}
