"""Access mode ticket: minted for one user and console, good once."""

import asyncio

import pytest
from support.callers import GRANT_TTL, Clock, access, caller

from gateway.access.access import Access
from gateway.access.caller import Denied, Full
from gateway.access.grants import Rights
from gateway.access.tickets import Launch, TicketMode
from gateway.state import memory
from gateway.state.memory import MemoryState
from gateway.state.state import ticket_id

LAUNCH = Launch("lab/vm1", "ana", Rights(control=False, clipboard="from_vm"), 600, "CHG-17")


class House:
    """A ticket mode and the access in front of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.state = MemoryState(self.clock)
        self.mode = TicketMode(self.state, self.clock)
        self.access: Access = access(self.mode, self.clock, state=self.state)

    async def refused(self, bearer: str | None, console: str = "lab/vm1", source: str = "10.1.2.3") -> str:
        with pytest.raises(Denied) as denied:
            await self.access.grant(console, caller(bearer, source=source))
        assert denied.value.refusal == "unauthenticated"
        return denied.value.why


async def test_a_ticket_opens_for_its_user_with_its_rights():
    house = House()
    minted = await house.mode.mint(LAUNCH, 30)
    opening = await house.access.grant("lab/vm1", caller(minted.ticket))
    grant = opening.grant
    assert (grant.user, grant.rights, grant.reference) == ("ana", LAUNCH.rights, "CHG-17")
    assert grant.id == minted.id
    assert grant.expires_at == house.clock.now + 600
    assert not opening.returned


async def test_a_ticket_is_good_once():
    house = House()
    minted = await house.mode.mint(LAUNCH, 30)
    await house.access.grant("lab/vm1", caller(minted.ticket))
    assert await house.refused(minted.ticket) == "unknown_or_used"


async def test_of_fifty_at_once_one_gets_in_by_a_ticket():
    house = House()
    minted = await house.mode.mint(LAUNCH, 30)
    page = [house.access.grant("lab/vm1", caller(minted.ticket)) for _ in range(25)]
    program = [house.access.admit("lab/vm1", caller(), minted.ticket) for _ in range(25)]
    results = await asyncio.gather(*page, *program, return_exceptions=True)
    assert sum(isinstance(result, Denied) for result in results) == 49


async def test_a_ticket_of_another_console_opens_neither_and_is_spent():
    house = House()
    minted = await house.mode.mint(LAUNCH, 30)
    assert await house.refused(minted.ticket, "lab/vm2") == "wrong_console"
    assert await house.refused(minted.ticket) == "unknown_or_used"


async def test_a_ticket_expires():
    house = House()
    minted = await house.mode.mint(LAUNCH, 30)
    assert minted.expires_at == house.clock.now + 30
    house.clock.now += 30
    assert await house.refused(minted.ticket) == "unknown_or_used"


async def test_a_ticket_of_a_network_is_good_from_there_only():
    house = House()
    launch = Launch("lab/vm1", "ana", Rights(), 600, network="10.1.0.0/16")
    minted = await house.mode.mint(launch, 30)
    assert await house.refused(minted.ticket, source="10.2.0.1") == "wrong_source"
    minted = await house.mode.mint(launch, 30)
    opening = await house.access.grant("lab/vm1", caller(minted.ticket))
    assert await house.refused(opening.resume, source="10.2.0.1") == "wrong_source"


async def test_a_voided_ticket_opens_nothing():
    house = House()
    minted = await house.mode.mint(LAUNCH, 30)
    assert await house.mode.launch_of(minted.id) == LAUNCH
    assert await house.mode.void(minted.id)
    assert not await house.mode.void(minted.id)
    assert await house.refused(minted.ticket) == "unknown_or_used"


async def test_a_websocket_ticket_is_none_that_can_be_voided():
    house = House()
    minted = await house.mode.mint(LAUNCH, 30)
    opening = await house.access.grant("lab/vm1", caller(minted.ticket))
    assert await house.mode.launch_of(ticket_id(f"ws {opening.ticket}")) is None


@pytest.mark.parametrize("bearer", [None, "", "x", "x" * 8192, "ünlesbar"])
async def test_without_a_ticket_nobody_is_known(bearer):
    house = House()
    assert await house.refused(bearer) in ("missing", "unknown_or_used")
    with pytest.raises(Denied):
        await house.access.admit("lab/vm1", caller(), bearer)


async def test_the_id_of_a_ticket_opens_nothing():
    house = House()
    minted = await house.mode.mint(LAUNCH, 30)
    assert await house.refused(minted.id) == "unknown_or_used"
    assert minted.ticket not in repr(minted)


async def test_a_program_goes_straight_to_the_websocket_with_a_ticket():
    house = House()
    minted = await house.mode.mint(LAUNCH, 30)
    grant = await house.access.admit("lab/vm1", caller(), minted.ticket)
    assert grant.user == "ana"
    with pytest.raises(Denied):
        await house.access.admit("lab/vm1", caller(), minted.ticket)


async def test_a_resume_token_opens_no_websocket_by_itself():
    house = House()
    minted = await house.mode.mint(LAUNCH, 30)
    opening = await house.access.grant("lab/vm1", caller(minted.ticket))
    for bearer, ticket in ((opening.resume, None), (None, opening.resume)):
        with pytest.raises(Denied):
            await house.access.admit("lab/vm1", caller(bearer), ticket)


async def test_a_grant_lives_no_longer_than_the_configuration_lets_it():
    house = House()
    minted = await house.mode.mint(Launch("lab/vm1", "ana", Rights(), 100 * GRANT_TTL), 30)
    opening = await house.access.grant("lab/vm1", caller(minted.ticket))
    assert opening.grant.expires_at == house.clock.now + GRANT_TTL


async def test_tickets_are_bounded_and_long_ones_do_not_keep_short_ones(monkeypatch):
    monkeypatch.setattr(memory, "MAX_TICKETS", 2)
    house = House()
    await house.mode.mint(LAUNCH, 3600)
    await house.mode.mint(LAUNCH, 30)
    with pytest.raises(Full):
        await house.mode.mint(LAUNCH, 30)
    house.clock.now += 30
    await house.mode.mint(LAUNCH, 30)
