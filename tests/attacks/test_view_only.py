"""Hostile browsers without rights: whatever they send, and however it is cut and disguised, what their rights don't
cover does not reach the machine.

A scripted server announces all that can be announced and keeps what it hears. It is read by `support.fuzz.client_wire`,
which knows RFC 6143 and rfbproto, and nothing of the gateway.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.fuzz.client_wire import HARMLESS, Sent
from support.fuzz.client_wire import messages as taken_apart
from support.gateway import MANY_DIALS
from support.programs import eventually
from support.raw_browser import BINARY, PING, Closed, RawBrowser, header, raw_browser
from support.rfb_client import messages
from support.scripted_server import Connection, ScriptedServer
from support.tickets import Bastion, bastion

pytestmark = pytest.mark.asyncio(loop_scope="module")

BELL = b"\x02"
CAPS, REQUEST, PEEK, NOTIFY, PROVIDE = (1 << bit for bit in range(24, 29))
TEXT = 1
MASK = bytes(4)
LAST = messages.update_request(1, 2, 3, 4, incremental=True)


def announcements() -> bytes:
    """QEMU keys and audio, nine buttons, desktop size, fences, continuous updates, xvp, the extended clipboard."""
    pseudo = [struct.pack(">4Hi", 0, 0, 0, 0, encoding) for encoding in (-258, -259, -316)]
    pseudo.append(struct.pack(">4HiB3x", 0, 0, 64, 48, -308, 0))
    update = struct.pack(">BxH", 0, len(pseudo)) + b"".join(pseudo)
    fence = struct.pack(">B3xIB", 248, 0x80000001, 4) + b"mark"
    clipboard = struct.pack(">B3xiII", 3, -8, CAPS | REQUEST | NOTIFY | PROVIDE | TEXT, 1 << 20)
    return update + fence + b"\x96" + bytes((250, 0, 1, 1)) + clipboard


KEY, BUTTON = messages.key(0x61, down=True), messages.pointer(9, 9, 1)
POWER = bytes((250, 0, 1, 2))
FORBIDDEN = {
    "key": KEY,
    "key of QEMU": messages.qemu_key(0x61, 30, down=True),
    "pointer": BUTTON,
    "pointer with nine buttons": messages.extended_pointer(9, 9, 0x101),
    "text": messages.cut_text("typed by nobody"),
    "text of no length": messages.cut_text(""),
    "text, extended": messages.extended_cut_text(PROVIDE | TEXT, b"zipped"),
    "notice of text": messages.extended_cut_text(NOTIFY | TEXT),
    "size": messages.set_desktop_size(800, 600),
    "power": POWER,
    "audio on": bytes((255, 1, 0, 0)),
    "audio format": bytes((255, 1, 0, 2, 3, 2)) + struct.pack(">I", 44100),
}
"""What nobody may send without `control`."""

ASKING = {
    "request for text": messages.extended_cut_text(REQUEST | TEXT),
    "clipboard capabilities": messages.extended_cut_text(CAPS | PROVIDE | TEXT, bytes(4)),
}
"""What brings the machine's text: it says none."""

DISGUISED = {
    "encodings that are keys": struct.pack(">BxH", 2, 4) + KEY * 2,
    "a fence full of keys": messages.fence(1, KEY * 8),
    "a text full of keys": messages.cut_text((KEY * 20).decode("latin-1")),
    "a long pointer event and a key": messages.extended_pointer(4, 4, 0x80) + KEY,
    "many screens that are keys": struct.pack(">BxHHBx", 251, 8, 8, 255) + (KEY + BUTTON + b"\0\0") * 255,
    "an audio format and a key": bytes((255, 1, 0, 2, 3, 2)) + struct.pack(">I", 44100) + KEY,
    "a text of 256 KiB": messages.cut_text("x" * 256 * 1024),
    "a pixel format with keys in its padding": b"\0"
    + KEY[:3]
    + bytes.fromhex("20180001 00ff00ff00ff 000810")
    + KEY[:3],
}
"""Lengths that hide one message in another: also if it were dropped at the wrong length, a key came out."""


