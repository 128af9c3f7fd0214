"""Who callers are, in the configuration: what loads, and every fault of it at once with its place."""

from pathlib import Path
from typing import Any

import pytest
from support.issuer import new_key

from gateway.config.identities import Jwt, ProxyHeader, Rights
from gateway.config.load import load
from gateway.errors import ConfigurationError

JWT = """
[access.jwt]
jwks_url = "https://issuer.example.com/keys"
issuer = "https://issuer.example.com"
audience = "vnc-gateway"
"""


def faults(tmp_path: Path, text: str, **variables: str) -> list[str]:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(path, variables)
    return str(caught.value).splitlines()


def test_defaults_are_those_of_the_documentation(load_text: Any) -> None:
    access = load_text('access.mode = "jwt"\n' + JWT).access
    assert access.jwt == Jwt(
        jwks_url="https://issuer.example.com/keys",
        key_file=None,
        issuer="https://issuer.example.com",
        audience="vnc-gateway",
        algorithms=("ES256",),
        user_claim="sub",
        consoles_claim="consoles",
        rights_claim="rights",
        leeway=30,
        exp_ends_session=True,
    )
    assert access.proxy_header == ProxyHeader(user="X-Remote-User", groups="X-Remote-Groups")
    assert access.rules == ()


def test_rules_load(load_text: Any) -> None:
    text = """
        listen.trusted_proxies = ["10.0.0.0/8"]
        [access]
        mode = "proxy_header"
        [[access.rules]]
        group = "ops"
        consoles = ["hangzhou/*", "lab/vm1"]
        rights = { control = true, clipboard = "both" }
        [[access.rules]]
        group = "guests"
        consoles = "lab/*"
        rights = { control = false }
        """
    ops, guests = load_text(text).access.rules
    assert (ops.group, ops.consoles, ops.rights) == ("ops", ("hangzhou/*", "lab/vm1"), Rights())
    assert (guests.consoles, guests.rights.control) == (("lab/*",), False)


def test_lists_come_from_variables_with_commas(load_text: Any) -> None:
    access = load_text(JWT, VNC_GATEWAY_ACCESS__MODE="jwt", VNC_GATEWAY_ACCESS__JWT__ALGORITHMS="ES256,RS256").access
    assert access.jwt.algorithms == ("ES256", "RS256")


def test_a_key_file_holds_a_public_key(load_text: Any, tmp_path: Path) -> None:
    key = new_key("ES256", "one")
    path = tmp_path / "key.pem"
    text = f'[access]\nmode = "jwt"\n[access.jwt]\nissuer = "i"\naudience = "a"\nkey_file = "{path}"\n'
    path.write_bytes(key.as_pem(private=False))
    assert load_text(text).access.jwt.key_file == path
    path.write_bytes(key.as_pem(private=True))
    assert faults(tmp_path, text) == [
        f"access.jwt.key_file: {path} holds a private key; the gateway needs the public one"
    ]
    path.write_text("a shared secret")
    assert faults(tmp_path, text)[0].startswith(f"access.jwt.key_file: {path} is neither PEM nor a JWK")
    path.unlink()
    assert faults(tmp_path, text) == [f"access.jwt.key_file: cannot read {path}: No such file or directory"]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = """
        [access]
        mode = "jwt"
        [access.jwt]
        jwks_url = "http://issuer.example.com/keys"
        issuer = ""
        algorithms = ["ES256", "HS256", "none"]
        leeway = 3600
        user_clam = "sub"
        [[access.rules]]
        consoles = ["lab/*", "*", "lab/[a-z]"]
        rights = { power = "maybe", root = true }
        [[access.rules]]
        group = "ops"
        consoles = []
        """
    told = faults(tmp_path, text)
    starts = [
        "access.jwt.jwks_url: must be https",
        "access.jwt.issuer: must ",
        "access.jwt.audience: is required",
        "access.jwt.algorithms: entry 2 must be ",
        "access.jwt.algorithms: entry 3 must be ",
        "access.jwt.leeway: must be less than or equal to 300",
        "access.jwt.user_clam: unknown key, did you mean user_claim?",
        "access.rules: entry 1, group: is required",
        "access.rules: entry 1, consoles, entry 2: must be PROVIDER/INSTANCE",
        "access.rules: entry 1, consoles, entry 3: must be PROVIDER/INSTANCE",
        "access.rules: entry 1, rights, power: must be true or false",
        "access.rules: entry 1, rights, root: unknown key",
        "access.rules: entry 2, consoles: must not be empty",
    ]
    for start in starts:
        assert any(line.startswith(start) for line in told), (start, told)
    assert len(told) == len(starts)


def test_keys_come_from_one_place(tmp_path: Path) -> None:
    assert faults(tmp_path, 'access.mode = "jwt"\n[access.jwt]\nissuer = "i"\naudience = "a"\n') == [
        "access.jwt: needs either jwks_url or key_file"
    ]


def test_a_mode_has_what_it_knows_callers_by(tmp_path: Path) -> None:
    assert faults(tmp_path, 'access.mode = "jwt"') == [
        "access.jwt: is required by mode jwt: issuer, audience and jwks_url or key_file"
    ]
    assert faults(tmp_path, "", VNC_GATEWAY_ACCESS__MODE="proxy_header") == [
        "listen.trusted_proxies: is required by access mode proxy_header: whose headers are believed",
        "access.rules: is required by mode proxy_header: without a rule nobody may open anything",
    ]
