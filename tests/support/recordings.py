"""Recorded streams of real VNC servers: kept small in tests/recordings/, written by support.record.

A file is xz over one line of JSON and the parts whose lengths that line gives, one after another.
"""

import json
import lzma
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from support.rfb_client.decoder import Decoder
from support.rfb_client.pixels import Colours
from support.rfb_client.wire import PixelFormat

DIRECTORY = Path(__file__).parents[1] / "recordings"

_SUFFIX = ".rfb.xz"
_PARTS = ("server_init", "client", "server", "picture")


@dataclass(frozen=True, slots=True)
class Chunk:
    """`count` bytes that came from the server, or went to it, `at` milliseconds after the first."""

    at: int
    from_server: bool
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One connection after its handshake.

    `server` is every byte after `server_init` (which is whole, with its name), `client` every byte after ClientInit;
    `chunks` tells how the two were interleaved, and when. `formats` are the pixel formats in force, each with the
    place in `server` from which on it counts. `picture` is what an independent Raw capture showed at the end:
    where `exact`, decoding `server` gives the same, pixel by pixel.
    """

    name: str
    server_init: bytes
    client: bytes
    server: bytes
    picture: Colours
    formats: tuple[tuple[int, PixelFormat], ...]
    chunks: tuple[Chunk, ...]
    exact: bool

    @property
    def pixel_format(self) -> PixelFormat:
        """The format in force at the end."""
        return self.formats[-1][1]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as ServerInit announced them."""
        return int.from_bytes(self.server_init[:2], "big"), int.from_bytes(self.server_init[2:4], "big")

    def decoded(self) -> Decoder:
        """An independent decoder that has read `server` to its end."""
        decoder = Decoder(*self.size, self.formats[0][1])
        ends = [place for place, _ in self.formats[1:]] + [len(self.server)]
        for (start, pixel_format), end in zip(self.formats, ends, strict=True):
            decoder.pixel_format = pixel_format
            decoder.feed(self.server[start:end])
        return decoder

    def save(self, directory: Path = DIRECTORY) -> Path:
        """Write it among the recordings of `directory`; returns the file."""
        height, width = self.picture.shape[:2]
        parts = (self.server_init, self.client, self.server, self.picture.tobytes())
        head = {
            "lengths": dict(zip(_PARTS, map(len, parts), strict=True)),
            "picture_size": [width, height],
            "formats": [[place, pixel_format.pack().hex()] for place, pixel_format in self.formats],
            "chunks": [[chunk.at, chunk.from_server, chunk.count] for chunk in self.chunks],
            "exact": self.exact,
        }
        path = directory / f"{self.name}{_SUFFIX}"
        path.write_bytes(
            lzma.compress(json.dumps(head).encode() + b"\n" + b"".join(parts), preset=9 | lzma.PRESET_EXTREME)
        )
        return path


def names(directory: Path = DIRECTORY) -> list[str]:
    """All recordings, sorted."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in directory.glob(f"*{_SUFFIX}"))


@cache
def load(name: str, directory: Path = DIRECTORY) -> Recording:
    """Read one recording; FileNotFoundError if there is none of that name."""
    line, _, body = lzma.decompress((directory / f"{name}{_SUFFIX}").read_bytes()).partition(b"\n")
    head = json.loads(line)
    parts, at = {}, 0
    for part in _PARTS:
        parts[part] = body[at : at + head["lengths"][part]]
        at += len(parts[part])
    width, height = head["picture_size"]
    return Recording(
        name,
        server_init=parts["server_init"],
        client=parts["client"],
        server=parts["server"],
        picture=np.frombuffer(parts["picture"], np.uint8).reshape(height, width, 3),
        formats=tuple((place, PixelFormat.parse(bytes.fromhex(packed))) for place, packed in head["formats"]),
        chunks=tuple(Chunk(*chunk) for chunk in head["chunks"]),
        exact=head["exact"],
    )
