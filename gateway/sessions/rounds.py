"""When each open session is looked at: when one of its clocks is due, and in the round after something passes in it.

The registry turns the rounds. A session in which nothing passes is in two rounds of twenty, those of its pings and
their answers: even a short look at each of 5,000 in every round was half a percent of a core (measured).
"""

import math
from typing import Protocol


class Watched(Protocol):
    """What is looked at."""

    def tick(self, now: float) -> float:
        """Look at everything once: when to look again, if nothing passes. Raises nothing."""


class Rounds:
    """The rounds to come, and who is looked at in each."""

    def __init__(self) -> None:
        self._number = 0
        self._rounds: dict[int, set[Watched]] = {}
        self._place: dict[Watched, int] = {}

    def soon(self, watch: Watched) -> None:
        """Look at `watch` in the next round."""
        self._put(watch, self._number + 1)

    def forget(self, watch: Watched) -> None:
        """Never look at `watch` again."""
        number = self._place.pop(watch, None)
        if number is not None:
            self._rounds[number].discard(watch)

    def turn(self, now: float, every: float) -> None:
        """Look at all whose round it is; the next round is in `every` seconds."""
        self._number += 1
        for watch in self._rounds.pop(self._number, ()):
            del self._place[watch]
            due = watch.tick(now)
            if due < math.inf:
                self._put(watch, self._number + max(1, math.ceil((due - now) / every)))

    def _put(self, watch: Watched, number: int) -> None:
        self.forget(watch)
        self._place[watch] = number
        self._rounds.setdefault(number, set()).add(watch)
