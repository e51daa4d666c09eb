"""From what the caller has, a file, text, a dictionary, keyword arguments, to the text of a job.

What a job only names is put into it here, because the native half opens no file: the `config.json` of a model that is no
preset, the size of a data set, what a scan wrote. Everything else is checked by the door, for every way in alike.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Union

from . import _native

JobLike = Union[str, "os.PathLike[str]", Mapping[str, Any]]
"""A job: the path of a job file, its text in TOML or JSON, or a dictionary of its sections."""

# The key that a bare value of a section stands for: `method="qlora"` is `method={"kind": "qlora"}`.
_SHORT = {"model": "base", "method": "kind", "hardware": "accelerators", "goal": "minimize"}
_JOB_MAX = 1 << 20
_CONFIG_MAX = 8 << 20


@dataclass(frozen=True)
class Problem:
    """One fault of a job: what, where, and the way out."""

    code: str
    """What kind of fault it is; docs/reference/errors.md lists them."""
    at: str
    """Where: a key, a file, a line."""
    message: str
    """What is wrong, with the value found and the rule."""
    help: tuple[str, ...] = ()
    """Ways out."""

    def __str__(self) -> str:
        return "".join([f"error[{self.code}]: {self.message}\n  at {self.at}", *(f"\n  help: {h}" for h in self.help)])


class JobError(ValueError):
    """A job was refused. `problems` are all its faults, each with its place and the way out."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    @classmethod
    def of(cls, refused: _native.Refused) -> JobError:
        """The same, from the native half."""
        listed = json.loads(str(refused))
        return cls(tuple(Problem(one["code"], one["at"], one["message"], tuple(one["help"])) for one in listed))


def fault(code: str, at: str, message: str, *help: str) -> NoReturn:
    """Raises one problem."""
    raise JobError((Problem(code, at, message, help),))


def text(job: JobLike | None, sections: Mapping[str, Any]) -> str:
    """The text of a job, with what it names put in."""
    whole, folder = _read(job)
    for section, value in sections.items():
        if value is not None:
            _lay(whole, section, value)
    _look_up(whole, folder)
    return _dump(whole)


def day(today: datetime.date | str | None) -> str:
    """The day on which prices are judged, as text."""
    today = today or os.environ.get("OUTLAY_TODAY") or datetime.datetime.now(datetime.timezone.utc).date()
    try:
        return (today if isinstance(today, datetime.date) else datetime.date.fromisoformat(today)).strftime("%Y-%m-%d")
    except ValueError:
        fault("out-of-range", "today", f"{today!r} is not a day", "write it as 2026-11-24")


def _read(job: JobLike | None) -> tuple[dict[str, Any], Path]:
    if job is None:
        return {}, Path()
    if isinstance(job, Mapping):
        return {key: dict(value) if isinstance(value, Mapping) else value for key, value in job.items()}, Path()
    if isinstance(job, str) and ("\n" in job or "=" in job or job.lstrip().startswith("{")) and not os.path.isfile(job):
        return _parse(job), Path()
    path = Path(job)
    return _parse(_file(path, _JOB_MAX)), path.parent


def _parse(job: str) -> dict[str, Any]:
    try:
        return json.loads(_native.parse(job))
    except _native.Refused as refused:
        raise JobError.of(refused) from None


def _file(path: Path, most: int) -> str:
    try:
        text = path.read_text(encoding="utf-8") if path.stat().st_size <= most else None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        fault("unreadable-file", str(path), f"the file could not be read: {why}", "name a file of UTF-8 text")
    if text is None:
        fault("unreadable-file", str(path), f"the file is larger than {most >> 20} MiB", "is this another file?")
    return text


def _lay(whole: dict[str, Any], section: str, value: Any) -> None:
    """Lays a section over a job, key by key."""
    if section == "model" and not isinstance(value, (str, Mapping)):
        value = {"config": _config_of(value)}
    elif section in _SHORT and isinstance(value, (str, list, tuple)):
        if section == "hardware":
            value = [value] if isinstance(value, str) else list(value)
        value = {_SHORT[section]: value}
    if isinstance(value, Mapping) and isinstance(whole.get(section), Mapping):
        whole[section] = {**whole[section], **value}
    else:
        whole[section] = dict(value) if isinstance(value, Mapping) else value


