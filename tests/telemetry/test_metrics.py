"""Metrics exist from the start, move when told, and never grow without bound."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from gateway import endings
from gateway.telemetry.metrics import MAX_VALUES, Metrics


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"vnc_gateway_{name}", labels)


def test_every_ending_exists_at_zero(metrics: Metrics):
    for ending in endings.ENDINGS:
        assert _value(metrics, "endings_total", reason=ending.name) == 0


def test_an_ending_is_counted_by_its_name(metrics: Metrics):
    metrics.ended(endings.UPSTREAM_LOST)
    assert _value(metrics, "endings_total", reason="upstream_lost") == 1


def test_traffic_is_counted_by_direction(metrics: Metrics):
    metrics.bytes_to_browser.inc(100)
    metrics.bytes_to_upstream.inc(10)
    metrics.messages_to_browser.inc(3)
    metrics.messages_to_upstream.inc()
    assert _value(metrics, "bytes_total", direction="to_browser") == 100
    assert _value(metrics, "bytes_total", direction="to_upstream") == 10
    assert _value(metrics, "messages_total", direction="to_browser") == 3
    assert _value(metrics, "messages_total", direction="to_upstream") == 1


def test_sessions_rise_and_fall(metrics: Metrics):
    metrics.sessions.inc()
    metrics.sessions_opened.inc()
    metrics.sessions.dec()
    assert _value(metrics, "sessions") == 0
    assert _value(metrics, "sessions_opened_total") == 1


@pytest.mark.parametrize("step", ["locate_seconds", "dial_seconds", "handshake_seconds"])
def test_steps_are_timed_by_kind_of_provider(metrics: Metrics, step: str):
    assert _value(metrics, f"{step}_count", kind="huawei") == 0
    getattr(metrics, step).labels("huawei").observe(0.3)
    assert _value(metrics, f"{step}_bucket", kind="huawei", le="0.25") == 0
    assert _value(metrics, f"{step}_bucket", kind="huawei", le="0.5") == 1


def test_the_age_of_an_address_is_measured_up_to_its_life(metrics: Metrics):
    metrics.address_age_seconds.observe(14)
    assert _value(metrics, "address_age_seconds_bucket", le="12.0") == 0
    assert _value(metrics, "address_age_seconds_bucket", le="15.0") == 1


def test_changes_are_counted(metrics: Metrics):
    metrics.changed("colour_map_dropped", 3)
    assert _value(metrics, "changed_total", what="colour_map_dropped") == 3


def test_a_code_of_the_cloud_is_a_label(metrics: Metrics):
    metrics.provider_error("hangzhou", "Throttling.User")
    assert _value(metrics, "provider_errors_total", provider="hangzhou", code="Throttling.User") == 1


@pytest.mark.parametrize("code", ["", "x" * 65, "a b", 'a"\n', "токен"])
def test_an_odd_code_is_other(metrics: Metrics, code: str):
    metrics.provider_error("hangzhou", code)
    assert _value(metrics, "provider_errors_total", provider="hangzhou", code="other") == 1


def test_a_cloud_that_invents_codes_does_not_cost_memory(metrics: Metrics):
    for number in range(MAX_VALUES + 50):
        metrics.provider_error("hangzhou", f"Code{number}")
    metrics.provider_error("hangzhou", "Code0")
    assert _value(metrics, "provider_errors_total", provider="hangzhou", code="other") == 50
    assert _value(metrics, "provider_errors_total", provider="hangzhou", code="Code0") == 2


@pytest.mark.parametrize(
    ("accept", "kind"), [("", "text/plain"), ("application/openmetrics-text;version=1.0.0", "application/openmetrics")]
)
def test_the_page_is_rendered_as_asked(metrics: Metrics, accept: str, kind: str):
    body, content_type = metrics.render(accept)
    assert content_type.startswith(kind)
    assert b"vnc_gateway_state_up 1.0" in body
    assert b"_created" not in body


def test_every_name_has_the_prefix_and_a_text(metrics: Metrics):
    for family in text_string_to_metric_families(metrics.render()[0].decode()):
        assert family.name.startswith(("vnc_gateway_", "process_"))
        assert family.documentation


def test_two_gateways_in_one_process_do_not_meet():
    assert Metrics(CollectorRegistry()) is not Metrics(CollectorRegistry())
