"""What a session is given: the configuration's terms for its provider, and what all sessions of a loop share."""

from dataclasses import dataclass, field

from gateway.config.blocks import Keepalive, Reconnect, SessionLimits
from gateway.relay.buffer import ReceiveBuffer
from gateway.rfb.held import HeldTotal
from gateway.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Terms:
    """What the configuration says about sessions of one provider, whose type is `kind`."""

    kind: str
    keepalive: Keepalive
    reconnect: Reconnect
    limits: SessionLimits


@dataclass(frozen=True, slots=True)
class Shared:
    """What all sessions of a loop share.

    `ponging`: upstream hosts that have answered a WebSocket ping once; only those are judged by pings.
    """

    buffer: ReceiveBuffer
    metrics: Metrics
    held_total: HeldTotal
    ponging: set[str] = field(default_factory=set)
