"""deploy/compose.yaml: its parts know each other by the right names, and reach no more than they need."""

import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.deployed import DEPLOY, exchanged

from gateway.config.load import load
from gateway.config.settings import Settings

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
GATEWAYS = ("gateway-1", "gateway-2")
SEAL = "0" * 64


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_no_more_than_it_needs(name: str):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_here_or_made_by_the_operator(name: str):
    for volume in SERVICES[name].get("volumes", []):
        source = volume.partition(":")[0]
        there = source in COMPOSE["volumes"] or source.startswith("./secrets/") or (DEPLOY / source).is_file()
        assert there, source


def test_haproxy_knows_both_gateways():
    servers = re.findall(r"^  server \S+ (\S+):8080$", (DEPLOY / "haproxy/haproxy.cfg").read_text(), re.MULTILINE)
    assert servers == [*GATEWAYS]
    assert {name for name in SERVICES if name.startswith("gateway")} == {*GATEWAYS}


def test_only_the_gateways_reach_the_shared_state():
    assert COMPOSE["networks"]["state"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "state" in service["networks"]} == {*GATEWAYS, "valkey"}
    assert "ports" not in SERVICES["valkey"]
    command = SERVICES["valkey"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_the_api_is_reached_from_this_machine_alone():
    for name in GATEWAYS:
        for port in SERVICES[name]["ports"]:
            assert port.startswith("127.0.0.1:")
            assert port.endswith(":9090")


def settings(file: str, secrets: dict[str, str], directory: Path) -> Settings:
    """A configuration of deploy/ with files that hold `secrets` in place of its own."""
    places = {}
    for number, (place, text) in enumerate(secrets.items()):
        (directory / str(number)).write_text(text)
        places[place] = str(directory / str(number))
    (directory / "gateway.toml").write_text(exchanged((DEPLOY / file).read_text(), places))
    return load(directory / "gateway.toml", {})


def test_the_gateways_believe_haproxy(tmp_path: Path):
    told = settings("compose/gateway.toml", {"/run/secrets/seal": SEAL}, tmp_path)
    haproxy = ipaddress.ip_network(SERVICES["haproxy"]["networks"]["gateways"]["ipv4_address"])
    assert told.listen.trusted_proxies == (haproxy,)
    (subnet,) = COMPOSE["networks"]["gateways"]["ipam"]["config"]
    assert haproxy.subnet_of(ipaddress.ip_network(subnet["subnet"]))
    assert told.listen.port == 8080
    assert told.admin.metrics_port == 9100, "where the image's health check asks"
    assert "valkey" in SERVICES
    assert told.state.url.get_secret_value().startswith("redis://valkey:6379/")


def test_the_configuration_for_kubernetes_loads(tmp_path: Path):
    url = "redis://redis.vnc-gateway-state:6379/0"
    secrets = {"/run/secrets/vnc-gateway/seal": SEAL, "/run/secrets/vnc-gateway/state-url": url}
    told = settings("kubernetes/gateway.toml", secrets, tmp_path)
    assert told.admin.metrics_port == 9100
    assert told.state.url.get_secret_value() == url
