"""The handshake towards an upstream (RFC 6455 §4.1, clouds.md §3): what is asked, and which answers are taken."""

import base64
import contextlib
import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.websocket import byte_by_byte, in_chunks, whole
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.utils import accept_key
from yarl import URL

from gateway.errors import BadAddress, GatewayError, NotUnderstood, UpstreamUnreachable
from gateway.websocket.handshake import MAX_ANSWER, Dial, UpgradeRefused

SECRET = "t0k3n-Secr3t"
ADDRESS = f"wss://proxy.example:8443/websockify/?s={SECRET}%2FIA%2BYc"


def url(text: str = ADDRESS) -> URL:
    return URL(text, encoded=True)


def serve(request: bytes, **options) -> tuple[Request, bytes]:
    """What the library's server reads of a request, and answers."""
    server = ServerProtocol(**options)
    server.receive_data(request)
    (event,) = server.events_received()
    assert isinstance(event, Request)
    server.send_response(server.accept(event))
    return event, b"".join(server.data_to_send())


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


# What is asked.


@pytest.mark.parametrize(
    ("address", "target", "host"),
    [
        (
            "wss://hz01-vncproxy.aliyun.com/websockify/?s=Dvh%2FIA%2BYc",
            "/websockify/?s=Dvh%2FIA%2BYc",
            "hz01-vncproxy.aliyun.com",
        ),
        ("wss://h:443/vnc/region.x/websockify?token=A-b", "/vnc/region.x/websockify?token=A-b", "h"),
        ("wss://h:8002/websockify?path=%3Ftoken%3Dx&lang=EN", "/websockify?path=%3Ftoken%3Dx&lang=EN", "h:8002"),
        ("ws://127.0.0.1:5700/", "/", "127.0.0.1:5700"),
        ("ws://127.0.0.1:80", "/", "127.0.0.1"),
        ("ws://[::1]:5700/a//b/../c;p=%zz?x=a+b%2bc&&=", "/a//b/../c;p=%zz?x=a+b%2bc&&=", "[::1]:5700"),
        ("wss://h/%e4%BD%a0?q=%E5%a5%bd#fragment", "/%e4%BD%a0?q=%E5%a5%bd", "h"),
    ],
)
def test_path_and_query_go_out_byte_for_byte(address: str, target: str, host: str) -> None:
    dial = Dial(url(address))
    assert dial.request.startswith(f"GET {target} HTTP/1.1\r\n".encode())
    request, _ = serve(dial.request)
    assert (request.path, request.headers["Host"]) == (target, host)


def test_request_has_what_the_specification_asks_for_and_no_more() -> None:
    request, _ = serve(Dial(url()).request)
    assert list(request.headers.raw_items())[1:3] == [("Upgrade", "websocket"), ("Connection", "Upgrade")]
    assert set(request.headers) == {"host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"}
    assert request.headers["Sec-WebSocket-Version"] == "13"
    assert len(base64.b64decode(request.headers["Sec-WebSocket-Key"], validate=True)) == 16


def test_every_request_has_its_own_key() -> None:
    assert len({Dial(url()).request for _ in range(5)}) == 5


def test_request_offers_exactly_the_subprotocols_and_no_extension() -> None:
    request, _ = serve(Dial(url(), subprotocols=("binary",)).request)
    assert request.headers.get_all("Sec-WebSocket-Protocol") == ["binary"]
    assert "Sec-WebSocket-Extensions" not in request.headers
    request, _ = serve(Dial(url(), subprotocols=("binary", "plain.kubevirt.io")).request)
    assert request.headers.get_all("Sec-WebSocket-Protocol") == ["binary, plain.kubevirt.io"]


def test_request_carries_origin_headers_and_cookies() -> None:
    dial = Dial(
        url(),
        origin="https://g.alicdn.com",
        headers={"Authorization": "Bearer x", "user-agent": "probe/1", "host": "other.example"},
        cookies={"token": "a", "PVEAuthCookie": "PVE:root@pam:4EEC61E2::rsKoA=="},
    )
    request, _ = serve(dial.request)
    assert request.headers["Origin"] == "https://g.alicdn.com"
    assert request.headers["Authorization"] == "Bearer x"
    assert request.headers["User-Agent"] == "probe/1"
    assert request.headers.get_all("Host") == ["other.example"]
    assert request.headers.get_all("Cookie") == ["token=a; PVEAuthCookie=PVE:root@pam:4EEC61E2::rsKoA=="]


def test_cookies_join_a_cookie_header() -> None:
    request, _ = serve(Dial(url(), headers={"Cookie": "a=1"}, cookies={"b": "2"}).request)
    assert request.headers.get_all("Cookie") == ["a=1; b=2"]


def test_user_and_password_of_the_address_become_basic_authorization() -> None:
    request, _ = serve(Dial(url("wss://u%40:p%3A%40@h/")).request)
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"u@:p:@"
    assert request.headers["Host"] == "h"


@pytest.mark.parametrize(
    "address",
    [
        "https://h/",
        "//h/",
        "wss:///x",
        f"wss://h/{SECRET} x",
        f"wss://h/?{SECRET} x",
        f"wss://h/?{SECRET}\x7f",
        f"wss://h/{SECRET}ä",
        f"wss://hä/{SECRET}",
        f"wss://u%3Ax:{SECRET}@h/",
    ],
)
def test_address_that_cannot_be_sent_as_it_is_is_refused(address: str) -> None:
    with pytest.raises(BadAddress) as raised:
        Dial(url(address))
    assert SECRET not in f"{raised.value!r} {raised.value}"


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X": f"{SECRET}\r\nY: z"}},
        {"headers": {"X": f"{SECRET}\n"}},
        {"headers": {"X": f"{SECRET}\0"}},
        {"headers": {"X": f"{SECRET}你"}},
        {"headers": {f"X: {SECRET}\r\nY": "z"}},
        {"headers": {"": "z"}},
        {"headers": {"sec-websocket-extensions": "permessage-deflate"}},
        {"headers": {"Connection": "close"}},
        {"cookies": {"token": f"{SECRET};x=y"}},
        {"cookies": {"token": f"{SECRET}\r\n"}},
        {"cookies": {"to=ken": SECRET}},
        {"origin": f"https://{SECRET}\r\nX: y"},
    ],
    ids=repr,
)
def test_header_that_would_break_the_request_is_refused(options: dict) -> None:
    with pytest.raises(BadAddress) as raised:
        Dial(url(), **options)
    assert SECRET not in f"{raised.value!r} {raised.value}"


# Which answers are taken.


@pytest.mark.parametrize("cut", [whole, byte_by_byte, lambda stream: in_chunks(stream, [7, 1, 100])])
@pytest.mark.parametrize("trailing", [b"", b"\x82\x0cRFB 003.008\n", b"\r\n\r\n"])
@pytest.mark.parametrize("chosen", [None, "binary"])
def test_acceptance_by_the_library_is_taken(cut: Callable, trailing: bytes, chosen: str | None) -> None:
    dial = Dial(url(), subprotocols=("binary",))
    _, response = serve(dial.request, subprotocols=chosen and [chosen])
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


def test_nothing_of_the_target_shows() -> None:
    dial = Dial(url(), headers={"X": SECRET}, cookies={"c": SECRET})
    assert SECRET.encode() in dial.request
    assert SECRET not in f"{dial!r} {dial}"


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
