"""Grants, WebSocket tickets and resume tokens, whatever the access mode."""

import asyncio

import pytest
from support.callers import GRANT_TTL, Clock, access, caller

from gateway.access.access import Access
from gateway.access.caller import Denied, Full, Identity
from gateway.access.grants import Grant, Rights, Seal
from gateway.access.open import OpenMode
from gateway.access.proxy_header import ProxyHeaderMode
from gateway.config.identities import ProxyHeader, Rule
from gateway.state import memory
from gateway.state.memory import MemoryState


class OneUser:
    """Knows one identity, by whatever is shown."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    async def authenticate(self, console, caller):
        return self.identity


async def refused(attempt) -> str:
    with pytest.raises(Denied) as denied:
        await attempt
    assert denied.value.refusal == "unauthenticated"
    return denied.value.why


async def test_a_grant_opens_its_console_once():
    gate = access(OpenMode(), Clock())
    opening = await gate.grant("lab/vm1", caller())
    assert await gate.admit("lab/vm1", caller(), opening.ticket) == opening.grant
    assert await refused(gate.admit("lab/vm1", caller(), opening.ticket)) == "unknown_or_used"


async def test_of_fifty_at_once_one_gets_in_by_a_websocket_ticket():
    gate = access(OpenMode(), Clock())
    opening = await gate.grant("lab/vm1", caller())
    tries = [gate.admit("lab/vm1", caller(), opening.ticket) for _ in range(50)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, Grant) for result in results) == 1
    assert sum(isinstance(result, Denied) for result in results) == 49


async def test_a_websocket_ticket_of_another_console_opens_nothing_and_is_spent():
    gate = access(OpenMode(), Clock())
    opening = await gate.grant("lab/vm1", caller())
    assert await refused(gate.admit("lab/vm2", caller(), opening.ticket)) == "wrong_console"
    assert await refused(gate.admit("lab/vm1", caller(), opening.ticket)) == "unknown_or_used"


async def test_a_websocket_ticket_lives_for_thirty_seconds():
    clock = Clock()
    gate = access(OpenMode(), clock)
    opening = await gate.grant("lab/vm1", caller())
    clock.now += 30
    assert await refused(gate.admit("lab/vm1", caller(), opening.ticket)) == "unknown_or_used"


async def test_a_websocket_ticket_is_no_bearer():
    gate = access(OneUser(Identity("ana", Rights(), None)), Clock())
    opening = await gate.grant("lab/vm1", caller())
    again = await gate.grant("lab/vm1", caller(opening.ticket))
    assert again.grant.session != opening.grant.session
    assert await gate.admit("lab/vm1", caller(), opening.ticket) == opening.grant


async def test_a_resume_token_carries_the_session_on_with_its_fixed_end():
    clock = Clock()
    gate = access(OpenMode(), clock)
    first = await gate.grant("lab/vm1", caller())
    clock.now += 1000
    again = await gate.grant("lab/vm1", caller(first.resume))
    assert again.returned
    assert again.grant == first.grant
    assert again.grant.expires_at == clock.now - 1000 + GRANT_TTL


async def test_a_resume_token_of_another_console_or_after_its_end_is_refused():
    clock = Clock()
    gate = access(OpenMode(), clock)
    first = await gate.grant("lab/vm1", caller())
    assert await refused(gate.grant("lab/vm2", caller(first.resume))) == "wrong_console"
    clock.now += GRANT_TTL
    assert await refused(gate.grant("lab/vm1", caller(first.resume))) == "expired"


async def test_a_forged_resume_token_starts_afresh_where_nobody_is_asked():
    gate = access(OpenMode(), Clock())
    first = await gate.grant("lab/vm1", caller())
    other = await gate.grant("lab/vm1", caller(Seal().close(first.grant)))
    assert not other.returned
    assert other.grant.session != first.grant.session


async def test_a_session_that_was_ended_is_not_returned_to_by_either_ticket():
    gate = access(OpenMode(), Clock())
    opening = await gate.grant("lab/vm1", caller())
    await gate.end(opening.grant, "bastion")
    assert await refused(gate.admit("lab/vm1", caller(), opening.ticket)) == "ended_by_admin"
    assert await refused(gate.grant("lab/vm1", caller(opening.resume))) == "ended_by_admin"


async def test_the_end_of_a_session_is_remembered_until_its_grant_is_over():
    clock = Clock()
    state = MemoryState(clock)
    gate = access(OpenMode(), clock, state=state)
    opening = await gate.grant("lab/vm1", caller())
    await gate.end(opening.grant, "bastion")
    clock.now += GRANT_TTL - 1
    assert await state.ended(opening.grant.session)
    clock.now += 1
    assert not await state.ended(opening.grant.session)


async def test_what_a_caller_was_known_by_may_end_the_grant_earlier():
    clock = Clock()
    gate = access(OneUser(Identity("ana", Rights(), int(clock.now) + 60)), clock)
    assert (await gate.grant("lab/vm1", caller())).grant.expires_at == clock.now + 60
    gate = access(OneUser(Identity("ana", Rights(), int(clock.now) + 10 * GRANT_TTL)), clock)
    assert (await gate.grant("lab/vm1", caller())).grant.expires_at == clock.now + GRANT_TTL


async def test_a_grant_of_a_network_is_used_from_there_only():
    gate = access(OneUser(Identity("ana", Rights(), None, network="10.1.0.0/16")), Clock())
    opening = await gate.grant("lab/vm1", caller())
    assert await refused(gate.grant("lab/vm1", caller(opening.resume, source="10.2.0.1"))) == "wrong_source"
    assert await refused(gate.admit("lab/vm1", caller(source="10.2.0.1"), opening.ticket)) == "wrong_source"
    assert (await gate.grant("lab/vm1", caller(opening.resume, source="10.1.9.9"))).returned


async def test_behind_a_proxy_a_tab_of_another_user_does_not_return_and_lost_rights_are_lost():
    rules = [
        Rule(group="ops", consoles=["lab/*"], rights={"power": True}),
        Rule(group="guests", consoles=["lab/*"], rights={"control": False}),
    ]
    gate = access(ProxyHeaderMode(ProxyHeader(), rules), Clock())

    def ana(bearer: str | None = None, user: str = "ana", groups: str = "ops"):
        return caller(bearer, **{"X-Remote-User": user, "X-Remote-Groups": groups})

    opening = await gate.grant("lab/vm1", ana())
    assert opening.grant.rights.power
    assert await refused(gate.grant("lab/vm1", ana(opening.resume, user="bob"))) == "wrong_user"
    assert not (await gate.grant("lab/vm1", ana(opening.resume, groups="guests"))).grant.rights.control
    assert await refused(gate.grant("lab/vm1", caller(opening.resume))) == "untrusted_proxy"


async def test_tickets_are_bounded(monkeypatch):
    monkeypatch.setattr(memory, "MAX_TICKETS", 1)
    gate: Access = access(OpenMode(), Clock())
    await gate.grant("lab/vm1", caller())
    with pytest.raises(Full):
        await gate.grant("lab/vm1", caller())


def test_sealing_keys_rotate():
    old, new = b"old " * 10, b"new " * 10
    grant = Grant("s", "lab/vm1", "ana", 5, Rights(power=True, clipboard="none"), id="t", network="10.0.0.0/8")
    token = Seal([old]).close(grant)
    assert Seal([new, old]).open(token) == grant
    assert Seal([new]).open(token) is None
    assert Seal([new]).open(Seal([new, old]).close(grant)) == grant, "the first key seals"


def test_a_sealed_token_shows_nothing():
    assert "ana" not in Seal().close(Grant("s", "lab/vm1", "ana", 5))


def test_tokens_of_silly_size_or_text_are_nothing():
    assert Seal().open("x" * 100_000) is None
    assert Seal().open("ünlesbar") is None
    assert Seal().open("") is None


def test_a_token_of_a_version_with_other_fields_is_nothing(monkeypatch):
    seal, grant = Seal(), Grant("s", "lab/vm1", "ana", 5)
    for stored in ('{"session": "s"}', grant.to_json().replace('"user"', '"who"')):
        with monkeypatch.context() as changed:
            changed.setattr(Grant, "to_json", lambda _, stored=stored: stored)
            token = seal.close(grant)
        assert seal.open(token) is None
    assert seal.open(seal.close(grant)) == grant
