"""The stream of an upstream that follows another one, as the same browser can read it (rfb.md §4, §5, §6).

Owns what happens until the picture is refreshed: sizes that differ, the first EndOfContinuousUpdates, what is due when
the new server offers it. Zlib headers are dropped by every ServerStream, at resets too: see zlib_streams.

Until then each message and rectangle is looked at before it is taken (Inside.SEAM), and what is released goes through
a list of our own; after it a chunk costs one call more than in a plain stream.
"""

from collections.abc import Sequence

from gateway.errors import UpstreamChanged
from gateway.rfb.encodings import PIXELS, Encoding
from gateway.rfb.framing import Released
from gateway.rfb.held import HeldBudget
from gateway.rfb.memory import Capability, Memory
from gateway.rfb.messages import U32, ServerMessage, qemu_key_event
from gateway.rfb.policy import Policy
from gateway.rfb.server_init import ServerInit
from gateway.rfb.server_stream import ServerStream
from gateway.rfb.splice import fillers, instead, replay
from gateway.rfb.splice.report import Note
from gateway.rfb.splice.seam import Held
from gateway.rfb.standing import Inside
from gateway.rfb.updates import HEADER

PARKED_MAX = 256 * 1024
"""Bytes of pseudo rectangles that may wait for the first pixels: cursors and names. A server that sends more is told
of to the client with the size of its ServerInit."""

_SIZES = frozenset({Encoding.DESKTOP_SIZE, Encoding.EXTENDED_DESKTOP_SIZE})

_H264_FLAGS_AT = HEADER.size + 4
_H264_RESET_ALL = 2
"""rfbproto, Open H.264: the client's contexts hold pictures of another server."""


