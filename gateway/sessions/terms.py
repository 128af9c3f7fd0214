"""What a session is given: the configuration's terms for its provider, and what all sessions of a loop share."""

import asyncio
from dataclasses import dataclass, field

from gateway.config.blocks import Keepalive, Reconnect, SessionLimits
from gateway.relay.buffer import ReceiveBuffer
from gateway.rfb.held import HeldTotal
from gateway.sessions.idle_limits import IdleLimits
from gateway.sessions.leases import Leases
from gateway.sessions.rounds import Rounds
from gateway.state.memory import MemoryState
from gateway.telemetry.audit import Audit
from gateway.telemetry.metrics import Metrics

DIALS_AT_ONCE = 8
"""Dials of one cloud account that run at a time: when an upstream proxy falls, its sessions do not all call at once."""

CLOUDS = frozenset({"alibaba", "huawei"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What the configuration says about sessions of one provider, whose type is `kind`.

    `account`: what the audit calls the cloud's account: the name of the credentials, or the provider's without any.
    """

    kind: str
    account: str
    keepalive: Keepalive
    reconnect: Reconnect
    limits: SessionLimits

    @property
    def cloud(self) -> bool:
        """True where a cloud's API is called for each dial."""
        return self.kind in CLOUDS


@dataclass(frozen=True, slots=True)
class Shared:
    """What all sessions of a loop share.

    `ponging`: upstream hosts that have answered a WebSocket ping once; only those are judged by pings.
    """

    buffer: ReceiveBuffer
    metrics: Metrics
    held_total: HeldTotal
    state: MemoryState
    leases: Leases
    audit: Audit
    ponging: set[str] = field(default_factory=set)
    idle_limits: IdleLimits = field(default_factory=IdleLimits)
    rounds: Rounds = field(default_factory=Rounds)
    _dials: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    def dials(self, account: str) -> asyncio.Semaphore:
        """The slots of an account; its sessions queue for them in order."""
        return self._dials.setdefault(account, asyncio.Semaphore(DIALS_AT_ONCE))
