//! Megatron-LM's arguments in a script: the model by its dimensions.

use std::fmt::Write as _;

use outlay::Problem;
use outlay::core::layout::{Offload, Recompute, Schedule as Order, Zero};
use outlay::core::learning::rate::Schedule;
use outlay::core::model::ActivationKind;
use outlay::core::scenario::recipe::Method;

use super::chosen::{Chosen, cannot, recomputed};
use super::decoder::Decoder;
use super::launch::{By, Start};
use super::{Exported, File, head};

const NAME: &str = "megatron.sh";
const STACK: &str = "Megatron-LM";

pub(crate) fn write(
    chosen: &Chosen<'_>,
    _version: Option<&str>,
    exported: &mut Exported,
) -> Result<Start, Vec<Problem>> {
    let mut problems = Vec::new();
    if !matches!(chosen.scenario.recipe.method, Method::Full) {
        let help = "axolotl, trl, llama-factory and torchtune have them: --to axolotl";
        problems.push(cannot(STACK, "method.kind", "adapters or frozen layers", help));
    }
    if !chosen.packing() {
        let help = "fix data.packing = true; megatron-bridge pads samples of fine-tuning: --to megatron-bridge";
        problems.push(cannot(STACK, "data.packing", "padded samples", help));
    }
    let mut arguments = Arguments::default();
    model(chosen, &mut arguments, &mut problems);
    split(chosen, &mut arguments, &mut problems);
    recompute(chosen, &mut arguments, &mut problems);
    batch(chosen, &mut arguments, &mut problems);
    arguments.say("# data and checkpoints");
    arguments.value("--data-path", chosen.data().text());
    arguments.value("--tokenizer-type", "HuggingFaceTokenizer").value("--tokenizer-model", chosen.model.text());
    arguments.value("--save", "out").value("--save-interval", chosen.save_steps().unwrap_or(chosen.plan.steps.max(1)));
    arguments.value("--ckpt-format", if fsdp(chosen) { "fsdp_dtensor" } else { "torch_dist" });
    if chosen.scenario.operation.checkpoint_async {
        arguments.flag("--async-save");
    }
    // After an interruption the run goes on from what is there.
    arguments.value("--load", "out");
    if !chosen.scratch() {
        arguments.value("--pretrained-checkpoint", "pretrained").flag("--finetune");
        exported.open("pretrained: the weights, converted to Megatron's form");
    }
    arguments.value("--eval-iters", 0u64).value("--log-interval", 10u64).flag("--log-throughput");
    if !problems.is_empty() {
        return Err(problems);
    }
    exported.open(format!("the data in place of {}: a prefix of what preprocess_data.py wrote", chosen.data().text()));
    exported.open("pretrain_gpt.py: run it in a checkout of Megatron-LM");
    let mut text = String::from("#!/usr/bin/env bash\n");
    text.push_str(&head(chosen, "Megatron-LM: torchrun's options as arguments", &exported.open));
    text.push_str("set -euo pipefail\nARGUMENTS=(\n");
    text.push_str(&arguments.0);
    text.push_str(")\nexec torchrun \"$@\" pretrain_gpt.py \"${ARGUMENTS[@]}\"\n");
    exported.files.insert(0, File { name: NAME.into(), text });
    Ok(Start {
        install: vec!["pip install megatron-core transformer-engine[pytorch]".into()],
        // One queue keeps communication ahead of the work it overlaps with; its FSDP needs several, and refuses one.
        env: if fsdp(chosen) { Vec::new() } else { vec![("CUDA_DEVICE_MAX_CONNECTIONS", "1".into())] },
        by: By::Takes(format!("bash {NAME} {{}} ")),
        files: vec![NAME.into()],
        output: "out",
    })
}

/// Sharded by Megatron-FSDP.
fn fsdp(chosen: &Chosen<'_>) -> bool {
    matches!(chosen.layout().zero, Zero::Two | Zero::Three)
}

/// Lines of the array.
#[derive(Default)]
struct Arguments(String);

impl Arguments {
    fn say(&mut self, comment: &str) {
        let _ = writeln!(self.0, "  {comment}");
    }

    fn flag(&mut self, name: &str) -> &mut Self {
        let _ = writeln!(self.0, "  {name}");
        self
    }

    fn value(&mut self, name: &str, value: impl ToString) -> &mut Self {
        let value = value.to_string();
        let plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+:,".contains(c));
        let value = if plain { value } else { format!("'{}'", value.replace('\'', "'\\''")) };
        let _ = writeln!(self.0, "  {name} {value}");
        self
    }
}

