"""Clocks and counts of a simulated cloud, as values: one-time addresses, a budget, idleness. Time is an argument."""

import base64
import secrets
from collections import defaultdict, deque
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Self

from gateway.simulator.clouds.instances import Instance


@dataclass(frozen=True, slots=True)
class Times:
    """How long things last, in seconds: what the clouds document (clouds.md), or that divided by a scale."""

    alibaba_address: float = 15
    huawei_address: float = 600
    idle: float = 300
    minute: float = 60  # the window of "30 a minute"
    lockout: float = 300  # Huawei locks a key after failures
    temporary_key: float = 21600

    def scaled(self, scale: float) -> Self:
        return type(self)(**{field.name: getattr(self, field.name) / scale for field in fields(self)})


class Budget:
    """At most `most` events per instance within a sliding window."""

    def __init__(self, most: int, window: float) -> None:
        self.most = most
        self._window = window
        self._spent: defaultdict[str, deque[float]] = defaultdict(deque)

    def spend(self, instance: str, now: float) -> float:
        """0 when it was free, else the seconds until it will be."""
        spent = self._spent[instance]
        while spent and spent[0] <= now - self._window:
            spent.popleft()
        if len(spent) >= self.most:
            return spent[0] + self._window - now
        spent.append(now)
        return 0


class Addresses:
    """Tokens that open one connection each, within `life` seconds."""

    def __init__(self, life: float) -> None:
        self.life = life
        self._open: dict[str, tuple[Instance, float]] = {}  # with the end of each, the oldest first
        self._used: deque[str] = deque(maxlen=1000)

    @property
    def waiting(self) -> int:
        """How many were issued and not taken."""
        return len(self._open)

    def issue(self, token: str, instance: Instance, now: float) -> None:
        while self._open and next(iter(self._open.values()))[1] <= now - self.life:
            del self._open[next(iter(self._open))]
        self._open[token] = (instance, now + self.life)

    def take(self, token: str, now: float) -> Instance | str:
        """The instance, or why not: `unknown`, `used`, `expired`."""
        entry = self._open.pop(token, None)
        if entry is None:
            return "used" if token in self._used else "unknown"
        self._used.append(token)
        instance, until = entry
        return instance if now < until else "expired"


def awkward_token() -> str:
    """A token in base64 as Alibaba's are: always with the slash and the plus that clients get wrong."""
    return "Dvh/IA+" + base64.b64encode(secrets.token_bytes(45)).decode()


class IdleCounts(StrEnum):
    """What a proxy counts as activity: client messages of RFB, only keys and pointer, or any frame, pings too."""

    RFB = "rfb"
    INPUT = "input"
    ANY = "any"


class IdleClock:
    """Since when nothing has happened that counts."""

    def __init__(self, counts: IdleCounts, limit: float, now: float) -> None:
        self._counts = counts
        self._limit = limit
        self._since = now
        self._messages = self._inputs = 0

    def heard(self, now: float, *, messages: int, inputs: int) -> None:
        """A frame came; `messages` and `inputs` are the totals of what RFB was in all frames so far."""
        counted = {
            IdleCounts.ANY: True,
            IdleCounts.RFB: messages != self._messages,
            IdleCounts.INPUT: inputs != self._inputs,
        }[self._counts]
        if counted:
            self._since = now
        self._messages, self._inputs = messages, inputs

    @property
    def deadline(self) -> float:
        return self._since + self._limit
