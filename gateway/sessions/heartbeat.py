"""What this replica tells the others about its sessions, and what it hears about them (state.md).

Owns when: all of it every BEAT, what has begun or is over at once. What news lose, the next beat finds. Leaves to the
state how it is kept, and to Leases whose console is lost.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import aclosing, asynccontextmanager, suppress

import structlog

from gateway.sessions.leases import Leases
from gateway.sessions.registry import Registry
from gateway.state.state import BEAT, Ended, Gap, State, StateAway, Taken

AGAIN = 1.0
"""Seconds until a beat is tried again that could not be told: also of a state that says nothing when it is back."""

LOOK = 1.0
"""Seconds between two looks at whether a session is in another state than it was told to be in."""

AT_ONCE = 100
"""Records written before other work has its turn: 40 µs each, and the loop carries consoles."""

PARTING = 2.0
"""Seconds at the end of the process to forget the last sessions; what is left is forgotten without us."""


class Heartbeat:
    """The beats of one replica, for the sessions of `registry` and their `leases`."""

    def __init__(self, state: State, leases: Leases, registry: Registry) -> None:
        self._state = state
        self._leases = leases
        self._registry = registry
        self._told: dict[str, str] = {}  # id -> state
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
            except StateAway:
                pass
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
            await (self._beat() if _now() >= self._due else self._tell_changes())

    async def _beat(self) -> None:
        """Tell everything."""
        self._due = _now() + BEAT
        leases = self._leases.held
        states = self._states()
        beat = await self._state.beat(leases, await self._records(states.keys()))
        self._told |= states
        for _, theirs in beat.lost:
            self._leases.taken(theirs)
        for id_, by in beat.ended.items():
            self._registry.end(id_, by)
        for lease in set(leases).difference(self._leases.held):
            await self._state.release(lease)  # over since: the beat may have come after its own release
        await self._forget_gone()

    async def _tell_changes(self) -> None:
        """Tell what has begun, is in another state or over since the last time."""
        states = dict(self._states().items() - self._told.items())
        if states:
            beat = await self._state.beat([], await self._records(states.keys()))
            self._told |= states
            for id_, by in beat.ended.items():
                self._registry.end(id_, by)
        await self._forget_gone()

    async def _forget_gone(self) -> None:
        for id_ in self._told.keys() - self._states().keys():
            await self._state.forget(id_)
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

    def _states(self) -> dict[str, str]:
        """Each session's state by its id; of two sessions of one grant the newer one's."""
        return {session.grant.session: session.state for session in self._registry}

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
