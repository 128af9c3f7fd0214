"""How the demo begins and ends, and what its user is told: on the terminal and in the browser."""

import asyncio
import re
import signal
import socket
from pathlib import Path

import aiohttp
from playwright.async_api import Page
from support.demo import Demo
from support.demo import demo as run_demo
from support.desktop_reading import PROMPT, Reading
from support.desktop_server import DesktopServer
from support.gateway import PROVIDER, gateway
from support.page import state, title
from support.programs import LOOPBACK, eventually, free_port

from gateway.simulator.desktop.desktop import Desktop


async def test_another_port_is_taken_where_the_wanted_one_is_in_use_and_ctrl_c_ends_it_silently(artifacts: Path):
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        async with run_demo("--port", port, logs=artifacts) as demo:
            assert demo.port != port
            said = demo.program.output()
            assert said.splitlines()[0] == f"Port {port} is in use: the demo is on {demo.port} instead."
            async with aiohttp.ClientSession() as http, http.get(demo.alibaba) as answer:
                assert answer.status == 200
            demo.program.signal(signal.SIGINT)
            assert await demo.program.wait_exit() == 0
            assert demo.program.output() == said


async def test_machines_that_are_cut_off_again_and_again_are_not_noticed(page: Page, artifacts: Path):
    async with run_demo("--port", 0, "--cut-every", 0.5, logs=artifacts) as demo:
        await page.goto(demo.huawei)
        await state(page, "connected")
        await page.evaluate("""() => { window.left = 0; new MutationObserver(() => (window.left += 1))
          .observe(document.body, { attributeFilter: ["data-state"] }); }""")
        for _ in range(10):
            await page.keyboard.type("#")
            await asyncio.sleep(0.2)

        async def typed() -> bool:
            lines = await Reading(page).terminal()
            # What is typed in the moment of a cut is dropped, never repeated.
            return re.fullmatch(rf"{PROMPT} #{{3,10}}▮", lines[-1]) is not None

        await eventually(typed)
        assert await page.evaluate("window.left") == 0, "it was connected all the time"


TITLES = """() => {
  const card = document.querySelector("#card-title");
  window.titles = [];
  const seen = new MutationObserver(() => window.titles.push(card.textContent));
  seen.observe(card, {childList: true, characterData: true, subtree: true});
}"""


async def test_the_end_of_the_gateway_is_told_and_a_new_one_is_found(page: Page, artifacts: Path):
    port = free_port()
    async with run_demo("--port", port, logs=artifacts / "first") as demo:
        await page.goto(demo.huawei)
        await state(page, "connected")
        await page.keyboard.type("echo gone")
        await Reading(page).shows(f"{PROMPT} echo gone▮")
        await page.evaluate(TITLES)
        demo.program.signal(signal.SIGTERM)
        await state(page, "waiting")
        # Two seconds later the page has tried again, found nobody, and says that.
        assert (await page.evaluate("window.titles"))[0] == "The gateway is being restarted."
        assert await page.is_visible("#last"), "the last picture stays"
        assert await demo.program.wait_exit() == 0
    async with run_demo("--port", port, logs=artifacts / "second"):
        await state(page, "connected")
        await Reading(page).shows(f"{PROMPT} ▮")
        assert await page.is_hidden("#last")


async def test_leaving_is_an_end_of_its_own(demo: Demo, page: Page):
    await page.goto(demo.huawei)
    await state(page, "connected")
    await page.click("#leave")
    await state(page, "ended")
    assert await title(page) == "The console was closed."
    for tool in ("#ctrl-alt-del", "#keys-toggle", "#leave"):
        assert await page.is_disabled(tool)
    await page.click("#text-toggle")
    for tool in ("#text-type", "#text-send"):
        assert await page.is_disabled(tool), "nothing is said to be typed that nobody gets"


async def test_a_console_that_was_mistyped(demo: Demo, page: Page):
    for address, said in {
        f"{demo.huawei}x": "There is no such machine.",
        f"{demo.base}/console/nowhere/vm": "There is no such machine.",
        f"{demo.base}/console/hangzhou/i-bp1stopped00000000a": "The machine is not running, or not ready yet.",
        f"{demo.base}/console/hangzhou/-": "This is not the address of a console.",
    }.items():
        await page.goto(address)
        await state(page, "ended", "waiting")
        assert await title(page) == said


async def test_the_landing_page_leads_to_static_consoles(page: Page, artifacts: Path):
    server = DesktopServer(Desktop("vm-on-the-shelf"))
    consoles = {"desktop": f"tcp://{LOOPBACK}:{await server.listen()}", "other": f"tcp://{LOOPBACK}:1"}
    try:
        async with gateway(consoles, logs=artifacts) as running:
            await page.goto(f"http://{LOOPBACK}:{running.port}/")
            links = page.locator("#consoles a")
            await links.first.wait_for()
            assert [await link.inner_text() for link in await links.all()] == [
                f"desktop\n{PROVIDER}",
                f"other\n{PROVIDER}",
            ]
            await links.first.click()
            await state(page, "connected")
            await page.keyboard.type("echo found")
            await Reading(page).shows(f"{PROMPT} echo found▮")
            await page.close()
            await eventually(lambda: not server.desktop.viewers)
    finally:
        for listening in server.servers:
            await listening.stop()


async def test_the_demos_landing_page_leads_to_both_consoles(demo: Demo, page: Page):
    for console in (demo.alibaba, demo.huawei):
        await page.goto(demo.base)
        await page.locator("#consoles a").nth(1).wait_for()
        await page.click(f"#consoles a[href='{console}']")
        await state(page, "connected")
        assert page.url == console
