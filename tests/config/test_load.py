"""What a correct configuration becomes: defaults, overrides, values in the form that the gateway uses."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.config.access import Admin
from gateway.config.blocks import Keepalive, Limits, Log, Reconnect
from gateway.config.listen import Listen
from gateway.config.load import load
from gateway.config.providers import StaticSettings
from gateway.config.settings import Settings
from gateway.config.values import is_loopback

MIB = 1024 * 1024
OPEN = 'access.mode = "open"\n'


def test_defaults_are_those_of_the_documentation(load_text):
    settings = load_text(OPEN)
    assert settings.listen == Listen(host="127.0.0.1", port=8080, public_url=None, tls=None)
    assert settings.admin == Admin(host="127.0.0.1", port=9090)
    assert not settings.state.shared
    assert settings.keepalive == Keepalive(upstream_after=45, method="auto", browser_ping=20, browser_timeout=20)
    assert settings.reconnect == Reconnect(window=120, per_minute=24)
    assert settings.limits == Limits(sessions=2000, human_idle=1800, duration=43200, held=4 * MIB, held_total=128 * MIB)
    assert settings.log == Log(level="info", format="auto")


def test_a_provider_overrides_the_blocks_key_by_key(load_text):
    settings = load_text(
        OPEN
        + """
        keepalive = { upstream_after = 60, browser_ping = 30 }
        reconnect.per_minute = 10
        limits = { human_idle = 0, held = "2 MiB" }
        [providers.lab]
        type = "static"
        consoles = { vm = "tcp://127.0.0.1:5900" }
        keepalive = { method = "off", upstream_after = 45 }
        limits = { held = "1 MiB" }
        [providers.other]
        type = "static"
        consoles = { vm = "tcp://127.0.0.1:5900" }
        """
    )
    assert settings.keepalive_for("lab") == Keepalive(method="off", upstream_after=45, browser_ping=30)
    assert settings.reconnect_for("lab").per_minute == 10
    assert settings.limits_for("lab").held == MIB
    assert settings.limits_for("lab").human_idle == 0
    assert settings.limits_for("other").held == 2 * MIB
    assert settings.keepalive_for("other") == settings.keepalive


def test_all_types_of_provider_load_with_every_key(load_text, tmp_path: Path):
    (tmp_path / "bearer").write_text("b\n")
    settings = load_text(
        OPEN
        + f"""
        [credentials.k]
        source = "sts"
        access_key = "AK"
        secret_key = "SK"
        security_token = "T"
        [credentials.m]
        source = "ecs_metadata"
        role = "reader"
        cloud = "huawei"
        endpoint = "http://127.0.0.1:1"
        [providers.a]
        type = "alibaba"
        region = "cn-hangzhou"
        credentials = "k"
        endpoint = "http://127.0.0.1:2/"
        origin = "https://g.alicdn.com"
        subprotocol = ""
        headers = {{ X-A = "1" }}
        allowed_hosts = ["H.example.com", "*.Example.com", ".x.org", "::1", "127.0.0.1"]
        ca_file = ""
        proxy = "http://user:pw@proxy:3128"
        password = "p"
        keepalive = {{}}
        reconnect = {{}}
        limits = {{}}
        [providers.h]
        type = "huawei"
        region = "cn-north-4"
        project_id = "0f"
        credentials = "m"
        [providers.b]
        type = "http"
        url = "https://h/x?y=1"
        bearer_file = "{tmp_path}/bearer"
        allowed_hosts = ["h"]
        """
    )
    alibaba, broker = settings.providers["a"], settings.providers["b"]
    assert alibaba.allowed_hosts == ("h.example.com", ".example.com", ".x.org", "::1", "127.0.0.1")
    assert alibaba.subprotocol == ""
    assert alibaba.ca_file is None
    assert alibaba.headers == {"X-A": "1"}
    assert broker.bearer.get_secret_value() == "b"
    assert settings.credentials["k"].security_token.get_secret_value() == "T"
    assert settings.credentials["m"].role == "reader"


def test_a_console_is_a_bare_address_or_a_table(load_text):
    settings = load_text(
        OPEN
        + """
        [providers.lab]
        type = "static"
        [providers.lab.consoles]
        desktop = "tcp://10.0.0.5:5901"
        "VM_1.a" = "ws://[fe80::1]:5700/"
        vm2 = { url = "tcp://10.0.0.7:5902", password = "p" }
        page = { url = "https://host:6080/vnc_auto.html?token=%2Fa" }
        """
    )
    lab = settings.providers["lab"]
    assert isinstance(lab, StaticSettings)
    assert {name: console.url for name, console in lab.consoles.items()} == {
        "desktop": "tcp://10.0.0.5:5901",
        "VM_1.a": "ws://[fe80::1]:5700/",
        "vm2": "tcp://10.0.0.7:5902",
        "page": "https://host:6080/vnc_auto.html?token=%2Fa",
    }
    assert lab.consoles["vm2"].password.get_secret_value() == "p"


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://Console.Example.com:443/", "https://console.example.com"),
        ("http://h:80", "http://h"),
        ("https://h:80", "https://h:80"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_origins_are_kept_as_browsers_send_them(load_text, given: str, origin: str):
    settings = load_text(OPEN + f'listen = {{ public_url = "{given}", allowed_origins = ["{given}"] }}')
    assert settings.listen.public_url == origin
    assert settings.listen.allowed_origins == (origin,)


@pytest.mark.parametrize(
    ("given", "size"), [("4096", 4096), ('"4 MiB"', 4 * MIB), ('"512KiB"', 512 * 1024), ('"1.5 MiB"', 3 * MIB // 2)]
)
def test_sizes_are_numbers_of_bytes_or_texts(load_text, given: str, size: int):
    assert load_text(OPEN + f"limits.held = {given}").limits.held == size


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_loopback_is_listened_on(load_text, host: str):
    assert is_loopback(load_text(OPEN + f'listen.host = "{host}"').listen.host)


def test_two_listeners_may_both_take_any_port(load_text):
    assert load_text(OPEN + "listen.port = 0\nadmin.port = 0").admin.port == 0


def test_settings_cannot_be_changed(load_text):
    settings = load_text(OPEN)
    with pytest.raises(ValidationError):
        settings.listen.port = 1
    with pytest.raises(ValidationError):
        settings.listen = settings.listen


def test_settings_built_in_code_do_not_read_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LISTEN", '{"port": 1}')
    monkeypatch.setenv("VNC_GATEWAY_LISTEN__PORT", "1")
    assert Settings(access={"mode": "open"}).listen.port == 8080


def test_without_a_file_variables_say_everything():
    assert load(None, {"VNC_GATEWAY_ACCESS__MODE": "open"}).access.mode == "open"
