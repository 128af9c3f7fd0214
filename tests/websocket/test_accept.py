"""The answer to a browser's upgrade request (RFC 6455 §4.2), with the `websockets` library as the browser."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from gateway.websocket.frames import Opcode as Ours
from gateway.websocket.frames import close_payload, control, header
from gateway.websocket.handshake import Answer, accept
from gateway.websocket.scanner import Control, Scanner

# The example of RFC 6455 §1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

GOOD = {
    "Host": "gateway.example",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def ask(*more: tuple[str, str], without: str = "", method: str = "GET", version: tuple[int, int] = (1, 1)) -> Answer:
    """Send the good request, with a header left out and others added or put in its place."""
    replaced = {without, *(name for name, _ in more)}
    kept = [(name, value) for name, value in GOOD.items() if name not in replaced]
    return accept(method, [*kept, *more], version=version)


def browser(**options) -> ClientProtocol:
    return ClientProtocol(parse_uri("ws://gateway.example/ws/lab/1?ticket=x"), **options)


def open_with(client: ClientProtocol) -> Answer:
    """Carry a request of the library's client to `accept` and the answer back."""
    request = client.connect()
    client.send_request(request)
    client.data_to_send()
    answer = accept("GET", request.headers.raw_items())
    response = Response(answer.status, "Answer", Headers(answer.headers))
    client.receive_data(response.serialize())
    if answer.status != 101:
        client.receive_eof()
    return answer


# Accepted.


def test_example_of_the_specification_is_accepted() -> None:
    assert ask() == Answer(
        101, {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": ACCEPT}, subprotocol=None
    )


@pytest.mark.parametrize(
    "headers",
    [
        [("Upgrade", "WebSocket")],
        [("Connection", "keep-alive, Upgrade")],
        [("Connection", "keep-alive"), ("Connection", "upgrade")],
        [("Origin", "https://bastion.example")],
        [("Cookie", "\udcff"), ("X-Odd", "ä\x01\r\n")],
    ],
    ids=repr,
)
def test_what_browsers_and_proxies_make_of_it_is_accepted(headers: list[tuple[str, str]]) -> None:
    assert ask(*headers).status == 101


def test_names_of_headers_have_no_case() -> None:
    assert accept("GET", [(name.upper(), value) for name, value in GOOD.items()]).status == 101


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(None, None), (["binary"], "binary"), (["binary", "base64"], "binary"), (["base64", "binary"], "binary")],
)
def test_binary_is_chosen_where_offered(offered: list[str] | None, chosen: str | None) -> None:
    client = browser(subprotocols=offered)
    answer = open_with(client)
    assert client.state is State.OPEN
    assert (answer.subprotocol, client.subprotocol) == (chosen, chosen)
    assert answer.headers.get("Sec-WebSocket-Protocol") == chosen


def test_subprotocols_may_come_in_several_headers() -> None:
    answer = ask(("Sec-WebSocket-Protocol", "base64"), ("Sec-WebSocket-Protocol", "binary"))
    assert (answer.status, answer.subprotocol) == (101, "binary")


def test_extensions_are_never_accepted() -> None:
    client = browser(extensions=[ClientPerMessageDeflateFactory()])
    answer = open_with(client)
    assert client.state is State.OPEN
    assert client.extensions == []
    assert "Sec-WebSocket-Extensions" not in answer.headers


def test_an_extension_that_cannot_be_read_is_none_of_our_business() -> None:
    assert ask(("Sec-WebSocket-Extensions", "=;;,")).status == 101


# Refused.


@pytest.mark.parametrize("offered", ["base64", "chat", "Binary", "base64, chat"])
def test_only_other_subprotocols_are_refused(offered: str) -> None:
    assert ask(("Sec-WebSocket-Protocol", offered)).status == 400


