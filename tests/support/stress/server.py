"""An RFB server for stress: security None, then random messages as fast as they are taken, and it reads at leisure."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from support.stress import traffic
from support.stress.channel import Channel, Pace, accept_websocket
from support.stress.session import Flow, StressSession

VERSION = b"RFB 003.008\n"
BATCH = 40_000  # bytes of messages that are cut into frames together


async def send_random(channel: Channel, flow: Flow, message: traffic.Message, size: int, dice: Random) -> None:
    """Send random messages of at least `size` bytes in all."""
    while not flow.all_sent:
        batch = b""
        while len(batch) < min(BATCH, size - flow.sent.size):
            batch += message(dice)
        flow.sent.add(batch)
        flow.all_sent = flow.sent.size >= size
        await channel.send(batch)


class StressServer:
    """Servers of one kind, tcp, ws or wss, behind one port; `sessions` by the number that is their desktop's name."""

    def __init__(self, *, seed: str, down: int, tls: ssl.SSLContext | None = None, websocket: bool = True) -> None:
        """`down`: bytes that each session sends."""
        self.sessions: dict[int, StressSession] = {}
        self.port = 0
        self._seed = seed
        self._down = down
        self._tls = tls
        self._websocket = websocket

    @property
    def url(self) -> str:
        """Where the gateway is to dial."""
        scheme = "tcp" if not self._websocket else "wss" if self._tls else "ws"
        return f"{scheme}://127.0.0.1:{self.port}" + ("/websockify?token=a%2Fb" if self._websocket else "")

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StressServer"]:
        """Listen until the block is left."""
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=self._tls, limit=4096)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = StressSession(len(self.sessions))
        self.sessions[session.number] = session
        dice = Random(f"{self._seed} server {session.number}")
        pace = Pace(dice, chance=0.05, longest=0.01)
        try:
            channel = await accept_websocket(reader, writer, pace) if self._websocket else Channel(reader, writer, pace)
            await self._serve(channel, session, dice)
        except Exception as error:  # whatever it was, the run reports it
            if not (session.up.all_received and session.down.all_received):
                session.error = error
        finally:
            writer.close()

    async def _serve(self, channel: Channel, session: StressSession, dice: Random) -> None:
        await self._shake(channel, session)
        # Nothing may be sent in an encoding that was not asked for.
        first = await channel.exactly(len(traffic.SET_ENCODINGS))
        session.up.received.add(first)
        async with asyncio.TaskGroup() as group:
            group.create_task(send_random(channel, session.down, traffic.server_message, self._down, dice))
            group.create_task(self._receive(channel, session.up))

    async def _shake(self, channel: Channel, session: StressSession) -> None:
        await channel.send(VERSION)
        assert await channel.exactly(12) == VERSION
        await channel.send(b"\x01\x01")  # one security type: None
        assert await channel.exactly(1) == b"\x01"
        await channel.send(bytes(4))
        await channel.exactly(1)
        await channel.send(traffic.server_init(str(session.number)))

    async def _receive(self, channel: Channel, flow: Flow) -> None:
        while data := await channel.receive():
            flow.received.add(data)
