"""One console, one controller: who of this process has which console, and who is told that it is gone.

Leaves to the state who has what anywhere, and to the heartbeat when it is asked.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from gateway.access.grants import Grant
from gateway.errors import GatewayError, InUse, Replaced, TakenOver
from gateway.state.state import Holder, Lease, State, StateAway

End = Callable[[GatewayError], None]


@dataclass(slots=True)
class Leases:
    """The consoles that sessions of this process hold, and how each of those is ended."""

    _state: State
    _here: dict[str, tuple[Lease, End]] = field(default_factory=dict)

    @property
    def held(self) -> list[Lease]:
        """All leases of this process."""
        return [lease for lease, _ in self._here.values()]

    @asynccontextmanager
    async def holding(self, grant: Grant, end: End, *, takes: bool, returns: bool) -> AsyncIterator[Lease]:
        """Hold the grant's console for the length of the block; `end` is called when it is taken away.

        `takes`: from somebody else, too, where the grant has the right. `returns`: nobody has asked for that, the
        client comes back by itself. Raises InUse, TakenOver, Replaced, StateAway.
        """
        wanted = Holder(grant.session, grant.user, time.time())
        may_take = takes and grant.rights.takeover
        lease = await self._asked(grant.console, wanted, take=may_take and not returns)
        if isinstance(lease, Holder):
            refusal = TakenOver if may_take else InUse
            raise refusal(f"session {lease.session} has the console", user=lease.user, since=lease.since)
        self.taken(lease)
        latest, _ = self._here.get(grant.console, (lease, end))
        if latest.epoch > lease.epoch:  # answers may overtake each other
            raise _lost(lease, latest)
        mine = self._here[grant.console] = lease, end
        try:
            yield lease
        finally:
            if self._here.get(grant.console) is mine:
                del self._here[grant.console]
            with suppress(StateAway):  # it runs out by itself
                await self._state.release(lease)

    async def _asked(self, console: str, wanted: Holder, *, take: bool) -> Lease | Holder:
        """What the state says; who is cancelled meanwhile leaves no lease behind that nobody keeps."""
        asking = asyncio.ensure_future(self._state.lease(console, wanted, take=take))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            with suppress(StateAway):  # it runs out by itself
                given = await asking
                if isinstance(given, Lease):
                    await self._state.release(given)
            raise

    async def confirm(self, lease: Lease) -> None:
        """Make sure that `lease` is still the latest one, as far as the state can be asked.

        Raises TakenOver or Replaced. To be asked before a dial: where a cloud allows one session per instance, a dial
        would throw the new owner out.
        """
        if not self._state.up:
            return
        with suppress(StateAway):
            beat = await self._state.beat([lease], {})
            for mine, theirs in beat.lost:
                raise _lost(mine, theirs)

    def taken(self, latest: Lease) -> None:
        """End who has an earlier lease of the console than the `latest` here."""
        mine, end = self._here.get(latest.console, (latest, None))
        if end is not None and mine.epoch < latest.epoch:
            end(_lost(mine, latest))


def _lost(mine: Lease, theirs: Lease) -> GatewayError:
    """What ends the session that had `mine`."""
    holder = theirs.holder
    if holder.session == mine.holder.session:
        return Replaced("the same grant came back on another connection")
    taken = TakenOver(f"session {holder.session} took the console", user=holder.user, since=holder.since)
    taken.by = holder.user
    return taken
