"""The story of a ticket in the audit, from its minting to the end of its session; and who was not let in, and why."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
from support.audit import chained, lines_of
from support.inprocess import API_KEY, Site, ending, rfb_handshake, site
from support.scripted_server import ScriptedServer, idle

KEY = {"Authorization": f"Bearer {API_KEY}"}
ORDER = {
    "console": "lab/vm",
    "user": "ana",
    "reference": "CHG-17",
    "rights": {"control": True, "clipboard": "none", "power": False, "takeover": False},
}
TICKETS: dict[str, Any] = {"access": {"mode": "ticket"}}


async def mint(at: Site, order: dict[str, Any] = ORDER) -> dict[str, Any]:
    async with at.http.post(f"{at.admin}/api/v1/tickets", headers=KEY, json=order) as answer:
        assert answer.status == 201
        body: dict[str, Any] = await answer.json()
        return body


async def trade(at: Site, token: str | None, console: str = "lab/vm") -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with at.http.post(f"{at.url}/grant/{console}", headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


def told(path: Path, *acts: str) -> list[dict[str, Any]]:
    return [line for line in chained(lines_of(path)) if line["act"] in acts]


def values(lines: Sequence[dict[str, Any]], name: str) -> list[Any]:
    return [line.get(name) for line in lines]


async def test_one_id_leads_from_the_minting_of_a_ticket_to_who_ended_its_session(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = {"target": "file", "file": path}
    async with ScriptedServer(idle).running() as server, site({"vm": server.url}, audit=audit, **TICKETS) as at:
        minted = await mint(at)
        _, body = await trade(at, minted["ticket"])
        ws = await at.dial(f"lab/vm?ticket={body['ticket']}")
        await rfb_handshake(ws)
        async with at.http.delete(f"{at.admin}/api/v1/sessions/{body['session']}", headers=KEY) as answer:
            assert answer.status == 204
        assert await ending(ws) == (4410, "ended_by_admin")
        status, _ = await trade(at, body["resume"])
        assert status == 401
    story = told(path, "ticket_minted", "ticket_redeemed", "session_opened", "session_ended")
    assert values(story, "act") == ["ticket_minted", "ticket_redeemed", "session_opened", "session_ended"]
    assert values(story, "actor") == ["test", "ana", "ana", "ana"]
    assert set(values(story, "grant")) == {minted["id"]}
    assert values(story, "session") == [None, *[body["session"]] * 3]
    assert set(values(story, "reference")) == {"CHG-17"}
    assert set(values(story, "source")) == {"127.0.0.1"}
    assert values(story, "rights") == [ORDER["rights"]] * 4
    assert story[0]["user"] == "ana"
    assert (story[-1]["outcome"], story[-1]["by"]) == ("ended_by_admin", "test")
    assert values(told(path, "ticket_refused"), "why") == ["ended_by_admin"]


async def test_who_is_not_let_in_is_told_with_the_reason_that_the_caller_does_not_learn(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = {"target": "file", "file": path}
    consoles = {"vm": "tcp://127.0.0.1:9", "other": "tcp://127.0.0.1:9"}
    async with site(consoles, audit=audit, **TICKETS) as at:
        minted = await mint(at)
        ticket = minted["ticket"]
        answers = [
            await trade(at, None),
            await trade(at, "nobody-made-this"),
            await trade(at, ticket, "lab/other"),
            await trade(at, ticket),
            await trade(at, (await mint(at, ORDER | {"source": "10.0.0.0/8"}))["ticket"]),
        ]
        for key in ({}, {"Authorization": "Bearer wrong-key-wrong-key"}):
            async with at.http.get(f"{at.admin}/api/v1/sessions", headers=key) as answer:
                assert answer.status == 401
    assert [status for status, _ in answers] == [401] * 5
    assert len({str(body) for _, body in answers}) == 1, "one answer for all"
    refused = told(path, "ticket_refused")
    assert values(refused, "why") == ["missing", "unknown_or_used", "wrong_console", "unknown_or_used", "wrong_source"]
    assert values(refused, "console") == ["lab/vm", "lab/vm", "lab/other", "lab/vm", "lab/vm"]
    assert values(refused, "grant")[:4] == [None, None, minted["id"], minted["id"]], "whose link was tried again"
    assert set(values(refused, "outcome")) == {"unauthenticated"}
    assert values(told(path, "api_refused"), "outcome") == ["unauthenticated"] * 2
    assert "wrong-key" not in path.read_text()


async def test_of_fifty_who_race_for_one_ticket_one_is_told_as_let_in(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with site({"vm": "tcp://127.0.0.1:9"}, audit={"target": "file", "file": path}, **TICKETS) as at:
        ticket = (await mint(at))["ticket"]
        await asyncio.gather(*(trade(at, ticket) for _ in range(50)))
    assert len(told(path, "ticket_redeemed")) == 1
    assert len(told(path, "ticket_refused")) == 49


async def test_a_ticket_that_is_not_told_of_is_not_handed_out(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with site({"vm": "tcp://127.0.0.1:9"}, audit={"target": "file", "file": path}, **TICKETS) as at:
        path.unlink()
        path.mkdir()
        async with at.http.post(f"{at.admin}/api/v1/tickets", headers=KEY, json=ORDER) as answer:
            assert (answer.status, (await answer.json())["name"]) == (503, "audit_away")
        async with aiohttp.ClientSession() as probe, probe.get(f"{at.url}/readyz") as answer:
            assert answer.status == 200  # sessions live on: no balancer is to cut them
        path.rmdir()
        await mint(at)


async def test_a_voided_ticket_is_told(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with site({"vm": "tcp://127.0.0.1:9"}, audit={"target": "file", "file": path}, **TICKETS) as at:
        minted = await mint(at)
        async with at.http.delete(f"{at.admin}/api/v1/tickets/{minted['id']}", headers=KEY) as answer:
            assert answer.status == 204
    (line,) = told(path, "ticket_voided")
    assert (line["grant"], line["actor"], line["user"]) == (minted["id"], "test", "ana")


async def test_who_is_known_and_may_not_is_named(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    tables = {
        "access": {"mode": "proxy_header"},
        "audit": {"target": "file", "file": path},
        "listen": {"trusted_proxies": ["127.0.0.1"]},
    }
    async with (
        site({"vm": "tcp://127.0.0.1:9"}, **tables) as at,
        at.http.post(f"{at.url}/grant/lab/vm", headers={"X-Remote-User": "ana"}) as answer,
    ):
        assert answer.status == 403
    (refused,) = told(path, "ticket_refused")
    assert (refused["actor"], refused["outcome"], refused["why"]) == ("ana", "forbidden", "wrong_console")
