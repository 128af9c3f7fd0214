"""A desktop for each test."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.cloud_client import CloudClient
from support.desktop_server import DesktopServer

from gateway.simulator.desktop.desktop import Desktop
from gateway.simulator.simulator import Simulator


@pytest.fixture
async def server() -> AsyncIterator[DesktopServer]:
    served = DesktopServer(Desktop("vm-1"))
    yield served
    for each in served.servers:
        await each.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
def client(simulator: Simulator, http: aiohttp.ClientSession) -> CloudClient:
    return CloudClient(simulator, http)
