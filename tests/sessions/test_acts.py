"""What sessions leave in the audit, from the real gateway; and what it does while no line can be written."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.audit import Paper, audit, chained, lines_of
from support.inprocess import ending, read, rfb_handshake, settings, site
from support.programs import eventually
from support.scripted_server import SERVER_INIT, Connection, ScriptedServer, idle

from gateway.access.grants import Grant, Rights
from gateway.app.wiring import running as running_gateway
from gateway.errors import AuditUnwritable, ConfigurationError, EndedByAdmin, ListenFailed
from gateway.rfb.client_stream import ClientStream
from gateway.rfb.memory import Capability, Memory
from gateway.sessions.acts import SessionActs

TEXT_TO_VM = b"\x06\0\0\0\0\0\0\x05hello"
TEXT_FROM_VM = b"\x03\0\0\0\0\0\0\x03abc"
KEY = b"\x04\x01\x00\x00\x00\x00\x00\x61"
POINTER = b"\x05\x00\x00\x01\x00\x01"
NOBODY = {"vm": "tcp://127.0.0.1:1"}
REBOOT = b"\xfa\x00\x01\x03"


def table(path: Path) -> dict[str, Any]:
    return {"target": "file", "file": path}


def acts(path: Path) -> list[dict[str, Any]]:
    return chained(lines_of(path))


async def test_a_session_leaves_its_story_without_a_word_of_what_was_copied(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"

    async def script(connection: Connection) -> None:
        await connection.handshake()
        await connection.exactly(len(TEXT_TO_VM))
        await connection.send(TEXT_FROM_VM)
        await connection.reader.read()

    async with ScriptedServer(script).running() as server, site({"vm": server.url}, audit=table(path)) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        await ws.send_bytes(TEXT_TO_VM)
        assert await read(ws, len(TEXT_FROM_VM)) == TEXT_FROM_VM
        await ws.close()
        await eventually(lambda: not len(running.gateway.registry))
    start, redeemed, opened, sent, received, ended, drain, stop = acts(path)
    assert (redeemed["act"], redeemed["actor"]) == ("ticket_redeemed", "local")
    assert [start["act"], drain["act"], stop["act"]] == ["start", "drain", "stop"]
    assert opened["act"] == "session_opened"
    assert (opened["actor"], opened["source"], opened["console"]) == ("local", "127.0.0.1", "lab/vm")
    assert (opened["account"], opened["outcome"]) == ("lab", "done")
    assert opened["rights"] == {"control": True, "clipboard": "both", "power": False, "takeover": True}
    assert [(line["act"], line["direction"], line["bytes"]) for line in (sent, received)] == [
        ("clipboard", "to_vm", 5),
        ("clipboard", "from_vm", 3),
    ]
    assert (ended["act"], ended["outcome"], ended["by"]) == ("session_ended", "closed", "")
    assert {line["session"] for line in (opened, sent, received, ended)} == {opened["session"]}
    assert b"hello" not in path.read_bytes()


async def test_a_splice_leaves_how_long_it_took(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    server = ScriptedServer(idle)
    async with server.running(), site({"vm": server.url}, audit=table(path), reconnect={"window": 30}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        server.drop_all()
        await eventually(lambda: any(session.splices for session in running.gateway.registry))
        await ws.close()
    (splice,) = [line for line in acts(path) if line["act"] == "splice"]
    assert splice["outcome"] == "done"
    assert splice["gap_ms"] > 0


async def test_whoever_takes_a_console_over_is_named(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}, audit=table(path)) as running:
        first = await running.dial()
        await rfb_handshake(first)
        second = await running.dial()
        assert await ending(first) == (4409, "taken_over")
        await rfb_handshake(second)
        await second.close()
    told = [(line["act"], line.get("by"), line["outcome"]) for line in acts(path)[1:-1]]
    assert ("session_taken_over", "local", "done") in told
    assert ("session_ended", "local", "taken_over") in told


async def test_an_upstream_that_is_not_reached_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with site(NOBODY, audit=table(path)) as running:
        ws = await running.dial()
        await ws.send_bytes(b"RFB 003.008\n\x01\x01")
        assert await ending(ws) == (4502, "upstream_lost")
    (ended,) = [line for line in acts(path) if line["act"] == "session_ended"]
    assert ended["outcome"] == "upstream_lost"


async def test_while_no_line_can_be_written_nothing_is_opened_and_what_is_open_lives_on(tmp_path: Path) -> None:
    path, before = tmp_path / "audit.jsonl", tmp_path / "before.jsonl"
    async with (
        ScriptedServer(idle).running() as server,
        site({"vm": server.url, "other": server.url}, audit=table(path)) as running,
    ):
        living = await running.dial()
        await rfb_handshake(living)
        path.rename(before)
        path.mkdir()  # nothing can be written there
        async with running.http.post(f"{running.url}/grant/lab/other") as answer:
            assert answer.status == 503
            assert (await answer.json())["name"] == "audit_away"
            assert "Retry-After" in answer.headers
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await running.dial("lab/other")
        assert not living.closed
        path.rmdir()
        await (await running.dial("lab/other")).close()  # at once again
        await living.close()
    after = chained(lines_of(path), after=lines_of(before)[-1])
    assert (after[0]["act"], after[0]["count"]) == ("audit_resumed", 1)  # who was refused first


async def test_an_operator_may_let_sessions_go_on_untold(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    onward = table(path) | {"on_failure": "continue"}
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}, audit=onward) as running:
        path.unlink()
        path.mkdir()
        for _ in range(2):
            ws = await running.dial()
            await rfb_handshake(ws)
            await ws.close()
        assert await running.metric("vnc_gateway_audit_lines_lost_total") >= 2


async def test_a_gateway_whose_audit_takes_no_line_does_not_start() -> None:
    with pytest.raises(AuditUnwritable):
        async with running_gateway(settings(NOBODY, audit=table(Path("/dev/full")))):
            raise AssertionError("it started")


async def test_a_gateway_that_can_not_listen_says_that_it_failed(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with site(NOBODY) as running:
        taken = {"port": running.gateway.public_port}
        with pytest.raises(ListenFailed):
            async with running_gateway(settings(NOBODY, audit=table(path), listen=taken)):
                raise AssertionError("it started")
    assert [(line["act"], line["outcome"]) for line in acts(path)] == [("start", "done"), ("stop", "failed")]


async def test_a_file_that_another_gateway_writes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with site(NOBODY, audit=table(path)):
        with pytest.raises(ConfigurationError, match="another process writes"):
            async with running_gateway(settings(NOBODY, audit=table(path))):
                raise AssertionError("it started")


class Story:
    """The lines of one session with these rights, and the client's stream that causes them."""

    def __init__(self, rights: Rights) -> None:
        self.paper = Paper()
        grant = Grant("s1", "lab/vm", "ana", 2**31, rights)
        self.acts = SessionActs(audit(self.paper), grant, source="10.0.0.9", account="prod")
        self.memory = Memory(SERVER_INIT)
        self.memory.offer(Capability.XVP)
        self.client = ClientStream(self.memory, rights.policy())

    def send(self, data: bytes) -> None:
        self.client.receive(memoryview(data), [])
        self.acts.moved(self.memory.acts)

    def told(self, act: str) -> list[dict[str, Any]]:
        return [line for line in chained(self.paper.lines) if line["act"] == act]


