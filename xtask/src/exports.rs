//! Exported files before the programs they are written for: each program's own parser reads what outlay wrote, and one
//! tiny run trains to its end on the processor.
//!
//! The programs come from PyPI at pinned versions into virtual environments under `target/exports`, made by `uv`, which is
//! itself installed there. One environment serves all training programs, because torch alone is several gigabytes: those
//! that would want another torch come without their dependencies, and what their parsers import is named here. What waits
//! for the network or for a program to start goes on side by side, as many at a time as there are processors; what each said
//! is printed in the order of the list.
//!
//! Does not know: what any file means; `scripts/verify_exports.py` asks the programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// An environment: with dependencies, then without.
struct Environment {
    name: &'static str,
    packages: &'static [&'static str],
    bare: &'static [&'static str],
}

/// What is laid over the environment of training programs for one check alone, without dependencies.
const BESIDE: &[(&str, &[&str])] = &[
    // It wants an older torchao than PEFT bears.
    ("torchtune", &["torchao==0.14.1"]),
    // It asks for Python 3.12, of which its arguments need one name, and brings a `megatron` that others would try to use.
    ("megatron", &["--python-version=3.12", "megatron-core==0.19.2"]),
    ("megatron_bridge", &["--python-version=3.12", "megatron-bridge==0.6.2", "megatron-core==0.19.2"]),
];

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
    Environment {
        name: "jax",
        packages: &[
            "jax==0.10.2",
            "msgpack",
            "omegaconf",
            "packaging",
            "pydantic",
            "jinja2",
            "pyyaml",
            "rich",
            "absl-py",
            "etils",
            "psutil",
        ],
        // It asks for Python 3.12 too, and its reader of configs works without it.
        bare: &["--python-version=3.12", "maxtext==0.2.5", "flax==0.12.8"],
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
/// What the layers of [`FSDP`] keep lies in host memory.
const PARKED: &[&str] = &[
    "--gpu=h100-sxm",
    "--gpus=8",
    "--zero=fsdp",
    "--offload=none",
    "--budget=$2000",
    "--recompute=full",
    "--activation-offload",
];
const ZERO2: &[&str] = &["--gpu=h200-sxm", "--gpus=8", "--zero=zero2", "--offload=optimizer", "--budget=$2000"];

const LITGPT: &[(&str, &str, &str)] = &[("train", "litgpt", "litgpt.yaml")];

const MEGATRON: &[(&str, &str, &str)] = &[("train", "megatron", "megatron.sh")];

const BRIDGE: &[(&str, &str, &str)] = &[("train", "megatron_bridge", "bridge.yaml")];

const MAXTEXT: &[(&str, &str, &str)] = &[("jax", "maxtext", "maxtext.yml")];

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
    Case { job: FULL, to: "torchtune", flags: PARKED, read: &[("train", "torchtune", "torchtune.yaml")] },
    Case { job: FULL, to: "axolotl", flags: PARKED, read: &[("train", "axolotl", "axolotl.yaml")] },
    Case { job: FULL, to: "trl", flags: PARKED, read: &[("train", "trl", "sft.yaml")] },
    Case {
        job: WIDE,
        to: "torchtitan,slurm",
        flags: &["--tp=8", "--pp=1", "--zero=fsdp"],
        read: &[("train", "torchtitan", "torchtitan.toml"), ("train", "slurm", "train.sbatch")],
    },
    Case { job: FULL, to: "trl,ray", flags: FSDP, read: &[("train", "trl", "sft.yaml"), ("ray", "ray", "ray_job.py")] },
    Case { job: "scripts/exports/litgpt-adapters.toml", to: "litgpt", flags: &[], read: LITGPT },
    Case { job: "scripts/exports/litgpt-full.toml", to: "litgpt", flags: &[], read: LITGPT },
    Case { job: WIDE, to: "megatron-lm", flags: &["--tp=4", "--pp=4", "--vpp=5", "--zero=zero1"], read: MEGATRON },
    Case {
        job: WIDE,
        to: "megatron-lm",
        flags: &["--tp=8", "--pp=1", "--zero=fsdp", "--precision=fp8"],
        read: MEGATRON,
    },
    Case {
        job: WIDE,
        to: "megatron-lm",
        flags: &["--gpu=b200-sxm", "--precision=nvfp4", "--zero=zero1"],
        read: MEGATRON,
    },
    Case {
        job: WIDE,
        to: "megatron-lm",
        flags: &["--model=mixtral-8x7b", "--ep=8", "--zero=zero1", "--gradients=bf16", "--cuda-graphs=parts"],
        read: MEGATRON,
    },
    Case {
        job: WIDE,
        to: "megatron-lm",
        flags: &["--model=gpt2-xl", "--optimizer=muon", "--zero=zero1"],
        read: MEGATRON,
    },
    Case {
        job: FULL,
        to: "megatron-lm",
        flags: &["--gpu=h200-sxm", "--gpus=8", "--zero=zero1", "--offload=optimizer", "--budget=$5000"],
        read: MEGATRON,
    },
    Case { job: "scripts/exports/litgpt-pretrain.toml", to: "litgpt", flags: &[], read: LITGPT },
    Case {
        job: WIDE,
        to: "megatron-bridge",
        flags: &["--tp=4", "--pp=4", "--vpp=5", "--zero=zero1", "--recompute=half"],
        read: BRIDGE,
    },
    Case {
        job: WIDE,
        to: "megatron-bridge",
        flags: &["--tp=8", "--pp=1", "--cp=2", "--zero=fsdp", "--precision=fp8"],
        read: BRIDGE,
    },
    Case {
        job: WIDE,
        to: "megatron-bridge",
        flags: &[
            "--model=qwen3-30b-a3b",
            "--gpu=b200-sxm",
            "--ep=8",
            "--zero=zero1",
            "--optimizer=muon",
            "--precision=mxfp8",
        ],
        read: BRIDGE,
    },
    // A family without a bridge, by its dimensions.
    Case {
        job: WIDE,
        to: "megatron-bridge",
        flags: &["--model=mixtral-8x7b", "--ep=8", "--zero=zero1", "--cuda-graphs=parts"],
        read: BRIDGE,
    },
    Case {
        job: WIDE,
        to: "megatron-bridge",
        flags: &["--model=gpt2-xl", "--zero=none", "--precision=fp32"],
        read: BRIDGE,
    },
    Case { job: FULL, to: "megatron-bridge", flags: FSDP, read: BRIDGE },
    Case { job: LORA, to: "megatron-bridge", flags: &[], read: BRIDGE },
    Case { job: WIDE, to: "maxtext", flags: &["--attention=auto", "--tp=8", "--pp=1", "--zero=fsdp"], read: MAXTEXT },
    Case { job: WIDE, to: "maxtext", flags: &["--attention=auto", "--tp=4", "--pp=4", "--zero=fsdp"], read: MAXTEXT },
    Case {
        job: WIDE,
        to: "maxtext",
        flags: &["--attention=auto", "--model=mixtral-8x7b", "--ep=8", "--zero=fsdp"],
        read: MAXTEXT,
    },
    Case {
        job: WIDE,
        to: "maxtext",
        flags: &["--attention=auto", "--model=llama-3.2-3b", "--zero=zero1", "--optimizer=muon", "--loss=chunked"],
        read: MAXTEXT,
    },
    Case {
        job: WIDE,
        to: "maxtext",
        flags: &["--attention=auto", "--gpu=b200-sxm", "--precision=nvfp4", "--zero=fsdp", "--cp=2"],
        read: MAXTEXT,
    },
    Case {
        job: FULL,
        to: "maxtext",
        flags: &["--attention=auto", "--gpu=tpu-v6e", "--gpus=8", "--zero=fsdp", "--recompute=full", "--budget=$2000"],
        read: MAXTEXT,
    },
    Case { job: LORA, to: "maxtext", flags: &["--attention=auto"], read: MAXTEXT },
];

