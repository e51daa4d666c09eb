"""What all answers can do: to and from plain data, text, tables, and how they look.

The dataclasses themselves are in `answers`, generated from the published schemas. Here is what those schemas do not say.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from . import _native, _views

if typing.TYPE_CHECKING:
    import pandas
    from typing_extensions import Self

T = TypeVar("T", bound="Answer")


class Answer:
    """A part of an answer: a frozen dataclass."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The answer that `data`, as `to_dict` gives it, stands for."""
        return _build(cls, data)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The answer that the command printed with `--json`."""
        return _build(cls, json.loads(text))

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and text."""
        fields = dataclasses.fields(typing.cast(Any, self))
        return {field.name: _plain(getattr(self, field.name)) for field in fields}

    def to_json(self) -> str:
        """JSON: the same bytes as the command prints with `--json`."""
        return _json(self.to_dict())

    def to_pandas(self) -> pandas.DataFrame:
        """A table of what there is most of: plans, levers, figures or terms; pandas must be installed."""
        return _frame(_views.rows(self))

    def __repr__(self) -> str:
        fields = dataclasses.fields(typing.cast(Any, self))
        shown = ", ".join(f"{field.name}={_short(getattr(self, field.name))}" for field in fields)
        return f"{type(self).__name__}({shown})"

    def _repr_html_(self) -> str:
        return _views.html(self)


class Rows(tuple[T, ...]):
    """Rows of a catalog: a tuple that is also a table."""

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain dictionaries, one a row."""
        return [row.to_dict() for row in self]

    def to_json(self) -> str:
        """JSON: the same bytes as the command prints with `--json`."""
        return _json(self.to_dict())

    def to_pandas(self) -> pandas.DataFrame:
        """A table; pandas must be installed."""
        return _frame(self.to_dict())

    def _repr_html_(self) -> str:
        return _views.table([row.to_dict() for row in self])


def rows_from_json(kind: type[T], text: str) -> Rows[T]:
    """The rows that the command printed with `--json`."""
    return Rows(_build(kind, row) for row in json.loads(text))


def _json(data: Any) -> str:
    return _native.pretty(json.dumps(data, allow_nan=False))


def _frame(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_pandas needs pandas: pip install pandas") from error
    return pandas.DataFrame(rows)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(hint: Any, value: Any) -> Any:
    if value is None or hint is Any:
        return value
    if isinstance(hint, types.UnionType):
        return _build(next(one for one in typing.get_args(hint) if one is not type(None)), value)
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return tuple(_build(inner, one) for one in value)
    if dataclasses.is_dataclass(hint):
        kind = typing.cast(Any, hint)
        return kind(**{name: _build(inner, value.get(name)) for name, inner in _hints(kind).items()})
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Answer):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _short(value: Any) -> str:
    if isinstance(value, tuple) and len(value) > 0 and isinstance(value[0], Answer):
        return f"({len(value)} × {type(value[0]).__name__})"
    if isinstance(value, Answer) and any(isinstance(part, (Answer, tuple)) for part in _parts(value)):
        return f"{type(value).__name__}(…)"
    return repr(value)


def _parts(answer: Answer) -> Iterator[Any]:
    return (getattr(answer, field.name) for field in dataclasses.fields(typing.cast(Any, answer)))
