"""PromQL as far as a test needs it: which metrics a query names, with which labels and values."""

import re
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from gateway.telemetry.metrics import Metrics
from gateway.web import problems
from support.metrics_table import Row

SCRAPED = frozenset({"instance", "job"})
"""Labels that Prometheus itself puts on what it scrapes."""

_SELECTOR = re.compile(r"\b((?:vnc_gateway|process)_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


def faults(query: str, rows: Iterable[Row]) -> list[str]:
    """What in `query` does not exist: metrics, labels, values of labels, buckets."""
    rows = list(rows)
    found: list[str] = []
    labels = set(SCRAPED)
    selectors = _SELECTOR.findall(query)
    if not selectors:
        return [f"names no metric: {query}"]
    for name, matchers in selectors:
        row = next((row for row in rows if name in row.samples), None)
        if row is None:
            found.append(f"no metric {name}")
            continue
        known = set(row.labels) | ({"le"} if name.endswith("_bucket") else set())
        labels |= known
        for label, operator, value in _MATCHER.findall(matchers):
            if label not in known | SCRAPED:
                found.append(f"{name} has no label {label}")
            elif operator == "=" and label not in SCRAPED and value not in _values(row, name, label):
                found.append(f"{name} has no {label} {value}")
    for grouped in _GROUPED.findall(query):
        found += [f"no label {label}" for label in re.findall(r"\w+", grouped) if label not in labels]
    return found


def _values(row: Row, sample: str, label: str) -> set[str]:
    registry = Metrics(CollectorRegistry()).registry
    collectors: Iterable[Collector] = [registry._names_to_collectors[row.name]]
    seen = {
        one.labels[label]
        for collector in collectors
        for family in collector.collect()
        for one in family.samples
        if one.name == sample and label in one.labels
    }
    if row.name == "vnc_gateway_refusals_total":
        seen |= set(problems.NAMES)
    return seen | row.labels.get(label, frozenset())
