"""The pictures of a run: how cost grows with the work, and what it is beside nginx."""

from collections.abc import Mapping
from typing import Any

from benchmarks import growth
from benchmarks.rows import ROWS
from benchmarks.svg import Bar, Panel, bars, plot

PEER = "nginx-256k"
WANTED = (PEER, "cost", "gateway")
LOGARITHMIC = ("rectangle",)


def plots(results: Mapping[str, Any]) -> dict[str, str]:
    """The pictures by name, as SVG."""
    grown = dict(results["growth"])
    if growth.LENGTH in results["rows"]:
        grown["length"] = growth.of_samples(results["rows"][growth.LENGTH])
    found = {name: _plot(sweep, log=name in LOGARITHMIC) for name, sweep in grown.items()}
    rows = _bars(results["rows"])
    if rows:
        note = f"CPU of the gateway by that of {PEER}, same work, same run; the mark is what must be reached"
        found["ratios"] = bars("Beside nginx: shorter is better", note, rows)
    return found


def _plot(sweep: Mapping[str, Any], *, log: bool) -> str:
    cpu = {subject: lines["cpu"] for subject, lines in sweep["subjects"].items() if lines["cpu"]}
    memory = {subject: lines["memory"] for subject, lines in sweep["subjects"].items() if lines["memory"]}
    x = sweep["x"]
    panels = [Panel(x, sweep["cpu"], cpu, log, log), Panel(x, "memory beyond the bare process, MB", memory, log)]
    return plot(sweep["title"], panels)


def _bars(rows: Mapping[str, Any]) -> list[Bar]:
    found = []
    for name, row in rows.items():
        limits = [each.must for each in ROWS[name].targets if (each.peer, each.metric, each.subject) == WANTED]
        if limits and PEER in row["ratios"]:
            value = row["ratios"][PEER]["median"]
            found.append(Bar(name, value, limits[0], bad=value > limits[0]))
    return found
