"""The stream of an upstream that follows another one, as the same browser can read it (rfb.md §4, §5, §6).

Owns what happens until the picture is refreshed: sizes that differ, the first EndOfContinuousUpdates, what is due when
the new server offers it. Zlib headers are dropped by every ServerStream, at resets too: see zlib_streams.

Until then each message and rectangle is looked at before it is taken (Inside.SEAM), and what is released goes through
a list of our own.
"""

from collections.abc import Sequence

from gateway.errors import UpstreamChanged
from gateway.rfb.encodings import PIXELS, Encoding
from gateway.rfb.framing import Released
from gateway.rfb.held import HeldBudget
from gateway.rfb.memory import Capability, Memory
from gateway.rfb.messages import PLAIN_BUTTONS, U32, ServerMessage, extended_pointer_event, qemu_key_event
from gateway.rfb.policy import Policy
from gateway.rfb.server_init import ServerInit
from gateway.rfb.server_stream import ServerStream
from gateway.rfb.splice import fillers, instead, replay
from gateway.rfb.splice.joint import Joint
from gateway.rfb.splice.report import Note
from gateway.rfb.splice.seam import Held
from gateway.rfb.standing import Inside
from gateway.rfb.updates import HEADER

PARKED_MAX = 256 * 1024
"""Bytes of pseudo rectangles that may wait for the first pixels: cursors and names. A client is told the size of
ServerInit if a server sends more."""

_SIZES = frozenset({Encoding.DESKTOP_SIZE, Encoding.EXTENDED_DESKTOP_SIZE})

_H264_FLAGS_AT = HEADER.size + 4
_H264_RESET_ALL = 2
"""rfbproto, Open H.264: the client's contexts hold pictures of another server."""