fn model(chosen: &Chosen<'_>, arguments: &mut Arguments, problems: &mut Vec<Problem>) {
    let model = &chosen.scenario.model;
    let Some(decoder) = Decoder::of(chosen, STACK, problems) else { return };
    let Decoder { attention, experts, .. } = decoder;
    arguments.say("# model");
    arguments.value("--num-layers", model.depth()).value("--hidden-size", model.hidden);
    arguments.value("--ffn-hidden-size", decoder.ffn);
    arguments.value("--num-attention-heads", attention.heads).value("--kv-channels", attention.qk_dim);
    if attention.kv_heads < attention.heads {
        arguments.flag("--group-query-attention").value("--num-query-groups", attention.kv_heads);
    }
    let length = chosen.scenario.recipe.seq_len;
    arguments.value("--seq-length", length);
    arguments.value("--max-position-embeddings", model.max_positions.unwrap_or(length).max(length));
    arguments.value("--vocab-size", model.vocab);
    if decoder.rotary {
        arguments.value("--position-embedding-type", "rope");
    }
    if !decoder.centred {
        arguments.value("--normalization", "RMSNorm");
    }
    match (decoder.kind, decoder.gated) {
        (ActivationKind::Silu, true) => {
            arguments.flag("--swiglu");
        }
        (ActivationKind::Relu2, false) => {
            arguments.flag("--squared-relu");
        }
        (ActivationKind::Gelu | ActivationKind::GeluNew | ActivationKind::GeluTanh, false) => {}
        _ => problems.push(cannot(
            STACK,
            "model.base",
            "this activation function",
            "SwiGLU, GELU and squared ReLU can be written",
        )),
    }
    if let Some(window) = decoder.window {
        // Keys before a query, without its own.
        arguments.value("--window-size", format!("{},0", window.saturating_sub(1)));
    }
    if !decoder.tied {
        arguments.flag("--untie-embeddings-and-output-weights");
    }
    if !decoder.bias {
        arguments.flag("--disable-bias-linear");
    }
    if decoder.qkv_bias {
        arguments.flag("--add-qkv-bias");
    }
    if decoder.norm_on_heads {
        arguments.flag("--qk-layernorm");
    }
    arguments.value("--attention-dropout", "0.0").value("--hidden-dropout", "0.0");
    if let Some(experts) = experts {
        arguments.value("--num-experts", experts.experts).value("--moe-router-topk", experts.top_k);
        arguments.value("--moe-ffn-hidden-size", experts.ffn).flag("--moe-grouped-gemm");
        arguments.value("--moe-token-dispatcher-type", "alltoall");
    }
    if model.further() > 0 {
        arguments.value("--mtp-num-layers", model.further());
    }
}

fn split(chosen: &Chosen<'_>, arguments: &mut Arguments, problems: &mut Vec<Problem>) {
    let layout = chosen.layout();
    arguments.say("# layout");
    arguments.value("--tensor-model-parallel-size", layout.tp);
    arguments.value("--pipeline-model-parallel-size", layout.pp);
    arguments.value("--context-parallel-size", layout.cp);
    if layout.ep > 1 {
        arguments.value("--expert-model-parallel-size", layout.ep);
    }
    if layout.sequence_parallel {
        arguments.flag("--sequence-parallel");
    }
    let depth = chosen.scenario.model.depth();
    if layout.pp > 1 && layout.vpp > 1 {
        if depth.is_multiple_of(layout.pp * layout.vpp) {
            arguments.value("--num-layers-per-virtual-pipeline-stage", depth / (layout.pp * layout.vpp));
        } else {
            arguments.value("--num-virtual-stages-per-pipeline-rank", layout.vpp);
            // Embedding and head count as a layer each.
            arguments.flag("--account-for-embedding-in-pipeline-split").flag("--account-for-loss-in-pipeline-split");
        }
    } else if layout.pp > 1 && (layout.stage_layers > 0 || !depth.is_multiple_of(layout.pp)) {
        arguments.value("--decoder-last-pipeline-num-layers", layout.last_stage(depth));
    }
    pipeline_limits(chosen, STACK, problems);
    match layout.zero {
        Zero::None => {}
        Zero::One => {
            arguments.flag("--use-distributed-optimizer").flag("--overlap-grad-reduce").flag("--overlap-param-gather");
        }
        Zero::Two | Zero::Three => {
            let strategy = if layout.zero == Zero::Two { "optim_grads" } else { "optim_grads_params" };
            arguments.flag("--use-megatron-fsdp").value("--data-parallel-sharding-strategy", strategy);
            arguments.flag("--use-distributed-optimizer").flag("--no-gradient-accumulation-fusion");
        }
    }
    if layout.zero != Zero::None && layout.shard < layout.dp {
        let help = "axolotl and torchtitan have one; or fix layout.shard to all data-parallel ranks";
        problems.push(cannot(STACK, "layout.shard", "sharding within groups of ranks", help));
    }
    match layout.offload {
        Offload::None => {}
        Offload::Optimizer => {
            arguments.flag("--optimizer-cpu-offload").flag("--use-precision-aware-optimizer");
        }
        Offload::OptimizerAndParameters => {
            let help = "fix layout.offload = \"none\" or \"optimizer\"; deepspeed has one";
            problems.push(cannot(STACK, "layout.offload", "parameters in host memory", help));
        }
    }
}

