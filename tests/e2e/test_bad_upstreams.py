"""Upstreams that are no VNC server, or one that we cannot use: each ends with its own close code."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from support.certificates import loopback_certificate
from support.components import needs
from support.gateway import Gateway, gateway
from support.programs import free_port
from support.raw_browser import Closed, raw_browser
from support.scripted_server import Connection, Script, ScriptedServer
from support.servers.address import Address
from support.servers.qemu import qemu
from support.servers.websockify import websockify
from support.servers.xserver import xvnc
from support.tap import tapped

pytestmark = pytest.mark.asyncio(loop_scope="module")

UPSTREAM_LOST = Closed(4502, "upstream_lost")
UPSTREAM_AUTH = Closed(4505, "upstream_auth")
NOT_UNDERSTOOD = Closed(4506, "not_understood")

BRIEF = "[reconnect]\nwindow = 2\nper_minute = 1000"  # seconds; two minutes are the default


async def says_nothing(connection: Connection) -> None:
    await connection.reader.read()


async def closes_at_once(_connection: Connection) -> None:
    return


async def talks_http(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await connection.reader.read()


async def sends_garbage(connection: Connection) -> None:
    await connection.send(bytes(range(256)) * 4)
    await connection.reader.read()


async def half_a_greeting(connection: Connection) -> None:
    await connection.send(b"RFB 00")
    await connection.reader.read()


async def only_strange_security(connection: Connection) -> None:
    """RA2 and VeNCrypt, which are real, and one that nobody has defined."""
    await connection.send(b"RFB 003.008\n")
    await connection.exactly(12)
    await connection.send(bytes((3, 5, 19, 222)))
    await connection.reader.read()


async def refuses_with_a_reason(connection: Connection) -> None:
    """No security type at all: the server's way to say no (RFC 6143 §7.1.2)."""
    await connection.send(b"RFB 003.008\n")
    await connection.exactly(12)
    await connection.send(b"\0" + (7).to_bytes(4, "big") + b"too bad")
    await connection.reader.read()


async def unknown_message(connection: Connection) -> None:
    await connection.handshake()
    await connection.send(bytes((77,)) * 64)
    await connection.reader.read()


async def unknown_encoding(connection: Connection) -> None:
    await connection.handshake()
    await connection.send(bytes.fromhex("00000001 0000 0000 0001 0001 00001234") + bytes(64))
    await connection.reader.read()


async def endless_name(connection: Connection) -> None:
    """ServerInit with a name of 4 GB."""
    await connection.send(b"RFB 003.008\n")
    await connection.exactly(12)
    await connection.send(b"\x01\x01")
    await connection.exactly(1)
    await connection.send(bytes(4))
    await connection.exactly(1)
    await connection.send(bytes.fromhex("0040 0040 20180001 00ff00ff00ff 000810 000000 ffffffff") + bytes(1000))
    await connection.reader.read()


SCRIPTS: dict[str, Script] = {
    "silent": says_nothing,
    "closing": closes_at_once,
    "http": talks_http,
    "garbage": sends_garbage,
    "halting": half_a_greeting,
    "strange": only_strange_security,
    "refusing": refuses_with_a_reason,
    "message": unknown_message,
    "encoding": unknown_encoding,
    "name": endless_name,
}


@dataclass(frozen=True, slots=True)
class House:
    """The gateway, and what runs behind each of its consoles."""

    gateway: Gateway
    scripted: dict[str, ScriptedServer]

    async def end(self, console: str, within: float = 15.0) -> Closed:
        """Open a console as a browser does, and wait for its end."""
        async with raw_browser(self.gateway.port, await self.gateway.target(console)) as browser:
            assert browser.status == 101
            return await browser.ended(within)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    servers = {name: ScriptedServer(script) for name, script in SCRIPTS.items()}
    async with contextlib.AsyncExitStack() as stack:
        for server in servers.values():
            await stack.enter_async_context(server.running())
        consoles: dict[str, str | Address] = {name: server.url for name, server in servers.items()}
        consoles["nobody"] = Address(free_port())
        consoles["http-ws"] = servers["http"].url.replace("tcp:", "ws:") + "/"
        consoles["garbage-ws"] = servers["garbage"].url.replace("tcp:", "ws:") + "/"
        consoles["silent-ws"] = servers["silent"].url.replace("tcp:", "ws:") + "/"
        consoles["http-tls"] = servers["http"].url.replace("tcp:", "wss:") + "/"
        running = await stack.enter_async_context(gateway(consoles, logs=logs, more=BRIEF))
        yield House(running, servers)


