"""The admin listener: metrics, health, the operator's page, and the API for those who hold a key."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.telemetry.audit import Audit
from gateway.telemetry.metrics import Metrics
from gateway.web import openapi, problems
from gateway.web.keys import Key, Keys
from gateway.web.pages import Pages
from gateway.web.problems import Refused
from gateway.web.public import Readiness, health_routes
from gateway.web.session_api import SessionApi
from gateway.web.ticket_api import TicketApi

ASSETS = frozenset({"operator.js", "operator.css", "icon.svg"})
"""What the operator's page consists of: for anybody who gets here, as all that is worth a key comes by the API."""

Handler = Callable[[web.Request, Key], Awaitable[web.StreamResponse]]


class AdminSite:
    """The handlers of the admin listener. `metrics_open` False: metrics ask for a key, too."""

    def __init__(
        self,
        tickets: TicketApi,
        sessions: SessionApi,
        pages: Pages,
        metrics: Metrics,
        readiness: Readiness,
        keys: Keys,
        audit: Audit,
        *,
        metrics_open: bool,
    ) -> None:
        self._tickets = tickets
        self._sessions = sessions
        self._pages = pages
        self._metrics = metrics
        self._readiness = readiness
        self._keys = keys
        self._audit = audit
        self.metrics_open = metrics_open

    def routes(self) -> list[web.RouteDef]:
        """The table of addresses."""
        tickets, sessions = self._tickets, self._sessions
        return [
            web.post("/api/v1/tickets", self._with_key(tickets.mint)),
            web.delete("/api/v1/tickets/{id}", self._with_key(tickets.void)),
            web.get("/api/v1/sessions", self._with_key(sessions.list)),
            web.delete("/api/v1/sessions", self._with_key(sessions.end_some)),
            web.get("/api/v1/sessions/{id}", self._with_key(sessions.show)),
            web.delete("/api/v1/sessions/{id}", self._with_key(sessions.end)),
            web.get("/api/v1/openapi.json", self._describe),
            web.get("/", self._page),
            web.get("/static/{name}", self._static),
            *self.metrics_routes(),
        ]

    def metrics_routes(self) -> list[web.RouteDef]:
        """What Prometheus and probes need."""
        return [web.get("/metrics", self._render_metrics), *health_routes(self._readiness)]

    @web.middleware
    async def guard(self, request: web.Request, handler: problems.Handler) -> web.StreamResponse:
        """Ask for a key before anything below /api/, known or not; tell the audit who had none that was good for it."""
        try:
            if request.path.startswith("/api/"):
                self._keys.of(request)
            return await handler(request)
        except Refused as refused:
            if refused.refusal.status in (401, 403):
                self._audit.note("api_refused", source=request.remote or "", outcome=refused.refusal.name)
            raise

    async def _page(self, _: web.Request) -> web.Response:
        return self._pages.page("operator.html")

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in ASSETS:
            raise Refused(problems.NOT_FOUND)
        return self._pages.asset(request, name)

    async def _describe(self, _: web.Request) -> web.Response:
        return web.json_response(openapi.document(), headers={"Cache-Control": "no-store"})

    async def _render_metrics(self, request: web.Request) -> web.Response:
        if not self.metrics_open:
            self._keys.of(request)
        body, content_type = self._metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    def _with_key(self, handler: Handler) -> problems.Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await handler(request, self._keys.of(request))

        return handle
