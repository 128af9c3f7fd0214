"""A target says where, and keeps the rest to itself."""

import dataclasses

import pytest
from pydantic import SecretStr
from yarl import URL

from gateway.providers.address import Location
from gateway.providers.outlet import Outlet
from gateway.providers.target import Target

FULL = Target(
    host="h.test",
    port=8443,
    account="SECRET-account",
    fetched_at=100.0,
    url=URL("wss://h.test:8443/SECRET-path?token=SECRET", encoded=True),
    headers={"Authorization": "SECRET"},
    cookies={"token": "SECRET"},
    subprotocols=("binary",),
    password=SecretStr("SECRET"),
    valid_for=15.0,
    proxy="http://user:SECRET@proxy.test",
)


@pytest.mark.parametrize("text", [repr(FULL), str(FULL), f"{FULL}", f"{FULL!r}", f"{[FULL]}"])
def test_no_form_of_it_as_text_holds_a_secret(text: str) -> None:
    assert "SECRET" not in text
    assert "wss://h.test:8443/…" in text


@pytest.mark.parametrize(
    ("url", "expected"),
    [(None, "tcp://2001:db8::1:5901"), ("ws://x/", "ws://"), ("wss://x/", "wss://")],
)
def test_the_scheme(url: str | None, expected: str) -> None:
    target = Target(host="2001:db8::1", port=5901, account="a", fetched_at=0, url=URL(url) if url else None)
    assert target.scheme == expected.partition(":")[0]
    assert str(target).startswith(f"{target.scheme}://[2001:db8::1]:5901")


def test_an_address_ages_and_expires() -> None:
    assert FULL.age(103.5) == 3.5
    assert not FULL.expired(114.9)
    assert FULL.expired(115.0)
    assert not dataclasses.replace(FULL, valid_for=None).expired(1e9)


@pytest.mark.parametrize(
    ("host", "peer", "allowed"),
    [
        ("h.test", "10.0.0.1", True),
        ("h.test", "127.0.0.1", True),
        ("h.test", "169.254.169.254", False),
        ("h.test", "100.100.100.200", False),
        ("h.test", "::ffff:169.254.169.254", False),
        ("h.test", "fe80::1%eth0", False),
        ("h.test", "no address", False),
        ("169.254.7.7", "169.254.7.7", True),  # spelt out, so its provider has decided
        ("169.254.7.7", "169.254.169.254", False),
    ],
)
def test_what_a_name_may_lead_to(host: str, peer: str, *, allowed: bool) -> None:
    assert Target(host=host, port=1, account="a", fetched_at=0).peer_allowed(peer) is allowed


def test_an_outlet_puts_its_settings_into_each_target(outlet: Outlet) -> None:
    full = dataclasses.replace(
        outlet,
        proxy="http://proxy.test:3128",
        headers={"X-A": "b"},
        origin="https://o.test",
        subprotocols=(),
        password=SecretStr("p"),
        now=lambda: 7.0,
    )
    location = Location("h.test", 443, URL("wss://h.test/"), {"token": "x"})
    target = full.target(location, account="a", valid_for=15, single_use=True, one_session=True, request_id="r")
    assert target == Target(
        host="h.test",
        port=443,
        account="a",
        fetched_at=7.0,
        url=URL("wss://h.test/"),
        headers={"X-A": "b"},
        cookies={"token": "x"},
        subprotocols=(),
        origin="https://o.test",
        password=SecretStr("p"),
        valid_for=15,
        single_use=True,
        one_session=True,
        tls=outlet.tls,
        proxy="http://proxy.test:3128",
        request_id="r",
    )
    assert "proxy" not in repr(full)


def test_only_wss_gets_a_tls_context(outlet: Outlet) -> None:
    assert outlet.target(Location("h.test", 80, URL("ws://h.test/")), account="a").tls is None
    assert outlet.target(Location("h.test", 5900), account="a").tls is None
