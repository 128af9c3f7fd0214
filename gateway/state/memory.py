"""Shared state of one process. What ends with its session has no life of its own here: leases and records."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from itertools import count

from gateway.state.budgets import Budgets
from gateway.state.expiring import Expiring
from gateway.state.state import Beat, Ended, Holder, Lease, News, Spent, Taken, ticket_id

MAX_TICKETS = 100_000
"""Unredeemed tickets held at once; at 30 s each this is far above any real rate of openings."""

MAX_ENDS = 100_000
"""Ends remembered at once, each until its grant is over: each was asked for by hand, or by a bastion's program."""

MAX_NEWS = 10_000
"""News that a listener may be behind; more are lost to it, and found by its next beat."""


class MemoryState:
    """`memory://`: what one process knows. `clock` gives seconds, monotonic."""

    up = True

    def __init__(self, clock: Callable[[], float], replica: str = "") -> None:
        self.replica = replica
        self._tickets = Expiring(MAX_TICKETS, clock)
        self._ended = Expiring(MAX_ENDS, clock)
        self._budgets = Budgets(clock)
        self._leases: dict[str, Lease] = {}
        self._epochs = count(1)
        self._sessions: dict[str, tuple[int, str]] = {}  # epochs and records
        self._listeners: set[asyncio.Queue[News]] = set()

    async def put_ticket(self, ticket: str, value: str, ttl: float) -> bool:
        """See State."""
        return self._tickets.put(ticket_id(ticket), value, ttl)

    async def take_ticket(self, ticket: str) -> str | None:
        """See State."""
        return self._tickets.take(ticket_id(ticket))

    async def ticket_of(self, id_: str) -> str | None:
        """See State."""
        return self._tickets.get(id_)

    async def void_ticket(self, id_: str) -> bool:
        """See State."""
        return self._tickets.take(id_) is not None

    async def end_session(self, session: str, ttl: float, by: str) -> bool:
        """See State."""
        kept = self._ended.put(session, by, ttl)
        if kept:
            self._tell(Ended(session, by, ttl))
        return kept

    async def ended(self, session: str) -> bool:
        """See State."""
        return self._ended.get(session) is not None

    async def spend(self, budget: str, per_minute: int) -> Spent:
        """See State."""
        return self._budgets.take(budget, per_minute)

    async def lease(self, console: str, wanted: Holder, *, take: bool) -> Lease | Holder:
        """See State."""
        now = self._leases.get(console)
        own = now is not None and now.holder.session == wanted.session
        if now is not None and not own and not take:
            return now.holder
        holder = now.holder if now is not None and own else wanted
        lease = self._leases[console] = Lease(console, holder, next(self._epochs))
        if now is not None:
            self._tell(Taken(lease))
        return lease

    async def release(self, *leases: Lease) -> None:
        """See State."""
        for lease in leases:
            if self._leases.get(lease.console) == lease:
                del self._leases[lease.console]

    async def beat(self, leases: Sequence[Lease], sessions: Mapping[str, str]) -> Beat:
        """See State."""
        lost = []
        for lease in leases:
            latest = self._leases.setdefault(lease.console, lease)
            if latest.epoch > lease.epoch:
                lost.append((lease, latest))
        epochs = {lease.holder.session: lease.epoch for lease in leases}
        for id_, text in sessions.items():
            epoch = epochs.get(id_, 0)
            if epoch >= self._sessions.get(id_, (0, ""))[0]:
                self._sessions[id_] = epoch, text
        ended = ((id_, self._ended.get(id_)) for id_ in sessions)
        return Beat(lost, {id_: by for id_, by in ended if by is not None})

    async def look_around(self) -> None:
        """See State. Nothing is lost here, and there is nobody else."""

    async def sessions(self) -> list[str]:
        """See State."""
        return [text for _, text in self._sessions.values()]

    async def session(self, id_: str) -> str | None:
        """See State."""
        _, text = self._sessions.get(id_, (0, None))
        return text

    async def forget(self, *ids: str) -> None:
        """See State."""
        for id_ in ids:
            self._sessions.pop(id_, None)

    async def news(self) -> AsyncGenerator[News, None]:
        """See State."""
        queue: asyncio.Queue[News] = asyncio.Queue(MAX_NEWS)
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)

    def _tell(self, news: News) -> None:
        for queue in self._listeners:
            if not queue.full():
                queue.put_nowait(news)
