"""Console pages, each in a tab of its own: which states it was in, and whether its picture is the machine's."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from playwright.async_api import Browser, BrowserContext, Page

from gateway.simulator.desktop.geometry import Rect
from support.desktop_reading import Reading
from support.page import profile, state, tab
from support.programs import eventually
from support.replicas.machines import Machine

T = TypeVar("T")

AT_ONCE = 4  # tabs that are opened or looked at at the same time
IN_A_PROFILE = 25  # Chromium lets a profile have 255 WebSockets, and six other connections to one host

VIEWPORT = {"width": 400, "height": 340}  # what is not seen by anybody need not be scaled up

# Also the first one, and the time of each in ms.
_WATCH = """() => {
  window.states = [];
  const note = () => window.states.push([document.body.dataset.state, performance.now()]);
  new MutationObserver(note).observe(document.body, { attributeFilter: ["data-state"] });
  note();
}"""


@dataclass(frozen=True, slots=True)
class Tab:
    """The console page of `machine`."""

    machine: Machine
    page: Page

    async def states(self) -> list[tuple[str, float]]:
        """Every state since the page was connected, with its time in seconds."""
        return [(name, at / 1000) for name, at in await self.page.evaluate("window.states")]

    async def away(self) -> list[float]:
        """How long it was not connected, each time that it came back."""
        times, left = [], None
        for name, at in await self.states():
            if name != "connected":
                left = at if left is None else left
            elif left is not None:
                times.append(at - left)
                left = None
        return times

    async def fault(self) -> str:
        """What is not as it should be while the machine stands still; "" if all is well."""
        now, _ = (await self.states())[-1]
        if now != "connected":
            return f"{now}: {await self.page.inner_text('#card-title')}"
        canvas = self.machine.desktop.canvas
        reading = Reading(self.page)
        if await reading.size() != (canvas.width, canvas.height):
            return f"has the size {await reading.size()}"
        shown = await reading.pixels(Rect(0, 0, canvas.width, canvas.height))
        own = np.frombuffer(self.machine.desktop.rgb(), np.uint8).reshape(shown.shape)
        wrong = int((shown != own).any(axis=-1).sum())
        return f"{wrong} pixels differ" if wrong else ""


async def faults(tabs: Sequence[Tab], *, within: float) -> dict[str, str]:
    """Those that are not as they should be after `within` seconds, by console."""
    left = {tab.machine.console: tab for tab in tabs}
    found: dict[str, str] = {}

    async def look(tab: Tab) -> None:
        fault = await tab.fault()
        if fault:
            found[tab.machine.console] = fault
        else:
            found.pop(tab.machine.console, None)
            del left[tab.machine.console]

    async def none_left() -> bool:
        await _few_at_once(look, list(left.values()))
        return not left

    with contextlib.suppress(AssertionError):
        await eventually(none_left, within=within)
    return found


@contextlib.asynccontextmanager
async def tabs(
    browser: Browser, machines: Sequence[Machine], link: Callable[[Machine], Awaitable[str]]
) -> AsyncIterator[list[Tab]]:
    """A tab for each machine, connected. `link` mints the address that opens one once."""
    async with contextlib.AsyncExitStack() as stack:
        opened: list[Tab] = []

        async def open_tab(context: BrowserContext, machine: Machine) -> None:
            page = await stack.enter_async_context(tab(context))
            await page.goto(await link(machine), wait_until="domcontentloaded")
            await state(page, "connected")
            await page.evaluate(_WATCH)
            opened.append(Tab(machine, page))

        for first in range(0, len(machines), IN_A_PROFILE):
            context = await stack.enter_async_context(profile(browser, viewport=VIEWPORT, ignore_https_errors=True))
            context.set_default_timeout(60_000)
            await _few_at_once(functools.partial(open_tab, context), machines[first : first + IN_A_PROFILE])
        yield opened


async def _few_at_once(act: Callable[[T], Awaitable[None]], each: Sequence[T]) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def one(what: T) -> None:
        async with free:
            await act(what)

    async with asyncio.TaskGroup() as group:
        for what in each:
            group.create_task(one(what))
