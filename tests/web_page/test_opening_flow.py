"""How a console is opened (product.md, "Opening a console"): Chromium, a gateway, and a bastion on another site.

A tap between browser and gateway keeps what really went over the wire: no ticket is in any request line.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from support.bastion import Bastion
from support.desktop_server import DesktopServer
from support.gateway import Gateway, gateway
from support.inprocess import API_KEY, API_KEY_HASH
from support.programs import LOOPBACK, eventually
from support.servers.address import Address
from support.tap import Tap, tapped

from gateway.simulator.desktop.desktop import Desktop

RESUME = """() => Object.entries(sessionStorage).filter(([key]) => key.startsWith("vnc-gateway:resume:"))[0]?.[1]"""
CONSOLES = ["link", "reload", "second", "frame", "blocked", "early", "used"]


@dataclass
class House:
    """A gateway in ticket mode behind `tap`, the desktop behind it, and the bastion that sends people there."""

    gateway: Gateway
    tap: Tap
    bastion: Bastion

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.tap.address.port}"

    def requests(self) -> list[str]:
        """The head of every request that browsers have sent, and nothing of what came after an upgrade."""
        sent = b"".join(bytes(connection.from_client) for connection in self.tap.connections)
        return re.findall(r"(?:GET|POST|HEAD|OPTIONS) /\S* HTTP/1\.1\r\n(?:[^\r\n]+\r\n)*\r\n", sent.decode("latin-1"))

    async def sessions(self, console: str) -> list[dict[str, Any]]:
        url = f"http://{LOOPBACK}:{self.gateway.admin_port}/api/v1/sessions"
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with aiohttp.ClientSession() as http, http.get(url, params={"console": console}, headers=headers) as got:
            rows: list[dict[str, Any]] = (await got.json())["sessions"]
            return rows


def settings(directory: Path) -> dict[str, str]:
    """What the house's gateway is configured with beside its consoles."""
    seals = directory / "seals"
    if not seals.exists():
        seals.write_bytes(Fernet.generate_key() + b"\n")
    return {
        "access": f'mode = "ticket"\nseal_keys_file = {json.dumps(str(seals))}',
        "admin": f'keys = {{ test = "{API_KEY_HASH}" }}',
        "more": '[log]\nlevel = "debug"',
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desktop() -> AsyncIterator[int]:
    server = DesktopServer(Desktop("vm"))
    try:
        yield await server.listen()
    finally:
        for listening in server.servers:
            await listening.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(desktop: int, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    logs = tmp_path_factory.mktemp("house")
    bastion = Bastion("", API_KEY)
    async with bastion.running(), tapped(Address(9)) as tap:
        env = {
            "VNC_GATEWAY_LISTEN__PUBLIC_URL": f"http://{LOOPBACK}:{tap.address.port}",
            "VNC_GATEWAY_LISTEN__EMBED_ORIGINS": bastion.url,
        }
        consoles = dict.fromkeys(CONSOLES, f"tcp://{LOOPBACK}:{desktop}")
        async with gateway(consoles, logs=logs, env=env, **settings(logs)) as running:
            tap.aim(Address(running.port))
            bastion.aim(f"http://{LOOPBACK}:{running.admin_port}")
            yield House(running, tap, bastion)


async def shown(page, *wanted: str) -> str:
    from support.page import state

    return await state(page, *wanted)


async def test_a_link_on_another_site_opens_a_console_and_its_ticket_is_in_no_request_line(house: House, page) -> None:
    await page.goto(f"{house.bastion.url}/link/lab/link")
    await page.click("a")
    await shown(page, "connected")
    assert page.url == f"{house.url}/console/lab/link"
    ticket, resume = house.bastion.tickets[-1], await page.evaluate(RESUME)
    assert [(row["user"], row["console"]) for row in await house.sessions("lab/link")] == [("ana", "lab/link")]

    heads = house.requests()
    bearing = [head for head in heads if ticket in head]
    assert len(bearing) == 1
    assert re.findall(r"(?m)^.*" + re.escape(ticket), bearing[0])[0] == f"Authorization: Bearer {ticket}"
    assert all(resume not in head for head in heads)
    assert not any(re.search(r"(?im)^cookie:", head) for head in heads)

    socket = next(head for head in heads if head.startswith("GET /ws/lab/link"))
    for secret in (ticket, resume, re.findall(r"ticket=([^& ]+)", socket)[0]):
        assert secret not in house.gateway.process.output()
    assert "session.open" in house.gateway.process.output()  # the log is there, and tells much


async def test_a_reload_returns_to_the_same_session(house: House, page) -> None:
    await page.goto(f"{house.bastion.url}/open/lab/reload")
    await shown(page, "connected")
    [before] = await house.sessions("lab/reload")
    await page.reload()
    await shown(page, "connected")
    await eventually(lambda: _one(house, "lab/reload", before["id"]), what="the one session, again")
    assert page.url == f"{house.url}/console/lab/reload"


async def _one(house: House, console: str, session: str) -> bool:
    return [row["id"] for row in await house.sessions(console)] == [session]


async def test_a_second_tab_without_a_ticket_is_refused_and_the_first_goes_on(house: House, page, desk) -> None:
    await page.goto(f"{house.bastion.url}/open/lab/second")
    await shown(page, "connected")
    second = await desk.new_page()
    async with second.expect_response(lambda response: "/grant/" in response.url) as answered:
        await second.goto(page.url)
    assert (await answered.value).status == 401
    await shown(second, "ended")
    await second.close()
    assert await shown(page, "connected", "ended") == "connected"


async def test_a_link_that_was_used_opens_nothing_more(house: House, page, desk) -> None:
    minted = await house.bastion.mint("lab/used")
    await page.goto(minted["url"])
    await shown(page, "connected")
    thief = await desk.new_page()
    async with thief.expect_response(lambda response: "/grant/" in response.url) as answered:
        await thief.goto(minted["url"])
    assert (await answered.value).status == 401
    await shown(thief, "ended")
    await thief.close()


async def test_a_frame_of_another_site_opens_a_console_and_comes_back_to_it(
    house: House, browser, tmp_path: Path
) -> None:
    from support.bare_chromium import bare_tab

    async with bare_tab(tmp_path) as tab:  # playwright's would have storage that is not kept apart by site
        await tab.open(f"{house.bastion.url}/frame/lab/frame")
        await eventually(lambda: _open(house, "lab/frame"), within=20, what="a session in the frame")
        [before] = await house.sessions("lab/frame")
        await tab.evaluate(f"document.querySelector('iframe').src = '{house.url}/console/lab/frame'")
        await eventually(lambda: _grants(house, "lab/frame") == 2, what="a return")
        await eventually(lambda: _open(house, "lab/frame"), within=20, what="a session in the frame again")
        assert [row["id"] for row in await house.sessions("lab/frame")] == [before["id"]]


async def test_a_frame_without_storage_opens_a_console_too(house: House, page) -> None:
    await page.goto(f"{house.bastion.url}/frame/lab/blocked")
    element = await page.wait_for_selector("iframe")
    frame = await element.content_frame()
    await shown(frame, "connected")
    assert await frame.evaluate("(() => { try { return !sessionStorage; } catch { return true; } })()")


async def _open(house: House, console: str) -> bool:
    return [row["state"] for row in await house.sessions(console)] == ["open"]


def _grants(house: House, console: str) -> int:
    return sum(head.startswith(f"POST /grant/{console} ") for head in house.requests())


SPECULATE = """(() => {
  const script = document.createElement("script");
  script.type = "speculationrules";
  script.text = JSON.stringify({prerender: [{urls: [%s], eagerness: "immediate"}]});
  document.head.append(script);
})()"""


async def test_a_prerendered_console_leaves_its_ticket_alone_until_somebody_looks(
    house: House, browser, tmp_path: Path
) -> None:
    from support.bare_chromium import bare_tab

    minted = await house.bastion.mint("lab/early")
    async with bare_tab(tmp_path) as tab:
        await tab.open(house.url + "/")
        await eventually(lambda: _shows(tab, "document.readyState", "complete"))
        await tab.evaluate(SPECULATE % json.dumps(minted["url"]))
        await eventually(lambda: len(tab.pages) == 2, what="a prerendering")
        hidden = tab.pages[1]
        await eventually(lambda: _hidden_has_taken_its_ticket(tab, hidden), what="the page, prerendered")
        await asyncio.sleep(0.5)  # nothing to wait for: nothing must happen
        assert not any(minted["ticket"] in head for head in house.requests())
        await tab.evaluate(f"location.href = {json.dumps(minted['url'])}")
        await eventually(lambda: tab.pages == [hidden], what="the prerendered page, seen")
        await eventually(lambda: _shows(tab, "document.body.dataset.state", "connected"), within=20)
        assert await tab.evaluate("location.href") == f"{house.url}/console/lab/early"
        assert await tab.evaluate("performance.getEntriesByType('navigation')[0].activationStart > 0")
    assert sum(minted["ticket"] in head for head in house.requests()) == 1


async def _shows(tab: Any, script: str, wanted: str) -> bool:
    return await tab.evaluate(script) == wanted


async def _hidden_has_taken_its_ticket(tab: Any, session: str) -> bool:
    script = "document.prerendering && location.pathname == '/console/lab/early' && location.hash == ''"
    result = await tab.call("Runtime.evaluate", session, expression=script, returnByValue=True)
    return result["result"].get("value") is True


async def test_a_tab_returns_by_itself_after_the_gateway_restarts(desktop: int, page, tmp_path: Path) -> None:
    bastion = Bastion("", API_KEY)
    consoles = {"restart": f"tcp://{LOOPBACK}:{desktop}"}
    async with bastion.running(), tapped(Address(9)) as tap:
        env = {"VNC_GATEWAY_LISTEN__PUBLIC_URL": f"http://{LOOPBACK}:{tap.address.port}"}

        async with gateway(consoles, logs=tmp_path / "one", env=env, **settings(tmp_path)) as running:
            tap.aim(Address(running.port))
            bastion.aim(f"http://{LOOPBACK}:{running.admin_port}")
            await page.goto(f"{bastion.url}/open/lab/restart")
            await shown(page, "connected")
            [before] = await House(running, tap, bastion).sessions("lab/restart")
        await shown(page, "waiting", "connecting")

        async with gateway(consoles, logs=tmp_path / "two", env=env, **settings(tmp_path)) as again:
            tap.aim(Address(again.port))
            house = House(again, tap, bastion)
            await eventually(lambda: _one(house, "lab/restart", before["id"]), within=30, what="a return")
            await shown(page, "connected")
    assert len(bastion.tickets) == 1
