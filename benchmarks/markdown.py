"""The results as tables in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.sizing import Node
from benchmarks.subjects import SUBJECTS

NONE = "-"
STATES = {"aim": "reaches its aim", "good": "good", "missed": "**missed**", "not measured": "not measured"}


def targets(rows: Mapping[str, Any], unmeasured: Mapping[str, str]) -> str:
    """A line for each target: what was measured, and whether it is what it must be.

    `unmeasured`: titles, by name, of the rows that there are no figures of.
    """
    lines = []
    for name, row in rows.items():
        work = (f"{name}: {row['title']}", _cost(row, "gateway"), _cost(row, "nginx-256k"))
        for number, verdict in enumerate(row["verdicts"]):
            said = (verdict["what"], verdict["limit"], verdict["measured"], STATES[verdict["state"]])
            lines.append((*(("", "", "") if number else work), *said))
    lines += [
        (f"{name}: {title}", NONE, NONE, "", "", "", STATES["not measured"]) for name, title in unmeasured.items()
    ]
    return _table(("work", "gateway", "nginx-256k", "figure", "must be", "measured", ""), lines)


def costs(rows: Mapping[str, Any]) -> str:
    """Everybody's cost in every row."""
    lines = [
        (name, row["unit"], *(_cost(row, subject, unit=False) for subject in SUBJECTS)) for name, row in rows.items()
    ]
    return _table(("row", "cost in", *SUBJECTS), lines)


def waits(rows: Mapping[str, Any]) -> str:
    """Delays and loop lag: p99 of both, in milliseconds."""
    lines = []
    for name, row in rows.items():
        cells = [_waits(row["figures"].get(subject, {})) for subject in SUBJECTS]
        if any(cell != NONE for cell in cells):
            lines.append((name, *cells))
    return _table(("row", *SUBJECTS), lines)


def failures(rows: Mapping[str, Any], growth: Mapping[str, Any]) -> str:
    """Who could not do a row or a point of a plot, and why."""
    found = {name: row["failures"] for name, row in rows.items()}
    found |= {f"{name}, {x}": each for name, sweep in growth.items() for x, each in sweep["failures"].items()}
    lines = [(name, subject, why.splitlines()[-1]) for name, each in found.items() for subject, why in each.items()]
    return _table(("row", "relay", "why there is no figure"), lines) if lines else ""


def machine(facts: Mapping[str, Any]) -> str:
    """One line."""
    said = {name: ("no", "yes")[value] if isinstance(value, bool) else value for name, value in facts.items()}
    return ", ".join(f"{name}: {value}" for name, value in said.items())


def nodes(found: Sequence[Node]) -> str:
    """What nodes hold."""
    lines = [
        (
            str(node.cores),
            str(node.processes),
            _round(node.plain),
            _round(node.tls),
            f"{node.memory:.1f}",
            _round(node.opened),
        )
        for node in found
    ]
    head = ("cores", "processes", "office sessions, plain upstream", "office sessions, TLS upstream")
    return _table((*head, "GB of memory for the latter", "openings a second, TLS upstream"), lines)


def _waits(figures: Mapping[str, Any]) -> str:
    found = [f"{_digits(figures[metric]['median'])}" if metric in figures else NONE for metric in ("p99", "lag")]
    return NONE if found == [NONE, NONE] else " / ".join(found)


def _cost(row: Mapping[str, Any], subject: str, *, unit: bool = True) -> str:
    figure = row["figures"].get(subject, {}).get("cost")
    if figure is None:
        return "failed" if subject in row["failures"] else NONE
    text = _digits(figure["median"])
    if figure["spread"]:  # one round has none
        text += f" ± {figure['spread']:.1g}"
    return f"{text} {row['unit']}" if unit else text


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def _round(value: float) -> str:
    """Two digits: more would be a promise."""
    return f"{float(f'{value:.2g}'):,.0f}"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
