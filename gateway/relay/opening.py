"""The RFB handshakes on the legs: drives the sans-I/O handshakes of rfb/ until bytes may be relayed.

The gateway ends RFB's handshake on both sides (rfb.md §4). Both openings keep what came early, for the relay.
"""

import asyncio
from collections.abc import Sequence

from gateway.errors import GatewayError, NotUnderstood, ProtocolViolation, UpstreamLost
from gateway.relay.browser_leg import BrowserLeg
from gateway.relay.leg import Span
from gateway.relay.upstream_leg import UpstreamLeg
from gateway.rfb.browser_handshake import BrowserHandshake
from gateway.rfb.upstream_handshake import UpstreamHandshake
from gateway.rfb.versions import VERSION_LENGTH, plausible

MAX_EARLY = 64 * 1024
"""Bytes that a peer may send ahead of its turn: many small messages, no flood."""


class BrowserOpening:
    """The gateway as RFB server: greets at once, done when the browser has sent ClientInit."""

    def __init__(self, leg: BrowserLeg) -> None:
        self.leg = leg
        self.early = bytearray()
        self._handshake = BrowserHandshake()
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        leg.on_payload = self._received
        leg.send([self._handshake.greeting()])

    async def shared(self) -> bool:
        """Wait for ClientInit; True if the browser asked for a shared session (RFC 6143 §7.3.1)."""
        await asyncio.shield(self._done)  # a wait that is given up leaves it to later ones
        return self._handshake.shared

    def _received(self, spans: Sequence[Span]) -> None:
        for span in spans:
            if self._handshake.done:
                self.early += span
            else:
                self._step(span)
        if len(self.early) > MAX_EARLY:
            raise ProtocolViolation("the browser sends RFB messages before it knows the screen")

    def _step(self, data: Span) -> None:
        reply = self._handshake.receive(data)
        if reply:
            self.leg.send([reply])
        if self._handshake.done:
            self.early += self._handshake.leftover
            self._done.set_result(None)


class UpstreamOpening:
    """The gateway as RFB client: first waits for the server's version, then goes through its handshake.

    The two steps are apart because the address is dialled at once, while the browser may still be at its ClientInit.
    """

    def __init__(self, leg: UpstreamLeg) -> None:
        self.leg = leg
        self.early = bytearray()
        self._handshake: UpstreamHandshake | None = None
        loop = asyncio.get_running_loop()
        self._greeted: asyncio.Future[None] = loop.create_future()
        self._done: asyncio.Future[bytes] = loop.create_future()
        leg.on_payload = self._received
        leg.report_end(self._failed)

    async def greeted(self) -> None:
        """Wait for the server's 12 bytes of version: before them nothing counts as connected."""
        await self._greeted

    async def shake(self, password: str | None, *, shared: bool) -> bytes:
        """Go through the handshake: the server's ServerInit, name included. Raises an UpstreamError."""
        self._handshake = UpstreamHandshake(password=password, shared=shared)
        early, self.early = bytes(self.early), bytearray()
        if not self._done.done():
            self._step(self._handshake, early)
        return await self._done

    def _received(self, spans: Sequence[Span]) -> None:
        for span in spans:
            if self._handshake is not None and not self._handshake.done:
                self._step(self._handshake, span)
                continue
            self.early += span
            if self._handshake is None and not plausible(self.early):
                raise NotUnderstood("the upstream does not speak RFB")
            if not self._greeted.done() and len(self.early) >= VERSION_LENGTH:
                self._greeted.set_result(None)
            if len(self.early) > MAX_EARLY:
                raise NotUnderstood("the server sends more than its version before the handshake")

    def _step(self, handshake: UpstreamHandshake, data: Span) -> None:
        reply = handshake.receive(data)
        if reply:
            self.leg.send([reply])
        if handshake.done and not self._done.done():
            self.early += handshake.leftover
            self._done.set_result(handshake.server_init)

    def _failed(self, error: GatewayError) -> None:
        if isinstance(error, UpstreamLost) and self._handshake is not None:
            error = self._handshake.ended()  # some servers refuse by hanging up
        for step in (self._greeted, self._done):
            if not step.done():
                step.set_exception(error)
                step.exception()  # whoever waits gets it; nobody waiting is no fault