/// Makes the environments, exports, asks the programs, trains.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let place = root.join("target/exports");
    fs::create_dir_all(&place).map_err(|e| format!("{}: {e}", place.display()))?;
    let outlay = crate::product::built(root)?;
    let uv = uv(&place)?;
    let start = Instant::now();
    // One waits for the network while another unpacks.
    at_once(ENVIRONMENTS.len(), ENVIRONMENTS.len(), |at| make(&uv, &place, &ENVIRONMENTS[at]))?;
    for (name, packages) in BESIDE {
        beside(&uv, &place, name, packages)?;
    }
    eprintln!("environments: {:.0?}", start.elapsed());
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
    let start = Instant::now();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    // The run that trains is the longest, so it begins first.
    at_once(asked.len() + 1, workers, |at| {
        let Some(((environment, check), paths)) = at.checked_sub(1).and_then(|at| asked.get(at)) else {
            let mut command = Command::new(python(&place, "train"));
            command.arg(root.join("scripts/train_export.py")).arg(&outlay).arg(place.join("tiny"));
            return done(&mut command, "a tiny run");
        };
        let mut command = Command::new(python(&place, environment));
        if BESIDE.iter().any(|(name, _)| name == check) {
            command.env("PYTHONPATH", place.join(check));
        }
        command.arg(root.join("scripts/verify_exports.py")).arg(check).args(paths).current_dir(&place);
        done(&mut command, check)
    })?;
    eprintln!("programs: {:.0?}", start.elapsed());
    Ok(())
}

