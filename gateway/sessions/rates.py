"""How much a session passes a second, over the last minute: counts at the beginning of each few seconds.

Only what moved leaves a trace, so a session at rest costs nothing. Exact to the second between two looks at a session.
"""

SLOT = 5.0
"""Seconds between two traces."""

SLOTS = 12
"""Traces that make a minute, the one that is running included."""

Counts = tuple[int, ...]


class Rates:
    """The traces of one session, which opened `now`. Times are the loop's; counts are totals since the opening."""

    __slots__ = ("_before", "_opened_at")

    def __init__(self, now: float) -> None:
        self._opened_at = now
        self._before: list[tuple[int, Counts]] = []

    def moved(self, now: float, before: Counts) -> None:
        """Something passed just now; `before` it the counts were these."""
        slot = int(now // SLOT)
        if not self._before or self._before[-1][0] != slot:
            self._before.append((slot, before))
            del self._before[:-SLOTS]

    def per_second(self, now: float, counts: Counts) -> list[float]:
        """The rates of the last minute, or of as much of it as there was, rounded to tenths; `counts` are those now."""
        first = int(now // SLOT) - SLOTS + 1
        # No trace in the first slots of the minute: nothing moved in them, so the next trace's counts were theirs, too.
        then = next((before for slot, before in self._before if slot >= first), counts)
        seconds = max(now - max(first * SLOT, self._opened_at), 1.0)
        return [round((new - old) / seconds, 1) for new, old in zip(counts, then, strict=True)]
