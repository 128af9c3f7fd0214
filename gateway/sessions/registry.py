"""What is open in this process: the list of sessions, their bound, their one clock, and their common end."""

import asyncio
from collections.abc import Callable, Iterator

from gateway.access.grants import Grant
from gateway.errors import GatewayError, Replaced, internal
from gateway.providers.provider import Provider
from gateway.relay.browser_leg import BrowserLeg
from gateway.relay.buffer import ReceiveBuffer
from gateway.sessions.session import Session
from gateway.sessions.terms import Shared, Terms

TICK = 1.0
"""Seconds between two looks at every open session: far below the shortest time that is kept (20 s)."""


class Registry:
    """The sessions of this process; owns their tasks.

    `terms(provider)` gives the configuration's terms for a provider by name.
    """

    def __init__(self, limit: int, terms: Callable[[str], Terms], shared: Shared) -> None:
        self._limit = limit
        self._terms = terms
        self._shared = shared
        self._sessions: dict[Session, asyncio.Task[None]] = {}
        self._clock: asyncio.TimerHandle | None = None

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions))

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def full(self) -> bool:
        """True when no more sessions may be opened."""
        return len(self._sessions) >= self._limit

    @property
    def buffer(self) -> ReceiveBuffer:
        """The receive buffer that new browser legs are to use."""
        return self._shared.buffer

    def open(self, grant: Grant, provider: Provider, browser: BrowserLeg, source: str) -> Session:
        """Begin a session on an accepted browser leg; it runs in a task of its own.

        A grant that comes back (reload, lost network) takes the place of its earlier connection.
        """
        for earlier in self:
            if earlier.grant.session == grant.session:
                earlier.end(Replaced("the same grant came back on another connection"))
        session = Session(
            grant, provider, browser, source=source, terms=self._terms(provider.name), shared=self._shared
        )
        task = asyncio.get_running_loop().create_task(session.run(), name=f"session {grant.session}")
        self._sessions[session] = task
        self._shared.metrics.sessions_opened.inc()
        self._shared.metrics.sessions.set(len(self._sessions))
        task.add_done_callback(lambda _: self._forget(session))
        if self._clock is None:
            self._tick()
        return session

    async def end_all(self, error: GatewayError, *, timeout: float) -> None:
        """End every session for `error` and wait, at most `timeout` seconds, until they are gone."""
        for session in self:
            session.end(error)
        if self._sessions:
            await asyncio.wait(self._sessions.values(), timeout=timeout)
        if self._clock is not None:
            self._clock.cancel()

    def _forget(self, session: Session) -> None:
        del self._sessions[session]
        self._shared.metrics.sessions.set(len(self._sessions))

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._clock = loop.call_later(TICK, self._tick) if self._sessions else None
        for session in self:
            if session.watch is None:
                continue
            try:
                session.watch.tick(now)
            except Exception as error:  # one session's bug is its own end, not everybody's
                session.end(internal(error))