def _config_of(model: Any) -> Any:
    """The `config.json` of a model of Transformers, or of its configuration."""
    config = getattr(model, "config", model)
    if hasattr(config, "to_json_string"):
        return json.loads(_config(config.to_json_string(use_diff=False)))
    if hasattr(config, "to_dict"):
        return config.to_dict()
    kind = type(model).__name__
    fault("wrong-type", "model", f"a {kind} is no model", "give a name, a section, or a model of Transformers")


def _config(content: str) -> str:
    try:
        return _native.config(content)
    except _native.Refused as refused:
        raise JobError.of(refused) from None


def _look_up(whole: dict[str, Any], folder: Path) -> None:
    model, data = whole.get("model"), whole.get("data")
    if isinstance(data, dict):
        _look_at_data(data, folder)
    if not isinstance(model, dict) or model.get("config") is not None or model.get("custom") is not None:
        return
    base = model.get("base")
    if isinstance(base, os.PathLike):
        base = model["base"] = os.fspath(base)
    if not isinstance(base, str) or _native.has_model(base):
        return
    path = _config_path(base, folder)
    if path is not None:
        model["config"] = json.loads(_config(_file(path, _CONFIG_MAX)))
    elif _looks_like_a_path(base):
        help = "name a config.json or the folder that holds it; it is sought beside the job file, then in the current folder"
        fault("unreadable-file", "model.base", f"no config.json at {base}", help)
    elif base.count("/") == 1:
        model["config"] = json.loads(_config(_hub(base)))


def _look_at_data(data: dict[str, Any], folder: Path) -> None:
    scan, path = data.get("scan"), data.get("path")
    if isinstance(scan, (str, os.PathLike)) and data.get("measured") is None:
        data["scan"], found = os.fspath(scan), _beside(scan, folder)
        try:
            data["measured"] = json.loads(_file(found, _CONFIG_MAX))
        except json.JSONDecodeError as error:
            help = "write it with `outlay data scan PATH --json`"
            fault("unreadable-file", str(found), f"not what a scan writes: {error}", help)
    if isinstance(path, (str, os.PathLike)):
        data["path"] = os.fspath(path)
        counted = any(data.get(key) is not None for key in ("tokens", "samples", "measured", "stored"))
        if not counted:
            data["stored"] = float(_size(_beside(path, folder)))


def _beside(name: str | os.PathLike[str], folder: Path) -> Path:
    """Beside the job file first, in the current folder then."""
    return folder / name if (folder / name).exists() else Path(name)


def _size(path: Path) -> int:
    try:
        if not path.is_dir():
            return path.stat().st_size
        # Links may lead anywhere, also back; only what lies here is counted.
        files = (Path(at, name) for at, _, names in os.walk(path) for name in names)
        return sum(file.stat().st_size for file in files if not file.is_symlink())
    except OSError as error:
        message = f"the data set could not be looked at: {error.strerror}"
        fault("unreadable-file", str(path), message, "name a file or a folder, or give data.tokens")


def _config_path(base: str, folder: Path) -> Path | None:
    for path in (folder / base, Path(base)):
        for candidate in (path, path / "config.json"):
            if os.path.isfile(candidate):
                return candidate
    return None


def _looks_like_a_path(base: str) -> bool:
    return base.startswith((".", "/", "~", "\\")) or "\\" in base or base.count("/") > 1 or base.endswith(("/", ".json"))


def _hub(name: str) -> str:
    """A `config.json` of the hub, through its own library, which knows its cache and the user's token."""
    way_out = f"or download the config.json and name its path instead of {name}"
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        message = f"{name} is no preset, and huggingface_hub is not installed to ask the hub"
        fault("hub", "model.base", message, "pip install huggingface_hub", way_out)
    try:
        return Path(hf_hub_download(name, "config.json")).read_text(encoding="utf-8")
    except Exception as error:  # noqa: BLE001: the library's own errors are of many kinds
        reason = str(error).strip().splitlines()
        fault("hub", "model.base", f"no config.json of {name}: {reason[0] if reason else type(error).__name__}", way_out)


def _dump(whole: dict[str, Any]) -> str:
    try:
        return json.dumps(whole, allow_nan=False, default=_number)
    except ValueError:
        fault("out-of-range", "the job", "a number of the job is not finite, or the job contains itself")
    except TypeError as error:
        fault("wrong-type", "the job", str(error), "a job holds text, numbers, true, false and lists of them")


def _number(value: Any) -> Any:
    """Paths are text, and numbers of NumPy are numbers."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{value!r} is a {type(value).__name__}, which no job holds")
