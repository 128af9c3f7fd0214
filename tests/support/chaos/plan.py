"""What a cutter is to do, and what has become of a connection."""

import asyncio
import enum
import time
from dataclasses import dataclass, field

from support.servers.address import Address

HANDSHAKE = 400  # bytes: an HTTP answer and the RFB handshake lie below, nearly everything above is rectangles


class Way(enum.Enum):
    """How a connection dies."""

    RESET = "reset"
    FIN = "fin"
    CLOSE_FRAME = "close frame"

    def __str__(self) -> str:
        return self.value


TCP_WAYS = (Way.RESET, Way.FIN)
WS_WAYS = (Way.RESET, Way.FIN, Way.CLOSE_FRAME)


@dataclass(frozen=True, slots=True)
class Plan:
    """`cuts` connections die, each after `first` to `last` bytes from the server, then none.

    `last` 0: as many as a full picture takes, and a little more.
    `patience`: seconds after which a connection that has not come so far is cut where it is. `chunked`: the gateway
    gets one to three bytes at a time. `linger`: seconds that the server's side outlives the cut, half open. `lumped`:
    seconds for which the gateway's own bytes are collected, so that the server reads many messages at once.
    """

    cuts: int
    last: int = 0
    first: int = HANDSHAKE
    ways: tuple[Way, ...] = TCP_WAYS
    patience: float = 1.5
    chunked: bool = False
    linger: float = 0.0
    lumped: float = 0.0


CALM = Plan(0)


@dataclass
class Connection:
    """One connection of the gateway's. `sent` counts what it got of the server's bytes; `cut` says how it died.

    `silent`: nothing passes any more. `dying`: the server's side is gone, ours not yet. `framed`: what was sent
    ends with a whole WebSocket frame, and another may follow.
    """

    target: Address
    offset: int | None
    way: Way
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    began: float = field(default_factory=time.monotonic)
    sent: int = 0
    received: int = 0
    cut: Way | None = None
    silent: bool = False
    dying: bool = False
    framed: bool = False
    out: asyncio.StreamWriter | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def __str__(self) -> str:
        end = f"{self.cut.value} after {self.sent}" if self.cut else f"alive at {self.sent}"
        return f"{self.target.scheme}:{self.target.port} {end}"
