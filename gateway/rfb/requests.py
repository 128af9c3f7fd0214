"""What is to be known of each kind of client message: what it needs to pass, and what it changes as it does.

Owns the table of rules, and the effects in it: on the session's memory, and sometimes on the message. An effect is
called with a whole message that may pass; it returns the bytes that go to the upstream instead, possibly none, or None
to let the message go as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct

from gateway.errors import ProtocolViolation
from gateway.rfb import clipboard
from gateway.rfb.encodings import FRAMABLE
from gateway.rfb.memory import Capability, Memory, Pointer
from gateway.rfb.messages import (
    FENCE_REQUEST,
    PLAIN_BUTTONS,
    U16,
    AudioRequest,
    ClientMessage,
    QemuClient,
    extended_pointer_event,
    key_event,
    pointer_event,
    set_encodings,
)
from gateway.rfb.pixel_format import PixelFormat
from gateway.rfb.splice import away, instead
from gateway.rfb.splice.away import KEY, QEMU_KEY

Effect = Callable[[Memory, bytes], Sequence[bytes] | None]

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
    encodings = memory.negotiated()
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
    # Each once, and no others: all that is remembered is looked through again for each pixel format.
    memory.encodings_asked = tuple(dict.fromkeys(encoding for encoding in asked if encoding in FRAMABLE))
    memory.encodings = memory.negotiated()
    wanted = frozenset(memory.encodings)
    kept = tuple(encoding for encoding in asked if encoding in wanted)
    return None if kept == asked else (set_encodings(kept),)


def update_request(memory: Memory, _message: bytes) -> None:
    """RFC 6143 §7.5.3."""
    memory.formats.update_requested()


def key(memory: Memory, message: bytes) -> Sequence[bytes] | None:
    """RFC 6143 §7.5.4."""
    down, keysym = KEY.unpack(message)
    keyboard, masked = memory.keyboard, memory.seam.masked
    if masked.keysyms:
        if masked.hides(masked.keysyms, keysym, down=bool(down)):
            memory.withhold("key", message)
            return ()
        if not down and keysym not in keyboard.keysyms:
            masked.released(keysym)
    keyboard.key(keysym, down=bool(down))
    if not down:
        memory.seam.released.key(keysym, memory.formats.updates)
    return None


def qemu_key(memory: Memory, message: bytes) -> Sequence[bytes] | None:
    """rfbproto, QEMU Extended Key Event; a plain KeyEvent for an upstream that did not offer it."""
    down, keysym, keycode = QEMU_KEY.unpack(message)
    keyboard, masked = memory.keyboard, memory.seam.masked
    if masked.keycodes and masked.hides(masked.keycodes, keycode, down=bool(down)):
        memory.withhold("qemu_key", message)
        return ()
    if not down:
        memory.seam.released.key(keysym, memory.formats.updates)
    if keycode not in keyboard.translated and _QEMU_KEYS in memory.offered:
        keyboard.qemu_key(keycode, keysym, down=bool(down))
        return None
    keysym = keyboard.translate(keycode, keysym, down=bool(down))
    return (key_event(keysym, down=bool(down)),) if keysym else ()


def pointer(memory: Memory, message: bytes) -> Sequence[bytes] | None:
    """RFC 6143 §7.5.5, and rfbproto, Extended Mouse Buttons; a plain one for an upstream that did not offer them."""
    plain = len(message) == _POINTER.size
    lacking = not plain and _EXTENDED_MOUSE not in memory.offered
    if lacking or (memory.pointer_event is not None and memory.pointer_event[1]):
        _note_buttons(memory, Pointer.parse(message).buttons, lacking=lacking)
    if memory.seam.masked.buttons:
        event = Pointer.parse(message)
        buttons = event.buttons & ~memory.seam.masked.hidden_buttons(event.buttons)
        message = (pointer_event if plain else extended_pointer_event)(buttons, event.x, event.y)
    elif not lacking:
        memory.pointer_event = message
        return None
    memory.pointer_event = message
    return (pointer_event(*_POINTER.unpack_from(message)) if lacking else message,)


def _note_buttons(memory: Memory, buttons: int, *, lacking: bool) -> None:
    """What is let go may not arrive. What a server that is `lacking` can't be told stays hidden until it is let go."""
    before = memory.pointer.buttons if memory.pointer is not None else 0
    if before & ~buttons:
        memory.seam.released.pointer(before & ~buttons, memory.formats.updates)
    if lacking:
        memory.seam.masked.buttons |= buttons & ~before & ~PLAIN_BUTTONS


