"""The ladder of rfb.md §7: what is sent, when, and when nothing is."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from support.inprocess import read, rfb_handshake, site
from support.scripted_server import Connection, ScriptedServer

from gateway.config.blocks import Keepalive
from gateway.rfb.memory import Keyboard, Pointer
from gateway.sessions import registry
from gateway.sessions.idle_limits import IdleLimits
from gateway.sessions.keepalive import UpstreamKeepalive
from gateway.telemetry.metrics import Metrics

REQUEST = b"an incremental update request"
SCROLL_LOCK_UP = bytes.fromhex("04 00 0000 0000 ff14")
POINTER = bytes.fromhex("05 00 0007 0009")
KEY_A = bytes.fromhex("04 01 0000 0000 0061")
BELL = b"\x02"


@dataclass
class Memory:
    keyboard: Keyboard = field(default_factory=Keyboard)
    pointer: Pointer | None = None


@dataclass
class Client:
    messages: int = 0
    human_messages: int = 0


class Upstream:
    def __init__(self) -> None:
        self.can_ping = True
        self.pings = 0

    def ping(self) -> None:
        self.pings += 1


class FakeRelay:
    """What keepalive sees of a relay; keeps what is sent."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.client_stream = Client()
        self.upstream = Upstream()
        self.sent: list[bytes] = []
        self.metrics = Metrics(CollectorRegistry())

    def send_upstream(self, messages: Any) -> None:
        self.sent.extend(messages)

    def request_update(self) -> None:
        self.sent.append(REQUEST)


def run(relay: FakeRelay, keepalive: UpstreamKeepalive, begin: int, end: int) -> None:
    for now in range(begin, end):
        keepalive.tick(relay, now)  # type: ignore[arg-type]


def make(
    method: str, limits: IdleLimits | None = None, begin: int = 0, *, cloud: bool = False
) -> tuple[FakeRelay, UpstreamKeepalive]:
    settings = Keepalive.model_validate({"method": method, "upstream_after": 45})
    relay = FakeRelay()
    keepalive = UpstreamKeepalive(settings, limits or IdleLimits(), "host", begin, relay.metrics, cloud=cloud)
    keepalive.tick(relay, begin)  # type: ignore[arg-type]
    return relay, keepalive


@pytest.mark.parametrize("method", ["auto", "update_request"])
def test_rung_1_asks_for_what_the_client_has_outstanding(method: str):
    relay, keepalive = make(method)
    run(relay, keepalive, 1, 45)
    assert relay.sent == []
    run(relay, keepalive, 45, 46)
    assert relay.sent == [REQUEST]
    run(relay, keepalive, 46, 600)
    assert relay.sent == [REQUEST] * 13


def test_a_client_that_talks_needs_no_help():
    relay, keepalive = make("auto")
    for now in range(1, 600):
        relay.client_stream.messages += now % 40 == 0
        keepalive.tick(relay, now)  # type: ignore[arg-type]
    assert relay.sent == []


def test_auto_climbs_only_where_two_cuts_taught_it():
    limits = IdleLimits()
    for begin in (0, 300):
        relay, keepalive = make("auto", limits, begin)
        run(relay, keepalive, begin + 1, begin + 300)
        assert SCROLL_LOCK_UP not in relay.sent
        keepalive.lost(relay.client_stream, begin + 300, closed=True)  # type: ignore[arg-type]
    relay, keepalive = make("auto", limits)
    run(relay, keepalive, 1, 300)
    assert relay.sent.count(SCROLL_LOCK_UP) == 6


@pytest.mark.parametrize("method", ["off", "ping"])
def test_cuts_without_keepalive_do_not_make_others_climb(method: str):
    limits = IdleLimits()
    for begin in (0, 300, 600):
        relay, keepalive = make(method, limits, begin)
        run(relay, keepalive, begin + 1, begin + 300)
        keepalive.lost(relay.client_stream, begin + 300, closed=True)  # type: ignore[arg-type]
    relay, keepalive = make("auto", limits)
    run(relay, keepalive, 1, 300)
    assert SCROLL_LOCK_UP not in relay.sent


