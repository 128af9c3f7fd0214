"""When a session ends although nothing is wrong: nobody is there, it has lasted long enough, its grant is over."""

import math

from gateway.config.blocks import SessionLimits
from gateway.errors import DurationOver, GatewayError, GrantEnded, HumanIdle

ANNOUNCED = 300.0
"""Seconds before a fixed end at which the page is told: time to finish and to log out of the machine."""


class TimeLimits:
    """The clocks of one session that opened `now`; `grant_left` seconds later its grant ends. Times are the loop's.

    `due`: when one of them may have something to say.
    """

    def __init__(self, limits: SessionLimits, grant_left: float, now: float) -> None:
        self._idle = limits.human_idle or math.inf
        self._ends_at = now + limits.duration
        self._reason: GatewayError = DurationOver(f"open for {limits.duration:g} s")
        if grant_left < limits.duration:
            self._ends_at = now + grant_left
            self._reason = GrantEnded("the grant is over")
        self._announce_at = self._ends_at - ANNOUNCED
        self._human_at = now
        self._humans = 0

    @property
    def due(self) -> float:
        """When to look again, if no human comes."""
        return min(self._announce_at, self._ends_at, self._human_at + self._idle)

    @property
    def last_input_at(self) -> float | None:
        """When the last human message was seen; None before the first."""
        return self._human_at if self._humans else None

    def announced(self, now: float) -> float | None:
        """Seconds until the fixed end, once, when the page has to be told; else None."""
        if now < self._announce_at:
            return None
        self._announce_at = math.inf
        return max(0.0, self._ends_at - now)

    def over(self, now: float, humans: int) -> GatewayError | None:
        """Why the session is over, if it is. `humans`: messages of keys and pointers so far."""
        if humans != self._humans:
            self._humans, self._human_at = humans, now
        if now >= self._ends_at:
            return self._reason
        if now - self._human_at >= self._idle:
            return HumanIdle(f"no key or pointer for {self._idle:g} s")
        return None
