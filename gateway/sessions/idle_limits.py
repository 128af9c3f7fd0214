"""Which upstream hosts cut sessions for want of input: learnt from how they cut (rfb.md §7, the ladder).

A host is taken to have such a limit when it closed two of its connections after about the same time without a key
or pointer event, not at the same moment: that is a restart. Only then does keepalive climb to its second rung there,
and only if the first one had been tried: a session without keepalive says nothing about what would have helped.
"""

from dataclasses import dataclass, field

NEAR = 0.05
"""Two idle times within 5 %, or within NEAR_S, of each other are the same limit."""

NEAR_S = 3.0

APART = 0.5
"""Two cuts less than half the idle time apart are one event that hit many sessions, not two observations."""

MAX_HOSTS = 2000
"""Hosts remembered, asked or not; beyond it learning begins anew."""


@dataclass(slots=True)
class IdleLimits:
    """The hosts of a process and what was seen of them."""

    _seen: dict[tuple[str, bool], tuple[float, float]] = field(default_factory=dict)
    _known: set[tuple[str, bool]] = field(default_factory=set)

    def cut(self, host: str, idle: float, now: float, *, asked: bool) -> bool:
        """`host` closed a connection `idle` seconds after the last input; True if that is its limit, it seems.

        `asked`: in spite of the first rung of keepalive.
        """
        key = host, asked
        seen = self._seen.get(key)
        if len(self._seen) >= MAX_HOSTS:
            self._seen.clear()
            self._known.clear()
        if seen is not None and now - seen[1] < APART * idle:
            return key in self._known
        self._seen[key] = idle, now
        alike = seen is not None and abs(seen[0] - idle) <= max(NEAR_S, NEAR * idle)
        if alike:
            self._known.add(key)
        return alike

    def needs_input(self, host: str) -> bool:
        """True where asking for updates keeps no session open: only input may."""
        return (host, True) in self._known
