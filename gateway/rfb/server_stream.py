"""What the upstream sends after ServerInit, on its way to the browser (RFC 6143 §7.6, rfbproto).

Owns which messages pass, which are dropped, and what is remembered of them. Leaves updates to updates, layouts to
server_messages, the joining of chunks to framing. One of these lives as long as one upstream connection.

Messages leave whole, ServerCutText too: its extended form is compressed, and a half-sent one could not be completed
when the upstream is lost. One that is too large to hold streams from its first byte, as a rectangle does.
"""

from collections.abc import Sequence
from struct import Struct

from gateway.errors import NotUnderstood
from gateway.rfb import clipboard
from gateway.rfb.framing import Released
from gateway.rfb.held import HeldBudget
from gateway.rfb.memory import Capability, Change, Memory
from gateway.rfb.messages import FENCE_REQUEST, ServerMessage, XvpServer
from gateway.rfb.policy import Policy
from gateway.rfb.server_messages import MEASURES
from gateway.rfb.splice.fillers import END_OF_CONTINUOUS_UPDATES
from gateway.rfb.splice.joint import Joint
from gateway.rfb.standing import Inside
from gateway.rfb.updates import UpdateFraming

_FENCE = Struct(">BxxxIB")
_FRAMEBUFFER_UPDATE = int(ServerMessage.FRAMEBUFFER_UPDATE)


class ServerStream(UpdateFraming):
    """Feed it the upstream's bytes; it gives what the browser may have of them. See Framing.receive."""

    __slots__ = ("_interjections", "_joint", "policy")

    def __init__(self, memory: Memory, budget: HeldBudget, policy: Policy | None = None) -> None:
        super().__init__(memory, budget)
        self.policy = policy or Policy()
        self._interjections = memory.seam.to_browser
        self._joint: Joint | None = None  # JoinedStream's

    @property
    def refreshed(self) -> bool:
        """Whether the picture is this server's: False in a joined stream until a whole screen has come."""
        return True

    @property
    def between_messages(self) -> bool:
        """Whether the browser stands between two server messages."""
        return self._inside is self._idle and not self._rectangles_left

    def take_parked(self) -> Sequence[bytes]:
        """What is released and has not been handed on: nothing, but in a joined stream."""
        return ()

    def interject(self, out: Released) -> None:
        """Append what the gateway itself has for the browser, if this is a place where it may go."""
        if self._interjections and self.between_messages:
            self._take_interjections(out)

    def _take_interjections(self, out: Released) -> None:
        """EndOfContinuousUpdates is the mark of a new pixel format: it waits for the last update in the old one."""
        waiting, settled = self._interjections, self.memory.formats.settled
        while waiting and (settled or waiting[0] != END_OF_CONTINUOUS_UPDATES):
            out.append(waiting.pop(0))

    def _message(self, view: memoryview, at: int, limit: int, out: Released) -> int:
        if self._interjections:
            self._flush(view, at, out)
            self._take_interjections(out)
        kind = view[at]
        if kind == _FRAMEBUFFER_UPDATE:
            return self._begin_update(view, at, limit, out)
        measure = MEASURES.get(kind)
        if measure is None:
            raise NotUnderstood(f"server message of type {kind}")
        end = measure(view, at, limit)
        if end > limit:
            return self._unfinished_message(view, at, limit, end)
        unwanted = self._unwanted(view, at, end)
        if unwanted is not None:
            self.memory.changed[unwanted] += 1
            self._replace(view, at, end, (), out)
            return end
        self._remember(kind, view, at, end)
        self.memory.messages_beside_updates += 1
        return end

    def _unfinished_message(self, view: memoryview, at: int, limit: int, end: int) -> int:
        if self._hold(at, end):
            return at
        unwanted = self._unwanted(view, at, limit)
        if unwanted is None:
            self._count_text(view, at, end)
            self.memory.messages_beside_updates += 1
            return self._begin_oversized(at, end)
        self.memory.changed[unwanted] += 1
        self._begin_bulk(at, end, repairable=True)
        self._inside = Inside.DROPPED
        return at

    def _unwanted(self, view: memoryview, at: int, end: int) -> Change | None:
        """The reason why the browser must not get the message whose begin is in view[at:end], if there is one."""
        kind = view[at]
        if kind == ServerMessage.SET_COLOUR_MAP_ENTRIES and self.memory.formats.asked.true_colour:
            return Change.COLOUR_MAP_DROPPED  # it would end a noVNC session
        if kind == ServerMessage.CUT_TEXT and not self._clipboard_permitted(view, at):
            return Change.CLIPBOARD_DROPPED
        if kind == ServerMessage.FENCE and self._answers_us(view, at, end):
            return Change.OWN_FENCE_DROPPED
        return None

    def _clipboard_permitted(self, view: memoryview, at: int) -> bool:
        policy = self.policy
        flags = clipboard.flags_in(view, at)
        return clipboard.permitted(flags, sender_gives=policy.text_from_vm, sender_takes=policy.text_to_vm)

    def _count_text(self, view: memoryview, at: int, end: int) -> None:
        if view[at] == ServerMessage.CUT_TEXT:
            self.memory.acts.text_from_vm += clipboard.text_bytes(view, at, end)

    def _answers_us(self, view: memoryview, at: int, end: int) -> bool:
        """Whether a whole fence answers one of the gateway's own."""
        ours = self.memory.fences.ours
        if not ours:
            return False
        _, flags, length = _FENCE.unpack_from(view, at)
        payload = bytes(view[end - length : end])
        if flags & FENCE_REQUEST or payload not in ours:
            return False
        ours.remove(payload)
        return True

    def _remember(self, kind: int, view: memoryview, at: int, end: int) -> None:
        memory = self.memory
        if kind == ServerMessage.END_OF_CONTINUOUS_UPDATES:
            memory.offer(Capability.CONTINUOUS_UPDATES)
            memory.formats.updates_ended()
        elif kind == ServerMessage.FENCE:
            _, flags, length = _FENCE.unpack_from(view, at)
            memory.fences.from_server(flags, bytes(view[end - length : end]))
            if flags & FENCE_REQUEST:
                memory.offer(Capability.FENCE)
        elif kind == ServerMessage.XVP and view[at + 3] == XvpServer.INIT:
            memory.offer(Capability.XVP)
        elif kind == ServerMessage.CUT_TEXT:
            self._count_text(view, at, end)
            flags = clipboard.flags_in(view, at)
            if flags is not None and flags & clipboard.Flags.CAPS:
                memory.clipboard_flags = flags
                memory.offer(Capability.EXTENDED_CLIPBOARD)
