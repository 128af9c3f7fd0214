"""The public listener: pages, `POST /grant`, the WebSocket, health. Its rules are product.md's, its words too.

Everything that can be refused is refused here, by HTTP, before the upgrade; whatever fails later is a
close code of the session's.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

import structlog
from aiohttp import web

from gateway.access.access import Access
from gateway.access.caller import Caller, Denied, Full
from gateway.providers.provider import INSTANCE, Provider
from gateway.sessions.registry import Registry
from gateway.web import problems
from gateway.web.asked import as_asked, from_trusted_proxy
from gateway.web.bastion import bastion
from gateway.web.origin import Front
from gateway.web.pages import Pages
from gateway.web.problems import Refused
from gateway.web.takeover import take_over
from gateway.websocket.handshake import accept

PROVIDER = re.compile(r"[a-z][a-z0-9-]{0,31}")

MAX_BEARER = 8192
"""Characters of a token; a JWT with many claims has a few thousand."""

_REFUSALS = {"unauthenticated": problems.UNAUTHENTICATED, "forbidden": problems.FORBIDDEN}


@dataclass(slots=True)
class Readiness:
    """Whether new work is welcome. `state`: starting, ready or draining.

    `state_up`: tells whether what replicas share can be asked; without it nothing new is opened, but balancers are to
    leave living sessions alone.
    """

    state: str = "starting"
    state_up: Callable[[], bool] = lambda: True

    @property
    def ready(self) -> bool:
        """True between start and drain."""
        return self.state == "ready"


class PublicSite:
    """The handlers of the public listener. `static_consoles` are listed on the landing page."""

    def __init__(
        self,
        front: Front,
        access: Access,
        providers: Mapping[str, Provider],
        registry: Registry,
        pages: Pages,
        readiness: Readiness,
        static_consoles: list[str],
    ) -> None:
        self._front = front
        self._access = access
        self._providers = providers
        self._registry = registry
        self._pages = pages
        self._readiness = readiness
        self._consoles = static_consoles

    def follow(self, front: Front, static_consoles: list[str]) -> None:
        """Talk to those whom `front` lets in from now on."""
        self._front = front
        self._consoles = static_consoles

    def routes(self) -> list[web.RouteDef]:
        """The table of addresses."""
        console = "/{provider}/{instance}"
        return [
            web.get("/", self._landing),
            web.get("/consoles", self._list),
            web.get("/console" + console, self._console),
            web.post("/grant" + console, self._grant),
            web.options("/grant" + console, self._preflight),
            web.get("/ws" + console, self._websocket),
            web.get("/static/{name}", self._static),
            *health_routes(self._readiness),
        ]

    @web.middleware
    async def guard(self, request: web.Request, handler: problems.Handler) -> web.StreamResponse:
        """Let no request past that came under a wrong name or through a proxy; health answers to any name."""
        if request.path not in ("/healthz", "/readyz"):
            request = as_asked(self._front, request)
        if not request.path.startswith("/grant/"):
            return await handler(request)
        response = await problems.as_problems(request, handler)
        response.headers.update(self._cors(request))  # also a refusal is for the page to read
        return response

    async def _landing(self, _: web.Request) -> web.Response:
        return self._pages.page("landing.html")

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"consoles": self._consoles}, headers={"Cache-Control": "no-store"})

    async def _console(self, _: web.Request) -> web.Response:
        return self._pages.page("console.html")

    async def _static(self, request: web.Request) -> web.Response:
        return self._pages.asset(request, request.match_info["name"])

    async def _preflight(self, request: web.Request) -> web.Response:
        self._check_origin(request)
        headers = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Authorization"}
        return web.Response(status=204, headers=headers)

    async def _grant(self, request: web.Request) -> web.Response:
        self._check_origin(request)
        console = self._asked(request)
        self._check_open_for_work()
        caller = self._caller(request)
        spent = await self._check_before_spending(console, caller)
        with _refusals():
            opening = await self._access.grant(console, caller)
        self._known(request)
        grant = opening.grant
        structlog.get_logger().info(
            "grant.opened",
            session=grant.session,
            console=console,
            user=grant.user,
            source=caller.source,
            returned=opening.returned,
        )
        if not spent:  # where it was, there was room; should that be gone, the page needs what it can come again with
            # A page never learns why an upgrade failed.
            self._check_room(grant.session, grant.user, caller.source, console)
        body = {
            "ticket": opening.ticket,
            "resume": opening.resume,
            "session": grant.session,
            "rights": asdict(grant.rights),
            "expires_at": grant.expires_at,
        }
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        answer = accept(request.method, request.headers.items(), version=(request.version.major, request.version.minor))
        if answer.status == 426:
            return problems.document(problems.NOT_AN_UPGRADE, answer.headers)
        self._check_origin(request)
        console = self._asked(request)
        if answer.status != 101:
            return problems.document(problems.MALFORMED, answer.headers)
        self._check_open_for_work()
        caller, ticket = self._caller(request), request.query.get("ticket")
        await self._check_before_spending(console, replace(caller, bearer=ticket))
        with _refusals():
            grant = await self._access.admit(console, caller, ticket)
        provider = self._known(request)
        self._check_room(grant.session, grant.user, caller.source, console)
        self._check_open_for_work()  # again: what was waited for may have taken its time
        taken = await take_over(request, answer.headers, self._registry.buffer)
        if taken is None:
            raise web.HTTPBadRequest  # nobody is there to read it
        taken.leg.notices = request.query.get("notices") == "1"
        returns = request.query.get("take") == "0"
        self._registry.open(grant, provider, taken.leg, source=caller.source, returns=returns)
        return taken.response

    def _caller(self, request: web.Request) -> Caller:
        return Caller(
            source=request.remote or "",
            bearer=bearer(request),
            headers=request.headers,
            trusted_proxy=from_trusted_proxy(self._front, request),
            certificate=bastion(request, self._front.client_names),
        )

    def _check_origin(self, request: web.Request) -> None:
        if not self._front.origin_allowed(request.headers.get("Origin"), request.scheme, request.host):
            raise Refused(problems.BAD_ORIGIN)

    def _check_open_for_work(self) -> None:
        if not self._readiness.ready:
            raise Refused(problems.DRAINING)
        if not self._registry.told:
            raise Refused(problems.AUDIT_AWAY)
        if not self._readiness.state_up():
            raise Refused(problems.STATE_AWAY)

    async def _check_before_spending(self, console: str, caller: Caller) -> bool:
        """Refuse for want of room before a ticket is spent, so that its holder can come again with it.

        Whether one will be.
        """
        user = await self._access.holder(console, caller)
        if user is not None:
            self._check_room("", user, caller.source, console)
        return user is not None

    def _check_room(self, session: str, user: str, source: str, console: str) -> None:
        if self._registry.full_for(session):
            raise Refused(problems.FULL)
        if self._registry.too_many_for(user, source, console):
            raise Refused(problems.TOO_MANY)

    def _asked(self, request: web.Request) -> str:
        """The console that the path names; refused if none can be called so."""
        provider, instance = request.match_info["provider"], request.match_info["instance"]
        if not PROVIDER.fullmatch(provider) or not INSTANCE.fullmatch(instance):
            raise Refused(problems.MALFORMED)
        return f"{provider}/{instance}"

    def _known(self, request: web.Request) -> Provider:
        """The provider of the console; asked only after authentication, so that names cannot be probed."""
        provider = self._providers.get(request.match_info["provider"])
        if provider is None:
            raise Refused(problems.UNKNOWN_CONSOLE)
        return provider

    def _cors(self, request: web.Request) -> dict[str, str]:
        origin = request.headers.get("Origin")
        if origin is None or not self._front.foreign(origin):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "Retry-After",
            "Vary": "Origin",
        }


def health_routes(readiness: Readiness) -> list[web.RouteDef]:
    """`/healthz`: the process lives. `/readyz`: it takes new sessions; 503 only while starting or draining."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        status = 200 if readiness.ready else 503
        state = "up" if readiness.state_up() else "away"
        return web.json_response({"status": readiness.state, "state": state}, status=status)

    return [web.get("/healthz", healthz), web.get("/readyz", readyz)]


def bearer(request: web.Request) -> str | None:
    """The token in `Authorization: Bearer`, cut where none is as long; None without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip()[:MAX_BEARER] if scheme.lower() == "bearer" and token else None


@contextmanager
def _refusals() -> Iterator[None]:
    """Answer by HTTP what access refuses: without the reason, which is the audit's."""
    try:
        yield
    except Denied as denied:
        raise Refused(_REFUSALS[denied.refusal]) from denied
    except Full as full:
        raise Refused(problems.TOO_MANY) from full
