"""Cautions: what is allowed and yet worth a word."""

import resource
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from gateway.config.check import cautions, open_files, raise_open_files

OPEN = 'access.mode = "open"\n'
LAB = "providers.lab = { type = 'static', consoles = { a = 'tcp://h:1' } }\n"
CLOUD = "credentials.k.source = 'env'\nproviders.hz = { type = 'alibaba', region = 'r', credentials = 'k', "
ENOUGH = 4200


def _lines(settings, files: int = ENOUGH, environ: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    return [str(caution) for caution in cautions(settings, environ, files)]


def test_a_sound_configuration_has_none(load_text):
    assert _lines(load_text(OPEN + LAB)) == []
    assert _lines(load_text(OPEN + LAB), files=-1) == []


def test_too_few_open_files_are_named(load_text):
    assert _lines(load_text(OPEN + LAB), files=ENOUGH - 1) == [
        "limits.sessions: needs 4200 open files, this process may open 4199: raise ulimit -n"
    ]


@pytest.mark.parametrize(
    ("variable", "ours"),
    [
        ("VNC_GATEWAY_STATE_URL", True),
        ("VNC_GATEWAY_STATE_URL_FILE", True),
        ("VNC_GATEWAY_LIMITS_SESSIONS", True),
        ("VNC_GATEWAY_LISTEN_PORT", True),
        ("VNC_GATEWAY_PROVIDERS_LAB_TYPE", True),
        ("VNC_GATEWAY_ADMIN_KEY", False),  # the command line's own
        ("VNC_GATEWAY_ADMIN_URL", False),
        ("VNC_GATEWAY_STATEMENT", False),
        ("VNC_GATEWAY_STATE__URL", False),
        ("STATE_URL", False),
    ],
)
def test_a_variable_with_one_underscore_too_few_is_named(load_text, variable: str, ours: bool):
    told = f"{variable}: is not read: two underscores part table and key, as in VNC_GATEWAY_STATE__URL"
    assert _lines(load_text(OPEN + LAB), environ={variable: "x"}) == ([told] if ours else [])


@pytest.mark.parametrize("service", ["VNC_GATEWAY", "VNC_GATEWAY_ADMIN"])
def test_variables_that_kubernetes_sets_for_our_services_are_not_named(load_text, service: str):
    port = f"{service}_PORT_9090_TCP"
    names = [f"{service}_SERVICE_HOST", f"{service}_SERVICE_PORT", f"{service}_PORT", port]
    names += [f"{port}_{part}" for part in ("ADDR", "PORT", "PROTO")]
    assert _lines(load_text(OPEN + LAB), environ=dict.fromkeys(names, "x")) == []


def test_no_human_idle_limit_is_named_once(load_text):
    assert [line.split(":")[0] for line in _lines(load_text(OPEN + LAB + "limits.human_idle = 0"))] == [
        "limits.human_idle"
    ]
    own = LAB.replace("} }", "}, limits = { human_idle = 0, held = '1 GiB' } }")
    assert [line.split(":")[0] for line in _lines(load_text(OPEN + own))] == [
        "providers.lab.limits.human_idle",
        "providers.lab.limits.held",
    ]


def test_a_keepalive_that_lets_the_cloud_end_consoles_is_named(load_text):
    for keys, place in (
        ("keepalive = { method = 'off' } }", "providers.hz.keepalive.method"),
        ("keepalive = { upstream_after = 300 } }", "providers.hz.keepalive.upstream_after"),
        ("reconnect = { per_minute = 31 } }", "providers.hz.reconnect.per_minute"),
    ):
        assert [line.split(":")[0] for line in _lines(load_text(OPEN + CLOUD + keys))] == [place]


def test_trusting_everybody_is_named(load_text):
    for networks, lines in (("['10.0.0.0/8']", 0), ("['0.0.0.0/0', '::/0']", 2)):
        named = _lines(load_text(OPEN + LAB + f"listen.trusted_proxies = {networks}"))
        assert [line.split(":")[0] for line in named] == ["listen.trusted_proxies"] * lines


def test_no_provider_is_named(load_text):
    assert _lines(load_text(OPEN)) == ["providers: there are none: no console can be opened"]


def test_a_gateway_that_nobody_can_open_or_return_to_is_named(load_text):
    digest = "sha256:" + "0" * 64
    sees = f"admin.keys.k = {{ hash = '{digest}', rights = ['sessions'] }}\n"
    mints = f"admin.keys.k = '{digest}'\naccess.seal_keys = '{'s' * 32}'\n"
    elsewhere = "listen = { host = '0.0.0.0', public_url = 'http://c.example.com' }\n"
    assert _lines(load_text(sees + LAB)) == [
        "admin.keys: none may mint tickets: no console can be opened",
        "access.seal_keys_file: not set: after a restart nobody returns to an open console",
    ]
    assert _lines(load_text(mints + LAB)) == []
    assert _lines(load_text(mints + elsewhere + LAB)) == [
        "listen.public_url: is not https: tickets, keys and screens cross the network in clear"
    ]


def test_what_counts_in_another_mode_is_named(load_text):
    rules = "access.rules = [{ group = 'ops', consoles = ['lab/*'] }]\n"
    issuer = "access.jwt = { jwks_url = 'https://i', issuer = 'i', audience = 'a' }\n"
    assert _lines(load_text(OPEN + LAB + rules + issuer)) == [
        "access.jwt: counts for nothing in mode open",
        "access.rules: counts for nothing in mode open",
    ]
    sealed = f"access.seal_keys = '{'s' * 32}'\n"
    assert _lines(load_text("access.mode = 'jwt'\n" + sealed + LAB + rules + issuer)) == []


def test_open_files_are_raised_to_the_hard_limit():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
        raise_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == open_files() == before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_an_audit_file_in_no_directory_is_named(load_text, tmp_path):
    lines = _lines(load_text(OPEN + LAB + f"audit = {{ target = 'file', file = '{tmp_path}/none/audit.jsonl' }}"))
    assert lines == [f"audit.file: there is no directory {tmp_path}/none here"]
    assert _lines(load_text(OPEN + LAB + f"audit = {{ target = 'file', file = '{tmp_path}/audit.jsonl' }}")) == []


def test_patterns_of_nobodys_consoles_are_named(load_text):
    keys = f"admin.keys.a = {{ hash = 'sha256:{0:064d}', consoles = ['lab/*', 'l*/a', 'hz/*', '*/*'] }}\n"
    rules = "access.rules = [{ group = 'g', consoles = ['*/*'] }, { group = 'h', consoles = ['labs/a'] }]\n"
    proxied = "access.mode = 'proxy_header'\nlisten.trusted_proxies = ['10.0.0.1']\n"
    of_key = "admin.keys.a.consoles: hz/* fits no console: there is no such provider"
    of_rule = "access.rules: entry 2: labs/a fits no console: there is no such provider"
    for mode, told in ((OPEN, [of_key]), (proxied, [of_key, of_rule])):
        lines = _lines(load_text(mode + LAB + keys + rules))
        assert [line for line in lines if "fits no console" in line] == told
    assert not any("fits no console" in line for line in _lines(load_text(OPEN + keys)))
