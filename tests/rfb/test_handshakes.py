"""Both opening handshakes (rfb.md §4, RFC 6143 §7.1 to §7.3): versions, security types, failures, limits."""

import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rfb_streams import server_init

from gateway.errors import (
    GatewayError,
    NotUnderstood,
    ProtocolViolation,
    UpstreamAuth,
    UpstreamError,
    UpstreamUnreachable,
)
from gateway.rfb.browser_handshake import BrowserHandshake
from gateway.rfb.handshake import Handshake
from gateway.rfb.server_init import NAME_MAX
from gateway.rfb.upstream_handshake import REASON_MAX, UpstreamHandshake
from gateway.rfb.versions import Version, spoken
from gateway.rfb.vnc_auth import response

INIT = server_init()
CHALLENGE = bytes(range(16))
OK, FAILED, TOO_MANY = (struct.pack(">I", result) for result in (0, 1, 2))


def reason(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


def converse(side: Handshake, script: list[tuple[bytes, bytes]], chunk: int | None = None) -> None:
    """Each step of the script: what the peer sends, and what must be answered."""
    for sent, expected in script:
        answered = b""
        for at in range(0, len(sent), chunk or len(sent)):
            answered += side.receive(sent[at : at + (chunk or len(sent))])
        assert answered == expected


# ProtocolVersion


@pytest.mark.parametrize(
    ("message", "version"),
    [
        (b"RFB 003.003\n", Version.V3_3),
        (b"RFB 003.005\n", Version.V3_3),
        (b"RFB 003.006\n", Version.V3_3),
        (b"RFB 003.007\n", Version.V3_7),
        (b"RFB 003.008\n", Version.V3_8),
        (b"RFB 003.889\n", Version.V3_8),
        (b"RFB 004.000\n", Version.V3_8),
        (b"RFB 004.001\n", Version.V3_8),
        (b"RFB 005.000\n", Version.V3_8),
        (b"RFB 003.002\n", None),
        (b"RFB 000.000\n", None),
        (b"RFB 003.008\r", None),
        (b"RFB 003,008\n", None),
        (b"RFB 3.8    \n", None),
    ],
)
def test_versions_of_the_field_are_mapped_to_the_three_that_are_spoken(message: bytes, version: Version | None) -> None:
    assert spoken(message) is version


# The browser's side


@pytest.mark.parametrize("chunk", [1, None])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    "script",
    [
        [(b"RFB 003.008\n", b"\1\1"), (b"\1", OK)],
        [(b"RFB 003.007\n", b"\1\1"), (b"\1", b"")],
        [(b"RFB 003.003\n", b"\0\0\0\1")],
    ],
    ids=["3.8", "3.7", "3.3"],
)
def test_a_browser_is_let_in_without_security(
    script: list[tuple[bytes, bytes]], shared: bool, chunk: int | None
) -> None:
    side = BrowserHandshake()
    assert side.greeting() == b"RFB 003.008\n"
    converse(side, script, chunk)
    assert not side.done
    converse(side, [(bytes([shared]), b"")], chunk)
    assert side.done
    assert side.shared is shared
    assert side.leftover == b""


