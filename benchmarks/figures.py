"""What was measured, and what is made of it: medians of rounds, their spread, ratios to a peer."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Metric = Literal["cost", "load", "p50", "p99", "lag", "rate", "fairness", "cpu", "growth"]
"""cost: of the relay for one unit of the row's work; load: the same of the load generator; p50, p99: delays in ms;
lag: what the loop lets others wait, p99 in ms; rate: units a second; fairness: slowest stream by fastest;
cpu: % of a core; growth: KB of memory a minute."""

Figure = Mapping[Metric, float]
"""One round of one subject."""


@dataclass(frozen=True, slots=True)
class Middle:
    """The median of the rounds, and half of the distance between their quartiles."""

    median: float
    spread: float


@dataclass(slots=True)
class Results:
    """All rounds of one row, by subject; `failures` says of a subject why it has none."""

    rounds: dict[str, list[Figure]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def middle(self, subject: str, metric: Metric) -> Middle | None:
        """None where it was not measured."""
        return middle([figure[metric] for figure in self.rounds.get(subject, []) if metric in figure])

    def added(self, subject: str, metric: Metric) -> Middle | None:
        """A delay beyond that of the direct connection in the same round, at least 1 µs."""
        pairs = self._pairs(subject, "direct", metric)
        return middle([max(own - direct, 0.001) for own, direct in pairs])

    def ratio(self, subject: str, peer: str, metric: Metric) -> Middle | None:
        """The subject's figure by the peer's of the same round: what disturbed one has mostly disturbed the other."""
        return middle([own / other for own, other in self._pairs(subject, peer, metric) if other])

    def added_ratio(self, subject: str, peer: str, metric: Metric) -> Middle | None:
        """The same for what is added to the direct connection's delay."""
        own, other = self.added(subject, metric), self.added(peer, metric)
        return None if own is None or other is None else Middle(own.median / other.median, 0.0)

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
