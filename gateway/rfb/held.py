"""How much of unfinished messages may be held back, for a session and for the process.

Owns the two counts. What happens to a message that may not be held is the stream's decision.
"""

from dataclasses import dataclass

SESSION_LIMIT = 4 * 1024 * 1024
"""The largest rectangle of known servers, a whole screen in Zlib, is far below it (rfb.md §3)."""

PROCESS_LIMIT = 128 * 1024 * 1024
"""What 2,000 sessions need when each holds 64 KiB, the largest rectangle that is common."""

ALWAYS_HELD = 2048
"""Granted whatever the limits say: what a unit may need to tell its length. Tight's largest palette has 1,024 bytes."""


@dataclass(slots=True)
class HeldTotal:
    """Bytes promised to all sessions of the process. `limit` is in bytes."""

    limit: int = PROCESS_LIMIT
    used: int = 0


class HeldBudget:
    """One session's part: a single reservation, since a stream has at most one unfinished message."""

    __slots__ = ("_limit", "_total", "reserved")

    def __init__(self, total: HeldTotal, limit: int = SESSION_LIMIT) -> None:
        self._total = total
        self._limit = limit
        self.reserved = 0

    def reserve(self, length: int) -> bool:
        """Replace the reservation by one of `length` bytes; False, and none left, if a limit forbids it."""
        self.release()
        fits = length <= self._limit and self._total.used + length <= self._total.limit
        if not fits and length > ALWAYS_HELD:
            return False
        self._total.used += length
        self.reserved = length
        return True

    def release(self) -> None:
        """Give back what is reserved: the message is whole, or its session is over."""
        self._total.used -= self.reserved
        self.reserved = 0
