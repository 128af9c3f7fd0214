"""Log injection: what servers, clouds and brokers say never begins a line of the log, nor moves a terminal's cursor."""

import contextlib
import json
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.fake_api import FakeApi, Reply
from support.gateway import Gateway, gateway
from support.programs import eventually
from support.raw_browser import raw_browser
from support.scripted_server import Connection, ScriptedServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORGED = '{"event": "session.forged", "user": "root"}'
EVIL = f"\r\n{FORGED}\n\x1b[2J\x1b]0;owned\x07\x9b2J\u2028{FORGED}\u2029\x85{FORGED}\u202egnp.exe\x00"


async def refuses(connection: Connection) -> None:
    """No security type, and the reason for it (RFC 6143 §7.1.2)."""
    await connection.send(b"RFB 003.008\n")
    await connection.exactly(12)
    reason = EVIL.encode()
    await connection.send(b"\0" + struct.pack(">I", len(reason)) + reason)
    await connection.reader.read()


async def is_no_vnc_server(connection: Connection) -> None:
    await connection.send(EVIL.encode() * 4)
    await connection.reader.read()


async def answers_badly(connection: Connection) -> None:
    """An HTTP answer whose every part is a forgery."""
    await connection.reader.readuntil(b"\r\n\r\n")
    await connection.send(b"HTTP/1.1 500 " + EVIL.encode() + b"\r\nServer: \x1b[2J\r\n\r\n" + EVIL.encode())
    await connection.reader.read()


SCRIPTS = {"refusing": refuses, "garbage": is_no_vnc_server}
ANSWERS = {
    "code": Reply({"code": EVIL, "message": EVIL, "error": EVIL}, status=409),
    "url": Reply({"url": f"ws://{EVIL}/"}),
    "header": Reply({"url": "ws://127.0.0.1/", "headers": {EVIL: EVIL}}),
    "field": Reply({EVIL: EVIL, "url": [EVIL]}),
    "body": Reply(EVIL.encode(), status=500),
    "request id": Reply({}, status=503, headers={"X-Request-Id": "\x9b2J\t\x85" + FORGED}),
}


@dataclass(frozen=True, slots=True)
class House:
    gateway: Gateway
    broker: FakeApi
    style: str

    async def open(self, console: str) -> None:
        """Open a console that cannot be opened, and wait until the log says so."""
        before = self.gateway.process.output().count("session.ended")
        async with raw_browser(self.gateway.port, await self.gateway.target(console)) as browser:
            assert browser.status == 101
            await browser.ended(within=30)
        await eventually(lambda: self.gateway.process.output().count("session.ended") > before)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["json", "console"])
async def house(request: pytest.FixtureRequest, module_artifacts: Path) -> AsyncIterator[House]:
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(FakeApi(Reply()))
        consoles = {}
        for name, script in SCRIPTS.items():
            consoles[name] = (await stack.enter_async_context(ScriptedServer(script).running())).url
        bad = await stack.enter_async_context(ScriptedServer(answers_badly).running())
        consoles["http"] = bad.url.replace("tcp:", "ws:") + "/"
        more = f"""
            [log]
            level = "debug"
            format = "{request.param}"
            [reconnect]
            window = 0
            per_minute = 1000
            [providers.broker]
            type = "http"
            url = "{broker.endpoint}/ask"
            allowed_hosts = ["127.0.0.1"]
        """
        running = await stack.enter_async_context(gateway(consoles, logs=module_artifacts / request.param, more=more))
        yield House(running, broker, request.param)


def check(house: House) -> None:
    """Every line is the gateway's own, in printable ASCII or printable text."""
    log = house.gateway.process.log.read_bytes()  # as text a carriage return would read as a line's end
    check_text(log.decode(errors="replace"), house.style)


def check_text(text: str, style: str) -> None:
    for line in text.split("\n"):
        assert line.isprintable(), ascii(line)
        assert not line.lstrip().startswith(FORGED[:20])
    assert "[2J" not in text or "\x1b" not in text
    if style == "json":
        lines = [json.loads(line) for line in text.splitlines()]  # of the log, and of the audit
        assert all("event" in line or "act" in line for line in lines)
        assert "session.forged" not in [line.get("event") for line in lines]


@pytest.mark.parametrize("console", [*SCRIPTS, "http"])
async def test_what_a_server_says_stays_within_its_line(house: House, console: str) -> None:
    await house.open(console)
    check(house)


@pytest.mark.parametrize("answer", ANSWERS)
async def test_what_a_broker_says_stays_within_its_line(house: House, answer: str) -> None:
    house.broker.answer(ANSWERS[answer])
    await house.open("broker/vm")
    check(house)


async def test_a_reason_is_logged_at_all(house: House) -> None:
    """The control: it is in the log, harmless."""
    await house.open("refusing")
    assert "session.forged" in house.gateway.process.output()
    check(house)


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("said", [FORGED, f"a\n  {FORGED}", "\x1b[2J", "a\u2028b", "a\rb", "a\x85b", "a\u202eb"])
async def test_a_forged_line_is_found(style: str, said: str) -> None:
    """The control: one such line in a log that is good otherwise."""
    good = '{"event": "session.ended"}\n' if style == "json" else "2026-11-22T08:00:00Z [info] session.ended\n"
    check_text(good, style)
    with pytest.raises((AssertionError, ValueError)):
        check_text(f"{good}{said}\n", style)
