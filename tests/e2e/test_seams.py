"""The promise about bytes at splices, with real servers: what each of them sent beside what the browser got.

Outside the seams no byte differs; what differs at a seam is printed, is one of rfb.md's list, and is what the gateway's
own log line says. Beside it, what else an operator sees of a splice.
"""

import asyncio
import json
import struct
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.chaos.cutter import Cutter, cutter
from support.chaos.plan import Plan, Way
from support.chaos.scenes import Behind, desk, guest, shadow
from support.components import needs
from support.gateway import MANY_DIALS, Gateway, gateway
from support.guest import client_messages
from support.programs import eventually
from support.rfb_client import messages
from support.rfb_client.client import RfbClient
from support.rfb_client.wire import ClientMessage, Encoding
from support.seams import Comparison, Stream, counted, taken_apart
from support.tap import Tap, after_client_init, after_server_init, tapped
from support.viewing import FLOWING, HEXTILE, POINTER, PSEUDO, RAW, TIGHT, ZLIB, ZRLE, Wish

pytestmark = [needs("qemu", "xvnc", "x11vnc", "xterm"), pytest.mark.asyncio(loop_scope="module")]

CUTS = 6
LAST = 60_000  # bytes of a server after which it is cut at the latest
INIT_AT = 12 + 1 + 1 + 4  # in RFB 3.8 with one security type, None
TO_UPSTREAM = {"replayed", "continuous_updates_enabled", "keys_lifted", "update_request_added", "withheld"}
TO_UPSTREAM |= {"late_fence_dropped", "clipboard_translated"}
HEADERS = "zlib_header_dropped"
SEAM = {"unfinished_dropped", "padding_added", "last_rect_added", "empty_rectangle_added"}
SEAM |= {"desktop_size_added", "desktop_name_added", "end_of_continuous_updates_dropped"}
ROUNDED = 0.2  # milliseconds, in all

UNTOLD_SIZES = (Encoding.EXTENDED_DESKTOP_SIZE,)  # without it no server says its size again after ServerInit

CONTINUOUS_TIGHT = Wish((Encoding.COPY_RECT, Encoding.TIGHT), continuous=True)
CONTINUOUS_ZRLE = Wish((Encoding.COPY_RECT, Encoding.ZRLE), continuous=True)
CORRE, ZYWRLE = Wish((Encoding.CORRE,)), Wish((Encoding.ZYWRLE,))
CONTINUOUS_RAW = Wish((Encoding.RAW,), continuous=True)

REPLAY = [
    ClientMessage.SET_PIXEL_FORMAT,
    ClientMessage.SET_ENCODINGS,
    ClientMessage.POINTER_EVENT,
    ClientMessage.POINTER_EVENT,
    ClientMessage.FRAMEBUFFER_UPDATE_REQUEST,
]


@dataclass(frozen=True, slots=True)
class Line:
    """A way to servers: cut behind the gateway, tapped in front of each server, so that what was cut off is known."""

    cutter: Cutter
    taps: dict[int, Tap]
    behind: Behind

    async def begin(self) -> dict[int, int]:
        """Let the picture move, and cut from the next connection on; how many each tap has had."""
        await self.behind.thaw()
        self.cutter.follow(Plan(CUTS, last=LAST, patience=5.0, ways=(Way.FIN,)))
        return {port: len(tap.connections) for port, tap in self.taps.items()}

    def taken(self, used: dict[int, int]) -> list[tuple[bytes, bytes]]:
        """Both directions of each connection since then: of the server's only what the gateway got."""
        assert len(self.cutter.dials) == CUTS + 1
        at, found = dict(used), []
        for one in self.cutter.connections[-CUTS - 1 :]:
            port = one.target.port
            tapped_one = self.taps[port].connections[at[port]]
            at[port] += 1
            found.append((bytes(tapped_one.from_server[: one.sent]), bytes(tapped_one.from_client)))
        return found


