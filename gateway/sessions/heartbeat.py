"""What this replica tells the others about its sessions, and what it hears about them (state.md).

Owns when: all of it every BEAT, what has begun or is over at once. What news lose, the next beat finds. Leaves to the
state how it is kept, and to Leases whose console is lost.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress

import structlog

from gateway.sessions.leases import Leases
from gateway.sessions.registry import Registry
from gateway.state.state import BEAT, Ended, Gap, Lease, State, StateAway, Taken

AGAIN = 1.0
"""Seconds until a beat is tried again that could not be told: also of a state that says nothing when it is back."""

LOOK = 1.0
"""Seconds between two looks at whether a session is in another state than it was told to be in."""

AT_ONCE = 100
"""Records written before other work has its turn: 40 µs each, and the loop carries consoles."""

PARTING = 2.0
"""Seconds at the end of the process to forget the last sessions; what is left is forgotten without us."""


Told = tuple[str, int]
"""A session's state, and the epoch of its lease: 0 before it has one. Both are told anew when they change."""


class Heartbeat:
    """The beats of one replica, for the sessions of `registry` and their `leases`."""

    def __init__(self, state: State, leases: Leases, registry: Registry) -> None:
        self._state = state
        self._leases = leases
        self._registry = registry
        self._told: dict[str, Told] = {}
        self._due = 0.0
        self._log = structlog.get_logger()

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat while the block runs; at its end the state forgets what is over."""
        task = asyncio.get_running_loop().create_task(self._run(), name="heartbeat")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            with suppress(StateAway, TimeoutError):
                async with asyncio.timeout(PARTING):
                    await self._forget_gone()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._for_ever(self._tell))
            group.create_task(self._for_ever(self._listen))

    async def _for_ever(self, part: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await part()
            except StateAway as away:
                if self._state.up:  # else the state has said so
                    self._log.warning("heartbeat.failed", cause=str(away))
            except Exception:  # without beats all sessions here would lose their consoles
                self._log.exception("heartbeat.bug")
            await asyncio.sleep(AGAIN)

    async def _tell(self) -> None:
        changed = self._registry.changed
        self._due = _now()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(self._due, _now() + LOOK)):
                    await changed.wait()
            changed.clear()
            if not self._state.up:
                raise StateAway("nothing is written down for nobody")
            leases, told = self._leases.held, self._telling()
            if _now() >= self._due:
                self._due = _now() + BEAT
                await self._beat(leases, told)
            elif new := dict(told.items() - self._told.items()):  # begun, or in another state
                await self._beat([lease for lease in leases if lease.holder.session in new], new)
            await self._forget_gone()
            await self._state.look_around()

    async def _beat(self, leases: Sequence[Lease], told: Mapping[str, Told]) -> None:
        beat = await self._state.beat(leases, await self._records(told.keys()))
        self._told |= told
        for _, theirs in beat.lost:
            self._leases.taken(theirs)
        for id_, by in beat.ended.items():
            self._registry.end(id_, by)
        if over := set(leases).difference(self._leases.held):
            await self._state.release(*over)  # since: the beat may have come after its own release

    async def _forget_gone(self) -> None:
        if gone := self._told.keys() - self._telling().keys():
            await self._state.forget(*gone)
            for id_ in gone:
                del self._told[id_]

    async def _listen(self) -> None:
        async with aclosing(self._state.news()) as each:
            async for news in each:
                match news:
                    case Taken(lease):
                        self._leases.taken(lease)
                    case Ended(session, by):
                        self._registry.end(session, by)
                    case Gap():
                        self._due = _now()
                        self._registry.changed.set()

    def _telling(self) -> dict[str, Told]:
        """What there is to tell of each session, by its id; of two sessions of one grant the newer one's."""
        epochs = {lease.holder.session: lease.epoch for lease in self._leases.held}
        return {
            session.grant.session: (session.state, epochs.get(session.grant.session, 0)) for session in self._registry
        }

    async def _records(self, ids: Collection[str]) -> dict[str, str]:
        """Records by id, in the same way."""
        records = {}
        for number, session in enumerate(self._registry, 1):
            if session.grant.session in ids:
                records[session.grant.session] = session.record(self._state.replica).to_json()
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return records


def _now() -> float:
    return asyncio.get_running_loop().time()