def test_cuts_of_busy_sessions_teach_nothing():
    limits = IdleLimits()
    for _ in range(5):
        relay, keepalive = make("auto", limits)
        relay.client_stream.human_messages += 1
        keepalive.tick(relay, 290)  # type: ignore[arg-type]
        assert not keepalive.lost(relay.client_stream, 300, closed=True)  # type: ignore[arg-type]
    assert not limits.needs_input("host")


def test_nothing_is_touched_while_a_key_or_button_is_held():
    relay, keepalive = make("input")
    relay.memory.pointer = Pointer(1, 7, 9)
    run(relay, keepalive, 1, 100)
    relay.memory.pointer = Pointer(0, 7, 9)
    relay.memory.keyboard.keysyms[0xFFE1] = None
    run(relay, keepalive, 100, 200)
    assert set(relay.sent) == {REQUEST}
    relay.memory.keyboard.keysyms.clear()
    run(relay, keepalive, 200, 201)
    assert relay.sent[-2:] == [SCROLL_LOCK_UP, POINTER]


def test_ping_and_off_send_no_rfb():
    relay, keepalive = make("ping")
    run(relay, keepalive, 1, 100)
    assert relay.sent == []
    assert relay.upstream.pings == 2
    relay, keepalive = make("off")
    run(relay, keepalive, 1, 1000)
    assert relay.sent == []
    assert relay.upstream.pings == 0


def test_where_there_are_no_pings_none_are_counted():
    relay, keepalive = make("ping")
    relay.upstream.can_ping = False
    run(relay, keepalive, 1, 100)
    assert relay.upstream.pings == 0
    assert relay.metrics.registry.get_sample_value("vnc_gateway_keepalives_total", {"method": "ping"}) == 0


async def test_a_plain_server_gets_no_ping(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "TICK", 0.02)
    heard = bytearray()

    async def script(connection: Connection) -> None:
        await connection.handshake()
        heard.extend(await connection.exactly(len(KEY_A)))
        await connection.send(BELL)
        await connection.reader.read()

    async with (
        ScriptedServer(script).running() as server,
        site({"vm": server.url}, keepalive={"method": "ping", "upstream_after": 0.1}) as running,
    ):
        ws = await running.dial()
        await rfb_handshake(ws)
        await asyncio.sleep(0.5)
        await ws.send_bytes(KEY_A)
        assert await read(ws, 1) == BELL
        assert heard == KEY_A
        await ws.close()


def averted(relay: FakeRelay) -> float | None:
    return relay.metrics.registry.get_sample_value("vnc_gateway_idle_cuts_averted_total")


def test_each_idle_limit_of_a_cloud_that_a_silence_outlives_is_counted():
    relay, keepalive = make("auto", cloud=True)
    run(relay, keepalive, 1, 300)
    assert averted(relay) == 0
    run(relay, keepalive, 300, 601)
    assert averted(relay) == 2


def test_a_client_that_talks_averts_nothing():
    relay, keepalive = make("auto", cloud=True)
    for now in range(1, 900):
        relay.client_stream.messages += now % 200 == 0
        keepalive.tick(relay, now)  # type: ignore[arg-type]
    assert averted(relay) == 0
    assert relay.sent


@pytest.mark.parametrize(("method", "cloud"), [("auto", False), ("off", True), ("ping", True)])
def test_nothing_is_averted_where_no_limit_is_known_or_nothing_that_counts_is_sent(method: str, cloud: bool):
    relay, keepalive = make(method, cloud=cloud)
    run(relay, keepalive, 1, 900)
    assert averted(relay) == 0


@pytest.mark.parametrize(("method", "sent"), [("update_request", 13), ("input", 13), ("ping", 13)])
def test_what_is_sent_is_counted_by_its_method(method: str, sent: int):
    relay, keepalive = make(method)
    run(relay, keepalive, 1, 600)
    value = relay.metrics.registry.get_sample_value("vnc_gateway_keepalives_total", {"method": method})
    assert value == sent
