"""Every open session, of this replica and of all others: to be listed, shown and ended from here.

Those of this process are told as they are now, others as their replica has last written them down. Leaves to the
heartbeat of each replica to hear of an end that was asked for elsewhere.
"""

import asyncio
from collections.abc import Iterator

from gateway.access.access import Access
from gateway.sessions.records import SessionRecord
from gateway.sessions.registry import Registry
from gateway.sessions.session import Session
from gateway.state.state import State

READ_AT_ONCE = 100
"""Records read before other work has its turn: 20 µs each, and the loop carries consoles."""


class Directory:
    """The sessions in `registry`, and those of which `state` knows; `access` lets nobody return to an ended one."""

    def __init__(self, registry: Registry, state: State, access: Access) -> None:
        self._registry = registry
        self._state = state
        self._access = access

    def here(self) -> list[SessionRecord]:
        """The sessions of this replica, the oldest first.

        When a browser returns before its old connection is gone there are two of one id: the newer is told.
        """
        newest = {session.grant.session: session for session in self._registry}
        records = [session.record(self._state.replica) for session in newest.values()]
        return sorted(records, key=lambda record: record.order)

    async def everywhere(self) -> list[SessionRecord]:
        """The sessions of all replicas, the oldest first. Raises StateAway."""
        texts = await self._state.sessions()
        found: list[SessionRecord] = []
        for number, text in enumerate(texts, 1):
            if number % READ_AT_ONCE == 0:
                await asyncio.sleep(0)
            record = self._elsewhere(text)
            if record is not None:
                found.append(record)
        here = self.here()
        ids = {record.id for record in here}
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
