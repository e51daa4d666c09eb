"""What one can do with an answer, and what is said of a job that is refused."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import outlay
import pytest
from conftest import EXAMPLES, ROOT

JOB = {"model": {"base": "llama-3.1-8b"}, "method": {"kind": "qlora"}, "data": {"tokens": "6M", "epochs": 3}}


def refused(*args: object, **sections: object) -> outlay.JobError:
    with pytest.raises(outlay.JobError) as caught:
        outlay.plan(*args, **sections)
    return caught.value


def test_answers_are_frozen_and_typed() -> None:
    answer = outlay.plan(JOB)
    assert answer.pick is not None and answer.pick.cost_usd is not None
    assert answer.pick.cost_usd.low <= answer.pick.cost_usd.mid <= answer.pick.cost_usd.high
    assert isinstance(answer.pick.layout, outlay.Layout) and isinstance(answer.front, tuple)
    assert answer.pick.terms.memory.parts[0].unit == "GiB"
    shares = [point.share for point in answer.pick.finish.quantiles]
    assert shares == sorted(shares) and 0.5 in shares
    with pytest.raises(dataclasses.FrozenInstanceError):
        answer.pick.nodes = 2  # type: ignore[misc]
    assert len(repr(answer)) < 3000 and "× Loser)" in repr(answer)


def test_nothing_feasible_is_an_answer() -> None:
    answer = outlay.plan(JOB, limits={"budget": "$0.0001"})
    assert answer.pick is None and answer.relaxations
    assert "<table>" in answer._repr_html_()


def test_all_faults_at_once() -> None:
    error = refused({"model": {"base": "llama-3.1-8b"}, "data": {"epohcs": 3, "tokens": True}, "modle": {}})
    assert [problem.at for problem in error.problems] == ["data.epohcs", "data.tokens", "modle"]
    assert "did you mean `epochs`?" in str(error)
    assert error.problems[0].code == "unknown-key"
    assert isinstance(error, ValueError)
    both = {"model": {"base": "nobody-1b"}}
    with pytest.raises(outlay.JobError) as caught:
        outlay.diff({"modle": {}}, {"data": 1})
    assert len(caught.value.problems) == 2
    assert refused(both).problems[0].code == "unknown-model"


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ("nowhere.toml", "unreadable-file"),
        ("[model\n", "bad-syntax"),
        ("{", "bad-syntax"),
        ({"data": {"tokens": math.nan}}, "out-of-range"),
        ({"data": {"tokens": object()}}, "wrong-type"),
        ({"model": {"base": "./nowhere"}}, "unreadable-file"),
        ({"model": {"base": "llama-3.1-8b"}, "data": {"path": "nowhere.txt"}}, "unreadable-file"),
        ({"model": "llama-3.1-8b"}, "wrong-type"),
    ],
)
def test_what_cannot_be_read_is_said(job: object, code: str) -> None:
    assert refused(job).problems[0].code == code


def test_days() -> None:
    import datetime

    assert outlay.plan(JOB, today=datetime.date(2026, 11, 24)) == outlay.plan(JOB)
    assert outlay.plan(JOB, today=datetime.datetime(2026, 11, 24, 5)) == outlay.plan(JOB)
    with pytest.raises(outlay.JobError):
        outlay.plan(JOB, today="tomorrow")
    with pytest.raises(ValueError, match="time_limit"):
        outlay.plan(JOB, time_limit=-1)


def test_tables() -> None:
    pandas = pytest.importorskip("pandas")
    answer = outlay.plan(JOB)
    plans = answer.to_pandas()
    assert list(plans["role"])[0] == "pick" and plans["cost_usd_low"][0] == answer.pick.cost_usd.low
    assert len(outlay.offers("h100").to_pandas()) == len(outlay.offers("h100"))
    bill = answer.pick.terms.bill.to_pandas()
    ends = answer.pick.cost_usd
    assert math.isclose(bill["value_low"][1:].sum(), ends.low) and math.isclose(bill["value_high"][1:].sum(), ends.high)
    memory = answer.pick.terms.memory.to_pandas()
    whole, parts = memory["value"][0], memory.loc[memory["depth"] == 1, "value"].sum()
    assert math.isclose(whole, parts, rel_tol=1e-9)
    assert {"lever", "change", "after_cost_usd"} <= set(outlay.levers(JOB).to_pandas())
    assert "change" in outlay.diff(JOB, EXAMPLES[0]).to_pandas()
    assert isinstance(answer.quality.to_pandas(), pandas.DataFrame)


def test_notebooks_show_tables_and_escape_names() -> None:
    answer = outlay.plan(JOB)
    for shown in (answer, outlay.levers(JOB), outlay.diff(JOB, EXAMPLES[0]), outlay.models("llama"), answer.quality):
        assert "<table>" in shown._repr_html_()
    named = dataclasses.replace(answer, verdict="<script>")
    assert "<script>" not in named._repr_html_() and "&lt;script&gt;" in named._repr_html_()
    assert "<details" in answer.pick.terms.memory._repr_html_()


def test_importing_brings_nothing_else() -> None:
    code = "import sys, outlay; print([m for m in ('pandas', 'transformers', 'torch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_is_typed() -> None:
    assert (Path(outlay.__file__).parent / "py.typed").exists()
    assert set(outlay.__all__) <= set(dir(outlay))


@pytest.mark.parametrize("page", ["README.md", "docs/guide/python.md"])
def test_examples_of_the_pages(page: str) -> None:
    """Each block of Python is run, and prints what the block of text behind it says.

    `OUTLAY_UPDATE=1` writes what is printed into the page.
    """
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert blocks, f"no example in {page}"
    for code, expected in blocks:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        if os.environ.get("OUTLAY_UPDATE"):
            text = text.replace(f"{code}```\n\n```text\n{expected}```", f"{code}```\n\n```text\n{done.stdout}```")
        else:
            assert done.stdout == expected, f"{page} is stale: OUTLAY_UPDATE=1 cargo xtask python"
    if os.environ.get("OUTLAY_UPDATE"):
        path.write_text(text, encoding="utf-8")
