"""A simulated desktop on TCP without clouds, its picture still unless a test moves it."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.simulator.desktop.desktop import Desktop
from gateway.simulator.desktop.geometry import Rect
from gateway.simulator.desktop.handshake import ServerOptions
from gateway.simulator.desktop.tcp import TcpServer
from support.rfb_client.client import RfbClient


@dataclass
class DesktopServer:
    """A desktop and its VNC servers."""

    desktop: Desktop
    servers: list[TcpServer] = field(default_factory=list)

    async def listen(self, options: ServerOptions | None = None) -> int:
        """One more port, with a server of that kind."""
        server = TcpServer(self.desktop, options or ServerOptions())
        self.servers.append(server)
        return await server.start()

    def type(self, text: str) -> None:
        """Press and release the keys of a text."""
        for char in text:
            keysym = 0xFF0D if char == "\n" else ord(char)
            self.desktop.key(keysym, down=True)
            self.desktop.key(keysym, down=False)

    def make_noise(self) -> None:
        """Pieces of more colours than a palette holds, with runs and without."""
        chance = random.Random(7)
        canvas = self.desktop.canvas
        for left, length in ((10, 1), (120, 40)):
            pixels = [bytes([*chance.randbytes(3), 0]) for _ in range(100 * 100 // length)]
            row = b"".join(pixel * length for pixel in pixels)
            canvas.rows(left, 100, [row[at : at + 400] for at in range(0, len(row), 400)])
        canvas.fill(Rect(5, 5, 3, 3), bytes([1, 2, 3, 0]))


async def follow_until(client: RfbClient, condition: Callable[[], bool], *, within: float = 10.0) -> None:
    """Be an ordinary viewer until something holds."""
    async with asyncio.timeout(within):
        while not condition():
            await client.follow(0.02)


async def shows(client: RfbClient, server: DesktopServer) -> None:
    """Be an ordinary viewer until its picture is the desktop's."""
    await follow_until(client, lambda: client.picture.tobytes() == server.desktop.rgb())
