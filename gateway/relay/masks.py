"""Masking keys for what goes to upstreams (RFC 6455 §5.3): each fresh, none to be foreseen."""

import os
from collections.abc import Iterator

BLOCK = 4096
"""Bytes drawn at a time: one system call for each key costs as much as all else about a pointer event (measured)."""


def _keys() -> Iterator[bytes]:
    while True:
        block = os.urandom(BLOCK)
        for at in range(0, BLOCK, 4):
            yield block[at : at + 4]


fresh = _keys().__next__
"""A key that was never used before. The block is the process's own: draw none before a fork."""
