"""Access mode proxy_header: headers count from a trusted proxy and from nobody else."""

import pytest
from multidict import CIMultiDict

from gateway.access.caller import Caller, Denied
from gateway.access.grants import Rights
from gateway.access.proxy_header import ProxyHeaderMode
from gateway.config.identities import ProxyHeader, Rule

RULES = (
    Rule(group="ops", consoles=["lab/*"], rights={"power": True}),
    Rule(group="guests", consoles=["lab/public"], rights={"control": False}),
)
GATE = ProxyHeaderMode(ProxyHeader(), RULES)


def caller(*headers: tuple[str, str], trusted: bool = True) -> Caller:
    return Caller(source="10.0.0.1", bearer=None, headers=CIMultiDict(headers), trusted_proxy=trusted, certificate=None)


async def denied(caller_: Caller, console: str = "lab/vm") -> tuple[str, str]:
    with pytest.raises(Denied) as caught:
        await GATE.authenticate(console, caller_)
    return caught.value.refusal, caught.value.why


async def test_the_proxy_says_who_it_is_and_rules_say_what_they_may() -> None:
    ana = caller(("x-remote-user", "ana"), ("x-remote-groups", "staff, ops"))
    identity = await GATE.authenticate("lab/vm", ana)
    assert (identity.user, identity.rights, identity.expires_at) == ("ana", Rights(power=True), None)
    guest = caller(("X-Remote-User", "eve"), ("X-Remote-Groups", "guests"))
    assert (await GATE.authenticate("lab/public", guest)).rights == Rights(control=False, takeover=False)
    assert await denied(guest) == ("forbidden", "wrong_console")


async def test_headers_of_anybody_else_are_nothing() -> None:
    forged = caller(("X-Remote-User", "ana"), ("X-Remote-Groups", "ops"), trusted=False)
    assert await denied(forged) == ("unauthenticated", "untrusted_proxy")


@pytest.mark.parametrize("name", ["X-Remote-User", "X-Remote-Groups", "x-remote-user", "x-remote-groups"])
async def test_a_header_that_came_twice_is_nobodys(name: str) -> None:
    """A proxy that adds its header to the client's own lets one of them be forged: neither counts."""
    both = caller(("X-Remote-User", "eve"), ("X-Remote-Groups", "ops"), (name, "ana"))
    assert await denied(both) == ("unauthenticated", "header_twice")


@pytest.mark.parametrize("user", ["", "a" * 300, "ana\x1b[2J", "ana\udcff", "ana\u2028"])
async def test_a_user_is_a_short_printable_name(user: str) -> None:
    refusal, _ = await denied(caller(("X-Remote-User", user), ("X-Remote-Groups", "ops")))
    assert refusal == "unauthenticated"


async def test_without_a_user_or_a_group_nothing_opens() -> None:
    assert (await denied(caller(("X-Remote-Groups", "ops"))))[0] == "unauthenticated"
    assert (await denied(caller(("X-Remote-User", "ana"))))[0] == "forbidden"
    assert (await denied(caller(("X-Remote-User", "ana"), ("X-Remote-Groups", " , "))))[0] == "forbidden"


async def test_the_headers_are_those_that_are_configured() -> None:
    gate = ProxyHeaderMode(ProxyHeader(user="X-Auth-User", groups="X-Auth-Groups"), RULES)
    identity = await gate.authenticate("lab/vm", caller(("X-Auth-User", "ana"), ("X-Auth-Groups", "ops")))
    assert identity.user == "ana"
    with pytest.raises(Denied):
        await gate.authenticate("lab/vm", caller(("X-Remote-User", "ana"), ("X-Remote-Groups", "ops")))
