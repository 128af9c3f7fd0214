"""An upstream's answer (RFC 6455 §4.1, clouds.md §3): which answers are taken, however they arrive."""

import contextlib
import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.websocket import byte_by_byte, in_chunks, library_answers, whole
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key
from yarl import URL

from gateway.errors import GatewayError, NotUnderstood, UpstreamUnreachable
from gateway.websocket.handshake import MAX_ANSWER, Dial, UpgradeRefused

SECRET = "t0k3n-Secr3t"
ADDRESS = f"wss://proxy.example:8443/websockify/?s={SECRET}%2FIA%2BYc"


def url(text: str = ADDRESS) -> URL:
    return URL(text, encoded=True)


def answer(dial: Dial, *lines: str, status: str = "101 Switching Protocols", accept: str | None = None) -> bytes:
    """An answer written by hand; `lines` come first, `accept` replaces the right key."""
    (key,) = re.findall(rb"\r\nSec-WebSocket-Key: (.*)\r\n", dial.request)
    good = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept or accept_key(key.decode())}"]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, *good, "", ""]).encode("latin-1")


def feed(dial: Dial, chunks: Iterator[bytes]) -> bytes:
    """Feed until accepted; what came after the accepting chunk is added to the leftover."""
    for chunk in chunks:
        if dial.receive(memoryview(chunk)):
            return dial.leftover + b"".join(chunks)
    raise AssertionError("never accepted")


@pytest.mark.parametrize("cut", [whole, byte_by_byte, lambda stream: in_chunks(stream, [7, 1, 100])])
@pytest.mark.parametrize("trailing", [b"", b"\x82\x0cRFB 003.008\n", b"\r\n\r\n"])
@pytest.mark.parametrize("chosen", [None, "binary"])
def test_acceptance_by_the_library_is_taken(cut: Callable, trailing: bytes, chosen: str | None) -> None:
    dial = Dial(url(), subprotocols=("binary",))
    _, response = library_answers(dial.request, subprotocols=chosen and [chosen])
    assert feed(dial, cut(response + trailing)) == trailing
    assert dial.subprotocol == chosen


def test_leftover_begins_with_the_first_frame() -> None:
    dial = Dial(url())
    frame = Frame(Opcode.BINARY, b"RFB 003.008\n").serialize(mask=False)
    assert dial.receive(answer(dial) + frame)
    assert dial.leftover == frame


@pytest.mark.parametrize("length", range(1, 60, 7))
def test_answer_not_all_here_yet_is_a_value(length: int) -> None:
    dial = Dial(url())
    stream = answer(dial)
    assert dial.receive(stream[:length]) is False
    assert dial.receive(stream[length:-1]) is False
    assert dial.receive(stream[-1:]) is True


@pytest.mark.parametrize(
    "lines", [("upgrade: WebSocket",), ("X: " + "y" * 8000, "Z: " + "y" * 7000), ("X: \xe4\xff",), ("X:",)]
)
def test_answer_may_hold_more_than_it_must(lines: tuple[str, ...]) -> None:
    dial = Dial(url())
    stream = answer(dial, *lines)
    if lines[0].startswith("upgrade"):
        stream = stream.replace(b"Upgrade: websocket\r\n", b"").replace(
            b"Connection: Upgrade", b"connection: keep-alive, upgrade"
        )
    assert dial.receive(stream) is True


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 429, 500, 502, 503])
@pytest.mark.parametrize("cut", [whole, byte_by_byte])
def test_http_status_is_an_attribute(status: int, cut: Callable) -> None:
    """clouds.md §6: an upstream that answers 4xx is worth another address. The body is not waited for."""
    dial = Dial(url())
    with pytest.raises(UpgradeRefused) as raised:
        feed(dial, cut(f"HTTP/1.1 {status} No\r\nContent-Length: 1000\r\nLocation: /?{SECRET}\r\n\r\n<html>".encode()))
    assert raised.value.status == status
    assert isinstance(raised.value, UpstreamUnreachable)
    assert raised.value.retryable
    assert SECRET not in _everything_told(raised.value)


def _everything_told(error: BaseException | None) -> str:
    """What a log could hold of an error: text and repr of it and of its causes."""
    told = ""
    while error is not None:
        told += f"{error!s} {error!r} "
        error = error.__cause__
    return told


