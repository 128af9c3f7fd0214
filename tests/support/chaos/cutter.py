"""A proxy between gateway and server that kills connections, at a random byte of what the server sends.

Owns when, where and how a connection dies, and who is behind it next time. Leaves what it should look like afterwards
to the tests.
"""

import asyncio
import contextlib
import ctypes
import enum
import fcntl
import random
import socket
import struct
import termios
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from support.chaos.frames import CLOSE_CODES, Reframer, close_frame
from support.programs import LOOPBACK
from support.servers.address import Address

_CHUNK = 65536
_CRUMBLED = 15_000  # bytes of a connection to plain TCP that come in crumbs: the rest takes too long
_HANDSHAKE = 400  # bytes: an HTTP answer and the RFB handshake lie below, nearly everything above is rectangles
_EARLY = 0.1  # share of the cuts that may fall into the handshake, where a plan allows it
_FLUSH_WITHIN = 0.5  # seconds for the gateway to take what was sent before a reset
_FAREWELL = 1.0  # seconds for the gateway to close its side after ours
_RST = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: closing then resets


class Way(enum.Enum):
    """How a connection dies."""

    RESET = "reset"
    FIN = "fin"
    CLOSE_FRAME = "close frame"


TCP_WAYS = (Way.RESET, Way.FIN)
WS_WAYS = (Way.RESET, Way.FIN, Way.CLOSE_FRAME)


@dataclass(frozen=True, slots=True)
class Plan:
    """`cuts` connections die, each after `first` to `last` bytes from the server, then none.

    `last` 0: as many as a full picture takes, and a little more.
    `patience`: seconds after which a connection that has not come so far is cut where it is. `chunked`: the gateway
    gets one to three bytes at a time. `linger`: seconds that the server's side outlives the cut, half open.
    """

    cuts: int
    last: int = 0
    first: int = _HANDSHAKE
    ways: tuple[Way, ...] = TCP_WAYS
    patience: float = 1.5
    chunked: bool = False
    linger: float = 0.0


CALM = Plan(0)


@dataclass
class Connection:
    """One connection of the gateway's. `sent` counts what it got of the server's bytes; `cut` says how it died.

    `silent`: nothing passes any more. `dying`: the server's side is gone, ours not yet.
    """

    target: Address
    offset: int | None
    way: Way
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    began: float = field(default_factory=time.monotonic)
    sent: int = 0
    received: int = 0
    cut: Way | None = None
    silent: bool = False
    dying: bool = False
    out: asyncio.StreamWriter | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def __str__(self) -> str:
        end = f"{self.cut.value} after {self.sent}" if self.cut else f"alive at {self.sent}"
        return f"{self.target.scheme}:{self.target.port} {end}"


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
                    _abort(one.out)
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
            await _flushed(one.writer)  # what is still unsent would be sent again and again, a sign of life
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
            _abort(writer)

    def _prepared(self, target: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection:
        """A connection with its fate, from the dice in an order that depends on nothing but the seed."""
        plan, offset = self._plan, None
        way = self._dice.choice(plan.ways)
        if self._left > 0:
            self._left -= 1
            early = plan.first < _HANDSHAKE and self._dice.random() < _EARLY
            lowest, highest = (plan.first, _HANDSHAKE) if early else (_HANDSHAKE, plan.last)
            offset = self._dice.randint(lowest, highest)
        connection = Connection(target, offset, way, reader, writer)
        self.connections.append(connection)
        return connection

    async def _carry(self, one: Connection, onward: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        one.out = out
        plan = self._plan
        down = asyncio.create_task(self._downwards(one, onward, plan))
        tasks = (down, asyncio.create_task(_upwards(one, out)), asyncio.create_task(one.over.wait()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if one.offset is not None and one.cut is None and down.done() and not down.exception():
                await self._kill(one, one.way)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if one.cut and plan.linger:
                asyncio.get_running_loop().call_later(plan.linger, _abort, out)
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
        one.cut = way
        self.cuts += 1
        if way is Way.CLOSE_FRAME:
            one.writer.write(close_frame(self._dice.choice(CLOSE_CODES)))
        await _flushed(one.writer)
        if way is Way.RESET:
            _abort(one.writer)
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


async def _upwards(one: Connection, out: asyncio.StreamWriter) -> None:
    """Gateway to server."""
    with contextlib.suppress(OSError):
        while data := await one.reader.read(_CHUNK):
            await _until(lambda: not one.silent and not one.dying)
            one.received += len(data)
            out.write(data)
            await out.drain()


async def _flushed(writer: asyncio.StreamWriter) -> None:
    """Wait until the gateway's kernel has everything: a reset throws away what is still on the way."""
    try:
        async with asyncio.timeout(_FLUSH_WITHIN):
            while writer.transport.get_write_buffer_size() or _unsent(writer.get_extra_info("socket")):
                await asyncio.sleep(0.001)
    except (TimeoutError, OSError):
        return


def _unsent(connection: socket.socket) -> int:
    if connection.fileno() < 0:
        return 0
    answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", answer)[0])


def _abort(writer: asyncio.StreamWriter) -> None:
    """Reset, not close: whatever is unread or unsent is gone."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None and not writer.is_closing():
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
    writer.transport.abort()


def drop_everything(connection: socket.socket) -> None:
    """Let the kernel drop every packet that comes for this socket, acknowledgements included.

    A packet filter of one instruction, "take 0 bytes" (SO_ATTACH_FILTER): it needs no rights, and the other end sees
    what a pulled cable looks like.
    """
    attach_filter, return_nothing = 26, struct.pack("HBBI", 0x06, 0, 0, 0)
    program = ctypes.create_string_buffer(return_nothing)
    connection.setsockopt(socket.SOL_SOCKET, attach_filter, struct.pack("HL", 1, ctypes.addressof(program)))


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
