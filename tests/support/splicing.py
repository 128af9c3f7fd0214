"""A browser in front of one upstream after another, through the gateway's streams, without sockets.

The browser's side is the independent decoder: one continuous stream, real inflators. The upstream's side is read by
a parser of its own, which knows what each server has offered and would end the connection for anything else.
"""

import struct
import zlib
from collections.abc import Sequence

from gateway.rfb.client_stream import ClientStream
from gateway.rfb.held import HeldBudget, HeldTotal
from gateway.rfb.memory import Memory
from gateway.rfb.policy import Policy
from gateway.rfb.server_stream import ServerStream
from gateway.rfb.splice.finish import finish
from gateway.rfb.splice.join import join
from support.rfb_client import messages
from support.rfb_client.compressed import Inflator
from support.rfb_client.decoder import Decoder
from support.rfb_client.pixels import Colours, DecodeError
from support.rfb_client.tight import TightStreams
from support.rfb_client.wire import Encoding, PixelFormat, ServerMessage


class Viewer:
    """A browser with the gateway behind it: `browser` is all that it got, `decoder` what it understood.

    `upstream` is what the server of the moment was sent.
    """

    def __init__(
        self, server_init: bytes, pixel_format: PixelFormat, encodings: Sequence[int], policy: Policy | None = None
    ) -> None:
        self.memory = Memory(server_init)
        self.budget = HeldBudget(HeldTotal())
        self.policy = policy or Policy(power=True)
        self.server = ServerStream(self.memory, self.budget, self.policy)
        self.client = ClientStream(self.memory, self.policy)
        self.browser = bytearray()
        self.upstream = bytearray()
        width, height = struct.unpack_from(">HH", server_init)
        self.decoder = decoder(width, height, pixel_format)
        self.send(messages.set_pixel_format(pixel_format) + messages.set_encodings(encodings))
        self.send(messages.update_request(0, 0, width, height, incremental=False))

    def send(self, data: bytes) -> bytes:
        """The browser sends; what of it the upstream gets."""
        out: list[memoryview | bytes] = []
        self.client.receive(data, out)
        self._interject()
        sent = b"".join(out)
        self.upstream += sent
        return sent

    def feed(self, data: bytes, chunks: Sequence[int] = ()) -> bytes:
        """The server sends, in chunks of these sizes over and over, or in one; what of it the browser gets."""
        begin = len(self.browser)
        at = turn = 0
        while at < len(data):
            size = chunks[turn % len(chunks)] if chunks else len(data)
            out: list[memoryview | bytes] = []
            buffer = bytearray(data[at : at + size])  # lent for one call, as a leg's is
            try:
                self.server.receive(memoryview(buffer), out)
            finally:
                self._got(out)
                buffer[:] = bytes(len(buffer))
            at, turn = at + size, turn + 1
            self.upstream += b"".join(self.memory.seam.to_upstream)
            self.memory.seam.to_upstream.clear()
            self._interject()
        return bytes(self.browser[begin:])

    def lose(self, *, abrupt: bool = False) -> bytes:
        """The upstream is gone; what the browser gets."""
        begin = len(self.browser)
        self._got(finish(self.server, abrupt=abrupt))
        self._interject()
        assert self.decoder.idle, "the browser must stand between two messages"
        return bytes(self.browser[begin:])

    def join(self, server_init: bytes) -> list[bytes]:
        """Another upstream; what it is told."""
        self.server, told = join(self.memory, server_init, self.budget, self.policy)
        self.upstream = bytearray(b"".join(told))
        self._interject()
        return told

    @property
    def picture(self) -> Colours:
        return self.decoder.framebuffer.colours

    def _interject(self) -> None:
        out: list[memoryview | bytes] = []
        self.server.interject(out)
        self._got(out)

    def _got(self, out: Sequence[memoryview | bytes]) -> None:
        data = b"".join(out)
        self.browser += data
        seen = len(self.decoder.messages)
        self.decoder.feed(data)
        for message in self.decoder.messages[seen:]:
            if message.kind is ServerMessage.FRAMEBUFFER_UPDATE:
                assert message.rectangles, "an update without rectangles freezes noVNC"


class PakoStreams(TightStreams):
    """Tight's inflators as noVNC has them: a reset leaves them without a window (rfb.md §2)."""

    def reset(self, control: int) -> None:
        for number in range(4):
            if control & 1 << number:
                self._streams[number] = Windowless()


class Windowless(Inflator):
    """Forgets after each rectangle what it has inflated; the next reference to it fails."""

    def __init__(self) -> None:
        self._header = 2

    def inflate(self, data: bytes) -> bytes:
        data, self._header = data[self._header :], 0
        try:
            return zlib.decompressobj(-15).decompress(data)
        except zlib.error as error:
            raise DecodeError(f"zlib: {error}") from error


def decoder(width: int, height: int, pixel_format: PixelFormat) -> Decoder:
    """The independent decoder, as picky as noVNC."""
    client = Decoder(width, height, pixel_format)
    streams = PakoStreams()
    for encoding in (Encoding.TIGHT, Encoding.TIGHT_PNG):
        client._codecs[encoding].keywords["streams"] = streams
    return client


def shown(server_init: bytes, data: bytes, pixel_format: PixelFormat) -> Colours:
    """What a stream shows to somebody who reads it alone."""
    alone = Decoder(*struct.unpack_from(">HH", server_init), pixel_format)
    alone.feed(data)
    assert alone.idle
    return alone.framebuffer.colours