class JoinedStream(ServerStream):
    """A ServerStream over the Memory of the streams before it.

    `refreshed`: pixels for a whole screen have come from this server. May raise UpstreamLost where another connection
    helps (a zlib stream that can't be joined: its encoding is left out from now on), UpstreamChanged where none does.
    """

    __slots__ = (
        "_area",
        "_due",
        "_keys_up",
        "_mark",
        "_open",
        "_parked",
        "_resets_h264",
        "_size",
        "_updates",
        "refreshed",
    )

    def __init__(self, memory: Memory, budget: HeldBudget, policy: Policy | None, init: ServerInit) -> None:
        super().__init__(memory, budget, policy)
        self._inside = self._idle = self._between = Inside.SEAM
        self.refreshed = False
        self._open = True
        self._area = 0  # pixels that have come; a server does not send a pixel twice in one update
        self._size = (init.width, init.height)  # the server's
        self._parked: Released = []  # released, and not handed on before we know whether it may be
        self._mark: int | None = None  # where in it begins an update that waits for its first pixels
        self._resets_h264 = memory.seam.h264_used
        self._updates = 0  # begun since the last look
        self._keys_up = dict(memory.seam.held.keycodes)
        self._due = set(Capability) - ({Capability.AUDIO} & set(memory.seam.offered_before))

    @property
    def between_messages(self) -> bool:
        """See ServerStream. The browser has seen nothing of an update that waits."""
        return self._mark is not None or super().between_messages

    def take_parked(self) -> Sequence[bytes]:
        """See ServerStream."""
        parked = [bytes(part) for part in self._parked]
        self._parked.clear()
        self._mark = None
        return parked

    def receive(self, data: memoryview | bytes, out: Released) -> None:
        """See Framing.receive."""
        if not self._open:
            super().receive(data, out)
            return
        # What the replay said of keys and buttons came before the requests that these bytes answer.
        self.memory.seam.held = Held()
        try:
            super().receive(data, self._parked)
        finally:
            self._hand_on(out)
        self._tell_upstream()
        if self._inside is self._idle and not self._rectangles_left:
            self._look_back()

    def _hand_on(self, out: Released) -> None:
        if self._mark is not None and sum(map(len, self._parked[self._mark :])) > PARKED_MAX:
            self._announce_size()
        upto = len(self._parked) if self._mark is None else self._mark
        out += self._parked[:upto]
        self._parked = [bytes(part) for part in self._parked[upto:]]
        if self._mark is not None:
            self._mark = 0

    def _at_seam(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        if self._rectangles_left:
            return self._rectangle_at_seam(view, at, limit, out)
        return self._message_at_seam(view, at, limit, out)

    def _message_at_seam(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        self._look_back()
        kind = view[at]
        if kind == ServerMessage.END_OF_CONTINUOUS_UPDATES and self._offers_updates_again():
            self._replace(view, at, at + 1, (), out)
            return at + 1
        end = self._message(view, at, limit, out)
        if kind == ServerMessage.FRAMEBUFFER_UPDATE and end > at:
            self._updates += 1
            if self._rectangles_left and self._size != (self.memory.width, self.memory.height):
                self._flush(view, at, out)
                self._mark = len(out)
        return end

    def _offers_updates_again(self) -> bool:
        """Whether EndOfContinuousUpdates is this server's first, and not the client's: noVNC would switch them off."""
        memory = self.memory
        if Capability.CONTINUOUS_UPDATES in memory.offered or Capability.CONTINUOUS_UPDATES not in memory.learned:
            return False
        memory.offer(Capability.CONTINUOUS_UPDATES)
        memory.seam.report.note(Note.UPDATES_OFFER, 1)
        return True

    def _rectangle_at_seam(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        if limit - at < HEADER.size:
            return self._wait(at, at + HEADER.size)
        x, y, width, height, encoding = HEADER.unpack_from(view, at)
        if encoding in PIXELS and self._mark is not None:
            self._announce_size()
        resets = encoding == Encoding.H264 and self._resets_h264
        if resets and limit - at < HEADER.size + 2 * U32.size:
            return self._wait(at, at + HEADER.size + 2 * U32.size)
        left = self._rectangles_left
        end = self._rectangle(view, at, limit, out)
        if self._inside is Inside.SEAM and self._rectangles_left == left:
            return end  # not all here
        if encoding in PIXELS and encoding != Encoding.COPY_RECT:
            self._area += width * height
        elif encoding in _SIZES and not (encoding == Encoding.EXTENDED_DESKTOP_SIZE and x == 1 and y):
            self._size = (width, height)
        if resets:
            self._reset_contexts(view, at, out)
        if not self._rectangles_left:
            self._mark = None
        return end

    def _announce_size(self) -> None:
        """Let the update that waits go, after an update that says the new size if the client still has another."""
        memory, (width, height) = self.memory, self._size
        assert self._mark is not None, "an update waits"
        if (memory.width, memory.height) != (width, height):
            if Encoding.DESKTOP_SIZE in memory.encodings:
                update = fillers.desktop_size(width, height)
            elif Encoding.EXTENDED_DESKTOP_SIZE in memory.encodings:
                update = fillers.extended_desktop_size(width, height)
                memory.learned.add(Capability.DESKTOP_SIZE)
            else:
                raise UpstreamChanged(f"{width}x{height} now, and the client can't follow")
            self._parked.insert(self._mark, update)
            memory.width, memory.height = width, height
            memory.seam.report.note(Note.SIZE, len(update))
        self._mark = None

    def _reset_contexts(self, view: memoryview, at: int, out: Released) -> None:
        """Set the flag that resets all contexts in the H.264 rectangle at `at`, which was just taken."""
        self._resets_h264 = False
        flags_at = at + _H264_FLAGS_AT
        (flags,) = U32.unpack_from(view, flags_at)
        self._replace(view, flags_at, flags_at + U32.size, (U32.pack(flags | _H264_RESET_ALL),), out)
        self.memory.seam.report.note(Note.H264_RESET, U32.size)

    @property
    def _imitates_updates(self) -> bool:
        """Whether the client has continuous updates on, and this server does not know them."""
        memory = self.memory
        enabled = memory.continuous_updates is not None and memory.continuous_updates[1] != 0
        return enabled and Capability.CONTINUOUS_UPDATES not in memory.offered

    def _tell_upstream(self) -> None:
        memory, seam = self.memory, self.memory.seam
        for capability in self._due & memory.offered:
            self._due.discard(capability)
            self._offered(capability)
        if self._updates and self._imitates_updates:
            seam.tell_upstream(Note.UPDATE_REQUEST, instead.update_request(memory))
        self._updates = 0

    def _offered(self, capability: Capability) -> None:
        """What only a server that has offered it may be sent."""
        memory, seam = self.memory, self.memory.seam
        if capability is Capability.CONTINUOUS_UPDATES:
            enable = memory.continuous_updates
            if enable is not None and enable[1]:
                memory.formats.continuous_updates_set(enabled=True)
                seam.tell_upstream(Note.CONTINUOUS_UPDATES, enable)
        elif capability is Capability.AUDIO:
            for message in replay.audio(memory):
                seam.tell_upstream(Note.REPLAYED, message)
        elif capability is Capability.QEMU_KEY:
            down = memory.keyboard.keycodes.keys() | memory.keyboard.translated.keys()
            for keycode, keysym in self._keys_up.items():
                if keycode not in down:
                    seam.tell_upstream(Note.KEYS_LIFTED, qemu_key_event(keysym, keycode, down=False))

    def _look_back(self) -> None:
        """Close the seam, between two messages, as soon as there is nothing left to look at."""
        memory = self.memory
        if not self.refreshed:
            self.refreshed = self._area >= memory.width * memory.height
        if not self.refreshed or self._resets_h264:
            return
        self._between = Inside.RECTANGLE
        updates = Capability.CONTINUOUS_UPDATES
        if updates in memory.offered or updates not in memory.learned:
            self._idle = self._inside = Inside.MESSAGE
            self._open = False
