"""The trial: noVNC looks while its upstream dies again and again; then the picture is frozen and compared."""

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from support.chaos.cutter import Cutter, Plan
from support.chaos.novnc import Engine, NoVnc, Wish
from support.chaos.scenes import POINTER, Behind
from support.programs import eventually
from support.rfb_client.client import tcp_client
from support.rfb_client.pixels import Colours
from support.rfb_client.wire import Encoding, jpeg_quality
from support.servers.address import Address

CUTS = int(os.environ.get("CHAOS_CUTS", "0"))  # for each encoding; 0: a few, as part of all tests
SEED = int(os.environ.get("CHAOS_SEED", "20250"))

# The clouds' budget is for those who pay for calls; what is cut every 200 ms needs more. It has tests of its own.
RECONNECT = "[reconnect]\nper_minute = 100000\n"

MORE = 1.3  # of a full picture: most cuts fall into the refresh of the cut before, some into what comes after it
PER_CUT = 4.0  # seconds that a reconnect and its refresh may take on a machine that is busy with other things
QUIET = 0.25  # seconds without a byte from the server: nothing is under way any more
SETTLE = 15.0  # seconds until the frozen picture must be there; two servers refine JPEG after a while


def cuts(few: int) -> int:
    """How many cuts: `few` in an ordinary run, more in a long one."""
    return max(CUTS, few) if CUTS else few


class Door(Protocol):
    """Where noVNC comes in: the gateway, or a relay that does not work."""

    async def address(self, console: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything that takes part: who looks, through which door and console, what is cut and what is behind."""

    engine: Engine
    gateway: Door
    console: str
    cutter: Cutter
    behind: Behind
    artifacts: Path
    settle: float = SETTLE

    async def run(self, wish: Wish, plan: Plan) -> NoVnc:
        """Go through `plan`, freeze, compare; cut once more and compare that. The client stays open."""
        await self.behind.thaw()
        if not plan.last:
            largest = max([await full_picture(scene.address, wish) for scene in set(self.behind.scenes.values())])
            plan = replace(plan, last=int(MORE * largest))
        self.cutter.follow(plan)
        client = await self.engine.open(await self.gateway.address(self.console), wish)
        await client.mouse(*POINTER)
        try:
            await self.survive(client, plan)
            await client.updates(3, within=self.settle)
            await self.behind.freeze()
            await self.compare(client, "after the cuts")
            await self.cutter.cut()
            await client.updates(1, within=self.settle)
            await self.compare(client, "after a cut of a still picture")
        except BaseException as error:
            error.add_note(f"{wish}: {self.cutter.story()}\nclient: {client.ended or 'connected'}")
            raise
        return client

    async def survive(self, client: NoVnc, plan: Plan) -> None:
        """Wait until all connections of the plan have died."""
        await eventually(
            lambda: self.cutter.cuts >= plan.cuts or client.ended is not None,
            within=10 + PER_CUT * plan.cuts,
            what=f"{plan.cuts} cuts",
        )
        assert client.ended is None
        assert len(self.cutter.dials) >= plan.cuts

    async def compare(self, client: NoVnc, when: str) -> None:
        """Pixel by pixel with a picture that was taken from the server itself."""
        wrong = -1
        picture = direct = np.zeros((0, 0, 3), np.uint8)

        async def same() -> bool:
            nonlocal wrong, picture, direct
            assert client.ended is None, f"{when}: {client.ended}"
            picture = await client.picture()
            if not len(direct) or picture.shape != direct.shape:
                direct = await self.behind.capture(self.cutter.current)
            wrong = difference(picture, direct)
            if wrong:
                await asyncio.sleep(0.1)  # both sides have other things to do, too
            return wrong == 0

        await self.cutter.quiet(QUIET)
        try:
            await eventually(same, within=self.settle, what=f"the server's own picture, {when}")
        except AssertionError as error:
            for name, colours in (("client", picture), ("direct", direct)):
                if colours.size:
                    Image.fromarray(colours).save(self.artifacts / f"{name}.png")
            error.add_note(f"{wrong} pixels differ, {picture.shape} against {direct.shape}")
            raise


async def full_picture(server: Address, wish: Wish) -> int:
    """How many bytes a server sends for the whole screen."""
    async with tcp_client(server.host, server.port) as client:
        asked = wish.encodings if wish.encodings is not None else (Encoding.TIGHT, jpeg_quality(6))
        await client.set_up([number for number in (*asked, Encoding.DESKTOP_SIZE) if number not in wish.without])
        await client.cover()
        return len(client.received)


def difference(one: Colours, other: Colours) -> int:
    """How many pixels differ; all of them where the sizes do."""
    if one.shape != other.shape:
        return max(one.shape[0] * one.shape[1], other.shape[0] * other.shape[1])
    return int((one != other).any(axis=-1).sum())
