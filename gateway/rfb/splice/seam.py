"""What a splice has to know beyond Memory, and the outlets that go against the stream.

Owns the state of one session's seam; Memory carries it, since client and server stream both work on it.
"""

from dataclasses import dataclass, field

from gateway.rfb.inflators import Stream
from gateway.rfb.splice.masked import Masked
from gateway.rfb.splice.report import Report

TO_BROWSER_MAX = 256 * 1024
"""Bytes that may wait for a message's border; only a client that asks and asks without reading gets there."""


@dataclass(slots=True)
class Held:
    """What an upstream was last told to be down, and the next one must be told is not: keysyms, keycodes with their
    keysyms, and the buttons of the last PointerEvent."""

    keysyms: set[int] = field(default_factory=set)
    keycodes: dict[int, int] = field(default_factory=dict)
    buttons: int = 0


@dataclass(slots=True)
class Seam:
    """`away`: there is no upstream; client messages only change what is remembered.

    `to_browser`: the gateway's own messages for the browser, which may leave only between two server messages: see
    ServerStream.interject. `to_upstream`: its own for the upstream, caused by what the server sent; whoever feeds the
    server stream sends and clears them at once.

    `masked`, `held`: see there. `late_fences`: answers still to come from the client to fences of upstreams that are
    gone. `left_out`: zlib streams that can't go on in the client's inflators; their encodings aren't negotiated any
    more. `h264_used`: the client's H.264 contexts have content. `report`: of the last loss and what followed it.
    """

    away: bool = False
    to_browser: list[bytes] = field(default_factory=list)
    to_upstream: list[bytes] = field(default_factory=list)
    masked: Masked = field(default_factory=Masked)
    held: Held = field(default_factory=Held)
    late_fences: int = 0
    left_out: set[Stream] = field(default_factory=set)
    h264_used: bool = False
    report: Report = field(default_factory=Report)
