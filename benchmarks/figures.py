"""What was measured, and what is made of it: medians of rounds, their spread, ratios to a peer."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Metric = Literal["cost", "load", "p50", "p99", "lag", "rate", "fairness", "cpu", "memory", "bare", "growth"]
"""cost: of the relay for one unit of the row's work; load: the same of the load generator; p50, p99: delays in ms;
lag: what the loop lets others wait, p99 in ms; rate: units a second; fairness: slowest stream by fastest;
cpu: % of a core; memory: MB beyond those of the bare process, which are bare; growth: KB of it a minute."""

Figure = Mapping[Metric, float]
"""One round of one subject."""


@dataclass(frozen=True, slots=True)
class Middle:
    """The median of the rounds, and half of the distance between their quartiles."""

    median: float
    spread: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a relay during long work: after so many seconds, MB beyond the bare process, cost since the last."""

    at: float
    memory: float
    cost: float


@dataclass(slots=True)
class Results:
    """All rounds of one row, by subject; `failures` says of a subject why it has none."""

    rounds: dict[str, list[Figure]] = field(default_factory=dict)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def middle(self, subject: str, metric: Metric) -> Middle | None:
        """None where it was not measured."""
        return middle([figure[metric] for figure in self.rounds.get(subject, []) if metric in figure])

    def added(self, subject: str, metric: Metric) -> Middle | None:
        """A delay beyond that of the direct connection in the same round, at least 1 µs."""
        return middle(self._rounds_added(subject, metric))

    def ratio(self, subject: str, peer: str, metric: Metric) -> Middle | None:
        """The subject's figure by the peer's of the same round: what disturbed one has mostly disturbed the other."""
        return middle([own / other for own, other in self._pairs(subject, peer, metric) if other])

    def added_ratio(self, subject: str, peer: str, metric: Metric) -> Middle | None:
        """The same for what is added to the direct connection's delay."""
        own, other = self._rounds_added(subject, metric), self._rounds_added(peer, metric)
        return middle([one / two for one, two in zip(own, other, strict=False)])

    def _rounds_added(self, subject: str, metric: Metric) -> list[float]:
        return [max(own - direct, 0.001) for own, direct in self._pairs(subject, "direct", metric)]

    def _pairs(self, subject: str, other: str, metric: Metric) -> list[tuple[float, float]]:
        pairs = zip(self.rounds.get(subject, []), self.rounds.get(other, []), strict=False)
        return [(one[metric], two[metric]) for one, two in pairs if metric in one and metric in two]


def middle(values: Sequence[float]) -> Middle | None:
    """The median and spread of `values`, None of nothing."""
    if not values:
        return None
    if len(values) == 1:
        return Middle(values[0], 0.0)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Middle(statistics.median(values), (high - low) / 2)
