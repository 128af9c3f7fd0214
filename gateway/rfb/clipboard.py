"""The Extended Clipboard (rfbproto) as far as rights need it.

Owns the flags and the question of which message moves text in which direction.
"""

from enum import IntFlag

from gateway.rfb.messages import S32, U32


class Flags(IntFlag):
    """Actions in the flags of an extended message; formats are the low bits."""

    CAPS = 1 << 24
    REQUEST = 1 << 25
    PEEK = 1 << 26
    NOTIFY = 1 << 27
    PROVIDE = 1 << 28


TEXT = 1
"""The format of plain text in UTF-8, whose lines end with CR LF."""

_PLAIN, _EXTENDED = 8, 12
"""Bytes before the text: type, padding, length; and flags."""

_OFFERS = Flags.NOTIFY | Flags.PROVIDE
_ASKS = Flags.REQUEST | Flags.PEEK


def permitted(flags: int | None, *, sender_gives: bool, sender_takes: bool) -> bool:
    """Whether a clipboard message may pass. `flags`: None for plain text.

    `sender_gives`: text may go the message's way; `sender_takes`: text may come the other way. Text and notices of it
    need the first, requests for it the second, capabilities either.
    """
    if flags is None:
        return sender_gives
    if flags & Flags.CAPS:  # the other actions are then those that the sender knows
        return sender_gives or sender_takes
    if flags & _OFFERS and not sender_gives:
        return False
    if flags & _ASKS and not sender_takes:
        return False
    return sender_gives or sender_takes


def text_bytes(view: memoryview, at: int, end: int) -> int:
    """How many bytes of text the clipboard message in view[at:end] carries: compressed ones in an extended Provide."""
    flags = flags_in(view, at)
    if flags is None:
        return end - at - _PLAIN
    return end - at - _EXTENDED if flags & Flags.PROVIDE and not flags & Flags.CAPS else 0


def flags_in(view: memoryview, at: int) -> int | None:
    """The flags of the clipboard message at `at`, laid out alike in both directions; None if it is plain text."""
    if S32.unpack_from(view, at + 4)[0] >= 0:
        return None
    flags: int = U32.unpack_from(view, at + 8)[0]
    return flags
