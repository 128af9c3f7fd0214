"""What replicas share, kept where the configuration says."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from gateway.config import state as config
from gateway.state.memory import MemoryState
from gateway.state.redis import connected
from gateway.state.state import State
from gateway.telemetry.replica import replica


@asynccontextmanager
async def sharing(settings: config.State) -> AsyncIterator[State]:
    """The state. Raises ConfigurationError if it is there and of no use; it may be away, now and at any time."""
    if not settings.shared:
        structlog.get_logger().info("state.memory", note="run one replica only")
        yield MemoryState(time.monotonic, replica())
        return
    address = config.address(settings.url.get_secret_value())
    async with connected(address, settings.prefix, replica()) as state:
        yield state
