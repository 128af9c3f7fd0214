"""Shared state of one process: one-time tickets, kept as hashes, each redeemed at most once."""

import hashlib
from collections.abc import Callable

MAX_TICKETS = 100_000
"""Unredeemed tickets held at once; at 30 s each this is far above any real rate of openings."""


class MemoryState:
    """`memory://`: what one process knows. `clock` gives seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tickets: dict[str, tuple[float, str]] = {}

    async def put_ticket(self, ticket: str, value: str, ttl: float) -> bool:
        """Remember `value` under `ticket` for `ttl` seconds; False when no more tickets can be held."""
        now = self._clock()
        self._forget(now)
        if len(self._tickets) >= MAX_TICKETS:
            return False
        self._tickets[_hashed(ticket)] = (now + ttl, value)
        return True

    async def take_ticket(self, ticket: str) -> str | None:
        """The value of `ticket`, which is void from now on; None if unknown, used or expired."""
        until, value = self._tickets.pop(_hashed(ticket), (0.0, ""))
        return value if self._clock() < until else None

    def _forget(self, now: float) -> None:
        # Lives are alike, so the oldest are in front: this stops at the first one that is still good.
        while self._tickets:
            key = next(iter(self._tickets))
            if self._tickets[key][0] > now:
                return
            del self._tickets[key]


def _hashed(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
