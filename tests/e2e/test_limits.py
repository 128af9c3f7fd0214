"""Sessions end when they should, all of them leave nothing behind, and a server that never reads costs no memory."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from support.gateway import MANY_DIALS, Gateway, gateway
from support.programs import eventually
from support.raw_browser import Closed, RawBrowser, raw_browser
from support.rfb_client import messages
from support.scripted_server import Connection, ScriptedServer, idle

PING = 9


@contextlib.asynccontextmanager
async def opened(running: Gateway, console: str = "vm") -> AsyncIterator[RawBrowser]:
    """A browser in an open session."""
    async with raw_browser(running.port, await running.target(console)) as browser:
        assert browser.status == 101
        await browser.handshake()
        yield browser


async def never_reads(connection: Connection) -> None:
    await connection.handshake()
    await asyncio.Event().wait()


async def test_a_session_without_a_human_ends_and_one_with_a_human_at_its_time(artifacts: Path) -> None:
    """Requests for updates are no human; keys are, until the session has lasted as long as it may."""
    limits = "[limits]\nhuman_idle = 1\nduration = 3"

    async def lazy(browser: RawBrowser) -> Closed:
        ask = asyncio.create_task(_repeat(browser, messages.update_request(0, 0, 9, 9, incremental=True)))
        try:
            return await browser.closed(within=10)
        finally:
            ask.cancel()

    async def busy(browser: RawBrowser) -> Closed:
        typing = asyncio.create_task(_repeat(browser, messages.key(0x61, down=False)))
        try:
            return await browser.closed(within=10)
        finally:
            typing.cancel()

    async with (
        ScriptedServer(idle).running() as server,
        gateway({"vm": server.url, "other": server.url}, logs=artifacts, more=limits) as running,
        opened(running) as one,
        opened(running, "other") as two,
    ):
        first, second = await asyncio.gather(lazy(one), busy(two))
    assert first == Closed(4408, "idle")
    assert second == Closed(4411, "duration")


async def _repeat(browser: RawBrowser, message: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            await browser.send(message)
            await asyncio.sleep(0.3)


async def test_a_browser_that_answers_no_ping_is_lost_and_one_that_does_is_not(artifacts: Path) -> None:
    more = "[keepalive]\nbrowser_ping = 1\nbrowser_timeout = 1"
    async with (
        ScriptedServer(idle).running() as server,
        gateway({"vm": server.url, "other": server.url}, logs=artifacts, more=more) as running,
        opened(running) as dead,
        opened(running, "other") as living,
    ):
        answering = asyncio.create_task(living.closed(within=30))
        await asyncio.wait_for(_until_end(dead), 10)
        assert not answering.done()
        answering.cancel()
        await eventually(lambda: _lost(running), within=5, what="browser_lost in the metrics")


async def _until_end(browser: RawBrowser) -> None:
    """Read without answering anything."""
    with contextlib.suppress(ConnectionResetError):
        while await browser.reader.read(65536):
            pass


async def _lost(running: Gateway) -> bool:
    return (await running.metrics())['vnc_gateway_endings_total{reason="browser_lost"}'] >= 1


async def test_sigterm_says_going_away_to_every_browser(artifacts: Path) -> None:
    async with ScriptedServer(idle).running() as server:
        consoles = {f"vm{n}": server.url for n in range(5)}
        async with gateway(consoles, logs=artifacts) as running, contextlib.AsyncExitStack() as stack:
            browsers = [await stack.enter_async_context(opened(running, name)) for name in consoles]
            running.process.signal(signal.SIGTERM)
            ends = await asyncio.gather(*(browser.closed(within=10) for browser in browsers))
            assert ends == [Closed(1001, "going_away")] * 5
            assert await running.process.wait_exit(10) == 0


async def test_a_server_that_never_reads_slows_its_browser(artifacts: Path) -> None:
    """Input piles up in the sockets and nowhere else: the browser cannot send any more, memory stays."""
    batch = (messages.pointer(1, 1) + messages.key(0x61, down=True) + messages.key(0x61, down=False)) * 2000
    async with (
        ScriptedServer(never_reads).running() as server,
        gateway({"vm": server.url}, logs=artifacts) as running,
        opened(running) as browser,
    ):
        before, sent = running.process.rss(), 0
        with contextlib.suppress(TimeoutError):
            while sent < 64 * 1024 * 1024:
                await asyncio.wait_for(browser.send(batch), 2)
                sent += len(batch)
        grown = running.process.rss() - before
    assert sent < 32 * 1024 * 1024, f"{sent} bytes taken for a server that reads none"
    assert grown < 8 * 1024 * 1024, f"{grown} bytes more memory"


async def test_many_sessions_leave_nothing_behind(artifacts: Path) -> None:
    """Two hundred of them, ended in three ways: by a Close frame, by a reset, by the upstream."""

    async def one(number: int) -> None:
        async with opened(running, f"vm{number % 20}") as browser:
            await browser.send(messages.key(0x61, down=True))
            if number % 3 == 0:
                await browser.send((1000).to_bytes(2, "big"), opcode=8)
                assert (await browser.closed()).code == 1000

    async def ours() -> bool:
        return (await running.metrics())["vnc_gateway_sessions"] == 0

    def descriptors() -> int:
        return len(list(Path(f"/proc/{running.process.pid}/fd").iterdir()))

    async with ScriptedServer(idle).running() as server:
        consoles = {f"vm{number}": server.url for number in range(20)}
        async with gateway(consoles, logs=artifacts, provider=MANY_DIALS) as running:
            await one(0)
            await eventually(ours, within=5)
            before = descriptors()
            for batch in range(10):
                await asyncio.gather(*(one(20 * batch + number) for number in range(20)))
            await eventually(ours, within=10, what="no session in the metrics")
            await eventually(lambda: descriptors() <= before + 2, within=10, what="no descriptor left behind")
