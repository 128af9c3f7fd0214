"""Chromium without playwright, which switches prerendering off: a tab, its DevTools protocol, and little else."""

import asyncio
import contextlib
import itertools
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from support.components import program
from support.page import CHROMIUM_FLAGS
from support.programs import eventually, running


class BareTab:
    """A tab of its own browser. Attached as a tab, not as a page: else nothing would be prerendered in it either.

    `pages`: DevTools' sessions of those in it, the one that is seen first.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.pages: list[str] = []

    async def listen(self) -> None:
        """Take in what the browser says, until it is gone."""
        async for message in self._socket:
            said = json.loads(message.data)
            if said.get("id") in self._answers:
                self._answers.pop(said["id"]).set_result(said)
            elif said.get("method") == "Target.attachedToTarget":
                if said["params"]["targetInfo"]["type"] == "page":
                    self.pages.append(said["params"]["sessionId"])
            elif said.get("method") == "Target.detachedFromTarget":
                with contextlib.suppress(ValueError):
                    self.pages.remove(said["params"]["sessionId"])

    async def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Ask the browser, or one page of it."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        await self._socket.send_json(message)
        said = await asyncio.wait_for(answer, 15)
        assert "result" in said, said
        result: dict[str, Any] = said["result"]
        return result

    async def open(self, url: str) -> None:
        """Begin a tab at `url`, whose Content-Security-Policy holds no script of ours off."""
        tab = await self.call("Target.createTarget", url="about:blank", forTab=True)
        session = await self.call("Target.attachToTarget", targetId=tab["targetId"], flatten=True)
        attach = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": True}
        await self.call("Target.setAutoAttach", session["sessionId"], **attach)
        await eventually(lambda: bool(self.pages), what="the tab's page")
        await self.call("Page.setBypassCSP", self.pages[0], enabled=True)
        await self.call("Page.navigate", self.pages[0], url=url)

    async def evaluate(self, script: str) -> Any:
        """What `script` gives on the page that is seen: the oldest, until a prerendered one takes its place."""
        result = await self.call("Runtime.evaluate", self.pages[0], expression=script, returnByValue=True)
        return result["result"].get("value")


@contextlib.asynccontextmanager
async def bare_tab(directory: Path) -> AsyncIterator[BareTab]:
    """A browser with a profile in `directory`."""
    argv = [program("chromium") or "", "--headless=new", *CHROMIUM_FLAGS, "--remote-debugging-port=0"]
    argv += [f"--user-data-dir={directory}/profile", "about:blank"]
    async with running("chromium", argv, logs=directory, within=30) as process:
        where = re.compile(r"ws://\S+")
        await eventually(lambda: where.search(process.output()) is not None, within=30, what="DevTools")
        found = where.search(process.output())
        assert found is not None
        async with aiohttp.ClientSession() as http, http.ws_connect(found[0], max_msg_size=0) as socket:
            tab = BareTab(socket)
            listening = asyncio.create_task(tab.listen())
            try:
                yield tab
            finally:
                listening.cancel()
                await asyncio.wait([listening])
