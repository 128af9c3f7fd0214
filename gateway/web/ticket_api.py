"""The admin API's tickets (product.md, "Admin listener"): minted and voided.

Every handler is called with a key that was checked; what that key is good for is asked here.
"""

from dataclasses import asdict
from typing import Literal

from aiohttp import web

from gateway.access.access import Access
from gateway.access.caller import Full
from gateway.access.tickets import Launch, TicketMode
from gateway.telemetry.audit import Audit
from gateway.web import problems
from gateway.web.asking import TTL, TicketOrder, asked
from gateway.web.keys import Key
from gateway.web.links import Links
from gateway.web.problems import Refused


class TicketApi:
    """What keys are for that have the right `tickets`.

    `tickets`: None where the access mode knows none; `ttl_max`: seconds that one may live.
    """

    def __init__(
        self,
        access: Access,
        tickets: TicketMode | None,
        links: Links,
        audit: Audit,
        *,
        ttl_max: float,
    ) -> None:
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
        body = asdict(minted) | {"url": self._links.launch(order.console, minted.ticket)}
        return web.json_response(body, status=201, headers={"Cache-Control": "no-store"})

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

    def _minting(self) -> TicketMode:
        if self._tickets is None:
            raise Refused(problems.NO_TICKETS)
        return self._tickets

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
