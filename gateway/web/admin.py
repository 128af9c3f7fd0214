"""The admin listener: metrics, health, and the list of sessions for those who hold a key."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from gateway.sessions.registry import Registry
from gateway.sessions.session import Session
from gateway.telemetry.metrics import Metrics
from gateway.web import problems
from gateway.web.problems import Refused
from gateway.web.public import Readiness, health_routes


class AdminSite:
    """The handlers of the admin listener.

    `keys`: name → `sha256:` + hex digest of an API key; where there is none the API is shut.
    """

    def __init__(self, registry: Registry, metrics: Metrics, readiness: Readiness, keys: Mapping[str, str]) -> None:
        self._registry = registry
        self._metrics = metrics
        self._readiness = readiness
        self._keys = keys

    def routes(self) -> list[web.RouteDef]:
        """The table of addresses."""
        return [
            web.get("/metrics", self._render_metrics),
            web.get("/api/v1/sessions", self._sessions),
            *health_routes(self._readiness),
        ]

    @web.middleware
    async def guard(self, request: web.Request, handler: problems.Handler) -> web.StreamResponse:
        """Ask for a key before anything below /api/."""
        if request.path.startswith("/api/") and self._caller(request) is None:
            raise Refused(problems.UNAUTHENTICATED)
        return await handler(request)

    async def _render_metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _sessions(self, request: web.Request) -> web.Response:
        wanted = {key: request.query[key] for key in ("user", "console", "reference") if key in request.query}
        rows = [_described(session) for session in self._registry]
        rows = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
        return web.json_response({"sessions": rows}, headers={"Cache-Control": "no-store"})

    def _caller(self, request: web.Request) -> str | None:
        """The name of the key that the request carries; every key is compared, in constant time."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        digest = "sha256:" + hashlib.sha256(key.strip().encode(errors="surrogateescape")).hexdigest()
        found = None
        for name, stored in self._keys.items():
            if hmac.compare_digest(digest, stored) and scheme.lower() == "bearer":
                found = name
        return found


def _described(session: Session) -> dict[str, Any]:
    return {
        "id": session.grant.session,
        "console": session.grant.console,
        "user": session.grant.user,
        "source": session.source,
        "reference": session.grant.reference,
        "state": session.state,
        "started_at": datetime.fromtimestamp(session.started_at, UTC).isoformat(timespec="seconds"),
        "upstream": session.upstream,
        "splices": session.splices,
    }