@dataclass(slots=True)
class Machine:
    """Announces everything, then hears."""

    heard: bytearray = field(default_factory=bytearray)
    connection: Connection | None = None
    server: ScriptedServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = ScriptedServer(self._hear)

    async def _hear(self, connection: Connection) -> None:
        await connection.handshake()
        self.heard.clear()
        self.connection = connection
        await connection.send(announcements() + BELL)
        while data := await connection.reader.read(65536):
            self.heard += data

    def says(self, data: bytes) -> None:
        """Say something to the last client."""
        assert self.connection is not None
        self.connection.writer.write(data)

    def messages(self) -> list[Sent]:
        return list(taken_apart(bytes(self.heard), long_pointers=True))


@dataclass(frozen=True, slots=True)
class House:
    bastion: Bastion
    machine: Machine

    @contextlib.asynccontextmanager
    async def opened(self, **rights: Any) -> AsyncIterator[RawBrowser]:
        """A browser with these rights, which has been told of everything that the machine can do."""
        target = await self.bastion.target("vm", **rights)
        async with raw_browser(self.bastion.gateway.port, target) as browser:
            assert browser.status == 101
            await browser.handshake()
            told = announcements() + BELL
            pasted = ("to_vm", "both") if rights.get("control", True) else ()
            any_way = rights.get("clipboard", "both") in ("from_vm", "both", *pasted)
            await browser.read(len(told) if any_way else len(told) - 16)
            yield browser

    async def heard(self, say: Callable[[RawBrowser], Awaitable[None]], **rights: Any) -> list[Sent]:
        """What arrives of what a user with these rights says; LAST is said behind it, and arrives."""
        async with self.opened(**rights) as browser:
            await say(browser)
            await browser.send(LAST)
            await eventually(lambda: self.machine.heard.endswith(LAST), within=20, what="the last message")
            assert self.machine.messages()[-1].wire == LAST
            return self.machine.messages()[:-1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    machine = Machine()
    async with (
        machine.server.running() as server,
        bastion({"vm": server.url}, logs=module_artifacts, provider=MANY_DIALS) as running,
    ):
        yield House(running, machine)


async def in_one_frame(browser: RawBrowser, data: bytes) -> None:
    await browser.send(data)


async def byte_by_byte(browser: RawBrowser, data: bytes) -> None:
    await browser.write(b"".join(header(BINARY, 1, masked=True) + MASK + data[at : at + 1] for at in range(len(data))))


async def fragmented(browser: RawBrowser, data: bytes) -> None:
    """One message in pieces of three bytes and of none, a ping between each two."""
    pieces: Iterator[bytes] = (data[at : at + 3] for at in range(0, len(data), 3))
    first = BINARY
    for piece in pieces:
        await browser.write(header(first, len(piece), masked=True, final=False) + MASK + piece)
        await browser.write(header(PING, 0, masked=True) + MASK + header(0, 0, masked=True, final=False) + MASK)
        first = 0
    await browser.write(header(0, 0, masked=True) + MASK)


async def over_segments(browser: RawBrowser, data: bytes) -> None:
    """A frame whose every byte is a segment of its own."""
    for byte in header(BINARY, len(data), masked=True) + MASK + data:
        await browser.write(bytes((byte,)))
        await asyncio.sleep(0)


@pytest.mark.parametrize("way", [in_one_frame, byte_by_byte, fragmented, over_segments], ids=lambda way: way.__name__)
async def test_without_control_nothing_but_requests_reaches_the_machine(
    house: House, way: Callable[[RawBrowser, bytes], Awaitable[None]]
) -> None:
    said = b"".join(FORBIDDEN.values())
    heard = await house.heard(lambda browser: way(browser, said), control=False, clipboard="both", power=True)
    assert heard == []


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_each_message_needs_the_right_to_control(house: House, what: str) -> None:
    """And arrives with it: the control of all tests here."""
    for rights, expected in (({"control": False}, []), ({"control": True, "power": True}, [FORBIDDEN[what]])):
        heard = await house.heard(lambda browser: browser.send(FORBIDDEN[what]), **rights)
        assert [message.wire for message in heard] == expected


@pytest.mark.parametrize("what", ASKING)
@pytest.mark.parametrize("clipboard", ["none", "to_vm", "from_vm", "both"])
async def test_who_only_looks_may_ask_for_text_that_may_come(house: House, what: str, clipboard: str) -> None:
    heard = await house.heard(lambda browser: browser.send(ASKING[what]), control=False, clipboard=clipboard)
    assert [message.wire for message in heard] == ([ASKING[what]] if clipboard in ("from_vm", "both") else [])


@pytest.mark.parametrize("what", DISGUISED)
async def test_a_message_within_a_message_stays_there(house: House, what: str) -> None:
    """What arrives is read anew, message by message: it holds nothing that needs a right."""
    heard = await house.heard(lambda browser: browser.send(DISGUISED[what]), control=False)
    assert {message.name for message in heard} <= HARMLESS
    assert len(heard) <= 1


async def test_a_pointer_event_takes_the_first_byte_of_a_key(house: House) -> None:
    """Bit 7 of its mask announces a seventh byte, which is the key's first: nobody may read the key's rest otherwise
    than the server would."""
    async with house.opened(control=False) as browser:
        await browser.send(messages.extended_pointer(4, 4, 0x80)[:6] + KEY + KEY)
        assert await browser.closed() == Closed(1002, "protocol_error")  # it is no message
    assert {message.name for message in house.machine.messages()} <= HARMLESS


async def test_xvp_needs_a_right_of_its_own(house: House) -> None:
    assert await house.heard(lambda browser: browser.send(POWER * 3), control=True) == []
    assert await house.heard(lambda browser: browser.send(POWER * 3), control=False, power=True) == []


@pytest.mark.parametrize("clipboard", ["none", "to_vm", "from_vm", "both"])
async def test_text_goes_only_the_way_that_is_allowed(house: House, clipboard: str) -> None:
    said = b"".join(data for what, data in (FORBIDDEN | ASKING).items() if "text" in what or "clipboard" in what)
    heard = await house.heard(lambda browser: browser.send(said), control=True, clipboard=clipboard)
    assert all(message.name == "clipboard" for message in heard)
    gives, asks = any(m.gives for m in heard), any(m.asks for m in heard)
    assert (gives, asks) == (clipboard in ("to_vm", "both"), clipboard in ("from_vm", "both"))
    if clipboard == "none":
        assert heard == []


@pytest.mark.parametrize(
    "message",
    [messages.cut_text("x" * (256 * 1024 + 1)), messages.extended_cut_text(PROVIDE | TEXT, bytes(256 * 1024))],
    ids=["plain", "extended"],
)
async def test_a_text_above_the_limit_ends_the_session_and_does_not_arrive(house: House, message: bytes) -> None:
    async with house.opened(control=True) as browser:
        await browser.send(message)
        assert await browser.closed() == Closed(1009, "too_big")
    assert house.machine.heard == b""


TEXTS = {
    "plain": struct.pack(">B3xi", 3, 6) + b"secret",
    "empty": struct.pack(">B3xi", 3, 0),
    "provided": struct.pack(">B3xiI", 3, -10, PROVIDE | TEXT) + b"secret",
    "notice": struct.pack(">B3xiI", 3, -4, NOTIFY | TEXT),
}
"""What a machine says when text was cut there."""


@pytest.mark.parametrize(
    ("rights", "passes"),
    [
        ({"clipboard": "both"}, True),
        ({"clipboard": "from_vm"}, True),
        ({"clipboard": "from_vm", "control": False}, True),
        ({"clipboard": "to_vm"}, False),
        ({"clipboard": "none"}, False),
    ],
)
async def test_text_of_the_machine_passes_only_where_it_is_allowed(
    house: House, rights: dict[str, Any], passes: bool
) -> None:
    said = b"".join(TEXTS.values())
    async with house.opened(**rights) as browser:
        for at in range(len(said)):  # however it is cut
            house.machine.says(said[at : at + 1])
        house.machine.says(BELL)
        expected = (said if passes else b"") + BELL
        assert await browser.read(len(expected)) == expected
