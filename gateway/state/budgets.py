"""What was taken from budgets in the last minute, as far as this process knows."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.state.state import BUDGET_WINDOW, Spent

SWEEP_AT = 10_000
"""Budgets kept before those of which nothing was taken lately are looked for and dropped."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One that was taken `at` (the clock's seconds); called `name` among replicas."""

    at: float
    name: str


class Budgets:
    """Budgets by name. `clock` gives seconds, monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._taken: dict[str, deque[Taken]] = {}

    def take(self, budget: str, per_minute: int, name: str = "") -> Spent:
        """Take one if fewer than `per_minute` were in the last minute."""
        taken = self._recent(budget)
        if len(taken) >= per_minute:
            # where more were taken, by a share that has become smaller, as many have to be forgotten
            return Spent(taken[len(taken) - per_minute].at + BUDGET_WINDOW - self._clock(), 0)
        self.note(budget, name)
        return Spent(0.0, per_minute - len(taken))

    def note(self, budget: str, name: str) -> None:
        """Remember one that was taken now."""
        self._recent(budget).append(Taken(self._clock(), name))

    def ages(self, budget: str) -> list[tuple[str, float]]:
        """Names of what was taken from `budget` in the last minute, and for how many seconds each is gone."""
        now = self._clock()
        return [(taken.name, now - taken.at) for taken in self._recent(budget)]

    def __iter__(self) -> Iterator[str]:
        """Those of which something was taken in the last minute."""
        return iter([budget for budget in list(self._taken) if self._recent(budget)])

    def _recent(self, budget: str) -> deque[Taken]:
        since = self._clock() - BUDGET_WINDOW
        if len(self._taken) >= SWEEP_AT and budget not in self._taken:
            self._taken = {name: taken for name, taken in self._taken.items() if taken and taken[-1].at > since}
        taken = self._taken.setdefault(budget, deque())
        while taken and taken[0].at <= since:
            taken.popleft()
        return taken