@pytest.mark.parametrize(
    ("console", "end"),
    [
        ("nobody", UPSTREAM_LOST),
        ("closing", UPSTREAM_LOST),
        ("http", NOT_UNDERSTOOD),
        ("garbage", NOT_UNDERSTOOD),
        ("strange", UPSTREAM_AUTH),
        ("message", NOT_UNDERSTOOD),
        ("encoding", NOT_UNDERSTOOD),
        ("name", NOT_UNDERSTOOD),
        ("http-ws", UPSTREAM_LOST),
        ("garbage-ws", NOT_UNDERSTOOD),
        ("http-tls", UPSTREAM_LOST),
    ],
)
async def test_what_is_no_usable_server_ends_by_its_name(house: House, console: str, end: Closed) -> None:
    assert await house.end(console) == end


async def test_a_server_that_says_nothing_is_given_up(house: House) -> None:
    """All at once, since it takes the gateway a deadline to know."""
    ends = await asyncio.gather(*(house.end(name, within=60) for name in ("silent", "halting", "silent-ws")))
    assert ends == [UPSTREAM_LOST] * 3


async def test_a_server_that_refuses_with_a_reason_does_not_reach_the_browser_with_it(house: House) -> None:
    closed = await house.end("refusing")
    assert closed in (UPSTREAM_LOST, UPSTREAM_AUTH)
    assert "too bad" not in str(closed)


@needs("qemu")
@pytest.mark.parametrize("password", ["wrong", None])
async def test_qemus_password_is_not_guessed(artifacts: Path, password: str | None) -> None:
    async with qemu(logs=artifacts, password="sesame") as guest:
        consoles = {"vm": replace(guest.tcp, password=password)}
        async with gateway(consoles, logs=artifacts, more=BRIEF) as running:
            assert await House(running, {}).end("vm") == UPSTREAM_AUTH


@needs("xvnc")
async def test_a_wrong_password_is_tried_once(artifacts: Path) -> None:
    """Once: Xvnc blocks a host after five failures."""
    async with xvnc(logs=artifacts, password="sesame") as server, tapped(server.tcp) as tap:
        consoles = {"vm": replace(tap.address, password="wrong")}
        async with gateway(consoles, logs=artifacts, more=BRIEF) as running:
            assert await House(running, {}).end("vm") == UPSTREAM_AUTH
        assert len(tap.connections) == 1


@needs("qemu", "websockify")
async def test_tls_that_nobody_vouches_for_is_not_trusted(artifacts: Path) -> None:
    certificate = loopback_certificate(artifacts / "tls")
    async with (
        qemu(logs=artifacts) as guest,
        websockify({"t": guest.tcp}, certificate, logs=artifacts) as (_, port),
        gateway({"vm": f"wss://127.0.0.1:{port}/websockify?token=t"}, logs=artifacts, more=BRIEF) as running,
    ):
        assert await House(running, {}).end("vm") == UPSTREAM_LOST
        assert "token=t" not in running.process.output()


@needs("qemu", "websockify")
async def test_a_wrong_token_and_a_wrong_path_are_lost_upstreams(artifacts: Path) -> None:
    certificate = loopback_certificate(artifacts / "tls")
    async with qemu(logs=artifacts) as guest, websockify({"t": guest.tcp}, certificate, logs=artifacts) as (_, port):
        consoles = {
            "token": f"wss://127.0.0.1:{port}/websockify?token=wrong",
            "path": f"ws://127.0.0.1:{guest.websocket.port}/websockify",
        }
        trusted = f'ca_file = "{certificate.authority}"'
        async with gateway(consoles, logs=artifacts, provider=trusted, more=BRIEF) as running:
            house = House(running, {})
            assert await house.end("token") == UPSTREAM_LOST
            assert await house.end("path") == UPSTREAM_LOST
