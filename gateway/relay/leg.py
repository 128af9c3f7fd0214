"""What both legs of a session share: reading into the shared buffer, writing at once, flow control, one end.

Leaves to the subclasses what the bytes mean. A leg never awaits and lets no exception out of its
callbacks: whatever goes wrong becomes the one report of its end.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from typing import cast

from gateway.errors import GatewayError, internal
from gateway.relay import sockets
from gateway.relay.buffer import LITTLE, ReceiveBuffer
from gateway.relay.tls import Tls
from gateway.websocket.frames import Opcode
from gateway.websocket.scanner import Control

Span = bytes | memoryview

COPIED = 4 * 1024
"""Bytes below which views are joined: one buffer is written in 2 µs less than two (measured)."""

MAX_PONG_BACKLOG = 64 * 1024
"""Unsent bytes above which pings are not answered: a peer that only asks and never reads gets no queue."""

MAX_PONGS = 64
"""Pings of one read that are answered, the last ones, in one write: RFC 6455 §5.5.3 asks for the last alone, and each
answer by itself is a system call."""

ABORT_AFTER = 2.0
"""Seconds that a closing leg may stand still; a peer that never reads would hold it for ever."""

ABORT_ANYWAY_AFTER = 30.0
"""Seconds that a closing leg may take in all to send its rest: 4 MB, the most that is held, at 1 Mbit/s."""


def last_pings(controls: Sequence[Control]) -> Sequence[Control]:
    """Those of a read's control frames that are to be answered."""
    return [control for control in controls if control.opcode is Opcode.PING][-MAX_PONGS:]