/// What no pipeline of Megatron-Core does, whichever program drives it.
pub(super) fn pipeline_limits(chosen: &Chosen<'_>, stack: &str, problems: &mut Vec<Problem>) {
    let (layout, depth) = (chosen.layout(), chosen.scenario.model.depth());
    if layout.pp <= 1 {
        return;
    }
    let stages = layout.pp * layout.vpp;
    // Where they do not divide, embedding and head count as a layer each.
    if layout.vpp > 1 && !depth.is_multiple_of(stages) && !(depth + 2).is_multiple_of(stages) {
        let help = "fix layout.vpp so that layout.pp · layout.vpp divides the layers, or the layers and two";
        problems.push(cannot(stack, "layout.vpp", "virtual stages of so uneven a size", help));
    }
    if layout.schedule != Order::OneFOneB {
        let help = "fix layout.schedule = \"1f1b\"";
        problems.push(cannot(stack, "layout.schedule", "an order of work other than one forward, one backward", help));
    }
}

fn recompute(chosen: &Chosen<'_>, arguments: &mut Arguments, problems: &mut Vec<Problem>) {
    let layout = chosen.layout();
    match layout.recompute {
        Recompute::None => {}
        Recompute::Selective => {
            arguments.value("--recompute-granularity", "selective");
        }
        Recompute::Layers(eighths) => {
            let layers = chosen.of_a_stage(eighths);
            if layers == 0 {
                problems.push(cannot(
                    STACK,
                    "train.recompute",
                    recomputed(layout.recompute),
                    "fix train.recompute = \"none\"",
                ));
            }
            arguments.value("--recompute-granularity", "full").value("--recompute-method", "block");
            arguments.value("--recompute-num-layers", layers);
        }
        Recompute::Full => {
            arguments.value("--recompute-granularity", "full").value("--recompute-method", "uniform");
            arguments.value("--recompute-num-layers", 1u64);
        }
    }
}

fn batch(chosen: &Chosen<'_>, arguments: &mut Arguments, problems: &mut Vec<Problem>) {
    let layout = chosen.layout();
    arguments.say("# batch, length, rate, formats");
    arguments.value("--micro-batch-size", layout.micro_batch);
    arguments.value("--global-batch-size", chosen.scenario.recipe.global_batch);
    arguments.value("--train-iters", chosen.plan.steps);
    arguments.value("--lr", super::node::real(chosen.learning_rate()));
    match chosen.scenario.dynamics.schedule {
        Schedule::Cosine => arguments.value("--lr-decay-style", "cosine"),
        Schedule::Linear => arguments.value("--lr-decay-style", "linear"),
        Schedule::Constant => arguments.value("--lr-decay-style", "constant"),
        Schedule::Wsd(cooldown) => {
            let steps = chosen.cooldown_steps(cooldown);
            arguments.value("--lr-decay-style", "WSD").value("--lr-wsd-decay-iters", steps)
        }
    };
    match chosen.optimizer().as_str() {
        "adamw" => arguments.value("--optimizer", "adam"),
        "sgd" => arguments.value("--optimizer", "sgd").value("--sgd-momentum", "0.0"),
        "sgd-momentum" => arguments.value("--optimizer", "sgd").value("--sgd-momentum", "0.9"),
        "muon" if fsdp(chosen) => {
            let help = "fix layout.zero = \"none\" or \"zero1\", or train.optimizer = \"adamw\"";
            problems.push(cannot(STACK, "train.optimizer", "muon over sharded gradients", help));
            &mut *arguments
        }
        "muon" => arguments.value("--optimizer", "muon"),
        other => {
            let what = format!("the optimizer {other}");
            problems.push(cannot(STACK, "train.optimizer", &what, "adamw, sgd and muon can be written"));
            &mut *arguments
        }
    };
    match chosen.precision().as_str() {
        "bf16" => arguments.flag("--bf16"),
        "fp16" => arguments.flag("--fp16"),
        "fp32" => &mut *arguments,
        "fp8" => arguments.flag("--bf16").value("--fp8-format", "hybrid"),
        "mxfp8" => arguments.flag("--bf16").value("--fp8-format", "e4m3").value("--fp8-recipe", "mxfp8"),
        "nvfp4" => arguments.flag("--bf16").value("--fp4-format", "e2m1"),
        other => {
            let help = "bf16, fp16, fp32, fp8, mxfp8 and nvfp4 can be written";
            problems.push(cannot(STACK, "train.precision", &format!("the format {other}"), help));
            &mut *arguments
        }
    };
    arguments.value("--transformer-impl", "transformer_engine");
    match chosen.request.train.gradients.as_deref() {
        Some("bf16") => arguments.flag("--grad-reduce-in-bf16"),
        Some("fp16") => {
            let help = "fp32 and bf16 can be written";
            problems.push(cannot(STACK, "train.gradients", "gradients summed in fp16", help));
            &mut *arguments
        }
        _ => &mut *arguments,
    };
    if let Some((made_by, parts)) = super::chosen::graphs(chosen) {
        arguments.value("--cuda-graph-impl", made_by);
        if !parts.is_empty() {
            arguments.flag(&format!("--cuda-graph-scope {}", parts.join(" ")));
        }
    }
}
