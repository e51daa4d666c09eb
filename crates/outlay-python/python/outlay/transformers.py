"""A callback for the Trainer of Transformers: the forecast at the start, what is left of time and money on the way.

    >>> from outlay.transformers import OutlayCallback
    >>> trainer.add_callback(OutlayCallback(hardware={"accelerators": ["h100-sxm"], "gpus": 8}))

What the Trainer knows (model, steps, batch, precision, accelerators, adapters) is taken from it; sections that are given go
over that. What remains is told from the pace that was measured, not from the forecast; money from the price of the machines
in the forecast. Nothing here ever stops a training: where there is no forecast, it says why, and goes on with time alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from . import _job, estimate
from .answers import Response

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise ImportError("outlay.transformers needs transformers: pip install transformers") from error

__all__ = ["OutlayCallback", "job_of"]


class OutlayCallback(TrainerCallback):
    """Tells the forecast of a training at its start, and what is left of it at every log.

    `job` and sections are as for `outlay.plan`; `say` is how it speaks, `print` if nothing else is said.
    """

    def __init__(self, job: _job.JobLike | None = None, /, *, say: Callable[[str], None] = print, **sections: Any) -> None:
        self.forecast: Response | None = None
        """The forecast, once training has begun; `None`: there is none."""
        self._job, self._sections, self._say = job, sections, say
        self._began = self._paced = 0.0
        self._first = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._began, self._paced, self._first = time.monotonic(), 0.0, state.global_step
        if not state.is_world_process_zero:
            return
        try:
            known = job_of(args, state, kwargs.get("model"))
            given, folder = _job._read(self._job)
            for section, value in (*given.items(), *self._sections.items()):
                if value is not None:
                    _job._lay(known, section, _written(value))
            _job._look_up(known, folder)
            self.forecast = estimate(known)
            self._say(f"outlay: {self.forecast.verdict}")
        except _job.JobError as refused:
            self._say(f"outlay: no forecast: {refused}")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # The first step warms up: compilation, caches, allocators.
        if not self._paced:
            self._paced, self._first = time.monotonic(), state.global_step

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        done = state.global_step - self._first
        if not state.is_world_process_zero or not self._paced or done <= 0 or state.max_steps <= state.global_step:
            return
        pace = (time.monotonic() - self._paced) / done
        left = (state.max_steps - state.global_step) * pace
        text = f"outlay: step {state.global_step} of {state.max_steps}, {_span(pace)} each: {_span(left)} left"
        if self._price is not None:
            spent = (time.monotonic() - self._began) / 3600 * self._price
            text += f", ${left / 3600 * self._price:,.2f} to go after ${spent:,.2f}"
        if self.forecast is not None and self.forecast.pick is not None:
            text += f" (forecast {_span(self.forecast.pick.step_s.mid)} a step)"
        self._say(text)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not state.is_world_process_zero:
            return
        took = time.monotonic() - self._began
        text = f"outlay: {state.global_step} steps in {_span(took)}"
        if self._price is not None:
            text += f", ${took / 3600 * self._price:,.2f}"
        self._say(text)

    @property
    def _price(self) -> float | None:
        """USD for an hour of all machines; `None`: unknown."""
        pick = self.forecast.pick if self.forecast is not None else None
        if pick is None or pick.machine_usd_per_hour is None:
            return None
        return pick.machine_usd_per_hour * pick.nodes


def job_of(args: Any, state: Any, model: Any = None) -> dict[str, Any]:
    """The job that a Trainer is about to do, as far as its arguments, its state and its model tell."""
    world = max(1, getattr(args, "world_size", 1))
    micro = args.per_device_train_batch_size
    job: dict[str, Any] = {
        "model": {"start": "pretrained"},
        "method": {"kind": "full"},
        "data": {"steps": state.max_steps},
        "train": {
            "global_batch": micro * args.gradient_accumulation_steps * world,
            "precision": "bf16" if args.bf16 else "fp16" if args.fp16 else "fp32",
            "recompute": "full" if args.gradient_checkpointing else "none",
        },
        "hardware": {"gpus": world},
        "layout": {"micro_batch": micro},
    }
    length = getattr(args, "max_length", None) or getattr(args, "max_seq_length", None)
    if length:
        job["data"]["seq_len"] = length
    name = _accelerator()
    if name is not None:
        job["hardware"]["accelerators"] = [name]
    if model is not None:
        if hasattr(model, "config"):
            job["model"]["config"] = _job._config_of(model)
        adapter = next(iter(getattr(model, "peft_config", {}).values()), None)
        rank = getattr(adapter, "r", None)
        if rank:
            quantised = getattr(model, "is_loaded_in_4bit", False)
            job["method"] = {"kind": "qlora" if quantised else "lora", "rank": rank}
            targets = getattr(adapter, "target_modules", None)
            if targets and not isinstance(targets, str):
                job["method"]["targets"] = sorted(targets)
    return job


def _accelerator() -> str | None:
    """The accelerator of this process, by its own name."""
    try:
        import torch

        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    except ImportError:
        return None


def _written(value: Any) -> Any:
    """A section without the keys that it does not set."""
    return {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value


def _span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