@pytest.mark.parametrize(
    "answer",
    [
        accept("GET", []),
        ask(without="Upgrade"),
        ask(without="Connection"),
        ask(("Upgrade", "h2c")),
        ask(("Upgrade", "websocket, h2c")),
        ask(("Connection", "keep-alive")),
        ask(method="POST"),
        ask(method="HEAD"),
        ask(version=(1, 0)),
    ],
)
def test_what_is_no_upgrade_is_told_what_is_spoken_here(answer: Answer) -> None:
    """RFC 9110 §7.8 and §15.5.22: 426 with Upgrade, and Connection to go with it."""
    assert answer.status == 426
    assert answer.headers == {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    assert answer.reason


@pytest.mark.parametrize(
    "headers",
    [
        [("Sec-WebSocket-Key", "")],
        [("Sec-WebSocket-Key", "short")],
        [("Sec-WebSocket-Key", "AAAA")],
        [("Sec-WebSocket-Key", KEY + "AAAA")],
        [("Sec-WebSocket-Key", "!" + KEY[1:])],
        [("Sec-WebSocket-Key", "\udcff" * 24)],
        [("Sec-WebSocket-Key", "ä" * 24)],
        [("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Key", KEY)],
        [("Sec-WebSocket-Version", "8")],
        [("Sec-WebSocket-Version", "13, 8")],
        [("Sec-WebSocket-Version", "013")],
        [("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Version", "13")],
        [("Sec-WebSocket-Protocol", "")],
        [("Sec-WebSocket-Protocol", "bi nary")],
        [("Connection", "@")],
        [("Upgrade", "\x01")],
        [("Origin", "https://a"), ("Origin", "https://b")],
    ],
    ids=ascii,
)
def test_malformed_upgrade_is_refused(headers: list[tuple[str, str]]) -> None:
    answer = ask(*headers)
    assert answer.status == 400
    assert answer.headers["Sec-WebSocket-Version"] == "13"  # §4.4
    assert answer.reason.isascii()


@pytest.mark.parametrize("missing", ["Sec-WebSocket-Key", "Sec-WebSocket-Version"])
def test_upgrade_without_key_or_version_is_refused(missing: str) -> None:
    assert ask(without=missing).status == 400


def test_refusal_reaches_the_library_as_a_status() -> None:
    client = browser(subprotocols=["base64"])
    assert open_with(client).status == 400
    assert client.state is not State.OPEN
    assert "400" in str(client.handshake_exc)


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted({*GOOD, "Origin", "Sec-WebSocket-Protocol", "X"})), st.text(max_size=20)),
        max_size=6,
    )
)
@settings(max_examples=300, deadline=None)
def test_any_headers_get_an_answer(headers: list[tuple[str, str]]) -> None:
    assert ask(*headers).status in (101, 400, 426)


# After it: frames in both directions, with the library's client at the other end.


def test_library_and_scanner_understand_each_other_after_the_handshake() -> None:
    client = browser(subprotocols=["binary"])
    open_with(client)
    scanner, out = Scanner(from_browser=True, max_payload=1 << 20), []

    client.send_binary(b"RFB 003.008\n")
    client.send_ping(b"?")
    client.send_binary(b"frag", fin=False)
    client.send_continuation(b"ment" * 500, fin=True)
    for data in client.data_to_send():
        scanner.receive(memoryview(data), out)
    assert b"".join(out) == b"RFB 003.008\nfrag" + b"ment" * 500
    assert scanner.controls == [Control(Ours.PING, b"?")]

    client.receive_data(header(Ours.BINARY, 70_000) + bytes(70_000) + control(Ours.PONG, b"?"))
    assert client.events_received()[1:] == [
        Frame(Opcode.BINARY, bytearray(70_000)),
        Frame(Opcode.PONG, bytearray(b"?")),
    ]
    client.receive_data(control(Ours.CLOSE, close_payload(4502, "upstream_lost")))
    assert client.close_rcvd is not None
    assert (client.close_rcvd.code, client.close_rcvd.reason) == (4502, "upstream_lost")
    for data in client.data_to_send():
        scanner.receive(memoryview(data), out)
    assert scanner.controls[1] == Control(Ours.CLOSE, close_payload(4502, "upstream_lost"), 4502, "upstream_lost")
    assert scanner.closed
