"""What a changed configuration changes for whom (docs/reload.md): who comes anew, and who returns."""

import time

import pytest
from support.callers import Clock, access, caller
from support.issuer import signed
from support.jwt_mode import KEY, mode

from gateway.access.caller import Caller, Denied
from gateway.access.grants import Seal
from gateway.access.proxy_header import ProxyHeaderMode
from gateway.config.identities import ProxyHeader, Rule

CONSOLE = "lab/vm1"
WITH_POWER = (Rule(group="ops", consoles=["lab/*"], rights={"power": True}),)
VIEW_ONLY = (Rule(group="ops", consoles=["lab/*"], rights={"control": False}),)
ELSEWHERE = (Rule(group="ops", consoles=["other/*"], rights={}),)


def ana(bearer: str | None = None) -> Caller:
    return caller(bearer, **{"X-Remote-User": "ana", "X-Remote-Groups": "ops"})


async def test_a_changed_rule_holds_for_who_returns_behind_a_proxy() -> None:
    seal = Seal()
    gate = access(ProxyHeaderMode(ProxyHeader(), WITH_POWER), Clock(), seal=seal)
    opening = await gate.grant(CONSOLE, ana())
    gate.follow(ProxyHeaderMode(ProxyHeader(), VIEW_ONLY), seal, 60)
    back = await gate.grant(CONSOLE, ana(opening.resume))
    assert (back.returned, back.grant.rights.power, back.grant.rights.control) == (True, False, False)
    assert back.grant.expires_at == opening.grant.expires_at
    gate.follow(ProxyHeaderMode(ProxyHeader(), ELSEWHERE), seal, 60)
    with pytest.raises(Denied, match="forbidden"):
        await gate.grant(CONSOLE, ana(opening.resume))


async def test_a_changed_rule_holds_for_who_comes_with_a_token_and_not_for_who_returns() -> None:
    seal, clock = Seal(), Clock()
    clock.now = time.time()
    token = signed(KEY, consoles=None, groups=["ops"], exp=int(clock.now) + 3600)
    gate = access(mode(rules=WITH_POWER), clock, seal=seal)
    opening = await gate.grant(CONSOLE, caller(token))
    gate.follow(mode(rules=VIEW_ONLY), seal, 60)
    assert (await gate.grant(CONSOLE, caller(opening.resume))).grant == opening.grant
    anew = (await gate.grant(CONSOLE, caller(token))).grant
    assert not anew.rights.control
    assert anew.expires_at == int(clock.now + 60) < opening.grant.expires_at
    gate.follow(mode(rules=ELSEWHERE), seal, 60)
    assert (await gate.grant(CONSOLE, caller(opening.resume))).grant == opening.grant
    with pytest.raises(Denied, match="forbidden"):
        await gate.grant(CONSOLE, caller(token))
