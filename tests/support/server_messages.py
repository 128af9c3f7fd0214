"""A server's messages beside FramebufferUpdate, made to measure from the layouts of RFC 6143 and rfbproto."""

import struct

from support.rfb_streams import Wire


def colour_map(wire: Wire) -> bytes:
    count = wire.dice.choice([0, 1, 256])
    return struct.pack(">BxHH", 1, 0, count) + wire.some(6 * count)


def cut_text(text: bytes) -> bytes:
    return struct.pack(">Bxxxi", 3, len(text)) + text


def extended_cut_text(flags: int, data: bytes = b"", *, kind: int = 3) -> bytes:
    return struct.pack(">BxxxiI", kind, -(4 + len(data)), flags) + data


def fence(flags: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxIB", 248, flags, len(payload)) + payload


def audio_data(data: bytes) -> bytes:
    return struct.pack(">BBHI", 255, 1, 2, len(data)) + data


CAPS, REQUEST, PEEK, NOTIFY, PROVIDE = (1 << bit for bit in range(24, 29))

MESSAGES = {
    "bell": lambda wire: b"\2",
    "cut_text": lambda wire: cut_text(wire.some(wire.dice.choice([0, 1, 70, 5000]))),
    "extended caps": lambda wire: extended_cut_text(CAPS | 1, wire.some(4)),
    "extended provide": lambda wire: extended_cut_text(PROVIDE | 1, wire.some(wire.dice.choice([0, 900]))),
    "end of continuous updates": lambda wire: b"\x96",
    "fence request": lambda wire: fence(0x80000003, wire.some(wire.dice.choice([0, 8, 64]))),
    "fence answer": lambda wire: fence(3, wire.some(8)),
    "xvp init": lambda wire: bytes([250, 0, 1, 1]),
    "xvp fail": lambda wire: bytes([250, 0, 1, 0]),
    "audio begin": lambda wire: bytes([255, 1, 0, 1]),
    "audio end": lambda wire: bytes([255, 1, 0, 0]),
    "audio data": lambda wire: audio_data(wire.some(wire.dice.choice([0, 4000]))),
}
"""Every other message that passes unchanged, by name; SetColourMapEntries depends on the client's format."""
