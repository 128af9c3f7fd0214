"""How late the event loop is: the time that whoever types waits, whatever it is that the loop is busy with."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

EVERY = 0.5
"""Seconds between two looks: a stall of a second is seen, and nothing is spent on it."""


@asynccontextmanager
async def measuring_lag(observe: Callable[[float], None]) -> AsyncIterator[None]:
    """Tell `observe` again and again, until the block is left, how many seconds after its time a timer ran."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def look(due: float) -> None:
        nonlocal timer
        now = time.monotonic()  # the loop's own time stands still while it is busy
        observe(max(0.0, now - due))
        timer = loop.call_later(EVERY, look, now + EVERY)

    timer = loop.call_later(EVERY, look, time.monotonic() + EVERY)
    try:
        yield
    finally:
        timer.cancel()
