"""The leg towards the VNC server: a WebSocket client connection, or plain TCP."""

import time
from collections.abc import Callable, Sequence

from gateway.errors import GatewayError, UpstreamLost
from gateway.relay import masks, sockets
from gateway.relay.buffer import LITTLE, ReceiveBuffer
from gateway.relay.leg import MAX_PONG_BACKLOG, Leg, Span, last_pings
from gateway.relay.tls import Tls
from gateway.websocket import frames
from gateway.websocket.frames import Opcode, masked_binary
from gateway.websocket.handshake import Dial
from gateway.websocket.scanner import Scanner

MAX_PAYLOAD = 1024 * 1024 * 1024
"""Bytes of one frame from a server. Payload is handed on as it comes, so this bounds nothing of ours; a larger
length is a framing fault: a full-HD picture has 8 MB."""

TURN = 0.00025
"""Seconds of reads in a row after which the other connections have their turn: uvloop would go on for 32, which are
4 MB of a picture and 3 ms. Beside four streams of pictures input takes 7 ms with this, and 17 with four times as much;
for that a picture costs 3 % more, and 5 % where each read is followed by a turn (measured)."""

SLOW = 0.005
"""Seconds of one read after which the next ones are small. A picture takes 0.1 ms, hundreds of small rectangles 1 ms. A
server that rings its bell without end takes half a second."""

LAST = 64 * 1024
"""Bytes below which a read has taken all there was, so that the others are next anyway."""


class UpstreamLeg(Leg):
    """Hands on the RFB bytes of the server, sends RFB messages to it.

    `opening`: the WebSocket handshake to be done first; None for plain TCP.
    `on_payload` gets the spans of one read.
    """

    def __init__(self, buffer: ReceiveBuffer, opening: Dial | None, tls: Tls | None = None) -> None:
        super().__init__(buffer, tls)
        self._opening = opening
        self._scanner = Scanner(from_browser=False, max_payload=MAX_PAYLOAD) if opening else None
        self.on_payload: Callable[[Sequence[Span]], None] = lambda _: None
        self.payload_out = 0
        self.pongs_in = 0
        self._slow = False
        self._turn = 0.0

    @property
    def can_ping(self) -> bool:
        """True where WebSocket pings exist."""
        return self._scanner is not None

    def watch_loss(self) -> None:
        """Let TCP notice a vanished server: a plain one has no pings, and not every proxy answers them."""
        if self._transport is not None:
            sockets.detect_loss(self._transport)

    def start(self) -> None:
        """Begin, once the connection stands (and TLS with it)."""
        if self._opening is not None:
            self.write(self._opening.request)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Lend the shared buffer, after a slow read only a little of it."""
        if self._slow:
            return self._buffer.little
        return self._buffer.view if self._tls is None else self._buffer.sealed

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what was read; after a turn of it the other connections come first."""
        if nbytes < LITTLE:
            self.take_read(nbytes)
            return
        started = time.monotonic()
        self.take_read(nbytes)
        took = time.monotonic() - started
        self._slow = took > SLOW
        self._turn = self._turn + took if nbytes >= LAST else took
        if self._turn > TURN:
            self._turn = 0.0
            self.yield_turn()

    def received(self, data: memoryview) -> None:
        """Take one read apart: opening handshake, then frames; or RFB bytes as they are."""
        if self._opening is not None:
            if not self._opening.receive(data):
                return
            data = memoryview(self._opening.leftover)
            self._opening = None
            if not data:
                return
        if self._scanner is None:
            self.on_payload([data])
            return
        spans: list[Span] = []
        try:
            self._scanner.receive(data, spans)
        finally:
            if spans:  # whole rectangles before a fault still belong to the browser
                self.on_payload(spans)
        if self._scanner.controls:
            self._answer_controls(self._scanner)

    def _answer_controls(self, scanner: Scanner) -> None:
        controls, scanner.controls = scanner.controls, []
        pings = last_pings(controls)
        if pings and self.open and self.unsent < MAX_PONG_BACKLOG:
            self.write(b"".join(frames.control(Opcode.PONG, ping.payload, masks.fresh()) for ping in pings))
        for control in controls:
            if control.opcode is Opcode.PONG:
                self.pongs_in += 1
            elif control.opcode is Opcode.CLOSE:
                self.end(
                    UpstreamLost(
                        f"the upstream closed the WebSocket with {control.code} {control.reason!r}", closed=True
                    )
                )

    def send(self, messages: Sequence[Span]) -> None:
        """Send whole RFB messages; over WebSocket as one binary message with a fresh mask (RFC 6455 §5.3)."""
        if self._transport is None or self._closing:
            return
        payload = b"".join(messages)  # a few bytes, nearly always
        self.payload_out += len(payload)
        if self._scanner is None:
            self.write(payload)
        else:
            self.write(masked_binary(payload, masks.fresh()))

    def ping(self) -> None:
        """Ask for a sign of life; plain TCP has no way to."""
        if self.can_ping and self.open and self._opening is None:
            self.write(frames.control(Opcode.PING, b"", masks.fresh()))

    def close(self) -> None:
        """Leave the server: Close frame where there are frames, then the connection."""
        if self._closing or self._transport is None:
            return
        if self._scanner is not None and self._opening is None:
            self.write(frames.control(Opcode.CLOSE, frames.close_payload(1000), masks.fresh()))
        self._closing = True
        self._on_end = lambda _: None
        self.resume_reading()
        self.close_transport()

    def lost(self, cause: str, *, closed: bool) -> GatewayError:
        """A server that went, whatever the way."""
        return UpstreamLost(cause, closed=closed)
