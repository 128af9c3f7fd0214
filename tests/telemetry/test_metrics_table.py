"""docs/metrics.md is the list of all metrics, their types, labels and labels' values: not one more, not one less."""

import pytest
from prometheus_client import CollectorRegistry
from support.metrics_table import Row, rows

from gateway import endings
from gateway.telemetry.metrics import Metrics

ROWS = rows()


@pytest.fixture
def registry() -> CollectorRegistry:
    return Metrics(CollectorRegistry()).registry


def test_every_metric_is_in_the_table_and_no_other(registry: CollectorRegistry):
    assert [row.name for row in ROWS] == list(dict.fromkeys(row.name for row in ROWS))
    exist = {family.name + ("_total" if family.type == "counter" else ""): family.type for family in registry.collect()}
    assert {row.name: row.type for row in ROWS} == exist


def test_the_table_names_every_label(registry: CollectorRegistry):
    labels = {
        name: set(collector._labelnames)
        for name, collector in registry._names_to_collectors.items()
        if hasattr(collector, "_labelnames")
    }
    for row in ROWS:
        assert set(row.labels) == labels.get(row.name, set()), row.name


def test_values_that_exist_from_the_start_are_those_of_the_table(registry: CollectorRegistry):
    for family in registry.collect():
        for sample in family.samples:
            row = Row.of(sample.name, ROWS)
            for label, values in row.labels.items():
                if values:
                    assert sample.labels[label] in values, (sample.name, label)


def test_every_ending_is_there_from_the_start(registry: CollectorRegistry):
    for ending in endings.ENDINGS:
        assert registry.get_sample_value("vnc_gateway_endings_total", {"reason": ending.name}) == 0
