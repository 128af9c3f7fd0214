"""Dashboard and alerts ask for metrics, labels and values that exist; Prometheus' own tool agrees, where it is."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from support.components import needs, program
from support.metrics_table import rows
from support.promql import faults

from gateway.telemetry.metrics import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
ROWS = rows()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_exists_and_says_what_to_do(rule: dict[str, Any]):
    assert faults(rule["expr"], ROWS) == []
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]


def test_the_dashboard_asks_for_what_exists():
    assert {query: faults(query, ROWS) for query in QUERIES if faults(query, ROWS)} == {}


def test_every_metric_of_ours_is_on_the_dashboard():
    shown = "\n".join(QUERIES)
    assert [row.name for row in ROWS if row.name.startswith("vnc_") and row.name not in shown] == []


def test_panels_are_told_apart_and_do_not_overlap():
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells, panel["title"]
        taken |= cells


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("rate(vnc_gateway_splice_total[5m])", "no metric vnc_gateway_splice_total"),
        ("vnc_gateway_splice_seconds", "no metric vnc_gateway_splice_seconds"),
        ('vnc_gateway_splices_total{result="done"}', "vnc_gateway_splices_total has no label result"),
        ('vnc_gateway_endings_total{reason="gone"}', "vnc_gateway_endings_total has no reason gone"),
        ('vnc_gateway_budget_left_bucket{le="3.0"}', "vnc_gateway_budget_left_bucket has no le 3.0"),
        ("sum by (user) (vnc_gateway_sessions)", "no label user"),
        ("up == 0", "names no metric: up == 0"),
    ],
)
def test_what_does_not_exist_is_found(query: str, fault: str):
    assert faults(query, ROWS) == [fault]


def _promtool(*args: str | Path, stdin: bytes = b"") -> None:
    ran = subprocess.run([program("promtool"), *args], input=stdin, capture_output=True, check=False)
    assert ran.returncode == 0, (ran.stdout + ran.stderr).decode()


@needs("promtool")
def test_prometheus_takes_the_rules_and_they_fire_when_they_should():
    _promtool("check", "rules", DEPLOY / "prometheus" / "alerts.yaml")
    _promtool("test", "rules", Path(__file__).with_name("alerts_test.yaml"))


@needs("promtool")
def test_prometheus_takes_the_dashboards_queries(tmp_path: Path):
    queries = [query.replace("$__rate_interval", "5m").replace("$instance", ".*") for query in QUERIES]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    _promtool("check", "rules", file)


@needs("promtool")
def test_prometheus_finds_nothing_to_say_about_the_metrics_themselves():
    _promtool("check", "metrics", stdin=Metrics(CollectorRegistry()).render()[0])
