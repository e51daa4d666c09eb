"""Where things are, and the command beside the package."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TODAY = "2026-11-24"
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock and no hub."""
    monkeypatch.setenv("OUTLAY_TODAY", TODAY)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def command(*args: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The command with these arguments."""
    program = os.environ.get("OUTLAY_COMMAND", str(ROOT / "target/debug/outlay"))
    return subprocess.run([program, *map(str, args)], capture_output=True, text=True, cwd=cwd, check=False)


def printed(*args: object, cwd: Path = ROOT) -> str:
    """What the command prints with `--json`."""
    done = command(*args, "--json", cwd=cwd)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout
