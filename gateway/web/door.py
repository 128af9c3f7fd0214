"""How many connections may stand before the server without a session, and how often one source may come.

Whoever connects and says nothing costs a socket and memory, so there is a bound. At the bound the one that has been
quiet longest leaves: a flood only pushes out itself, while a browser is through within a second.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Literal

from gateway.config.networks import address
from gateway.config.values import is_loopback

Why = Literal["crowded", "too_often", "no_proxy", "bad_header"]

MOST = 1000
"""Connections without a session: two thousand people who come back within seconds after a restart are fewer at once."""

RATE = 50.0
"""Connections a second that one source may go on opening: an office behind one address, at nine in the morning."""

BURST = 1000.0
"""Connections that it may open at once before RATE counts."""

MAX_SOURCES = 20_000
"""Sources remembered, 150 bytes each."""


@dataclass(eq=False, slots=True)
class Place:
    """One connection's place. `drop` ends the connection."""

    door: "Door"
    drop: Callable[[], object]

    def moved(self) -> None:
        """The connection has got further: others are longer quiet now."""
        if self in self.door.places:
            self.door.places.move_to_end(self)

    def leave(self) -> None:
        """The connection is over, or a session's; it may be said twice."""
        self.door.places.pop(self, None)


@dataclass(slots=True)
class Door:
    """The way into one listener. `exempt(source)`: addresses that speak for any number of people, as proxies do.

    `dropped(why)` is told of each connection that is not let in.
    """

    now: Callable[[], float]
    exempt: Callable[[str], bool] = is_loopback
    most: int = MOST
    dropped: Callable[[Why], None] = lambda _: None
    places: OrderedDict[Place, None] = field(default_factory=OrderedDict)
    _due: dict[str, float] = field(default_factory=dict)

    def enter(self, drop: Callable[[], object]) -> Place:
        """Give a place; where there is none left, the one that has been quiet longest loses its own."""
        if len(self.places) >= self.most:
            quiet, _ = self.places.popitem(last=False)
            self.dropped("crowded")
            quiet.drop()
        place = Place(self, drop)
        self.places[place] = None
        return place

    def too_often(self, source: str) -> bool:
        """Count a connection of `source`; True if it is to be dropped, and then it does not count."""
        if self.exempt(source):
            return False
        now, key = self.now(), _network(source)
        # When the source will have had time for all that it opened so far, at RATE.
        due = max(self._due.get(key, now), now)
        if due - now > (BURST - 1) / RATE:
            self.dropped("too_often")
            return True
        self._due[key] = due + 1 / RATE
        if len(self._due) > MAX_SOURCES:
            self._forget(now)
        return False

    def _forget(self, now: float) -> None:
        self._due = {key: due for key, due in self._due.items() if due > now}
        if len(self._due) > MAX_SOURCES // 2:  # that many at once are no few sources: the bound is on places, then
            self._due.clear()


def _network(source: str) -> str:
    """What one customer of a network has: an address, or 2^64 of them (RFC 6177)."""
    read = address(source)
    return read.exploded[:19] if isinstance(read, IPv6Address) else source
