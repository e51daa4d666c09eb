"""What will it cost to train or fine-tune this language model, how long will it take, on which hardware, will it fit?

    >>> import outlay
    >>> answer = outlay.plan(model="llama-3.1-8b", method="qlora", data={"tokens": "6M", "epochs": 3})
    >>> answer.pick.hours.mid, answer.pick.cost_usd.low, answer.pick.cost_usd.high

A job is the path of a job file, its text, a dictionary of its sections, or keyword arguments, one a section, which go over
the others key by key. Answers are frozen dataclasses with units in the names of their fields; `None` is unknown, never zero.
Faults of a job raise `JobError`, with all of them in `problems`. The figures are those of the command `outlay`.
"""

from __future__ import annotations

import datetime
from typing import Any

from . import _job, _native
from ._base import Rows, rows_from_json
from ._job import JobError, JobLike, Problem
from .answers import *  # noqa: F403: every type of an answer
from .answers import AcceleratorRow, Diff, Levers, ModelRow, OfferRow, Response
from .answers import __all__ as _types

__version__: str = _native.__version__
__all__ = ["JobError", "JobLike", "Problem", "Rows", "diff", "estimate", "hardware", "levers", "models", "offers", "plan", *_types]


def plan(
    job: JobLike | None = None,
    /,
    *,
    today: datetime.date | str | None = None,
    time_limit: float | None = None,
    **sections: Any,
) -> Response:
    """The best hardware and layout for a job: what to rent, for how long, for how much.

    `pick` is `None` if nothing is feasible within the limits; `relaxations` then say what would have to give.

    `time_limit` ends the search after so many seconds with the best so far. `today` is the day on which the age of prices is
    judged.
    """
    return Response.from_json(_ask("plan", job, sections, today, time_limit))


def estimate(job: JobLike | None = None, /, *, today: datetime.date | str | None = None, **sections: Any) -> Response:
    """The forecast of exactly the machines and layout that the job names; what is left open is the quickest that fits."""
    return Response.from_json(_ask("estimate", job, sections, today))


def levers(job: JobLike | None = None, /, **sections: Any) -> Levers:
    """Every lever of a job one step each way: what it does to cost, time, memory and the expected loss."""
    return Levers.from_json(_ask("levers", job, sections, None))


def diff(before: JobLike, after: JobLike, /, *, today: datetime.date | str | None = None, **sections: Any) -> Diff:
    """What the change from one job to another does to its bill; sections go over both."""
    one, other = _job.text(before, sections), _job.text(after, sections)
    try:
        return Diff.from_json(_native.diff(one, other, _job.day(today)))
    except _native.Refused as refused:
        raise JobError.of(refused) from None


def models(*names: str) -> Rows[ModelRow]:
    """The model presets, or those whose name contains one of `names`."""
    return rows_from_json(ModelRow, _native.models(list(names)))


def hardware(*names: str, min_memory_gb: float | None = None) -> Rows[AcceleratorRow]:
    """The accelerators of the catalog, largest memory first."""
    return rows_from_json(AcceleratorRow, _native.hardware(list(names), min_memory_gb))


def offers(*names: str, provider: str | None = None) -> Rows[OfferRow]:
    """What can be rented, cheapest accelerator-hour first."""
    return rows_from_json(OfferRow, _native.offers(list(names), provider))


def _ask(
    question: str,
    job: JobLike | None,
    sections: dict[str, Any],
    today: datetime.date | str | None,
    time_limit: float | None = None,
) -> str:
    text = _job.text(job, sections)
    try:
        return _native.ask(question, text, _job.day(today), time_limit)
    except _native.Refused as refused:
        raise JobError.of(refused) from None
