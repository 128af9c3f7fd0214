"""Opening handshakes (RFC 6455 §4) of both legs, computed by the `websockets` library.

Owns the request to an upstream with its answer, and the answer to a browser. Leaves to the caller sockets, time
limits, and the Host and Origin rules of the public listener. No address, header or cookie of a target is in any
message or repr from here: a console's address is a credential.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidUpgrade, NegotiationError
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.streams import StreamReader
from websockets.typing import Origin, Subprotocol
from websockets.uri import WebSocketURI
from yarl import URL

from gateway.errors import BadAddress, NotUnderstood, UpstreamUnreachable

MAX_ANSWER = 16 * 1024  # bytes of an answer's header: twice what proxies allow themselves; more is an attack or a bug
BINARY = Subprotocol("binary")

_STATUS_LINE = b"HTTP/1."
_HEADER_NAME = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5
_COOKIE_VALUE = re.compile(r"[\x21-\x3a\x3c-\x7e]*")  # RFC 6265 §4.1.1, with the quotes and commas found in practice
_REQUEST_TARGET = re.compile(r"/[\x21-\x7e]*")
_OWN_HEADERS = frozenset({"connection", "upgrade"})  # and all of Sec-WebSocket-*
_READ_HEADERS = frozenset({"connection", "upgrade", "origin"})


class UpgradeRefused(UpstreamUnreachable):
    """The upstream answered with an HTTP status instead of 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the upgrade was answered with HTTP {status}")
        self.status = status


class Dial:
    """The client's side: send `request`, give `receive` what comes until it says True.

    Afterwards `subprotocol` is what the upstream chose, and `leftover` what it sent right after its answer.
    """

    def __init__(
        self,
        url: URL,
        *,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        origin: str | None = None,
        subprotocols: Sequence[str] = (),
    ) -> None:
        """Prepare the request; path and query of `url` go out as they are. Raises BadAddress if it cannot be sent."""
        self.subprotocol: str | None = None
        self.leftover = b""
        self._answer = bytearray()
        self._protocol = ClientProtocol(
            _uri(url),
            origin=None if origin is None else Origin(_sendable("Origin", origin)),
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        )
        request = self._protocol.connect()
        _add(request.headers, headers or {}, cookies or {})
        self.request = request.serialize()

    def receive(self, data: bytes | bytearray | memoryview) -> bool:
        """Take the next bytes of the upstream; True when it has accepted.

        Raises UpgradeRefused for another HTTP status, UpstreamUnreachable for an answer that is no acceptance of this
        request (or whose header exceeds 16 KiB), and NotUnderstood for what is not HTTP.
        """
        answer = self._answer
        searched = max(0, len(answer) - 3)
        answer += data
        if not _STATUS_LINE.startswith(answer[: len(_STATUS_LINE)]):
            raise NotUnderstood("the upstream does not answer in HTTP")
        end = answer.find(b"\r\n\r\n", searched, MAX_ANSWER)
        if end < 0:
            if len(answer) >= MAX_ANSWER:
                raise UpstreamUnreachable(f"the answer's header is longer than {MAX_ANSWER} bytes")
            return False
        self.leftover = bytes(answer[end + 4 :])
        self._accept(bytes(answer[: end + 4]))
        self._answer = bytearray()
        return True

    def _accept(self, header: bytes) -> None:
        """Check that a whole answer accepts our request (§4.1)."""
        try:
            self._protocol.process_response(_parse(header))
        except InvalidStatus as error:
            # Its repr holds the whole answer, where a redirect repeats the address: no cause.
            raise UpgradeRefused(error.response.status_code) from None
        except InvalidHandshake as error:
            raise UpstreamUnreachable("the upstream's answer does not accept the upgrade") from error
        self.subprotocol = self._protocol.subprotocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser's upgrade request is answered with; `reason` is a line for the body, empty if accepted (101)."""

    status: int
    headers: Mapping[str, str]
    subprotocol: str | None = None
    reason: str = ""


