"""Callers, clocks and access for tests of access modes."""

from multidict import CIMultiDict

from gateway.access.access import Access, Mode
from gateway.access.caller import Caller
from gateway.access.grants import Seal
from gateway.state.memory import MemoryState
from support.audit import audit

GRANT_TTL = 3600


class Clock:
    """Unix seconds that go on when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def caller(bearer: str | None = None, *, source: str = "10.1.2.3", **headers: str) -> Caller:
    """Somebody who shows `bearer`, through a trusted proxy if there are `headers`."""
    return Caller(source, bearer, CIMultiDict(headers), trusted_proxy=bool(headers), certificate=None)


def access(mode: Mode, clock: Clock, *, state: MemoryState | None = None, seal: Seal | None = None) -> Access:
    """Access with a state of its own unless one is given."""
    return Access(mode, state or MemoryState(clock), seal or Seal(), audit(), grant_ttl=GRANT_TTL, clock=clock)
