"""What both ends of a stress session note down, so that they can be compared."""

import hashlib
from dataclasses import dataclass, field


class Tally:
    """Bytes that passed one point, in order."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.blake2b()

    def add(self, data: bytes) -> None:
        """Count and hash `data`."""
        self.size += len(data)
        self._hash.update(data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and (self.size, self._hash.digest()) == (other.size, other._hash.digest())

    def __hash__(self) -> int:
        return hash(self._hash.digest())


@dataclass
class Flow:
    """One direction. `all_sent`: `sent` is final, though its last bytes may still be on their way."""

    sent: Tally = field(default_factory=Tally)
    received: Tally = field(default_factory=Tally)
    all_sent: bool = False

    @property
    def all_received(self) -> bool:
        """Whether as many bytes arrived as were ever sent."""
        return self.all_sent and self.received.size >= self.sent.size


@dataclass
class StressSession:
    """A session as its two ends saw it. `error`: what ended an end early."""

    number: int
    down: Flow = field(default_factory=Flow)
    up: Flow = field(default_factory=Flow)
    error: Exception | None = None

    @property
    def differences(self) -> list[str]:
        """What was not as it should be, one line each."""
        lines = [f"session {self.number}: {self.error!r}"] if self.error else []
        for name, flow in (("to the browser", self.down), ("to the server", self.up)):
            if flow.sent != flow.received:
                sizes = f"{flow.sent.size} bytes sent, {flow.received.size} received"
                lines.append(f"session {self.number}: {name} the bytes differ ({sizes})")
        return lines
