#!/usr/bin/env python3
"""Writes docs/comparison.md: outlay beside other planners, on speed and on the plans found.

Usage: cargo build --release && python3 scripts/compare.py

Each peer is installed from its public source into a throw-away environment; one that cannot be had is listed as such.
A peer that only evaluates is given the layouts one by one, as its user would have to. Plans are then all put to outlay,
which is one of the parties: read that column as "what outlay would expect", not as a measurement.
"""

import json
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUTLAY = ROOT / "target" / "release" / "outlay"
PAGE = ROOT / "docs" / "comparison.md"
PEER = "llm-analysis==0.2.2"
CALCULON = "https://github.com/calculon-ai/calculon"

GPT3 = {"layers": 96, "hidden": 12288, "heads": 96, "kv_heads": 96, "ffn": 49152, "vocab": 51200, "gated": False}
GPT30 = {"layers": 48, "hidden": 7168, "heads": 64, "kv_heads": 64, "ffn": 28672, "vocab": 50368, "gated": False}
GPT7 = {"layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 32, "ffn": 16384, "vocab": 50368, "gated": False}
LLAMA70 = {"layers": 80, "hidden": 8192, "heads": 64, "kv_heads": 8, "ffn": 28672, "vocab": 128256, "gated": True}

# name, model, sequence, batch, accelerator here, accelerator there, count
JOBS = [
    ("GPT-3 175B, 4,096 A100 80GB", GPT3, 2048, 4096, "A100 SXM4 80GB", "a100-sxm-80gb", 4096),
    ("GPT 30B, 256 H100", GPT30, 2048, 1024, "h100-sxm", "h100-sxm-80gb", 256),
    ("GPT 7B, 8 A100 80GB", GPT7, 2048, 256, "A100 SXM4 80GB", "a100-sxm-80gb", 8),
    ("Llama 3 70B, 512 H100", LLAMA70, 8192, 1024, "h100-sxm", "h100-sxm-80gb", 512),
]


def job(model, seq, batch, part, count, layout):
    """A job file."""
    custom = dict(model, activation="silu" if model["gated"] else "gelu")
    lines = ["[model]", 'start = "scratch"', "[model.custom]"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in custom.items()]
    lines += ["[data]", 'tokens = "100B"', f"seq_len = {seq}", "[train]", f"global_batch = {batch}"]
    if "recompute" in layout:
        lines.append(f'recompute = "{layout["recompute"]}"')
    lines += ["[hardware]", f'accelerators = ["{part}"]', f"gpus = {count}", "[goal]", 'minimize = "time"']
    fixed = {key: value for key, value in layout.items() if key != "recompute"}
    if fixed:
        lines += ["[layout]"] + [f"{key} = {json.dumps(value)}" for key, value in fixed.items()]
    return "\n".join(lines) + "\n"


def ask(command, text):
    """outlay's answer and the seconds it took."""
    start = time.perf_counter()
    done = subprocess.run([OUTLAY, command, "-", "--json"], input=text, capture_output=True, text=True, check=False)
    took = time.perf_counter() - start
    if not done.stdout.strip():
        return None, took
    return json.loads(done.stdout), took


# Runs inside the peer's environment: every layout its evaluation takes, the best by its own estimate.
DRIVER = r"""
import json, logging, sys, time
logging.disable(logging.CRITICAL)
from llm_analysis.analysis import ActivationRecomputation, DSZeRO, LLMAnalysis
from llm_analysis.config import ModelConfig, ParallelismConfig, get_dtype_config_by_name, get_gpu_config_by_name
logging.disable(logging.CRITICAL)
model, seq, batch, part, count = json.loads(sys.argv[1])
config = ModelConfig(name="m", num_layers=model["layers"], n_head=model["heads"], hidden_dim=model["hidden"],
                     vocab_size=model["vocab"], max_seq_len=seq, num_key_value_heads=model["kv_heads"],
                     ffn_embed_dim=model["ffn"])
gpu, dtype = get_gpu_config_by_name(part), get_dtype_config_by_name("w16a16e16")
tried = failed = 0
best = None
start = time.perf_counter()
for tp in [n for n in (1, 2, 4, 8) if model["heads"] % n == 0]:
    for pp in [n for n in range(1, model["layers"] + 1) if model["layers"] % n == 0 and count % (tp * n) == 0]:
        dp = count // tp // pp
        if batch % dp:
            continue
        size = 1
        while batch // dp % size == 0 and size <= batch // dp:
            for recompute in ActivationRecomputation:
                for zero in DSZeRO:
                    tried += 1
                    try:
                        analysis = LLMAnalysis(config, gpu, dtype, ParallelismConfig(tp_size=tp, pp_size=pp, dp_size=dp, sp_size=tp),
                                               flops_efficiency=0.4)
                        said = analysis.training(batch_size_per_gpu=size, gradient_accumulation_steps=batch // dp // size,
                                                 seq_len=seq, activation_recomputation=recompute, ds_zero=zero,
                                                 mlp_gated_linear_units=model["gated"])
                    except Exception:
                        failed += 1
                        continue
                    seconds = said["latency_per_iter"]
                    left = said.get("memory_left_per_gpu", said.get("estimated_peak_memory_per_gpu"))
                    if best is None or seconds < best["seconds"]:
                        best = {"seconds": seconds, "tp": tp, "pp": pp, "dp": dp, "micro_batch": size,
                                "recompute": recompute.name.lower(), "zero": zero.value}
            size *= 2
print("RESULT" + json.dumps({"tried": tried, "failed": failed, "took": time.perf_counter() - start, "best": best}))
"""


def install(folder):
    """The peer's Python, or why it cannot be had."""
    venv.create(folder, with_pip=True)
    python = pathlib.Path(folder) / "bin" / "python"
    done = subprocess.run([python, "-m", "pip", "-q", "install", PEER], capture_output=True, text=True, check=False)
    return (python, None) if done.returncode == 0 else (None, done.stderr.strip().splitlines()[-1])


def reachable(url):
    """A repository answers."""
    command = ["git", "ls-remote", "--exit-code", url, "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def words(layout):
    """A layout in a few words."""
    keys = ["dp", "tp", "pp", "vpp", "micro_batch"]
    parts = [f"{key.replace('_', '-')} {layout[key]}" for key in keys if layout.get(key, 1) != 1]
    return ", ".join(parts + ["not sharded" if layout["zero"] == "none" else layout["zero"].replace("zero", "ZeRO-"), f"{'no' if layout['recompute'] == 'none' else layout['recompute']} recomputation"])


def seconds(value):
    """Seconds, short."""
    return f"{value:.2f} s" if value < 100 else f"{value:,.0f} s"


def rows(python):
    """The table's lines."""
    lines = []
    for name, model, seq, batch, here, there, count in JOBS:
        answer, took = ask("plan", job(model, seq, batch, here, count, {}))
        pick, search = answer["pick"], answer["search"]
        lines.append(f"| {name} | outlay | {search['layouts']:,} | {took:.2f} s | {words(pick['layout'])} | "
                     f"{seconds(pick['step_s']['mid'])} | {seconds(pick['step_s']['mid'])} |")
        flops = 6 * answer["job"]["params"] * seq * batch
        peak = {"A100 SXM4 80GB": 312e12, "h100-sxm": 989e12}[here]
        lines.append(f"| | 6·N·D at 40 % of the peak | none | at once | none | {seconds(flops / (peak * 0.4 * count))} | |")
        if python is None:
            continue
        argument = json.dumps([model, seq, batch, there, count])
        done = subprocess.run([python, "-c", DRIVER, argument], capture_output=True, text=True, check=False)
        said = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
        if not said:
            why = done.stderr.strip().splitlines()[-1].split(": ", 1)[-1] if done.stderr.strip() else "no answer"
            lines.append(f"| | {PEER.replace('==', ' ')} | none | | refuses the model: {why} | | |")
            continue
        said = json.loads(said[0][len("RESULT"):])
        best = said["best"]
        layout = {key: best[key] for key in ("dp", "tp", "pp", "micro_batch", "recompute")}
        layout["zero"] = "none" if best["zero"] == 0 else f"zero{best['zero']}"
        put, _ = ask("estimate", job(model, seq, batch, here, count, layout))
        if put and put.get("pick"):
            seen = put["pick"]
            fit = "" if seen["fit"] == "fits" else f", {seen['fit'].replace('-', ' ')}"
            eyes = seconds(seen["step_s"]["mid"]) + fit
        else:
            eyes = "not legal"
        lines.append(f"| | {PEER.replace('==', ' ')}, layout by layout | {said['tried']:,} | {said['took']:.1f} s | {words(layout)} | "
                     f"{seconds(best['seconds'])} | {eyes} |")
    return lines


def main():
    """Asks everybody and writes the page."""
    if not OUTLAY.exists():
        sys.exit("build it first: cargo build --release")
    with tempfile.TemporaryDirectory() as folder:
        python, why = install(folder)
        table = rows(python)
    calculon = "could be had" if reachable(CALCULON) else "could not be reached from where this page was written"
    absent = [
        f"- Calculon (`{CALCULON}`): searches execution strategies of one model on one system exhaustively; its source {calculon}.",
        "- Hetu-Galvatron (PyPI `hetu-galvatron`): searches after profiling layers and links on the cluster itself; needs its GPUs.",
    ]
    if python is None:
        absent.append(f"- {PEER}: {why}")
    text = f"""# Comparison

Written by `scripts/compare.py`; do not edit. Every tool was asked for the quickest layout of the same job on the same
accelerators, on {platform.machine()} with {len(__import__('os').sched_getaffinity(0))} processors.

- *covered*: layouts the tool looked at, or proved that it need not. *took*: the whole command; for a tool that only evaluates,
  all its evaluations one after the other in its own process.
- *own estimate*: seconds of an optimizer step as the tool expects them for the plan it found. *in outlay's eyes*: what outlay
  expects for that same plan. outlay is a party here: how right it is stands in [accuracy](accuracy.md), on measured runs.

| job | tool | covered | took | plan | own estimate | in outlay's eyes |
|---|---|---:|---:|---|---:|---:|
""" + "\n".join(table) + "\n\nNot run here:\n\n" + "\n".join(absent) + "\n"
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
