"""A proxy between gateway and server that kills connections, at a random byte of what the server sends.

Owns when, where and how a connection dies, and who is behind it next time. Leaves what it should look like afterwards
to the tests.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from support.chaos.frames import CLOSE_CODES, Reframer, close_frame
from support.chaos.plan import CALM, HANDSHAKE, Connection, Plan, Way
from support.chaos.sockets import abort, drop_everything, flushed
from support.programs import LOOPBACK
from support.servers.address import Address

_CHUNK = 65536
_CRUMBLED = 15_000  # bytes of a connection to plain TCP that come in crumbs: the rest takes too long
_EARLY = 0.1  # share of the cuts that may fall into the handshake, where a plan allows it
_FAREWELL = 1.0  # seconds for the gateway to close its side after ours


class Cutter:
    """Use `cutter` to start one. Without a plan it cuts nothing.

    `up` False: connections are reset as soon as they are accepted. `dials` are the times of all attempts.
    """

    def __init__(self, targets: Sequence[Address], seed: int) -> None:
        self.targets = list(targets)
        self.seed = seed
        self.up = True
        self.dials: list[float] = []
        self.connections: list[Connection] = []
        self.cuts = 0
        self.faults: list[BaseException] = []  # of its own, none of them a connection's
        self._dice = random.Random(seed)
        self._plan = CALM
        self._left = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        """Where to connect instead of the targets."""
        assert self._server is not None
        port, first = self._server.sockets[0].getsockname()[1], self.targets[0]
        return Address(port, first.scheme, first.path, first.password)

    @property
    def live(self) -> list[Connection]:
        """Connections that both sides still have."""
        return [one for one in self.connections if not one.writer.is_closing() and not one.silent]

    @property
    def current(self) -> Address:
        """The server that the newest connection leads to."""
        return self.connections[-1].target

    def follow(self, plan: Plan) -> None:
        """Begin a plan with the next connection, and forget what was."""
        self._plan, self._left = plan, plan.cuts
        self.cuts = 0
        self.connections = self.live
        self.dials.clear()

    def calm(self) -> None:
        """No more cuts from the next connection on."""
        self._plan, self._left = CALM, 0

    def story(self) -> str:
        """What has happened, to be printed when it went wrong."""
        lines = [f"seed {self.seed}, {self.cuts} cuts, {len(self.dials)} dials"]
        return "\n".join([*lines, *(f"  {one}" for one in self.connections[-12:])])

    async def cut(self, way: Way = Way.RESET, noticed: Callable[[], Awaitable[None]] | None = None) -> int:
        """Kill every connection now, the server's side first; how many there were.

        `noticed` waits until the server has done what it does when a viewer leaves; the gateway learns after that.
        """
        ending = [one for one in self.connections if not one.writer.is_closing()]
        if not self._plan.linger:
            for one in ending:
                one.dying = True
                if one.out is not None:
                    abort(one.out)
            if noticed is not None:
                await noticed()
        for one in ending:
            await self._kill(one, way)
        return len(ending)

    def stall(self) -> None:
        """Pass nothing any more; the gateway still gets its acknowledgements, and learns nothing."""
        for one in self.live:
            one.silent = True

    async def vanish(self) -> int:
        """Let every connection fall silent as if the cable were pulled: nothing passes, nothing is acknowledged."""
        ending = self.live
        for one in ending:
            one.silent = True
        for one in ending:
            await flushed(one.writer)  # what is still unsent would be sent again and again, a sign of life
            drop_everything(one.writer.get_extra_info("socket"))
        return len(ending)

    async def quiet(self, seconds: float, within: float = 10.0) -> None:
        """Wait until the newest connection has been silent for a while, or has at least been there so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                seen, since = -1, time.monotonic()
                while time.monotonic() < since + seconds:
                    if self.connections[-1].sent != seen:
                        seen, since = self.connections[-1].sent, time.monotonic()
                    await asyncio.sleep(seconds / 10)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accepted, LOOPBACK, 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dials.append(time.monotonic())
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            self.faults.append(fault)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = self.targets[(len(self.dials) - 1) % len(self.targets)]
        try:
            if not self.up:
                return
            onward, out = await asyncio.open_connection(target.host, target.port)
            await self._carry(self._prepared(target, reader, writer), onward, out)
        except OSError:
            return
        finally:
            abort(writer)

    def _prepared(self, target: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection:
        """A connection with its fate, from the dice in an order that depends on nothing but the seed."""
        plan, offset = self._plan, None
        way = self._dice.choice(plan.ways)
        if self._left > 0:
            self._left -= 1
            early = plan.first < HANDSHAKE and self._dice.random() < _EARLY
            lowest, highest = (plan.first, HANDSHAKE) if early else (HANDSHAKE, plan.last)
            offset = self._dice.randint(lowest, highest)
        connection = Connection(target, offset, way, reader, writer)
        self.connections.append(connection)
        return connection

    async def _carry(self, one: Connection, onward: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        one.out = out
        plan = self._plan
        down = asyncio.create_task(self._downwards(one, onward, plan))
        tasks = (down, asyncio.create_task(_upwards(one, out, plan.lumped)), asyncio.create_task(one.over.wait()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if one.offset is not None and one.cut is None and down.done() and not down.exception():
                await self._kill(one, one.way)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if one.cut and plan.linger:
                asyncio.get_running_loop().call_later(plan.linger, abort, out)
            else:
                out.close()

    async def _downwards(self, one: Connection, onward: asyncio.StreamReader, plan: Plan) -> None:
        """Server to gateway, up to the offset; the caller cuts then."""
        sender = _Sender(one, self._dice if plan.chunked else None)
        deadline = None if one.offset is None else one.began + plan.patience
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if deadline is None else max(0.0, deadline - time.monotonic())):
                while one.offset is None or one.sent < one.offset:
                    data = await onward.read(_CHUNK)
                    if not data:
                        await _until(lambda: not one.dying)
                        one.offset = None  # the server went by itself: nothing to cut
                        return
                    await _until(lambda: not one.silent)
                    await sender.send(data if one.offset is None else data[: one.offset - one.sent])

    async def _kill(self, one: Connection, way: Way) -> None:
        if way is Way.CLOSE_FRAME and not one.framed:
            way = Way.FIN
        one.cut = way
        self.cuts += 1
        if way is Way.CLOSE_FRAME:
            one.writer.write(close_frame(self._dice.choice(CLOSE_CODES)))
        await flushed(one.writer)
        if way is Way.RESET:
            abort(one.writer)
        else:
            with contextlib.suppress(OSError, RuntimeError):
                one.writer.write_eof()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_until(one.reader.at_eof), _FAREWELL)
            one.writer.close()
        one.over.set()


class _Sender:
    """Passes the server's bytes on, as they are or in crumbs; as frames of its own where a Close frame may follow."""

    def __init__(self, one: Connection, dice: random.Random | None) -> None:
        self._one = one
        self._dice = dice
        reframed = one.target.scheme == "ws" and (dice is not None or one.way is Way.CLOSE_FRAME)
        self._reframer = Reframer(dice) if reframed else None

    async def send(self, data: bytes) -> None:
        one = self._one
        if self._reframer is not None:
            one.writer.write(b"".join(self._reframer.feed(data)))
            one.framed = self._reframer.answered
            one.sent += len(data)
            await one.writer.drain()
            return
        at = 0
        while at < len(data):
            crumb = data[at:]
            if self._dice is not None and one.sent < _CRUMBLED:
                crumb = crumb[: self._dice.randint(1, 3)]
            one.writer.write(crumb)
            one.sent += len(crumb)
            at += len(crumb)
            await one.writer.drain()
            if self._dice is not None:
                await asyncio.sleep(0)  # the gateway may read now


async def _upwards(one: Connection, out: asyncio.StreamWriter, lumped: float) -> None:
    """Gateway to server."""
    with contextlib.suppress(OSError):
        while data := await one.reader.read(_CHUNK):
            await _until(lambda: not one.silent and not one.dying)
            one.received += len(data)
            out.write(data)
            await out.drain()
            await asyncio.sleep(lumped)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def cutter(*targets: Address, seed: int = 1) -> AsyncIterator[Cutter]:
    """A cutter in front of `targets`, taken in turn, for as long as the block runs."""
    one = Cutter(targets, seed)
    await one.start()
    try:
        yield one
        assert not one.faults
    finally:
        await one.stop()
