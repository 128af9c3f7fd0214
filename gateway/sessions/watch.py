"""What is looked at while a console is open: liveness, keepalive, limits, counters.

When is said here and kept by rounds.py; nothing here waits. The clocks of the browser live as long as the session,
those of the upstream begin anew with each connection to it.
"""

import math
from collections import Counter
from collections.abc import Callable
from functools import partial

from gateway.errors import BrowserLost, GatewayError, UpstreamLost, internal
from gateway.relay.leg import Leg
from gateway.relay.liveness import Liveness, Verdict
from gateway.relay.relay import Relay
from gateway.sessions.acts import SessionActs
from gateway.sessions.keepalive import UpstreamKeepalive
from gateway.sessions.rates import Rates
from gateway.sessions.records import Passed
from gateway.sessions.terms import Shared, Terms
from gateway.sessions.time_limits import TimeLimits

UPSTREAM_PING = 20.0
"""Seconds between pings to an upstream, and that it may stay silent after one."""


class Watch:
    """The clocks of one session, whose grant ends in `grant_left` seconds.

    `end` is told the reason when a limit is reached or the browser is gone.
    """

    def __init__(
        self,
        relay: Relay,
        terms: Terms,
        shared: Shared,
        now: float,
        end: Callable[[GatewayError], None],
        acts: SessionActs,
        *,
        grant_left: float,
    ) -> None:
        self._relay = relay
        self._terms = terms
        self._shared = shared
        self._end = end
        self._acts = acts
        self._browser = Liveness(terms.keepalive.browser_ping, terms.keepalive.browser_timeout, now)
        self._limits = TimeLimits(terms.limits, grant_left, now)
        self._counted = self._counts()
        self._rates = Rates(now)
        self._changes: Counter[str] = Counter()
        relay.on_pass = partial(shared.rounds.soon, self)
        self.joined("", now)

    def joined(self, host: str, now: float) -> None:
        """A new upstream at `host` carries the session from now on."""
        self._host = host
        self._shared.rounds.soon(self)
        self._upstream = Liveness(UPSTREAM_PING, UPSTREAM_PING, now, judged=host in self._shared.ponging)
        shared, terms = self._shared, self._terms
        self._keepalive = UpstreamKeepalive(
            terms.keepalive, shared.idle_limits, host, now, shared.metrics, cloud=terms.cloud
        )

    def lost(self, now: float, *, closed: bool) -> bool:
        """The upstream is gone; True if its host `closed` it for want of input, it seems."""
        return self._keepalive.lost(self._relay.client_stream, now, closed=closed)

    @property
    def last_input_at(self) -> float | None:
        """When the last key or pointer of a human came, to the second; None before the first."""
        return self._limits.last_input_at

    def passed(self) -> Passed:
        """What passed so far."""
        return Passed(*self._counts())

    def per_second(self, now: float) -> Passed:
        """What passes a second, over the last minute."""
        return Passed(*self._rates.per_second(now, self._counts()))

    def tick(self, now: float) -> float:
        """Look at everything once: when there may be something to do although nothing passes. Times are the loop's."""
        try:
            return self._tick(now)
        except Exception as error:  # one session's bug is its own end, not everybody's
            self._end(internal(error))
            return math.inf

    def leave(self) -> None:
        """The session is over: tell the rest."""
        self._shared.rounds.forget(self)
        self._relay.on_pass = _unwatched
        self.flush()

    def _tick(self, now: float) -> float:
        self._check_browser(now)
        if self._relay.upstream is not None:
            self._check_upstream(now)
            self._keepalive.tick(self._relay, now)
        self._check_limits(now)
        if self._relay.passed:
            self._relay.passed = False
            self._rates.moved(now, self._counted)
            self.flush()
        return self._next_due()

    def _next_due(self) -> float:
        due = min(self._browser.due, self._limits.due)
        if self._relay.upstream is not None:
            due = min(due, self._keepalive.due)
            if self._relay.upstream.can_ping:
                due = min(due, self._upstream.due)
        return due

    @property
    def unsent(self) -> tuple[int, int]:
        """Bytes that wait in this process for the browser to take them, and for the upstream."""
        upstream = self._relay.upstream
        return self._relay.browser.unsent, 0 if upstream is None else upstream.unsent

    def flush(self) -> None:
        """Tell the process's metrics, and the audit, what passed since the last time."""
        metrics = self._shared.metrics
        counts = self._counts()
        if counts != self._counted:
            counters = (
                metrics.bytes_to_browser,
                metrics.bytes_to_upstream,
                metrics.messages_to_browser,
                metrics.messages_to_upstream,
            )
            for counter, new, old in zip(counters, counts, self._counted, strict=True):
                counter.inc(new - old)
            self._counted = counts
        memory = self._relay.memory
        self._acts.moved(memory.acts)
        if memory.changed.total() + memory.dropped.total() + memory.oversized == self._changes.total():
            return
        changes = Counter({str(what): times for what, times in memory.changed.items()})
        changes.update({f"{what}_withheld": times for what, times in memory.dropped.items()})
        changes["oversized_streamed"] = memory.oversized
        for what, times in (changes - self._changes).items():
            metrics.changed(what, times)
        self._changes = changes

    def _counts(self) -> tuple[int, ...]:
        relay = self._relay
        return (
            relay.browser.payload_out,
            relay.payload_to_upstream,
            relay.memory.messages_from_server,
            relay.client_stream.messages,
        )

    def _check_browser(self, now: float) -> None:
        leg = self._relay.browser
        verdict = _look(self._browser, leg, now)
        if verdict is Verdict.PING:
            leg.ping()
        elif verdict is Verdict.SILENT:
            self._end(BrowserLost("no answer to a ping"))
        elif verdict is Verdict.STALLED:
            self._end(BrowserLost("the browser takes nothing"))

    def _check_upstream(self, now: float) -> None:
        leg = self._relay.upstream
        if leg is None or not leg.can_ping:
            return
        if leg.pongs_in:
            self._shared.ponging.add(self._host)
        self._upstream.judged = self._host in self._shared.ponging
        verdict = _look(self._upstream, leg, now)
        if verdict is Verdict.PING:
            leg.ping()
        elif verdict is Verdict.SILENT:
            leg.end(UpstreamLost("no answer to a ping"))
        elif verdict is Verdict.STALLED:
            leg.end(UpstreamLost("the upstream takes nothing"))

    def _check_limits(self, now: float) -> None:
        left = self._limits.announced(now)
        if left is not None:
            self._relay.browser.notice(ends_in=round(left))
        over = self._limits.over(now, self._relay.client_stream.human_messages)
        if over is not None:
            self._end(over)


def _unwatched() -> None:
    """What passes when nobody looks any more."""


def _look(clock: Liveness, leg: Leg, now: float) -> Verdict:
    unsent, in_flight = leg.kernel_queue() if clock.needs_kernel(leg.bytes_in) else (0, 0)
    return clock.check(
        now,
        received=leg.bytes_in,
        sent=leg.bytes_out,
        unsent=leg.unsent + unsent,
        reading=leg.reading,
        in_flight=in_flight,
    )
