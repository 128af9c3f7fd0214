"""The state as several replicas see it, each by a connection of its own to one Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from gateway.config.state import address
from gateway.state.redis import RedisState, connected
from gateway.state.state import Holder, Lease, StateAway
from support.programs import LOOPBACK, eventually

ANA, BEN = Holder("s-ana", "ana", 100.0), Holder("s-ben", "ben", 200.0)
BUDGET = "alibaba:prod:i-1"


@asynccontextmanager
async def replicas(*ports: int, prefix: str = "vg:") -> AsyncIterator[list[RedisState]]:
    """Replicas `r0`, `r1`, … that reach their Redis at these ports."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(connected(address(f"redis://{LOOPBACK}:{port}"), prefix, f"r{number}"))
            for number, port in enumerate(ports)
        ]


async def comes_up(state: RedisState) -> None:
    await eventually(lambda: state.up, within=30, what="state up")


async def goes_away(state: RedisState, call: Callable[[], Awaitable[Any]]) -> None:
    with pytest.raises(StateAway):
        await call()
    assert not state.up


async def leased(state: RedisState, holder: Holder, *, take: bool = False) -> Lease:
    lease = await state.lease("lab/vm", holder, take=take)
    assert isinstance(lease, Lease)
    return lease
