"""Sizes of the machine's screen that are asked for while the line is dead, or change while nobody is connected."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.chaos.cutter import Cutter, cutter
from support.chaos.novnc import ZRLE, NoVnc, engine
from support.chaos.scenes import POINTER, Behind, Desk, desk
from support.chaos.trial import RECONNECT, SEED, Trial
from support.components import needs
from support.gateway import gateway
from support.programs import eventually
from support.rfb_client import messages
from support.rfb_client.client import tcp_client
from support.rfb_client.wire import Encoding

pytestmark = [needs("xvnc", "xterm", "node", "npm"), pytest.mark.asyncio(loop_scope="session")]

FIRST, SECOND, THIRD = (480, 360), (520, 300), (400, 320)
GRACE = 0.3  # seconds for a message to be on its way


@dataclass(frozen=True, slots=True)
class Room:
    desk: Desk
    cutter: Cutter
    client: NoVnc
    trial: Trial

    async def shows(self, size: tuple[int, int]) -> None:
        """Wait until the client has a screen of this size, and compare every pixel."""

        async def so() -> bool:
            height, width, _ = (await self.client.picture()).shape
            return (width, height) == size

        await eventually(so, within=10, what=f"a screen of {size}")
        await self.desk.freeze()
        await self.trial.compare(self.client, f"at {size}")
        await self.desk.thaw()


@pytest_asyncio.fixture(loop_scope="session")
async def room(artifacts: Path) -> AsyncIterator[Room]:
    async with (
        desk(logs=artifacts, size=FIRST) as one,
        cutter(one.address, seed=SEED) as cuts,
        engine(artifacts) as novnc,
        gateway({"vm": cuts.address}, logs=artifacts, more=RECONNECT) as running,
    ):
        await one.thaw()
        trial = Trial(novnc, running, "vm", cuts, Behind({one.address: one}), artifacts)
        client = await novnc.open(await running.address("vm"), ZRLE)
        await client.mouse(*POINTER)
        await client.draws(2, since=0)
        yield Room(one, cuts, client, trial)


async def test_a_size_asked_for_on_a_dead_line_is_asked_for_again(room: Room) -> None:
    """Without an answer noVNC would never ask for another one."""
    room.cutter.stall()
    await room.client.resize(*SECOND)
    await asyncio.sleep(GRACE)
    await room.cutter.cut()
    await room.shows(SECOND)
    await room.client.resize(*THIRD)
    await room.shows(THIRD)


async def test_a_size_asked_for_in_the_gap(room: Room) -> None:
    room.cutter.up = False
    await room.cutter.cut()
    await asyncio.sleep(GRACE)
    await room.client.resize(*SECOND)
    await asyncio.sleep(GRACE)
    room.cutter.up = True
    await room.shows(SECOND)
    await room.client.resize(*THIRD)
    await room.shows(THIRD)


async def test_a_size_that_changes_while_nobody_is_connected(room: Room) -> None:
    room.cutter.up = False
    await room.cutter.cut()
    async with tcp_client(room.desk.address.host, room.desk.address.port) as other:
        await other.set_up([Encoding.RAW, Encoding.EXTENDED_DESKTOP_SIZE])
        await other.cover()
        await other.send(messages.set_desktop_size(*THIRD))
        await other.cover()
    room.cutter.up = True
    await room.shows(THIRD)
    await room.client.resize(*SECOND)
    await room.shows(SECOND)
