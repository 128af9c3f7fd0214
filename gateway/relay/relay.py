"""The loop between the two legs: every byte of a session passes through the two methods below.

Spans that ServerStream releases leave in the same call that read them: no queue, no task, no copy but of
the one unfinished rectangle. Flow control is the legs': each pauses its peer while it cannot write.
"""

from collections.abc import Sequence

from gateway.relay.browser_leg import BrowserLeg
from gateway.relay.leg import Span
from gateway.relay.upstream_leg import UpstreamLeg
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.server_stream import ServerStream


class Relay:
    """Two legs and the RFB stream in each direction."""

    def __init__(
        self, browser: BrowserLeg, upstream: UpstreamLeg, server_stream: ServerStream, client_stream: ClientStream
    ) -> None:
        self.browser = browser
        self.upstream = upstream
        self.server_stream = server_stream
        self.client_stream = client_stream

    def start(self, server_init: bytes, *, from_upstream: bytes, from_browser: bytes) -> None:
        """Send ServerInit, relay what came early on either side, and go on from there.

        Raises what the streams raise about those early bytes.
        """
        self.browser.send([server_init])
        self.browser.on_payload = self._from_browser
        self.upstream.on_payload = self._from_upstream
        self.browser.join(self.upstream)
        if from_upstream:
            self._from_upstream([memoryview(from_upstream)])
        if from_browser:
            self._from_browser([from_browser])

    def _from_upstream(self, spans: Sequence[Span]) -> None:
        released: list[Span] = []
        receive = self.server_stream.receive
        try:
            for span in spans:
                receive(memoryview(span), released)
        finally:
            if released:  # what was whole before a fault belongs to the browser
                self.browser.send(released)

    def _from_browser(self, spans: Sequence[Span]) -> None:
        messages: list[Span] = []
        receive = self.client_stream.receive
        try:
            for span in spans:
                receive(span, messages)
        finally:
            if messages:
                self.upstream.send(messages)
