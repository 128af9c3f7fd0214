"""Client messages that this upstream can't take, though the client learned from another one that it may send them.

Owns what is done instead (rfb.md §4, "Capabilities that differ"). Effects as in requests: they return what goes to the
upstream, possibly nothing, or None if the message is lost. Keys and pointer are translated in requests itself.
"""

import zlib
from collections.abc import Sequence
from struct import Struct

from gateway.rfb import clipboard
from gateway.rfb.client_messages import CUT_TEXT_MAX
from gateway.rfb.encodings import Encoding
from gateway.rfb.memory import Capability, Memory
from gateway.rfb.messages import U32, ClientMessage, framebuffer_update_request
from gateway.rfb.splice import away, fillers
from gateway.rfb.splice.report import Note

_CUT_TEXT = Struct(">BxxxI")
_PAYLOAD_AT = 12  # type, padding, length, flags


def continuous_updates(memory: Memory, message: bytes) -> Sequence[bytes]:
    """The stream requests an update after each one as long as they are enabled (joined); this requests the first."""
    away.continuous_updates(memory, message)
    return (update_request(memory),) if message[1] else ()


def update_request(memory: Memory) -> bytes:
    """What continuous updates are imitated by: a request for whatever changes on the screen."""
    memory.formats.update_requested()
    return framebuffer_update_request(0, 0, memory.width, memory.height, incremental=True)


def desktop_size(memory: Memory, _message: bytes | None = None) -> Sequence[bytes]:
    """SetDesktopSize is refused: noVNC would wait for an answer for ever."""
    memory.desktop_size_asked = None
    if Encoding.EXTENDED_DESKTOP_SIZE in memory.encodings:
        memory.seam.tell_browser(Note.SIZE_REFUSED, fillers.size_refused(memory.width, memory.height))
    return ()


def cut_text(memory: Memory, message: bytes) -> Sequence[bytes] | None:
    """Extended Clipboard: text becomes plain; a client that has some is asked for it, since the server won't."""
    flags = clipboard.flags_in(memoryview(message), 0)
    if flags is None or Capability.EXTENDED_CLIPBOARD not in memory.learned or flags & clipboard.Flags.CAPS:
        return None
    if flags & clipboard.Flags.NOTIFY and flags & clipboard.TEXT:
        request = fillers.clipboard_request(clipboard.Flags.REQUEST | clipboard.TEXT)
        memory.seam.tell_browser(Note.CLIPBOARD_REQUEST, request)
        return ()
    text = _provided(message[_PAYLOAD_AT:]) if flags & clipboard.Flags.PROVIDE and flags & clipboard.TEXT else None
    if text is None:
        return None
    memory.seam.report.note(Note.TEXT_TRANSLATED, len(text))
    return (_CUT_TEXT.pack(ClientMessage.CUT_TEXT, len(text)) + text,)


def _provided(payload: bytes) -> bytes | None:
    """The text that Provide carries first, as RFC 6143 §7.5.6 wants it: Latin-1, lines ended by LF alone."""
    try:
        data = zlib.decompressobj().decompress(payload, U32.size + CUT_TEXT_MAX)
    except zlib.error:
        return None
    if len(data) < U32.size:
        return None
    (length,) = U32.unpack_from(data)
    text = data[U32.size : U32.size + length].removesuffix(b"\0")
    return text.decode(errors="replace").replace("\r\n", "\n").encode("latin-1", errors="replace")