def test_what_a_browser_sends_ahead_is_answered_and_kept() -> None:
    side = BrowserHandshake()
    assert side.receive(b"RFB 003.008\n\1\1early") == b"\1\1" + OK
    assert side.done
    assert side.receive(b" bird") == b""
    assert side.leftover == b"early bird"


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n", b"RFB x", b"RFB 002.000\n", b"\xff" * 12])
def test_a_browser_that_does_not_speak_rfb_is_refused(sent: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        BrowserHandshake().receive(sent)


def test_a_browser_may_not_choose_what_was_not_offered() -> None:
    side = BrowserHandshake()
    side.receive(b"RFB 003.008\n")
    with pytest.raises(ProtocolViolation):
        side.receive(b"\2")


# The upstream's side


def finish(side: UpstreamHandshake, script: list[tuple[bytes, bytes]], chunk: int | None = None) -> None:
    converse(side, script, chunk)
    assert not side.done
    converse(side, [(INIT + b"more", b"")], chunk)
    assert side.done
    assert side.server_init == INIT
    assert side.leftover == b"more"


@pytest.mark.parametrize("chunk", [1, None])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    ("greeting", "answer", "no_security"),
    [
        (b"RFB 003.003\n", b"RFB 003.003\n", [(b"\0\0\0\1", b"?")]),
        (b"RFB 003.006\n", b"RFB 003.003\n", [(b"\0\0\0\1", b"?")]),
        (b"RFB 003.007\n", b"RFB 003.007\n", [(b"\2\2\1", b"\1?")]),
        (b"RFB 003.008\n", b"RFB 003.008\n", [(b"\1\1", b"\1"), (OK, b"?")]),
        (b"RFB 003.889\n", b"RFB 003.008\n", [(b"\3\x1e\1\2", b"\1"), (OK, b"?")]),
        (b"RFB 005.000\n", b"RFB 003.008\n", [(b"\1\1", b"\1"), (OK, b"?")]),
    ],
)
def test_security_none_in_every_version(
    greeting: bytes, answer: bytes, no_security: list[tuple[bytes, bytes]], shared: bool, chunk: int | None
) -> None:
    script = [(sent, expected.replace(b"?", bytes([shared]))) for sent, expected in no_security]
    finish(UpstreamHandshake(password=None, shared=shared), [(greeting, answer), *script], chunk)


@pytest.mark.parametrize("chunk", [1, None])
@pytest.mark.parametrize(
    ("greeting", "choice"),
    [
        (b"RFB 003.003\n", (b"\0\0\0\2", b"")),
        (b"RFB 003.007\n", (b"\2\x10\2", b"\2")),
        (b"RFB 003.008\n", (b"\1\2", b"\2")),
    ],
)
def test_vnc_authentication_in_every_version(greeting: bytes, choice: tuple[bytes, bytes], chunk: int | None) -> None:
    side = UpstreamHandshake(password="secret", shared=True)
    script = [(greeting, greeting), choice, (CHALLENGE, response("secret", CHALLENGE)), (OK, b"\1")]
    finish(side, script, chunk)


def test_none_is_preferred_to_a_password() -> None:
    side = UpstreamHandshake(password="secret", shared=True)
    converse(side, [(b"RFB 003.008\n", b"RFB 003.008\n"), (b"\2\2\1", b"\1")])


def refusal(script: list[bytes], password: str | None = "secret") -> UpstreamError:
    """The error that the script ends in, whether it comes in one go or byte by byte."""
    errors = []
    for chunk in (1, 10_000):
        side = UpstreamHandshake(password=password, shared=True)
        with pytest.raises(GatewayError) as raised:
            for sent in script:
                for at in range(0, len(sent), chunk):
                    side.receive(sent[at : at + chunk])
        errors.append(raised.value)
    assert type(errors[0]) is type(errors[1])
    assert isinstance(errors[1], UpstreamError)
    return errors[1]


