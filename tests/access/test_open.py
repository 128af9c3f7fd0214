"""Access mode open: grants for everybody, tickets of one console, sealed tokens to come back with."""

from cryptography.fernet import Fernet

from gateway.access.grants import Grant, Rights, Seal
from gateway.access.open import OpenAccess
from gateway.state.memory import MemoryState


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def access(clock: Clock, seal: Seal | None = None) -> OpenAccess:
    return OpenAccess(MemoryState(clock), seal or Seal(), grant_ttl=3600, clock=clock)


async def test_a_grant_opens_its_console_once():
    gate = access(Clock())
    opening = await gate.grant("lab/vm1", None)
    assert opening is not None
    assert await gate.admit("lab/vm1", opening.ticket) == opening.grant
    assert await gate.admit("lab/vm1", opening.ticket) is None


async def test_a_ticket_of_another_console_opens_nothing_and_is_spent():
    gate = access(Clock())
    opening = await gate.grant("lab/vm1", None)
    assert opening is not None
    assert await gate.admit("lab/vm2", opening.ticket) is None
    assert await gate.admit("lab/vm1", opening.ticket) is None


async def test_a_resume_token_carries_the_session_on():
    gate = access(Clock())
    first = await gate.grant("lab/vm1", None)
    assert first is not None
    again = await gate.grant("lab/vm1", first.resume)
    assert again is not None
    assert again.grant == first.grant


async def test_a_resume_token_of_another_console_expired_or_forged_starts_afresh():
    clock = Clock()
    gate = access(clock)
    first = await gate.grant("lab/vm1", None)
    assert first is not None
    forged = Seal().close(first.grant)
    for console, token, later in (
        ("lab/vm2", first.resume, 0),
        ("lab/vm1", forged, 0),
        ("lab/vm1", first.resume, 3600),
    ):
        clock.now += later
        other = await gate.grant(console, token)
        assert other is not None
        assert other.grant.session != first.grant.session


async def test_a_websocket_without_a_ticket_is_let_in():
    grant = await access(Clock()).admit("lab/vm1", None)
    assert grant is not None
    assert grant.console == "lab/vm1"


def test_sealing_keys_rotate():
    old, new = Fernet.generate_key(), Fernet.generate_key()
    grant = Grant("s", "lab/vm1", "ana", 5, Rights(power=True, clipboard="none"))
    token = Seal([old]).close(grant)
    assert Seal([new, old]).open(token) == grant
    assert Seal([new]).open(token) is None


def test_a_sealed_token_shows_nothing():
    assert "ana" not in Seal().close(Grant("s", "lab/vm1", "ana", 5))


def test_tokens_of_silly_size_or_text_are_nothing():
    assert Seal().open("x" * 100_000) is None
    assert Seal().open("ünlesbar") is None
    assert Seal().open("") is None
