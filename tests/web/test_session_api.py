"""The admin API's sessions: facts, filters, pages, and those of other replicas (product.md, "Admin listener")."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.inprocess import API_KEY, Site, ending, read, rfb_handshake, site
from support.scripted_server import Connection, ScriptedServer, idle

from gateway.access.grants import Grant
from gateway.sessions import registry
from gateway.sessions.records import Passed, SessionRecord
from gateway.state.memory import MemoryState
from gateway.state.state import StateAway
from gateway.telemetry.replica import replica

BELL = b"\x02"
KEY_A = b"\x04\x01\x00\x00\x00\x00\x00\x61"
MANY = 5
NOWHERE = {"vm": "tcp://127.0.0.1:9"}


async def echo(connection: Connection) -> None:
    """Rings the bell for every key."""
    await connection.handshake()
    while await connection.reader.readexactly(8) == KEY_A:
        await connection.send(BELL)


async def ask(running: Site, method: str, path: str) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with running.http.request(method, f"{running.admin}/api/v1{path}", headers=headers) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


async def sessions(running: Site, query: str = "") -> list[dict[str, Any]]:
    status, body = await ask(running, "GET", f"/sessions{query}")
    assert status == 200, body
    assert set(body) <= {"sessions", "next"}
    listed: list[dict[str, Any]] = body["sessions"]
    return listed


def elsewhere(id_: str, *, console: str = "lab/far", user: str = "bob", started_at: float = 1e9) -> SessionRecord:
    return SessionRecord(
        Grant(id_, console, user, int(time.time()) + 600, reference="CHG-17"),
        source="10.0.0.7",
        replica="another",
        state="open",
        started_at=started_at,
        upstream="tcp://10.0.0.5:5901",
        splices=2,
        passed=Passed(10, 20, 3, 4),
        per_second=Passed(1.5, 2.5, 0.5, 0.1),
        last_input_at=started_at + 5,
    )


class Others:
    """What another replica has written into the state: its sessions; and what the state was told to have ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *records: SessionRecord) -> None:
        self.texts = {record.id: record.to_json() for record in records}
        self.ended: dict[str, float] = {}
        own_sessions, own_session, own_end = MemoryState.sessions, MemoryState.session, MemoryState.end_session

        async def sessions(state: MemoryState) -> list[str]:
            return [*await own_sessions(state), *self.texts.values()]

        async def session(state: MemoryState, id_: str) -> str | None:
            return self.texts.get(id_) or await own_session(state, id_)

        async def end_session(state: MemoryState, id_: str, ttl: float, by: str) -> bool:
            self.ended[id_] = ttl
            return await own_end(state, id_, ttl, by)

        monkeypatch.setattr(MemoryState, "sessions", sessions)
        monkeypatch.setattr(MemoryState, "session", session)
        monkeypatch.setattr(MemoryState, "end_session", end_session)


async def test_a_session_is_told_in_detail(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "TICK", 0.05)
    async with ScriptedServer(echo).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        (before,) = await sessions(running)
        assert before["last_input_at"] is None
        for _ in range(3):
            await ws.send_bytes(KEY_A)
            assert await read(ws, 1) == BELL
        async with asyncio.timeout(10):
            while (session := (await sessions(running))[0])["last_input_at"] is None:
                await asyncio.sleep(0.02)
        assert session["passed"]["messages"] == {"to_browser": 3, "to_upstream": 3}
        assert session["passed"]["bytes"]["to_upstream"] == 3 * len(KEY_A)
        assert 0 < session["per_second"]["messages"]["to_upstream"] <= 3
        assert (session["state"], session["splices"], session["console"]) == ("open", 0, "lab/vm")
        assert session["upstream"].startswith("tcp://127.0.0.1:")
        assert session["rights"]["control"] is True
        assert session["replica"]
        for name in ("started_at", "last_input_at"):
            assert abs((datetime.now(UTC) - datetime.fromisoformat(session[name])).total_seconds()) < 30
        await ws.close()


