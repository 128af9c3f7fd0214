"""The configuration changes under open consoles: what can be taken over is, the rest is told, and nobody is cut off."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs
from support.fake_api import FakeApi, Reply
from support.inprocess import API_KEY, Site, ending, read, rfb_handshake
from support.issuer import AUDIENCE, ISSUER, Issuer, new_key, signed
from support.programs import eventually
from support.reloaded import configuration, reloadable, toml
from support.scripted_server import Connection, ScriptedServer

from gateway.app import reloading as module
from gateway.app.reloading import reloading
from gateway.app.wiring import running
from gateway.config.source import Source

BELL = b"\x02"
OTHER_KEY = "another-key"
OTHER_HASH = "sha256:" + "3b23e1b8d7d6d2d5d2c1ce8d5c9e1d1f0e6e0c0a0b0c0d0e0f00112233445566"


async def _says_who(connection: Connection) -> None:
    await connection.handshake()
    await connection.send(BELL)
    while await connection.reader.read(65536):
        pass


async def test_a_session_goes_on_and_its_next_dial_goes_where_the_new_configuration_says(tmp_path: Path):
    old, new = ScriptedServer(_says_who), ScriptedServer(_says_who)
    async with old.running(), new.running():
        before = configuration(tmp_path, {"vm": old.url})
        async with reloadable(tmp_path, before) as here:
            ws = await here.site.dial()
            await rfb_handshake(ws)
            assert await read(ws, 1) == BELL
            said = await here.goes_over_to(configuration(tmp_path, {"vm": new.url}))
            assert [line["event"] for line in said] == ["configuration.reloaded"]
            assert said[0]["changed"] == ["providers.lab.consoles.vm.url"]
            assert new.connections == 0
            old.drop_all()
            assert await read(ws, 1) == BELL
            assert new.connections == 1
            assert here.audited() == [("done", "signal")]
            assert await here.site.metric("vnc_gateway_reloads_total", outcome="done") == 1
            await ws.close()


async def test_providers_come_and_go_and_who_is_at_one_that_is_gone_stays(tmp_path: Path):
    server, back = ScriptedServer(_says_who), ScriptedServer(_says_who)
    async with server.running():
        before = configuration(tmp_path, {"vm": server.url})
        after = configuration(tmp_path, {"vm": server.url})
        after["providers"] = {"other": {"type": "static", "consoles": {"vm": server.url}}}
        async with reloadable(tmp_path, before) as here:
            ws = await here.site.dial()
            await rfb_handshake(ws)
            assert await read(ws, 1) == BELL
            await here.goes_over_to(after)
            server.drop_all()
            assert await read(ws, 1) == BELL
            other = await here.site.dial("other/vm")
            await rfb_handshake(other)
            with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
                await here.site.dial("lab/vm")
            async with here.site.http.get(f"{here.site.url}/consoles") as answer:
                assert (await answer.json())["consoles"] == ["other/vm"]
            async with back.running():  # it is there again, elsewhere: for those who stayed, too
                await here.goes_over_to(configuration(tmp_path, {"vm": back.url}))
                server.drop_all()
                assert await read(ws, 1) == BELL
                assert back.connections == 1
            await ws.close()
            await other.close()


async def test_a_key_that_the_cloud_rejected_is_not_tried_again(tmp_path: Path):
    async with FakeApi(Reply({"Code": "SignatureDoesNotMatch"}, status=403)) as api:
        cloud = {"type": "alibaba", "region": "r-1", "credentials": "prod", "endpoint": api.endpoint}
        key = {"source": "static", "access_key": "AK", "secret_key": "SK"}
        tables = configuration(tmp_path, {}) | {"providers": {"ali": cloud}, "credentials": {"prod": key}}
        async with reloadable(tmp_path, tables) as here:
            for region in ("r-2", "r-3"):
                ws = await here.site.dial("ali/i-1")
                assert await ending(ws) == (4503, "cloud_refused")
                assert len(api.seen) == 1
                await here.goes_over_to(tables | {"providers": {"ali": cloud | {"region": region}}})


async def test_limits_keys_and_origins_count_from_then_on(tmp_path: Path):
    server = ScriptedServer(_says_who)
    async with server.running():
        before = configuration(tmp_path, {"vm": server.url, "vm2": server.url})
        after = configuration(
            tmp_path,
            {"vm": server.url, "vm2": server.url},
            admin={"keys": {"other": OTHER_HASH}, "metrics_open": False},
            listen={"allowed_origins": ["https://portal.example.com"], "embed_origins": ["https://portal.example.com"]},
            limits={"sessions": 1},
        )
        async with reloadable(tmp_path, before) as here:
            ws = await here.site.dial()
            await rfb_handshake(ws)
            sessions = f"{here.site.admin}/api/v1/sessions"
            key = {"Authorization": f"Bearer {API_KEY}"}
            async with here.site.http.get(sessions, headers=key) as answer:
                assert answer.status == 200
            await here.goes_over_to(after)
            async with here.site.http.get(sessions, headers=key) as answer:
                assert answer.status == 401
            async with here.site.http.get(f"{here.site.admin}/metrics") as answer:
                assert answer.status == 401
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await here.site.dial("lab/vm2")
            origin = {"Origin": "https://portal.example.com"}
            async with here.site.http.options(f"{here.site.url}/grant/lab/vm", headers=origin) as answer:
                assert answer.status == 204
            async with here.site.http.get(f"{here.site.url}/console/lab/vm") as answer:
                assert "frame-ancestors https://portal.example.com" in answer.headers["Content-Security-Policy"]
                assert "https://portal.example.com" in await answer.text()
            await ws.close()


async def test_what_needs_a_restart_is_told_key_by_key_and_the_rest_is_taken(tmp_path: Path):
    before = configuration(tmp_path, {"vm": "tcp://127.0.0.1:1"})
    after = configuration(
        tmp_path, {"vm": "tcp://127.0.0.1:1"}, listen={"port": 1}, admin={"metrics_port": 2}, limits={"per_user": 3}
    )
    async with reloadable(tmp_path, before) as here:
        for changed in (["limits.per_user"], []):
            done, waits = await here.goes_over_to(after)
            assert done["changed"] == changed
            assert waits["event"] == "configuration.needs_restart"
            assert waits["faults"] == ["listen.port: needs a restart", "admin.metrics_port: needs a restart"]
            assert waits["log_level"] == "warning"
        assert here.site.gateway.following.settings.listen.port == 0


@pytest.mark.parametrize("only_building_shows", [False, True])
async def test_with_a_fault_nothing_changes_and_all_of_them_are_told(tmp_path: Path, only_building_shows: bool):
    before = configuration(tmp_path, {"vm": "tcp://127.0.0.1:1"})
    after = configuration(tmp_path, {"new": "tcp://127.0.0.1:2"}, admin={"keys": {"other": OTHER_HASH}})
    if only_building_shows:
        cloud = {"type": "alibaba", "region": "cn-hangzhou", "credentials": "nobody"}
        after["credentials"] = {"nobody": {"source": "env", "prefix": "NOBODY_"}}
        after["providers"] |= {"ali": cloud, "link": {"type": "static", "consoles": {"x": "tcp://169.254.169.254:1"}}}
        places = ["credentials.nobody", "providers.link.consoles.x"]
    else:
        after["limits"] = {"duration": -1}
        after["keepalive"] = {"methd": "auto"}
        places = ["limits.duration", "keepalive.methd"]
    async with reloadable(tmp_path, before) as here:
        settings = here.site.gateway.following.settings
        (told,) = await here.goes_over_to(after)
        assert (told["event"], told["log_level"]) == ("configuration.not_reloaded", "error")
        assert sorted(fault.partition(":")[0] for fault in told["faults"]) == sorted(places)
        assert here.site.gateway.following.settings is settings
        assert here.audited() == [("failed", "signal")]
        assert await here.site.metric("vnc_gateway_reloads_total", outcome="failed") == 1
        key = {"Authorization": f"Bearer {API_KEY}"}
        async with here.site.http.get(f"{here.site.admin}/api/v1/sessions", headers=key) as answer:
            assert answer.status == 200
        async with here.site.http.get(f"{here.site.url}/consoles") as answer:
            assert (await answer.json())["consoles"] == ["lab/vm"]


async def _granted(site: Site, bearer: str | None) -> tuple[int, str]:
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    async with site.http.post(f"{site.url}/grant/lab/vm", headers=headers) as answer:
        return answer.status, (await answer.json()).get("resume", "")


async def _minted(site: Site) -> str:
    order, key = {"console": "lab/vm", "user": "ana"}, {"Authorization": f"Bearer {API_KEY}"}
    async with site.http.post(f"{site.admin}/api/v1/tickets", json=order, headers=key) as answer:
        ticket: str = (await answer.json())["ticket"]
        return ticket


async def test_who_came_in_may_return_over_a_rotation_of_the_seal(tmp_path: Path):
    seal = tmp_path / "seal"
    one, two = "1" * 64 + "\n", "2" * 64 + "\n"
    seal.write_text(one)
    access = {"mode": "ticket", "seal_keys_file": str(seal)}
    tables = configuration(tmp_path, {"vm": "tcp://127.0.0.1:1"}, access=access)
    async with reloadable(tmp_path, tables) as here:
        _, by_one = await _granted(here.site, await _minted(here.site))
        seal.write_text(two + one)
        (done,) = await here.goes_over_to(tables)
        assert done["changed"] == ["access.seal_keys"]
        status, by_two = await _granted(here.site, by_one)
        assert status == 200
        seal.write_text(two)
        await here.goes_over_to(tables)
        assert (await _granted(here.site, by_two))[0] == 200
        assert (await _granted(here.site, by_one))[0] == 401


async def test_a_gateway_without_seal_keys_goes_on_with_its_own(tmp_path: Path):
    tables = configuration(tmp_path, {"vm": "tcp://127.0.0.1:1"}, access={"mode": "ticket", "grant_ttl": 100})
    async with reloadable(tmp_path, tables) as here:
        ticket = await _minted(here.site)
        _, resume = await _granted(here.site, ticket)
        await here.goes_over_to(tables | {"access": {"mode": "ticket", "grant_ttl": 50}})
        assert (await _granted(here.site, resume))[0] == 200
        assert (await _granted(here.site, ticket))[0] == 401


async def test_an_issuers_keys_are_known_still_while_it_is_away(tmp_path: Path):
    key = new_key("ES256", "one")
    async with Issuer(key).running() as issuer:
        jwt = {"jwks_url": issuer.url, "issuer": ISSUER, "audience": AUDIENCE}
        access = {"mode": "jwt", "jwt": jwt}
        tables = configuration(tmp_path, {"vm": "tcp://127.0.0.1:1"}, access=access)
        async with reloadable(tmp_path, tables) as here:
            assert (await _granted(here.site, signed(key)))[0] == 200
            issuer.answer = {"status": 500}
            other = access | {"jwt": jwt | {"user_claim": "email"}}
            (done,) = await here.goes_over_to(tables | {"access": other})
            assert done["changed"] == ["access.jwt.user_claim"]
            assert (await _granted(here.site, signed(key, email="bob")))[0] == 200
            assert issuer.asked == 1
            elsewhere = access | {"jwt": jwt | {"jwks_url": f"{issuer.url}?2"}}
            await here.goes_over_to(tables | {"access": elsewhere})
            assert (await _granted(here.site, signed(key)))[0] == 401
            assert issuer.asked == 2


async def test_a_file_that_changes_is_read_once_it_has_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "POLL", 0.02)
    monkeypatch.setattr(module, "SETTLED", 0.2)
    path = tmp_path / "gateway.toml"
    tables = configuration(tmp_path, {"vm": "tcp://127.0.0.1:1"})
    path.write_text(toml(tables))
    source = Source(path, {})
    heard: list[str] = []
    async with (
        running(source.read()) as gateway,
        reloading(gateway, source, lambda: heard.append("begun"), lambda: heard.append("over")),
    ):
        whole = toml(tables | {"limits": {"sessions": 7}})
        for end in range(0, len(whole), 40):  # as a slow editor writes: what is there is never whole, but often valid
            path.write_text(whole[:end])
            await asyncio.sleep(0.01)
        path.write_text(whole)
        await eventually(lambda: gateway.following.settings.limits.sessions == 7)
        await asyncio.sleep(0.1)
    assert heard == ["begun", "over"]


async def test_a_bug_in_a_reload_ends_neither_the_gateway_nor_its_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tables = configuration(tmp_path, {"vm": "tcp://127.0.0.1:1"})
    async with reloadable(tmp_path, tables) as here:

        def broken() -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(here.reloader._source, "read", broken)
        watching = asyncio.create_task(here.reloader.watch())
        try:
            for _ in range(2):
                with capture_logs() as lines:
                    here.reloader.asked.set()
                    await eventually(lambda lines=lines: any(line["event"] == "configuration.bug" for line in lines))
            assert here.audited() == 2 * [("failed", "signal")]
            assert await here.site.metric("vnc_gateway_reloads_total", outcome="failed") == 2
        finally:
            watching.cancel()