class Leg:
    """One connection of a session, as uvloop wants a BufferedProtocol to be.

    It is none by its base: what is compiled can't have one that is not. asyncio's own loop asks for the base, and
    copies (`data_received`).

    Whoever asked by `report_end` is told once, with the reason, when the leg is of no more use.
    `peer` is paused while this leg cannot write, and resumed when it can.
    `tls`: what encrypts this connection, its handshake done; None where nothing does.
    """

    def __init__(self, buffer: ReceiveBuffer, tls: Tls | None = None) -> None:
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None
        self._tls = tls
        self._abort: asyncio.TimerHandle | None = None
        self._ended: GatewayError | None = None
        self._closing = False
        self._reading = True
        self.blocked = False
        self._on_end: Callable[[GatewayError], object] = lambda _: None
        self.peer: Leg | None = None
        self.bytes_in = 0
        self.bytes_out = 0

    # What the liveness clock asks.

    @property
    def reading(self) -> bool:
        """False while flow control keeps us from reading: then silence proves nothing."""
        return self._reading

    @property
    def unsent(self) -> int:
        """Bytes that the transport still holds for the peer."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def kernel_queue(self) -> tuple[int, int]:
        """Bytes of the leg that the kernel has not sent, and those that are on their way; asking costs a little."""
        return sockets.queued(self._transport) if self._transport else (0, 0)

    @property
    def open(self) -> bool:
        """True while messages may still be sent."""
        return self._transport is not None and not self._closing

    # asyncio's side: connection, reading.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport and set it up to write at once."""
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        # uvloop sends immediately when its high-water mark is 0, and keeps references to what the kernel did not
        # take, never copies.
        transport.set_write_buffer_limits(0)
        sockets.tune(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the loop's shared buffer, or a part of it, for one read."""
        raise NotImplementedError

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what was read; the view is only good until this returns."""
        self.take_read(nbytes)

    def data_received(self, data: bytes) -> None:
        """Take a read of a loop that does not read into our buffer."""
        rest = memoryview(data)
        while rest:
            lent = self.get_buffer(len(rest))
            size = min(len(lent), len(rest))
            lent[:size] = rest[:size]
            self.buffer_updated(size)
            rest = rest[size:]

    def take_read(self, nbytes: int) -> None:
        """Decrypt, if need be, and hand on `nbytes` of the buffer. Nothing is raised."""
        self.bytes_in += nbytes
        if self._ended is not None and not self._closing:
            return
        try:
            if self._tls is None:
                self.received(self._buffer.view[:nbytes])
            else:
                self._received_sealed(self._tls, self._buffer.view, nbytes)
        except GatewayError as error:
            self.end(error)
        except Exception as error:  # a callback must not raise: the loop would only log it
            self.end(internal(error))

    def _received_sealed(self, tls: Tls, view: memoryview, nbytes: int) -> None:
        """Decrypt a read in place and hand it on, then look at what else it did to the connection."""
        size = tls.receive(view[:nbytes], view)
        reply = tls.to_send()
        if reply and self._transport is not None:
            self._transport.write(reply)
        if nbytes == LITTLE:
            self.yield_turn()
        if size:
            self.received(view[:size])
        if tls.fault is not None:
            self._broken(tls.fault)
        elif tls.ended:
            self.eof_received()
            self.close_transport()

    def _broken(self, fault: ssl.SSLError) -> None:
        self.end(self.lost(f"TLS: {fault.reason or fault}", closed=False))
        self.close_transport()

    def received(self, data: memoryview) -> None:
        """What the subclass does with the bytes of one read."""
        raise NotImplementedError

    def eof_received(self) -> bool:
        """The peer will send no more: there is no half-open VNC session."""
        self.end(self.lost("the connection was closed", closed=True))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the transport (a write after this would raise inside the other leg's callback) and report."""
        self._transport = None
        if self._abort is not None:
            self._abort.cancel()
        self.end(self.lost(str(exc) if exc else "the connection was closed", closed=exc is None))
        if self.peer is not None:
            self.peer.resume_reading()

    def lost(self, cause: str, *, closed: bool) -> GatewayError:
        """The error that a loss of this leg's connection is; `closed`: by FIN, not by a reset."""
        raise NotImplementedError

    # Flow control: one leg's full write buffer stops reading on the other.

    def join(self, peer: "Leg") -> None:
        """Make `peer` and this leg each other's source."""
        self.peer, peer.peer = peer, self
        for leg, source in ((self, peer), (peer, self)):
            if leg.blocked:
                source.pause_reading()

    def part(self) -> None:
        """Undo `join`; the peer reads on."""
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.peer = None
            peer.resume_reading()

    def pause_writing(self) -> None:
        """The transport holds more than it may: stop the source."""
        self.blocked = True
        if self.peer is not None:
            self.peer.pause_reading()

    def resume_writing(self) -> None:
        """The transport has sent what it held: let the source go on."""
        self.blocked = False
        if self.peer is not None:
            self.peer.resume_reading()

    def pause_reading(self) -> None:
        """Stop taking bytes from this leg's peer."""
        if self._reading and self._transport is not None and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take bytes again."""
        if not self._reading:
            self._reading = True
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def yield_turn(self) -> None:
        """Go on reading when the loop has been round once."""
        if self._reading and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        if self._reading and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # Writing and ending.

    def write(self, data: bytes) -> None:
        """Send bytes that are nobody else's: a frame of our own, a short message."""
        if self._transport is not None:
            self.bytes_out += len(data)
            if self._tls is not None:
                data = self._tls.encrypt(data)
                if self._tls.fault is not None:
                    self._broken(self._tls.fault)
                    return
            self._transport.write(data)

    def write_views(self, spans: Sequence[Span], size: int) -> None:
        """Send `spans`, of `size` bytes together, in order, as one system call where the transport can.

        Views of the shared buffer are allowed: what could not be sent keeps its buffer.
        """
        if self._tls is not None or size < COPIED:
            self.write(b"".join(spans))
        elif self._transport is not None:
            self.bytes_out += size
            self._transport.writelines(spans)
            if self._transport.get_write_buffer_size():
                self._buffer.renew()

    def end(self, error: GatewayError) -> None:
        """Report the end of this leg, once."""
        if self._ended is None:
            self._ended = error
            self._on_end(error)

    def report_end(self, on_end: Callable[[GatewayError], object]) -> None:
        """From now on tell `on_end` about the end, at once if it was before."""
        self._on_end = on_end
        if self._ended is not None:
            on_end(self._ended)

    def close_transport(self) -> None:
        """Close once everything is sent, or after ABORT_AFTER seconds without."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._tls is not None:
            self._transport.write(self._tls.close_notify())
        self._transport.close()
        self.abort_later()

    def abort_later(self) -> None:
        """See to it that the connection is gone once it has stood still for ABORT_AFTER seconds.

        A slow reader that takes its rest, and the Close frame behind it, has ABORT_ANYWAY_AFTER seconds.
        """
        if self._transport is not None and self._abort is None:
            self._abort_unless_moving(time.monotonic() + ABORT_ANYWAY_AFTER, None)

    def _abort_unless_moving(self, until: float, before: int | None) -> None:
        unsent = self.unsent
        if before is None or (0 < unsent < before and time.monotonic() < until):
            loop = asyncio.get_running_loop()
            self._abort = loop.call_later(ABORT_AFTER, self._abort_unless_moving, until, unsent)
        else:
            self.abort()

    def abort(self) -> None:
        """Drop the connection now."""
        if self._transport is not None:
            self._transport.abort()
