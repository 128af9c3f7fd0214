"""The real noVNC without a browser, from Python: one node process, any number of clients in it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from support.chaos import modules
from support.components import program
from support.programs import eventually
from support.rfb_client.pixels import Colours
from support.rfb_client.wire import Encoding

E = Encoding

ANSWER_WITHIN = 60.0  # seconds; node is busy decoding, not dead


@dataclass(frozen=True, slots=True)
class Wish:
    """What noVNC asks for: encodings with pixels (None: its own list), less the `without`, and how to call that."""

    encodings: tuple[int, ...] | None = None
    without: frozenset[int] = frozenset()
    name: str = ""
    lossy: bool = False

    def __str__(self) -> str:
        return self.name

    def but(self, *left_out: int, name: str) -> "Wish":
        """The same without these pseudo encodings."""
        return replace(self, without=self.without | set(left_out), name=f"{self.name}-{name}")


JPEG_LEVELS = frozenset(range(-32, -22))
FLOW = frozenset({E.CONTINUOUS_UPDATES, E.FENCE})

NOVNC = Wish(name="novnc", lossy=True)  # as it comes: Tight with JPEG
TIGHT_JPEG = Wish((E.COPY_RECT, E.TIGHT), name="tight-jpeg", lossy=True)
TIGHT = Wish((E.COPY_RECT, E.TIGHT), JPEG_LEVELS, "tight")
TIGHT_PNG = Wish((E.TIGHT_PNG,), JPEG_LEVELS, "tight-png")
ZRLE = Wish((E.COPY_RECT, E.ZRLE), name="zrle")
ZLIB = Wish((E.ZLIB,), name="zlib")
HEXTILE = Wish((E.HEXTILE,), name="hextile")
RRE = Wish((E.RRE,), name="rre")
RAW = Wish((E.RAW,), name="raw")
COPY_RECT = Wish((E.COPY_RECT, E.RAW), name="copy-rect")


@dataclass(frozen=True, slots=True)
class Status:
    """noVNC's state, whether updates flow by themselves, and what it has had so far."""

    state: str
    continuous: bool
    updates: int
    bytes: int
    bells: int


class NoVncError(AssertionError):
    """The client could not do as it was told."""


@dataclass
class NoVnc:
    """One noVNC. `ended` is how its socket closed and what it said of that, None while it goes on."""

    engine: "Engine"
    number: int
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    ended: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    async def picture(self) -> Colours:
        """What its user sees: the visible canvas."""
        file = self.engine.directory / f"canvas-{self.number}.rgba"
        size = await self.tell("dump", file=str(file))
        pixels = np.fromfile(file, np.uint8).reshape(size["height"], size["width"], 4)
        file.unlink()
        return pixels[..., :3]

    async def status(self) -> Status:
        """How it is now."""
        return Status(**await self.tell("status"))

    async def drawn(self) -> int:
        """How many updates it has drawn so far."""
        return (await self.status()).updates

    async def draws(self, count: int, *, since: int, within: float = 10.0) -> None:
        """Wait until it has drawn so many more updates than `since`."""

        async def enough() -> bool:
            assert self.ended is None, self.ended
            return await self.drawn() >= since + count

        await eventually(enough, within=within, what=f"{count} updates")

    async def refine(self) -> None:
        """Take JPEG out of what it asks for, and ask for the whole picture once more."""
        await self.tell("refine", without=sorted(JPEG_LEVELS))

    async def mouse(self, x: int, y: int, buttons: int = 0) -> None:
        """Pointer at x, y with RFB's button mask."""
        await self.tell("mouse", x=x, y=y, buttons=buttons)

    async def key(self, keysym: int, code: str, *, down: bool) -> None:
        """A key by keysym and by the browser's name for its place."""
        await self.tell("key", keysym=keysym, code=code, down=down)

    async def resize(self, width: int, height: int) -> None:
        """Ask for a screen of this size, as a page does whose window has become that large."""
        await self.tell("resize", width=width, height=height)

    async def pause(self, *, on: bool) -> None:
        """Stop reading from the socket, or go on."""
        await self.tell("pause", on=on)

    async def close(self) -> None:
        """Leave, as a user does who closes the tab."""
        await self.tell("close")

    async def tell(self, what: str, **how: Any) -> Any:
        return await self.engine.tell(what, client=self.number, **how)


class Engine:
    """The node process. Use `engine` to start one."""

    def __init__(self, process: asyncio.subprocess.Process, directory: Path) -> None:
        self.directory = directory
        self.faults: list[str] = []
        self.ready = asyncio.Event()
        self._process = process
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._clients: dict[int, NoVnc] = {}
        self._last = 0

    async def open(self, url: str, wish: Wish = NOVNC, *, within: float = 15.0, **how: Any) -> NoVnc:
        """A client on `url` that has got ServerInit."""
        client = NoVnc(self, len(self._clients) + 1)
        self._clients[client.number] = client
        encodings = None if wish.encodings is None else [int(number) for number in wish.encodings]
        await client.tell("open", url=url, encodings=encodings, without=sorted(map(int, wish.without)), **how)
        await eventually(
            lambda: client.connected.is_set() or client.ended is not None, within=within, what="noVNC's connection"
        )
        if client.ended is not None:
            raise NoVncError(f"noVNC was not let in: {client.ended}")
        return client

    async def tell(self, what: str, **how: Any) -> Any:
        """Send a command and wait for its answer."""
        self._last += 1
        answer = self._answers[self._last] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": self._last, "do": what, **how}).encode() + b"\n")
        await self._process.stdin.drain()
        return await asyncio.wait_for(answer, ANSWER_WITHIN)

    def log(self) -> str:
        """All that noVNC has had to say."""
        return (self.directory / "novnc.log").read_text(errors="replace")

    async def listen(self) -> None:
        """Read what the process says until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "event" in said:
                self._note(said)
                continue
            answer = self._answers.pop(said["id"])
            if answer.done():
                continue  # nobody has waited so long
            if "error" in said:
                answer.set_exception(NoVncError(said["error"]))
            else:
                answer.set_result(said["answer"])

    def _note(self, said: dict[str, Any]) -> None:
        event, client = said["event"], self._clients.get(said.get("client") or 0)
        if event == "ready":
            self.ready.set()
        elif client is None:
            self.faults.append(said["detail"])
        elif event == "connect":
            client.connected.set()
        elif event == "failed":
            client.ended = client.ended or f"noVNC gave up: {said['detail']}"
        elif event == "closed":
            client.ended = client.ended or f"closed with {said['code']} {said['reason']}".strip()
        else:
            client.events.append(said)


@contextlib.asynccontextmanager
async def engine(logs: Path) -> AsyncIterator[Engine]:
    """Run node with noVNC in it; what noVNC logs goes to `logs`/novnc.log."""
    logs.mkdir(parents=True, exist_ok=True)
    argv: Sequence[str] = [program("node"), str(modules.client() / "client.mjs"), str(modules.novnc())]
    with (logs / "novnc.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    running = Engine(process, logs)
    listening = asyncio.create_task(running.listen())
    try:
        await asyncio.wait_for(running.ready.wait(), ANSWER_WITHIN)
        yield running
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
        if process.returncode is None:
            process.kill()
            await process.wait()
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
