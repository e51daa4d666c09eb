"""The callback of the Trainer, driven as the Trainer drives it.

Where Transformers is not installed, a module with its one class stands in for it: what is tested is ours.
"""

from __future__ import annotations

import sys
import types
from types import SimpleNamespace

import pytest

try:
    import transformers  # noqa: F401
except ImportError:
    sys.modules["transformers"] = types.SimpleNamespace(TrainerCallback=type("TrainerCallback", (), {}))

from outlay import transformers as ours

CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048, "intermediate_size": 5632,
          "num_hidden_layers": 22, "num_attention_heads": 32, "num_key_value_heads": 4, "vocab_size": 32000}  # fmt: skip


def setting(**changes: object) -> SimpleNamespace:
    usual = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 8, "world_size": 2, "bf16": True,
             "fp16": False, "gradient_checkpointing": True, "max_length": 1024}  # fmt: skip
    return SimpleNamespace(**(usual | changes))


def model(**more: object) -> SimpleNamespace:
    return SimpleNamespace(config=SimpleNamespace(to_dict=lambda: dict(CONFIG)), **more)


def state(step: int = 0, first: bool = True) -> SimpleNamespace:
    return SimpleNamespace(global_step=step, max_steps=100, is_world_process_zero=first)


def run(callback: ours.OutlayCallback, *, first: bool = True, **changes: object) -> None:
    args = setting(**changes)
    callback.on_train_begin(args, state(0, first), None, model=model())
    for step in (1, 2, 3):
        callback.on_step_end(args, state(step, first), None)
        callback.on_log(args, state(step, first), None, logs={"loss": 1.0})
    callback.on_train_end(args, state(100, first), None)


def test_what_the_trainer_knows() -> None:
    lora = SimpleNamespace(r=8, target_modules={"v_proj", "q_proj"})
    job = ours.job_of(setting(), state(), model(peft_config={"default": lora}, is_loaded_in_4bit=True))
    assert job["train"] == {"global_batch": 64, "precision": "bf16", "recompute": "full"}
    assert job["method"] == {"kind": "qlora", "rank": 8, "targets": ["q_proj", "v_proj"]}
    assert job["data"] == {"steps": 100, "seq_len": 1024} and job["hardware"]["gpus"] == 2
    assert job["model"]["config"]["hidden_size"] == 2048


def test_forecast_first_then_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 100_000, 10))
    monkeypatch.setattr(ours.time, "monotonic", lambda: float(next(clock)))
    said: list[str] = []
    callback = ours.OutlayCallback(hardware={"accelerators": ["h100-sxm"], "providers": ["lambda"]}, say=said.append)
    run(callback)
    assert callback.forecast is not None and callback.forecast.pick is not None
    assert said[0] == f"outlay: {callback.forecast.verdict}" and "H100" in said[0]
    assert said[1].startswith("outlay: step 2 of 100, ") and " left, $" in said[1] and "(forecast " in said[1]
    assert said[-1].startswith("outlay: 100 steps in ")


def test_without_a_forecast_time_is_told_all_the_same() -> None:
    said: list[str] = []
    callback = ours.OutlayCallback(hardware={"accelerators": ["no-such-card"]}, say=said.append)
    run(callback)
    assert callback.forecast is None
    assert said[0].startswith("outlay: no forecast: error[unknown-name]") and "no-such-card" in said[0]
    assert " left" in said[1] and "$" not in said[1]


def test_only_the_first_process_speaks() -> None:
    said: list[str] = []
    run(ours.OutlayCallback(hardware={"accelerators": ["h100-sxm"]}, say=said.append), first=False)
    assert said == []
