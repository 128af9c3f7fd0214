"""What a new upstream is told, so that it serves this client as the old one did (rfb.md §5.4, §5 "Keys", "Buttons").

Owns the messages and their order. The handshake is over when they are sent; nothing of them goes ahead of it.
"""

from gateway.rfb.memory import Capability, Keyboard, Memory
from gateway.rfb.messages import (
    PLAIN_BUTTONS,
    AudioRequest,
    ClientMessage,
    QemuClient,
    extended_pointer_event,
    framebuffer_update_request,
    key_event,
    pointer_event,
    set_encodings,
    set_pixel_format,
)
from gateway.rfb.server_init import ServerInit
from gateway.rfb.splice import instead

_MODIFIERS = frozenset(
    {
        *range(0xFFE1, 0xFFE5),  # Shift, Control
        *range(0xFFE7, 0xFFEF),  # Meta, Alt, Super, Hyper; not Caps Lock and Shift Lock, whose press switches
        0xFE03,  # ISO Level 3 Shift (AltGr)
        0xFE11,  # ISO Level 5 Shift
        0xFF7E,  # Mode Switch
    }
)
"""Keysyms of keys that a person holds to change others: only these are pressed again."""


def replay(memory: Memory, server_init: ServerInit) -> list[bytes]:
    """The client's state as messages for a server that has just sent this ServerInit."""
    messages = [set_pixel_format(memory.formats.asked.wire)]
    if memory.encodings_asked is not None:
        memory.encodings = memory.negotiated()
        messages.append(set_encodings(memory.encodings))
    messages += _desktop_size(memory)
    messages += _pointer(memory, server_init)
    messages += _keys(memory)
    if Capability.AUDIO in memory.seam.offered_before:
        messages += audio(memory)
    if server_init.width and server_init.height:
        size = server_init.width, server_init.height
        messages.append(framebuffer_update_request(0, 0, *size, incremental=False))
        memory.formats.update_requested()
    return messages


def audio(memory: Memory) -> list[bytes]:
    """QEMU audio as the client set it, for a server that has it: QEMU ends the connection of one that presumes it."""
    messages = [memory.audio.set_format] if memory.audio.set_format is not None else []
    if memory.audio.enabled:
        enable = bytes([ClientMessage.QEMU, QemuClient.AUDIO]) + AudioRequest.ENABLE.to_bytes(2, "big")
        messages.append(enable)
    return messages


def _desktop_size(memory: Memory) -> list[bytes]:
    """A SetDesktopSize without an answer: noVNC would never ask for another one.

    Sent again if the last upstream offered it, which is the same server nearly always; else it is refused. So one that
    ends the connection because of it, before it offers anything, is asked once.
    """
    asked = memory.desktop_size_asked
    if asked is None:
        return []
    if Capability.DESKTOP_SIZE in memory.seam.offered_before:
        return [asked]
    instead.desktop_size(memory)
    return []


def _pointer(memory: Memory, server_init: ServerInit) -> list[bytes]:
    """The buttons as they were at the loss, then those of them that still are down.

    A server that never saw a press would not release it in the guest. It also makes TigerVNC leave the pointer to the
    client instead of painting it into the picture. Back and forward wait until this server offers them: see joined.
    """
    pointer = memory.pointer
    if pointer is None:
        return []
    seam = memory.seam
    x, y = min(pointer.x, max(server_init.width - 1, 0)), min(pointer.y, max(server_init.height - 1, 0))
    buttons = pointer.buttons & ~seam.masked.buttons
    now = pointer_event(buttons, x, y)
    memory.pointer_event = now if buttons <= PLAIN_BUTTONS else extended_pointer_event(buttons, x, y)
    return [pointer_event(seam.held.buttons, x, y), now]


def _keys(memory: Memory) -> list[bytes]:
    """Key-ups for all that was down at the loss, then modifiers that still are.

    By keysym: extended events are for servers that have offered them, which this one could not yet.
    """
    held, before = memory.seam.held, memory.keyboard
    lifted = dict.fromkeys([*held.keysyms, *held.keycodes.values()])
    ups = [key_event(keysym, down=False) for keysym in lifted if keysym]
    keyboard = memory.keyboard = Keyboard(
        keysyms=dict.fromkeys(keysym for keysym in before.keysyms if keysym in _MODIFIERS),
        translated={
            keycode: keysym for keycode, keysym in (before.keycodes | before.translated).items() if keysym in _MODIFIERS
        },
    )
    memory.seam.masked.lifted |= before.keysyms.keys() - keyboard.keysyms.keys()
    again = dict.fromkeys([*keyboard.keysyms, *keyboard.translated.values()])
    return ups + [key_event(keysym, down=True) for keysym in again]
