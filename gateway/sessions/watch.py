"""What is looked at about once a second while a session is open: liveness, keepalive, limits, counters.

One tick for all sessions of the loop, driven by the registry; nothing here waits.
"""

from collections import Counter
from collections.abc import Callable

from gateway.errors import BrowserLost, DurationOver, GatewayError, HumanIdle, UpstreamLost
from gateway.relay.liveness import Liveness, Verdict
from gateway.relay.relay import Relay
from gateway.rfb import messages
from gateway.sessions.terms import Shared, Terms

UPSTREAM_PING = 20.0
"""Seconds between pings to an upstream, and that it may stay silent after one."""


class Watch:
    """The clocks of one open session. `host` names the upstream for what is learnt about its pings.

    `end` is told the reason when a limit is reached or the browser is gone.
    """

    def __init__(
        self, relay: Relay, host: str, terms: Terms, shared: Shared, now: float, end: Callable[[GatewayError], None]
    ) -> None:
        self._relay = relay
        self._host = host
        self._terms = terms
        self._shared = shared
        self._end = end
        keepalive = terms.keepalive
        self._browser = Liveness(keepalive.browser_ping, keepalive.browser_timeout, now)
        self._upstream = Liveness(UPSTREAM_PING, UPSTREAM_PING, now, judged=host in shared.ponging)
        self._opened_at = self._human_at = self._client_at = now
        self._humans = self._messages = 0
        self._counted = self._counts()
        self._changes: Counter[str] = Counter()

    def tick(self, now: float) -> None:
        """Look at everything once. `now`: the loop's time."""
        self._check_browser(now)
        self._check_upstream(now)
        self._keep_alive(now)
        self._check_limits(now)
        self.flush()

    def flush(self) -> None:
        """Add to the process's metrics what was relayed since the last time."""
        metrics = self._shared.metrics
        counters = (metrics.bytes_to_browser, metrics.bytes_to_upstream, metrics.messages_to_upstream)
        counts = self._counts()
        for counter, new, old in zip(counters, counts, self._counted, strict=True):
            counter.inc(new - old)
        self._counted = counts
        memory = self._relay.server_stream.memory
        changes = Counter({str(what): times for what, times in memory.changed.items()})
        changes.update({f"{what}_withheld": times for what, times in memory.dropped.items()})
        for what, times in (changes - self._changes).items():
            metrics.changed(what, times)
        self._changes = changes

    def _counts(self) -> tuple[int, ...]:
        relay = self._relay
        return (relay.browser.payload_out, relay.upstream.payload_out, relay.client_stream.messages)

    def _check_browser(self, now: float) -> None:
        leg = self._relay.browser
        verdict = self._browser.check(
            now, received=leg.bytes_in, sent=leg.bytes_out, unsent=leg.unsent, reading=leg.reading
        )
        if verdict is Verdict.PING:
            leg.ping()
        elif verdict is Verdict.SILENT:
            self._end(BrowserLost("no answer to a ping"))
        elif verdict is Verdict.STALLED:
            self._end(BrowserLost("the browser takes nothing"))

    def _check_upstream(self, now: float) -> None:
        leg = self._relay.upstream
        if not leg.can_ping:
            return
        if leg.pongs_in:
            self._shared.ponging.add(self._host)
        self._upstream.judged = self._host in self._shared.ponging
        verdict = self._upstream.check(
            now, received=leg.bytes_in, sent=leg.bytes_out, unsent=leg.unsent, reading=leg.reading
        )
        if verdict is Verdict.PING:
            leg.ping()
        elif verdict is Verdict.SILENT:
            leg.end(UpstreamLost("no answer to a ping"))
        elif verdict is Verdict.STALLED:
            leg.end(UpstreamLost("the upstream takes nothing"))

    def _keep_alive(self, now: float) -> None:
        client = self._relay.client_stream
        if client.messages != self._messages:
            self._messages = client.messages
            self._client_at = now
        keepalive = self._terms.keepalive
        if keepalive.method == "off" or now - self._client_at < keepalive.upstream_after:
            return
        self._client_at = now
        if keepalive.method == "ping":
            self._relay.upstream.ping()
        else:
            memory = self._relay.server_stream.memory
            request = messages.framebuffer_update_request(0, 0, memory.width, memory.height, incremental=True)
            self._relay.upstream.send([request])

    def _check_limits(self, now: float) -> None:
        humans = self._relay.client_stream.human_messages
        if humans != self._humans:
            self._humans, self._human_at = humans, now
        limits = self._terms.limits
        if limits.human_idle and now - self._human_at >= limits.human_idle:
            self._end(HumanIdle(f"no key or pointer for {limits.human_idle:g} s"))
        if now - self._opened_at >= limits.duration:
            self._end(DurationOver(f"open for {limits.duration:g} s"))
