"""Is a leg alive? Decided from byte counts and the time alone, so that it can be tested without a socket.

Any byte received and any progress of the write buffer is life. The clock stands still while flow
control keeps us from reading the leg; a queue that the peer drains, however slowly, is no silence. Part of that queue
is the kernel's: 256 KB in front of a ping are half a minute of a 64 kbit/s line.
"""

import math
from enum import Enum, auto

STALLED_AFTER = 120.0
"""Seconds in which a peer must take at least one byte of what waits for it."""

LOOK = 1.0
"""Seconds at most from when something passes to the look that sees it."""


class Verdict(Enum):
    """What to do about a leg now."""

    ALIVE = auto()
    PING = auto()
    SILENT = auto()
    STALLED = auto()


class Liveness:
    """The clock of one leg.

    `ping_every`: seconds between pings; they also keep load balancers with 60 s idle limits content.
    `timeout`: seconds that the peer may be silent after a ping.
    `judged`: False for peers that are known not to answer pings; then silence is no loss.
    """

    __slots__ = (
        "_acknowledged",
        "_asked",
        "_asked_at_byte",
        "_drained",
        "_ping_every",
        "_pinged",
        "_received",
        "_timeout",
        "_took",
        "_waiting",
        "judged",
    )

    def __init__(self, ping_every: float, timeout: float, now: float, *, judged: bool = True) -> None:
        self._ping_every = ping_every
        self._timeout = timeout
        self.judged = judged
        self._took = self._pinged = now
        self._received = self._drained = self._acknowledged = 0
        self._waiting = False
        self._asked = math.inf  # since when a ping waits for a sign of life
        self._asked_at_byte = 0

    @property
    def due(self) -> float:
        """When a look may say something new although no byte has moved; 0 if every look may."""
        asking = self.judged and self._asked < math.inf
        return 0.0 if asking or self._waiting else self._pinged + self._ping_every

    def needs_kernel(self, received: int) -> bool:
        """True when the verdict about so many `received` bytes may depend on what the kernel holds.

        Asking it has its price.
        """
        return self._waiting or (self._asked < math.inf and received == self._received)

    def check(self, now: float, *, received: int, sent: int, unsent: int, reading: bool, in_flight: int = 0) -> Verdict:
        """Look at the leg's counters; call when `due`, and within LOOK seconds of what passes.

        `received`, `sent`: bytes so far; `unsent`: those of `sent` that still wait for the peer to take them;
        `in_flight`: those that are on their way to it. What the kernel holds counts if `needs_kernel` says so.
        """
        drained, acknowledged = sent - unsent, sent - unsent - in_flight
        if self._asked < math.inf and self._acknowledged < min(acknowledged, self._asked_at_byte):
            self._asked = now  # the ping was not there yet
        self._acknowledged = acknowledged
        # Only of what had to wait: the kernel takes a ping even if nobody is there.
        moved = self._waiting and drained > self._drained
        if received != self._received or moved or unsent or not reading:
            self._asked = math.inf
        if moved or not unsent:
            self._took = now
        elif not self._waiting:
            self._took = max(self._took, now - LOOK)
        self._received, self._drained, self._waiting = received, drained, unsent > 0
        if unsent:
            return Verdict.STALLED if now - self._took >= STALLED_AFTER else Verdict.ALIVE
        if self.judged and now - self._asked >= self._timeout:
            return Verdict.SILENT
        if now - self._pinged < self._ping_every:
            return Verdict.ALIVE
        self._pinged = now
        if self._asked == math.inf and reading:
            self._asked, self._asked_at_byte = now, sent
        return Verdict.PING
