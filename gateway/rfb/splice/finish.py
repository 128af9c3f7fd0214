"""The loss of an upstream: completing what the browser has half of (rfb.md §3, §5.1).

Owns the fillers for it, and the passage from an upstream to none. Leaves where the browser stands to ServerStream.
"""

from gateway.errors import UpstreamChanged
from gateway.rfb.encodings import Encoding
from gateway.rfb.inflators import Stream
from gateway.rfb.memory import Fences, Memory
from gateway.rfb.rectangles.hextile import BACKGROUND_SPECIFIED
from gateway.rfb.server_stream import ServerStream
from gateway.rfb.splice import fillers
from gateway.rfb.splice.report import Note, Report
from gateway.rfb.splice.seam import Released
from gateway.rfb.standing import Standing

BLOCK = 64 * 1024

PADDING_MAX = 32 * 1024 * 1024
"""A picture of 3840 by 2160 in Raw. A header can announce 17 GB: nobody sends so many zeros in one go."""


def finish(stream: ServerStream, *, abrupt: bool = False) -> list[bytes]:
    """What the browser must get at once, so that it stands between two messages; from then on the session is away.

    `abrupt`: the connection was reset or fell silent, and nobody closed it: what was sent last may not have arrived.

    To be called once, when the upstream that fed `stream` is lost, and before any client message after that. The
    stream stays good for `interject`, and for nothing else. Raises UpstreamChanged inside something that nobody but
    that server could complete.
    """
    memory = stream.memory
    memory.seam.report = Report()
    parked = stream.take_parked()
    standing = stream.standing
    if not standing.repairable:
        raise UpstreamChanged("lost inside a rectangle or message that was too large to hold")
    rectangle = _rectangle(memory, standing)
    held = stream.discard()
    if held:
        memory.seam.report.note(Note.UNFINISHED, held)
    completed = [*parked, *rectangle, *_update(memory, standing), *_fences(memory)]
    _leave(memory, abrupt=abrupt)
    return completed


def _rectangle(memory: Memory, standing: Standing) -> list[bytes]:
    """The rest of a Raw or Hextile rectangle that was begun: black, until the refresh."""
    pixel_and_mask = 1 + standing.pixel  # a tile's, if it has a background and nothing else
    if standing.raw_left > PADDING_MAX or standing.tiles_left * pixel_and_mask > PADDING_MAX:
        raise UpstreamChanged("lost inside a rectangle that is larger than any screen")
    if standing.raw_left:
        padding = _repeated(b"\0", standing.raw_left)
    elif standing.tiles_left:
        # Each says its background: a tile that keeps the last one fails where there was none yet.
        padding = _repeated(bytes([BACKGROUND_SPECIFIED]) + bytes(standing.pixel), standing.tiles_left)
    else:
        return []
    memory.seam.report.note(Note.PADDING, sum(map(len, padding)))
    return padding


def _repeated(what: bytes, times: int) -> list[bytes]:
    """`what` that many times, as one block again and again: it takes the memory of one."""
    each = BLOCK // len(what)
    blocks, rest = divmod(times, each)
    return [what * each] * blocks + [what * rest] * bool(rest)


def _update(memory: Memory, standing: Standing) -> list[bytes]:
    """The end of an update that was begun."""
    begun = standing.raw_left > 0 or standing.tiles_left > 0
    missing = standing.rectangles_left - begun
    if missing <= 0:
        return []
    if Encoding.LAST_RECT in memory.encodings:
        memory.seam.report.note(Note.LAST_RECT, len(fillers.LAST_RECT))
        return [fillers.LAST_RECT]
    memory.seam.report.note(Note.EMPTY_RECTANGLE, len(fillers.EMPTY_RAW) * missing, missing)
    return [fillers.EMPTY_RAW * missing]


def _fences(memory: Memory) -> list[bytes]:
    """Answers to the requests of the client that the server has left open."""
    answers = [fillers.fence_answer(flags, payload) for flags, payload in memory.fences.owed_by_server]
    for answer in answers:
        memory.seam.report.note(Note.FENCE_ANSWER, len(answer))
    return answers


def _leave(memory: Memory, *, abrupt: bool) -> None:
    """Remember what the next upstream must be told, and what is still to come for this one."""
    seam, keyboard, held = memory.seam, memory.keyboard, memory.seam.held
    if abrupt and seam.released.update == memory.formats.updates:
        held.keysyms |= seam.released.keysyms
        held.buttons |= seam.released.buttons
    seam.released = Released()
    held.keysyms |= keyboard.keysyms | dict.fromkeys(keyboard.translated.values())
    held.keycodes |= keyboard.keycodes
    held.buttons |= memory.pointer.buttons if memory.pointer is not None else 0
    seam.late_fences += memory.fences.owed_by_client
    memory.fences = Fences()
    seam.offered_before = frozenset(memory.offered)
    memory.offered.clear()
    seam.left_out |= {stream for stream in Stream if not memory.inflators[stream].continuable}
    seam.to_upstream.clear()
    seam.away = True
