"""A guest that takes client messages as strictly as real servers do, and knows what is pressed in it.

Two makes: `qemu` maps both kinds of key event to one keyboard that all connections share, and lifts nothing when one
vanishes without a word; `tigervnc` lifts all at the end of a connection, and takes a release only in the form of its
press. Neither takes a message that uses what it has not offered.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

_FIXED = {0: 20, 3: 10, 4: 8, 5: 6, 150: 10, 250: 4}


class RefusedError(AssertionError):
    """A server would have ended the connection."""


def client_messages(data: bytes) -> list[bytes]:
    """Whole client messages (RFC 6143 §7.5, rfbproto); RefusedError if the last is not whole."""
    found, at = [], 0
    while at < len(data):
        end = at + _length(data[at:])
        if end > len(data):
            raise RefusedError("half a message")
        found.append(data[at:end])
        at = end
    return found


def _length(data: bytes) -> int:
    kind = data[0]
    if kind == 5 and data[1] & 0x80:
        return 7
    if kind in _FIXED:
        return _FIXED[kind]
    if kind == 2:
        return 4 + 4 * int(struct.unpack_from(">H", data, 2)[0])
    if kind == 6:
        return 8 + abs(int(struct.unpack_from(">i", data, 4)[0]))
    if kind == 248:
        return 9 + data[8]
    if kind == 251:
        return 8 + 16 * data[6]
    if kind == 255:
        return 12 if data[1] == 0 else 10 if data[3] == 2 else 4
    raise RefusedError(f"message of type {kind}")


@dataclass
class Guest:
    """`keymap`: keycodes to keysyms. `offers`: what this connection has been offered, as the type of message that it
    allows ("pointer" and "text" for the extended ones).

    `keys`: what is down, keysyms and keycodes as pairs of the form and the number; `pressed`: everything that ever was.
    """

    make: str
    keymap: Mapping[int, int]
    offers: set[object] = field(default_factory=set)
    keys: set[tuple[str, int]] = field(default_factory=set)
    pressed: list[tuple[str, int]] = field(default_factory=list)
    buttons: int = 0
    clicked: int = 0
    told: int = 0  # buttons as this connection told them

    def connect(self) -> None:
        """A new connection, and the end of the last one."""
        self.offers.clear()
        self.told = 0
        if self.make == "tigervnc":
            self.keys.clear()
            self.buttons = 0

    def take(self, data: bytes) -> None:
        """Act on client messages."""
        for message in client_messages(data):
            self._check(message)
            kind = message[0]
            if kind == 4:
                down, keysym = struct.unpack(">xBxxI", message)
                self._key("keysym", keysym, bool(down))
            elif kind == 255 and message[1] == 0:
                down, _, keycode = struct.unpack(">xxHII", message)
                self._key("keycode", keycode, bool(down))
            elif kind == 5:
                more = message[6] if len(message) == 7 else 0
                self._point(message[1] & 0x7F | more << 7)

    def _check(self, message: bytes) -> None:
        kind: object = message[0]
        if kind == 255:
            kind = (255, message[1])
        elif kind == 5 and len(message) == 7:
            kind = "pointer"
        elif kind == 6 and message[4] & 0x80:
            kind = "text"
        elif kind not in (150, 248, 250):
            return
        if kind not in self.offers:
            raise RefusedError(f"{kind} was not offered")

    def _key(self, form: str, number: int, down: bool) -> None:
        if self.make == "qemu":
            form, number = "keysym", self.keymap[number] if form == "keycode" else number
        if down:
            self.keys.add((form, number))
            self.pressed.append((form, number))
        else:
            self.keys.discard((form, number))

    def _point(self, buttons: int) -> None:
        """A server sees only what changes on its connection."""
        changed = buttons ^ self.told
        self.clicked |= buttons & changed
        self.buttons = self.buttons & ~changed | buttons & changed
        self.told = buttons
