"""The table of everything that is fuzzed, with inputs to begin from: a fuzzer finds more from what is nearly right."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from websockets.frames import Close

from support import client_session
from support.fuzz import addresses, handshakes, peers, streams, tokens
from support.rfb_streams import RECTANGLES, RGB888, Wire, add_update, server_init
from support.server_messages import MESSAGES
from support.websocket import BINARY, CLOSE, CONT, MASK, PING, raw_frame


@dataclass(frozen=True, slots=True)
class Target:
    """`run` raises if anything is wrong. `seeds` are whole inputs, decisions included."""

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]


def _frames() -> list[bytes]:
    def said(mask: bytes | None) -> bytes:
        whole = raw_frame(BINARY, b"RFB 003.008\n", mask=mask) + raw_frame(PING, b"hi", mask=mask)
        parts = raw_frame(BINARY, b"a" * 130, mask=mask, fin=False) + raw_frame(CONT, b"b", mask=mask)
        return whole + parts + raw_frame(CLOSE, Close(1000, "").serialize(), mask=mask)

    return [bytes((1, 5)) + said(MASK), bytes((0, 5)) + said(None)]


def _server() -> list[bytes]:
    seeds = []
    for name in RECTANGLES:
        wire = Wire(RGB888, 3)
        add_update(wire, [name, "copy_rect"], last_rect=True)
        if len(wire.data) < 2000:
            seeds.append(bytes((0, 13, 5)) + bytes(wire.data))
    wire = Wire(RGB888, 4)
    seeds += [bytes((0, 13, 5)) + make(wire) for make in MESSAGES.values()]
    return [seed for seed in seeds if len(seed) < 2000]


def _client() -> list[bytes]:
    short = [message for message in client_session.MESSAGES.values() if len(message) < 1000]
    return [bytes((policy, 255, 5)) + b"".join(short) for policy in (0, 1, 15)]


def _talk() -> list[bytes]:
    """Each message of the server's, and an answer to it of the browser's."""

    def said(message: bytes, *, server: bool) -> bytes:
        return bytes((len(message) << 1 | server,)) + message

    mouse = struct.pack(">BxH4Hi", 0, 1, 0, 0, 0, 0, -316)
    heard = [make(Wire(RGB888, 5)) for make in MESSAGES.values()] + [mouse]
    answers = list(client_session.MESSAGES.values())
    talk = b"".join(said(message, server=True) for message in heard if len(message) < 128)
    talk += b"".join(said(message, server=False) for message in answers if len(message) < 128)
    return [bytes((policy,)) + talk for policy in (0, 15)]


def _splices() -> list[bytes]:
    """Setup, a picture half sent, a loss, input meanwhile, another server, its first update."""

    def part(act: int, data: bytes) -> bytes:
        return bytes((act, len(data))) + data

    setup = b"".join(client_session.MESSAGES[name] for name in ("set_encodings", "update request", "key", "pointer"))
    wire = Wire(RGB888, 6)
    add_update(wire, ["copy_rect", "tight"])
    first, second = bytes(wire.data)[:200], struct.pack(">BxH4Hi", 0, 1, 0, 0, 1, 1, 0) + bytes(4)
    mouse = struct.pack(">BxH4Hi", 0, 1, 0, 0, 0, 0, -316)
    story = part(0, setup) + part(1, mouse + first) + b"\3\1" + part(0, client_session.MESSAGES["key"])
    story += b"\1\0\x20\x20" + part(1, second) + part(0, client_session.MESSAGES["fence"])
    return [bytes((policy,)) + story for policy in (0, 15)]


def _handshake(security: bytes) -> bytes:
    return bytes((1, 5)) + b"RFB 003.008\n" + security + server_init()


ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
ANSWER += b"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: binary\r\n\r\n\x82\x0cRFB 003.008\n"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n"
UPGRADE = b"Host:a\nUpgrade:websocket\nConnection:Upgrade\nSec-WebSocket-Key:dGhlIHNhbXBsZSBub25jZQ==\n"
UPGRADE += b"Sec-WebSocket-Version:13\nSec-WebSocket-Protocol:binary"
ADDRESSES = (
    b"\0wss%3A%2F%2Fvnc.cloud.example%2Fwebsockify%2F%3Fs%3DDvh%252FIA%252BYc",
    b"\1wss://h.example:8443/a/b?token=1#fragment",
    b"\2https://h.example:8002/vnc/region/vnc_auto.html?token=1-2&path=a%3Ftoken%3D2",
    b"\3tcp://[2001:db8::5]:5901",
    b"\3ws://user@h.example/",
)

PROXY_V1 = b"PROXY TCP4 198.51.100.7 10.0.0.2 56324 443\r\nGET"
PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes((198, 51, 100, 7, 10, 0, 0, 2, 220, 4, 1, 187)) + b"\x16"
FORWARDED = b'for="[2001:db8::5]:99";host="a.example", for=_hidden;by=10.0.0.3'

TARGETS = {
    "frames": Target(streams.frames, _frames()),
    "server_stream": Target(streams.server_stream, _server()),
    "client_stream": Target(streams.client_stream, _client()),
    "conversation": Target(streams.conversation, _talk()),
    "splices": Target(streams.splices, _splices()),
    "browser_handshake": Target(handshakes.browser_handshake, [b"\5RFB 003.008\n\1\1more", b"\0RFB 003.003\n\0"]),
    "upstream_handshake": Target(
        handshakes.upstream_handshake,
        [_handshake(b"\1\1" + bytes(4)), _handshake(b"\1\2" + bytes(16) + bytes(4)), _handshake(b"\0\0\0\0\2no")],
    ),
    "dial_answer": Target(handshakes.dial_answer, [b"\5" + ANSWER, b"\5" + REDIRECT]),
    "upgrade": Target(handshakes.upgrade, [b"\0" + UPGRADE]),
    "derivation": Target(addresses.derivation, ADDRESSES),
    "allow_list": Target(addresses.allow_list, [b"vm.cloud.example", b"169.254.169.254", b"[::ffff:10.0.0.5]"]),
    "proxy_protocol": Target(peers.proxy_protocol, [PROXY_V1, b"PROXY UNKNOWN\r\n", PROXY_V2]),
    "forwarded": Target(peers.forwarded, [b"\1\1" + FORWARDED, b"\0\0" + b"10.0.0.9, 192.0.2.1\nunknown"]),
    "jwt": Target(tokens.jwt, [b"\0", b"\0\0\x20x\1", b'\1{"alg":"none"}\n{"sub":"ana"}', b'\1{"alg":["ES256"]}\n[]']),
    "resume_token": Target(tokens.resume_token, [b"\1", b"\1\0\7x\1", b"\0\0\0a\0"]),
}
