"""Values that are kept for a time: tickets by their hash, ends of sessions by their id."""

import heapq
from collections.abc import Callable, Iterator


class Expiring:
    """Texts under keys, each for its own time, at most `limit` at once. `clock` gives seconds, monotonic."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._values: dict[str, tuple[float, str]] = {}
        self._ends: list[tuple[float, str]] = []  # a heap; also of keys that were taken since

    def put(self, key: str, value: str, ttl: float) -> bool:
        """Keep `value` for `ttl` seconds; False when no more can be held."""
        self._forget()
        if len(self._ends) >= self._limit:
            return False
        until = self._clock() + ttl
        self._values[key] = until, value
        heapq.heappush(self._ends, (until, key))
        return True

    def get(self, key: str) -> str | None:
        """The value of `key`; None if there is none, or none any more."""
        until, value = self._values.get(key, (0.0, ""))
        return value if self._clock() < until else None

    def take(self, key: str) -> str | None:
        """The value of `key`, which is gone from now on."""
        value = self.get(key)
        self._values.pop(key, None)
        return value

    def left(self) -> Iterator[tuple[str, str, float]]:
        """Keys, values, and the seconds that each is still kept."""
        now = self._clock()
        return iter([(key, value, until - now) for key, (until, value) in self._values.items() if now < until])

    def _forget(self) -> None:
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            _, key = heapq.heappop(self._ends)
            if self.get(key) is None:
                self._values.pop(key, None)
