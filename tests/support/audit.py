"""Reading an audit trail as somebody who doubts it: every line whole, numbered, and chained to the one before."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FIRST = "0" * 64


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
