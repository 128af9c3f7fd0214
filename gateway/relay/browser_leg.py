"""The leg towards the browser: a WebSocket server connection whose opening handshake is over."""

import asyncio
import json
from collections.abc import Callable, Sequence

from gateway.endings import BROWSER_LOST, Ending
from gateway.errors import BrowserLost, GatewayError, SessionClosed
from gateway.relay import sockets
from gateway.relay.buffer import LITTLE, ReceiveBuffer
from gateway.relay.leg import MAX_PONG_BACKLOG, Leg, Span, last_pings
from gateway.relay.tls import Tls
from gateway.websocket import frames
from gateway.websocket.frames import Opcode, binary_header
from gateway.websocket.scanner import Scanner

MAX_PAYLOAD = 1024 * 1024
"""Bytes of one frame from a browser: four times the largest client message that we accept (a paste)."""


_PING = frames.control(Opcode.PING)


class BrowserLeg(Leg):
    """Speaks WebSocket as the server; hands on unmasked payload, sends spans as one binary message each.

    `on_payload` gets the payload spans of one read. `notices`: the page asked to be told what goes on.
    """

    def __init__(self, buffer: ReceiveBuffer, tls: Tls | None = None) -> None:
        super().__init__(buffer, tls)
        self._scanner = Scanner(from_browser=True, max_payload=MAX_PAYLOAD)
        self.on_payload: Callable[[Sequence[Span]], None] = lambda _: None
        self.payload_out = 0
        self.notices = False
        self._close_received = False

    # People send dozens of bytes at a time. Thousands of small messages at 2-3 µs each are a flood, and uvloop would
    # read 32 buffers of it in a row: one browser held up all for seconds. So each has a little, then the others a turn.

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Lend as much of the shared buffer as one turn takes."""
        return self._buffer.little

    def received(self, data: memoryview) -> None:
        """Take the frames of one read apart; there may be more, but the other connections come first."""
        if len(data) == LITTLE:
            self.yield_turn()
        spans: list[Span] = []
        try:
            self._scanner.receive(data, spans)
        except GatewayError:
            if self._closing:  # the rest of a broken stream; our Close frame is on its way
                return
            raise
        if spans and not self._closing:
            self.on_payload(spans)
        if self._scanner.controls:
            self._answer_controls()

    def _answer_controls(self) -> None:
        controls, self._scanner.controls = self._scanner.controls, []
        pings = last_pings(controls)
        if pings and self.open and self.unsent < MAX_PONG_BACKLOG:
            self.write(b"".join(frames.control(Opcode.PONG, ping.payload) for ping in pings))
        for control in controls:
            if control.opcode is Opcode.CLOSE:
                self._close_received = True
                if self._closing:
                    self.close_transport()
                else:
                    self.end(SessionClosed("the browser sent a Close frame"))

    def send(self, spans: Sequence[Span]) -> None:
        """Send `spans` as the payload of one binary message (RFC 6455 §5.6), in one write."""
        if self._closing:
            return
        size = len(spans[0]) if len(spans) == 1 else sum(map(len, spans))
        self.payload_out += size
        self.write_views([binary_header(size), *spans], size)

    def notice(self, **fields: str | float) -> None:
        """Tell a page that asked for notices what goes on, as a text message with a JSON object.

        RFB is binary: its stream is not touched, and a client that did not ask never gets one.
        """
        if self.notices and self.open:
            text = json.dumps(fields).encode()
            self.write(frames.header(Opcode.TEXT, len(text)) + text)

    def ping(self) -> None:
        """Ask for a sign of life; browsers answer by themselves."""
        if self.open:
            self.write(_PING)

    def close(self, ending: Ending) -> None:
        """End with `ending`'s code and name as the reason; the connection is gone ABORT_AFTER seconds later."""
        if self._closing:
            return
        self._closing = True
        self._on_end = lambda _: None
        if ending.code is None or ending is BROWSER_LOST:
            self.abort()
            return
        self.write(frames.control(Opcode.CLOSE, frames.close_payload(ending.code, ending.name)))
        if self._close_received:
            self.close_transport()
        else:
            # Closing with unread input in the socket would reset the connection and lose the Close frame.
            self.resume_reading()
            self.abort_later()

    def lost(self, cause: str, *, closed: bool) -> GatewayError:  # noqa: ARG002 - FIN or reset, it is gone
        """A browser that went without a Close frame."""
        return BrowserLost(cause)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over an accepted connection."""
        super().connection_made(transport)
        assert self._transport is not None
        sockets.bound_unsent(self._transport)
