"""All that is read before a session is open: RFB's and WebSocket's opening handshakes, of both legs."""

import re

from websockets.utils import accept_key
from yarl import URL

from gateway.errors import GatewayError, NotUnderstood, ProtocolViolation, UpstreamAuth, UpstreamUnreachable
from gateway.rfb.browser_handshake import BrowserHandshake
from gateway.rfb.handshake import Handshake
from gateway.rfb.server_init import NAME_MAX, SERVER_INIT_LENGTH
from gateway.rfb.upstream_handshake import UpstreamHandshake
from gateway.websocket.handshake import MAX_ANSWER, Dial, accept
from support.fuzz.choices import Choices, cut

PLACE_OF_KEY = b"{accept}"
SECRET = "t0k3n-Secr3t"


def browser_handshake(data: bytes) -> None:
    """RFB with a browser (RFC 6143 §7.1)."""
    choices = Choices(data)
    seed, stream = choices.byte(), choices.rest()
    one, other = (_shaken(BrowserHandshake(), pieces, held=12) for pieces in ([stream], cut(stream, seed)))
    assert one == other
    assert one[1] is None or issubclass(one[1], ProtocolViolation)


def upstream_handshake(data: bytes) -> None:
    """RFB with a server, up to ServerInit."""
    choices = Choices(data)
    password, seed = ("sesame" if choices.flag() else None), choices.byte()
    stream = choices.rest()
    one, other = (
        _shaken(UpstreamHandshake(password=password, shared=True), pieces, held=SERVER_INIT_LENGTH + NAME_MAX)
        for pieces in ([stream], cut(stream, seed))
    )
    assert one == other
    assert one[1] is None or issubclass(one[1], (NotUnderstood, UpstreamAuth, UpstreamUnreachable))


def _shaken(side: Handshake, pieces: list[bytes], *, held: int) -> tuple[bytes, type[GatewayError] | None, bytes]:
    answered = b""
    try:
        for piece in pieces:
            answered += side.receive(piece)
            assert side.done or len(side._received) <= max(held, len(piece))
    except GatewayError as error:
        assert str(error).isprintable(), "a server's words may not begin a line of the log"
        return b"", type(error), b""  # what was answered before depends on the cut
    return answered, None, side.leftover


def dial_answer(data: bytes) -> None:
    """A proxy's answer to our upgrade (RFC 6455 §4.1). `{accept}` in it stands for the right key."""
    choices = Choices(data)
    seed = choices.byte()
    dial = Dial(URL(f"wss://proxy.example/websockify?token={SECRET}", encoded=True), subprotocols=("binary",))
    key = re.search(rb"\r\nSec-WebSocket-Key: (.*)\r\n", dial.request)
    assert key is not None
    stream = choices.rest().replace(PLACE_OF_KEY, accept_key(key[1].decode()).encode())
    received = 0
    try:
        for piece in cut(stream, seed):
            received += len(piece)
            if dial.receive(piece):
                assert stream[:received].endswith(dial.leftover)
                assert dial.subprotocol in (None, "binary")
                return
            assert len(dial._answer) <= MAX_ANSWER + len(piece)
    except (NotUnderstood, UpstreamUnreachable) as error:
        assert SECRET not in str(error)
        assert str(error).isprintable()


def upgrade(data: bytes) -> None:
    """A browser's upgrade request: one line a header, latin-1 as an HTTP server reads them."""
    choices = Choices(data)
    method = choices.one_of(("GET", "POST", "HEAD"))
    lines = choices.rest().decode("latin-1").split("\n")
    headers = [(name, value) for name, _, value in (line.partition(":") for line in lines)]
    answer = accept(method, headers)
    assert answer.status in (101, 400, 426)
    assert answer.status != 101 or method == "GET"
    assert answer.subprotocol in (None, "binary")
    for name, value in answer.headers.items():
        assert (name + value).isascii()
        assert (name + value).isprintable()
