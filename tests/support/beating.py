"""Two replicas on one state, in one loop, whose sessions only note how they end."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from gateway.access.grants import Grant
from gateway.errors import GatewayError
from gateway.sessions.heartbeat import Heartbeat
from gateway.sessions.leases import Leases
from gateway.sessions.records import SessionRecord
from gateway.sessions.registry import Registry
from gateway.state.memory import MemoryState
from gateway.state.state import Beat, Gap, Lease, News, StateAway
from support.programs import eventually

ANA, BEN = (Grant(f"s-{user}", "lab/vm", user, 2_000_000_000) for user in ("ana", "ben"))


class Open:
    """A session that only notes how it ends."""

    def __init__(self, grant: Grant) -> None:
        self.grant = grant
        self.state = "open"
        self.ended: GatewayError | None = None

    def end(self, error: GatewayError) -> None:
        self.ended = self.ended or error

    def record(self, replica: str) -> SessionRecord:
        return SessionRecord(self.grant, "192.0.2.7", replica, self.state, 1.0)


class Sessions(Registry):
    """A registry that others fill."""

    def __init__(self) -> None:
        self.open: list[Open] = []
        self.changed = asyncio.Event()

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self.open))

    def began(self, session: Open) -> Open:
        self.open.append(session)
        self.changed.set()
        return session

    def over(self, session: Open) -> None:
        self.open.remove(session)
        self.changed.set()


class Shared(MemoryState):
    """A state that can be away, deaf and slow. `held_up`, `looking`: set them to let beats and looks around go on."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0, "here")
        self.up = True
        self.deaf = False
        self.beats: list[tuple[list[Lease], list[str]]] = []
        self.held_up = asyncio.Event()
        self.held_up.set()
        self.looking = asyncio.Event()
        self.looking.set()
        self.forgotten: list[tuple[str, ...]] = []

    async def beat(self, leases: Sequence[Lease], sessions: Mapping[str, str]) -> Beat:
        if not self.up:
            raise StateAway
        self.beats.append((list(leases), list(sessions)))
        await self.held_up.wait()
        return await super().beat(leases, sessions)

    async def forget(self, *ids: str) -> None:
        if not self.up:
            raise StateAway
        self.forgotten.append(ids)
        await super().forget(*ids)

    async def look_around(self) -> None:
        await self.looking.wait()

    async def news(self) -> AsyncGenerator[News, None]:
        yield Gap()
        async for news in super().news():
            if not self.deaf:
                yield news


class Replica:
    def __init__(self, state: MemoryState) -> None:
        self.leases = Leases(state)
        self.sessions = Sessions()
        self.heartbeat = Heartbeat(state, self.leases, self.sessions)

    @contextlib.asynccontextmanager
    async def holding(self, grant: Grant, *, returns: bool = False) -> AsyncIterator[tuple[Open, Lease]]:
        session = Open(grant)
        async with self.leases.holding(grant, session.end, takes=True, returns=returns) as lease:
            yield self.sessions.began(session), lease
        self.sessions.over(session)


@contextlib.asynccontextmanager
async def replicas(state: Shared) -> AsyncIterator[tuple[Replica, Replica]]:
    one, two = Replica(state), Replica(state)
    async with one.heartbeat.beating(), two.heartbeat.beating():
        await eventually(lambda: len(state.beats) >= 2)
        yield one, two
