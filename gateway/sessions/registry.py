"""What is open in this process: the list of sessions, their bound, their one clock, and their common end."""

import asyncio
from collections.abc import Callable, Iterator

from gateway.access.grants import Grant
from gateway.config.blocks import Limits
from gateway.errors import EndedByAdmin, GatewayError
from gateway.providers.provider import Provider
from gateway.relay.browser_leg import BrowserLeg
from gateway.relay.buffer import ReceiveBuffer
from gateway.sessions.session import Session
from gateway.sessions.terms import Shared, Terms

TICK = 1.0
"""Seconds between two rounds of looks at open sessions: far below the shortest time that is kept (20 s)."""


class Registry:
    """The sessions of this process; owns their tasks.

    `terms(provider)` gives the configuration's terms for a provider by name. `changed` is set when a session has begun
    or is over.
    """

    def __init__(self, limits: Limits, terms: Callable[[str], Terms], shared: Shared) -> None:
        self._limits = limits
        self._terms = terms
        self._shared = shared
        self._sessions: dict[Session, asyncio.Task[None]] = {}
        self._clock: asyncio.TimerHandle | None = None
        self.changed = asyncio.Event()

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions))

    def __len__(self) -> int:
        return len(self._sessions)

    def follow(self, limits: Limits) -> None:
        """Go by `limits` from now on; what is open stays, even beyond them."""
        self._limits = limits

    def full_for(self, id_: str) -> bool:
        """True when the process may not open one more session; a return to the one called `id_` takes its place."""
        return len(self._sessions) >= self._limits.sessions and not any(
            session.grant.session == id_ for session in self._sessions
        )

    def too_many_for(self, user: str, source: str, console: str) -> bool:
        """True when `user`, or `source`, has as many sessions as one may have.

        One at the same `console` does not count: it will be taken over, such as that of a browser left open elsewhere.
        """
        limits = self._limits
        if not limits.per_user and not limits.per_source:  # to count took 4 ms of each opening beside 5,000 sessions
            return False
        others = [session for session in self._sessions if session.grant.console != console]
        for limit, theirs in (
            (limits.per_user, sum(session.grant.user == user for session in others)),
            (limits.per_source, sum(session.source == source for session in others)),
        ):
            if limit and theirs >= limit:
                return True
        return False

    @property
    def reconnecting(self) -> int:
        """How many sessions wait for another upstream."""
        return sum(session.state == "reconnecting" for session in self._sessions)

    @property
    def unsent(self) -> tuple[int, int]:
        """Bytes that wait in this process for all browsers to take them, and for all upstreams."""
        waiting = [session.watch.unsent for session in self._sessions if session.watch is not None]
        return sum(to_browser for to_browser, _ in waiting), sum(to_upstream for _, to_upstream in waiting)

    @property
    def told(self) -> bool:
        """True while the audit can be told of new sessions."""
        return self._shared.audit.ready

    @property
    def buffer(self) -> ReceiveBuffer:
        """The receive buffer that new browser legs are to use."""
        return self._shared.buffer

    def open(self, grant: Grant, provider: Provider, browser: BrowserLeg, source: str, *, returns: bool) -> Session:
        """Begin a session on an accepted browser leg; it runs in a task of its own.

        `returns`: the client comes back by itself, without its user.
        """
        session = Session(
            grant,
            provider,
            browser,
            source=source,
            returns=returns,
            terms=self._terms(provider.name),
            shared=self._shared,
        )
        task = asyncio.get_running_loop().create_task(session.run(), name=f"session {grant.session}")
        self._sessions[session] = task
        self._shared.metrics.sessions_opened.inc()
        self._changed()
        task.add_done_callback(lambda _: self._forget(session))
        if self._clock is None:
            self._tick()
        return session

    def end(self, id_: str, by: str) -> None:
        """End the session called `id_` for good, as `by` has asked; also an older connection of it that is not gone."""
        for session in self:
            if session.grant.session == id_:
                error = EndedByAdmin(f"ended with the key {by}")
                error.by = by
                session.end(error)

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
        self._changed()

    def _changed(self) -> None:
        self._shared.metrics.sessions.set(len(self._sessions))
        self.changed.set()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._clock = loop.call_later(TICK, self._tick) if self._sessions else None
        self._shared.rounds.turn(loop.time(), TICK)
