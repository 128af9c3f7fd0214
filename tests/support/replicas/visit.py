"""Browsers below any library at consoles of several replicas: each comes with a ticket or returns, stays, and ends."""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from support.programs import LOOPBACK
from support.raw_browser import CLOSE, Closed, EndedError, RawBrowser, raw_browser
from support.replicas.machines import SCREEN
from support.replicas.replica import Replica
from support.rfb_client import messages
from support.rfb_client.wire import Encoding

PIECE = 2_000
EVERY = 4.0  # seconds between two requests: one process plays all browsers and draws all machines
WHOLE = messages.update_request(0, 0, *SCREEN, incremental=False)
CHANGES = messages.update_request(0, 0, *SCREEN, incremental=True)
LEAVING = b"\x03\xe8"  # 1000


@dataclass(frozen=True, slots=True)
class Doors:
    """The ways into all replicas; which one is taken is a load balancer's business, and here the dice's."""

    replicas: Sequence[Replica]
    http: aiohttp.ClientSession
    dice: random.Random

    def any(self) -> Replica:
        return self.dice.choice(self.replicas)

    async def ticket(self, console: str, user: str) -> str:
        """One that a bastion host mints."""
        return await self.any().bastion.ticket(console, user=user)

    async def grant(self, console: str, token: str) -> dict[str, str] | None:
        """What a ticket or resume token is traded for; None if it is refused."""
        replica = self.any()
        headers = {"Host": f"{LOOPBACK}:{replica.port}", "Authorization": f"Bearer {token}"}
        url = f"http://{replica.host}:{replica.port}/grant/{console}"
        async with self.http.post(url, headers=headers) as answer:
            if answer.status == 401:
                return None
            assert answer.status == 200, await answer.text()
            given: dict[str, str] = await answer.json()
            return given

    async def end(self, session: str) -> int:
        """Ask for the end of a session: the status."""
        return (await self.any().bastion.api("DELETE", f"/sessions/{session}")).status


@dataclass(slots=True)
class Visit:
    """One browser at a console. `session` is the grant's, `resume` brings it back.

    `slow`: bytes a second that it takes; 0: all there are.
    """

    console: str
    session: str
    resume: str
    slow: int
    _browser: RawBrowser
    _life: contextlib.AsyncExitStack
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)
    _over: asyncio.Task[Closed] | None = None

    @classmethod
    async def dial(cls, doors: Doors, console: str, token: str, *, take: bool = True, slow: int = 0) -> "Visit":
        """Come as far as the answer to the upgrade."""
        given = await doors.grant(console, token)
        assert given is not None, f"{console}: refused"
        replica, life = doors.any(), contextlib.AsyncExitStack()
        target = f"/ws/{console}?ticket={given['ticket']}&take={int(take)}"
        dialling = raw_browser(replica.port, target, host=replica.host, receive_buffer=4096 if slow else 0)
        browser = await life.enter_async_context(dialling)
        assert browser.status == 101, f"{console}: {browser.status}"
        return cls(console, given["session"], given["resume"], slow, browser, life)

    @classmethod
    async def open(cls, doors: Doors, console: str, token: str, *, take: bool = True, slow: int = 0) -> "Visit":
        """Come, and see the machine."""
        visit = await cls.dial(doors, console, token, take=take, slow=slow)
        await visit._browser.handshake()
        encodings = [Encoding.RAW] if slow else [Encoding.COPY_RECT, Encoding.TIGHT]
        await visit._browser.send(messages.set_encodings(encodings) + WHOLE)
        await visit._browser.read(4, within=60)
        visit._over = asyncio.create_task(visit._look())
        return visit

    @property
    def over(self) -> bool:
        """Whether the gateway has ended it."""
        return self._over is not None and self._over.done()

    async def stay(self, seconds: float) -> None:
        """Look at the machine, move the pointer over it; less long if it ends."""
        assert self._over is not None, "not opened"
        until = time.monotonic() + seconds
        while not self.over and (left := until - time.monotonic()) > 0:
            spot = (int(left * 100) % SCREEN[0], int(left * 10) % SCREEN[1])
            with contextlib.suppress(OSError):
                await self._browser.send((WHOLE if self.slow else CHANGES) + messages.pointer(*spot))
            await asyncio.wait([self._over], timeout=min(EVERY, left))

    def hurry(self) -> None:
        """It will be ended: be quick from now on, since the gateway does not wait long for who takes nothing."""
        self._hurry.set()

    async def ended(self) -> Closed:
        """How the gateway ends it; it is about to."""
        self.hurry()
        closed = await (self._browser.ended(60) if self._over is None else asyncio.wait_for(self._over, 60))
        await self.drop()
        return closed

    async def leave(self) -> Closed:
        """Say goodbye; the answer."""
        await self._browser.send(LEAVING, opcode=CLOSE)
        return await self.ended()

    async def babble(self) -> Closed:
        """Send what no client may send; the answer."""
        await self._browser.send(b"\xff" * 8)
        return await self.ended()

    async def drop(self) -> None:
        """Be gone without a word."""
        if self._over is not None:
            self._over.cancel()
            await asyncio.wait([self._over])
        await self._life.aclose()

    async def _look(self) -> Closed:
        """Take what comes, slowly if that is its way and nobody waits for its end."""
        with contextlib.suppress(EndedError):
            while self.slow and not self._hurry.is_set():
                await self._browser.read(PIECE, within=3600)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), PIECE / self.slow)
            return await self._browser.closed(within=12 * 3600)
        return self._browser.how
