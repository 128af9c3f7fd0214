"""What each worker does differently, and configurations that are for one process only."""

from pathlib import Path
from typing import Any

import pytest
from support.inprocess import settings

from gateway.config.workers import differences
from gateway.errors import ConfigurationError

SHARED = {"access": {"mode": "open", "seal_keys": "k" * 64}, "state": {"url": "redis://127.0.0.1"}}


def of(count: int, **tables: Any) -> list[dict[str, str]]:
    return differences(settings({"vm": "tcp://127.0.0.1:1"}, **{**SHARED, **tables}), count)


def faults(count: int, **tables: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        of(count, **tables)
    return str(caught.value).splitlines()


def test_ports_and_audit_files_follow_those_of_the_configuration():
    audit = {"target": "file", "file": Path("/var/log/audit.jsonl")}
    first, second = of(2, admin={"port": 9090, "metrics_port": 9190}, audit=audit)
    assert first == {
        "VNC_GATEWAY_ADMIN__PORT": "9090",
        "VNC_GATEWAY_ADMIN__METRICS_PORT": "9190",
        "VNC_GATEWAY_AUDIT__FILE": "/var/log/audit.jsonl",
    }
    assert second == {
        "VNC_GATEWAY_ADMIN__PORT": "9091",
        "VNC_GATEWAY_ADMIN__METRICS_PORT": "9191",
        "VNC_GATEWAY_AUDIT__FILE": "/var/log/audit-1.jsonl",
    }


def test_what_is_any_port_or_a_device_is_so_for_all():
    assert of(3, admin={"port": 0}, audit={"target": "file", "file": Path("/dev/null")}) == 3 * [
        {"VNC_GATEWAY_AUDIT__FILE": "/dev/null"}
    ]


def test_a_state_of_one_process_is_not_for_several():
    assert faults(2, state={"url": "memory://"}) == ["state memory:// belongs to one process"]


@pytest.mark.parametrize(
    ("count", "listen", "admin", "fault"),
    [
        (3, 9092, {"port": 9090}, "admin.port: 9092, worker 2's, is listen.port, too"),
        (
            2,
            8080,
            {"port": 9090, "metrics_port": 9091},
            "admin.metrics_port: 9091, worker 0's, is admin.port of worker 1, too",
        ),
        (
            2,
            8080,
            {"port": 9091, "metrics_port": 9090},
            "admin.metrics_port: 9091, worker 1's, is admin.port of worker 0, too",
        ),
        (2, 8080, {"port": 65535}, "admin.port: 2 workers need as many ports from 65535 on"),
    ],
)
def test_no_two_listeners_want_one_port(count: int, listen: int, admin: dict[str, int], fault: str):
    assert faults(count, listen={"port": listen}, admin=admin) == [fault]
