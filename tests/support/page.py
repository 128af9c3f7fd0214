"""The console page in Chromium: how tests find the browser, wait for a state, and let the page's time pass."""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from support.components import program

# In a container there is no sandbox to be had, and /dev/shm is small.
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
DEADLINE = 15_000  # ms for anything the page should do

DESK: dict[str, Any] = {"viewport": {"width": 1000, "height": 700}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 780},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


@contextlib.asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """Debian's Chromium, driven by playwright."""
    async with async_playwright() as playwright:
        options = [*CHROMIUM_FLAGS, *flags]
        browser = await playwright.chromium.launch(executable_path=program("chromium"), args=options)
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def profile(browser: Browser, **options: Any) -> AsyncIterator[BrowserContext]:
    """A browser profile of its own; at its end there must be no cookie in it."""
    context = await browser.new_context(**options)
    context.set_default_timeout(DEADLINE)
    try:
        yield context
        assert await context.cookies() == []
    finally:
        await context.close()


@contextlib.asynccontextmanager
async def tab(context: BrowserContext) -> AsyncIterator[Page]:
    """A tab; fails at its end if the page threw or broke its Content-Security-Policy."""
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Security Policy" in message.text else None)
    try:
        yield page
        assert faults == []
    finally:
        await page.close()


async def state(page: Page, *wanted: str) -> str:
    """Wait until the page is in one of these states: connecting, waiting, connected, ended."""
    handle = await page.wait_for_function(
        "wanted => wanted.includes(document.body.dataset.state) && document.body.dataset.state", arg=list(wanted)
    )
    return str(await handle.json_value())


async def title(page: Page) -> str:
    """What the card says."""
    return await page.inner_text("#card-title")


async def still(page: Page) -> None:
    """Stop the page's time (its clock is installed): what it waits for comes when the test lets it."""
    await page.goto("about:blank")
    await page.clock.pause_at(time.time() + 60)


async def until_ended(page: Page, *, seconds: int, step: float = 1.0) -> None:
    """Let up to `seconds` of the page's time pass (its clock is installed), `step` at once, or less if it ends."""
    for _ in range(int(seconds / step)):
        if await state(page, "waiting", "ended", "connected") == "ended":
            return
        await page.clock.run_for(round(1000 * step))
