"""One-time tickets of one process (state.md)."""

from gateway.state import memory
from gateway.state.memory import MemoryState
from gateway.state.state import Spent


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


async def test_a_budget_holds_in_every_moving_minute():
    clock = Clock()
    state = MemoryState(clock)
    granted: list[float] = []
    for _ in range(3000):
        if (await state.spend("b", 24)).wait == 0:
            granted.append(clock.now)
        clock.now += 0.1
    assert len(granted) == 5 * 24
    for begin in granted:
        assert sum(begin <= at < begin + 60 for at in granted) <= 24


async def test_a_spent_budget_says_how_long_to_wait():
    clock = Clock()
    state = MemoryState(clock)
    assert await state.spend("b", 2) == Spent(0, 1)
    assert await state.spend("b", 2) == Spent(0, 0)
    clock.now += 20
    assert await state.spend("b", 2) == Spent(40, 0)
    clock.now += 40
    assert await state.spend("b", 2) == Spent(0, 1)
    assert await state.spend("other", 1) == Spent(0, 0)


async def test_budgets_that_nobody_uses_are_forgotten(monkeypatch):
    monkeypatch.setattr(memory, "SWEEP_AT", 10)
    clock = Clock()
    state = MemoryState(clock)
    for number in range(10):
        await state.spend(str(number), 5)
    clock.now += 61
    await state.spend("new", 5)
    assert len(state._spent) == 1
