"""Which pixel format the next FramebufferUpdate is in.

Owns the one subtle rule of SetPixelFormat in mid-session: updates on their way are still in the format that
was in force when they were asked for. Client and server stream both write here; only the server stream reads.
"""

from gateway.rfb.pixel_format import PixelFormat

# Formats that requests are open for. A client changes format once or twice in its life; a book that is full
# forgets its oldest line, so that a client that only asks cannot make it grow.
_LINES_MAX = 16


class FormatBook:
    """Open requests, each line a format asked for in one go, and the format in force.

    Without continuous updates a format counts from the first update whose request followed SetPixelFormat. Under
    continuous updates nothing is requested: it counts from EndOfContinuousUpdates, which a client provokes by
    disabling and enabling them around the change. TigerVNC's viewer has the same rule.
    """

    __slots__ = ("_continuous", "_ends_due", "_requests", "_until_end", "asked", "current", "updates")

    def __init__(self, pixel_format: PixelFormat) -> None:
        self.current = pixel_format
        self.asked = pixel_format
        self._requests: list[PixelFormat] = []
        self._continuous = False
        self._ends_due = 0
        self._until_end = False
        self.updates = 0

    @property
    def settled(self) -> bool:
        """Whether the next update is in the format that the client asked for last."""
        return not self._until_end and (not self._requests or self._requests[0] is self.asked)

    def rejoin(self) -> tuple[int, int]:
        """A new upstream is told the format asked for last, and nothing else is open.

        Returns what the client still waits for from the old one: updates in formats that are no more, and
        EndOfContinuousUpdates.
        """
        stale = sum(line is not self.asked for line in self._requests)
        ends = self._ends_due
        self.current = self.asked
        self._requests.clear()
        self._continuous = False
        self._ends_due = 0
        self._until_end = False
        return stale, ends

    def format_asked(self, pixel_format: PixelFormat) -> None:
        """SetPixelFormat went to the server."""
        self.asked = pixel_format
        self._until_end = self._continuous or self._ends_due > 0

    def update_requested(self) -> None:
        """FramebufferUpdateRequest went to the server. A server merges requests: one line for each format."""
        requests = self._requests
        if not requests or requests[-1] is not self.asked:
            requests.append(self.asked)
            del requests[:-_LINES_MAX]

    def continuous_updates_set(self, *, enabled: bool) -> None:
        """EnableContinuousUpdates went to the server."""
        if not enabled:
            self._ends_due += 1
        self._continuous = enabled

    def updates_ended(self) -> None:
        """EndOfContinuousUpdates came. The first of a connection answers nothing: it only says that it can."""
        self._ends_due = max(self._ends_due - 1, 0)
        if self._until_end and not self._ends_due:
            self._until_end = False
            self.current = self.asked
            self._requests = [self.asked] if self._requests else []

    def update_begun(self) -> PixelFormat:
        """A FramebufferUpdate begins: the format that it is in. `updates` counts them."""
        self.updates += 1
        line = self._requests.pop(0) if self._requests else self.asked
        if not self._until_end:
            self.current = line
        return self.current

    @property
    def steady(self) -> bool:
        """Whether updates may begin unseen: nothing is requested that they answer, and none changes the format."""
        return not self._requests and (self._until_end or self.current is self.asked)