def cut_text(memory: Memory, message: bytes) -> None:
    """RFC 6143 §7.5.6; rfbproto, Extended Clipboard."""
    memory.acts.text_to_vm += clipboard.text_bytes(memoryview(message), 0, len(message))


def cut_text_instead(memory: Memory, message: bytes) -> Sequence[bytes] | None:
    """The same for an upstream without the Extended Clipboard."""
    parts = instead.cut_text(memory, message)
    if parts:
        cut_text(memory, message)
    return parts


def xvp(memory: Memory, message: bytes) -> None:
    """rfbproto, xvp client message."""
    memory.acts.power[message[3]] += 1


def continuous_updates(memory: Memory, message: bytes) -> None:
    """rfbproto, EnableContinuousUpdates."""
    memory.continuous_updates = message
    memory.formats.continuous_updates_set(enabled=message[1] != 0)


def fence(memory: Memory, message: bytes) -> Sequence[bytes] | None:
    """rfbproto, ClientFence. Answers come in the order of requests, so the first ones are for servers of before."""
    flags, length = _FENCE.unpack_from(message)
    if memory.seam.late_fences and not flags & FENCE_REQUEST:
        return away.fence(memory, message)
    memory.fences.from_client(flags, message[len(message) - length :])
    return None


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


def only_remembered(effect: Effect) -> Effect:
    """The effect on the memory, and nothing for an upstream."""

    def remember(memory: Memory, message: bytes) -> Sequence[bytes]:
        effect(memory, message)
        return ()

    return remember


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to be known of one kind of message.

    `name`: what it is counted under. `effect`: None if it has none. `human`: only a person sends it. `control`,
    `power`: rights that it needs. `offer`: the capability that the upstream must have announced; QEMU ends the
    connection of a client that does not wait for it.

    Effects in the place of `effect`: `away` while there is no upstream, `instead` while there is one that did not
    offer what another one had. Where there is none, or it returns None, the message is lost.
    """

    name: str
    effect: Effect | None = None
    human: bool = False
    control: bool = False
    power: bool = False
    offer: Capability | None = None
    away: Effect | None = None
    instead: Effect | None = None


_UPDATES, _FENCES, _SIZES, _AUDIO = (
    Capability.CONTINUOUS_UPDATES,
    Capability.FENCE,
    Capability.DESKTOP_SIZE,
    Capability.AUDIO,
)

RULES: Mapping[int, Rule] = {
    ClientMessage.SET_PIXEL_FORMAT: Rule("set_pixel_format", set_pixel_format, away=only_remembered(set_pixel_format)),
    ClientMessage.SET_ENCODINGS: Rule("set_encodings", rewrite_encodings, away=only_remembered(rewrite_encodings)),
    ClientMessage.FRAMEBUFFER_UPDATE_REQUEST: Rule(
        "update_request", update_request, away=only_remembered(update_request)
    ),
    ClientMessage.KEY_EVENT: Rule("key", key, human=True, control=True, away=away.key),
    ClientMessage.POINTER_EVENT: Rule("pointer", pointer, human=True, control=True, away=away.pointer),
    ClientMessage.CUT_TEXT: Rule("cut_text", cut_text, instead=cut_text_instead),  # who only looks may ask for text
    ClientMessage.ENABLE_CONTINUOUS_UPDATES: Rule(
        "continuous_updates",
        continuous_updates,
        offer=_UPDATES,
        away=away.continuous_updates,
        instead=instead.continuous_updates,
    ),
    ClientMessage.FENCE: Rule("fence", fence, offer=_FENCES, away=away.fence, instead=away.fence),
    ClientMessage.XVP: Rule("xvp", xvp, control=True, power=True, offer=Capability.XVP),
    ClientMessage.SET_DESKTOP_SIZE: Rule(
        "set_desktop_size",
        desktop_size,
        control=True,
        offer=_SIZES,
        away=only_remembered(desktop_size),
        instead=instead.desktop_size,
    ),
    ClientMessage.GII: Rule("gii", offer=Capability.GII),
}

QEMU_RULES: Mapping[int, Rule] = {
    QemuClient.EXTENDED_KEY_EVENT: Rule("qemu_key", qemu_key, human=True, control=True, away=away.qemu_key),
    QemuClient.AUDIO: Rule(
        "audio", audio, control=True, offer=_AUDIO, away=only_remembered(audio), instead=only_remembered(audio)
    ),
}
"""By submessage of ClientMessage.QEMU. Its key events need no offer: without one they become plain."""
