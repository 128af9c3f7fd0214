"""These tests run on the loop that the gateway has in production."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio
import uvloop
from support.servers.redis import RedisServer, redis_server


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(module_artifacts: Path) -> AsyncIterator[RedisServer]:
    """A Redis for the tests of a module."""
    async with redis_server(module_artifacts) as server:
        yield server
