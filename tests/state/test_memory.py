"""One-time tickets of one process (state.md)."""

from gateway.state import memory
from gateway.state.memory import MemoryState


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_ticket_is_redeemed_once():
    state = MemoryState(Clock())
    assert await state.put_ticket("t", "value", 30)
    assert await state.take_ticket("t") == "value"
    assert await state.take_ticket("t") is None


async def test_a_ticket_expires():
    clock = Clock()
    state = MemoryState(clock)
    await state.put_ticket("t", "value", 30)
    clock.now += 30
    assert await state.take_ticket("t") is None


async def test_an_unknown_ticket_is_nothing():
    assert await MemoryState(Clock()).take_ticket("x") is None


async def test_the_plain_ticket_is_not_kept():
    state = MemoryState(Clock())
    await state.put_ticket("very-secret", "value", 30)
    assert "very-secret" not in repr(vars(state))


async def test_tickets_are_bounded_and_expired_ones_make_room(monkeypatch):
    monkeypatch.setattr(memory, "MAX_TICKETS", 3)
    clock = Clock()
    state = MemoryState(clock)
    assert all([await state.put_ticket(str(n), "v", 30) for n in range(3)])
    assert not await state.put_ticket("4", "v", 30)
    clock.now += 31
    assert await state.put_ticket("4", "v", 30)