@pytest.mark.parametrize(
    ("lines", "options"),
    [
        (("Sec-WebSocket-Protocol: base64",), {"subprotocols": ("binary",)}),
        (("Sec-WebSocket-Protocol: binary",), {}),
        (("Sec-WebSocket-Protocol: binary, binary",), {"subprotocols": ("binary",)}),
        (("Sec-WebSocket-Protocol: ",), {"subprotocols": ("binary",)}),
        (("Sec-WebSocket-Extensions: permessage-deflate",), {}),
        (("Upgrade: h2c",), {}),
        (("Sec-WebSocket-Accept: x",), {}),
        (("Broken",), {}),
        (("Bro ken: x",), {}),
        (("X: \x01",), {}),
        (tuple(f"X-{n}: y" for n in range(200)), {}),
        (("X: " + "y" * 9000,), {}),
    ],
)
@pytest.mark.parametrize("cut", [whole, byte_by_byte])
def test_answer_that_does_not_accept_our_request_is_unreachable(
    lines: tuple[str, ...], options: dict, cut: Callable
) -> None:
    dial = Dial(url(), **options)
    with pytest.raises(UpstreamUnreachable) as raised:
        feed(dial, cut(answer(dial, *lines)))
    assert SECRET not in _everything_told(raised.value)


@pytest.mark.parametrize("missing", ["Upgrade", "Connection", "Sec-WebSocket-Accept"])
def test_answer_without_one_of_its_headers_is_unreachable(missing: str) -> None:
    dial = Dial(url())
    with pytest.raises(UpstreamUnreachable):
        dial.receive(answer(dial).replace(f"\r\n{missing}:".encode(), b"\r\nX:", 1))


def test_answer_to_another_key_is_unreachable() -> None:
    dial = Dial(url())
    with pytest.raises(UpstreamUnreachable):
        dial.receive(answer(dial, accept=accept_key("AAAAAAAAAAAAAAAAAAAAAA==")))


@pytest.mark.parametrize(
    "garbage", [b"RFB 003.008\n", b"\0", b"\x16\x03\x01\x02", b"HTTQ", b"SSH-2.0-x\r\n", b"http/1.1 101"]
)
@pytest.mark.parametrize("cut", [whole, byte_by_byte])
def test_what_is_not_http_is_not_understood_at_once(garbage: bytes, cut: Callable) -> None:
    with pytest.raises(NotUnderstood):
        feed(Dial(url()), cut(garbage))


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.x\r\n\r\n", b"HTTP/1.1 101\r\n\r\n", b"HTTP/1.1 999 x\r\n\r\n"]
)
def test_broken_status_line_is_unreachable(first: bytes) -> None:
    with pytest.raises(UpstreamUnreachable):
        Dial(url()).receive(first)


@pytest.mark.parametrize("size", [1000, MAX_ANSWER, 100_000])
def test_answer_without_end_is_cut_off(size: int) -> None:
    dial = Dial(url())
    stream = b"HTTP/1.1 101 x\r\n" + b"X: y\r\n" * 100_000
    with pytest.raises(UpstreamUnreachable, match=str(MAX_ANSWER)):
        feed(dial, in_chunks(stream, [size]))


def test_header_that_ends_beyond_the_limit_is_refused_however_it_comes() -> None:
    for sizes in ([1 << 20], [MAX_ANSWER], [100]):
        dial = Dial(url())
        with pytest.raises(UpstreamUnreachable, match=str(MAX_ANSWER)):
            feed(dial, in_chunks(answer(dial, *["X: " + "y" * 1000] * 17), sizes))


def test_a_large_first_frame_is_no_part_of_the_header() -> None:
    dial = Dial(url())
    assert dial.receive(answer(dial) + bytes(100_000))
    assert len(dial.leftover) == 100_000


@given(
    stream=st.binary(max_size=200).map(lambda tail: b"HTTP/1.1 " + tail) | st.binary(max_size=50),
    size=st.integers(1, 80),
)
@settings(max_examples=300, deadline=None)
def test_garbage_gives_need_more_or_our_own_error(stream: bytes, size: int) -> None:
    def outcome(chunks: Iterator[bytes]) -> type[GatewayError] | None:
        dial = Dial(url())
        try:
            for chunk in chunks:
                assert dial.receive(chunk) is False
        except (UpstreamUnreachable, NotUnderstood) as error:
            return type(error)
        return None

    assert outcome(in_chunks(stream, [size])) is outcome(whole(stream))


@given(at=st.integers(0, 150), flip=st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_damaged_acceptance_gives_a_value_or_our_own_error(at: int, flip: int) -> None:
    dial = Dial(url())
    stream = bytearray(answer(dial))
    stream[at % len(stream)] ^= flip
    with contextlib.suppress(UpstreamUnreachable, NotUnderstood):
        assert dial.receive(stream) in (True, False)