def test_input_dropped_for_lack_of_rights_is_told_at_once_and_counted_at_the_end() -> None:
    story = Story(Rights(control=False))
    for _ in range(5):
        story.send(KEY + POINTER + TEXT_TO_VM)
    assert [line["count"] for line in story.told("input_dropped")] == [3]
    story.acts.left(story.memory.acts)
    assert [line["count"] for line in story.told("input_dropped")] == [3, 12]
    assert story.told("clipboard") == []


def test_power_is_told_by_what_was_done() -> None:
    story = Story(Rights(power=True))
    story.send(REBOOT)
    story.send(KEY)
    (line,) = story.told("power")
    assert (line["operation"], line["count"], line["actor"], line["account"]) == ("reboot", 1, "ana", "prod")


def test_power_without_the_right_is_dropped_input() -> None:
    story = Story(Rights())
    story.send(REBOOT)
    assert story.told("power") == []
    assert [line["count"] for line in story.told("input_dropped")] == [1]


def test_texts_are_told_in_sums() -> None:
    story = Story(Rights())
    story.send(TEXT_TO_VM * 1000)
    story.send(KEY)
    assert [line["bytes"] for line in story.told("clipboard")] == [5000]


def test_an_admin_who_ends_a_session_is_named() -> None:
    story = Story(Rights())
    error = EndedByAdmin("asked for")
    error.by = "bastion"
    story.acts.ended(error, 1.5)
    (line,) = story.told("session_ended")
    assert (line["by"], line["outcome"], line["lasted_s"]) == ("bastion", "ended_by_admin", 1.5)
