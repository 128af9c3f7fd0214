"""What of a changed configuration is taken over by a gateway that runs, and what waits."""

from typing import Any

import pytest

from gateway.config.changes import NEEDS_RESTART, between
from gateway.config.load import build
from gateway.config.settings import Settings

LAB = {"type": "static", "consoles": {"vm": "tcp://127.0.0.1:5901"}}


def settings(**tables: Any) -> Settings:
    return build({"access": {"mode": "open"}, "providers": {"lab": LAB}} | tables, environ={})


def test_nothing_changed_is_nothing():
    change = between(settings(), settings())
    assert (change.taken, change.waiting) == ((), ())


def test_a_key_is_named_by_its_path():
    change = between(settings(), settings(limits={"sessions": 7}, keepalive={"method": "off"}))
    assert change.taken == ("keepalive.method", "limits.sessions")
    assert change.settings.limits.sessions == 7


def test_what_needs_a_restart_stays_as_it_was():
    change = between(
        settings(), settings(listen={"port": 8443}, audit={"on_failure": "continue"}, log={"level": "debug"})
    )
    assert change.waiting == ("listen.port", "audit.on_failure")
    assert change.taken == ("log.level",)
    assert change.settings.listen.port == 8080
    assert change.settings.audit.on_failure == "refuse"


def test_it_is_told_again_for_as_long_as_it_waits():
    wanted = settings(listen={"port": 8443})
    assert between(between(settings(), wanted).settings, wanted).waiting == ("listen.port",)


def test_another_mode_of_access_waits_with_all_that_belongs_to_it():
    jwt = {"issuer": "https://i.example.com", "audience": "a", "jwks_url": "https://i.example.com/keys"}
    before = settings(access={"mode": "jwt", "jwt": jwt, "grant_ttl": 100})
    change = between(before, settings(access={"mode": "ticket"}, listen={"public_url": "https://c.example.com"}))
    assert change.waiting == ("access.mode", "access.grant_ttl", "access.jwt", "listen.public_url")
    assert change.taken == ()
    assert change.settings.access == before.access


def test_who_may_send_a_proxy_header_stays_for_as_long_as_one_is_asked_for():
    trusting = {"proxy_protocol": True, "trusted_proxies": ["10.0.0.0/8"]}
    change = between(settings(listen=trusting), settings())
    assert change.waiting == ("listen.proxy_protocol", "listen.trusted_proxies")
    others = {"proxy_protocol": True, "trusted_proxies": ["10.0.0.0/16"]}
    assert between(settings(listen=trusting), settings(listen=others)).taken == ("listen.trusted_proxies",)


def test_providers_come_and_go_by_their_names():
    moved = {"type": "static", "consoles": {"vm": "tcp://127.0.0.1:5902", "my.vm": "tcp://127.0.0.1:5903"}}
    assert between(settings(), settings(providers={"lab": LAB, "new": LAB})).taken == ("providers.new",)
    assert between(settings(), settings(providers={})).taken == ("providers.lab",)
    assert between(settings(), settings(providers={"lab": moved})).taken == (
        'providers.lab.consoles."my.vm"',
        "providers.lab.consoles.vm.url",
    )


def test_a_secret_is_compared_and_not_shown():
    def with_secret(secret: str) -> Settings:
        return settings(credentials={"prod": {"source": "static", "access_key": "AK", "secret_key": secret}})

    change = between(with_secret("old-secret"), with_secret("new-secret"))
    assert change.taken == ("credentials.prod.secret_key",)
    assert "secret" not in repr(change).replace("secret_key", "")


@pytest.mark.parametrize("path", NEEDS_RESTART, ids=".".join)
def test_every_key_that_needs_a_restart_exists(path: tuple[str, ...]):
    value: object = settings()
    for key in path:
        value = getattr(value, key)
