"""One console, one controller: who holds which console, and since when (product.md, state.md)."""

from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True)
class Holder:
    """A session that holds a console, or wants to. `session` stays the same over every return of one grant.

    `since`: Unix seconds.
    """

    session: str
    user: str
    since: float


@dataclass(frozen=True, slots=True)
class Lease:
    """`holder` has `console`. `epoch` is higher than that of every lease of the console before."""

    console: str
    holder: Holder
    epoch: int


class MemoryLeases:
    """The leases of one process. They end with the session that has them, so they need no life of their own."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self._epochs = count(1)

    async def lease(self, console: str, wanted: Holder, *, take: bool) -> Lease | Holder:
        """Give `console` to `wanted` if it is free, or its own already; `take`: also if it is somebody else's.

        Its own it gets under a new epoch and as of the time when it first had it. Otherwise: who holds it.
        """
        now = self._leases.get(console)
        own = now is not None and now.holder.session == wanted.session
        if now is not None and not own and not take:
            return now.holder
        holder = now.holder if now is not None and own else wanted
        lease = self._leases[console] = Lease(console, holder, next(self._epochs))
        return lease

    async def release(self, lease: Lease) -> None:
        """Free the console, unless `lease` is not the latest one."""
        if self._leases.get(lease.console) == lease:
            del self._leases[lease.console]
