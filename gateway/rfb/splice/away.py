"""Client messages while there is no upstream: they only change what is remembered (rfb.md §5.2).

Owns one effect for each message that does; any other is lost. As all effects they are called with whole messages that
the user may send. Those that return None have not been remembered; nothing goes to an upstream either way.
"""

from collections.abc import Sequence
from struct import Struct

from gateway.rfb.memory import Memory, Pointer
from gateway.rfb.messages import FENCE_REQUEST
from gateway.rfb.splice import fillers
from gateway.rfb.splice.report import Note

KEY = Struct(">xBxxI")
QEMU_KEY = Struct(">xxHII")
_FENCE = Struct(">xxxxIB")


def key(memory: Memory, message: bytes) -> None:
    """RFC 6143 §7.5.4. What was down at the loss may be released; what is pressed now was never pressed."""
    down, keysym = KEY.unpack(message)
    masked, keyboard = memory.seam.masked, memory.keyboard
    if keysym in keyboard.keysyms:
        if not down:
            keyboard.key(keysym, down=False)
            masked.lifted.discard(keysym)
    elif not masked.hides(masked.keysyms, keysym, down=bool(down)):
        if down:
            masked.press(masked.keysyms, keysym)
        else:
            masked.released(keysym)


def qemu_key(memory: Memory, message: bytes) -> None:
    """rfbproto, QEMU Extended Key Event: the same by keycode."""
    down, _, keycode = QEMU_KEY.unpack(message)
    masked, keyboard = memory.seam.masked, memory.keyboard
    if keycode in keyboard.keycodes or keycode in keyboard.translated:
        if not down:
            keyboard.keycodes.pop(keycode, None)
            keyboard.translated.pop(keycode, None)
    elif not masked.hides(masked.keycodes, keycode, down=bool(down)) and down:
        masked.press(masked.keycodes, keycode)


def pointer(memory: Memory, message: bytes) -> None:
    """RFC 6143 §7.5.5. The place counts, new buttons don't."""
    before = memory.pointer.buttons if memory.pointer is not None else 0
    masked, buttons = memory.seam.masked, Pointer.parse(message).buttons
    masked.buttons = (masked.buttons | buttons & ~before) & buttons
    memory.pointer_event = message


def continuous_updates(memory: Memory, message: bytes) -> Sequence[bytes]:
    """rfbproto, EnableContinuousUpdates. Disabling has an answer, which clients change their pixel format by."""
    memory.continuous_updates = message
    if not message[1]:
        memory.seam.tell_browser(Note.UPDATES_ENDED, fillers.END_OF_CONTINUOUS_UPDATES)
    return ()


def fence(memory: Memory, message: bytes) -> Sequence[bytes]:
    """rfbproto, ClientFence: requests are answered, answers were for a server that is gone."""
    flags, length = _FENCE.unpack_from(message)
    seam = memory.seam
    if flags & FENCE_REQUEST:
        seam.tell_browser(Note.FENCE_ANSWER, fillers.fence_answer(flags, message[len(message) - length :]))
    else:
        seam.late_fences = max(seam.late_fences - 1, 0)
        seam.report.note(Note.LATE_FENCE, len(message))
    return ()
