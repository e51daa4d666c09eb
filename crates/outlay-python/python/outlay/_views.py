"""How answers look as tables: rows for pandas, HTML for notebooks."""

from __future__ import annotations

import dataclasses
import html as escape
from collections.abc import Iterator
from typing import Any

_PLAN_COLUMNS = ("role", "accelerator_name", "accelerators", "provider", "purchase", "hours", "cost_usd", "fit", "reason")
_PLAN_TITLES = ("", "accelerator", "n", "provider", "how", "hours", "USD", "memory", "why not")


def rows(answer: Any) -> list[dict[str, Any]]:
    """The rows of what an answer has most of."""
    match type(answer).__name__:
        case "Response":
            return [{"role": role, **flat(plan), "reason": reason} for role, plan, reason in plans(answer)]
        case "Levers":
            return [_lever(lever) for lever in answer.levers]
        case "Diff":
            return [flat(figure) for figure in answer.figures]
        case "Term" | "Line":
            return list(_terms(answer, ()))
        case _:
            return [flat(answer)]


def plans(response: Any) -> Iterator[tuple[str, Any, str]]:
    """Every plan of a response: its role, itself, and why it lost."""
    if response.pick is not None:
        yield "pick", response.pick, ""
    for plan in response.front:
        if plan != response.pick:
            yield "front", plan, ""
    for loser in response.losers:
        yield "loser", loser.plan, loser.reason
    for relaxation in response.relaxations:
        yield "relaxed", relaxation.plan, relaxation.change


def flat(answer: Any, prefix: str = "") -> dict[str, Any]:
    """Fields in one row: an interval becomes its middle, `_low` and `_high`; trees of terms are left out."""
    row: dict[str, Any] = {}
    for field in dataclasses.fields(answer):
        name, value = prefix + field.name, getattr(answer, field.name)
        kind = type(value).__name__
        if kind == "Interval":
            row |= {name: value.mid, f"{name}_low": value.low, f"{name}_high": value.high}
        elif kind in ("Terms", "Term", "Line"):
            continue
        elif dataclasses.is_dataclass(value):
            row |= flat(value, f"{name}_")
        elif isinstance(value, tuple):
            if all(isinstance(one, str) for one in value):
                row[name] = ", ".join(value)
        else:
            row[name] = value
    return row


def _lever(lever: Any) -> dict[str, Any]:
    row = {name: getattr(lever, name) for name in ("group", "lever", "change", "why", "other_machines", "impossible")}
    return row | (flat(lever.after, "after_") if lever.after is not None else {})


def _terms(term: Any, above: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    path = (*above, term.name)
    row = {"term": " / ".join(path), "depth": len(above), "value": term.value, "unit": term.unit, "note": term.note}
    if hasattr(term, "interval"):
        ends = (term.value, term.value) if term.interval is None else (term.interval.low, term.interval.high)
        row |= {"value_low": ends[0], "value_high": ends[1]}
    yield row
    for part in term.parts:
        yield from _terms(part, path)


def html(answer: Any) -> str:
    """An answer for a notebook."""
    match type(answer).__name__:
        case "Response":
            listed = [{"role": role, **flat(plan), "reason": reason} for role, plan, reason in plans(answer)]
            shown = [{title: _ranged(row, name) for title, name in zip(_PLAN_TITLES, _PLAN_COLUMNS)} for row in listed]
            notes = [f"{one.key}: {one.value} ({one.reason})" for one in answer.assumptions]
            return _head(answer.verdict) + table(shown) + _list("warnings", answer.warnings) + _list("assumed", notes)
        case "Diff":
            return _head(answer.verdict) + table(rows(answer))
        case "Levers":
            names = ("lever", "change", "after_cost_usd", "after_hours", "after_memory_gib", "after_loss", "why")
            here = f"{answer.standing.machines}: ${number(answer.standing.cost_usd)}" if answer.standing else "no plan"
            possible = [row for row in rows(answer) if "after_cost_usd" in row]
            return _head(here) + table([{name: row[name] for name in names} for row in possible])
        case "Term" | "Line":
            return _tree(answer)
        case _:
            return table([{"": name, "value": value} for name, value in flat(answer).items()])


def table(listed: list[dict[str, Any]]) -> str:
    """Rows as an HTML table."""
    if not listed:
        return "<p>nothing</p>"
    names = list(listed[0])
    head = "".join(f"<th>{_text(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(_cell(row.get(name)) for name in names) + "</tr>" for row in listed)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def number(value: float) -> str:
    """Three significant digits, thousands grouped: no forecast here is better than that."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _ranged(row: dict[str, Any], name: str) -> Any:
    value = row.get(name)
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return value if low is None or high is None or value is None else f"{number(value)} ({number(low)}–{number(high)})"


def _cell(value: Any) -> str:
    if value is None:
        return "<td>unknown</td>"
    if isinstance(value, float):
        return f'<td style="text-align:right">{number(value)}</td>'
    if isinstance(value, int) and not isinstance(value, bool):
        return f'<td style="text-align:right">{value:,}</td>'
    return f"<td>{_text(value)}</td>"


def _head(text: str) -> str:
    return f"<p><b>{_text(text)}</b></p>"


def _list(title: str, lines: Any) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f"<details><summary>{title}</summary><ul>{items}</ul></details>"


def _tree(term: Any) -> str:
    line = f"{_text(term.name)}: {number(term.value)} {_text(term.unit)}"
    if not term.parts:
        return f"<li>{line}</li>"
    parts = "".join(_tree(part) for part in term.parts)
    return f"<details open><summary>{line}</summary><ul>{parts}</ul></details>"


def _text(value: Any) -> str:
    return escape.escape(str(value))
