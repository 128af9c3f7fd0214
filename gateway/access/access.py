"""Who is let in to which console: from what a request shows to a grant, its WebSocket ticket and its resume token.

Owns grants and how they are returned to. Leaves to the access mode who a caller is.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

from gateway.access import rules
from gateway.access.caller import Caller, Denied, Full, Identity
from gateway.access.grants import WS_TICKET_TTL, Grant, Seal
from gateway.access.proxy_header import ProxyHeaderMode
from gateway.access.tickets import TICKET_BYTES, TICKET_LENGTH, TicketMode
from gateway.access.users import comes_from
from gateway.state.state import State, ticket_id
from gateway.telemetry.audit import Audit


class Mode(Protocol):
    """How callers are known."""

    async def authenticate(self, console: str, caller: Caller) -> Identity:
        """Who `caller` is and may do on `console`. Raises Denied."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The answer to `POST /grant`: a one-time WebSocket ticket, and the token to come back with.

    `returned`: the caller came with such a token.
    """

    ticket: str = field(repr=False)
    resume: str = field(repr=False)
    grant: Grant
    returned: bool


class Access:
    """Lets in who `mode` knows, for `grant_ttl` seconds. `clock` gives Unix seconds."""

    def __init__(
        self,
        mode: Mode,
        state: State,
        seal: Seal,
        audit: Audit,
        *,
        grant_ttl: float,
        clock: Callable[[], float],
    ) -> None:
        self._mode = mode
        self._state = state
        self._seal = seal
        self._audit = audit
        self.grant_ttl = grant_ttl
        self._clock = clock

    def follow(self, mode: Mode, seal: Seal, grant_ttl: float) -> None:
        """Go by these from now on: the configuration has changed."""
        self._mode = mode
        self._seal = seal
        self.grant_ttl = grant_ttl

    async def grant(self, console: str, caller: Caller) -> Opening:
        """Open `console` for `caller`, or let the holder of a resume token return.

        Raises Denied, Full, AuditUnwritable, StateAway.
        """
        known = self._seal.open(caller.bearer) if caller.bearer else None
        with self._refusals(console, caller, caller.bearer):
            grant = await (self._returned(known, console, caller) if known else self._fresh(console, caller))
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        if not await self._state.put_ticket(_own(ticket), grant.to_json(), WS_TICKET_TTL):
            raise Full
        return Opening(ticket, self._seal.close(grant), grant, returned=known is not None)

    async def admit(self, console: str, caller: Caller, ticket: str | None) -> Grant:
        """The grant that a WebSocket request stands on: that of `ticket`, which a grant or the API gave, or a fresh one
        where none is sent and the mode knows the caller without. Raises Denied, AuditUnwritable, StateAway.
        """
        with self._refusals(console, caller, caller.bearer if ticket is None else ticket):
            return await self._admitted(console, caller, ticket)

    async def _admitted(self, console: str, caller: Caller, ticket: str | None) -> Grant:
        if ticket is None:
            return await self._fresh(console, caller)
        stored = await self._state.take_ticket(_own(ticket))
        if stored is not None:
            return await self._still_good(Grant.from_json(stored), console, caller)
        if isinstance(self._mode, TicketMode):  # a program goes without the page; a JWT is never part of an address
            return await self._fresh(console, replace(caller, bearer=ticket))
        raise Denied("unauthenticated", "unknown_or_used")

    async def holder(self, console: str, caller: Caller) -> str | None:
        """The user of the ticket that `caller` would spend by opening `console`; None where nothing would be spent."""
        if not isinstance(self._mode, TicketMode) or not caller.bearer:
            return None
        launch = await self._mode.launch_of(ticket_id(caller.bearer))
        return launch.user if launch is not None and launch.console == console else None

    async def end(self, grant: Grant, by: str) -> None:
        """Let nobody return to `grant`, as `by` wants it. Raises Full where that can't be remembered, StateAway."""
        if not await self._state.end_session(grant.session, max(0.0, grant.expires_at - self._clock()), by):
            raise Full

    async def _fresh(self, console: str, caller: Caller) -> Grant:
        who = await self._mode.authenticate(console, caller)
        expires_at = int(self._clock() + self.grant_ttl)
        grant = Grant(
            secrets.token_hex(8),
            console,
            who.user,
            expires_at if who.expires_at is None else min(expires_at, who.expires_at),
            who.rights,
            reference=who.reference,
            id=who.id,
            network=who.network,
        )
        self._audit.write(
            "ticket_redeemed",
            actor=grant.user,
            source=caller.source,
            reference=grant.reference,
            console=console,
            grant=grant.id,
            session=grant.session,
            rights=asdict(grant.rights),
            outcome="done",
        )
        return grant

    @contextmanager
    def _refusals(self, console: str, caller: Caller, shown: str | None) -> Iterator[None]:
        """Tell the audit who is not let in, and why. What was `shown` is named like a ticket if it can be one of ours:
        then the lines of its minting and its first use tell whose link somebody tried again.
        """
        try:
            yield
        except Denied as denied:
            self._audit.note(
                "ticket_refused",
                actor=denied.user,
                source=caller.source,
                console=console,
                grant=ticket_id(shown) if shown is not None and len(shown) == TICKET_LENGTH else None,
                outcome=denied.refusal,
                why=denied.why,
            )
            raise

    async def _returned(self, grant: Grant, console: str, caller: Caller) -> Grant:
        await self._still_good(grant, console, caller)
        if not isinstance(self._mode, ProxyHeaderMode):
            return grant
        who = await self._mode.authenticate(console, caller)  # the proxy says so each time: hear it each time
        if who.user != grant.user:
            raise Denied("unauthenticated", "wrong_user")
        return replace(grant, rights=rules.both(grant.rights, who.rights))

    async def _still_good(self, grant: Grant, console: str, caller: Caller) -> Grant:
        if grant.console != console:
            raise Denied("unauthenticated", "wrong_console")
        if grant.expires_at <= self._clock():
            raise Denied("unauthenticated", "expired")
        if not comes_from(caller.source, grant.network):
            raise Denied("unauthenticated", "wrong_source")
        if await self._state.ended(grant.session):
            raise Denied("unauthenticated", "ended_by_admin")
        return grant


def _own(ticket: str) -> str:
    """A WebSocket ticket's name in the state: neither kind of ticket is ever taken for the other."""
    return f"ws {ticket}"
