"""A slow browser for stress: a small receive buffer, random pauses, random messages in random frames."""

import asyncio
import contextlib
import socket
import ssl
from random import Random
from urllib.parse import urlsplit

from support.stress import traffic
from support.stress.channel import Channel, Pace, open_websocket
from support.stress.server import VERSION, StressServer, send_random
from support.stress.session import Flow, StressSession


async def browse(
    url: str, server: StressServer, *, seed: str, up: int, tls: ssl.SSLContext | None, receive_buffer: int
) -> StressSession:
    """Open the console at `url`, send `up` bytes of messages and read all that its server sends: the session.

    `receive_buffer`: SO_RCVBUF. Raises ConnectionError and the like if the gateway ends it early.
    """
    dice = Random(f"{seed} browser {url}")
    pace = Pace(dice, chance=0.2, longest=0.01)
    where = urlsplit(url)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (where.hostname, where.port))
    reader, writer = await asyncio.open_connection(
        sock=sock, ssl=tls, server_hostname=where.hostname if tls else None, limit=4096
    )
    try:
        channel = await open_websocket(reader, writer, pace, url)
        session = server.sessions[await _shake(channel)]
        await _live(channel, session, up, dice)
        return session
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


async def _shake(channel: Channel) -> int:
    """RFB's handshake; the desktop's name is the session's number."""
    assert await channel.exactly(12) == VERSION
    await channel.send(VERSION)
    assert await channel.exactly(2) == b"\x01\x01"
    await channel.send(b"\x01")
    assert await channel.exactly(4) == bytes(4)
    await channel.send(b"\x01")
    init = await channel.exactly(24)
    name = await channel.exactly(int.from_bytes(init[20:], "big"))
    assert init + name == traffic.server_init(name.decode())
    return int(name)


async def _live(channel: Channel, session: StressSession, up: int, dice: Random) -> None:
    session.up.sent.add(traffic.SET_ENCODINGS)
    await channel.send(traffic.SET_ENCODINGS)
    async with asyncio.TaskGroup() as group:
        group.create_task(send_random(channel, session.up, traffic.client_message, up, dice))
        group.create_task(_receive(channel, session.down))
    while (
        not session.up.all_received and session.error is None
    ):  # what is sent before a Close may still be on its way to the server
        await asyncio.sleep(0.01)


async def _receive(channel: Channel, flow: Flow) -> None:
    while not flow.all_received:
        data = await channel.receive()
        if not data:
            raise ConnectionError("the gateway ended the session")
        flow.received.add(data)
