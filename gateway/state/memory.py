"""Shared state of one process: one-time tickets, kept as hashes, leases, sessions that were ended for good, and
budgets of what a cloud may be asked."""

import hashlib
from collections import deque
from collections.abc import Callable

from gateway.state.expiring import Expiring
from gateway.state.leases import MemoryLeases

MAX_TICKETS = 100_000
"""Unredeemed tickets held at once; at 30 s each this is far above any real rate of openings."""

MAX_ENDS = 100_000
"""Ends remembered at once, each until its grant is over: each was asked for by hand, or by a bastion's program."""

BUDGET_WINDOW = 60.0
"""Seconds of a budget's moving window: the clouds count by the minute (clouds.md §3.3)."""

SWEEP_AT = 10_000
"""Budgets kept before those without a recent dial are looked for and dropped."""


class MemoryState:
    """`memory://`: what one process knows. `clock` gives seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.leases = MemoryLeases()
        self._clock = clock
        self._tickets = Expiring(MAX_TICKETS, clock)
        self._ended = Expiring(MAX_ENDS, clock)
        self._spent: dict[str, deque[float]] = {}

    async def put_ticket(self, ticket: str, value: str, ttl: float) -> bool:
        """Remember `value` under `ticket` for `ttl` seconds; False when no more tickets can be held."""
        return self._tickets.put(ticket_id(ticket), value, ttl)

    async def take_ticket(self, ticket: str) -> str | None:
        """The value of `ticket`, which is void from now on; None if unknown, used or expired."""
        return self._tickets.take(ticket_id(ticket))

    async def ticket_of(self, id_: str) -> str | None:
        """The value of the ticket whose id is `id_`, which stays good; None as above."""
        return self._tickets.get(id_)

    async def void_ticket(self, id_: str) -> bool:
        """Void the ticket whose id is `id_`; False if it was not good any more."""
        return self._tickets.take(id_) is not None

    async def end_session(self, session: str, ttl: float) -> bool:
        """Remember for `ttl` seconds that `session` may not be returned to; False when no more can be held."""
        return self._ended.put(session, "", ttl)

    async def ended(self, session: str) -> bool:
        """Whether `session` may not be returned to."""
        return self._ended.get(session) is not None

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


def ticket_id(ticket: str) -> str:
    """What a ticket is known by, and may be called in logs and answers: its hash, of which it can't be made."""
    return hashlib.sha256(ticket.encode(errors="surrogateescape")).hexdigest()