@dataclass(frozen=True, slots=True)
class House:
    gateway: Gateway
    lines: dict[str, Line]

    def spliced(self) -> list[dict[str, Any]]:
        """The log's lines about splices; the audit's are among them."""
        lines = [json.loads(line) for line in self.gateway.process.output().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == "session.spliced"]

    async def quiet(self) -> bool:
        return (await self.gateway.metrics())["vnc_gateway_sessions"] == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(module_artifacts: Path) -> AsyncIterator[House]:
    logs = module_artifacts
    async with (
        guest(logs=logs) as machine,
        desk(logs=logs, size=(480, 360)) as one,
        tapped(machine.address) as of_qemu,
        shadow(one, logs=logs) as over,
        tapped(one.address) as of_xvnc,
        tapped(over.address) as of_x11vnc,
        cutter(of_qemu.address) as qemu,
        cutter(of_xvnc.address) as xvnc,
        cutter(of_x11vnc.address) as x11vnc,
        cutter(of_xvnc.address, of_qemu.address) as both,
    ):
        taps = {tap.address.port: tap for tap in (of_qemu, of_xvnc, of_x11vnc)}
        behind = Behind({of_qemu.address: machine, of_xvnc.address: one, of_x11vnc.address: over})
        cutters = {"qemu": qemu, "xvnc": xvnc, "x11vnc": x11vnc, "both": both}
        lines = {name: Line(cuts, taps, behind) for name, cuts in cutters.items()}
        consoles = {name: line.cutter.address for name, line in lines.items()}
        async with gateway(consoles, logs=logs, provider=MANY_DIALS) as running:
            yield House(running, lines)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a session came to: the streams, the client messages that each server got, what an operator was told."""

    servers: list[Stream]
    browser: Stream
    heard: list[list[bytes]]
    told: list[dict[str, Any]]
    before: dict[str, float]
    after: dict[str, float]

    def moved(self, name: str) -> float:
        """How much a metric has grown."""
        return self.after.get(f"vnc_gateway_{name}", 0) - self.before.get(f"vnc_gateway_{name}", 0)

    def compare(self) -> Comparison:
        """Account for every byte."""
        comparison = Comparison(self.browser)
        for number, server in enumerate(self.servers):
            comparison.connection(server, lost=number < CUTS)
        comparison.check_sums(self.servers)
        return comparison


async def look(house: House, console: str, wish: Wish, without: Sequence[int]) -> Seen:
    """Watch while the upstream is cut again and again; then freeze the picture and take everything."""
    line = house.lines[console]
    used = await line.begin()
    told, before = len(house.spliced()), await house.gateway.metrics()
    async with house.gateway.client(console) as client:
        await _watch(client, line, wish, without)
        await line.behind.freeze()
        picture = await client.capture(settle=0.4)
        taken = line.taken(used)
        servers = [taken_apart(after_server_init(*one), _size(one[0])) for one in taken]
        browser = Stream(bytes(client.received), client.decoder)
    assert (picture == servers[-1].picture).all(), "not what the last server's own bytes decode to"
    await eventually(house.quiet, what="the end of the session")
    heard = [client_messages(after_client_init(*one)) for one in taken]
    return Seen(servers, browser, heard, house.spliced()[told:], before, await house.gateway.metrics())


async def _watch(client: RfbClient, line: Line, wish: Wish, without: Sequence[int]) -> None:
    pseudo = FLOWING if wish.continuous else PSEUDO
    await client.set_up([number for number in (*wish.encodings, *pseudo) if number not in without])
    await client.send(messages.pointer(*POINTER))
    await client.request(incremental=False)
    if wish.continuous:
        await client.go_continuous()
    async with asyncio.timeout(60):
        while line.cutter.cuts < CUTS:
            await client.follow(0.1)
        await client.cover()


def _size(from_server: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">HH", from_server, INIT_AT)
    return width, height


def check_bytes(seen: Seen) -> None:
    """What differs is of the list, and the log's line of each splice has counted it."""
    comparison = seen.compare()
    print(*comparison.edits, sep="\n")
    assert len(seen.told) == CUTS
    for number, line in enumerate(seen.told, start=1):
        print(f"splice {number}: {line}")
        edits = comparison.seam(number)
        logged = Counter({kind: times for kind, times in line["changes"].items() if kind not in TO_UPSTREAM})
        # The line is written when the picture is whole; a stream may be used for the first time after that.
        refreshed = seen.servers[number].refreshed
        early = [edit for edit in edits if edit.kind != HEADERS or edit.server < refreshed]
        assert counted(early)[HEADERS] <= logged[HEADERS] <= counted(edits)[HEADERS]
        del logged[HEADERS]
        assert logged == Counter({kind: times for kind, times in counted(edits).items() if kind in SEAM})
    times = counted(comparison.edits)
    assert set(times) <= SEAM | {HEADERS, "empty_update_filled"}
    for kind in (HEADERS, "empty_update_filled"):
        assert seen.moved(f'changed_total{{what="{kind}"}}') == times[kind]


