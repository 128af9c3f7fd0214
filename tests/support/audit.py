"""Reading an audit trail as somebody who doubts it: every line whole, numbered, and chained to the one before."""

import errno
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.telemetry.audit import Audit
from gateway.telemetry.metrics import Metrics

FIRST = "0" * 64


class Paper:
    """A trail in memory, of `lines`; it can be full."""

    def __init__(self, last: bytes = b"") -> None:
        self.last = last
        self.lines: list[bytes] = []
        self.full = False

    def append(self, line: bytes) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.lines.append(line)

    def close(self) -> None:
        pass


def audit(paper: Paper | None = None) -> Audit:
    """An audit on `paper`, or on one that nobody reads."""
    lost = Metrics(CollectorRegistry()).audit_lines_lost
    return Audit(paper or Paper(), replica="here", refuse=True, lost=lost, clock=lambda: 0.0)


def lines_of(path: Path) -> list[bytes]:
    """The lines of a file, each known to have its end."""
    content = path.read_bytes()
    assert not content or content.endswith(b"\n")
    return content.splitlines()


def chained(lines: Sequence[bytes], *, after: bytes = b"") -> list[dict[str, Any]]:
    """The acts in `lines`; fails where the chain is broken. `after`: the line that they go on from."""
    prev = hashlib.sha256(after).hexdigest() if after else FIRST
    seq = json.loads(after)["seq"] if after else 0
    acts = []
    for line in lines:
        act = json.loads(line)
        assert (act["seq"], act["prev"]) == (seq + 1, prev), f"broken at {line!r}"
        seq, prev = act["seq"], hashlib.sha256(line).hexdigest()
        acts.append(act)
    return acts
