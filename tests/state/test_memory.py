"""The state of one process: its clock, its bounds. What it shares with Redis's is tested in test_state.py."""

import asyncio

from gateway.state import memory
from gateway.state.memory import MemoryState
from gateway.state.state import Ended


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_ticket_expires():
    clock = Clock()
    state = MemoryState(clock)
    await state.put_ticket("t", "value", 30)
    clock.now += 30
    assert await state.take_ticket("t") is None


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


async def test_ends_are_bounded(monkeypatch):
    monkeypatch.setattr(memory, "MAX_ENDS", 2)
    state = MemoryState(Clock())
    assert [await state.end_session(str(number), 30, "bastion") for number in range(3)] == [True, True, False]


async def test_news_that_a_listener_does_not_hear_are_bounded(monkeypatch):
    monkeypatch.setattr(memory, "MAX_NEWS", 2)
    state = MemoryState(Clock())
    news = state.news()
    first = asyncio.ensure_future(anext(news))
    await asyncio.sleep(0)
    for number in range(5):
        await state.end_session(str(number), 30, "bastion")
    assert [await first, await anext(news)] == [Ended("0", "bastion", 30), Ended("1", "bastion", 30)]
    await state.end_session("6", 30, "bastion")
    assert await anext(news) == Ended("6", "bastion", 30)
    await news.aclose()
    assert not state._listeners
