"""The package and the command answer with the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import outlay
import pytest
from conftest import EXAMPLES, ROOT, printed


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_plan_and_levers_of_every_example(path: Path) -> None:
    assert outlay.plan(path).to_json() == printed("plan", path)
    assert outlay.levers(path).to_json() == printed("levers", path)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 7


def test_estimate_and_diff() -> None:
    guide = ROOT / "examples/mistral-7b-guide-a10g.toml"
    assert outlay.estimate(guide).to_json() == printed("estimate", guide)
    one, other = ROOT / "examples/mistral-7b-lora.toml", ROOT / "examples/llama-3.1-8b-qlora.toml"
    assert outlay.diff(one, other).to_json() == printed("diff", one, other)


def test_every_form_of_a_job_is_the_same_job() -> None:
    expected = printed("plan", "--model", "llama-3.1-8b", "--method", "qlora", "--tokens", "6M", "--epochs", "3")
    text = '[model]\nbase = "llama-3.1-8b"\n[method]\nkind = "qlora"\n[data]\ntokens = "6M"\nepochs = 3\n'
    sections = {"model": {"base": "llama-3.1-8b"}, "method": {"kind": "qlora"}, "data": {"tokens": "6M", "epochs": 3}}
    assert outlay.plan(text).to_json() == expected
    assert outlay.plan(sections).to_json() == expected
    assert outlay.plan(json.dumps(sections)).to_json() == expected
    assert outlay.plan(model="llama-3.1-8b", method="qlora", data={"tokens": "6M", "epochs": 3}).to_json() == expected


def test_sections_go_over_the_file_key_by_key() -> None:
    path = ROOT / "examples/llama-3.1-8b-qlora.toml"
    ours = outlay.plan(str(path), data={"epochs": 1}, limits={"budget": "$5"}, goal="time", hardware="l4")
    assert ours.to_json() == printed("plan", path, "--epochs", 1, "--budget", "$5", "--goal", "time", "--gpu", "l4")


def test_lists() -> None:
    assert outlay.models().to_json() == printed("models")
    assert outlay.hardware("h100").to_json() == printed("hardware", "h100")
    assert outlay.hardware(min_memory_gb=90).to_json() == printed("hardware", "--min-memory", 90)
    assert outlay.offers("l40s", provider="runpod").to_json() == printed(
        "offers", "l40s", "--provider", "runpod", "--limit", 0
    )


def test_models_and_data_that_are_named_are_read(tmp_path: Path) -> None:
    # Not strict JSON, as some of the hub are not.
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 512, "intermediate_size": 2048,
              "num_hidden_layers": 8, "num_attention_heads": 8, "vocab_size": 32000}  # fmt: skip
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.json").write_text(json.dumps(config)[:-1] + ', "bound": Infinity}')
    (tmp_path / "text.txt").write_text("word " * 200_000)
    job = tmp_path / "job.toml"
    job.write_text('[model]\nbase = "mine"\n[method]\nkind = "lora"\n[data]\npath = "text.txt"\nlanguage = "english"\n')
    assert outlay.plan(job).to_json() == printed("plan", job)
    assert outlay.plan(job, data={"path": tmp_path / "text.txt"}).job.tokens == outlay.plan(job).job.tokens


def test_an_answer_survives_its_dictionary() -> None:
    answer = outlay.plan(EXAMPLES[0])
    assert outlay.Response.from_dict(answer.to_dict()) == answer
    assert outlay.Response.from_json(answer.to_json()) == answer
    assert hash(answer) == hash(outlay.Response.from_json(answer.to_json()))
