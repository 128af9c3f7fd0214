"""What became of each target: the figure that it is about, and whether that reaches what it must, or what we aim at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.figures import Metric, Middle, Results
from benchmarks.rows import Row, Target

TIMES = "\N{MULTIPLICATION SIGN}"

State = Literal["aim", "good", "missed", "not measured"]
WORDS: dict[State, str] = {"aim": "reaches its aim", "good": "good", "missed": "MISSED", "not measured": "not measured"}
UNITS: Mapping[Metric, str] = {"p50": " ms", "p99": " ms", "cpu": " % CPU", "growth": " KB a minute", "fairness": ""}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`what`: the figure's name and what it is compared with; `limit`: what must be reached; `measured`: what was."""

    what: str
    limit: str
    measured: str
    state: State

    def __str__(self) -> str:
        return f"{self.what} {self.measured}: {WORDS[self.state]} (must be {self.limit})"


def verdict(row: Row, target: Target, results: Results) -> Verdict:
    """Judge one target of a row."""
    unit = f" {TIMES} {target.peer}" if target.peer else UNITS.get(target.metric, f" {row.cost}")
    sign = "≥" if target.least else "≤"
    limit = f"{sign} {target.must:.3g}{unit}, aim {target.aim:.3g}"
    what = f"added {target.metric}" if target.added else target.metric
    if target.subject != "gateway":
        what += f", {target.subject}"
    figure = measured(target, results)
    if figure is None:
        return Verdict(what, limit, "-", "not measured")
    spread = f" ± {figure.spread:.2f}" if figure.spread else ""  # one round has none
    return Verdict(what, limit, f"{figure.median:.2f}{spread}{unit}", _state(target, figure.median))


def measured(target: Target, results: Results) -> Middle | None:
    """The figure that a target is about."""
    if not target.peer:
        return results.middle(target.subject, target.metric)
    if target.added:
        return results.added_ratio(target.subject, target.peer, target.metric)
    return results.ratio(target.subject, target.peer, target.metric)


def _state(target: Target, value: float) -> State:
    sign = -1 if target.least else 1
    if sign * value <= sign * target.aim:
        return "aim"
    return "good" if sign * value <= sign * target.must else "missed"
