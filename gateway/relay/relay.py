"""The loop between the two legs: every byte of a session passes through the two methods at the end.

Spans that ServerStream releases leave in the same call that read them: no queue, no task, no copy but of
the one unfinished rectangle. Flow control is the legs': each pauses its peer while it cannot write.

The browser's leg, the client's stream and their memory live as long as the session; the upstream's leg and
the server's stream are replaced when the upstream is lost. In between `upstream` is None and the client's
messages only change what is remembered.
"""

import asyncio
from collections.abc import Callable, Sequence

from gateway.errors import GatewayError, ProtocolViolation
from gateway.relay.browser_leg import BrowserLeg
from gateway.relay.leg import Span
from gateway.relay.upstream_leg import UpstreamLeg
from gateway.rfb import messages
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.held import HeldBudget
from gateway.rfb.memory import Memory
from gateway.rfb.policy import Policy
from gateway.rfb.server_stream import ServerStream
from gateway.rfb.splice.finish import finish
from gateway.rfb.splice.join import join
from gateway.rfb.splice.joined import JoinedStream

MAX_UNREAD = 64 * 1024
"""Bytes of the gateway's own for a browser that reads nothing; each was caused by a message of that browser."""


class Relay:
    """A browser's leg, and the upstream that it is joined to for now, None between two.

    `passed`: something has come from either side since this was set to False; `on_pass` is told of the first.
    """

    def __init__(self, browser: BrowserLeg, server_init: bytes, budget: HeldBudget, policy: Policy) -> None:
        self.browser = browser
        self.upstream: UpstreamLeg | None = None
        self.memory = Memory(server_init)
        self.server_stream: ServerStream | JoinedStream = ServerStream(self.memory, budget, policy)
        self.client_stream = ClientStream(self.memory, policy)
        self.passed = False
        self.on_pass: Callable[[], object] = lambda: None
        self._payload_before = 0
        self._unread = 0
        self._budget = budget
        self._policy = policy
        self._refreshing: tuple[JoinedStream, Callable[[], object]] | None = None
        self._lost: asyncio.Future[GatewayError] = asyncio.get_running_loop().create_future()

    @property
    def payload_to_upstream(self) -> int:
        """Bytes sent to all upstreams so far."""
        return self._payload_before + (self.upstream.payload_out if self.upstream is not None else 0)

    def start(self, upstream: UpstreamLeg, server_init: bytes, *, from_upstream: bytes, from_browser: bytes) -> None:
        """Send ServerInit, relay what came early on either side, and go on from there.

        Raises what the streams raise about those early bytes.
        """
        self.browser.send([server_init])
        self.browser.on_payload = self._from_browser
        self._attach(upstream)
        if from_upstream:
            self._from_upstream([from_upstream])
        if from_browser:
            self._from_browser([from_browser])

    async def until_lost(self) -> GatewayError:
        """Wait for the end of the upstream: the reason."""
        return await self._lost

    def lose(self, *, abrupt: bool) -> None:
        """Let go of the upstream and finish what the browser has half of (rfb.md §5.1).

        `abrupt`: nobody closed it, so what was sent last may not have arrived. Raises UpstreamChanged if only that
        server could have finished it.
        """
        self.detach()
        self._refreshing = None
        rest = finish(self.server_stream, abrupt=abrupt)
        if rest:
            self.browser.send(rest)

    def splice(
        self, upstream: UpstreamLeg, server_init: bytes, *, from_upstream: bytes, on_refreshed: Callable[[], object]
    ) -> None:
        """Join a new upstream, whose handshake is over, to the browser (rfb.md §5.4).

        `on_refreshed` is called once the picture is whole again. Raises NotUnderstood for an impossible ServerInit.
        """
        self._attach(upstream)  # from here on it is closed with the session, whatever comes
        stream, replay = join(self.memory, server_init, self._budget, self._policy)
        self.server_stream = stream
        self._refreshing = stream, on_refreshed
        self.send_upstream(replay)
        self._interject()
        if from_upstream:
            self._from_upstream([from_upstream])

    def detach(self) -> None:
        """Part from the upstream, if there is one."""
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            self._payload_before += upstream.payload_out
            upstream.part()
            upstream.close()

    def request_update(self) -> None:
        """Ask for changes of the whole picture, as the client has done anyway: the harmless sign of life."""
        memory = self.memory
        memory.formats.update_requested()
        request = messages.framebuffer_update_request(0, 0, memory.width, memory.height, incremental=True)
        self.send_upstream([request])

    def send_upstream(self, messages: Sequence[Span]) -> None:
        """Send whole messages of the gateway's own, or of the browser."""
        if messages and self.upstream is not None:
            self.upstream.send(messages)

    def _attach(self, upstream: UpstreamLeg) -> None:
        self.upstream = upstream
        self._payload_before -= upstream.payload_out  # the handshake is no message of a session's
        self._lost = lost = asyncio.get_running_loop().create_future()
        upstream.on_payload = self._from_upstream
        upstream.ping()  # only once a host has answered one does its silence mean anything
        self.browser.join(upstream)
        upstream.report_end(lambda error: None if lost.done() else lost.set_result(error))

    def _from_upstream(self, spans: Sequence[Span]) -> None:
        if not self.passed:
            self.passed = True
            self.on_pass()
        released: list[Span] = []
        try:
            self.server_stream.receive_all(spans, released)
        finally:
            if released:  # what was whole before a fault belongs to the browser
                self.browser.send(released)
        if self.memory.seam.to_upstream:
            ours, self.memory.seam.to_upstream = self.memory.seam.to_upstream, []
            self.send_upstream(ours)
        if self._refreshing is not None and self._refreshing[0].refreshed:
            (_, on_refreshed), self._refreshing = self._refreshing, None
            on_refreshed()
            self._interject()

    def _from_browser(self, spans: Sequence[Span]) -> None:
        if not self.passed:
            self.passed = True
            self.on_pass()
        messages: list[Span] = []
        receive = self.client_stream.receive
        try:
            for span in spans:
                receive(span, messages)
        finally:
            self.send_upstream(messages)
        if self.memory.seam.to_browser:
            self._interject()

    def _interject(self) -> None:
        """Send the browser what the gateway itself has to say, if the server's stream is between two messages.

        Raises ProtocolViolation for a browser that causes more and more of it and reads none.
        """
        released: list[Span] = []
        self.server_stream.interject(released)
        if not released:
            return
        self._unread = sum(map(len, released)) + (self._unread if self.browser.blocked else 0)
        if self._unread > MAX_UNREAD:
            raise ProtocolViolation("the browser asks more than it reads")
        self.browser.send(released)
