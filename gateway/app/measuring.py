"""Metrics that are looked up when somebody asks for them, and the clock that measures the loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.rfb.held import HeldTotal
from gateway.sessions.registry import Registry
from gateway.telemetry.loop_lag import measuring_lag
from gateway.telemetry.metrics import Metrics
from gateway.web import problems
from gateway.web.public import Readiness


@asynccontextmanager
async def measuring(metrics: Metrics, registry: Registry, held: HeldTotal, readiness: Readiness) -> AsyncIterator[None]:
    """Let `metrics` tell of these for as long as the block lasts, and after it as they are then."""
    metrics.expect_refusals(problems.NAMES)
    metrics.ready.set_function(lambda: readiness.ready)
    metrics.sessions_reconnecting.set_function(lambda: registry.reconnecting)
    metrics.held_bytes.set_function(lambda: held.used)
    metrics.unsent_to_browser.set_function(lambda: registry.unsent[0])
    metrics.unsent_to_upstream.set_function(lambda: registry.unsent[1])
    async with measuring_lag(metrics.loop_lag_seconds.observe):
        yield
