"""What is to be known of each kind of client message: what it needs to pass, and what it changes as it does.

Owns the table of rules, and the effects in it: on the session's memory, and sometimes on the message. An effect is
called with a whole message that may pass; it returns the bytes that go to the upstream instead, possibly none, or None
to let the message go as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct

from gateway.errors import ProtocolViolation
from gateway.rfb.encodings import negotiable
from gateway.rfb.memory import Capability, Memory
from gateway.rfb.messages import (
    U16,
    AudioRequest,
    ClientMessage,
    QemuClient,
    key_event,
    pointer_event,
    set_encodings,
)
from gateway.rfb.pixel_format import PixelFormat

Effect = Callable[[Memory, bytes], Sequence[bytes] | None]

_KEY = Struct(">xBxxI")
_QEMU_KEY = Struct(">xxHII")
_POINTER = Struct(">xBHH")
_FENCE = Struct(">xxxxIB")

# An enum's member costs more than all else about a pointer event in CPython 3.11, so those are read once.
_QEMU_KEYS, _EXTENDED_MOUSE = Capability.QEMU_KEY, Capability.EXTENDED_MOUSE


def set_pixel_format(memory: Memory, message: bytes) -> Sequence[bytes] | None:
    """RFC 6143 §7.5.1. Tight is negotiated only while its pixels are clear: it is withdrawn first or offered after."""
    pixel_format = PixelFormat.parse(message[4:])
    if pixel_format is None:
        raise ProtocolViolation(f"pixel format with {message[4]} bits")
    memory.formats.format_asked(pixel_format)
    memory.pixel_format_set = True
    if memory.encodings_asked is None:
        return None
    encodings = negotiable(memory.encodings_asked, pixel_format)
    if encodings == memory.encodings:
        return None
    withdrawn = len(encodings) < len(memory.encodings)
    memory.encodings = encodings
    again = set_encodings(encodings)
    return (again, message) if withdrawn else (message, again)


def rewrite_encodings(memory: Memory, message: bytes) -> Sequence[bytes] | None:
    """RFC 6143 §7.5.2, rewritten to what the gateway can frame."""
    (count,) = U16.unpack_from(message, 2)
    asked: tuple[int, ...] = Struct(f">{count}i").unpack_from(message, 4)
    memory.encodings_asked = asked
    memory.encodings = negotiable(asked, memory.formats.asked)
    return None if memory.encodings == asked else (set_encodings(memory.encodings),)


def update_request(memory: Memory, _message: bytes) -> None:
    """RFC 6143 §7.5.3."""
    memory.formats.update_requested()


def key(memory: Memory, message: bytes) -> None:
    """RFC 6143 §7.5.4."""
    down, keysym = _KEY.unpack(message)
    memory.keyboard.key(keysym, down=bool(down))


def qemu_key(memory: Memory, message: bytes) -> Sequence[bytes] | None:
    """rfbproto, QEMU Extended Key Event; a plain KeyEvent for an upstream that did not offer it."""
    down, keysym, keycode = _QEMU_KEY.unpack(message)
    if _QEMU_KEYS in memory.offered:
        memory.keyboard.qemu_key(keycode, keysym, down=bool(down))
        return None
    if not keysym:
        return ()
    memory.keyboard.key(keysym, down=bool(down))
    return (key_event(keysym, down=bool(down)),)


def pointer(memory: Memory, message: bytes) -> Sequence[bytes] | None:
    """RFC 6143 §7.5.5, and rfbproto, Extended Mouse Buttons; a plain one for an upstream that did not offer them."""
    if len(message) == _POINTER.size or _EXTENDED_MOUSE in memory.offered:
        memory.pointer_event = message
        return None
    memory.pointer_event = pointer_event(*_POINTER.unpack_from(message))
    return (memory.pointer_event,)


def continuous_updates(memory: Memory, message: bytes) -> None:
    """rfbproto, EnableContinuousUpdates."""
    memory.continuous_updates = message
    memory.formats.continuous_updates_set(enabled=message[1] != 0)


def fence(memory: Memory, message: bytes) -> None:
    """rfbproto, ClientFence."""
    flags, length = _FENCE.unpack_from(message)
    memory.fences.from_client(flags, message[len(message) - length :])


def desktop_size(memory: Memory, message: bytes) -> None:
    """rfbproto, SetDesktopSize."""
    memory.desktop_size_asked = message


def audio(memory: Memory, message: bytes) -> None:
    """rfbproto, QEMU Audio client message."""
    (operation,) = U16.unpack_from(message, 2)
    if operation == AudioRequest.SET_FORMAT:
        memory.audio.set_format = message
    else:
        memory.audio.enabled = operation == AudioRequest.ENABLE


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to be known of one kind of message.

    `name`: what it is counted under. `effect`: None if it has none. `human`: only a person sends it. `control`,
    `power`: rights that it needs. `offer`: the capability that the upstream must have announced; QEMU ends the
    connection of a client that does not wait for it.
    """

    name: str
    effect: Effect | None = None
    human: bool = False
    control: bool = False
    power: bool = False
    offer: Capability | None = None


RULES: Mapping[int, Rule] = {
    ClientMessage.SET_PIXEL_FORMAT: Rule("set_pixel_format", set_pixel_format),
    ClientMessage.SET_ENCODINGS: Rule("set_encodings", rewrite_encodings),
    ClientMessage.FRAMEBUFFER_UPDATE_REQUEST: Rule("update_request", update_request),
    ClientMessage.KEY_EVENT: Rule("key", key, human=True, control=True),
    ClientMessage.POINTER_EVENT: Rule("pointer", pointer, human=True, control=True),
    ClientMessage.CUT_TEXT: Rule("cut_text", control=True),
    ClientMessage.ENABLE_CONTINUOUS_UPDATES: Rule(
        "continuous_updates", continuous_updates, offer=Capability.CONTINUOUS_UPDATES
    ),
    ClientMessage.FENCE: Rule("fence", fence, offer=Capability.FENCE),
    ClientMessage.XVP: Rule("xvp", control=True, power=True, offer=Capability.XVP),
    ClientMessage.SET_DESKTOP_SIZE: Rule("set_desktop_size", desktop_size, control=True, offer=Capability.DESKTOP_SIZE),
    ClientMessage.GII: Rule("gii", offer=Capability.GII),
}

QEMU_RULES: Mapping[int, Rule] = {
    QemuClient.EXTENDED_KEY_EVENT: Rule("qemu_key", qemu_key, human=True, control=True),
    QemuClient.AUDIO: Rule("audio", audio, control=True, offer=Capability.AUDIO),
}
"""By submessage of ClientMessage.QEMU. Its key events need no offer: without one they become plain."""
