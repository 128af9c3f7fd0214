"""Access mode `ticket`: whoever holds an API key mints a ticket; whoever brings it, once, may open its console."""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.access.caller import Caller, Denied, Full, Identity
from gateway.access.grants import Rights
from gateway.access.users import comes_from
from gateway.state.state import State, ticket_id

TICKET_BYTES = 24
"""Of randomness: 192 bits, of which nobody guesses one."""

TICKET_LENGTH = 32
"""Characters that this makes, in base64: nothing else is worth looking for."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a ticket is for: one console, one user, once.

    `grant_ttl`: seconds for which its user may return. `network`: where the user has to come from, "" if from anywhere.
    """

    console: str
    user: str
    rights: Rights
    grant_ttl: float
    reference: str = ""
    network: str = ""


@dataclass(frozen=True, slots=True)
class Minted:
    """A new ticket. `id` is what it may be called in logs, and voided by; `expires_at` in Unix seconds."""

    id: str
    ticket: str = field(repr=False)
    expires_at: int


class TicketMode:
    """Knows callers by the ticket that they bring. `clock` gives Unix seconds."""

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        self._state = state
        self._clock = clock

    async def mint(self, launch: Launch, ttl: float) -> Minted:
        """A ticket for `launch`, good for `ttl` seconds. Raises Full, StateAway."""
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        if not await self._state.put_ticket(ticket, json.dumps(asdict(launch)), ttl):
            raise Full
        return Minted(ticket_id(ticket), ticket, int(self._clock() + ttl))

    async def launch_of(self, id_: str) -> Launch | None:
        """What the ticket called `id_` is for; None if it is not good any more."""
        return _launch(await self._state.ticket_of(id_))

    async def void(self, id_: str) -> bool:
        """Let the ticket called `id_` open nothing; False if it would not have anyway."""
        return await self._state.void_ticket(id_)

    async def authenticate(self, console: str, caller: Caller) -> Identity:
        """Whom the caller's ticket was minted for. It is spent by this, whatever comes of it. Raises Denied."""
        ticket = caller.bearer
        if not ticket:
            raise Denied("unauthenticated", "missing")
        stored = await self._state.take_ticket(ticket) if len(ticket) == TICKET_LENGTH else None
        launch = _launch(stored)
        if launch is None:
            raise Denied("unauthenticated", "unknown_or_used")
        if launch.console != console:
            raise Denied("unauthenticated", "wrong_console")
        if not comes_from(caller.source, launch.network):
            raise Denied("unauthenticated", "wrong_source")
        return Identity(
            user=launch.user,
            rights=launch.rights,
            expires_at=int(self._clock() + launch.grant_ttl),
            reference=launch.reference,
            id=ticket_id(ticket),
            network=launch.network,
        )


def _launch(text: str | None) -> Launch | None:
    fields: dict[str, Any] = json.loads(text) if text else {}
    if "grant_ttl" not in fields:  # nothing, or the ticket of a WebSocket
        return None
    return Launch(**fields | {"rights": Rights(**fields["rights"])})
