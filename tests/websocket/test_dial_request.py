"""The request to an upstream (RFC 6455 §4.1, clouds.md §3): what is asked, byte for byte."""

import base64

import pytest
from support.websocket import library_answers
from yarl import URL

from gateway.errors import BadAddress
from gateway.websocket.handshake import Dial

SECRET = "t0k3n-Secr3t"
ADDRESS = f"wss://proxy.example:8443/websockify/?s={SECRET}%2FIA%2BYc"


def url(text: str = ADDRESS) -> URL:
    return URL(text, encoded=True)


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
    request, _ = library_answers(dial.request)
    assert (request.path, request.headers["Host"]) == (target, host)


def test_request_has_what_the_specification_asks_for_and_no_more() -> None:
    request, _ = library_answers(Dial(url()).request)
    assert list(request.headers.raw_items())[1:3] == [("Upgrade", "websocket"), ("Connection", "Upgrade")]
    assert set(request.headers) == {"host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"}
    assert request.headers["Sec-WebSocket-Version"] == "13"
    assert len(base64.b64decode(request.headers["Sec-WebSocket-Key"], validate=True)) == 16


def test_every_request_has_its_own_key() -> None:
    assert len({Dial(url()).request for _ in range(5)}) == 5


def test_request_offers_exactly_the_subprotocols_and_no_extension() -> None:
    request, _ = library_answers(Dial(url(), subprotocols=("binary",)).request)
    assert request.headers.get_all("Sec-WebSocket-Protocol") == ["binary"]
    assert "Sec-WebSocket-Extensions" not in request.headers
    request, _ = library_answers(Dial(url(), subprotocols=("binary", "plain.kubevirt.io")).request)
    assert request.headers.get_all("Sec-WebSocket-Protocol") == ["binary, plain.kubevirt.io"]


def test_request_carries_origin_headers_and_cookies() -> None:
    dial = Dial(
        url(),
        origin="https://g.alicdn.com",
        headers={"Authorization": "Bearer x", "user-agent": "probe/1", "host": "other.example"},
        cookies={"token": "a", "PVEAuthCookie": "PVE:root@pam:4EEC61E2::rsKoA=="},
    )
    request, _ = library_answers(dial.request)
    assert request.headers["Origin"] == "https://g.alicdn.com"
    assert request.headers["Authorization"] == "Bearer x"
    assert request.headers["User-Agent"] == "probe/1"
    assert request.headers.get_all("Host") == ["other.example"]
    assert request.headers.get_all("Cookie") == ["token=a; PVEAuthCookie=PVE:root@pam:4EEC61E2::rsKoA=="]


def test_cookies_join_a_cookie_header() -> None:
    request, _ = library_answers(Dial(url(), headers={"Cookie": "a=1"}, cookies={"b": "2"}).request)
    assert request.headers.get_all("Cookie") == ["a=1; b=2"]


def test_user_and_password_of_the_address_become_basic_authorization() -> None:
    request, _ = library_answers(Dial(url("wss://u%40:p%3A%40@h/")).request)
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"u@:p:@"
    assert request.headers["Host"] == "h"


def test_user_without_password_has_an_empty_one() -> None:
    request, _ = library_answers(Dial(url("wss://u@h/")).request)
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"u:"


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


def test_nothing_of_the_target_shows() -> None:
    dial = Dial(url(), headers={"X": SECRET}, cookies={"c": SECRET})
    assert SECRET.encode() in dial.request
    assert SECRET not in f"{dial!r} {dial}"
