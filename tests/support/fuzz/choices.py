"""A fuzzer's bytes read as decisions, so that the same bytes mean the same case under any fuzzer and in a test."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Decisions come from the front of `data`; what is left is the input itself. Beyond the end all bytes are zero."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        at, self._at = self._at, self._at + 1
        return self._data[at] if at < len(self._data) else 0

    def flag(self) -> bool:
        return bool(self.byte() & 1)

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.byte() % len(options)]

    def rest(self) -> bytes:
        return self._data[self._at :]

    @property
    def empty(self) -> bool:
        return self._at >= len(self._data)

    def take(self, count: int) -> bytes:
        at, self._at = self._at, self._at + count
        return self._data[at : at + count]


def cut(data: bytes, seed: int) -> list[bytes]:
    """The same bytes in pieces: of one byte for seed 0, else small and large ones by the dice."""
    dice = random.Random(seed)
    pieces, at = [], 0
    while at < len(data):
        size = 1 if seed == 0 else dice.choice((1, 2, 3, 7, 16, 100, 4096))
        pieces.append(data[at : at + size])
        at += size
    return pieces
