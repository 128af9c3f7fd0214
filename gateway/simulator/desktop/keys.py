"""From keysyms (X11's numbers, used by RFC 6143 §7.5.4) to what a terminal gets."""

BACKSPACE, TAB, RETURN, ESCAPE, DELETE = 0xFF08, 0xFF09, 0xFF0D, 0xFF1B, 0xFFFF
KEYPAD_ENTER = 0xFF8D
CONTROLS = frozenset({0xFFE3, 0xFFE4})
ALTS = frozenset({0xFFE9, 0xFFEA})
SPECIAL = {BACKSPACE: "\b", TAB: "    ", RETURN: "\n", KEYPAD_ENTER: "\n"}
KEYPAD = range(0xFFAA, 0xFFBA)  # its signs and digits are ASCII's, moved up
KEYPAD_TO_ASCII = 0xFF80
UNICODE = range(0x01000100, 0x01110000)  # a code point, moved up
LATIN = (range(0x20, 0x7F), range(0xA0, 0x100))


def typed(keysym: int) -> str:
    """What a key puts into a terminal, "" for keys that put nothing there."""
    if keysym in SPECIAL:
        return SPECIAL[keysym]
    if keysym in KEYPAD:
        return chr(keysym - KEYPAD_TO_ASCII)
    if keysym in UNICODE:
        return chr(keysym - 0x01000000)
    return chr(keysym) if any(keysym in part for part in LATIN) else ""
