"""A client's messages made to measure, and a ClientStream to feed them to."""

import struct

from gateway.rfb.client_messages import CUT_TEXT_MAX
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.memory import Capability, Memory
from gateway.rfb.messages import (
    extended_pointer_event,
    framebuffer_update_request,
    key_event,
    pointer_event,
    set_encodings,
    set_pixel_format,
)
from gateway.rfb.policy import Policy
from support.rfb_streams import RGB565, server_init
from support.server_messages import PROVIDE, extended_cut_text, fence

EVERYTHING = frozenset(Capability)


def qemu_key(down: int, keysym: int, keycode: int) -> bytes:
    return struct.pack(">BBHII", 255, 0, down, keysym, keycode)


def cut_text(text: bytes) -> bytes:
    return struct.pack(">Bxxxi", 6, len(text)) + text


def set_desktop_size(screens: int) -> bytes:
    return struct.pack(">BxHHBx", 251, 800, 600, screens) + bytes(16 * screens)


def enable_continuous_updates(enabled: int) -> bytes:
    return struct.pack(">BBHHHH", 150, enabled, 0, 0, 640, 480)


XVP = bytes([250, 0, 1, 2])
AUDIO_ON, AUDIO_OFF = bytes([255, 1, 0, 0]), bytes([255, 1, 0, 1])
AUDIO_FORMAT = bytes([255, 1, 0, 2, 3, 2]) + struct.pack(">I", 44100)
EXTENDED_PROVIDE = extended_cut_text(PROVIDE | 1, b"zipped", kind=6)

MESSAGES = {
    "set_pixel_format": set_pixel_format(RGB565.wire),
    "set_encodings": set_encodings([7, 16, 0, -223]),
    "set_encodings, none": set_encodings([]),
    "update request": framebuffer_update_request(0, 0, 640, 480, incremental=True),
    "key": key_event(0xFF0D, down=True),
    "pointer": pointer_event(1, 10, 20),
    "extended pointer": extended_pointer_event(0x101, 10, 20),
    "cut text": cut_text(b"hello"),
    "cut text, empty": cut_text(b""),
    "cut text, large": cut_text(b"x" * CUT_TEXT_MAX),
    "extended cut text": EXTENDED_PROVIDE,
    "enable continuous updates": enable_continuous_updates(1),
    "fence": fence(3, b"payload"),
    "fence, full": fence(0x80000000, bytes(64)),
    "xvp": XVP,
    "set desktop size": set_desktop_size(1),
    "set desktop size, many": set_desktop_size(255),
    "qemu key": qemu_key(1, 0x61, 30),
    "audio on": AUDIO_ON,
    "audio off": AUDIO_OFF,
    "audio format": AUDIO_FORMAT,
}
"""Every message, by name."""


def session(offered: frozenset[Capability] = EVERYTHING, policy: Policy | None = None) -> ClientStream:
    memory = Memory(server_init())
    for capability in offered:
        memory.offer(capability)
    return ClientStream(memory, policy or Policy(power=True))


def receive(client: ClientStream, data: bytes, chunk: int | None = None) -> bytes:
    out: list[memoryview | bytes] = []
    for at in range(0, len(data), chunk or len(data)):
        client.receive(data[at : at + (chunk or len(data))], out)
    return b"".join(out)
