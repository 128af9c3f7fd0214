"""A desktop for each test."""

from collections.abc import AsyncIterator

import pytest
from support.desktop_server import DesktopServer

from gateway.simulator.desktop.desktop import Desktop


@pytest.fixture
async def server() -> AsyncIterator[DesktopServer]:
    served = DesktopServer(Desktop("vm-1"))
    yield served
    for each in served.servers:
        await each.stop()
