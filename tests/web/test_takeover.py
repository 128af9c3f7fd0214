"""Taking the socket over from aiohttp loses nothing, however quick the browser is."""

import asyncio
import socket
from pathlib import Path

from support.gateway import MANY_DIALS, gateway
from support.programs import LOOPBACK
from support.raw_browser import BINARY, header
from support.scripted_server import SERVER_INIT, ScriptedServer, idle

UPGRADE = (
    b"GET /ws/lab/vm HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
VIEWER = b"RFB 003.008\n\x01\x01"


def opened(port: int) -> bool:
    """Say everything that a viewer says as soon as the 101 is there, without waiting for the greeting."""
    with socket.create_connection((LOOPBACK, port), timeout=3) as browser:
        browser.sendall(UPGRADE)
        received = browser.recv(4096)
        browser.sendall(header(BINARY, len(VIEWER), masked=True) + bytes(4) + VIEWER)
        try:
            while not received.endswith(SERVER_INIT):
                data = browser.recv(4096)
                if not data:
                    return False
                received += data
        except TimeoutError:
            return False
        return True


async def test_a_browser_that_speaks_first_is_heard(artifacts: Path):
    """The moment is short: it took seven tries to lose three."""
    async with (
        ScriptedServer(idle).running() as server,
        gateway({"vm": server.url}, logs=artifacts, provider=MANY_DIALS) as at,
    ):
        assert [await asyncio.to_thread(opened, at.port) for _ in range(20)] == [True] * 20
