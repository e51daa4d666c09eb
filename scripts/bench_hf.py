"""Measures training steps of transformers' Trainer on one accelerator: rows for accuracy/evidence/own_runs.csv.

    python scripts/bench_hf.py accuracy/evidence/own_runs.csv > rows.jsonl

Runs every row of the table again, with random weights and tokens, and prints what it took: the median time of nine steps after
three, and the memory that the driver counts for the device at the end. Needs torch, transformers, peft and an accelerator; nothing
is fetched. The configs are those of accuracy/evidence/configs.
"""

import csv
import gc
import json
import pathlib
import subprocess
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

CONFIGS = pathlib.Path(__file__).parent.parent / "accuracy" / "evidence" / "configs"
STEPS, WARM_UP = 12, 3


class Tokens(torch.utils.data.Dataset):
    """Sequences of random tokens, the same each time."""

    def __init__(self, vocab, seq_len, count):
        self.vocab, self.seq_len, self.count = vocab, seq_len, count

    def __len__(self):
        return self.count

    def __getitem__(self, at):
        tokens = torch.randint(0, self.vocab, (self.seq_len,), generator=torch.Generator().manual_seed(at))
        return {"input_ids": tokens, "labels": tokens}


class Clock(TrainerCallback):
    """When each step ended."""

    def __init__(self):
        self.ends = []

    def on_step_end(self, *_args, **_kwargs):
        torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


def model(row):
    """The row's model with random weights on the device."""
    config = json.loads((CONFIGS / f"{row['model_config_name']}.json").read_text())
    config = AutoConfig.for_model(config.pop("model_type"), **config)
    config.use_cache = False
    adapters = row["task"] == "lora"
    kind = torch.bfloat16 if adapters else torch.float32
    with torch.device("cuda"):
        made = AutoModelForCausalLM.from_config(config, dtype=kind, attn_implementation=row["attention_impl"])
    if adapters:
        targets = row["lora_targets"]
        made = get_peft_model(
            made,
            LoraConfig(
                r=int(row["lora_rank"]),
                lora_alpha=2 * int(row["lora_rank"]),
                lora_dropout=float(row["lora_dropout"] or 0),
                target_modules=targets.split("+") if "_" in targets else targets,
                task_type="CAUSAL_LM",
            ),
        )
        if row["activation_recompute"] == "full":
            made.enable_input_require_grads()
    return made, config


def measure(row):
    """Trains for a few steps and says what they took."""
    made, config = model(row)
    batch, seq_len = int(row["micro_batch"]), int(row["seq_len"])
    clock = Clock()
    arguments = TrainingArguments(
        "/tmp/bench_hf",
        per_device_train_batch_size=batch,
        max_steps=STEPS,
        bf16=True,
        gradient_checkpointing=row["activation_recompute"] == "full",
        torch_compile=row["compile_flag"] == "yes",
        optim="adamw_torch_fused",
        dataloader_num_workers=2,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
    Trainer(
        model=made, args=arguments, train_dataset=Tokens(config.vocab_size, seq_len, STEPS * batch), callbacks=[clock]
    ).train()
    steps = sorted(end - start for start, end in zip(clock.ends[WARM_UP - 1 :], clock.ends[WARM_UP:]))
    used = subprocess.check_output(["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"])
    return {"id": row["id"], "step_time_s": steps[len(steps) // 2], "peak_gib": int(used.split()[0]) / 1024}


if __name__ == "__main__":
    with open(sys.argv[1], newline="") as table:
        for row in csv.DictReader(table):
            try:
                print(json.dumps(measure(row)), flush=True)
            except (RuntimeError, ValueError) as error:
                print(json.dumps({"id": row["id"], "failed": str(error)[:200]}), flush=True)
            gc.collect()
            torch.cuda.empty_cache()
