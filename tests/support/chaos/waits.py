"""What takes time: upstreams that die again and again, stay away, or fall silent. Told side by side in the background.

Owns what happens and how long that takes. What must come of it is for the tests to say.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from support.chaos.cutter import Cutter, cutter
from support.chaos.novnc import HEXTILE, RAW, Engine, NoVnc, engine
from support.chaos.plan import Plan, Way
from support.chaos.scenes import guest
from support.chaos.stories import Stories, stories
from support.chaos.trial import SEED
from support.gateway import Gateway, gateway
from support.programs import LOOPBACK, eventually
from support.servers.address import Address
from support.servers.qemu import Qemu

MINUTE = 60.0
LIFE = 1.0  # seconds that a connection lives, where the upstream dies again and again
DYING = 40.0  # seconds for which it does
WINDOW = 3.0
LONGER = 9.0  # a window in which there are several tries
AWAY = 7.0  # seconds of it
SILENCE = 20.0  # seconds between two pings of an upstream, for their answers, and before the kernel probes plain TCP
SPARE = 20.0  # seconds beyond what something takes on a machine of its own
GIVEN_UP = 2 * SILENCE + SPARE  # nobody has noticed

MOVES_FOR, RESTS_FOR = 0.1, 0.4  # seconds

LUMP = 0.2  # seconds for which all that goes to a server is collected
MOVES = 12  # of the pointer in half that time: more than the 125 bytes that a pong may hold

TABLES = """
[providers.{name}]
type = "static"
{lines}
[providers.{name}.consoles]
vm = "{url}"
"""
TRIES = "reconnect = {{ window = {}, per_minute = 1000 }}"


@dataclass(frozen=True, slots=True)
class Place:
    """A console of its own for one story, and what cuts it."""

    gateway: Gateway
    engine: Engine
    cutter: Cutter
    console: str

    async def open(self) -> NoVnc:
        client = await self.engine.open(await self.gateway.address(self.console), HEXTILE)
        await client.draws(1, since=0, within=SPARE)
        return client


async def dies_every_second(place: Place) -> tuple[list[float], str | None]:
    """It dies for a while; then it stays, and the picture has to come back as soon as the budget allows a dial."""
    client = await place.open()
    place.cutter.follow(Plan(1_000_000, last=1 << 40, patience=LIFE, ways=(Way.RESET,)))
    began = time.monotonic()
    await place.cutter.cut()
    await asyncio.sleep(DYING)
    place.cutter.calm()

    def lives() -> bool:
        """Whether a connection outlives those before."""
        newest = place.cutter.connections[-1]
        return newest.cut is None and time.monotonic() - newest.began > 2 * LIFE

    await eventually(lives, within=began + MINUTE + SPARE - time.monotonic(), what="a connection that stays")
    await client.draws(2, since=await client.drawn(), within=SPARE)
    return list(place.cutter.dials), client.ended


async def stays_away(place: Place) -> tuple[float, str]:
    """It goes and does not come back: after how long the browser is told, and what."""
    client = await place.open()
    place.cutter.up = False
    await place.cutter.cut()
    began = time.monotonic()
    await eventually(lambda: client.ended is not None, within=WINDOW + SPARE, what="the end")
    return time.monotonic() - began, client.ended or ""


async def comes_back(place: Place) -> None:
    """It goes, and is there again before the window is over."""
    client = await place.open()
    place.cutter.up = False
    await place.cutter.cut()
    await asyncio.sleep(AWAY)
    place.cutter.up = True
    await client.draws(2, since=await client.drawn(), within=LONGER - AWAY + SPARE)


async def falls_silent(place: Place, *, after: float, slow: bool = False) -> float:
    """The cable is pulled: after how long the gateway dials anew, and the picture moves on."""
    client = await place.engine.open(await place.gateway.address(place.console), RAW if slow else HEXTILE)
    await client.draws(2, since=0, within=SPARE)
    await asyncio.sleep(after)
    reading = asyncio.create_task(_read_slowly(client)) if slow else None
    dials = len(place.cutter.dials)
    assert await place.cutter.vanish()
    began = time.monotonic()
    await eventually(lambda: len(place.cutter.dials) > dials, within=GIVEN_UP, what="a new dial")
    took = time.monotonic() - began
    if reading is not None:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        await client.pause(on=False)
    await client.draws(3, since=await client.drawn(), within=SPARE)
    return took


async def moves_through_pings(place: Place) -> tuple[int, str | None]:
    """The pointer never rests, and QEMU reads a ping together with what comes after it: how often it was dialled."""
    place.cutter.follow(Plan(0, lumped=LUMP))
    client = await place.open()
    until = time.monotonic() + 2.2 * SILENCE
    while time.monotonic() < until and client.ended is None:
        for x in range(MOVES):
            await client.mouse(x, MOVES)
        await asyncio.sleep(LUMP / 2)
    return len(place.cutter.dials), client.ended


async def _read_slowly(client: NoVnc) -> None:
    """A browser on a thin line: it takes what has come for a moment, five times a second."""
    while True:
        await client.pause(on=True)
        await asyncio.sleep(0.2)
        await client.pause(on=False)
        await asyncio.sleep(0.01)


async def _now_and_then(machine: Qemu) -> None:
    """Let the picture move for a moment only: these stories wait, and other tests need the processor."""
    while True:
        await machine.thaw()
        await asyncio.sleep(MOVES_FOR)
        await machine.freeze()
        await asyncio.sleep(RESTS_FOR)


@contextlib.asynccontextmanager
async def waits(logs: Path) -> AsyncIterator[Stories]:
    """Begin all stories: each with a console, a cutter and, where it says so, a configuration of its own."""
    lines = {"dying": "", "away": TRIES.format(WINDOW), "back": TRIES.format(LONGER)}
    lines |= {"tcp": "", "ws": "", "slow": "", "early": "", "lumps": ""}
    async with contextlib.AsyncExitStack() as stack:
        machine = (await stack.enter_async_context(guest(logs=logs))).machine
        servers = {
            name: machine.websocket if name in {"ws", "slow", "early", "lumps"} else machine.tcp for name in lines
        }
        cutters = {name: await stack.enter_async_context(cutter(server, seed=SEED)) for name, server in servers.items()}
        urls = {name: cuts.address.url for name, cuts in cutters.items()}
        urls["early"] = urls["early"].replace(LOOPBACK, "localhost")  # what is known of a host is known by its name
        tables = "".join(TABLES.format(name=name, lines=lines[name], url=url) for name, url in urls.items())
        novnc = await stack.enter_async_context(engine(logs))
        direct: dict[str, str | Address] = {"direct": machine.tcp}
        running = await stack.enter_async_context(gateway(direct, logs=logs, more=tables))
        places = {name: Place(running, novnc, cuts, f"{name}/vm") for name, cuts in cutters.items()}
        telling = await stack.enter_async_context(stories())
        telling.begin("machine", _now_and_then(machine))
        telling.begin("dying", dies_every_second(places["dying"]))
        telling.begin("away", stays_away(places["away"]))
        telling.begin("back", comes_back(places["back"]))
        telling.begin("tcp", falls_silent(places["tcp"], after=1))
        telling.begin("ws", falls_silent(places["ws"], after=SILENCE + 1))
        telling.begin("slow", falls_silent(places["slow"], after=SILENCE + 1, slow=True))
        telling.begin("lumps", moves_through_pings(places["lumps"]))
        telling.begin("early", falls_silent(places["early"], after=1))
        yield telling
