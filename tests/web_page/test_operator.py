"""The operator's page, of the real gateway's admin listener: sessions live, and the button that ends one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from support.inprocess import API_KEY, Site, ending, rfb_handshake, site
from support.programs import eventually
from support.scripted_server import ScriptedServer, idle

MARKUP = '<img src="x" onerror="document.title=1">'


@pytest_asyncio.fixture(loop_scope="session")
async def running() -> AsyncIterator[Site]:
    async with (
        ScriptedServer(idle).running() as server,
        site({"vm": server.url, "vm2": server.url}, access={"mode": "ticket"}) as started,
    ):
        yield started


@contextlib.asynccontextmanager
async def session(running: Site, console: str = "lab/vm", user: str = "ana", **more: Any) -> AsyncIterator[Any]:
    """An open session; gives its browser's WebSocket."""
    order = {"console": console, "user": user} | more
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with running.http.post(f"{running.admin}/api/v1/tickets", json=order, headers=headers) as answer:
        ticket = (await answer.json())["ticket"]
    ws = await running.dial(f"{console}?ticket={ticket}")
    await rfb_handshake(ws)
    yield ws
    await ws.close()


async def signed_in(page: Any, running: Site) -> None:
    await page.goto(running.admin)
    await page.fill("#key", API_KEY)
    await page.click("text=Show sessions")
    await page.wait_for_selector("#list:not([hidden])")


async def rows(page: Any) -> list[str]:
    texts: list[str] = await page.locator("#rows tr:visible td:first-child b").all_inner_texts()
    return texts


async def test_the_page_asks_for_a_key_and_keeps_it_in_its_tab_alone(running, page):
    await page.goto(running.admin)
    await page.fill("#key", "wrong")
    await page.keyboard.press("Enter")
    await eventually(lambda: _says(page, "#ask-note", "This key is not known."))
    assert await page.evaluate("sessionStorage.length") == 0
    await signed_in(page, running)
    assert await page.inner_text("#none") == "No session is open."
    await page.reload()
    await page.wait_for_selector("#list:not([hidden])")
    assert await page.evaluate("[localStorage.length, sessionStorage.length, location.href]") == [
        0,
        1,
        running.admin + "/",
    ]
    await page.click("text=Forget the key")
    assert await page.is_visible("#key")
    assert await page.evaluate("sessionStorage.length") == 0


async def test_sessions_come_and_go_by_themselves_and_can_be_looked_for(running, page):
    await signed_in(page, running)
    async with session(running, reference="CHG-17"), session(running, "lab/vm2", "bob"):
        await eventually(lambda: _are(page, ["lab/vm2", "lab/vm"]))
        assert await page.inner_text("#count") == "2"
        await page.fill("#filter", "chg-17")
        assert await rows(page) == ["lab/vm"]
        await page.fill("#filter", "nobody")
        assert await page.inner_text("#none") == "No session has this text."
        await page.fill("#filter", "")
    await eventually(lambda: _are(page, []))


async def test_a_session_ends_once_somebody_is_sure(running, page):
    async with session(running) as ws, session(running, "lab/vm2", "bob") as other:
        await signed_in(page, running)
        await page.click("[aria-label='End the session of ana at lab/vm']")
        assert (await page.inner_text("#sure-who")).startswith("ana at lab/vm, open for ")
        await page.click("text=Cancel")
        assert not await page.is_visible("#sure")
        await page.click("[aria-label='End the session of ana at lab/vm']")
        await page.click("#sure-yes")
        assert await asyncio.wait_for(ending(ws), 20) == (4410, "ended_by_admin")
        await eventually(lambda: _are(page, ["lab/vm2"]))
        assert not await page.is_visible("#sure")
        assert not other.closed


async def test_no_name_becomes_markup(running, page):
    async with session(running, user=MARKUP, reference=MARKUP):
        await signed_in(page, running)
        assert await page.inner_text("#rows td:nth-child(2) b") == MARKUP
        await page.click("td button")
        assert (await page.inner_text("#sure-who")).startswith(MARKUP)
        assert await page.locator("img").count() == 1, "the icon"


async def test_the_page_needs_nothing_from_elsewhere_and_is_nobodys_frame(running, page):
    seen = []
    page.on("request", lambda request: seen.append(request.url))
    await signed_in(page, running)
    assert [url for url in seen if not url.startswith(running.admin + "/")] == []
    async with running.http.get(running.admin) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert policy.endswith("frame-ancestors 'none'")
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_page_says_when_the_gateway_is_gone_and_goes_on_once_it_is_back(running, page):
    await signed_in(page, running)
    await page.route("**/api/v1/**", lambda route: route.abort())
    await eventually(lambda: _says(page, "#status", "The gateway does not answer. Trying again."))
    await page.unroute("**/api/v1/**")
    await eventually(lambda: _says(page, "#status", ""))


async def _are(page: Any, wanted: list[str]) -> bool:
    return await rows(page) == wanted


async def _says(page: Any, place: str, wanted: str) -> bool:
    text: str = await page.inner_text(place)
    return text == wanted
