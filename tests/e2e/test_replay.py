"""Recorded streams of real servers played through the gateway, in pieces of every size: no byte may change.

Server and browser walk through the recording together, so that requests and answers keep their order, which is what
a change of pixel format is told by.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from support import recordings
from support.gateway import MANY_DIALS, Gateway, gateway
from support.programs import eventually
from support.raw_browser import RawBrowser, raw_browser
from support.recordings import Recording
from support.scripted_server import Connection, ScriptedServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SMALL = 40_000  # bytes of a stream that may be sent in pieces of one to three


@dataclass(slots=True)
class Player:
    """A VNC server that plays `recording`, cutting what it sends into pieces of 1 to `largest` bytes."""

    recording: Recording | None = None
    largest: int = 1 << 16
    heard: bytearray = field(default_factory=bytearray)
    server: ScriptedServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = ScriptedServer(self._play)

    async def _play(self, connection: Connection) -> None:
        assert self.recording is not None
        await self._handshake(connection, self.recording.server_init)
        dice, at = random.Random(self.largest), 0
        for chunk in self.recording.chunks:
            if not chunk.from_server:
                self.heard += await connection.exactly(chunk.count)
                continue
            end = at + chunk.count
            while at < end:
                piece = min(dice.randint(1, self.largest), end - at)
                connection.writer.write(self.recording.server[at : at + piece])
                at += piece
                if dice.random() < 0.2:
                    await connection.writer.drain()
                    await asyncio.sleep(0)  # let the piece leave alone
        await connection.reader.read()

    async def _handshake(self, connection: Connection, server_init: bytes) -> None:
        await connection.send(b"RFB 003.008\n")
        await connection.exactly(12)
        await connection.send(b"\x01\x01")
        await connection.exactly(1)
        await connection.send(bytes(4))
        await connection.exactly(1)
        await connection.send(server_init)


@dataclass(frozen=True, slots=True)
class House:
    player: Player
    gateway: Gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    player = Player()
    async with (
        player.server.running() as server,
        gateway({"vm": server.url}, logs=module_artifacts, provider=MANY_DIALS) as running,
    ):
        yield House(player, running)


async def walk(browser: RawBrowser, recording: Recording) -> bytes:
    """Send what the recorded client sent when it had got what it had got; everything received."""
    received, at = bytearray(), 0
    for chunk in recording.chunks:
        if chunk.from_server:
            received += await browser.read(chunk.count)
        else:
            await browser.send(recording.client[at : at + chunk.count])
            at += chunk.count
    return bytes(received)


async def play(house: House, name: str, largest: int) -> None:
    recording = recordings.load(name)
    house.player.recording, house.player.largest = recording, largest
    house.player.heard.clear()
    async with asyncio.timeout(60), raw_browser(house.gateway.port, await house.gateway.target("vm")) as browser:
        assert await browser.handshake() == recording.server_init
        assert await walk(browser, recording) == recording.server
        await eventually(lambda: len(house.player.heard) >= len(recording.client), within=5)
    assert bytes(house.player.heard) == recording.client


@pytest.mark.parametrize("name", recordings.names())
async def test_recordings_pass_unchanged(house: House, name: str) -> None:
    await play(house, name, 1 << 16)


@pytest.mark.parametrize("name", recordings.names())
async def test_recordings_pass_unchanged_in_small_pieces(house: House, name: str) -> None:
    await play(house, name, 3 if len(recordings.load(name).server) < SMALL else 700)
