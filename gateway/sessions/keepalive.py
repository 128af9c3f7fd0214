"""Keeping a silent upstream open, as harmlessly as its host allows: the ladder of rfb.md §7.

Rung 1: what the client asks for anyway, an incremental FramebufferUpdateRequest. Rung 2: the release of a key that
is not held. Rung 3, only by configuration: the pointer where it is. None of them reaches the user's screen, and
none counts as a human: they never pass through the client's stream.
"""

import math

from gateway.config.blocks import Keepalive
from gateway.relay.relay import Relay
from gateway.rfb import messages
from gateway.rfb.client_stream import ClientStream
from gateway.sessions.idle_limits import IdleLimits
from gateway.telemetry.metrics import Metrics

SCROLL_LOCK = 0xFF14
"""A key whose release, while it is up, QEMU filters and TigerVNC takes for activity; unmapped ones QEMU logs."""

CLOUD_IDLE = 300.0
"""Seconds without a message from the client after which Alibaba ends a console (clouds.md §3.3)."""


class UpstreamKeepalive:
    """The clocks of one connection to `host`; `cloud`: a cloud's, whose idle limit it would meet."""

    def __init__(
        self, settings: Keepalive, limits: IdleLimits, host: str, now: float, metrics: Metrics, *, cloud: bool
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._host = host
        self._metrics = metrics
        self._cut_at = now + CLOUD_IDLE if cloud else math.inf
        self._messages = self._inputs = -1
        self._message_at = self._input_at = self._touched_at = now

    def tick(self, relay: Relay, now: float) -> None:
        """Send what is due, between two messages of the client."""
        self._note(relay.client_stream, now)
        settings = self._settings
        after = settings.upstream_after
        if settings.method == "off" or relay.upstream is None:
            return
        if settings.method == "ping":
            if now - self._message_at >= after:
                self._message_at = now
                if relay.upstream.can_ping:
                    relay.upstream.ping()
                    self._metrics.kept_alive("ping")
            return
        if now >= self._cut_at:
            self._cut_at += CLOUD_IDLE
            self._metrics.idle_cuts_averted.inc()
        if now - self._message_at >= after:
            self._message_at = now
            relay.request_update()
            self._metrics.kept_alive("update_request")
        if self._climbs and now - max(self._input_at, self._touched_at) >= after and not _held(relay):
            self._touched_at = now
            relay.send_upstream(self._touch(relay))
            self._metrics.kept_alive("input")

    @property
    def due(self) -> float:
        """When something may have to be sent, if nobody sends anything before."""
        if self._settings.method == "off":
            return math.inf
        last = self._message_at
        if self._climbs:
            last = min(last, max(self._input_at, self._touched_at))
        return last + self._settings.upstream_after

    def lost(self, client: ClientStream, now: float, *, closed: bool) -> bool:
        """The connection ended; True if that looks like its host's limit for want of input."""
        self._note(client, now)
        idle = now - max(self._input_at, self._touched_at)
        if not closed or idle < self._settings.upstream_after:
            return False
        asked = self._settings.method not in ("off", "ping")
        return self._limits.cut(self._host, idle, now, asked=asked)

    @property
    def _climbs(self) -> bool:
        method = self._settings.method
        return method == "input" or (method == "auto" and self._limits.needs_input(self._host))

    def _touch(self, relay: Relay) -> list[bytes]:
        touch = [messages.key_event(SCROLL_LOCK, down=False)]
        pointer = relay.memory.pointer
        if self._settings.method == "input" and pointer is not None:
            touch.append(messages.pointer_event(0, pointer.x, pointer.y))
        return touch

    def _note(self, client: ClientStream, now: float) -> None:
        if client.messages != self._messages:
            self._messages, self._message_at = client.messages, now
            if self._cut_at < math.inf:
                self._cut_at = now + CLOUD_IDLE
        if client.human_messages != self._inputs:
            self._inputs, self._input_at = client.human_messages, now


def _held(relay: Relay) -> bool:
    """Whether a key or button is down: then nothing is touched."""
    pointer = relay.memory.pointer
    return relay.memory.keyboard.anything_held or (pointer is not None and pointer.buttons != 0)