def check_that_it_can_fail(seen: Seen) -> None:
    """The negative control: one bit of a picture, far from any seam."""
    unit = max(seen.browser.units, key=lambda unit: unit.end - unit.start)
    data, middle = seen.browser.data, (unit.start + unit.end) // 2
    seen.browser.data = data[:middle] + bytes((data[middle] ^ 1,)) + data[middle + 1 :]
    with pytest.raises(AssertionError):
        seen.compare()


def check_replay(seen: Seen) -> None:
    """Each new server is told what the log says, in the order of rfb.md §5.4, before anything of the browser's."""
    enabled = 0
    for heard, line in zip(seen.heard[1:], seen.told, strict=True):
        changes = line["changes"]
        assert [message[0] for message in heard[: len(REPLAY)]] == REPLAY
        assert heard[len(REPLAY) - 1][1] == 0, "a request for the whole picture"
        assert changes["replayed"] == len(REPLAY)
        enabled += changes.get("continuous_updates_enabled", 0)
    sent = sum(message[0] == ClientMessage.ENABLE_CONTINUOUS_UPDATES for heard in seen.heard for message in heard)
    assert sent - enabled in (0, 1), "the browser's own is one at most"


def check_times(seen: Seen) -> None:
    """Phases are told, and add up; metrics move by as much."""
    for line in seen.told:
        assert line["attempts"] == 1
        assert line["after_idle"] is False
        phases = [line[name] for name in ("locate_ms", "dial_ms", "handshake_ms")]
        assert min(phases) >= 0
        assert sum(phases) <= line["gap_ms"] + ROUNDED
        if "refreshed_ms" in line:
            assert line["gap_ms"] <= line["refreshed_ms"]
    whole = [line["refreshed_ms"] for line in seen.told if "refreshed_ms" in line]
    assert "refreshed_ms" in seen.told[-1]
    assert seen.moved('splices_total{outcome="done"}') == CUTS
    assert seen.moved('splices_total{outcome="failed"}') == seen.moved('splices_total{outcome="abandoned"}') == 0
    assert seen.moved("splice_seconds_count") == len(whole)
    assert seen.moved("splice_seconds_sum") == pytest.approx(sum(whole) / 1000, abs=0.01)
    assert seen.moved("budget_left_count") == CUTS + 1
    assert seen.moved("idle_cuts_survived_total") == 0


@pytest.mark.parametrize(
    ("console", "wish", "without"),
    [
        *(pytest.param("qemu", wish, (), id=f"qemu-{wish}") for wish in (TIGHT, ZRLE, ZLIB, HEXTILE, RAW)),
        pytest.param("qemu", TIGHT, (Encoding.LAST_RECT,), id="qemu-counted"),
        pytest.param("xvnc", CONTINUOUS_TIGHT, (), id="xvnc-tight"),
        pytest.param("xvnc", CONTINUOUS_ZRLE, (), id="xvnc-zrle"),
        pytest.param("xvnc", CONTINUOUS_RAW, (), id="xvnc-raw"),
        pytest.param("x11vnc", CORRE, (), id="x11vnc-corre"),
        pytest.param("x11vnc", ZYWRLE, (), id="x11vnc-zywrle"),
        pytest.param("both", TIGHT, (), id="another-server-each-time"),
        pytest.param("both", HEXTILE, UNTOLD_SIZES, id="another-size-each-time"),
    ],
)
async def test_what_a_splice_changes_is_on_the_list_and_in_the_log(
    house: House, console: str, wish: Wish, without: tuple[int, ...]
) -> None:
    seen = await look(house, console, wish, without)
    check_bytes(seen)
    changes = {kind for line in seen.told for kind in line["changes"]}
    assert ("desktop_name_added" in changes) == (console == "both")
    assert ("desktop_size_added" in changes) == (without == UNTOLD_SIZES)
    check_replay(seen)
    check_times(seen)
    check_that_it_can_fail(seen)
