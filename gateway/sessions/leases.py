"""One console, one controller, in this process: who gets a console, and who is told that it is gone.

Leaves to the state who holds which console anywhere.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.access.grants import Grant
from gateway.errors import GatewayError, InUse, Replaced, TakenOver
from gateway.state.state import Holder, State

End = Callable[[GatewayError], None]


@dataclass(slots=True)
class Leases:
    """The consoles that sessions of this process hold, and how each of those is ended."""

    _state: State
    _here: dict[str, tuple[str, End]] = field(default_factory=dict)

    @asynccontextmanager
    async def holding(self, grant: Grant, end: End, *, takes: bool, returns: bool) -> AsyncIterator[None]:
        """Hold the grant's console for the length of the block; `end` is called when it is taken away.

        `takes`: from somebody else, too, where the grant has the right. `returns`: nobody has asked for that, the
        client comes back by itself. Raises InUse, TakenOver, StateAway.
        """
        wanted = Holder(grant.session, grant.user, time.time())
        may_take = takes and grant.rights.takeover
        lease = await self._state.lease(grant.console, wanted, take=may_take and not returns)
        if isinstance(lease, Holder):
            refusal = TakenOver if may_take else InUse
            raise refusal(f"session {lease.session} has the console", user=lease.user, since=lease.since)
        self._end_earlier(grant, wanted.since)
        mine = self._here[grant.console] = grant.session, end
        try:
            yield
        finally:
            if self._here.get(grant.console) is mine:
                del self._here[grant.console]
            await self._state.release(lease)

    def _end_earlier(self, grant: Grant, now: float) -> None:
        session, end = self._here.get(grant.console, ("", None))
        if end is None:
            return
        if session == grant.session:
            end(Replaced("the same grant came back on another connection"))
        else:
            taken = TakenOver(f"session {grant.session} took the console", user=grant.user, since=now)
            taken.by = grant.user
            end(taken)
