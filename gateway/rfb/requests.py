"""What client messages change as they pass: the session's memory, and sometimes themselves.

Owns one effect for each message that has any. Called with whole messages that may pass. An effect returns the bytes
that go to the upstream instead, possibly none, or None to let the message go as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from struct import Struct

from gateway.errors import ProtocolViolation
from gateway.rfb.client_messages import Request
from gateway.rfb.encodings import negotiable
from gateway.rfb.memory import Capability, Memory, Pointer
from gateway.rfb.messages import U16, AudioRequest, key_event, pointer_event, set_encodings
from gateway.rfb.pixel_format import PixelFormat

Effect = Callable[[Memory, bytes], Sequence[bytes] | None]

_KEY = Struct(">xBxxI")
_QEMU_KEY = Struct(">xxHII")
_POINTER = Struct(">xBHH")
_FENCE = Struct(">xxxxIB")


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
    if memory.offered & Capability.QEMU_KEY:
        memory.keyboard.qemu_key(keycode, keysym, down=bool(down))
        return None
    if not keysym:
        return ()
    memory.keyboard.key(keysym, down=bool(down))
    return (key_event(keysym, down=bool(down)),)


def pointer(memory: Memory, message: bytes) -> Sequence[bytes] | None:
    """RFC 6143 §7.5.5, and rfbproto, Extended Mouse Buttons; a plain one for an upstream that did not offer them."""
    buttons, x, y = _POINTER.unpack_from(message)
    if len(message) == _POINTER.size:
        memory.pointer = Pointer(buttons, x, y)
        return None
    if memory.offered & Capability.EXTENDED_MOUSE:
        memory.pointer = Pointer(buttons & 0x7F | message[6] << 7, x, y)
        return None
    memory.pointer = Pointer(buttons & 0x7F, x, y)
    return (pointer_event(buttons, x, y),)


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


EFFECTS: Mapping[Request, Effect] = {
    Request.SET_PIXEL_FORMAT: set_pixel_format,
    Request.SET_ENCODINGS: rewrite_encodings,
    Request.UPDATE: update_request,
    Request.KEY: key,
    Request.QEMU_KEY: qemu_key,
    Request.POINTER: pointer,
    Request.CONTINUOUS_UPDATES: continuous_updates,
    Request.FENCE: fence,
    Request.SET_DESKTOP_SIZE: desktop_size,
    Request.AUDIO: audio,
}
