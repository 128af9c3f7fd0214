"""Shared state of one process: one-time tickets, kept as hashes, leases, and budgets of what a cloud may be asked."""

import hashlib
from collections import deque
from collections.abc import Callable

from gateway.state.leases import MemoryLeases

MAX_TICKETS = 100_000
"""Unredeemed tickets held at once; at 30 s each this is far above any real rate of openings."""

BUDGET_WINDOW = 60.0
"""Seconds of a budget's moving window: the clouds count by the minute (clouds.md §3.3)."""

SWEEP_AT = 10_000
"""Budgets kept before those without a recent dial are looked for and dropped."""


class MemoryState:
    """`memory://`: what one process knows. `clock` gives seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.leases = MemoryLeases()
        self._clock = clock
        self._tickets: dict[str, tuple[float, str]] = {}
        self._spent: dict[str, deque[float]] = {}

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

    async def spend(self, budget: str, per_minute: int) -> float:
        """Take one from `budget`: 0 if it was there, else the seconds until it will be, and nothing is taken.

        The window moves: never more than `per_minute` in any 60 s.
        """
        now = self._clock()
        if len(self._spent) >= SWEEP_AT:
            self._spent = {name: times for name, times in self._spent.items() if times[-1] > now - BUDGET_WINDOW}
        spent = self._spent.setdefault(budget, deque())
        while spent and spent[0] <= now - BUDGET_WINDOW:
            spent.popleft()
        if len(spent) >= per_minute:
            return spent[0] + BUDGET_WINDOW - now
        spent.append(now)
        return 0.0

    def left(self, budget: str, per_minute: int) -> int:
        """How much of `budget` is left now."""
        now = self._clock()
        return per_minute - sum(time > now - BUDGET_WINDOW for time in self._spent.get(budget, ()))

    def _forget(self, now: float) -> None:
        # Lives are alike, so the oldest are in front: this stops at the first one that is still good.
        while self._tickets:
            key = next(iter(self._tickets))
            if self._tickets[key][0] > now:
                return
            del self._tickets[key]


def _hashed(ticket: str) -> str:
    return hashlib.sha256(ticket.encode(errors="surrogateescape")).hexdigest()
