"""Prometheus metrics: names, labels, and bounds on both.

Owns every metric's name and the values its labels may take; no label ever holds a user, an address, an
instance or a session. Leaves counting to the caller: what is counted for each chunk of bytes should be
added up there and reported here now and then.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from gateway import __version__
from gateway.endings import ENDINGS, Ending

MAX_VALUES = 100  # distinct values of a label that comes from outside; then "other", as a label costs memory for ever
MAX_VALUE = 64  # characters; the longest code of either cloud has about 40

KINDS = ("alibaba", "huawei", "static", "http")
# An address is dialled at once: loopback milliseconds, a distant region a few seconds; every step ends by 30 s.
STEP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BUDGET_BUCKETS = (0, 1, 2, 4, 8, 12, 16, 20, 24, 30)
# Alibaba's address is good for 15 s: what matters is how near to that a dial comes.
AGE_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 12, 15)
# A pointer feels 50 ms; a second of it is an outage.
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """All metrics of one gateway, in the registry that it is given; docs/metrics.md explains each.

    Counters and histograms whose labels are known exist from the start, at 0.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # a second series for each counter that nothing here needs
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types there
        self.registry = registry
        self._seen: dict[Counter, set[str]] = {}
        self._of_sessions()
        self._of_traffic()
        self._of_upstreams()
        self._of_splices()
        self._of_the_process()

    def _of_sessions(self) -> None:
        self.sessions = self._gauge("sessions", "Sessions open now.")
        self.sessions_reconnecting = self._gauge("sessions_reconnecting", "Of them, those whose upstream is away.")
        self.sessions_opened = self._counter("sessions_opened", "Sessions begun.")
        self._endings = self._counter("endings", "Sessions ended, by the name of the ending.", "reason")
        for ending in ENDINGS:
            self._endings.labels(ending.name)
        self._refusals = self._counter("refusals", "Requests refused, by the name of the refusal.", "reason")
        self._dropped = self._counter(
            "connections_dropped", "Connections dropped before a request, by the reason.", "why"
        )
        for why in ("crowded", "too_often", "no_proxy", "bad_header"):
            self._dropped.labels(why)

    def _of_traffic(self) -> None:
        traffic = self._counter("bytes", "RFB bytes passed on after ServerInit.", "direction")
        messages = self._counter("messages", "RFB messages passed on after ServerInit.", "direction")
        self.bytes_to_browser = traffic.labels("to_browser")
        self.bytes_to_upstream = traffic.labels("to_upstream")
        self.messages_to_browser = messages.labels("to_browser")
        self.messages_to_upstream = messages.labels("to_upstream")
        self._changed = self._counter("changed", "Changes made to the RFB stream outside a splice.", "what")
        self.held_bytes = self._gauge("held_bytes", "Unfinished messages held back until they are whole.")
        unsent = self._gauge("unsent_bytes", "Bytes that wait for a slow peer to take them.", "direction")
        self.unsent_to_browser = unsent.labels("to_browser")
        self.unsent_to_upstream = unsent.labels("to_upstream")

    def _of_upstreams(self) -> None:
        self._provider_errors = self._counter(
            "provider_errors", "Answers of a provider that gave no address.", "provider", "code"
        )
        self.locate_seconds = self._steps("locate", "From asking a provider to its answer.")
        self.dial_seconds = self._steps("dial", "From the first packet to the upstream to its first bytes of RFB.")
        self.handshake_seconds = self._steps("handshake", "From there to ServerInit.")
        self.address_age_seconds = self._histogram(
            "address_age_seconds",
            "Age of an address for one use when its dial was over, counted from when it was asked for.",
            AGE_BUCKETS,
        )
        self.budget_left = self._histogram(
            "budget_left",
            "Dials left in an instance's minute after one was taken, 0 where one was refused.",
            BUDGET_BUCKETS,
        )

    def _of_splices(self) -> None:
        self._splices = self._counter("splices", "Lost upstreams, by what became of them.", "outcome")
        for outcome in ("done", "failed", "abandoned"):
            self._splices.labels(outcome)
        self.splice_seconds = self._histogram(
            "splice_seconds", "From the loss of an upstream to the first refreshed picture.", STEP_BUCKETS
        )
        self._keepalives = self._counter("keepalives", "What was sent to keep silent upstreams open.", "method")
        for method in ("update_request", "input", "ping"):
            self._keepalives.labels(method)
        self.idle_cuts_averted = self._counter(
            "idle_cuts_averted", "Times that a silent session outlived a cloud's idle limit, being kept alive."
        )
        self.idle_cuts_survived = self._counter(
            "idle_cuts_survived", "Splices after a cut that looks like the upstream's idle limit."
        )

    def _of_the_process(self) -> None:
        ProcessCollector(registry=self.registry)
        self._gauge("build_info", "Always 1; the version is a label.", "version").labels(__version__).set(1)
        self.ready = self._gauge("ready", "1 while new sessions are taken.")
        self.loop_lag_seconds = self._histogram(
            "loop_lag_seconds", "By how much the event loop was late for a timer, twice a second.", LAG_BUCKETS
        )
        self._reloads = self._counter("reloads", "Reloads of the configuration.", "outcome")
        for outcome in ("done", "failed"):
            self._reloads.labels(outcome)
        self.state_up = self._gauge("state_up", "1 while the shared state is reachable.")
        self.state_up.set(1)
        self.audit_lines_lost = self._counter("audit_lines_lost", "Audit lines that could not be written.")

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"vnc_gateway_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"vnc_gateway_{name}", text, labels, buckets=buckets, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"vnc_gateway_{name}", text, labels, registry=self.registry)

    def _steps(self, name: str, text: str) -> Histogram:
        step = self._histogram(f"{name}_seconds", text, STEP_BUCKETS, "kind")
        for kind in KINDS:
            step.labels(kind)
        return step

    def ended(self, ending: Ending) -> None:
        """Count one session's end."""
        self._endings.labels(ending.name).inc()

    def dropped(self, why: Literal["crowded", "too_often", "no_proxy", "bad_header"]) -> None:
        """Count a connection that was not let in: too many wait, too many of one source, or a PROXY header is amiss."""
        self._dropped.labels(why).inc()

    def expect_refusals(self, reasons: Iterable[str]) -> None:
        """Count these from 0 on: of a counter that begins at 1 nobody sees that it rose."""
        for reason in reasons:
            self._refusals.labels(reason)

    def refused(self, reason: str) -> None:
        """Count a request that was refused; `reason` is one of ours."""
        self._refusals.labels(reason).inc()

    def kept_alive(self, method: Literal["update_request", "input", "ping"]) -> None:
        """Count something that was sent to a silent upstream."""
        self._keepalives.labels(method).inc()

    def reloaded(self, outcome: Literal["done", "failed"]) -> None:
        """Count a reload of the configuration."""
        self._reloads.labels(outcome).inc()

    def spliced(self, outcome: Literal["done", "failed", "abandoned"], *, after_idle: bool) -> None:
        """Count one lost upstream; `after_idle`: it was cut for want of input, it seems."""
        self._splices.labels(outcome).inc()
        if after_idle and outcome == "done":
            self.idle_cuts_survived.inc()

    def changed(self, what: str, times: int = 1) -> None:
        """Count changes to the stream (rfb.md §1, "What is changed outside a splice")."""
        self._changed.labels(self._bounded(self._changed, what)).inc(times)

    def provider_error(self, provider: str, code: str) -> None:
        """Count an error by the provider's configured name and the cloud's own code.

        The code comes from outside: an odd or a new one, once there are many, is counted as "other".
        """
        self._provider_errors.labels(provider, self._bounded(self._provider_errors, code)).inc()

    def _bounded(self, counter: Counter, value: str) -> str:
        seen = self._seen.setdefault(counter, set())
        if value in seen:
            return value
        if len(seen) >= MAX_VALUES or not _is_code(value):
            return "other"
        seen.add(value)
        return value

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Give the body and content type of GET /metrics for a request's Accept header."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


def _is_code(value: str) -> bool:
    plain = value.replace(".", "").replace("_", "").replace("-", "")
    return len(value) <= MAX_VALUE and plain.isascii() and plain.isalnum()