@pytest.mark.parametrize(
    ("script", "error", "text"),
    [
        ([b"RFB 003.008\n", b"\1\2", CHALLENGE, FAILED + reason(b"wrong password")], UpstreamAuth, "wrong password"),
        ([b"RFB 003.008\n", b"\1\2", CHALLENGE, TOO_MANY + reason(b"later")], UpstreamAuth, "later"),
        ([b"RFB 003.008\n", b"\1\1", FAILED + reason(b"no")], UpstreamAuth, "no"),
        ([b"RFB 003.007\n", b"\1\2", CHALLENGE, FAILED], UpstreamAuth, "failed"),
        ([b"RFB 003.003\n", b"\0\0\0\2", CHALLENGE, FAILED], UpstreamAuth, "failed"),
        ([b"RFB 003.003\n", b"\0\0\0\2", CHALLENGE, TOO_MANY], UpstreamAuth, "failed"),
        ([b"RFB 003.008\n", b"\1\2", CHALLENGE, struct.pack(">I", 7)], NotUnderstood, "7"),
        ([b"RFB 003.008\n", b"\3\x10\x13\x05"], UpstreamAuth, r"\[16, 19, 5\]"),
        ([b"RFB 003.003\n", b"\0\0\0\x10"], UpstreamAuth, r"\[16\]"),
        ([b"RFB 003.008\n", b"\0" + reason(b"Too many security failures")], UpstreamUnreachable, "Too many"),
        ([b"RFB 003.007\n", b"\0" + reason(b"busy")], UpstreamUnreachable, "busy"),
        ([b"RFB 003.003\n", b"\0\0\0\0" + reason(b"busy")], UpstreamUnreachable, "busy"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], NotUnderstood, "RFB"),
        ([b"SSH-2.0-OpenSSH_9\r\n"], NotUnderstood, "RFB"),
        ([b"RFB 000.000\n"], NotUnderstood, "version"),
        ([b"\0" * 100], NotUnderstood, "RFB"),
    ],
)
def test_a_failing_handshake_ends_with_its_own_error(
    script: list[bytes], error: type[UpstreamError], text: str
) -> None:
    raised = refusal(script)
    assert type(raised) is error
    assert re.search(text, str(raised))


def test_a_password_that_is_asked_for_and_not_there_is_an_authentication_error() -> None:
    assert type(refusal([b"RFB 003.008\n", b"\1\2"], password=None)) is UpstreamAuth
    assert type(refusal([b"RFB 003.003\n", b"\0\0\0\2"], password=None)) is UpstreamAuth


def test_a_reason_without_end_is_not_waited_for() -> None:
    endless = b"\0" + struct.pack(">I", 2**32 - 1) + b"x" * REASON_MAX
    assert len(str(refusal([b"RFB 003.008\n", endless]))) < REASON_MAX + 100


def test_a_reason_puts_no_control_characters_into_logs() -> None:
    raised = refusal([b"RFB 003.008\n", b"\0" + reason(b"bad\r\n\x1b[31m\xff news")])
    assert str(raised).isprintable()


def test_an_end_of_the_connection_means_what_was_known_by_then() -> None:
    side = UpstreamHandshake(password="secret", shared=True)
    assert type(side.ended()) is UpstreamUnreachable
    converse(side, [(b"RFB 003.008\n", b"RFB 003.008\n"), (b"\1\2", b"\2")])
    side.receive(CHALLENGE)
    assert type(side.ended()) is UpstreamUnreachable
    side.receive(FAILED)
    assert type(side.ended()) is UpstreamAuth


@pytest.mark.parametrize("length", [0, 1, NAME_MAX])
def test_a_name_of_any_length_up_to_the_limit_is_kept(length: int) -> None:
    init = server_init(name=b"n" * length)
    side = UpstreamHandshake(password=None, shared=True)
    converse(side, [(b"RFB 003.003\n", b"RFB 003.003\n"), (b"\0\0\0\1", b"\1"), (init, b"")])
    assert side.server_init == init


@pytest.mark.parametrize(
    "init",
    [
        server_init()[:20] + struct.pack(">I", NAME_MAX + 1),
        server_init()[:4] + b"\x18" + server_init()[5:],  # 24 bits per pixel
    ],
)
def test_an_impossible_server_init_is_not_understood(init: bytes) -> None:
    assert type(refusal([b"RFB 003.003\n", b"\0\0\0\1", init])) is NotUnderstood


# Anything at all


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"RFB 003.003\n", b"RFB 003.008\n", b"\1\1", b"\1\2", b"\1", CHALLENGE, OK, FAILED, INIT]),
)


@given(st.lists(PIECES, max_size=12))
def test_any_bytes_to_either_side_give_answers_or_one_of_our_errors(pieces: list[bytes]) -> None:
    sides: list[tuple[Handshake, type[GatewayError]]] = [
        (BrowserHandshake(), ProtocolViolation),
        (UpstreamHandshake(password="x", shared=True), UpstreamError),
    ]
    for side, error in sides:
        try:
            for piece in pieces:
                assert isinstance(side.receive(piece), bytes)
        except error:
            pass
