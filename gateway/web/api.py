"""The admin API (product.md, "Admin listener"): tickets are minted here, sessions listed and ended.

Every handler is called with a key that was checked; what that key is good for is asked here.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

from aiohttp import web

from gateway.access.access import Access
from gateway.access.caller import Full
from gateway.access.tickets import Launch, TicketMode
from gateway.errors import EndedByAdmin
from gateway.sessions.registry import Registry
from gateway.sessions.session import Session
from gateway.telemetry.audit import Audit
from gateway.web import problems
from gateway.web.asking import TTL, TicketOrder, asked
from gateway.web.keys import Key
from gateway.web.links import Links
from gateway.web.problems import Refused

FILTERS = ("user", "console", "reference")


class Api:
    """What keys are for. `tickets`: None where the access mode knows none; `ttl_max`: seconds that one may live."""

    def __init__(
        self,
        registry: Registry,
        access: Access,
        tickets: TicketMode | None,
        links: Links,
        audit: Audit,
        *,
        ttl_max: float,
    ) -> None:
        self._registry = registry
        self._access = access
        self._tickets = tickets
        self._links = links
        self._audit = audit
        self.ttl_max = ttl_max

    async def mint(self, request: web.Request, key: Key) -> web.Response:
        """`POST /api/v1/tickets`: a ticket for one user and one console, and the link that opens it."""
        key.needs("tickets")
        tickets = self._minting()
        order = await asked(request, TicketOrder)
        if not key.opens(order.console):
            raise Refused(problems.FORBIDDEN)
        ttl = min(TTL, self.ttl_max) if order.ttl is None else order.ttl
        if ttl > self.ttl_max:
            raise Refused(problems.INVALID, f"ttl: must be {self.ttl_max:g} seconds at most")
        grant_ttl = self._access.grant_ttl if order.grant_ttl is None else order.grant_ttl
        if grant_ttl > self._access.grant_ttl:
            raise Refused(problems.INVALID, f"grant_ttl: must be {self._access.grant_ttl:g} seconds at most")
        launch = Launch(
            order.console, order.user, order.rights.rights(), grant_ttl, order.reference, order.source or ""
        )
        try:
            minted = await tickets.mint(launch, ttl)
        except Full as full:
            raise Refused(problems.TOO_MANY) from full
        self._tell("ticket_minted", request, key, launch, minted.id)
        return _json(asdict(minted) | {"url": self._links.launch(order.console, minted.ticket)}, status=201)

    async def void(self, request: web.Request, key: Key) -> web.Response:
        """`DELETE /api/v1/tickets/{id}`: it opens nothing from now on."""
        key.needs("tickets")
        tickets = self._minting()
        id_ = request.match_info["id"]
        launch = await tickets.launch_of(id_)
        if launch is None or not key.opens(launch.console) or not await tickets.void(id_):
            raise Refused(problems.NOT_FOUND)
        self._tell("ticket_voided", request, key, launch, id_)
        return web.Response(status=204)

    async def sessions(self, request: web.Request, key: Key) -> web.Response:
        """`GET /api/v1/sessions`: those that are open on the key's consoles, by user, console or reference."""
        key.needs("sessions")
        return _json({"sessions": [described(session) for session in self._wanted(request, key)]})

    async def session(self, request: web.Request, key: Key) -> web.Response:
        """`GET /api/v1/sessions/{id}`."""
        key.needs("sessions")
        return _json(described(self._named(request, key)[0]))

    async def end(self, request: web.Request, key: Key) -> web.Response:
        """`DELETE /api/v1/sessions/{id}`: its browser gets 4410 and can't return."""
        key.needs("end")
        await self._end(self._named(request, key), key)
        return web.Response(status=204)

    async def end_some(self, request: web.Request, key: Key) -> web.Response:
        """`DELETE /api/v1/sessions?user=…|reference=…`: all of a user or of a reference; never simply all."""
        key.needs("end")
        if not any(request.query.get(name) for name in FILTERS):
            raise Refused(problems.INVALID, f"needs one of {', '.join(FILTERS)}")
        await self._end(list(self._wanted(request, key)), key)
        return web.Response(status=204)

    def _minting(self) -> TicketMode:
        if self._tickets is None:
            raise Refused(problems.NO_TICKETS)
        return self._tickets

    def _wanted(self, request: web.Request, key: Key) -> Iterator[Session]:
        unknown = request.query.keys() - set(FILTERS)
        if unknown:
            raise Refused(problems.INVALID, f"{', '.join(sorted(unknown))}: unknown, there are {', '.join(FILTERS)}")
        for session in self._registry:
            grant = session.grant
            values = {"user": grant.user, "console": grant.console, "reference": grant.reference}
            if key.opens(grant.console) and all(values[name] == value for name, value in request.query.items()):
                yield session

    def _named(self, request: web.Request, key: Key) -> list[Session]:
        """The session of that id: for a moment there are two, when its browser returns before the old socket is gone.

        Those of other keys' consoles are as unknown as none.
        """
        id_ = request.match_info["id"]
        found = [one for one in self._registry if one.grant.session == id_ and key.opens(one.grant.console)]
        if not found:
            raise Refused(problems.NOT_FOUND)
        return found[::-1]

    async def _end(self, sessions: list[Session], key: Key) -> None:
        for session in sessions:
            try:
                await self._access.end(session.grant)
            except Full as full:
                raise Refused(problems.TOO_MANY) from full
            error = EndedByAdmin(f"ended with the key {key.name}")
            error.by = key.name
            session.end(error)

    def _tell(
        self, act: Literal["ticket_minted", "ticket_voided"], request: web.Request, key: Key, launch: Launch, id_: str
    ) -> None:
        """Raises AuditUnwritable: a ticket that is not told of is not handed out."""
        self._audit.write(
            act,
            actor=key.name,
            source=request.remote or "",
            reference=launch.reference,
            console=launch.console,
            grant=id_,
            rights=asdict(launch.rights),
            outcome="done",
            user=launch.user,
        )


def described(session: Session) -> dict[str, Any]:
    """What the API tells of a session."""
    grant = session.grant
    return {
        "id": grant.session,
        "console": grant.console,
        "user": grant.user,
        "source": session.source,
        "reference": grant.reference,
        "rights": asdict(grant.rights),
        "state": session.state,
        "started_at": datetime.fromtimestamp(session.started_at, UTC).isoformat(timespec="seconds"),
        "upstream": session.upstream,
        "splices": session.splices,
    }


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})
