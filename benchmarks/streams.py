"""What the servers of the load send: RFB updates made from fixed seeds, so that every round has the same work."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from struct import pack

from support import recordings
from support.recordings import Chunk

RECORDINGS = Path(__file__).with_name("recordings")
"""Written by benchmarks.record."""

FULL_HD = (1920, 1080)
TIGHT, RAW = 7, 0

FIXED_SIZES = (64, 256, 1024, 4096, 15 * 1024)
"""Bytes of the rectangles of the streams that have only one size."""

SPREAD = 0.8
"""Sigma of the sizes' logarithm. Recorded sessions of a terminal and of windows have 0.7 to 1.0."""


def write_all(directory: Path) -> None:
    """Write every stream into `directory`, under its name."""
    for name, make in STREAMS.items():
        (directory / name).write_bytes(make())
    for name in recordings.names(RECORDINGS):
        recording = recordings.load(name, RECORDINGS)
        (directory / name).write_bytes(recording.server)
        (directory / f"{name}.times").write_bytes(times(recording.chunks))


def times(chunks: Sequence[Chunk]) -> bytes:
    """When how many bytes are due, as the load reads it: pairs of native 32-bit numbers, milliseconds and bytes."""
    due: dict[int, int] = {}
    for chunk in chunks:
        if chunk.from_server:
            due[chunk.at] = due.get(chunk.at, 0) + chunk.count
    return b"".join(pack("=II", at, count) for at, count in due.items())


def full_hd_raw() -> bytes:
    """One update of the whole screen."""
    width, height = FULL_HD
    return _update([_rectangle(0, 0, width, height, RAW) + random.Random(1).randbytes(4 * width * height)])


def small_raw() -> bytes:
    """A whole screen of 320x200, which a splice refreshes: uncompressed, so that the seam changes nothing in it."""
    return _update([_rectangle(0, 0, 320, 200, RAW) + random.Random(2).randbytes(4 * 320 * 200)])


def small_update() -> bytes:
    """What a pointer event changes: two small rectangles."""
    dice = random.Random(3)
    return _update([_tight(dice, 96), _tight(dice, 60)])


def desktop_picture() -> bytes:
    """A full-HD desktop's first picture: 500 rectangles of 2 KB."""
    dice = random.Random(4)
    return _update([_tight(dice, 2048) for _ in range(500)])


def first_picture() -> bytes:
    """A console's first picture, a text screen: 32 KB."""
    dice = random.Random(5)
    return _update([_tight(dice, 1024) for _ in range(32)])


def _tight_stream(mean: int, rectangles: int) -> Callable[[], bytes]:
    """Updates of 1 to 80 Tight rectangles whose sizes are spread around `mean`, as text and windows are."""

    def make() -> bytes:
        dice = random.Random(mean)
        parts, left = [], rectangles
        while left:
            count = min(left, dice.choice([1, 2, 5, 20, 80]))
            parts.append(_update([_tight(dice, _around(dice, mean)) for _ in range(count)]))
            left -= count
        return b"".join(parts)

    return make


def _fixed_stream(size: int) -> Callable[[], bytes]:
    """Updates of 20 Tight rectangles of one size, 1 MB in all."""

    def make() -> bytes:
        dice = random.Random(size)
        return b"".join(_update([_tight(dice, size) for _ in range(20)]) for _ in range(2**20 // (20 * size)))

    return make


def _around(dice: random.Random, mean: int) -> int:
    return max(16, min(16_000, int(dice.lognormvariate(0, SPREAD) * mean / 1.377)))  # 1.377: the mean of that spread


def _update(rectangles: list[bytes]) -> bytes:
    return pack(">BxH", 0, len(rectangles)) + b"".join(rectangles)


def _rectangle(x: int, y: int, width: int, height: int, encoding: int) -> bytes:
    return pack(">HHHHi", x, y, width, height, encoding)


def _tight(dice: random.Random, size: int) -> bytes:
    """A basic rectangle of about `size` bytes: two colours mostly, as text is, on stream 1; or many, on stream 0."""
    head = _rectangle(dice.randrange(1800), dice.randrange(1000), 64, 64, TIGHT)
    filtered = b"\x50\x01\x01" + dice.randbytes(6) if dice.random() < 0.7 else b"\x00"
    data = b"\x78\x9c" + dice.randbytes(max(6, size - 27)) + b"\x00\x00\xff\xff"
    return head + filtered + _compact(len(data)) + data


def _compact(length: int) -> bytes:
    if length < 1 << 7:
        return bytes([length])
    return bytes([length & 0x7F | 0x80, length >> 7])


STREAMS: dict[str, Callable[[], bytes]] = {
    "raw": full_hd_raw,
    "tight-1k": _tight_stream(1024, 2000),
    "tight-200": _tight_stream(200, 8000),
    "small-raw": small_raw,
    "update": small_update,
    "desktop": desktop_picture,
    "first": first_picture,
    **{f"fixed-{size}": _fixed_stream(size) for size in FIXED_SIZES},
}
