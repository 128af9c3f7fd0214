"""Whoever stops the gateway waits until it has let go of its sessions: drain_delay + drain + 15 seconds."""

import configparser
import re
import tomllib

import pytest
import yaml
from support.deployed import DEPLOY

from gateway.config.blocks import Limits

SPARE = 15
"""Seconds for what comes after the last session: logs, audit, the interpreter."""


def _limits(file: str) -> Limits:
    """The limits of a configuration that is deployed."""
    return Limits(**tomllib.loads((DEPLOY / file).read_text()).get("limits", {}))


def _kubernetes() -> list[object]:
    template = yaml.safe_load((DEPLOY / "kubernetes/deployment.yaml").read_text())["spec"]["template"]
    return [template["spec"]["terminationGracePeriodSeconds"]]


def _compose() -> list[object]:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    times = [services[name]["stop_grace_period"] for name in ("gateway-1", "gateway-2")]
    return [int(re.fullmatch(r"(\d+)s", time)[1]) for time in times]


def _systemd() -> list[object]:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(DEPLOY / "systemd/vnc-gateway.service")
    return [unit.getint("Service", "TimeoutStopSec")]


@pytest.mark.parametrize(
    ("times", "limits"),
    [
        pytest.param(_kubernetes, lambda: _limits("kubernetes/gateway.toml"), id="terminationGracePeriodSeconds"),
        pytest.param(_compose, lambda: _limits("compose/gateway.toml"), id="stop_grace_period"),
        pytest.param(_systemd, Limits, id="TimeoutStopSec"),
    ],
)
def test_nobody_is_killed_while_sessions_leave(times, limits):
    told = limits()
    assert set(times()) == {told.drain_delay + told.drain + SPARE}