async def test_pages_hold_every_session_once_in_order_also_while_some_come_and_go(monkeypatch: pytest.MonkeyPatch):
    records = [elsewhere(f"s{number}", started_at=1e9 + number // 2) for number in range(MANY)]
    others = Others(monkeypatch, *reversed(records))
    async with site(NOWHERE) as running:
        seen, cursor = [], ""
        while True:
            status, body = await ask(running, "GET", f"/sessions?limit=2{cursor}")
            assert status == 200
            assert len(body["sessions"]) == 2 or "next" not in body
            seen += [session["id"] for session in body["sessions"]]
            if "next" not in body:
                break
            cursor = f"&cursor={body['next']}"
        assert seen == [f"s{number}" for number in range(MANY)]
        _, whole = await ask(running, "GET", f"/sessions?limit={MANY}")
        assert set(whole) == {"sessions"}, "what ends with a page has no next one"
        _, first = await ask(running, "GET", "/sessions?limit=2")
        del others.texts["s0"], others.texts["s1"]
        rest = await sessions(running, f"?cursor={first['next']}")
        assert [session["id"] for session in rest] == [f"s{number}" for number in range(2, MANY)]


@pytest.mark.parametrize(
    "query",
    [
        "limit=",
        "cursor=",
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=1e2",
        "cursor=x",
        "cursor=%00",
        "cursor=YSBi",
    ],
)
async def test_pages_that_there_are_not_are_refused(query: str):
    async with site(NOWHERE) as running:
        status, problem = await ask(running, "GET", f"/sessions?{query}")
        assert (status, problem["name"]) == (422, "invalid")
        assert problem["detail"].startswith(query.partition("=")[0])


@pytest.mark.parametrize("query", ["user=ana&user=bob", "limit=1&limit=2", "state=open"])
async def test_what_would_be_left_out_of_a_query_is_refused(query: str):
    async with site(NOWHERE) as running:
        assert (await ask(running, "GET", f"/sessions?{query}"))[0] == 422
        assert (await ask(running, "DELETE", f"/sessions?{query}"))[0] == 422


async def test_sessions_of_other_replicas_are_listed_shown_and_filtered(monkeypatch: pytest.MonkeyPatch):
    Others(monkeypatch, elsewhere("s1"), elsewhere("s2", console="lab/other", user="ana"))
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        *others, here = await sessions(running)
        assert [session["id"] for session in others] == ["s1", "s2"]
        assert here["console"] == "lab/vm"
        assert others[0] == (await ask(running, "GET", "/sessions/s1"))[1]
        assert others[0]["passed"]["bytes"] == {"to_browser": 10, "to_upstream": 20}
        assert others[0]["per_second"]["bytes"] == {"to_browser": 1.5, "to_upstream": 2.5}
        assert others[0]["last_input_at"] == "2001-09-09T01:46:45+00:00"
        assert others[0]["replica"] == "another" != here["replica"]
        for query, ids in (("?user=bob", ["s1"]), ("?console=lab/other", ["s2"]), ("?reference=CHG-17", ["s1", "s2"])):
            assert [session["id"] for session in await sessions(running, query)] == ids
        await ws.close()


async def test_what_this_replica_wrote_itself_and_what_nobody_can_read_is_not_listed(monkeypatch: pytest.MonkeyPatch):
    over = replace(elsewhere("s1"), replica=replica())
    others = Others(monkeypatch, over, elsewhere("s2"))
    others.texts["s3"] = '{"from": "another version"}'
    async with site(NOWHERE) as running:
        assert [session["id"] for session in await sessions(running)] == ["s2"]
        for id_ in ("s1", "s3"):
            assert (await ask(running, "GET", f"/sessions/{id_}"))[0] == 404


async def test_a_browser_that_came_back_here_is_one_session(monkeypatch: pytest.MonkeyPatch):
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}) as running:
        ws = await running.dial()
        await rfb_handshake(ws)
        (session,) = await sessions(running)
        Others(monkeypatch, elsewhere(session["id"], console="lab/vm"))
        assert [one["replica"] for one in await sessions(running)] == [session["replica"]]
        assert (await ask(running, "GET", f"/sessions/{session['id']}"))[1]["replica"] == session["replica"]
        await ws.close()


async def test_a_session_of_another_replica_is_ended_for_good(monkeypatch: pytest.MonkeyPatch):
    others = Others(monkeypatch, elsewhere("s1"), elsewhere("s2"), elsewhere("s3", user="ana"))
    async with site(NOWHERE) as running:
        assert await ask(running, "DELETE", "/sessions/s3") == (204, None)
        assert others.ended == {"s3": pytest.approx(600, abs=20)}
        assert await ask(running, "DELETE", "/sessions?user=bob") == (204, None)
        assert set(others.ended) == {"s1", "s2", "s3"}
        assert (await ask(running, "DELETE", "/sessions/s4"))[0] == 404


async def test_while_the_state_is_away_those_of_this_replica_are_told_and_end_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    async def away(self: MemoryState, *_: object) -> None:
        raise StateAway("no answer")

    audit = {"target": "file", "file": str(tmp_path / "audit.jsonl")}
    async with (
        ScriptedServer(idle).running() as server,
        site({"vm": server.url, "vm2": server.url}, audit=audit) as running,
    ):
        ws = await running.dial()
        await rfb_handshake(ws)
        for name in ("sessions", "session", "end_session"):
            monkeypatch.setattr(MemoryState, name, away)
        status, body = await ask(running, "GET", "/sessions")
        assert (status, body["state"]) == (200, "away")
        (session,) = body["sessions"]
        assert (await ask(running, "GET", f"/sessions/{session['id']}"))[0] == 200
        assert (await ask(running, "GET", "/sessions/far"))[0] == 503
        again = await running.dial("lab/vm2")
        await rfb_handshake(again)
        for browser, path in ((ws, f"/sessions/{session['id']}"), (again, "/sessions?console=lab/vm2")):
            status, problem = await ask(running, "DELETE", path)
            assert (status, problem["name"]) == (503, "state_away")
            assert await asyncio.wait_for(ending(browser), 20) == (4410, "ended_by_admin")
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [line["outcome"] for line in lines if line["act"] == "session_end_asked"] == ["state_away", "state_away"]
