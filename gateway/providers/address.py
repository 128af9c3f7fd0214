"""From what a cloud calls a console's address to what is dialled: pure, and strict about what it lets through.

Owns the forms (WebSocket address, percent-encoded WebSocket address, noVNC page, plain TCP) and the checks
that every one of them passes. Leaves allow-lists to hosts.py. No message contains any part of an
address but its host: the rest is a one-time password.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin

from yarl import URL

from gateway.errors import BadAddress
from gateway.providers import hosts

MAX_ADDRESS = 8192  # the request line that common proxies take (nginx, HAProxy); real addresses have 150 to 400 bytes
VNC_PORT = 5900  # RFC 6143 §7: display 0
_DEFAULT_PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443, "tcp": VNC_PORT}
_TO_WEBSOCKET = {"http": "ws", "https": "wss"}

# RFC 3986 appendix B, after the check that only printable ASCII is there.
_ADDRESS = re.compile(r"([A-Za-z]+)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_PRINTABLE = re.compile(r"[!-~]*")
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]+")  # RFC 6265 §4.1.1
_URI_COMPONENT = "-_.!~*'()"  # what JavaScript's encodeURIComponent leaves alone, beside letters and digits


@dataclass(frozen=True, slots=True, repr=False)
class Location:
    """Where to dial: a WebSocket address, or host and port alone for plain TCP."""

    host: str
    port: int
    url: URL | None = None
    cookies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class _Parts:
    scheme: str
    authority: str
    host: str
    port: int
    path: str
    query: str | None


def from_encoded(value: str) -> Location:
    """Alibaba's VncUrl: a WebSocket address, percent-encoded once (clouds.md §3.3).

    Decoded exactly once, since a second time would turn `%2B` into a space; an already decoded one is taken as it is.
    """
    value = value.strip()  # one SDK's example carries a tab at the end
    if not re.match("wss?://", value, re.IGNORECASE):
        try:
            value = unquote(value, errors="strict")
        except UnicodeDecodeError:
            raise BadAddress("the address is not text after decoding") from None
    return from_websocket(value)


def from_websocket(value: str) -> Location:
    """A ws or wss address, kept byte for byte but for its fragment, which is never sent (RFC 6455 §3)."""
    parts = _split(value, ("ws", "wss"))
    resource = parts.path if parts.query is None else f"{parts.path}?{parts.query}"
    return _websocket(parts, parts.scheme, resource, {})


def from_page(value: str, *, in_directory: bool = False) -> Location:
    """What the noVNC page at this address would dial (clouds.md §3.1).

    `in_directory`: the WebSocket lies beside the page, as at Huawei; otherwise at the root, as in noVNC's own pages.
    A `token` goes into the query, and the cookie that noVNC set up to 1.0, unless `path` carries one already.
    """
    parts = _split(value, tuple(_TO_WEBSOCKET))
    variables = _variables(parts.query or "")
    if "host" in variables or "port" in variables:
        raise BadAddress("the page's address names another host or port")
    directory = parts.path[: parts.path.rfind("/") + 1] if in_directory else "/"
    resource = _resolve(directory, variables.get("path", "websockify"))
    token = variables.get("token")
    cookies = {}
    if token:
        resource = _with_token(resource, token)
        if _COOKIE_VALUE.fullmatch(token):
            cookies["token"] = token
    return _websocket(parts, _TO_WEBSOCKET[parts.scheme], resource, cookies)


def from_any(value: str) -> Location:
    """A tcp, ws or wss address, or that of a stock noVNC page."""
    value = value.strip()
    scheme = value.partition("://")[0].lower()
    if scheme in _TO_WEBSOCKET:
        return from_page(value)
    if scheme == "tcp":
        parts = _split(value, ("tcp",))
        if parts.path not in ("", "/") or parts.query is not None:
            raise BadAddress("a tcp address has no path")
        return Location(parts.host, parts.port)
    return from_websocket(value)


def from_host(host: str, port: int) -> Location:
    """Plain TCP."""
    if not 0 < port < 65536:
        raise BadAddress("the address has no valid port")
    return Location(hosts.canonical(host), port)


def _split(value: str, schemes: tuple[str, ...]) -> _Parts:
    if len(value) > MAX_ADDRESS:
        raise BadAddress("the address is too long")
    if not _PRINTABLE.fullmatch(value):
        raise BadAddress("the address holds a space, a control character or something beyond ASCII")
    match = _ADDRESS.fullmatch(value)
    if match is None or match[1].lower() not in schemes:
        raise BadAddress(f"not an address with {', '.join(schemes)}")
    authority = _AUTHORITY.fullmatch(match[2])
    if authority is None:
        raise BadAddress("the address has no plain host and port")
    scheme = match[1].lower()
    port = int(authority[2] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        raise BadAddress("the address has no valid port")
    return _Parts(scheme, match[2], hosts.canonical(authority[1]), port, match[3] or "/", match[4])


def _websocket(parts: _Parts, scheme: str, resource: str, cookies: Mapping[str, str]) -> Location:
    return Location(parts.host, parts.port, URL(f"{scheme}://{parts.authority}{resource}", encoded=True), cookies)


def _variables(query: str) -> dict[str, str]:
    """A page's query as noVNC reads it: decoded once, `+` left alone, the last of equal names counts."""
    variables = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        try:
            variables[unquote(name, errors="strict")] = unquote(value, errors="strict")
        except UnicodeDecodeError:
            raise BadAddress("the page's query is not text after decoding") from None
    return variables


def _resolve(directory: str, path: str) -> str:
    """A page's `path` as an absolute one; whatever it looks like, it stays on the page's own host."""
    if not _PRINTABLE.fullmatch(path):
        raise BadAddress("the page's path holds a space, a control character or something beyond ASCII")
    if path.startswith("/"):
        directory = "/"
    # "./" keeps urljoin from taking a scheme or a host out of the path; dots that climb too far end at the root
    joined = urljoin(directory, "./" + path.partition("#")[0].lstrip("/"))
    return "/" + joined.lstrip("/")


def _with_token(resource: str, token: str) -> str:
    path, _, query = resource.partition("?")
    if "token" in _variables(query):
        return resource
    return f"{path}?{query}{'&' if query else ''}token={quote(token, safe=_URI_COMPONENT)}"
