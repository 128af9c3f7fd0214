"""How CPU and memory grow with the work: the same kind of work in several sizes, as the plots show it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Metric, Middle, Results
from benchmarks.rows import Arguments, Row
from benchmarks.streams import FIXED_SIZES

SUBJECTS = ("gateway", "nginx-256k", "direct")


@dataclass(frozen=True, slots=True)
class Sweep:
    """One plot. `x`, `cpu`: what its axes show, with units; `metric`: which figure the second is."""

    title: str
    x: str
    cpu: str
    metric: Metric
    points: Mapping[int, Row]


def _pointers(sessions: int, rate: float, rounds: int) -> Row:
    load: Arguments = {"input": sessions, "update": "update", "rate": rate, "picture": "first"}
    return Row("", load, "µs / trip", "trip", SUBJECTS, seconds=1.5, rounds=rounds, fresh=True, warm=0.5)


def _rectangles(size: int) -> Row:
    load: Arguments = {"flow": 1, "stream": (f"fixed-{size}",), "picture": "first"}
    return Row("", load, "s / GB", "GB", SUBJECTS, rounds=3, fresh=True)


SWEEPS: dict[str, Sweep] = {
    "sessions": Sweep(
        "Sessions, each with one pointer event and update a second",
        "sessions",
        "CPU, % of a core",
        "cpu",
        {number: _pointers(number, 1, 3 if number < 1000 else 1) for number in (10, 100, 500, 2000, 5000)},
    ),
    "rate": Sweep(
        "Updates a second in each of 100 sessions",
        "updates a second",
        "CPU, % of a core",
        "cpu",
        {rate: _pointers(100, rate, 3) for rate in (1, 5, 20, 50, 100)},
    ),
    "rectangle": Sweep(
        "Bytes of a Tight rectangle, one session without a pause",
        "bytes of a rectangle",
        "CPU, s / GB",
        "cost",
        {size: _rectangles(size) for size in FIXED_SIZES},
    ),
}

LENGTH = "long"
"""The row whose samples show CPU and memory against the length of a session."""


async def measured(run: Callable[[str, Row], Awaitable[Results]]) -> dict[str, Any]:
    """Do all the work and keep what the plots need."""
    found = {}
    for name, sweep in SWEEPS.items():
        results = {x: await run(f"growth-{name}-{x}", row) for x, row in sweep.points.items()}
        found[name] = {
            "title": sweep.title,
            "x": sweep.x,
            "cpu": sweep.cpu,
            "subjects": {subject: _lines(results, subject, sweep.metric) for subject in SUBJECTS},
            "failures": {str(x): each.failures for x, each in results.items() if each.failures},
        }
    return found


def of_samples(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same of the long row's samples: what a session costs and holds as it goes on."""
    subjects = {
        subject: {"cpu": [[at, cost] for at, _, cost in samples], "memory": [[at, memory] for at, memory, _ in samples]}
        for subject in SUBJECTS  # in the order of the other plots, and not in that in which they came to their end
        if (samples := row["samples"].get(subject))
    }
    title = "Seconds of one session without a pause, Tight of 1 KB"
    return {"title": title, "x": "seconds", "cpu": "CPU, s / GB", "subjects": subjects, "failures": {}}


def _lines(results: Mapping[int, Results], subject: str, metric: Metric) -> dict[str, list[list[float]]]:
    cpu = {x: each.middle(subject, metric) for x, each in results.items()}
    memory = {x: each.middle(subject, "memory") for x, each in results.items() if subject != "direct"}
    return {"cpu": _line(cpu), "memory": _line(memory)}


def _line(values: Mapping[int, Middle | None]) -> list[list[float]]:
    return [[x, float(f"{value.median:.4g}")] for x, value in values.items() if value is not None]