class JoinedStream(ServerStream):
    """A ServerStream over the Memory of the streams before it, which it becomes when the seam is closed.

    Becomes by its class: the two share one layout, and CPython 3.11 caches attributes for one class at a place, so a
    process with settled streams of two classes pays a fifth more for every message of all its sessions (measured).

    May raise UpstreamLost where another connection helps (a zlib stream that can't be joined: its encoding is left out
    from now on), UpstreamChanged where none does.
    """

    __slots__ = ()

    def __init__(self, memory: Memory, budget: HeldBudget, policy: Policy | None, init: ServerInit) -> None:
        super().__init__(memory, budget, policy)
        seam = memory.seam
        self._inside = self._idle = self._between = Inside.SEAM
        due = {Capability.CONTINUOUS_UPDATES, Capability.QEMU_KEY, Capability.EXTENDED_MOUSE, Capability.AUDIO}
        self._joint = Joint(
            size=(init.width, init.height),
            keys_up=dict(seam.held.keycodes),
            buttons_owed=seam.held.buttons & ~PLAIN_BUTTONS,
            resets_h264=seam.h264_used,
            due=due - {Capability.AUDIO} if Capability.AUDIO in seam.offered_before else due,
        )

    @property
    def joint(self) -> Joint:
        """There until the seam is closed."""
        assert self._joint is not None, "a ServerStream by now"
        return self._joint

    @property
    def refreshed(self) -> bool:
        """See ServerStream."""
        return self.joint.refreshed

    @property
    def between_messages(self) -> bool:
        """See ServerStream. The browser has seen nothing of an update that waits."""
        return self.joint.mark is not None or super().between_messages

    def take_parked(self) -> Sequence[bytes]:
        """See ServerStream."""
        parked = [bytes(part) for part in self.joint.parked]
        self.joint.parked = []
        self.joint.mark = None
        return parked

    def receive(self, data: memoryview | bytes, out: Released) -> None:
        """See Framing.receive."""
        joint = self._joint
        if joint is None:  # a method that was bound before the seam was closed
            ServerStream.receive(self, data, out)
            return
        # What the replay said of keys and buttons came before the requests that these bytes answer.
        self.memory.seam.held = Held(buttons=joint.buttons_owed)
        try:
            super().receive(data, joint.parked)
        finally:
            self._hand_on(joint, out)
        self._tell_upstream(joint)
        if self._inside is self._idle and not self._rectangles_left:
            self._look_back(joint)
        if joint.closed:
            self._joint = None
            self.__class__ = ServerStream  # type: ignore[assignment]  # the layout is the same

    def _hand_on(self, joint: Joint, out: Released) -> None:
        if joint.mark is not None and sum(map(len, joint.parked[joint.mark :])) > PARKED_MAX:
            self._announce_size(joint)
        upto = len(joint.parked) if joint.mark is None else joint.mark
        out += joint.parked[:upto]
        joint.parked = [bytes(part) for part in joint.parked[upto:]]
        if joint.mark is not None:
            joint.mark = 0

    def _at_seam(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        if self._rectangles_left:
            return self._rectangle_at_seam(self.joint, view, at, limit, out)
        return self._message_at_seam(self.joint, view, at, limit, out)

    def _message_at_seam(self, joint: Joint, view: memoryview, at: int, limit: int, out: Released) -> int:
        self._look_back(joint)
        kind = view[at]
        if kind == ServerMessage.END_OF_CONTINUOUS_UPDATES and self._offers_updates_again():
            self._replace(view, at, at + 1, (), out)
            return at + 1
        end = self._message(view, at, limit, out)
        if kind == ServerMessage.FRAMEBUFFER_UPDATE and end > at:
            joint.updates += 1
            if self._rectangles_left and joint.size != (self.memory.width, self.memory.height):
                self._flush(view, at, out)
                joint.mark = len(out)
        return end

    def _offers_updates_again(self) -> bool:
        """Whether EndOfContinuousUpdates is this server's first, and not the client's: noVNC would switch them off."""
        memory = self.memory
        if Capability.CONTINUOUS_UPDATES in memory.offered or Capability.CONTINUOUS_UPDATES not in memory.learned:
            return False
        memory.offer(Capability.CONTINUOUS_UPDATES)
        memory.seam.report.note(Note.UPDATES_OFFER, 1)
        return True

    def _rectangle_at_seam(self, joint: Joint, view: memoryview, at: int, limit: int, out: Released) -> int:
        if limit - at < HEADER.size:
            return self._wait(at, at + HEADER.size)
        x, y, width, height, encoding = HEADER.unpack_from(view, at)
        if encoding in PIXELS and joint.mark is not None:
            self._announce_size(joint)
        resets = encoding == Encoding.H264 and joint.resets_h264
        if resets and limit - at < HEADER.size + 2 * U32.size:
            return self._wait(at, at + HEADER.size + 2 * U32.size)
        left = self._rectangles_left
        end = self._rectangle(view, at, limit, out)
        if self._inside is Inside.SEAM and self._rectangles_left == left:
            return end  # not all here
        if encoding in PIXELS and encoding != Encoding.COPY_RECT:
            joint.area += width * height
        elif encoding in _SIZES and not (encoding == Encoding.EXTENDED_DESKTOP_SIZE and x == 1 and y):
            joint.size = (width, height)
        if resets:
            joint.resets_h264 = False
            self._reset_contexts(view, at + _H264_FLAGS_AT, out)
        if not self._rectangles_left:
            joint.mark = None
        return end

    def _announce_size(self, joint: Joint) -> None:
        """Let the update that waits go, after an update that says the new size if the client still has another."""
        memory, (width, height) = self.memory, joint.size
        assert joint.mark is not None, "an update waits"
        if (memory.width, memory.height) != (width, height):
            if Encoding.DESKTOP_SIZE in memory.encodings:
                update = fillers.desktop_size(width, height)
            elif Encoding.EXTENDED_DESKTOP_SIZE in memory.encodings:
                update = fillers.extended_desktop_size(width, height)
                memory.learned.add(Capability.DESKTOP_SIZE)
            else:
                raise UpstreamChanged(f"{width}x{height} now, and the client can't follow")
            joint.parked.insert(joint.mark, update)
            memory.width, memory.height = width, height
            memory.seam.report.note(Note.SIZE, len(update))
        joint.mark = None

    def _reset_contexts(self, view: memoryview, flags_at: int, out: Released) -> None:
        """Set the flag that resets all contexts in the H.264 rectangle that was just taken."""
        (flags,) = U32.unpack_from(view, flags_at)
        self._replace(view, flags_at, flags_at + U32.size, (U32.pack(flags | _H264_RESET_ALL),), out)
        self.memory.seam.report.note(Note.H264_RESET, U32.size)

    @property
    def _imitates_updates(self) -> bool:
        """Whether the client has continuous updates on, and this server does not know them."""
        memory = self.memory
        enabled = memory.continuous_updates is not None and memory.continuous_updates[1] != 0
        return enabled and Capability.CONTINUOUS_UPDATES not in memory.offered

    def _tell_upstream(self, joint: Joint) -> None:
        offered = [capability for capability in self.memory.offered if capability in joint.due]
        joint.due = [capability for capability in joint.due if capability not in offered]
        for capability in offered:
            self._offered(joint, capability)
        if joint.updates and self._imitates_updates:
            self.memory.seam.tell_upstream(Note.UPDATE_REQUEST, instead.update_request(self.memory))
        joint.updates = 0

    def _offered(self, joint: Joint, capability: Capability) -> None:
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
            for keycode, keysym in joint.keys_up.items():
                if keycode not in down:
                    seam.tell_upstream(Note.KEYS_LIFTED, qemu_key_event(keysym, keycode, down=False))
        elif capability is Capability.EXTENDED_MOUSE:
            self._tell_buttons(joint)

    def _tell_buttons(self, joint: Joint) -> None:
        """Back and forward as they were at the loss, then as they are: see replay for the other buttons."""
        pointer, owed = self.memory.pointer, joint.buttons_owed
        joint.buttons_owed = self.memory.seam.held.buttons = 0
        if pointer is None or not owed:
            return
        for buttons in dict.fromkeys((pointer.buttons | owed, pointer.buttons)):
            event = extended_pointer_event(buttons, pointer.x, pointer.y)
            self.memory.seam.tell_upstream(Note.REPLAYED, event)

    def _look_back(self, joint: Joint) -> None:
        """Close the seam, between two messages, as soon as there is nothing left to look at."""
        memory = self.memory
        if not joint.refreshed and joint.area >= memory.width * memory.height:
            joint.refreshed = True
            if memory.desktop_size_asked is not None and Capability.DESKTOP_SIZE in memory.learned - memory.offered:
                instead.desktop_size(memory)  # who has shown the whole picture would have said that it can
        if not joint.refreshed or joint.resets_h264:
            return
        self._between = Inside.RECTANGLE
        updates = Capability.CONTINUOUS_UPDATES
        if updates in memory.offered or updates not in memory.learned:
            self._idle = self._inside = Inside.MESSAGE
            joint.closed = True
