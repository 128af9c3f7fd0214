"""Every open session, of this replica and of all others: to be listed, shown and ended from here.

Those of this process are told as they are now, others as their replica has last written them down. Leaves to the
heartbeat of each replica to hear of an end that was asked for elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TypeVar

from gateway.access.access import Access
from gateway.access.grants import Grant
from gateway.sessions.records import SessionRecord
from gateway.sessions.registry import Registry
from gateway.sessions.session import Session
from gateway.state.state import State

AT_ONCE = 50
"""Sessions looked at before other work has its turn: about 30 µs each, and the loop carries consoles."""

Wanted = Callable[[Grant], bool]
T = TypeVar("T")


class Directory:
    """The sessions in `registry`, and those of which `state` knows; `access` lets nobody return to an ended one."""

    def __init__(self, registry: Registry, state: State, access: Access) -> None:
        self._registry = registry
        self._state = state
        self._access = access

    async def here(self, wanted: Wanted) -> list[SessionRecord]:
        """The sessions of this replica whose grant is `wanted`, the oldest first.

        When a browser returns before its old connection is gone there are two of one id: the newer is told.
        """
        newest = {session.grant.session: session for session in self._registry if wanted(session.grant)}
        records = [session.record(self._state.replica) async for session in unhurried(newest.values())]
        return sorted(records, key=lambda record: record.order)

    async def everywhere(self, wanted: Wanted) -> list[SessionRecord]:
        """The sessions of all replicas whose grant is `wanted`, the oldest first. Raises StateAway."""
        texts = await self._state.sessions()
        found = [
            record async for text in unhurried(texts) if (record := self._elsewhere(text)) and wanted(record.grant)
        ]
        here = await self.here(wanted)
        ids = {session.grant.session for session in self._registry}
        return sorted([*here, *(record for record in found if record.id not in ids)], key=lambda record: record.order)

    async def named(self, id_: str) -> SessionRecord | None:
        """The session of that id; None if there is none. Raises StateAway, unless it is here."""
        for session in self._here(id_):
            return session.record(self._state.replica)
        text = await self._state.session(id_)
        return None if text is None else self._elsewhere(text)

    async def end(self, record: SessionRecord, *, by: str) -> None:
        """End the session for good, wherever it is; `by` is who asked for it.

        Raises Full or StateAway where that can't be remembered; then it has ended all the same if it is here.
        """
        self._registry.end(record.id, by)
        await self._access.end(record.grant, by)
        self._registry.end(record.id, by)  # if its browser came back in between

    def _here(self, id_: str) -> Iterator[Session]:
        return (session for session in reversed(list(self._registry)) if session.grant.session == id_)

    def _elsewhere(self, text: str) -> SessionRecord | None:
        """The record of a session of another replica; what we wrote ourselves is over, or told anew."""
        record = SessionRecord.from_json(text)
        return None if record is None or record.replica == self._state.replica else record


async def unhurried(values: Iterable[T]) -> AsyncIterator[T]:
    """Give `values` one by one, and other work its turn in between."""
    for number, value in enumerate(values, 1):
        yield value
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