def accept(method: str, headers: Iterable[tuple[str, str]], *, version: tuple[int, int] = (1, 1)) -> Answer:
    """Answer an upgrade request (§4.2): 101, 426 if it is none, 400 if it is malformed.

    `version` is that of HTTP. Subprotocol `binary` is chosen where offered, none where none is offered; a client that
    offers only others gets 400. Extensions are never accepted.
    """
    # An Upgrade field in HTTP/1.0 is to be ignored (RFC 9110 §7.8), and only a GET can become a WebSocket (§4.1).
    if method != "GET" or version < (1, 1):
        return _not_an_upgrade("a WebSocket begins with a GET request of HTTP/1.1")
    protocol = ServerProtocol(select_subprotocol=_choose)
    try:
        request = Request("/", Headers(_relevant(headers)))
        key, _, subprotocol = protocol.process_request(request)
    except InvalidUpgrade as error:
        return _not_an_upgrade(_printable(error))
    except (InvalidHandshake, ValueError) as error:  # ValueError: characters that the library cannot encode
        return Answer(400, {"Sec-WebSocket-Version": "13"}, reason=_printable(error))
    fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": key}
    if subprotocol is not None:
        fields["Sec-WebSocket-Protocol"] = subprotocol
    return Answer(101, fields, subprotocol)


def _uri(url: URL) -> WebSocketURI:
    """Check an address and put it in the library's words. Its own parser would change what is not ASCII."""
    host, port = url.raw_host, url.port
    if url.scheme not in ("ws", "wss") or not host or not port:
        raise BadAddress("not a WebSocket address")
    query = url.raw_query_string
    target = url.raw_path + (f"?{query}" if query else "")
    if not host.isascii() or not _REQUEST_TARGET.fullmatch(target):
        raise BadAddress("a WebSocket address with characters that need encoding")
    user, password = url.user, url.password
    if user is not None and ":" in user:
        raise BadAddress("a user name with a colon")  # Basic authentication cannot tell them apart (RFC 7617 §2)
    if user is not None and password is None:
        password = ""
    return WebSocketURI(url.scheme == "wss", host, port, url.raw_path, query, user, password)


def _add(fields: Headers, headers: Mapping[str, str], cookies: Mapping[str, str]) -> None:
    """Add a target's headers and cookies to a request; a header that is there already, such as Host, is replaced."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise BadAddress("a header name with characters that it may not have")
        if name.lower() in _OWN_HEADERS or name.lower().startswith("sec-websocket-"):
            raise BadAddress(f"header {name} belongs to the handshake")
        if name in fields:
            del fields[name]
        fields[name] = _sendable(name, value)
    if not cookies:
        return
    pairs = [fields["Cookie"]] if "Cookie" in fields else []
    for name, value in cookies.items():
        if not _HEADER_NAME.fullmatch(name) or not _COOKIE_VALUE.fullmatch(value):
            raise BadAddress("a cookie with characters that it may not have")
        pairs.append(f"{name}={value}")
    if "Cookie" in fields:
        del fields["Cookie"]
    fields["Cookie"] = "; ".join(pairs)


def _sendable(name: str, value: str) -> str:
    """Give `value` back if it can be a header's, so that none ends its line and begins another."""
    if not _HEADER_VALUE.fullmatch(value):
        raise BadAddress(f"header {name} has a value that cannot be sent")
    return value


def _parse(header: bytes) -> Response:
    """Read the status line and header fields of an answer; bodies of refusals are of no interest."""
    reader = StreamReader()
    reader.feed_data(header)
    # `proxy` makes the library stop where the body would begin.
    parser = Response.parse(reader.read_line, reader.read_exact, reader.read_to_eof, proxy=True)
    try:
        next(parser)
    except StopIteration as end:
        response: Response = end.value
        return response
    except (ValueError, EOFError, InvalidHandshake):
        pass  # no cause: its text is what the upstream sent
    raise UpstreamUnreachable("the upstream's answer is malformed")


def _choose(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Choose the browser's subprotocol; frames are binary whatever it is called."""
    if not offered:
        return None
    if BINARY not in offered:
        raise NegotiationError("the only subprotocol spoken here is binary")
    return BINARY


def _relevant(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pick what the handshake looks at; the rest of a request may hold what the library refuses to hold."""
    return [
        (name, value)
        for name, value in headers
        if name.lower() in _READ_HEADERS or name.lower().startswith("sec-websocket-")
    ]


def _not_an_upgrade(reason: str) -> Answer:
    """Say what is spoken here (RFC 9110 §15.5.22)."""
    fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    return Answer(426, fields, reason=reason)


def _printable(error: Exception) -> str:
    """Give an error's text, which may repeat a header of the browser's, as ASCII for a response's body."""
    return str(error).encode("ascii", "backslashreplace").decode()