/// Does tasks on some threads, and prints what each said in the order of the tasks.
fn at_once(tasks: usize, workers: usize, task: impl Fn(usize) -> Result<String, String> + Sync) -> Result<(), String> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(vec![None; tasks]);
    std::thread::scope(|scope| {
        for _ in 0..workers.min(tasks) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= tasks {
                        break;
                    }
                    let outcome = task(at);
                    outcomes.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut faults = Vec::new();
    for outcome in outcomes.into_iter().flatten() {
        match outcome {
            Ok(said) => eprint!("{said}"),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
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

fn make(uv: &Path, place: &Path, environment: &Environment) -> Result<String, String> {
    let home = place.join(environment.name);
    let wanted = [environment.packages, &["--no-deps"], environment.bare].concat().join("\n");
    let mark = home.join("installed.txt");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(String::new());
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
    fs::write(&mark, wanted).map_err(|e| format!("{}: {e}", mark.display()))?;
    Ok(String::new())
}

/// Packages for one check, in a folder of their own.
fn beside(uv: &Path, place: &Path, name: &str, packages: &[&str]) -> Result<(), String> {
    let (folder, wanted) = (place.join(name), packages.join("\n"));
    let mark = folder.join("installed.txt");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut command = Command::new(uv);
    command.args(["pip", "install", "-q", "--no-deps", "-p"]).arg(python(place, "train"));
    done(command.arg("--target").arg(&folder).args(packages), name)?;
    fs::write(&mark, wanted).map_err(|e| format!("{}: {e}", mark.display()))
}

fn export(root: &Path, outlay: &Path, case: &Case, out: &Path) -> Result<(), String> {
    let mut command = Command::new(outlay);
    command.args(["export", case.job, "--to", case.to, "--force"]);
    command.args(case.flags).arg("--out").arg(out).args(["--today", "2026-11-24"]).current_dir(root);
    done(&mut command, &format!("export --to {}", case.to)).map(drop)
}

/// Runs a command to its end and gives what it said.
fn done(command: &mut Command, what: &str) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{what}: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(format!("{said}{}\n{what} failed: {command:?}", String::from_utf8_lossy(&output.stderr)))
}
