"""Refusals before the upgrade: HTTP problem documents (RFC 9457) whose `name` is the refusal's public name."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from gateway.errors import AuditUnwritable
from gateway.state.state import StateAway

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way to say no: HTTP status, public name, and a sentence for people."""

    status: int
    name: str
    title: str
    headers: tuple[tuple[str, str], ...] = ()


_SOON = (("Retry-After", "5"),)

MALFORMED = Refusal(400, "malformed", "The request is malformed.")
UNAUTHENTICATED = Refusal(
    401,
    "unauthenticated",
    "The ticket or token is missing, expired, used or unknown.",
    (("WWW-Authenticate", "Bearer"),),
)
NO_KEY = Refusal(401, "unauthenticated", "The API key is missing or unknown.", (("WWW-Authenticate", "Bearer"),))
FORBIDDEN = Refusal(403, "forbidden", "This is not allowed.")
NO_TICKETS = Refusal(403, "forbidden", "Tickets are of access mode ticket; this gateway is in another one.")
BAD_ORIGIN = Refusal(403, "bad_origin", "Pages of this origin may not use the gateway.")
BEHIND_PROXY = Refusal(
    403, "forbidden", "Access mode open is for this machine alone and refuses requests that came through a proxy."
)
NOT_FOUND = Refusal(404, "not_found", "There is nothing at this address.")
METHOD_NOT_ALLOWED = Refusal(405, "method_not_allowed", "This address does not know that method.")
UNKNOWN_CONSOLE = Refusal(404, "no_such_instance", "There is no such console.")
BODY_TOO_LARGE = Refusal(413, "malformed", "The request's body is too large.")
WRONG_HOST = Refusal(421, "wrong_host", "The gateway does not answer to this host name.")
INVALID = Refusal(422, "invalid", "The request asks for something that does not exist or is not allowed.")
NOT_AN_UPGRADE = Refusal(426, "not_an_upgrade", "This address is a WebSocket.")
TOO_MANY = Refusal(429, "too_many", "There are too many requests.", _SOON)
HEADERS_TOO_LARGE = Refusal(431, "headers", "The request's header is too large.")
FULL = Refusal(503, "full", "The gateway holds as many sessions as it may.", _SOON)
DRAINING = Refusal(
    503,
    "draining",
    "The gateway is going down; try again.",
    (("Retry-After", "1"), ("Connection", "close")),  # another one may answer now, but not on this connection
)
AUDIT_AWAY = Refusal(503, "audit_away", "The gateway can't write down what it does; try again.", _SOON)
STATE_AWAY = Refusal(503, "state_away", "The gateway can't ask what its replicas share; try again.", _SOON)
INTERNAL = Refusal(500, "internal_error", "The gateway failed; its log has the details.")

NAMES = tuple(dict.fromkeys(value.name for value in list(globals().values()) if isinstance(value, Refusal)))
"""The names of all of them."""

_BY_STATUS = {
    refusal.status: refusal
    for refusal in (MALFORMED, FORBIDDEN, NOT_FOUND, METHOD_NOT_ALLOWED, BODY_TOO_LARGE, INTERNAL)
}


class Refused(Exception):
    """Raised by handlers; answered as a problem document. `detail`: what of it is wrong with this request."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(refusal.name)
        self.refusal = refusal
        self.detail = detail


class Problem(web.Response):
    """A problem document. `refusal`: its name."""

    def __init__(
        self, refusal: str, *, status: int, headers: Mapping[str, str], body: bytes, content_type: str
    ) -> None:
        super().__init__(status=status, headers=headers, body=body, content_type=content_type)
        self.refusal = refusal


def document(refusal: Refusal, headers: Mapping[str, str] | None = None, detail: str = "") -> web.Response:
    """The response for a refusal, with `headers` beside its own."""
    body = {"type": "about:blank", "title": refusal.title, "status": refusal.status, "name": refusal.name}
    if detail:
        body["detail"] = detail
    return Problem(
        refusal.name,
        status=refusal.status,
        headers={"Cache-Control": "no-store"} | dict(refusal.headers) | dict(headers or {}),
        body=json.dumps(body).encode(),
        content_type="application/problem+json",
    )


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals, and aiohttp's own errors, as problem documents."""
    try:
        return await handler(request)
    except Refused as refused:
        return document(refused.refusal, detail=refused.detail)
    except AuditUnwritable:
        return document(AUDIT_AWAY)
    except StateAway:
        return document(STATE_AWAY)
    except web.HTTPException as error:
        known = _BY_STATUS.get(error.status)
        headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        return document(known or Refusal(error.status, "malformed", error.reason), headers)
