"""The trial: noVNC looks while its upstream dies again and again; then the picture is frozen and compared."""

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from support.chaos.cutter import Cutter
from support.chaos.novnc import Engine, Status, Wish
from support.chaos.plan import Plan
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
BLOCK = 16  # pixels a side, of which JPEG keeps the mean well, whatever it does to noise within
BLURRED = 25  # of 255
EDGES = 0.005  # share of the blocks that may be off by more; a rectangle that is missing or misplaced is more
QUIET = 0.25  # seconds without a byte from the server: nothing is under way any more
SETTLE = 15.0  # seconds until the frozen picture must be there; two servers refine JPEG after a while


T = TypeVar("T")


def cuts(few: int) -> int:
    """How many cuts: `few` in an ordinary run, more in a long one."""
    return max(CUTS, few) if CUTS else few


def rarely(*parameters: T) -> tuple[T, ...]:
    """Parameters of a test that only a long run has."""
    return parameters if CUTS else ()


class Door(Protocol):
    """Where noVNC comes in: the gateway, or a relay that does not work."""

    async def address(self, console: str) -> str: ...


class Client(Protocol):
    """Who looks."""

    @property
    def ended(self) -> str | None:
        """How it has lost its connection, None while it goes on."""
        ...

    async def picture(self) -> Colours:
        """What it shows."""
        ...

    async def drawn(self) -> int:
        """How much has come so far, in a unit of its own."""
        ...

    async def draws(self, count: int, *, since: int, within: float = 10.0) -> None:
        """Wait until so much more has come than `since`."""
        ...

    async def refine(self) -> None:
        """Ask for the whole picture without JPEG, from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything that takes part but the client: door and console, what is cut, what is behind."""

    engine: Engine
    gateway: Door
    console: str
    cutter: Cutter
    behind: Behind
    artifacts: Path
    settle: float = SETTLE

    async def run(self, wish: Wish, plan: Plan) -> Status:
        """The trial with noVNC; how that was when it had passed."""
        plan = await self.begin(wish, plan)
        client = await self.engine.open(await self.gateway.address(self.console), wish)
        try:
            await client.mouse(*POINTER)
            await self.endure(client, wish, plan)
            return await client.status()
        finally:
            await client.close()

    async def begin(self, wish: Wish, plan: Plan) -> Plan:
        """Let the picture move, and the plan begin with the next connection."""
        await self.behind.thaw()
        if not plan.last:
            largest = max([await full_picture(scene.address, wish) for scene in set(self.behind.scenes.values())])
            plan = replace(plan, last=int(MORE * largest))
        self.cutter.follow(plan)
        return plan

    async def endure(self, client: Client, wish: Wish, plan: Plan) -> None:
        """Go through the plan, freeze, compare; cut once more and compare that."""
        try:
            await self.survive(client, plan)
            await client.draws(3, since=await client.drawn(), within=self.settle)
            await self.behind.freeze()
            if wish.lossy:
                await self.compare(client, "after the cuts, nearly", nearly=True)
                await client.refine()
            await self.compare(client, "after the cuts")
            drawn = await client.drawn()
            await self.cutter.cut()
            await client.draws(1, since=drawn, within=self.settle)
            await self.compare(client, "after a cut of a still picture")
        except BaseException as error:
            error.add_note(f"{wish}: {self.cutter.story()}\nclient: {client.ended or 'connected'}")
            raise

    async def survive(self, client: Client, plan: Plan) -> None:
        """Wait until all connections of the plan have died."""
        await eventually(
            lambda: self.cutter.cuts >= plan.cuts or client.ended is not None,
            within=10 + PER_CUT * plan.cuts,
            what=f"{plan.cuts} cuts",
        )
        assert client.ended is None
        assert len(self.cutter.dials) >= plan.cuts

    async def compare(self, client: Client, when: str, *, nearly: bool = False) -> None:
        """Pixel by pixel with a picture that was taken from the server itself; or `nearly`, as JPEG is."""
        wrong = -1
        picture = direct = np.zeros((0, 0, 3), np.uint8)

        async def same() -> bool:
            nonlocal wrong, picture, direct
            assert client.ended is None, f"{when}: {client.ended}"
            picture = await client.picture()
            if not len(direct) or picture.shape != direct.shape:
                direct = await self.behind.capture(self.cutter.current)
            wrong = blurred(picture, direct) if nearly else difference(picture, direct)
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
        return max(one.size, other.size) // 3
    return int((one != other).any(axis=-1).sum())


def blurred(one: Colours, other: Colours) -> int:
    """How many blocks of pixels differ in their mean colour by more than JPEG's do; 0 if they are few."""
    if one.shape != other.shape:
        return difference(one, other)
    off = np.abs(_means(one) - _means(other)).max(axis=-1) > BLURRED
    return int(off.sum()) if off.mean() > EDGES else 0


def _means(picture: Colours) -> NDArray[np.float64]:
    height, width = picture.shape[0] // BLOCK * BLOCK, picture.shape[1] // BLOCK * BLOCK
    blocks = picture[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3)
    means: NDArray[np.float64] = blocks.mean(axis=(1, 3))
    return means
