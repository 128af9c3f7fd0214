"""What a splice has to know beyond Memory, and the outlets that go against the stream.

Owns the state of one session's seam; Memory carries it, since client and server stream both work on it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from gateway.errors import ProtocolViolation
from gateway.rfb.encodings import TIGHT_ENCODINGS, Encoding
from gateway.rfb.inflators import Stream
from gateway.rfb.splice.masked import Masked
from gateway.rfb.splice.report import Note, Report

TO_BROWSER_MAX = 1024  # messages waiting for a border; only a client that asks without end gets there

RELEASED_MAX = 64  # keys let go while a line is dead and nobody has noticed

_CARRIERS: Mapping[Stream, frozenset[int]] = {
    Stream.ZLIB: frozenset({Encoding.ZLIB}),
    Stream.ZRLE: frozenset({Encoding.ZRLE}),
    Stream.ZYWRLE: frozenset({Encoding.ZYWRLE}),
}
"""The encodings that a zlib stream is used by; those of Tight are used by all its encodings."""


@dataclass(slots=True)
class Held:
    """What an upstream was last told to be down, and the next one must be told is not.

    Keysyms of KeyEvent, keycodes of QEMU's events with their keysyms, buttons of the last PointerEvent.
    """

    keysyms: dict[int, None] = field(default_factory=dict)
    keycodes: dict[int, int] = field(default_factory=dict)
    buttons: int = 0


@dataclass(slots=True)
class Released:
    """What was let go since the server was last heard of: it may not know.

    `update`: how many updates had begun by then; another one says that the line was alive.
    """

    keysyms: dict[int, None] = field(default_factory=dict)
    buttons: int = 0
    update: int = 0

    def key(self, keysym: int, update: int) -> None:
        """A key-up was sent."""
        self._since(update)
        if len(self.keysyms) < RELEASED_MAX:
            self.keysyms[keysym] = None

    def pointer(self, buttons: int, update: int) -> None:
        """A PointerEvent was sent in which these buttons are up that had been down."""
        self._since(update)
        self.buttons |= buttons

    def _since(self, update: int) -> None:
        if update != self.update:
            self.keysyms.clear()
            self.buttons = 0
            self.update = update


@dataclass(slots=True)
class Seam:
    """`away`: there is no upstream; client messages only change what is remembered.

    `to_browser`: the gateway's own messages for the browser, which may leave only between two server messages: see
    ServerStream.interject. `to_upstream`: its own for the upstream, caused by what the server sent; whoever feeds the
    server stream sends and clears them at once.

    `masked`, `held`, `released`: see there. `offered_before`: capabilities of the upstream that was lost last.
    `late_fences`: answers still to come from the client to fences of upstreams that are gone. `left_out`: zlib streams
    that can't go on in the client's inflators. `h264_used`: the client's H.264 contexts have content. `report`: of the
    last loss and what followed it.
    """

    away: bool = False
    to_browser: list[bytes] = field(default_factory=list)
    to_upstream: list[bytes] = field(default_factory=list)
    masked: Masked = field(default_factory=Masked)
    held: Held = field(default_factory=Held)
    released: Released = field(default_factory=Released)
    offered_before: Collection[int] = ()
    late_fences: int = 0
    left_out: set[Stream] = field(default_factory=set)
    h264_used: bool = False
    report: Report = field(default_factory=Report)

    @property
    def encodings_left_out(self) -> frozenset[int]:
        """Encodings that are not negotiated any more, for the rest of the session."""
        return frozenset().union(*(_CARRIERS.get(stream, TIGHT_ENCODINGS) for stream in self.left_out))

    def tell_browser(self, kind: Note, message: bytes) -> None:
        """Queue a message for the browser. Raises ProtocolViolation if it causes more of them than it takes."""
        if len(self.to_browser) >= TO_BROWSER_MAX:
            raise ProtocolViolation("the browser asks more than it waits for answers")
        self.to_browser.append(message)
        self.report.note(kind, len(message))

    def tell_upstream(self, kind: Note, message: bytes) -> None:
        """Queue a message for the upstream; there is at most one for each update or announcement of the server's."""
        self.to_upstream.append(message)
        self.report.note(kind, len(message))
