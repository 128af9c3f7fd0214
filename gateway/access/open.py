"""Access mode `open`: everybody who reaches the listener may open every console. Loopback only."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.access.grants import WS_TICKET_TTL, Grant, Seal
from gateway.state.memory import MemoryState

USER = "local"
"""The user's name in mode `open`, where nobody is asked for one."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The answer to `POST /grant`: a one-time WebSocket ticket, and the token to come back with."""

    ticket: str = field(repr=False)
    resume: str = field(repr=False)
    grant: Grant


class OpenAccess:
    """Grants every console to everybody. `clock` gives Unix seconds."""

    def __init__(self, state: MemoryState, seal: Seal, *, grant_ttl: float, clock: Callable[[], float]) -> None:
        self._state = state
        self._seal = seal
        self._grant_ttl = grant_ttl
        self._clock = clock

    async def grant(self, console: str, bearer: str | None) -> Opening | None:
        """Open `console`; a resume token of the same console carries its session on. None when full."""
        known = self._seal.open(bearer) if bearer else None
        if known is None or known.console != console or known.expires_at <= self._clock():
            known = self._fresh(console)
        ticket = secrets.token_urlsafe(24)
        if not await self._state.put_ticket(ticket, known.to_json(), WS_TICKET_TTL):
            return None
        return Opening(ticket, self._seal.close(known), known)

    async def admit(self, console: str, ticket: str | None) -> Grant | None:
        """The grant that a WebSocket request stands on: its ticket's, or a fresh one where none is sent.

        None for a ticket that is unknown, used, expired or another console's.
        """
        if ticket is None:
            return self._fresh(console)
        stored = await self._state.take_ticket(ticket)
        grant = Grant.from_json(stored) if stored else None
        return grant if grant is not None and grant.console == console else None

    def _fresh(self, console: str) -> Grant:
        return Grant(secrets.token_hex(8), console, USER, int(self._clock() + self._grant_ttl))
